"""What is done while the engine stands between two steps, in one pass over its rows.

The rows of links are long and lie far apart, and in live runs packets wait meanwhile: array operations, which
go through them once for each column, take ten times as long.
"""

from lasermesh.compiled import kernel
from lasermesh.packets.state import (
    L_BUSY,
    L_BYTES,
    L_DROPPED_EARLY,
    L_DROPPED_LINK_DOWN,
    L_DROPPED_NODE_DOWN,
    L_DROPPED_QUEUE,
    L_MARKED,
    L_QUEUE_MAX,
    R_DROPPED_BIT_ERROR,
    X_BUSY,
    X_DELAY_END,
    X_DELAY_START,
    X_FREE,
    X_PACKETS,
    X_RATE,
    X_SENT_COUNT,
    X_TO,
    X_WAITING_BYTES,
)

# Columns of what `take_link_counters` gives; drops follow, by cause in the order of DROPS.
J_LINK = 0
J_PACKETS = 1
J_BYTES = 2
J_BUSY = 3
J_QUEUE_MAX = 4
J_MARKED = 5
J_DROPPED = 6

DROPS = (L_DROPPED_QUEUE, L_DROPPED_LINK_DOWN, R_DROPPED_BIT_ERROR, L_DROPPED_NODE_DOWN, L_DROPPED_EARLY)
"""Columns of links that count drops."""

J_COLUMNS = J_DROPPED + len(DROPS)


@kernel
def take_link_counters(x, clock_ps, trains, sent_before, overhang_ps, taken):
    """Rows of `taken` (n_links, J_COLUMNS) of the links that did anything: how many; starts counters anew.

    `x` are the rows of `Engine.links` in use, all of which stand at `clock_ps`. `sent_before`, packets whose
    last bit had left the last time, and `overhang_ps`, service that lay beyond it (both int64 (n_links,)),
    come out as they are now. With `trains`, the time of one is counted once its head has left.
    """
    n = 0
    for link in range(len(x)):
        row = x[link]
        # A packet in service belongs in part to the next interval, and one begun before to this one.
        overhang = max(row[X_FREE] - clock_ps, 0)
        sent = row[X_SENT_COUNT]
        if trains:
            sent = row[X_PACKETS]
            if row[X_BUSY] == 0:
                overhang = 0
        packets = sent - sent_before[link]
        # A window that was left unfinished may have links beyond the clock.
        busy = max(row[L_BUSY] - overhang + overhang_ps[link], 0)
        sent_before[link] = sent
        overhang_ps[link] = overhang
        dropped = 0
        for place in range(len(DROPS)):
            taken[n, J_DROPPED + place] = row[DROPS[place]]
            dropped |= row[DROPS[place]]
            row[DROPS[place]] = 0
        is_active = packets > 0 or busy > 0 or row[L_QUEUE_MAX] > 0 or dropped != 0
        if is_active:
            taken[n, J_LINK] = link
            taken[n, J_PACKETS] = packets
            taken[n, J_BYTES] = row[L_BYTES]
            taken[n, J_BUSY] = busy
            taken[n, J_QUEUE_MAX] = row[L_QUEUE_MAX]
            taken[n, J_MARKED] = row[L_MARKED]
            n += 1
        row[L_BYTES] = 0
        row[L_BUSY] = 0
        row[L_MARKED] = 0
        row[L_QUEUE_MAX] = row[X_WAITING_BYTES]
    return n


@kernel
def put_delays(x, links, start_ps, end_ps):
    """Give links the delays at both ends of the step that begins."""
    for row in range(len(links)):
        x[links[row], X_DELAY_START] = start_ps[row]
        x[links[row], X_DELAY_END] = end_ps[row]


@kernel
def put_columns(rows, columns, values):
    """Write `values` (n, len(columns)) into these columns of `rows`."""
    for row in range(len(values)):
        for place in range(len(columns)):
            rows[row, columns[place]] = values[row, place]


@kernel
def take_link_states(x, to, is_up, free_ps):
    """Where links lead, whether they are up (1) and when they are free: into int64 arrays, (n_links,)."""
    for link in range(len(to)):
        to[link] = x[link, X_TO]
        is_up[link] = 1 if x[link, X_RATE] != 0 else 0
        free_ps[link] = x[link, X_FREE]
