"""Small random topologies in which something happens: a dozen satellites, short ranges of everything.

Orbits are jittered, so that no two pairs of satellites are equally far apart and the order of choices does
not hang on the last digit.
"""

import dataclasses
import datetime

import numpy as np

from lasermesh.scenario.terminals import MOUNTS, Acquisition, TerminalType, TerminalUse
from lasermesh.scenario.topology import ElementSet, GroundGroup, LinkRule, SatelliteGroup, Site, Topology

EPOCH = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)
DAY_ZERO = datetime.datetime(1949, 12, 31, tzinfo=datetime.UTC)
GRAVITY_KM3_PER_S2 = 398_600.8


def element_set(name, number, rng, axis_km, eccentricity, inclination_deg, raan_deg, anomaly_deg, slot=0):
    """Mean elements at the epoch, without drag, a little off in every angle."""
    jitter = rng.uniform(-1.0, 1.0, 4)
    return ElementSet(
        name=name,
        catalog_number=number,
        epoch_days=(EPOCH - DAY_ZERO) / datetime.timedelta(days=1),
        bstar=0.0,
        eccentricity=eccentricity,
        inclination_deg=float(inclination_deg + 0.2 * jitter[0]) % 180.0,
        raan_deg=float(raan_deg + 0.5 * jitter[1]) % 360.0,
        argument_of_perigee_deg=float(180.0 + 180.0 * jitter[2]),
        mean_anomaly_deg=float(anomaly_deg - 180.0 - 180.0 * jitter[2] + 0.5 * jitter[3]) % 360.0,
        mean_motion_rev_per_day=float(np.sqrt(GRAVITY_KM3_PER_S2 / axis_km**3) * 86_400.0 / (2.0 * np.pi)),
        line_number=number,
        slot=slot,
    )


def group_of(name, sets, uses=(), **other):
    names = tuple(each.name for each in sets)
    values = {
        "elements": "x.json",
        "element_sets": tuple(sets),
        "node_names": names,
        "transit": True,
        **other,
    }
    return SatelliteGroup(name=name, terminals=tuple(uses), **values)


def swarm(name, rng, count=8, uses=(), altitude_km=(1000.0, 3500.0), spread_deg=60.0, eccentricity=0.01):
    """Low satellites, all over one side of the Earth, in orbits of all inclinations."""
    node_deg = rng.uniform(0.0, 360.0)
    sets = [
        element_set(
            f"{name}-{i}",
            i,
            rng,
            6378.0 + rng.uniform(*altitude_km),
            rng.uniform(0.0, eccentricity),
            rng.uniform(20.0, 110.0),
            node_deg + rng.uniform(-0.5, 0.5) * spread_deg,
            rng.uniform(-0.5, 0.5) * spread_deg,
        )
        for i in range(count)
    ]
    return group_of(name, sets, uses)


def eccentric(name, rng, count=3, uses=()):
    """Orbits with a low perigee and an apogee of up to 20,000 km."""
    sets = []
    for i in range(count):
        eccentricity = rng.uniform(0.2, 0.6)
        axis_km = (6378.0 + rng.uniform(500.0, 900.0)) / (1.0 - eccentricity)
        angles = rng.uniform(30.0, 90.0), *rng.uniform(0.0, 360.0, 2)
        sets.append(element_set(f"{name}-{i}", i, rng, axis_km, eccentricity, *angles))
    return group_of(name, sets, uses)


def high(name, rng, count=2, uses=()):
    """A medium orbit and a geostationary one."""
    sets = [
        element_set(f"{name}-{i}", i, rng, axis_km, 0.001, *angles)
        for i, (axis_km, *angles) in enumerate(
            [(26_560.0, 55.0, *rng.uniform(0.0, 360.0, 2)), (42_164.0, 0.5, 0.0, rng.uniform(0.0, 360.0))]
        )
        if i < count
    ]
    return group_of(name, sets, uses)


def shell(name, rng, planes=3, slots=4, uses=(), altitude_km=2500.0, inclination_deg=60.0):
    """A jittered grid of planes and slots, as an element file gives it."""
    sets = [
        element_set(
            f"{name}-{plane}-{slot}",
            plane * slots + slot,
            rng,
            6378.0 + altitude_km + rng.uniform(-5.0, 5.0),
            0.001,
            inclination_deg,
            plane * 360.0 / planes,
            slot * 360.0 / slots + plane * 180.0 / slots,
            plane * slots + slot,
        )
        for plane in range(planes)
        for slot in range(slots)
    ]
    return group_of(name, sets, uses, planes=planes, slots=slots)


def walker(name, planes=3, slots=4, uses=(), altitude_km=2500.0, inclination_deg=60.0, **other):
    places = [(p, s) for p in range(planes) for s in range(slots) if (p, s) not in other.get("vacant", ())]
    values = {"raan_spread_deg": 360.0, "phasing_factor": 1, "pattern": "walker-delta", "transit": True}
    return SatelliteGroup(
        name=name,
        planes=planes,
        slots=slots,
        altitude_km=altitude_km,
        inclination_deg=inclination_deg,
        terminals=tuple(uses),
        node_names=tuple(f"{name}-{plane}-{slot}" for plane, slot in places),
        **{**values, **other},
    )


def terminal(name="t", mount=None, acquisition_s=None, **other):
    """A type; `mount` by its word, `acquisition_s` a number or (median, p95)."""
    if acquisition_s is not None:
        median, p95 = (acquisition_s, acquisition_s) if np.isscalar(acquisition_s) else acquisition_s
        acquisition_s = Acquisition(median=median, p95=p95)
    if mount is not None:
        other.setdefault("field_of_regard_deg", 75.0)
    return TerminalType(
        name=name,
        **{"rate_gbps": 25.0, **other},
        mount=MOUNTS.get(mount, mount),
        acquisition_s=acquisition_s,
    )


def uses(*types, count=1, share=1.0):
    return tuple(TerminalUse(type=each, count=count, share=share) for each in types)


def random_terminal(name, rng, mounts=True, slow=True):
    """A type with some of everything that there is."""
    other = {}
    if rng.random() < 0.5:
        other["max_range_km"] = float(rng.uniform(4000.0, 12_000.0))
    if rng.random() < 0.5:
        other["reference_range_km"] = float(rng.uniform(2000.0, 4000.0))
        other["rate_steps_gbps"] = (2.5, 5.0, 10.0, 25.0, 40.0)
    if mounts and rng.random() < 0.6:
        vector = rng.normal(size=3) * (1.0, 1.0, 0.3)
        other["mount"] = tuple((vector / np.linalg.norm(vector)).tolist())
        other["field_of_regard_deg"] = float(rng.uniform(80.0, 160.0))
    if rng.random() < 0.5:
        other["sun_exclusion_deg"] = float(rng.uniform(5.0, 45.0))
    if slow and rng.random() < 0.7:
        other["slew_deg_per_s"] = float(rng.uniform(1.0, 10.0))
    if slow and rng.random() < 0.8:
        median = float(rng.uniform(1.0, 12.0))
        other["acquisition_s"] = median if rng.random() < 0.4 else (median, 2.5 * median)
        if rng.random() < 0.6:
            other["mean_time_between_losses_s"] = float(rng.uniform(40.0, 400.0))
    return terminal(name, **other)


def random_sites(name, rng, count=4, clouds=True, antennas=False):
    """Sites with masks of all kinds, some with clouds, some with antennas."""
    made = []
    for i in range(count):
        other = {}
        kind = rng.integers(4)
        if kind == 0:
            other["mask_deg"] = float(rng.uniform(-5.0, 30.0))
        elif kind == 1:
            azimuths = sorted(rng.uniform(0.0, 360.0, int(rng.integers(1, 7))).tolist())
            other["mask_deg"] = tuple((a, float(rng.uniform(0.0, 35.0))) for a in azimuths)
        if clouds and rng.random() < 0.5:
            other["availability"] = float(rng.uniform(0.4, 0.9))
            other["mean_cloudy_s"] = float(rng.uniform(30.0, 300.0))
        if antennas and rng.random() < 0.6:
            other["antennas"] = int(rng.integers(1, 4))
        latitude = float(np.degrees(np.arcsin(rng.uniform(-0.95, 0.95))))
        place = {"lat_deg": latitude, "lon_deg": float(rng.uniform(-180.0, 180.0))}
        made.append(Site(name=f"{name}-{i}", height_m=float(rng.uniform(0, 3000)), **place, **other))
    return GroundGroup(name=name, sites=tuple(made))


def rule(kind, *groups, **other):
    """A grid or nearest rule over groups; other rules by keys alone."""
    defaults = {"guest": {"choose": "nearest"}, "ground": {"choose": "all"}}.get(kind, {})
    return LinkRule(rule=kind, satellites=groups, **{**defaults, **other})


def topology(groups, links, sites=(), **other):
    types = {use.type.name: use.type for group in groups for use in group.terminals}
    values = {"epoch": EPOCH, "terminals": tuple(types.values()), **other}
    return Topology(name="t", satellites=tuple(groups), ground=tuple(sites), links=tuple(links), **values)


# -------------------------------------------------------------------------------------- worlds of each kind


def grid_world(seed):
    """A grid of terminals that are mounted, slow to acquire and lose each other."""
    rng = np.random.default_rng([1, seed])
    mounted = [
        terminal(
            side,
            mount=side,
            field_of_regard_deg=float(rng.uniform(50.0, 90.0)),
            acquisition_s=(8.0, 20.0) if side in ("fore", "aft") else 5.0,
            mean_time_between_losses_s=float(rng.uniform(100.0, 900.0)) if side != "left" else None,
            sun_exclusion_deg=20.0,
            reference_range_km=4000.0,
            rate_steps_gbps=(1.0, 2.5, 5.0, 10.0, 25.0, 50.0),
        )
        for side in ("fore", "aft", "left", "right")
    ]
    group = shell("g", rng, uses=uses(*mounted), altitude_km=4000.0)
    links = [rule("grid", "g", neighbour="same-index", offsets=((0, 1), (1, 0)), max_range_km=16_000.0)]
    return topology([group], links, seed=seed, step_s=7.0)


def nearest_world(seed, step_s=2.0):
    """Low, eccentric and high satellites, each with terminals of two random types, one of them shared out."""
    rng = np.random.default_rng([2, seed])
    first, second = random_terminal("first", rng), random_terminal("second", rng, mounts=False)
    both = uses(first, count=2) + uses(second, share=0.6)
    groups = [swarm("low", rng, 7, both), eccentric("odd", rng, 3, both), high("high", rng, 2, uses(second))]
    every = ("low", "odd", "high")
    of_types = {"terminals": ("second",)} if seed % 2 else {}
    links = [rule("nearest", *every, max_range_km=None if seed % 2 else 9000.0, rate_gbps=7.0, **of_types)]
    return topology(groups, links, seed=seed, step_s=step_s)


def guest_world(seed, choose):
    """Clients of one and two terminals on hosts, some of which have a limit."""
    rng = np.random.default_rng([3, seed])
    kind = random_terminal("kind", rng, mounts=seed % 2 == 0)
    other = [terminal("other", acquisition_s=4.0)] if seed % 2 else []
    hosts = swarm("host", rng, 7, uses(*other, kind, count=2))
    groups = [hosts, swarm("one", rng, 2, uses(kind)), swarm("two", rng, 3, uses(kind, count=3))]
    if seed % 3 == 0:
        groups.append(swarm("free", rng, 2))
    everyone = tuple(group.name for group in groups if group.name not in ("one", "two"))
    clients = {"clients": ("one", "two"), "hosts": everyone, "choose": choose, "rate_gbps": 3.0}
    if other:
        clients["terminals"] = ("kind",)
    links = [rule("guest", **clients, links_per_client=int(rng.integers(1, 3)), max_range_km=6000.0)]
    return topology(groups, links, seed=seed, step_s=float(rng.choice([1.0, 5.0])))


def ground_world(seed, **key_values):
    """Low and eccentric satellites above sites of every kind."""
    rng = np.random.default_rng([4, seed])
    kind = random_terminal("kind", rng)
    groups = [swarm("low", rng, 8, uses(kind), spread_deg=150.0), eccentric("odd", rng, 3, uses(kind))]
    sites = random_sites("at", rng, 5, antennas="antennas" in key_values)
    values = {"sites": ("at",), "rate_gbps": 8.0, **key_values}
    values.pop("antennas", None)
    links = [rule("ground", "low", "odd", **values)]
    return topology(groups, links, [sites], seed=seed, step_s=3.0)


def shared_world(seed, step_s=2.0):
    """Grid, nearest, guest and ground rules that share terminals, in random order."""
    rng = np.random.default_rng([5, seed])
    one, other = random_terminal("one", rng), random_terminal("other", rng, mounts=False)
    groups = [
        shell("mesh", rng, 2, 4, uses(one, count=2) + uses(other, count=2), altitude_km=3500.0),
        swarm("low", rng, 3, uses(other, count=2)),
        eccentric("odd", rng, 2, uses(other, count=2)),
    ]
    sites = random_sites("at", rng, 2)
    links = [
        rule("grid", "mesh", neighbour="same-index", offsets=((0, 1),)),
        rule("nearest", "mesh", "low", max_range_km=8000.0),
        rule("guest", clients=("odd",), hosts=("mesh", "low"), rate_gbps=4.0),
        rule("ground", "mesh", "low", sites=("at",), choose="nearest"),
        rule("ground", "mesh", "odd", sites=("at",), rate_gbps=1.0, mask_deg=10.0),
    ]
    rng.shuffle(links)
    return topology(groups, links, [sites], seed=seed, step_s=step_s)


def decaying_world(seed):
    """Satellites of which some fall so low that SGP4 refuses them, at instants of their own."""
    rng = np.random.default_rng([6, seed])
    kind = random_terminal("kind", rng, mounts=False)
    group = swarm("low", rng, 8, altitude_km=(800.0, 2000.0), spread_deg=40.0)
    sets = list(group.element_sets)
    for i in range(3):
        axis_km = 6378.0 + rng.uniform(180.0, 220.0)
        motion_rev_per_day = float(np.sqrt(GRAVITY_KM3_PER_S2 / axis_km**3) * 86_400.0 / (2.0 * np.pi))
        sets[i] = dataclasses.replace(
            sets[i], bstar=0.3 + i, mean_motion_rev_per_day=motion_rev_per_day, eccentricity=0.001
        )
    links = [
        rule("nearest", "low", rate_gbps=5.0),
        rule("ground", "low", sites=("at",), rate_gbps=1.0, mask_deg=-30.0),
    ]
    groups = [group_of("low", sets, uses(kind, count=2))]
    return topology(groups, links, [random_sites("at", rng, 3)], seed=seed, step_s=5.0)


def formation_world(motion):
    """A formation about a satellite of a ring, all with terminals that look ahead."""
    rng = np.random.default_rng(7)
    ahead = terminal("ahead", mount="fore", field_of_regard_deg=100.0, slew_deg_per_s=3.0, acquisition_s=2.0)
    ring = walker("ring", 1, 4, uses(ahead, count=2), altitude_km=650.0, inclination_deg=98.0)
    formation = SatelliteGroup(
        name="formation",
        leader="ring-0-0",
        offsets_m=tuple(tuple(row) for row in rng.uniform(-900.0, 900.0, (5, 3)).tolist()),
        motion=motion,
        node_names=tuple(f"formation-{i}" for i in range(5)),
        transit=True,
        terminals=uses(ahead, count=2),
    )
    links = [rule("nearest", "ring", "formation"), rule("ground", "formation", sites=("at",), rate_gbps=1.0)]
    return topology([ring, formation], links, [random_sites("at", rng, 3)], step_s=5.0)
