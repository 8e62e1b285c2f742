"""Bulk transfers: selective repeat, paced, with a window and a timer (`lasermesh docs traffic`).

A sender remembers, in `room` from A_ROOM on, how each segment of its window stands, and two circular lists:
transmissions in the order in which they were made, of which the oldest is watched by the timer, and segments
that timed out. A receiver remembers from K_ROOM on which segments have come.
"""

from lasermesh.compiled import inline_kernel
from lasermesh.packets.link_kernels import BITS_TIMES_PS_PER_S
from lasermesh.packets.state import (
    A_BASE,
    A_DONE,
    A_LAST_BYTES,
    A_NEW,
    A_NEWEST,
    A_OLDEST,
    A_PACE,
    A_RESEND,
    A_RESEND_END,
    A_ROOM,
    A_RTTVAR,
    A_SEGMENTS,
    A_SRTT,
    A_TIMEOUT_FIRST,
    A_TIMEOUT_MIN,
    A_WINDOW,
    K_BASE,
    K_COMPLETE,
    K_DUPLICATES,
    K_ROOM,
    K_UNIQUE,
    K_UNIQUE_BYTES,
    NEVER,
    S_INBOX,
    S_RATE,
    S_SIZE,
    S_STOP,
)
from lasermesh.units import NONE

# How a segment stands.
UNSENT = 0
OUT = 1
TIMED_OUT = 2
ACKED = 3

# The sender's room, in rows per segment of its window.
ROWS_PER_SEGMENT = 7  # status; resends, twice as many; transmissions, twice as many of segment and instant

# Columns of `inbox`.
I_TIME = 0
I_SEQUENCE = 1
I_CREATED = 2
I_NEXT = 3


@inline_kernel
def timeout_ps(flows, flow):
    """How long an answer is waited for (RFC 6298, section 2, without backoff)."""
    if flows[flow, A_SRTT] < 0:
        return flows[flow, A_TIMEOUT_FIRST]
    return max(flows[flow, A_TIMEOUT_MIN], flows[flow, A_SRTT] + 4 * flows[flow, A_RTTVAR])


@inline_kernel
def sample_rtt(flows, flow, rtt_ps):
    """Take a round-trip time into account (RFC 6298, sections 2.2 and 2.3, in whole ps)."""
    if flows[flow, A_SRTT] < 0:
        flows[flow, A_SRTT] = rtt_ps
        flows[flow, A_RTTVAR] = rtt_ps // 2
    else:
        flows[flow, A_RTTVAR] = (3 * flows[flow, A_RTTVAR] + abs(flows[flow, A_SRTT] - rtt_ps)) // 4
        flows[flow, A_SRTT] = (7 * flows[flow, A_SRTT] + rtt_ps) // 8


@inline_kernel
def take_ack(flows, room, flow, segment, created, now):
    """An ack has come back for a segment, of which the data packet was created at an instant."""
    sample_rtt(flows, flow, now - created)
    if segment < flows[flow, A_BASE]:
        return
    window = flows[flow, A_WINDOW]
    first = flows[flow, A_ROOM]
    room[first + segment % window] = ACKED
    while flows[flow, A_BASE] < flows[flow, A_NEW] and room[first + flows[flow, A_BASE] % window] == ACKED:
        room[first + flows[flow, A_BASE] % window] = UNSENT
        flows[flow, A_BASE] += 1
    if flows[flow, A_BASE] == flows[flow, A_SEGMENTS] and flows[flow, A_DONE] == NEVER:
        flows[flow, A_DONE] = now


@inline_kernel
def is_open(flows, room, flow, segment):
    """Whether a segment that was sent is not acknowledged."""
    return (
        segment >= flows[flow, A_BASE]
        and room[flows[flow, A_ROOM] + segment % flows[flow, A_WINDOW]] != ACKED
    )


@inline_kernel
def timer_ps(flows, room, flow):
    """When the oldest transmission that is still open times out; NEVER if there is none."""
    window = flows[flow, A_WINDOW]
    list_ = flows[flow, A_ROOM] + 3 * window
    while flows[flow, A_OLDEST] < flows[flow, A_NEWEST]:
        place = list_ + 2 * (flows[flow, A_OLDEST] % (2 * window))
        if is_open(flows, room, flow, room[place]):
            return room[place + 1] + timeout_ps(flows, flow)
        flows[flow, A_OLDEST] += 1
    return NEVER


@inline_kernel
def time_out(flows, room, flow):
    """Take the oldest transmission off the list; its segment is to be sent again."""
    window = flows[flow, A_WINDOW]
    first = flows[flow, A_ROOM]
    segment = room[first + 3 * window + 2 * (flows[flow, A_OLDEST] % (2 * window))]
    room[first + segment % window] = TIMED_OUT
    room[first + window + flows[flow, A_RESEND_END] % (2 * window)] = segment
    flows[flow, A_RESEND_END] += 1
    flows[flow, A_OLDEST] += 1


@inline_kernel
def segment_to_send(flows, room, flow):
    """The segment that would be sent now; NONE if there is nothing to send."""
    window = flows[flow, A_WINDOW]
    first = flows[flow, A_ROOM]
    while flows[flow, A_RESEND] < flows[flow, A_RESEND_END]:
        segment = room[first + window + flows[flow, A_RESEND] % (2 * window)]
        if is_open(flows, room, flow, segment):
            return segment
        flows[flow, A_RESEND] += 1
    if flows[flow, A_NEW] < min(flows[flow, A_SEGMENTS], flows[flow, A_BASE] + window):
        return flows[flow, A_NEW]
    return NONE


@inline_kernel
def send_segment(flows, room, flow, segment, now):
    """Note that a segment is sent, the one that `segment_to_send` named; its size."""
    window = flows[flow, A_WINDOW]
    first = flows[flow, A_ROOM]
    if segment == flows[flow, A_NEW]:
        flows[flow, A_NEW] += 1
    else:
        flows[flow, A_RESEND] += 1
    room[first + segment % window] = OUT
    place = first + 3 * window + 2 * (flows[flow, A_NEWEST] % (2 * window))
    room[place] = segment
    room[place + 1] = now
    flows[flow, A_NEWEST] += 1
    last = segment == flows[flow, A_SEGMENTS] - 1
    size = flows[flow, A_LAST_BYTES] if last else flows[flow, S_SIZE]
    rate = flows[flow, S_RATE]
    flows[flow, A_PACE] = now + (size * BITS_TIMES_PS_PER_S + rate - 1) // rate
    return size


@inline_kernel
def next_transmission_ps(flows, room, inbox, base, flow, limit):
    """When a sender transmits next, all that happens to it until then done; NEVER if not before `limit`.

    Acks of an instant come before timers, both before a transmission. What `inbox` holds for it, from row
    `base` on, is in order of time, and all of it comes before `limit`. The answer may be a timer beyond
    `limit`, from when on there is something to do if nothing else comes.
    """
    while True:
        ack = flows[flow, S_INBOX]
        ack_ps = NEVER if ack == NONE else inbox[base + ack, I_TIME]
        timer = timer_ps(flows, room, flow)
        send = flows[flow, A_PACE] if segment_to_send(flows, room, flow) != NONE else NEVER
        if send >= flows[flow, S_STOP]:
            send = NEVER
        if timer >= flows[flow, S_STOP]:
            timer = NEVER
        if ack != NONE and ack_ps <= min(timer, send):
            take_ack(flows, room, flow, inbox[base + ack, I_SEQUENCE], inbox[base + ack, I_CREATED], ack_ps)
            flows[flow, S_INBOX] = inbox[base + ack, I_NEXT]
            # What this makes possible is done no earlier.
            flows[flow, A_PACE] = max(flows[flow, A_PACE], ack_ps)
        elif timer <= send and timer < limit:
            time_out(flows, room, flow)
            flows[flow, A_PACE] = max(flows[flow, A_PACE], timer)
        else:
            return min(timer, send)


@inline_kernel
def receive_segment(flows, room, flow, segment, size, now):
    """Count a segment that has come, for the first time or again."""
    base = flows[flow, K_BASE]
    window = flows[flow, A_WINDOW]
    first = flows[flow, K_ROOM]
    if segment < base or room[first + segment % window]:
        flows[flow, K_DUPLICATES] += 1
        return
    room[first + segment % window] = 1
    flows[flow, K_UNIQUE] += 1
    flows[flow, K_UNIQUE_BYTES] += size
    while base < flows[flow, A_SEGMENTS] and room[first + base % window]:
        room[first + base % window] = 0
        base += 1
    flows[flow, K_BASE] = base
    if base == flows[flow, A_SEGMENTS]:
        flows[flow, K_COMPLETE] = now
