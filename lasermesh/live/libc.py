"""What is asked of Linux that Python 3.11 does not offer: namespaces, mounts, parents' deaths, timers."""

import contextlib
import ctypes
import os
import time

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
"""Of linux/sched.h: namespaces of mounts, of users, of processes, of the network."""

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
"""Of linux/mount.h."""

_PR_SET_PDEATHSIG, _PR_SET_TIMERSLACK, _PR_SET_CHILD_SUBREAPER = 1, 29, 36  # linux/prctl.h
_LEAST_SLACK_NS = 1  # 0 would be the default of 50 us

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


def _checked(result, *what):
    """Raise the OSError that the last call left, where it failed."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), *what)


def unshare(flags):
    """Move the calling thread into new namespaces (unshare(2)); that of processes is its children's alone."""
    _checked(_libc.unshare(ctypes.c_int(flags)))


def setns(fd, kind):
    """Move the calling thread into the namespace of a file descriptor of that kind (setns(2))."""
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)))


def mount(source, target, kind="", flags=0):
    """Mount a file system or bind a file (mount(2))."""
    done = _libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), flags, None)
    _checked(done, os.fspath(target))


def die_with_parent(signal_number):
    """Have this process sent a signal when its parent ends (prctl(2)); forgotten when credentials change."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0))


def adopt_orphans(does=True):
    """Have processes whose parent ends become children of this one, where they descend from it (prctl(2))."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, int(does), 0, 0, 0))


def timer_descriptor():
    """A timerfd by CLOCK_MONOTONIC, disarmed (timerfd_create(2), whose flags are those of open(2))."""
    fd = _libc.timerfd_create(ctypes.c_int(time.CLOCK_MONOTONIC), ctypes.c_int(os.O_NONBLOCK | os.O_CLOEXEC))
    _checked(fd, "timerfd_create")
    return fd


def queued_descriptor():
    """A file that says how long the calling thread has waited for a processor (proc(5)), None without one."""
    try:
        return os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a kernel without CONFIG_SCHED_INFO
        return None


def be_punctual():
    """Have the calling thread woken when it asks to be, and before others where that is allowed.

    Not up to 50 us later (prctl(2), PR_SET_TIMERSLACK). Of a real-time class it would be stopped for 50 ms
    of every second in which it is busy (sched(7), RT throttling), so it is only the nicest to itself.
    """
    _checked(_libc.prctl(_PR_SET_TIMERSLACK, _LEAST_SLACK_NS, 0, 0, 0))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)  # of this thread alone, as Linux has it


def monotonic_ns():
    """CLOCK_MONOTONIC, which the datapath goes by."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
