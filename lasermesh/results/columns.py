"""What a run hands over to be kept: columns of the packet engine and of the paths and contacts it ran on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

KIND_NAMES = ("isl", "gsl")
"""Names of link kinds 0 and 1 in every table."""

LEFT, ARRIVED, DELIVERED, DROPPED = range(4)
EVENT_NAMES = ("left", "arrived", "delivered", "dropped")
"""What happens to a packet, in the order in which it can at one instant."""


OUTAGES = (
    ("black-hole", "link_down"),
    ("black-hole", "no_route"),
    ("black-hole", "node_down"),
    ("micro-loop", None),
)
"""Kind and cause of what keeps a flow from arriving."""


class FlowList(NamedTuple):
    """The flows as the experiment names them; row i is flow i."""

    name: Sequence[str]
    from_name: Sequence[str]
    to_name: Sequence[str]
    start_s: np.ndarray  # float64 (n_flows,)  since the start of the experiment
    stop_s: np.ndarray  # float64 (n_flows,)  inf where the flow ends with the experiment
    group: Sequence[str]  # what the summary puts them together under: the entry of the experiment


class FlowCounters(NamedTuple):
    """What became of every flow's packets; row i belongs to flow i."""

    sent: np.ndarray  # int64 (n_flows,)
    bytes_sent: np.ndarray  # int64 (n_flows,)
    delivered: np.ndarray  # int64 (n_flows,)
    bytes_delivered: np.ndarray  # int64 (n_flows,)
    dropped: np.ndarray  # int64 (n_flows, N_CAUSES)
    latency_min_ps: np.ndarray  # int64 (n_flows,)  read only where something was delivered, as the next four
    latency_max_ps: np.ndarray  # int64 (n_flows,)
    latency_sum_ps: Sequence[int]  # (n_flows,) Python integers, as int64 overflows within a minute at 25 Gbps
    histogram: np.ndarray  # int64 (n_flows, n_bins)  delivered packets by latency
    upper_edges_ps: np.ndarray  # (n_bins,)  ascending; the last bin also holds what is longer
    jitter_ps: np.ndarray  # float64 (n_flows,)  RFC 3550 section 6.4.1
    reordered: np.ndarray  # int64 (n_flows,)  RFC 4737 section 3.2
    hops_sum: np.ndarray  # int64 (n_flows,)  links crossed by the delivered packets
    marked: np.ndarray  # int64 (n_flows,)  delivered with a mark of congestion (ECN)
    unique_packets: np.ndarray  # int64 (n_flows,)  of bulk transfers: segments delivered, each once
    unique_bytes: np.ndarray  # int64 (n_flows,)
    duplicates: np.ndarray  # int64 (n_flows,)  segments delivered again
    done_ps: np.ndarray  # int64 (n_flows,)  when the sender knew that all had come; NEVER if it did not
    complete_ps: np.ndarray  # int64 (n_flows,)  when the last missing segment came; NEVER if some is missing


class LinkIntervals(NamedTuple):
    """What links did during one or several intervals; row i is one link in one interval."""

    t_s: np.ndarray  # float64  when the interval began
    link: np.ndarray  # int32  id
    from_node: np.ndarray  # int32  rows of the nodes
    to_node: np.ndarray  # int32
    kind: np.ndarray  # int8  index in KIND_NAMES
    bytes: np.ndarray  # int64  of packets whose last bit left
    packets: np.ndarray  # int64
    marked: np.ndarray  # int64  packets marked there
    dropped: np.ndarray  # int64 (n, N_CAUSES)
    queue_max_bytes: np.ndarray  # int64
    busy_s: np.ndarray  # float64


class FlowIntervals(NamedTuple):
    """What flows did during one or several intervals; row i is one flow in one interval."""

    t_s: np.ndarray  # float64  when the interval began, since the topology's epoch
    until_s: np.ndarray  # float64  when it ended
    flow: np.ndarray  # int64
    sent: np.ndarray  # int64  packets
    delivered: np.ndarray  # int64
    bytes_delivered: np.ndarray  # int64
    dropped: np.ndarray  # int64 (n, N_CAUSES)
    latency_ps: np.ndarray  # float64 (n, 3)  mean, 50th and 99th percentile, nan where none was delivered


class LatencyBins(NamedTuple):
    """How many packets of flows had which latency; row i is one bin of one flow."""

    flow: np.ndarray  # int64
    up_to_ps: np.ndarray  # float64  upper edge of the bin
    delivered: np.ndarray  # int64


class PathChanges(NamedTuple):
    """The path of a flow whenever it changes, and its first one; row i is one path of one flow."""

    t_s: np.ndarray  # float64
    flow: np.ndarray  # int32
    delay_s: np.ndarray  # float64  propagation along the path; nan where there is none
    nodes: np.ndarray  # int32  rows of the nodes of all paths, one path after the other, both ends included
    first: np.ndarray  # int64 (n + 1,)  path i is nodes[first[i]:first[i + 1]], empty where there is none


class Contacts(NamedTuple):
    """When links exist; row i is one contact, one direction."""

    from_node: np.ndarray  # int32
    to_node: np.ndarray  # int32
    kind: np.ndarray  # int8  index in KIND_NAMES
    start_s: np.ndarray  # float64
    stop_s: np.ndarray  # float64
    rate_bps: np.ndarray  # int64
    owlt_s: np.ndarray  # float64  one-way light time at the contact's middle
    open_start: np.ndarray  # bool  it began before the time that was looked at
    open_stop: np.ndarray  # bool  it lasts beyond that time


class Outages(NamedTuple):
    """When flows do not arrive; row i is one outage of one flow."""

    t_s: np.ndarray  # float64 (n,)  since the topology's epoch
    flow: np.ndarray  # int64
    outcome: np.ndarray  # int64  row of OUTAGES
    duration_s: np.ndarray  # float64
    node: np.ndarray  # int64  where the flow's way ended at first, or which it first came to twice
    open_end: np.ndarray  # bool  the end of the run cut it


class PacketEvents(NamedTuple):
    """What happened to packets, in order of time; row i is one event of one packet."""

    time_ps: np.ndarray  # int64 (n,)  since the run's start
    flow: np.ndarray  # int32
    sequence: np.ndarray  # int64
    event: np.ndarray  # int8  index in EVENT_NAMES
    node: np.ndarray  # int32  where it was
    link: np.ndarray  # int64  id of the link that it left or arrived over, NONE else
    hop: np.ndarray  # int64  number of the link entered or crossed last, from 1; 0 at the source
    packets: np.ndarray  # int64  how many it stands for: more than one for a train
    size_bytes: np.ndarray  # int64
    created_ps: np.ndarray  # int64  from when its latency counts
    cause: np.ndarray  # int8  index in CAUSES of why it was dropped, NONE else
    marked: np.ndarray  # bool  whether it has a mark of congestion


class QueueLengths(NamedTuple):
    """What waits at links whenever that changes; row i is one change at one link."""

    time_ps: np.ndarray  # int64 (n,)  since the run's start
    link: np.ndarray  # int64  id
    from_node: np.ndarray  # int32  rows of the nodes
    to_node: np.ndarray  # int32
    waiting_packets: np.ndarray  # int64  after the change, the one in service not counted
    waiting_bytes: np.ndarray  # int64


class NextHopChanges(NamedTuple):
    """Entries of the forwarding table whenever they change, and its first ones; row i is one entry."""

    t_s: np.ndarray  # float64 (n,)  from when on the node forwards by it, since the topology's epoch
    node: np.ndarray  # int32  row of the node that forwards
    label: np.ndarray  # int32  that packets carry
    destination: np.ndarray  # int32  row of the node where all flows of the label go, NONE if not one
    choice: np.ndarray  # int32  number of the choice among equals, from 0
    link_before: np.ndarray  # int32  id of the link to take until now, NONE where there was none
    link_after: np.ndarray  # int32
    next_before: np.ndarray  # int32  row of the node at its end, NONE where there was none
    next_after: np.ndarray  # int32
