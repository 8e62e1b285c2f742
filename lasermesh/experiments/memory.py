"""How much memory a run will take, and how much there is."""

import os
from pathlib import Path

import numpy as np

from lasermesh.errors import UserError
from lasermesh.traffic.kinds import BULK, OUTSIDE, SCRIPT
from lasermesh.units import NONE, PS_PER_S

BYTES_PER_PACKET = 36  # a record and its share of chunks that are not full
BYTES_PER_LINK = 900  # a row, in an array that doubles when it grows
BYTES_PER_FLOW = 20_000  # counters, and the pages of its latency histogram that are touched, two of each
BYTES_PER_PLAIN_FLOW = 1_000  # counters; direct ones and those from outside have no histogram of their own
BYTES_PER_SEGMENT = 64  # of the window of a bulk transfer: how it stands at both ends
BYTES_PER_TRACE_PACKET = 72  # its time, size and weight: as read, among the flows and in the engine
BYTES_PER_PLACE = 48  # of a server, or of a request that waits for one: when it starts, and its reply
LONGEST_QUEUE_S = 10.0
SHARE_TO_USE = 0.8
CONTROL_GROUP = Path("/sys/fs/cgroup")


def available_bytes():
    """Memory that can be used without swapping; None where the system does not tell."""
    known = [size for size in (_free_in_system(), _free_in_container()) if size is not None]
    return min(known, default=None)


def _free_in_container():
    """What the limit of a container (version 2 of Linux control groups) leaves; None where there is none."""
    try:
        limit = int((CONTROL_GROUP / "memory.max").read_text(encoding="ascii"))
        # Not memory.current: that counts cached files, which make room when asked to.
        stat = dict(line.split() for line in (CONTROL_GROUP / "memory.stat").read_text("ascii").splitlines())
        return max(0, limit - int(stat["anon"]))
    except (OSError, ValueError, KeyError):  # not there, or the word "max"
        return None


def _free_in_system():
    """Memory that the whole machine could give; None where it does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def packets_in_flight(flows, routes, rate_of_link, waiting, end_ps):
    """Most packets that may wait or be under way with these routes; a train counts as one.

    Parameters
    ----------
    flows : traffic.Flows
    routes : routing.Routes
    rate_of_link : int64 array by link id
    waiting : queueing.MostWaiting
        By link id.
    end_ps : int
        When the run ends.

    Returns
    -------
    packets : float
        Those under way if every flow is on, and full queues on links that are offered more than their rate;
        of neither more than the flows send in the run.
    """
    size = flows.mean_size_bytes()
    per_s = packets_per_s(flows)
    sent = np.ceil(_packets_sent(flows, per_s, end_ps) / flows.train)
    under_way = per_s * routes.delay_s
    bulk = flows.kind == BULK
    under_way[bulk] = np.minimum(under_way[bulk], _windows(flows)[bulk])
    under_way = np.minimum(np.nan_to_num(under_way) / flows.train, sent)
    n_links = len(rate_of_link)
    offered_bps, coming = np.zeros(n_links), np.zeros(n_links)
    smallest, fewest = np.full(n_links, np.inf), np.full(n_links, np.inf)  # bytes and packets of an entry
    for flow in np.flatnonzero(sent):
        links = routes.link[routes.first[flow] : routes.first[flow + 1]]
        links = links[links >= 0]
        np.add.at(offered_bps, links, per_s[flow] * size[flow] * 8.0)
        np.add.at(coming, links, sent[flow])
        np.minimum.at(smallest, links, size[flow] * flows.train[flow])
        np.minimum.at(fewest, links, flows.train[flow])
    full = np.flatnonzero(offered_bps > rate_of_link)
    fitting = np.minimum(waiting.bytes[full] / smallest[full], waiting.packets[full] / fewest[full])
    # A queue without limit fills as long as the run lasts; what the engine finds then ends the run.
    longest = LONGEST_QUEUE_S * rate_of_link[full] / 8 / smallest[full]
    queued = np.minimum(np.minimum(waiting.lists[full] * fitting, longest), coming[full]).sum()
    return float(min(under_way.sum() + queued, sent.sum()))


def _packets_sent(flows, per_s, end_ps):
    """Packets that each flow sends until the run's end, if it is on all the time: float64 (n_flows,)."""
    stop_ps = np.minimum(flows.stop_ps, end_ps)
    sent = np.ceil(per_s * np.maximum(stop_ps - flows.start_ps, 0) / PS_PER_S)
    for flow in np.flatnonzero(flows.kind == SCRIPT):
        times_ps = flows.size_time_ps[flows.size_first[flow] : flows.size_first[flow + 1]]
        sent[flow] = np.searchsorted(times_ps, stop_ps[flow])
    return sent


def packets_per_s(flows):
    """Packets that each flow sends in a second while it is on: float64 (n_flows,).

    A trace sends as many as on average, a flow of replies or acknowledgements what the flow that it answers
    can cause. A script without packets, to be written while the run goes on, counts for nothing.
    """
    per_s = flows.rate_bps / np.maximum(8.0 * flows.mean_size_bytes(), 1.0)
    for flow in np.flatnonzero(flows.kind == SCRIPT):
        times_ps = flows.size_time_ps[flows.size_first[flow] : flows.size_first[flow + 1]]
        span_ps = int(times_ps[-1] - times_ps[0]) if len(times_ps) else 0
        per_s[flow] = (len(times_ps) - 1) * PS_PER_S / span_ps if span_ps > 0 else 0.0
    for flow in np.flatnonzero(flows.reply != NONE):
        each = 1
        if flows.kind[flow] != BULK:
            each = -(-int(flows.reply_bytes[flow]) // int(flows.reply_packet_bytes[flow]))
        per_s[flows.reply[flow]] = each * per_s[flow]
    return per_s


def _windows(flows):
    """Most segments of each bulk transfer that are not acknowledged: float64 (n_flows,)."""
    return np.minimum(flows.window, np.ceil(flows.total_bytes / np.maximum(flows.mean_size_bytes(), 1)))


def estimate_bytes(n_nodes, n_links, flows, in_flight):
    """Memory of a run in bytes: packets, two forwarding tables, links, flows and what these remember."""
    tables = 2 * 4 * n_nodes * len(np.unique(flows.destination[: flows.n_routed]))
    segments = _windows(flows)[flows.kind == BULK].sum()
    of_traces = np.diff(flows.size_first)[flows.kind == SCRIPT].sum()
    plain = int((flows.direct | (flows.kind == OUTSIDE)).sum())
    places = (flows.pools.servers + flows.pools.queue_requests + 1).sum()
    return int(
        in_flight * BYTES_PER_PACKET
        + tables
        + n_links * BYTES_PER_LINK
        + (flows.n_flows - plain) * BYTES_PER_FLOW
        + plain * BYTES_PER_PLAIN_FLOW
        + segments * BYTES_PER_SEGMENT
        + of_traces * BYTES_PER_TRACE_PACKET
        + places * BYTES_PER_PLACE
    )


def refuse_what_cannot_fit(needed):
    """Raise UserError if a run needs more memory than there is."""
    available = available_bytes()
    if available is not None and needed > SHARE_TO_USE * available:
        raise UserError(
            f"the run needs about {needed / 1e9:.1f} GB of memory, of which {available / 1e9:.1f} GB are "
            "free; slower flows, shorter queues or packets.scale below 1 make it fit"
        )
