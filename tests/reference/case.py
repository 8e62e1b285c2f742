"""One small network with its traffic, as plain arrays: what simulator and engine are both given.

Times are whole picoseconds since the start of the run, sizes are bytes of whole IP packets, rates are bit/s.
An id is a row number: a link's id is its position in `link_from`, a flow's its position in `flows`. NONE (-1)
is no link.
"""

import itertools
from dataclasses import dataclass, field

NONE = -1

# Stands for "no limit" and "never"; leaves room to add to it in 64 bits.
UNLIMITED = 2**62

MAX_PACKET_BYTES = 65_536

CHANGE_KINDS = ("stop", "start", "rate")  # in the order in which they apply at one instant on one link


@dataclass
class Flow:
    """Packets of one source and destination, made while start_ps <= t < stop_ps (and t < the run's end)."""

    source: int
    destination: int
    kind: str  # "constant" | "poisson" | "script"
    rate_bps: int = 0  # of whole IP packets; unused by "script"
    sizes: tuple = ((1500, 1),)  # ((bytes, integer weight), ...); unused by "script"
    start_ps: int = 0
    stop_ps: int = UNLIMITED
    phase_ps: int = 0  # added to the start; unused by "script"
    hop_limit: int = 64
    label: int = 0  # what a packet carries if the table in force at the source has no `label_of_flow`
    script: tuple = ()  # for "script": ((time_ps, bytes), ...), ascending in time


@dataclass
class Table:
    """A forwarding table, in force at node n from switch_ps[n] on, replacing whatever was in force there.

    Nothing says that switches come in table order: a node may take an older table after a newer one.
    """

    link: list[list[int]]  # [node][label] -> link that starts at the node, or NONE
    switch_ps: list[int]  # per node
    label_of_flow: list[int] = field(default_factory=list)  # per flow, or empty


@dataclass
class Step:
    """Delays of every link at both ends of an interval, linear between; given for links that are down too."""

    t0_ps: int
    t1_ps: int
    delay_start_ps: list[int]
    delay_end_ps: list[int]


@dataclass
class Case:
    """Everything that decides the fate of every packet before `end_ps`. Links are down until they start."""

    n_nodes: int
    end_ps: int
    seed: int
    link_from: list[int]
    link_to: list[int]
    queue_packets: list[int]  # per link
    queue_bytes: list[int]  # per link
    framing_bytes: int
    on_link_down: str  # "drop" | "reroute"
    changes: list[tuple[int, int, str, int]]  # (time_ps, link, "start" | "stop" | "rate", rate_bps)
    steps: list[Step]  # contiguous, from 0 to end_ps or beyond
    tables: list[Table]
    flows: list[Flow]

    @property
    def n_links(self):
        return len(self.link_from)


def ordered_changes(case):
    """The changes in the order in which they apply: by time, then link id, then stop, start, rate."""
    return sorted(case.changes, key=lambda change: (change[0], change[1], CHANGE_KINDS.index(change[2])))


def check_case(case):
    """Raise ValueError if the case means nothing, as a stop of a link that is down."""

    def need(condition, sentence):
        if not condition:
            raise ValueError(sentence)

    n_links = case.n_links
    for name in ("link_to", "queue_packets", "queue_bytes"):
        need(len(getattr(case, name)) == n_links, f"{name} must have one entry per link")
    need(
        case.end_ps > 0 and case.framing_bytes >= 0,
        "end_ps must be positive, framing_bytes must not be negative",
    )
    need(case.on_link_down in ("drop", "reroute"), f"on_link_down is {case.on_link_down!r}")
    pairs = list(zip(case.link_from, case.link_to, strict=True))
    for start, end in pairs:
        need(
            0 <= start < case.n_nodes and 0 <= end < case.n_nodes and start != end,
            f"link {start} -> {end} is none",
        )
    need(len(set(pairs)) == n_links, "two links join the same nodes in the same direction")

    is_up = [False] * n_links
    seen = set()
    for time_ps, link, kind, rate_bps in ordered_changes(case):
        what = f"change ({time_ps}, {link}, {kind!r}, {rate_bps})"
        need(time_ps >= 0, f"{what} comes before the run")
        need((time_ps, link, kind) not in seen, f"{what} is there twice")
        seen.add((time_ps, link, kind))
        need(is_up[link] == (kind != "start"), f"{what} finds the link {'up' if is_up[link] else 'down'}")
        need(kind == "stop" or rate_bps > 0, f"{what} has no rate")
        is_up[link] = kind != "stop"

    need(
        case.steps and case.steps[0].t0_ps == 0 and case.steps[-1].t1_ps >= case.end_ps,
        "steps do not cover the run",
    )
    for before, after in itertools.pairwise(case.steps):
        need(before.t1_ps == after.t0_ps, "steps do not follow one another")
    for step in case.steps:
        need(step.t0_ps < step.t1_ps, "a step is empty")
        for delays in (step.delay_start_ps, step.delay_end_ps):
            need(len(delays) == n_links, "a step must have two delays per link")
            need(all(delay >= 0 for delay in delays), "a step has a negative delay")

    for table in case.tables:
        need(len(table.link) == len(table.switch_ps) == case.n_nodes, "a table must have one row per node")
        need(all(time_ps >= 0 for time_ps in table.switch_ps), "a table switches before the run")
        need(
            len(table.label_of_flow) in (0, len(case.flows)),
            "label_of_flow must have one entry per flow, or none",
        )
        for node, row in enumerate(table.link):
            for link in row:
                need(
                    link == NONE or case.link_from[link] == node,
                    f"a table sends from node {node} over link {link}",
                )
    label_counts = {len(row) for table in case.tables for row in table.link}
    need(len(label_counts) <= 1, "tables must have the same number of labels at all nodes")
    n_labels = label_counts.pop() if label_counts else 1
    labels = [flow.label for flow in case.flows] + [
        label for table in case.tables for label in table.label_of_flow
    ]
    need(all(0 <= label < n_labels for label in labels), "a label is outside the tables")

    for flow in case.flows:
        need(
            0 <= flow.source < case.n_nodes and 0 <= flow.destination < case.n_nodes, "a flow ends at no node"
        )
        need(flow.source != flow.destination, "a flow ends where it starts")
        need(
            flow.hop_limit >= 1 and flow.phase_ps >= 0 and 0 <= flow.start_ps <= flow.stop_ps,
            f"{flow} makes no sense",
        )
        if flow.kind == "script":
            times = [time_ps for time_ps, _ in flow.script]
            need(
                times == sorted(times) and all(time_ps >= flow.start_ps for time_ps in times),
                "a script is not in order",
            )
            sizes = [size for _, size in flow.script]
        else:
            need(flow.kind in ("constant", "poisson") and flow.rate_bps > 0, f"{flow} makes no sense")
            need(
                all(weight > 0 for _, weight in flow.sizes), "a packet mix has a weight that is not positive"
            )
            sizes = [size for size, _ in flow.sizes]
            need(sizes, "a packet mix is empty")
        need(all(1 <= size <= MAX_PACKET_BYTES for size in sizes), "a packet size is out of range")
