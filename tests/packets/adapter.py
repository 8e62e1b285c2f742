"""Gives the engine a case of the reference simulator, and reads back what became of every packet."""

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.causes import CAUSES
from lasermesh.packets.engine import PacketEngine, Step
from lasermesh.traffic.flows import flows_from_rows

CHANGE_KINDS = {"stop": state.CHANGE_STOP, "start": state.CHANGE_START, "rate": state.CHANGE_RATE}


def flows_of(case):
    """The case's flows as columns."""
    return flows_from_rows(
        [
            {
                "source": flow.source,
                "destination": flow.destination,
                "kind": flow.kind,
                "rate_bps": flow.rate_bps,
                "sizes": flow.sizes,
                "script": flow.script,
                "start_ps": flow.start_ps,
                "stop_ps": flow.stop_ps,
                "phase_ps": flow.phase_ps,
                "hop_limit": flow.hop_limit,
                "traffic_class": 0,
            }
            for flow in case.flows
        ]
    )


def engine_of(case, taps=0, trace=True, **options):
    """An engine that knows the case's links, all tapped as `taps` says, and its tables."""
    engine = PacketEngine(
        case.n_nodes,
        flows_of(case),
        end_ps=case.end_ps,
        seed=case.seed,
        reroute=case.on_link_down == "reroute",
        framing_bytes=case.framing_bytes,
        trace=trace,
        **options,
    )
    engine.add_links(case.link_from, case.link_to, case.queue_packets, case.queue_bytes, taps)
    for table in case.tables:
        labels = table.label_of_flow or [flow.label for flow in case.flows]
        engine.install_table(
            np.array(table.link, np.int32)[:, :, None],
            np.array(labels, np.int32)[:, None],
            np.array(table.switch_ps, np.int64),
        )
    return engine


def steps_of(case):
    """What the engine is told of each step of a case."""
    changes = sorted(case.changes)
    up = set()
    for step in case.steps:
        if step.t0_ps >= case.end_ps:
            return
        end_ps = min(step.t1_ps, case.end_ps)
        now = [change for change in changes if step.t0_ps <= change[0] < step.t1_ps]
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


def fates_of(drained):
    """{(flow, sequence): (outcome, time_ps)} of the deliveries and drops among tapped records."""
    fates = {}
    for records in drained:
        for record in records[records[:, state.T_KIND] >= state.TAP_DELIVERED]:
            fates.update(fate_of(record))
    return fates


def fate_of(record):
    """One tapped delivery or drop as an entry of `fates`."""
    ident, kind = int(record[state.T_IDENT]), int(record[state.T_KIND])
    outcome = "delivered" if kind == state.TAP_DELIVERED else CAUSES[kind - state.TAP_DROPPED]
    key = (ident >> state.SEQUENCE_BITS, ident & state.SEQUENCE_MASK)
    return {key: (outcome, int(record[state.T_TIME]))}


def fates_of_reference(result):
    """The same of a reference simulation."""
    return {
        key: (packet.outcome, packet.time_ps)
        for key, packet in result.packets.items()
        if packet.outcome != "in_flight"
    }
