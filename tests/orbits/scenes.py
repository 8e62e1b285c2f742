"""Small topologies for the tests of orbits and contacts, made in code from the scenario's own classes."""

import datetime

import numpy as np

from lasermesh.scenario.element_lines import read_lines
from lasermesh.scenario.topology import (
    GroundGroup,
    LinkRule,
    SatelliteGroup,
    Site,
    TerminalType,
    TerminalUse,
    Topology,
)

EPOCH = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)


def walker(name="w", planes=6, slots=8, phasing=1, altitude_km=550.0, inclination_deg=53.0, **other):
    """A Walker group; a delta pattern over 360 degrees unless said otherwise."""
    values = {"pattern": "walker-delta", "raan_spread_deg": 360.0, "vacant": (), **other}
    places = [(p, s) for p in range(planes) for s in range(slots) if (p, s) not in values["vacant"]]
    return SatelliteGroup(
        name=name,
        planes=planes,
        slots=slots,
        phasing_factor=phasing,
        altitude_km=altitude_km,
        inclination_deg=inclination_deg,
        node_names=tuple(f"{name}-{plane}-{slot}" for plane, slot in places),
        **values,
    )


def from_elements(lines, name="e", **other):
    """A group from three-line element sets."""
    sets = tuple(read_lines("\n".join(lines)).sets)
    names = tuple(elements.name for elements in sets)
    return SatelliteGroup(name=name, elements="x.tle", element_sets=sets, node_names=names, **other)


def formation(leader, *offsets_m, name="f", motion="held"):
    """A group that flies about the satellite of that name, at (fore, left, up) each."""
    names = tuple(f"{name}-{index}" for index in range(len(offsets_m)))
    return SatelliteGroup(name=name, leader=leader, offsets_m=offsets_m, motion=motion, node_names=names)


def fixed_nodes(*names):
    return SatelliteGroup(name="fixed", fixed=names, node_names=names)


def terminals(rate_gbps=25.0, max_range_km=None, name="laser"):
    """The `terminals` of a group with four of one type."""
    return (
        TerminalUse(type=TerminalType(name=name, rate_gbps=rate_gbps, max_range_km=max_range_km), count=4),
    )


def sites(*places, name="cities"):
    """A ground group of (latitude, longitude[, mask]) in degrees."""
    made = [
        Site(name=f"{name}-{i}", lat_deg=lat, lon_deg=lon, mask_deg=mask[0] if mask else None)
        for i, (lat, lon, *mask) in enumerate(places)
    ]
    return GroundGroup(name=name, sites=tuple(made))


def random_sites(count, seed=0, name="cities"):
    """Sites spread evenly over the Earth."""
    rng = np.random.default_rng(seed)
    latitudes = np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count)))
    return sites(*zip(latitudes.tolist(), rng.uniform(-180.0, 180.0, count).tolist(), strict=True), name=name)


def grid(*groups, **other):
    return LinkRule(rule="grid", satellites=groups, **{"rate_gbps": 25.0, **other})


def ground(satellites, where, **other):
    defaults = {"rate_gbps": 10.0, "choose": "all"}
    return LinkRule(rule="ground", satellites=satellites, sites=where, **{**defaults, **other})


def plan(*contacts):
    return LinkRule(rule="plan", plan="plan.csv", plan_contacts=contacts)


def topology(*groups, where=(), links=(), **other):
    return Topology(
        name="t", satellites=groups, ground=tuple(where), links=tuple(links), **{"epoch": EPOCH, **other}
    )
