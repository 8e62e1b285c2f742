"""What the datapath asks of the operating system: clocks, reading, writing and waiting."""

import numpy as np

from lasermesh.compiled import inline_kernel, libc_function
from lasermesh.live.state import (
    BIN_SHIFT,
    C_DATA_ADDRESS,
    C_EPOLL,
    C_EVENT,
    C_EVENTS_ADDRESS,
    C_EVENTS_STRIDE,
    C_HEAD_ADDRESS,
    C_LOOKED_NS,
    C_ORIGIN_NS,
    C_POLLED,
    C_QUEUED_FD,
    C_TIMER,
    C_TIMES_ADDRESS,
    C_VECTORS_ADDRESS,
    EVENT_KICK,
    FIRST_KEY,
    H_FD,
    H_READY,
    H_SINCE,
    HICCUP_NS,
    HISTOGRAM_GAPS,
    MOST_EVENTS,
    N_BINS,
    N_CPU_NS,
    N_GONE_HOSTS,
    N_LOST_NS,
)
from lasermesh.packets.state import NEVER
from lasermesh.units import NONE, PS_PER_NS

clock_gettime = libc_function("clock_gettime", "int32", "int32", "int64")
read_bytes = libc_function("read", "int64", "int32", "int64", "int64")
write_bytes = libc_function("write", "int64", "int32", "int64", "int64")
write_vectors = libc_function("writev", "int64", "int32", "int64", "int32")
copy_bytes = libc_function("memcpy", "int64", "int64", "int64", "int64")
epoll_wait = libc_function("epoll_wait", "int32", "int32", "int64", "int32", "int32")
epoll_ctl = libc_function("epoll_ctl", "int32", "int32", "int32", "int32", "int64")
read_at = libc_function("pread", "int64", "int32", "int64", "int64", "int64")
timerfd_settime = libc_function("timerfd_settime", "int32", "int32", "int32", "int64", "int64")

MONOTONIC = 1
THREAD_CPU = 3
ABSOLUTE = 1
NS_PER_S = 1_000_000_000
AT_ONCE = 0
FOREVER = -1
EPOLL_CTL_DEL = 2
EPOLLERR = 0x8
EPOLLHUP = 0x10
QUEUED_BYTES = 64  # the first two of three numbers are within them
SPACE = 32  # in ASCII
ZERO_DIGIT = 48
# In `times`, in bytes: an itimerspec, and where what eventfd counts is read to.
SPEC_AT = 16
COUNT_AT = 56


@inline_kernel
def count_ns(histograms, which, ns):
    """Count a duration in a histogram."""
    key = np.float64(max(ns, 1)).view(np.int64) >> BIN_SHIFT
    histograms[which, min(max(key - FIRST_KEY, 0), N_BINS - 1)] += 1


@inline_kernel
def look(d):
    """Simulated time by the clock; counts how long it was not looked at by a thread that did not sleep."""
    c = d.control
    clock_gettime(MONOTONIC, c[C_TIMES_ADDRESS])
    ns = d.times[0] * NS_PER_S + d.times[1]
    if c[C_LOOKED_NS] != 0:
        gap = ns - c[C_LOOKED_NS]
        count_ns(d.histograms, HISTOGRAM_GAPS, gap)
        if gap > HICCUP_NS:
            c[N_LOST_NS] += gap
    c[C_LOOKED_NS] = ns
    return (ns - c[C_ORIGIN_NS]) * PS_PER_NS


@inline_kernel
def note_cpu(d):
    """Read what this thread has taken of a processor."""
    clock_gettime(THREAD_CPU, d.control[C_TIMES_ADDRESS])
    d.control[N_CPU_NS] = d.times[0] * NS_PER_S + d.times[1]


@inline_kernel
def queued_ns(d):
    """How long this thread has waited for a processor in its life, 0 if the system does not tell.

    From /proc/thread-self/schedstat: time on a processor, time in the queue for one, turns.
    """
    c = d.control
    if c[C_QUEUED_FD] == NONE:
        return np.int64(0)
    n = read_at(c[C_QUEUED_FD], c[C_HEAD_ADDRESS], QUEUED_BYTES, 0)
    k = 0
    while k < n and d.head[k] != SPACE:
        k += 1
    k += 1
    ns = np.int64(0)
    while k < n and d.head[k] != SPACE:
        ns = 10 * ns + np.int64(d.head[k]) - ZERO_DIGIT
        k += 1
    return ns


@inline_kernel
def note_events(d, n):
    """Mark hosts that have something to read; how many events there are but those of the timer.

    A host whose interface is gone is not looked at any more.
    """
    c = d.control
    found = 0
    for k in range(n):
        # An epoll_event is its events, then data that begins with the descriptor.
        at = k * c[C_EVENTS_STRIDE]
        host = d.host_of_fd[d.events[at + (1 if c[C_EVENTS_STRIDE] == 3 else 2)]]
        if host >= 0 and d.events[at] & (EPOLLERR | EPOLLHUP):
            epoll_ctl(c[C_EPOLL], EPOLL_CTL_DEL, d.hosts[host, H_FD], 0)
            d.hosts[host, H_FD] = NONE
            c[N_GONE_HOSTS] += 1
            found += 1
        elif host >= 0:
            d.hosts[host, H_READY] = 1
            if d.hosts[host, H_SINCE] == NEVER:
                d.hosts[host, H_SINCE] = c[C_POLLED]
            found += 1
        elif host == EVENT_KICK:
            read_bytes(c[C_EVENT], c[C_TIMES_ADDRESS] + COUNT_AT, 8)
            found += 1
    return found


@inline_kernel
def poll(d, now):
    """Mark hosts that have something to read at an instant that has just been; see `note_events`."""
    c = d.control
    n = epoll_wait(c[C_EPOLL], c[C_EVENTS_ADDRESS], MOST_EVENTS, AT_ONCE)
    found = note_events(d, n)
    if n < MOST_EVENTS:
        c[C_POLLED] = now
    return found


@inline_kernel
def sleep(d):
    """The same, once there is any event; what woke this thread came when it was last put in a queue."""
    c = d.control
    before_ns = queued_ns(d)
    n = epoll_wait(c[C_EPOLL], c[C_EVENTS_ADDRESS], MOST_EVENTS, FOREVER)
    c[C_LOOKED_NS] = 0
    now = look(d)
    c[C_POLLED] = now - (queued_ns(d) - before_ns) * PS_PER_NS
    return note_events(d, n)


@inline_kernel
def set_timer(d, ns):
    """Have the timer go off at an instant of CLOCK_MONOTONIC."""
    d.times[2] = 0
    d.times[3] = 0
    d.times[4] = ns // NS_PER_S
    d.times[5] = ns % NS_PER_S
    timerfd_settime(d.control[C_TIMER], ABSOLUTE, d.control[C_TIMES_ADDRESS] + SPEC_AT, 0)


@inline_kernel
def copy_data(d, to, at, n):
    """Copy bytes within `data`, to where they do not overlap."""
    copy_bytes(d.control[C_DATA_ADDRESS] + to, d.control[C_DATA_ADDRESS] + at, n)


@inline_kernel
def write_two(d, fd, address, n, more_address, more):
    """Write bytes from two places at once."""
    d.vectors[0] = address
    d.vectors[1] = n
    d.vectors[2] = more_address
    d.vectors[3] = more
    return write_vectors(fd, d.control[C_VECTORS_ADDRESS], 2)
