"""Gives the engine a case of the reference simulator, and reads back what became of every packet."""

from collections import Counter

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.causes import CAUSES
from lasermesh.packets.engine import PacketEngine
from lasermesh.packets.queues import ECN_THRESHOLD, LinkQueues
from lasermesh.packets.steps import Step
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.traffic.kinds import SERVICES
from tests.reference.case import NONE
from tests.reference.results import fates as fates_counted

OPTIONAL = (
    "traffic_class",
    "ecn",
    "train",
    "on_ps",
    "off_ps",
    "total_bytes",
    "window",
    "timeout_min_ps",
    "timeout_first_ps",
    "reply",
    "pool",
    "reply_bytes",
    "reply_packet_bytes",
)
"""Columns of flows that the reference has under the same names."""

MOST_REQUESTS = 10_000
"""More than any random case lets wait."""

CHANGE_KINDS = {"stop": state.CHANGE_STOP, "start": state.CHANGE_START, "rate": state.CHANGE_RATE}


def flows_of(case, watched=()):
    """The case's flows as columns; scripts of trains are empty, as the engine is given them afterwards."""
    return flows_from_rows(
        [
            {
                "source": flow.source,
                "destination": flow.destination,
                "kind": flow.kind,
                "rate_bps": flow.rate_bps,
                "sizes": flow.sizes,
                "script": () if flow.makes_trains else flow.script,
                "start_ps": flow.start_ps,
                "stop_ps": flow.stop_ps,
                "phase_ps": flow.phase_ps,
                "hop_limit": flow.hop_limit,
                "watched": row in watched,
                "direct": flow.link is not None,
                **{name: getattr(flow, name) for name in OPTIONAL},
            }
            for row, flow in enumerate(case.flows)
        ],
        [
            {
                "node": pool.node,
                "servers": pool.servers,
                "service_kind": SERVICES[pool.service_kind],
                "service_ps": pool.service_ps,
                "queue_requests": min(pool.queue_requests, MOST_REQUESTS),
            }
            for pool in case.pools
        ],
    )


def queues_of(case):
    """How packets wait at the case's links."""
    marks = np.array(case.discipline) == ECN_THRESHOLD
    return LinkQueues(
        discipline=np.array(case.discipline),
        classes=np.array(case.classes),
        mark_packets=np.where(marks, case.mark_packets, state.NEVER),
        mark_bytes=np.where(marks, case.mark_bytes, state.NEVER),
        codel_target_ps=np.array([each[0] for each in case.codel]),
        codel_interval_ps=np.array([each[1] for each in case.codel]),
        codel_min_bytes=np.array([each[2] for each in case.codel]),
        bit_error_rate=np.array(case.bit_error_rate),
    )


def links_of(table):
    """A table's choices as an array, shape (n_nodes, n_labels, n_choices)."""
    link = np.array(table.link, np.int32)
    most = max((len(more) for row in table.more for more in row), default=0)
    links = np.full((*link.shape, 1 + most), NONE, np.int32)
    for node, label in np.ndindex(link.shape):
        choices = table.choices(node, label)
        links[node, label, : len(choices)] = choices
    return links


def engine_of(case, taps=0, trace=True, watched=(), **options):
    """An engine that knows the case's links, all tapped as `taps` says, its tables and scripts of trains."""
    scripts = [row for row, flow in enumerate(case.flows) if flow.kind == "script" and flow.makes_trains]
    engine = PacketEngine(
        case.n_nodes,
        flows_of(case, watched),
        end_ps=case.end_ps,
        seed=case.seed,
        reroute=case.on_link_down == "reroute",
        alternate_after_ps=case.alternate_after_ps,
        framing_bytes=case.framing_bytes,
        trace=trace,
        **{"trains": bool(scripts), **options},
        processing_ps=np.array(case.processing_ps, np.int64),
    )
    ends = np.array(case.link_from), np.array(case.link_to)
    engine.add_links(*ends, case.queue_packets, case.queue_bytes, taps, queues_of(case))
    for table in case.tables:
        labels = table.label_of_flow or [flow.label for flow in case.flows]
        engine.install_table(
            links_of(table),
            np.array(labels, np.int32)[: engine.flows.n_routed, None],
            np.array(table.switch_ps, np.int64),
            backup=np.array(table.backup, np.int32) if table.backup else None,
        )
    for row in range(engine.flows.n_routed, len(case.flows)):
        engine.set_link(row, case.flows[row].link)
    for row in scripts:
        write_script(engine, row, case.flows[row].script)
    return engine


def write_script(engine, flow, entries):
    """Give a flow a script of (time_ps, bytes) and (time_ps, bytes, packets, tail_ps)."""
    rows = np.array([(*entry, 1, entry[0])[:4] for entry in entries], np.int64).reshape(-1, 4)
    engine.set_script(flow, *rows.T)


def steps_of(case):
    """What the engine is told of each step of a case."""
    changes = sorted(case.changes)
    up = set()
    for step in case.steps:
        if step.t0_ps >= case.end_ps:
            return
        end_ps = min(step.t1_ps, case.end_ps)
        now = [change for change in changes if step.t0_ps <= change[0] < step.t1_ps]
        failing = [change for change in case.node_changes if step.t0_ps <= change[0] < step.t1_ps]
        links = np.array(sorted(up | {change[1] for change in now}), np.int64)
        for _, link, kind, _ in sorted(now, key=lambda change: (change[0], CHANGE_KINDS[change[2]])):
            (up.discard if kind == "stop" else up.add)(link)
        yield (
            end_ps,
            Step(
                start_ps=step.t0_ps,
                end_ps=step.t1_ps,
                links=links,
                delay_start_ps=np.array(step.delay_start_ps, np.int64)[links],
                delay_end_ps=np.array(step.delay_end_ps, np.int64)[links],
                change_ps=np.array([change[0] for change in now], np.int64),
                change_link=np.array([change[1] for change in now], np.int64),
                change_kind=np.array([CHANGE_KINDS[change[2]] for change in now], np.int64),
                change_rate_bps=np.array([change[3] for change in now], np.int64),
                node_change_ps=np.array([change[0] for change in failing], np.int64),
                node_change_node=np.array([change[1] for change in failing], np.int64),
                node_change_up=np.array([change[2] == "up" for change in failing], np.int64),
            ),
        )


def run_steps(engine, case, windows_per_call=2**62):
    """Run an engine to the end of a case: what it taps, one array of records for each drain."""
    drained = []
    for end_ps, step in steps_of(case):
        engine.begin_step(step)
        while True:
            arrived = engine.advance(end_ps, windows_per_call)
            drained.append(engine.drain_taps())
            if arrived:
                break
    return drained


def run_case(case, windows_per_call=2**62, **options):
    """Run a case to its end: the engine, and the fates of all packets that are not in flight."""
    engine = engine_of(case, **options)
    try:
        drained = run_steps(engine, case, windows_per_call)
    finally:
        engine.close()
    return engine, fates_of(drained)


class Fates(dict):
    """{(flow, sequence): (outcome, time_ps)}; of a segment that was sent again, one of its packets.

    `counted` has every packet: how often each (flow, sequence, created_ps, outcome, time_ps) occurs.
    """

    def __init__(self, rows):
        super().__init__({row[:2]: row[3:] for row in rows})
        self.counted = Counter(rows)


def fates_of(drained):
    """`Fates` of the deliveries and drops among tapped records."""
    return Fates(
        [
            fate_of(record)
            for records in drained
            for record in records[records[:, state.T_KIND] >= state.TAP_DELIVERED]
        ]
    )


def fate_of(record):
    """One tapped delivery or drop: (flow, sequence, created_ps, outcome, time_ps)."""
    ident, kind = int(record[state.T_IDENT]), int(record[state.T_KIND])
    outcome = "delivered" if kind == state.TAP_DELIVERED else CAUSES[kind - state.TAP_DROPPED]
    flow, sequence = ident >> state.SEQUENCE_BITS, ident & state.SEQUENCE_MASK
    return flow, sequence, int(record[state.T_CREATED]), outcome, int(record[state.T_TIME])


def fates_of_reference(result):
    """The same of a reference simulation."""
    return Fates(list(fates_counted(result).elements()))
