"""A function that may take so long and no longer: a user's policy may never return."""

import contextlib
import ctypes
import signal
import threading
import time

# A policy that swallows the exception is told again and again, so that a loop around its `except` ends too.
_TELL_AGAIN_S = 0.1
_SOONEST_S = 1e-6  # of a timer; none is a timer that is off


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
    """
    began_s = time.monotonic()
    has_alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _alarm(limit_s) if has_alarm else _watcher(limit_s):
        result = function(*arguments)
    if time.monotonic() - began_s >= limit_s:
        raise TimeIsUp
    return result


@contextlib.contextmanager
def _alarm(limit_s):
    """TimeIsUp by SIGALRM after so long."""
    armed = True

    def tell(number, frame):
        if armed:
            raise TimeIsUp

    began_s = time.monotonic()
    left_s, again_s = signal.getitimer(signal.ITIMER_REAL)
    handler_before = signal.signal(signal.SIGALRM, tell)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, limit_s, _TELL_AGAIN_S)
            yield
        finally:
            armed = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler_before)
        if left_s:
            left_s = max(left_s - (time.monotonic() - began_s), _SOONEST_S)
            signal.setitimer(signal.ITIMER_REAL, left_s, again_s)


@contextlib.contextmanager
def _watcher(limit_s):
    """TimeIsUp set from another thread after so long."""
    thread = ctypes.c_ulong(threading.get_ident())
    over, lock = threading.Event(), threading.Lock()

    def watch():
        wait_s = limit_s
        while not over.wait(wait_s):
            with lock:
                if not over.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeIsUp))
            wait_s = _TELL_AGAIN_S

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            with lock:
                over.set()
    finally:
        over.set()
        watcher.join()
        # What was set and has not yet been raised would be raised in the caller.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
