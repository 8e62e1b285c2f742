"""A function that may take so long and no longer: a user's policy may never return."""

import _thread
import ctypes
import signal
import sys
import threading
import time

# A policy that swallows the exception is told again and again.
_TELL_AGAIN_S = 0.1
_SOONEST_S = 1e-6  # of a timer, which 0 would turn off; and of a look at what another thread does


class TimeIsUp(BaseException):
    """Raised inside a function whose time is up; no Exception, as policies may catch those."""


def call_within(limit_s, function, *arguments):
    """What `function(*arguments)` returns, if it does so within `limit_s` seconds of wall-clock time.

    Raises
    ------
    TimeIsUp
        When the time is up; or when the function returns, if it could not be interrupted before, as in a
        long call of compiled code.

    Notes
    -----
    In the main thread, on systems that have it, by SIGALRM, whose handler and timer are put back; elsewhere
    by an exception set from another thread. Both act between two steps of Python code. Calls may be nested.
    A loop around an `except` that swallows whatever comes ends too in the main thread. What cannot be ended
    there is a loop that does so inside another one that does. Therefore the third Ctrl-C ends the process,
    whatever the first two have raised.
    """
    began_s = time.monotonic()
    has_alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    result = (_call_with_alarm if has_alarm else _call_watched)(limit_s, function, arguments)
    if time.monotonic() - began_s >= limit_s:
        raise TimeIsUp
    return result


def _call_with_alarm(limit_s, function, arguments):
    """The function's result, or TimeIsUp by SIGALRM."""
    armed, here = True, sys._getframe()
    times_told = 0

    def tell(number, frame):
        nonlocal times_told
        if not armed or frame is here:  # what is raised in here could leave the timer on
            return
        times_told += 1
        if times_told > 1:
            _raise_at_a_line(times_told - 2, frame, here)
        raise TimeIsUp

    trace_before = sys.gettrace()
    began_s = time.monotonic()
    left_s, again_s = signal.getitimer(signal.ITIMER_REAL)
    handler_before = signal.signal(signal.SIGALRM, tell)
    ctrl_c_before = _have_third_ctrl_c_end_it_all()
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s, _TELL_AGAIN_S)
        return function(*arguments)
    finally:
        armed = False
        if times_told > 1:
            sys.settrace(trace_before)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler_before)
        if ctrl_c_before is not None:
            signal.signal(signal.SIGINT, ctrl_c_before)
        if left_s:
            left_s = max(left_s - (time.monotonic() - began_s), _SOONEST_S)
            signal.setitimer(signal.ITIMER_REAL, left_s, again_s)


def _have_third_ctrl_c_end_it_all():
    """Pass on Ctrl-C to its handler only twice; that handler, which is to be put back, None for nothing."""
    before, times = signal.getsignal(signal.SIGINT), 0
    if not callable(before):  # it is ignored, ends the process anyhow, or is handled by other than Python
        return None

    def press(number, frame):
        nonlocal times
        times += 1
        if times > 2:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        before(number, frame)

    return signal.signal(signal.SIGINT, press)


def _raise_at_a_line(lines_before, frame, outermost):
    """Have TimeIsUp raised once more at a line that comes, after so many others, below the outermost frame.

    A timer that rings while a loop sleeps within its `try` always rings there. Of the lines after that the
    first is in the `except`, where what is raised leaves the loop unless another `try` is around; one of the
    next is outside all of them. A trace function can raise once: then Python takes it away.
    """

    def trace(_frame, event, _argument):
        nonlocal lines_before
        if event == "line":
            if lines_before == 0:
                raise TimeIsUp
            lines_before -= 1
        return trace

    while frame is not None and frame is not outermost:
        frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(trace)


def _call_watched(limit_s, function, arguments):
    """The function's result, or TimeIsUp set from another thread.

    Such an exception may come anywhere in this thread, in the midst of Python code that holds a lock: so only
    what is one step of the interpreter is used here, no Event and no Thread.join.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    is_over = has_ended = False
    wake = threading.Lock()
    wake.acquire()

    def watch():
        nonlocal has_ended
        wait_s = limit_s
        while not wake.acquire(timeout=wait_s) and not is_over:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeIsUp))
            wait_s = _TELL_AGAIN_S
        has_ended = True

    _thread.start_new_thread(watch, ())
    try:
        return function(*arguments)
    finally:
        while not has_ended:
            try:
                is_over = True
                if wake.locked():
                    wake.release()
                time.sleep(_SOONEST_S)
            except TimeIsUp:  # one that was under way
                continue
        # What was set last and has not yet been raised would be raised in the caller.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
