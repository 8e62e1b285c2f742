"""The datapath's turns: what hosts sent is put in, the engine moves on, what is due is written.

One thread goes through this by the wall clock, with the same `advance` as simulated runs. It never calls
back, returns only where Python is needed, and asks for nothing that other threads could have locked.
"""

import numpy as np

from lasermesh.compiled import hot_kernel, inline_kernel
from lasermesh.live.calling_kernels import called_at
from lasermesh.live.entry_kernels import read_hosts
from lasermesh.live.exit_kernels import take_ends, write_due
from lasermesh.live.state import (
    C_ADVANCE,
    C_LIGHT_IN,
    C_LOOKED_NS,
    C_N_DUE,
    C_N_PARKED,
    C_NOW,
    C_NOW_IS_GIVEN,
    C_ORIGIN_NS,
    C_PROMPT,
    C_READ_HOSTS,
    C_SPIN,
    C_STOP,
    C_TAKE_ENDS,
    C_TAPS_SEEN,
    H_NODE,
    HISTOGRAM_OVERSLEPT,
    N_SLEEPS,
    N_TURNS,
    PARKED_LOOK_PS,
    STOPPED,
)
from lasermesh.live.system_kernels import count_ns, look, note_cpu, poll, set_timer, sleep
from lasermesh.packets.collect_kernels import time_of_entry
from lasermesh.packets.state import (
    C_PARITY,
    C_UNFINISHED,
    C_WAKE_ROWS,
    C_WINDOW_START,
    D_END,
    D_FIRST,
    D_NEXT,
    D_WAKE,
    DONE,
    N_IN,
    N_IN_END,
    N_NEXT,
    NEVER,
    R_COUNT,
    R_POSITION,
    R_PUBLISHED,
    SHORT,
    V_DOMAIN,
    V_DOMAIN_ACTIVE,
    V_TAPS,
    V_WAKES,
)
from lasermesh.packets.window_kernels import advance
from lasermesh.units import NONE, PS_PER_NS

advance_at = called_at(advance)
read_hosts_at = called_at(read_hosts)
take_ends_at = called_at(take_ends)

ZERO = np.int64(0)
ONE = np.int64(1)
ALL_WINDOWS = np.int64(2**62)
TURNS_PER_CPU_NOTE = 1024


@inline_kernel
def first_arrival(e, node):
    """When the first of the packets on their way to a node arrives, of those that it may see; NEVER."""
    first = NEVER
    for place in range(e.nodes[node, N_IN], e.nodes[node, N_IN_END]):
        link = e.lists[place]
        if e.links[link, R_PUBLISHED] != e.links[link, R_COUNT]:
            first = min(first, time_of_entry(e.packets, e.next_chunk, e.links[link, R_POSITION], ZERO))
    return first


@inline_kernel
def next_time(e, d):
    """The earliest instant at which there may be something to write to a host.

    What arrives at a host is on its way already, or will be sent at a later event, and then light takes at
    least so long. While packets may end within the mesh and be answered there, every event counts.
    """
    c = d.control
    wake = d.heap[0, 0] if c[C_N_DUE] > 0 else NEVER
    event = NEVER
    # What was published in the last window is seen by its receivers in the next.
    parity = 1 - e.control[C_PARITY]
    first = parity * e.control[C_WAKE_ROWS]
    for k in range(first, first + e.workers[0, V_WAKES + parity]):
        domain = e.wakes[k]
        if e.domains[domain, D_WAKE + parity]:
            for row in range(e.domains[domain, D_FIRST], e.domains[domain, D_END]):
                node = e.lists[row]
                arrival = first_arrival(e, node)
                event = min(event, arrival)
                if d.host_of_node[node] != NONE:
                    wake = min(wake, arrival)
    for row in range(e.workers[0, V_DOMAIN], e.workers[0, V_DOMAIN_ACTIVE]):
        event = min(event, e.domains[e.lists[row], D_NEXT])
    for host in range(len(d.hosts)):
        node = d.hosts[host, H_NODE]
        if e.nodes[node, N_NEXT] < wake:
            wake = min(wake, first_arrival(e, node))
    light = ZERO if c[C_PROMPT] > 0 else c[C_LIGHT_IN]
    if event < NEVER - light:
        wake = min(wake, event + light)
    if c[C_N_PARKED] > 0:
        wake = min(wake, e.control[C_WINDOW_START] + PARKED_LOOK_PS)
    return wake


@inline_kernel
def take_turn(e, d, now, until):
    """Everything up to `now`, or before `until` if that is earlier. DONE or SHORT, to be called again.

    What hosts have sent enters at `now`, and the engine goes on to just behind it.
    """
    d.control[N_TURNS] += 1
    if e.control[C_UNFINISHED] == 0 and now < until:
        poll(d, now)
        if read_hosts_at(d.control[C_READ_HOSTS], e, d, now) == SHORT:
            return SHORT
    if e.control[C_UNFINISHED] != 0 or e.control[C_WINDOW_START] < min(now + 1, until):
        reached = min(now + 1, until)
        if advance_at(d.control[C_ADVANCE], e, ZERO, ONE, reached, ALL_WINDOWS) == SHORT:
            return SHORT
    if take_ends_at(d.control[C_TAKE_ENDS], e, d, now) == SHORT:
        return SHORT
    write_due(d, now)
    return DONE


@inline_kernel
def rest(e, d, until):
    """Sleep, and for the last while spin, until there may be something to do or a host has sent something."""
    c = d.control
    wake = min(until, next_time(e, d))
    now = look(d)
    if wake - now > c[C_SPIN]:
        at_ns = c[C_ORIGIN_NS] + (wake - c[C_SPIN]) // PS_PER_NS
        set_timer(d, at_ns)
        c[N_SLEEPS] += 1
        if c[C_STOP] != 0:  # the kick that comes with it may have been read in the turn
            return
        n = sleep(d)
        now = look(d)
        if n > 0:
            return
        count_ns(d.histograms, HISTOGRAM_OVERSLEPT, c[C_LOOKED_NS] - at_ns)
    while now < wake and c[C_STOP] == 0:
        if poll(d, now) > 0:
            return
        now = look(d)


@hot_kernel
def run(e, d, until):
    """Turns by the clock until simulated `until` is reached (DONE), STOPPED, or SHORT, to be called again.

    With C_NOW_IS_GIVEN one turn at C_NOW: a kernel for that alone would be compiled for as long as this one.
    """
    c = d.control
    c[C_LOOKED_NS] = 0
    while True:
        if c[C_NOW_IS_GIVEN] != 0:
            return take_turn(e, d, c[C_NOW], until)
        # Never within a turn: packets may have ended that were not looked at, and others drain records.
        if c[C_STOP] != 0 and e.control[C_UNFINISHED] == 0 and e.workers[0, V_TAPS] == c[C_TAPS_SEEN]:
            note_cpu(d)
            return STOPPED
        now = look(d)
        if take_turn(e, d, now, until) == SHORT:
            return SHORT
        if now >= until:
            note_cpu(d)
            return DONE
        if c[N_TURNS] % TURNS_PER_CPU_NOTE == 0:
            note_cpu(d)
        rest(e, d, until)
