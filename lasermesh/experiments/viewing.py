"""From the folder of a run, or from a topology, to the scene that a globe shows."""

import datetime
import math

import numpy as np

from lasermesh.errors import UserError
from lasermesh.experiments.contacts import find_contacts
from lasermesh.experiments.paths import check_instant
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures
from lasermesh.results.bundles import BUNDLES
from lasermesh.results.link_use import link_intervals_of
from lasermesh.results.summary import PACKETS
from lasermesh.units import EARTH_ROTATION_RAD_PER_S, WGS72_GRAVITY_M3_PER_S2
from lasermesh.views.keyframes import SPHERE, key_frames
from lasermesh.views.scene import GlobeScene
from lasermesh.views.scene_links import LinkTimes, pair_up
from lasermesh.views.scene_runs import NodeRows, contacts_of_run, drops_of_run, flows_of_run, load_of_run

DEFAULT_FLOWS = 100
MOST_FLOWS = 10_000
LONGEST_DEFAULT_S = 7200.0
"""Of a topology's scene: one orbit, but no more than this."""

SHORTEST_EVERY_S = 0.001
ROLES = (("sensor", "sensors"), ("compute", "compute"))
"""Roles of nodes, and the tables of the experiment that give them."""


def scene_of_run(
    run,
    start_s: float | None = None,
    duration_s: float | None = None,
    every_s: float | None = None,
    flows: int = DEFAULT_FLOWS,
    interpolation=SPHERE,
    on_progress=lambda share: None,
    warn=lambda message: None,
) -> GlobeScene:
    """What a globe shows of a run.

    Parameters
    ----------
    run : Run
    start_s : float, optional
        Since the topology's epoch; absent: the run's start. It is moved back to where one of the intervals
        begins for which the run kept what links did.
    duration_s : float, optional
        Absent: until the run's end.
    every_s : float, optional
        Time between key frames; absent: so that interpolation misses little.
    flows : int
        How many flows are shown, those that sent most.
    interpolation : views.keyframes.Interpolation
    on_progress : function of float
        Called now and then with the share of the run's table of links that has been read.
    warn : function of one str
        Told what was left out or made coarser; that stands in the scene's notes too.

    Raises
    ------
    UserError
        If there is nothing to show: no positions, a time outside of the run.
    """
    if not 0 <= flows <= MOST_FLOWS:
        raise UserError(f"the number of flows must be from 0 to {MOST_FLOWS:,} (got {flows})")
    topology, settings = run.topology, run.manifest["scenario"]
    intervals, stop_s = _span(run, start_s, duration_s)
    start_s = intervals.start_s
    notes = _Notes(warn)
    ephemeris = build_ephemeris(topology)
    frames, stop_s = _frames(topology, ephemeris, start_s, stop_s, every_s, interpolation, notes)

    nodes = NodeRows(ephemeris.names)
    pairs = _links(contacts_of_run(run, nodes), start_s, stop_s, topology, frames, notes)
    shown_intervals = intervals.part(start_s, stop_s)  # frames may have ended the scene sooner
    load, intervals_per_bin = load_of_run(run, nodes, pairs["links"], shown_intervals, on_progress)
    drops = drops_of_run(run, start_s, stop_s)
    shown, left_out = flows_of_run(run, nodes, start_s, stop_s, flows)
    for sentence in _what_is_not_shown(run, load.bin_s, intervals_per_bin, shown, left_out):
        notes.add(sentence)
    return _scene(topology, ephemeris, frames, pairs, start_s, stop_s, notes)._replace(
        title=settings["name"],
        roles=_roles(settings, topology),
        load=load,
        drops=drops,
        flows=shown,
        flows_left_out=left_out,
        summary=_totals(run.summary) | {"status": run.status},
    )


def _what_is_not_shown(run, bin_s, intervals_per_bin, shown, left_out):
    """Sentences on what a scene leaves out of a run or makes coarser."""
    if intervals_per_bin > 1:
        yield (
            f"What links did is shown by bins of {bin_s:.12g} s, {intervals_per_bin} intervals of the "
            "run each: the mean of their use, the longest of their queues."
        )
    if left_out:
        yield f"{left_out:,} of {left_out + len(shown):,} flows are left out, those that sent least."
    if any(flow.counts == BUNDLES for flow in shown):
        yield "Flows of bundles are shown without paths: each bundle finds its own (bundle_hops.parquet)."
    if run.status != "complete":
        simulated_s = run.summary["simulated_s"]
        yield f"The run was {run.status} after {simulated_s:.12g} s; this is what there is of it."


def scene_of_topology(
    topology,
    start_s: float | None = None,
    duration_s: float | None = None,
    every_s: float | None = None,
    interpolation=SPHERE,
    on_progress=lambda share: None,
    warn=lambda message: None,
) -> GlobeScene:
    """What a globe shows of a topology, without traffic: satellites, and links as the rules make them.

    Parameters and errors as for `scene_of_run`; `duration_s` is by default one orbit of the satellite that
    needs least, at most `LONGEST_DEFAULT_S`. `on_progress` is called now and then with the share of the time
    for which links have been found.
    """
    start_s = 0.0 if start_s is None else start_s
    check_instant(start_s, "start")
    ephemeris = build_ephemeris(topology)
    if duration_s is None:
        duration_s = min(_orbit_s(ephemeris, start_s), LONGEST_DEFAULT_S)
    _check_duration(duration_s)
    check_instant(start_s + duration_s, "end")
    notes = _Notes(warn)
    frames, stop_s = _frames(
        topology, ephemeris, start_s, start_s + duration_s, every_s, interpolation, notes
    )
    plan = find_contacts(
        topology,
        start_s,
        stop_s - start_s,
        on_progress=lambda t_s: on_progress((t_s - start_s) / (stop_s - start_s)),
    ).plan
    found = LinkTimes(plan.from_node, plan.to_node, plan.kind, plan.start_s, plan.stop_s, plan.rate_bps)
    pairs = _links(found, start_s, stop_s, topology, frames, notes)
    return _scene(topology, ephemeris, frames, pairs, start_s, stop_s, notes)


class _Notes:
    """Sentences that are told at once, and kept."""

    def __init__(self, warn):
        self.sentences = []
        self.warn = warn

    def add(self, sentence):
        self.sentences.append(sentence)
        self.warn(sentence.removesuffix("."))


def _check_duration(duration_s):
    if not math.isfinite(duration_s) or duration_s <= 0.0:
        raise UserError(f"the duration must be a number of seconds above 0 (got {duration_s:g})")


def _span(run, start_s, duration_s):
    """The intervals of a run that are shown, with the first of which the scene begins, and when it ends."""
    if not run.summary["simulated_s"] > 0.0:
        raise UserError(f"{run.path}: the run ended before anything was simulated; there is nothing to show")
    of_run = link_intervals_of(run)
    run_start_s, run_stop_s, _ = of_run
    if start_s is None:
        start_s = run_start_s
    if duration_s is None:
        duration_s = math.inf
    elif not duration_s > 0.0:
        _check_duration(duration_s)
    if not run_start_s <= start_s < run_stop_s:
        raise UserError(
            f"the run goes from t = {run_start_s:.12g} to {run_stop_s:.12g} s; start must be within that "
            f"(got {start_s:g})"
        )
    stop_s = min(start_s + duration_s, run_stop_s)
    return of_run.part(start_s, stop_s), stop_s


def _frames(topology, ephemeris, start_s, stop_s, every_s, interpolation, notes):
    """Key frames, and when the scene ends."""
    if every_s is not None and not (math.isfinite(every_s) and every_s >= SHORTEST_EVERY_S):
        raise UserError(f"frames must be at least {SHORTEST_EVERY_S:g} s apart (got {every_s:g})")
    if not ephemeris.has_position.any():
        raise UserError(
            f'no node of "{topology.name}" has a position, all are bare nodes of a contact plan: '
            "there is nothing to show on a globe"
        )
    frames = key_frames(ephemeris, start_s, stop_s, every_s, interpolation)
    warn_of_failures(ephemeris, notes.warn)
    end_s = start_s + float(frames.frame_s[-1])
    if stop_s - end_s > 1e-6:
        notes.add(
            f"Of {stop_s - start_s:.12g} s the first {end_s - start_s:.12g} are shown, for more positions of "
            f"{ephemeris.n_satellites:,} satellites would be too many; --start and --duration choose others."
        )
        stop_s = end_s
    if not ephemeris.has_position.all():
        n_left_out = int((~ephemeris.has_position).sum())
        notes.add(f"{n_left_out:,} nodes without a position are left out, and their links with them.")
    return frames, stop_s


def _links(found, start_s, stop_s, topology, frames, notes):
    """Pairs that are linked, and when: what `GlobeScene` says of them."""
    n_nodes = len(topology.node_names)
    drawn = np.ones(n_nodes, bool)
    drawn[: topology.n_satellites] = np.isfinite(frames.position_m[:, :, 0]).any(axis=0)
    links, contacts, left_out = pair_up(found, start_s, stop_s, n_nodes, drawn)
    if left_out:
        notes.add(f"{left_out:,} of {left_out + len(contacts.link):,} contacts are left out, the shortest.")
    return {"links": links, "contacts": contacts, "contacts_left_out": left_out}


def _scene(topology, ephemeris, frames, pairs, start_s, stop_s, notes):
    """A scene without traffic, of pairs as `_links` finds them."""
    sites = [(site.lat_deg, site.lon_deg, site.height_m) for group in topology.ground for site in group.sites]
    began = topology.epoch.astimezone(datetime.UTC) + datetime.timedelta(seconds=start_s)
    missed = f"{frames.error_m / 1e3:.2g} km" if frames.error_m >= 1.0 else "less than 1 m"
    accuracy = (
        f"Positions of satellites are kept {frames.frame_s[1]:.4g} s apart; what is interpolated between was "
        f"seen to miss by {missed} at most."
    )
    return GlobeScene(
        title=topology.name,
        subtitle=f"{topology.name}, {_duration(stop_s - start_s)} from {_instant(began)} UTC",
        epoch=topology.epoch,
        start_s=start_s,
        stop_s=stop_s,
        names=tuple(topology.node_names),
        n_satellites=topology.n_satellites,
        groups=_groups(topology),
        roles=[],
        frames=frames,
        sites=np.array(sites, dtype=float).reshape(-1, 3),
        load=None,
        drops=None,
        flows=None,
        flows_left_out=0,
        summary=None,
        notes=[*notes.sentences, accuracy],
        **pairs,
    )


def _instant(time):
    """A date and time as a title says it, with as much of a second as it has."""
    fraction = f"{time:.%f}".rstrip("0").rstrip(".")
    return f"{time:%Y-%m-%d %H:%M:%S}{fraction}"


def _duration(time_s):
    """A time as a title says it."""
    return f"{time_s:.4g} s" if time_s < 600.0 else f"{time_s / 60.0:.4g} min"


def _groups(topology):
    """Groups of nodes in row order."""
    groups, first = [], 0
    for kind, of_kind in (("satellite", topology.satellites), ("ground", topology.ground)):
        for group in of_kind:
            size = group.size if kind == "satellite" else len(group.sites)
            groups.append({"name": group.name, "kind": kind, "first": first, "size": size})
            first += size
    return groups


def _totals(summary):
    """What was sent and became of it in all: packets, or bundles where there are no packets at all."""
    flows = [flow for flow in summary["flows"] if flow.get("counts") == BUNDLES]
    if summary["total"]["sent"] or not flows:
        return PACKETS | {key: summary["total"][key] for key in ("sent", "delivered", "in_flight", "dropped")}
    totals = {key: sum(flow[key] for flow in flows) for key in ("sent", "delivered", "in_flight")}
    dropped = {cause: sum(flow["dropped"][cause] for flow in flows) for cause in flows[0]["dropped"]}
    return {"counts": BUNDLES} | totals | {"dropped": dropped}


def _roles(settings, topology):
    """Which nodes carry sensors and computers."""
    roles = []
    for role, table in ROLES:
        rows = set()
        for entry in settings.get(table) or ():  # which older runs lack
            for name in entry["on"]:
                rows.update(_rows_of(topology, name))
        if rows:
            roles.append({"name": role, "rows": sorted(rows)})
    return roles


def _rows_of(topology, name):
    """Rows of a group of nodes, or of a node."""
    try:
        return topology.group_rows(name)
    except KeyError:
        return [topology.row_of(name)]


def _orbit_s(ephemeris, at_s):
    """The shortest time in which a satellite goes around, by its energy; infinite where none does."""
    position_m, velocity_m_per_s = (each[: ephemeris.n_satellites] for each in ephemeris.state_at(at_s))
    turning = np.cross((0.0, 0.0, EARTH_ROTATION_RAD_PER_S), position_m)
    speed_m_per_s = np.linalg.norm(velocity_m_per_s + turning, axis=1)
    radius_m = np.linalg.norm(position_m, axis=1)
    axis_m = 1.0 / (2.0 / radius_m - speed_m_per_s**2 / WGS72_GRAVITY_M3_PER_S2)
    axis_m = axis_m[np.isfinite(axis_m) & (axis_m > 0.0)]
    if not len(axis_m):
        return math.inf
    return 2.0 * math.pi * math.sqrt(axis_m.min() ** 3 / WGS72_GRAVITY_M3_PER_S2)
