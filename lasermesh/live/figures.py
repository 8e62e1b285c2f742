"""What a live run measured of itself: the figures that its verdict rests on, and what its summary says."""

from lasermesh.live.fidelity import FidelityFigures, Lateness, verdict_of
from lasermesh.units import PS_PER_MS

_NS_PER_MS = 1e6


def figures_of(simulation):
    """`FidelityFigures` of a live run (LiveSimulation), as far as it has come."""
    engine, pace = simulation.engine, simulation.pace
    counters = engine.counters()
    run_s = simulation.lasted_s()
    rtt_s = simulation.shortest_rtt_s
    standstill_s, longest_standstill_s = simulation.standstills_s()
    return FidelityFigures(
        into=_lateness(engine.entry_lateness()),
        out=_lateness(engine.lateness()),
        answers=_lateness(engine.answer_lateness()),
        shortest_rtt_ms=None if rtt_s is None else 1e3 * rtt_s,
        tun_drops=simulation.outside.tun_drops(),
        buffer_drops=counters.buffer_drops,
        write_errors=counters.write_errors,
        parked_drops=counters.parked_dropped,
        gone_hosts=counters.gone_hosts,
        lost_share=_share(counters.lost_ns / 1e9, run_s) or 0.0,
        longest_gap_ms=_hiccups(engine).max_ns / _NS_PER_MS,
        run_s=run_s,
        step_s=simulation.experiment.topology.step_s,
        standstill_s=standstill_s,
        longest_standstill_s=longest_standstill_s,
        late_steps=pace.late_steps,
        late_s=pace.late_s,
        slowest_step_s=pace.slowest_step_s,
        slowest_writing_s=pace.slowest_writing_s,
        longest_lag_s=pace.longest_lag_s,
        gso=simulation.experiment.live.gso,
    )


def _lateness(histogram):
    percentiles_ms = (histogram.percentile_ns(percent) / _NS_PER_MS for percent in (50, 90, 99))
    return Lateness(int(histogram.count.sum()), *percentiles_ms)


def live_entry(simulation):
    """The object `live` in the summary of a run that has ended (LiveSimulation)."""
    engine, pace, live = simulation.engine, simulation.pace, simulation.experiment.live
    figures, counters = figures_of(simulation), engine.counters()
    verdict, reasons = verdict_of(figures)
    names = simulation.experiment.topology.node_names
    return {
        "verdict": verdict,
        "reasons": reasons,
        "hosts": [names[row] for row in simulation.host_flows.hosts.tolist()],
        "lateness_ms": _quantiles(engine.lateness(), (50, 90, 99)),
        "entry_lateness_ms": _quantiles(engine.entry_lateness(), (50, 90, 99)),
        "answer_lateness_ms": _quantiles(engine.answer_lateness(), (50, 90, 99)),
        "hiccups_ms": _quantiles(_hiccups(engine), (50, 99)) | {"lost_share": figures.lost_share},
        "tun_drops": figures.tun_drops,
        "buffer_drops": figures.buffer_drops,
        "write_errors": figures.write_errors,
        "gone_hosts": figures.gone_hosts,
        "cpu_share": {
            "datapath": _share(counters.cpu_ns / 1e9, figures.run_s),
            "control": _share(pace.cpu_s, figures.run_s),
        },
        "steps": {
            "late": pace.late_steps,
            "standstill_s": figures.standstill_s,
            "longest_standstill_ms": 1e3 * figures.longest_standstill_s,
            "late_s": pace.late_s,
            "slowest_s": pace.slowest_step_s,
            "slowest_writing_s": pace.slowest_writing_s,
            "longest_pause_ms": 1e3 * pace.longest_pause_s,
            "longest_lag_ms": 1e3 * pace.longest_lag_s,
        },
        "overhead_ms": simulation.overhead_ps / PS_PER_MS,
        "packets_in": counters.packets_in,
        "packets_out": counters.packets_out,
        "bytes_in": counters.bytes_in,
        "bytes_out": counters.bytes_out,
        "refused": {
            "unknown": counters.unknown,
            "spoofed": counters.spoofed,
            "malformed": counters.malformed,
            "unreached_satellites": counters.parked_dropped,
        },
        "answers": {
            "time_exceeded": counters.time_exceeded,
            "echo_replies": counters.echo_replies,
            "unreachable": counters.unreachable,
            "suppressed": counters.suppressed,
        },
        "command": None,
        "settings": {},
        "gso": live.gso,
        "mtu_bytes": live.mtu_bytes,
        **simulation.outside.entries(),
    }


def _hiccups(engine):
    """Times for which the datapath wanted to run and did not: `Histogram`."""
    gaps, overslept = engine.hiccups()
    return gaps._replace(count=gaps.count + overslept.count)


def _quantiles(histogram, percents):
    """Quantiles and the maximum in ms; None where nothing was counted."""
    if not histogram.count.any():
        return {f"p{percent}": None for percent in percents} | {"max": None}
    found = {f"p{percent}": histogram.percentile_ns(percent) / _NS_PER_MS for percent in percents}
    return found | {"max": histogram.max_ns / _NS_PER_MS}


def _share(part_s, whole_s):
    return part_s / whole_s if whole_s > 0 else None
