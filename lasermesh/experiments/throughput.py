"""How much a network carries under traffic that fills it, beside the most that could be carried."""

import dataclasses
import math
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lasermesh.errors import Interrupted, RunFailed, UserError
from lasermesh.experiments import bounds, offering
from lasermesh.experiments.ceiling import LP, MAX_FLOW, METHODS, NO_BOUND, Ceiling
from lasermesh.experiments.measuring import BUSY, measure
from lasermesh.experiments.paths import check_instant
from lasermesh.experiments.remembering import link_engine
from lasermesh.experiments.snapshots import SnapshotMaker
from lasermesh.machine import processors
from lasermesh.orbits import build_ephemeris
from lasermesh.results import RunFolder, json_ready
from lasermesh.results.statuses import COMPLETE, FAILED, INTERRUPTED
from lasermesh.results.throughput import NO_PATH, keep_throughput
from lasermesh.routing import compute_table, load_policy

MOST_INSTANTS = 8
"""Instants of the measured time at which bounds are computed; of more steps, so many evenly spread."""

LEAST_SETTLE_SHARE = 0.2
LEAST_INTERVAL = 1e-3
SHORTEST_S = 1e-6
BUSIEST = 10
MOST_LOADS = 100
MOST_FLOWS_PER_PAIR = 1000


def jain_index(shares) -> float | None:
    """Fairness of an allocation: 1 if all shares are equal, 1/n if one has everything; None of nothing.

    R. Jain, D.-M. Chiu, W. Hawe, DEC Research Report TR-301, 1984: (sum x)^2 / (n * sum x^2).
    """
    shares = np.asarray(shares, np.float64)
    squares = float(np.sum(shares**2))
    return float(np.sum(shares) ** 2 / (len(shares) * squares)) if squares > 0.0 else None


def throughput(
    topology,
    pairs=None,
    matrix=None,
    policy="shortest-delay",
    options=None,
    start_s=0.0,
    duration_s=1.0,
    settle_s=None,
    rate_gbps=None,
    packet_bytes=1500,
    loads=(),
    queue_bytes=None,
    scale=None,
    bound=None,
    flows_per_pair=None,
    seed=0,
    threads=None,
    output=None,
    sets=(),
    on_progress=None,
    warn=lambda message: None,
) -> dict:
    """Measure what a network carries under traffic that fills it, and how much could be carried at most.

    Parameters
    ----------
    topology : str
        Name or file.
    pairs : list of (str, str) or str, optional
        Names of both ends; a CSV file with columns from,to[,rate_gbps]; or "all", every ground site to every
        other.
    matrix : str, optional
        In place of pairs: a CSV file, or "gravity"; demands go with it.
    policy : str
    options : mapping, optional
        Of the policy.
    start_s, duration_s : float
        Traffic starts at `start_s`; what happens in the `duration_s` after the settling is counted.
    settle_s : float, optional
        Absent: LEAST_SETTLE_SHARE of the duration, or as long as the longest round trip and the filling of
        the queues that overflow, whichever is longer.
    rate_gbps : float, optional
        What each pair offers, of a matrix all together; absent: what saturates the sources.
    packet_bytes : int
        Of the largest packets; others have half of it at least (offering.SIZES).
    loads : sequence of float
        Multiples, one run each: of the rates given; without any, of the greatest rates in proportion to the
        demands that fit, where that bound is computed; else of the saturating rates.
    queue_bytes : int, optional
        Limit of each queue at full rates; absent: offering.QUEUE_PACKETS packets.
    scale : float, optional
        `packets.scale`; absent: as large as a budget of packets allows.
    bound : str, optional
        One of ceiling.METHODS; absent: max-flow for one pair, lp for more, if scipy is there.
    flows_per_pair : int, optional
        Flows that each pair is sent as, with equal parts of its rate; absent: offering.FLOWS_PER_PAIR if that
        many take different paths, else 1.
    seed, threads, sets
        As of a run; sets of the topology begin with `topology.`.
    output : path, optional
        New folder for `throughput.json`, `pairs.parquet` and the folder of each run.
    on_progress : function of Progress, optional
    warn : function of str

    Returns
    -------
    result : dict
        JSON-ready; `lasermesh docs throughput` names the fields. Rates are at full scale, as of the topology.

    Raises
    ------
    ScenarioError, UserError
        If names, rates or times are wrong, or no pair has a path.
    RunFailed
        If a run fails.
    Interrupted
        After Ctrl-C in a run. Then, as when a run fails, `output` has the result of the loads before.
    """
    _check(start_s, duration_s, settle_s, loads, bound, flows_per_pair)
    RunFolder.check(output)
    table = {
        "start_s": start_s,
        "duration_s": duration_s,
        "seed": seed,
        "routing": {"policy": policy, "options": dict(options or {})},
        "packets": {"queue_packets": offering.QUEUE_PACKETS}
        if queue_bytes is None
        else {"queue_bytes": queue_bytes},
        "flows": {"packet_mix": offering.packet_mix(packet_bytes)},
    }
    if scale is not None:
        table["packets"]["scale"] = scale
    demand = offering.read_demand(topology, pairs, matrix, rate_gbps, table, sets)
    for warning in demand.experiment.warnings:
        warn(warning)
    study = _Study(demand, bound, flows_per_pair, warn)
    plan = study.plan(loads, settle_s, scale)
    with tempfile.TemporaryDirectory(prefix="lasermesh-") as temporary:
        folder = Path(temporary if output is None else output)
        return _run_levels(study, plan, folder, output is not None, threads or processors(), on_progress)


def _run_levels(study, plan, folder, is_kept, threads, on_progress):
    """Run all levels, keeping the result after each: the result."""
    n_levels, levels = len(plan.offered_gbps), []

    def result_now(status):
        result = json_ready(study.result(status, plan, levels))
        if is_kept:
            keep_throughput(result, folder)
        return result

    for level in range(n_levels):
        try:
            levels.append(study.run_level(plan, level, folder, threads, on_progress))
        except Interrupted as error:
            result_now(INTERRUPTED)
            where = f"in {folder}" if is_kept else "and kept nowhere; -o DIR would keep them"
            raise Interrupted(f"{error}; {level} of {n_levels} loads are complete, {where}") from error
        except RunFailed as error:
            result_now(FAILED)
            if is_kept or not isinstance(error.__cause__, (RunFailed, UserError)):
                raise
            raise RunFailed(str(error.__cause__)) from error  # which names the folder that is about to go
        result = result_now(COMPLETE if len(levels) == n_levels else INTERRUPTED)
    return result


def _check(start_s, duration_s, settle_s, loads, bound, flows_per_pair):
    """Refuse times, loads and bounds that make no sense."""
    check_instant(start_s, "start")
    for value, what in ((duration_s, "duration"), (settle_s, "time to settle")):
        if value is not None and not (math.isfinite(value) and value >= SHORTEST_S):
            raise UserError(f"the {what} must be at least {SHORTEST_S:g} s (got {value:g} s)")
    if settle_s is not None and settle_s < LEAST_INTERVAL * duration_s:
        raise UserError(
            f"the time to settle must be at least {LEAST_INTERVAL:g} of the duration, as links are counted "
            f"in intervals of it (got {settle_s:g} s of {duration_s:g} s)"
        )
    for load in loads:
        if not (math.isfinite(load) and 0.0 < load <= 1000.0):
            raise UserError(f"each load must be above 0 and at most 1000, such as 0.5 (got {load:g})")
    if len(loads) > MOST_LOADS or len(set(loads)) < len(loads):
        raise UserError(f"loads must differ, and may be at most {MOST_LOADS} (got {len(loads)})")
    if bound not in (None, *METHODS):
        raise UserError(f'the bound must be {", ".join(METHODS[:-1])} or {METHODS[-1]} (got "{bound}")')
    if flows_per_pair is not None and not 1 <= flows_per_pair <= MOST_FLOWS_PER_PAIR:
        raise UserError(f"flows per pair must be 1 to {MOST_FLOWS_PER_PAIR} (got {flows_per_pair})")
    if bound == LP and not bounds.have_solver():
        raise UserError(f"the bound lp is a linear program; {bounds.INSTALL_HINT}")


class _Plan(NamedTuple):
    """What is run: the settling, the scale, and the rates of each run."""

    loads: tuple  # (n_levels,)  None where no load was asked for
    load_of: str | None  # what loads are multiples of
    wanted_gbps: list  # of float64 (n_pairs,), one for each level: what bounds are for
    offered_gbps: list  # likewise, 0 for pairs that the policy gives no path, which are not sent
    flows_per_pair: int
    settle_s: float
    scale: float


class _Study:
    """The network and the demand of one call, with what is asked of both more than once."""

    def __init__(self, demand, bound, flows_per_pair, warn):
        self._warn = warn
        self._experiment = experiment = demand.experiment
        specs = experiment.expanded_flows
        self._demand = demand
        sizes, weights = np.array(specs[0].packet_mix).T
        self._largest_bytes, self._bytes = int(sizes.max()), float(np.average(sizes, weights=weights))
        self._payload = self._bytes / (self._bytes + experiment.packets.framing_bytes)
        topology, self._ephemeris = experiment.topology, build_ephemeris(experiment.topology)
        self._links = link_engine(topology, self._ephemeris, None, warn)
        rows = np.array([(spec.from_row, spec.to_row) for spec in specs], np.int32).reshape(-1, 2)
        self._snapshots = SnapshotMaker(
            topology, self._ephemeris, *rows.T, experiment.routing.options, experiment.seed
        )
        self._policy = load_policy(experiment.routing.policy)
        method = bound or (MAX_FLOW if len(specs) == 1 else LP)
        if method == LP and not bounds.have_solver():
            warn(f"no upper bound: it is a linear program for several pairs; {bounds.INSTALL_HINT}")
            method = NO_BOUND
        self._method = method
        self._flows_per_pair = flows_per_pair
        self._before = 0.0, 0  # wall time and packet-hops of the levels that were run

    # -- what is known before anything is sent ---------------------------------------------------------

    def plan(self, loads, settle_s, scale):
        """Look at the network, compute bounds that loads refer to, choose rates, scale and settling."""
        self._look(settle_s)
        self._ceiling = Ceiling(
            self._method, self._seen, self._weights, self._demand.gbps, self._payload, self._warn
        )
        if self._demand.kind == offering.GIVEN:
            reference, load_of = self._demand.gbps, "given"
        elif loads and self._ceiling.concurrent is not None:
            reference, load_of = self._ceiling.multiple * self._demand.gbps, "bound"
        else:
            reference, load_of = offering.saturating_gbps(self._demand, self._seen), "saturating"
        wanted = [load * reference for load in loads or (1.0,)]
        offered = [np.where(self._routed, gbps, 0.0) for gbps in wanted]

        rates_gbps = np.zeros(1 + max(int(s.link.max(initial=-1)) for s in self._seen))
        for snapshot in self._seen[::-1]:
            rates_gbps[snapshot.link] = snapshot.rate_bps / 1e9
        greatest = max(offered, key=np.sum)
        of_flows = np.repeat(greatest / self._parts, self._parts)
        loads_gbps = offering.link_loads_gbps(self._routes, of_flows, len(rates_gbps))
        chosen = scale or self._experiment.packets.scale
        if scale is None and chosen == 1.0:
            least = min(offered, key=np.sum)
            slowest_gbps = min(least[least > 0.0].min(), rates_gbps[loads_gbps > 0.0].min())
            carried_gbps = np.minimum(loads_gbps, rates_gbps).sum()
            span_s = (1.0 + LEAST_SETTLE_SHARE) * self._experiment.duration_s
            chosen = offering.scale_for(greatest.sum(), slowest_gbps, carried_gbps, self._bytes, span_s)
        if settle_s is None:
            full = (loads_gbps > rates_gbps) & (rates_gbps > 0.0)
            settle_s = self._settling_s(rates_gbps[full] * chosen, chosen)
        flows_per_pair = self._flows_per_pair or (self._parts if self._parts_differ else 1)
        load_of = load_of if loads else None
        return _Plan(tuple(loads) or (None,), load_of, wanted, offered, flows_per_pair, settle_s, chosen)

    def _look(self, settle_s):
        """Snapshots of the measured time, the policy's first routes, which pairs have paths."""
        experiment, step_s = self._experiment, self._experiment.topology.step_s
        begin_s = settle_s or LEAST_SETTLE_SHARE * experiment.duration_s  # not known yet, but about that
        end_s = begin_s + experiment.duration_s
        first, last = int(begin_s / step_s), max(int(begin_s / step_s), math.ceil(end_s / step_s - 1e-9) - 1)
        steps = np.unique(np.linspace(first, last, min(MOST_INSTANTS, last - first + 1)).round().astype(int))
        self._sampled = len(steps) < last - first + 1
        overlap = [min(end_s, (k + 1) * step_s) - max(begin_s, k * step_s) for k in steps.tolist()]
        self._weights = np.ones(len(steps)) if self._sampled else np.array(overlap)
        self._weights = self._weights / self._weights.sum()
        self._times_s = [experiment.start_s + k * step_s for k in steps.tolist()]
        usual = min(offering.FLOWS_PER_PAIR, max(1, offering.MOST_FLOWS // len(experiment.expanded_flows)))
        self._parts = parts = self._flows_per_pair or usual
        if parts > 1 and parts * len(experiment.expanded_flows) > offering.MOST_FLOWS:
            raise UserError(
                f"{len(experiment.expanded_flows):,} pairs of {parts} flows each are more than "
                f"{offering.MOST_FLOWS:,} flows; at most {usual} flows per pair"
            )
        self._seen, table, self._routed, self._parts_differ = [], None, False, False
        for t_s in self._times_s:
            snapshot = self._snapshots.of(self._links.graph_at(t_s), table)
            table, _ = compute_table(self._policy, snapshot, experiment.routing.time_limit_s)
            routes = offering.routes_of_parts(snapshot, table, parts, experiment.seed)
            has_path = np.isfinite(routes.delay_s).reshape(-1, parts).any(axis=1)
            self._routes = self._routes if np.any(self._routed) else routes
            self._routed = has_path | self._routed
            self._parts_differ = self._parts_differ or offering.parts_differ(routes, parts)
            self._seen.append(snapshot)
        if not self._routed.any():
            raise UserError(
                f"none of {len(self._routed)} pairs has a path with {experiment.routing.policy} from "
                f"t = {self._times_s[0]:g} s on; there is nothing to measure"
            )
        self._changes = (
            last - first
            if self._sampled
            else sum(
                not (np.array_equal(a.link, b.link) and np.array_equal(a.rate_bps, b.rate_bps))
                for a, b in pairwise(self._seen)
            )
        )

    def _settling_s(self, full_gbps, scale):
        """Time until paths and queues are full, those of links at `full_gbps` that are offered more."""
        packets = self._experiment.packets
        longest_s = 2.0 * float(np.nanmax(self._routes.delay_s))
        if len(full_gbps):
            waiting_bytes = min(
                math.inf if packets.queue_packets is None else packets.queue_packets * self._bytes,
                math.inf if packets.queue_bytes is None else packets.queue_bytes * scale,
            )
            drained_s = (
                waiting_bytes * 8e-9 / float(full_gbps.min()) if math.isfinite(waiting_bytes) else 0.05
            )
            longest_s += drained_s / (offering.OVERLOAD - 1.0)
        return math.ceil(1e6 * max(LEAST_SETTLE_SHARE * self._experiment.duration_s, longest_s)) / 1e6

    # -- runs ------------------------------------------------------------------------------------------

    def run_level(self, plan, level, folder, threads, on_progress):
        """Run one level: its entry of the result, with all pairs."""
        load, offered = plan.loads[level], plan.offered_gbps[level]
        sent = np.flatnonzero(offered > 0.0)
        name = "run" if load is None else f"load-{load:g}"
        progress = None
        if on_progress is not None:
            done_s, levels = level * (plan.settle_s + self._experiment.duration_s), len(plan.loads)

            def progress(p):
                on_progress(
                    p._replace(
                        simulated_s=done_s + p.simulated_s,
                        duration_s=levels * p.duration_s,
                        wall_s=self._before[0] + p.wall_s,
                        packet_hops=self._before[1] + p.packet_hops,
                    )
                )

        parts = offering.parts_of_pairs(offered[sent], plan.flows_per_pair, plan.scale)
        experiment = self._experiment_of(plan, offered, sent, parts)
        measured = measure(experiment, plan.settle_s, folder / name, threads, progress, self._warn)
        self._before = self._before[0] + measured.wall_s, self._before[1] + measured.packet_hops
        measured = measured._replace(counted=measured.counted.added_up(np.cumsum(parts) - parts))
        total_gbps, gap = self._ceiling.total(plan.wanted_gbps[level])
        entry = self._entry(measured, offered[sent], sent, plan)
        entry = {"load": load} | entry
        if total_gbps:
            entry["bound_gbps"], entry["bound_gap"] = total_gbps, gap
            entry["share_of_bound"] = entry["goodput_gbps"] / total_gbps
            entry["tolerance"] = self._tolerance(measured, offered[sent], plan, total_gbps)
        return entry

    def _experiment_of(self, plan, offered_gbps, sent, parts):
        """The experiment of one level."""
        experiment = self._experiment
        duration_s = plan.settle_s + experiment.duration_s
        pairs = [
            dataclasses.replace(experiment.expanded_flows[row], stop_s=duration_s) for row in sent.tolist()
        ]
        flows = tuple(offering.split_flows(pairs, offered_gbps[sent], parts))
        return dataclasses.replace(
            experiment,
            duration_s=duration_s,
            expanded_flows=flows,
            packets=dataclasses.replace(experiment.packets, scale=plan.scale),
            observe=dataclasses.replace(experiment.observe, links_every_s=plan.settle_s),
        )

    def _entry(self, measured, offered_gbps, sent, plan):
        """What one run showed, rates divided by the scale."""
        counted, demand = measured.counted, self._demand.gbps[sent]
        to_gbps = 8e-9 / (self._experiment.duration_s * plan.scale)
        goodput_gbps = counted.bytes_delivered * to_gbps
        ended = counted.delivered + counted.dropped
        names = self._experiment.expanded_flows
        pairs = [
            {
                "from": names[row].from_name,
                "to": names[row].to_name,
                "demand": demand[k],
                "offered_gbps": offered_gbps[k],
                "goodput_gbps": goodput_gbps[k],
                "delivered_share": counted.delivered[k] / ended[k] if ended[k] else None,
                "latency_mean_ms": int(counted.latency_sum_ps[k]) / int(counted.delivered[k]) / 1e9
                if counted.delivered[k]
                else None,
                "hops_mean": counted.hops_sum[k] / counted.delivered[k] if counted.delivered[k] else None,
            }
            for k, row in enumerate(sent.tolist())
        ]
        delivered, all_ended = int(counted.delivered.sum()), int(ended.sum())
        busy = sum(link["utilisation"] >= BUSY for link in measured.links)
        return {
            "offered_gbps": float(offered_gbps.sum()),
            "goodput_gbps": float(goodput_gbps.sum()),
            "delivered_share": delivered / all_ended if all_ended else None,
            "loss_share": 1.0 - delivered / all_ended if all_ended else None,
            "bound_gbps": None,
            "bound_gap": None,
            "share_of_bound": None,
            "tolerance": None,
            "jain": jain_index(goodput_gbps / demand),
            "concurrent_gbps": self._concurrent_gbps(goodput_gbps, sent),
            "latency_ms": counted.latency_ms(measured.longest_latency_ms),
            "hops_mean": int(counted.hops_sum.sum()) / delivered if delivered else None,
            "bottleneck_count": busy,
            "bottlenecks": measured.links[: max(busy, BUSIEST)],
            "packet_hops": measured.packet_hops,
            "wall_s": measured.wall_s,
            "pairs": pairs,
        }

    def _concurrent_gbps(self, goodput_gbps, sent):
        """All demands times the least share of its own that a pair got which some path joins."""
        served_gbps = np.zeros(len(self._demand.gbps))
        served_gbps[sent] = goodput_gbps
        joined = np.any(self._ceiling.joined, axis=0)
        demand_gbps = self._demand.gbps[joined]
        return float(np.min(served_gbps[joined] / demand_gbps) * demand_gbps.sum())

    def _tolerance(self, measured, offered_gbps, plan, bound_gbps):
        """By how much of the bound goodput may be above it, because time is measured at the far end.

        What is delivered in the measured time D was sent and carried in that time and the longest latency L
        before it, so the bound holds over D + L. It holds for each link graph alone; for what crosses one
        part of its path before a change of links and the rest after it, L is added once more for each
        change. A link may end one packet more in any time than its rate allows. And random rates may be
        above the mean.
        """
        duration_s, to_gbps = self._experiment.duration_s, 8e-9 / self._experiment.duration_s / plan.scale
        slowest_bps = min(int(s.rate_bps.min()) for s in self._seen if s.n_links) * plan.scale
        late_s = (
            1 + self._changes
        ) * measured.longest_latency_ms / 1e3 + 8 * self._largest_bytes / slowest_bps
        more_gbps = np.maximum(0.0, measured.counted.bytes_sent * to_gbps - offered_gbps).sum()
        return float(late_s / duration_s + more_gbps / bound_gbps)

    # -- the result ------------------------------------------------------------------------------------

    def result(self, status, plan, levels):
        """All of it, as `throughput` returns it; of the levels, those that were run."""
        experiment = self._experiment
        packets, specs = experiment.packets, experiment.expanded_flows
        joined = np.any(self._ceiling.joined, axis=0)
        unreachable = [
            {
                "from": specs[row].from_name,
                "to": specs[row].to_name,
                "why": "the policy gives no path" if joined[row] else NO_PATH,
            }
            for row in np.flatnonzero(~self._routed).tolist()
        ]
        fastest_bps = max(int(s.rate_bps.max()) for s in self._seen if s.n_links)
        return {
            "topology": experiment.topology.name,
            "policy": self._policy.name,
            "status": status,
            "seed": experiment.seed,
            "start_s": experiment.start_s,
            "settle_s": plan.settle_s,
            "measured_s": experiment.duration_s,
            "packet_bytes": self._largest_bytes,
            "queue_packets": packets.queue_packets,
            "queue_bytes": packets.queue_bytes,
            "scale": plan.scale,
            "packet_time_ms": 8e3 * self._largest_bytes / (fastest_bps * plan.scale),
            "pair_count": len(specs),
            "flows_per_pair": plan.flows_per_pair,
            "demand": self._demand.kind,
            "unreachable": unreachable,
            "load_of": plan.load_of,
            "instants_s": self._times_s,
            "sampled": self._sampled,
            "bound": self._ceiling.entry(self._ephemeris.names),
            "loads": levels,
        }
