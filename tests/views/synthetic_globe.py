"""Data of a globe page made without the rest of the program: circular orbits, a grid, made-up load.

Written from the description of the data alone, so that what reads it is not tested with what wrote it.
"""

import base64
import gzip
import json
from collections import deque

import numpy as np

EARTH_KM = 6378.137
EARTH_RATE_RAD_PER_S = 7.292115146706979e-5
MU_KM3_PER_S2 = 398600.8
CITIES = (
    ("Tokyo", 35.68, 139.69),
    ("London", 51.51, -0.13),
    ("Nairobi", -1.29, 36.82),
    ("São Paulo", -23.55, -46.63),
    ("New York", 40.71, -74.01),
    ("Sydney", -33.87, 151.21),
    ("Singapore", 1.35, 103.82),
    ("Reykjavík", 64.15, -21.94),
)
SQUARE = [(-10, -10), (30, -10), (30, 35), (-10, 35), (-10, -10)]
"""A coastline, in degrees."""


def blob(values, kind):
    dtype = {"i2": "<i2", "u2": "<u2", "u4": "<u4", "f4": "<f4", "u1": "u1"}[kind]
    array = np.ascontiguousarray(values, dtype)
    return {"type": kind, "shape": list(array.shape), "data": packed(array.tobytes())}


def packed(raw):
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode()


class Walker:
    """Where the satellites of a circular Walker pattern and some sites are, in km."""

    def __init__(self, planes, slots, altitude_km=550.0, inclination_deg=53.0, sites=CITIES, gmst_rad=0.4):
        self.planes, self.slots, self.sites, self.gmst_rad = planes, slots, sites, gmst_rad
        self.radius_km = EARTH_KM + altitude_km
        self.tilt = np.radians(inclination_deg)
        plane, slot = np.divmod(np.arange(planes * slots), slots)
        self.node = 2 * np.pi * plane / planes
        self.phase = 2 * np.pi * (slot / slots + plane / (planes * slots))
        self.rate = np.sqrt(MU_KM3_PER_S2 / self.radius_km**3)

    def satellites(self, t_s):
        """Inertial, (n, 3)."""
        u = self.phase + self.rate * t_s
        along, across = np.cos(u), np.sin(u)
        return self.radius_km * np.stack(
            [
                np.cos(self.node) * along - np.sin(self.node) * across * np.cos(self.tilt),
                np.sin(self.node) * along + np.cos(self.node) * across * np.cos(self.tilt),
                across * np.sin(self.tilt),
            ],
            axis=1,
        )

    def ground(self, t_s):
        """Inertial, on the WGS84 ellipsoid, (n_sites, 3)."""
        lat, lon = np.radians([site[1:] for site in self.sites]).reshape(-1, 2).T
        flattening = 1 / 298.257223563
        squared = flattening * (2 - flattening)
        normal = EARTH_KM / np.sqrt(1 - squared * np.sin(lat) ** 2)
        along = lon + self.gmst_rad + EARTH_RATE_RAD_PER_S * t_s
        x, y = normal * np.cos(lat) * np.cos(along), normal * np.cos(lat) * np.sin(along)
        return np.stack([x, y, normal * (1 - squared) * np.sin(lat)], axis=1)

    def nodes(self, t_s):
        return np.concatenate([self.satellites(t_s), self.ground(t_s)])


def grid_pairs(planes, slots):
    """Each satellite with the next of its plane and its neighbour in the next plane, without repeats."""
    pairs = set()
    for plane in range(planes):
        for slot in range(slots):
            row = plane * slots + slot
            for other in (plane * slots + (slot + 1) % slots, ((plane + 1) % planes) * slots + slot):
                if other != row:
                    pairs.add((min(row, other), max(row, other)))
    return sorted(pairs)


def shortest(pairs, start, stop):
    """Rows of a path of fewest hops, [] if there is none."""
    near = {}
    for a, b in pairs:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    before = {start: None}
    line = deque([start])
    while line:
        here = line.popleft()
        for other in near.get(here, ()):
            if other not in before:
                before[other] = here
                line.append(other)
    path = [stop] if stop in before else []
    while path and before[path[-1]] is not None:
        path.append(before[path[-1]])
    return path[::-1]


def synthetic_globe(
    planes=12,
    slots=12,
    duration_s=60.0,
    n_frames=3,
    altitude_km=550.0,
    sites=CITIES,
    load=True,
    flows=(("Tokyo", "London"), ("Nairobi", "New York")),
    names=None,
    coast=SQUARE,
    title="synthetic",
    seed=5,
):
    """The data, and the `Walker` that knows where things really are."""
    rng = np.random.default_rng(seed)
    walker = Walker(planes, slots, altitude_km, sites=sites)
    n_satellites = planes * slots
    frame_s = np.linspace(0.0, duration_s, n_frames)
    unit_km = max(2 * EARTH_KM, walker.radius_km) / 32767
    units = np.rint([walker.satellites(t) / unit_km for t in frame_s]).astype(np.int16)
    units[1:] = units[1:] - units[:-1]
    sun = np.array([np.cos(0.3), np.sin(0.3) * 0.92, np.sin(0.3) * 0.39])
    if names is None:
        names = [f"sat-{row // slots:02}-{row % slots:02}" for row in range(n_satellites)]
        names += [site[0] for site in sites]

    # Every site is linked with the nearest satellite, chosen anew ten times;
    # the grid is always up but for one link.
    grid = grid_pairs(planes, slots)
    spells, n_spells = [(pair, 0.0, duration_s) for pair in grid], 10
    if len(spells) > 1:
        spells[0] = (grid[0], 0.0, duration_s / 2)
    edges = np.linspace(0.0, duration_s, n_spells + 1)
    nearest = []
    for start in edges[:-1]:
        away = walker.ground(start)[:, None] - walker.satellites(start)[None]
        nearest.append(np.linalg.norm(away, axis=2).argmin(axis=1) if len(sites) else [])
    for site in range(len(sites)):
        first = 0
        for spell in range(1, n_spells + 1):
            if spell == n_spells or nearest[spell][site] != nearest[first][site]:
                pair = (int(nearest[first][site]), n_satellites + site)
                spells.append((pair, edges[first], edges[spell]))
                first = spell
    pairs = sorted({pair for pair, _, _ in spells})
    row_of = {pair: row for row, pair in enumerate(pairs)}
    spells.sort(key=lambda spell: spell[1])
    kind = np.array([pair[1] >= n_satellites for pair in pairs], np.uint8)

    n_bins = 60
    loads = None
    if load:
        busy = [rng.random(len(pairs)) < 0.4 for _ in range(n_bins)]
        links = [np.flatnonzero(some) for some in busy]
        k = sum(map(len, links))
        use = (rng.random((k, 2)) ** 2.2 * 255).astype(np.uint8)
        dropped = rng.integers(1, 90, (k, 2)) * (use > 240) * (rng.random((k, 2)) < 0.3)
        loads = {
            "bin_s": duration_s / n_bins,
            "last_bin_s": duration_s / n_bins,
            "n_bins": n_bins,
            "first": blob(np.cumsum([0, *map(len, links)]), "u4"),
            "link": blob(np.concatenate(links), "u4"),
            "use": blob(use, "u1"),
            "queue_bytes": blob(use.astype(float) ** 2 * 40, "f4"),
            "dropped": blob(dropped, "u4"),
            "bytes": blob(use / 255 * 25e9 / 8 * duration_s / n_bins, "f4"),
        }
    table = None
    if flows is not None:
        table = []
        for source, sink in flows:
            from_row, to_row = names.index(source), names.index(sink)
            paths = []
            for spell, start in enumerate(edges[:-1]):
                up = grid + [(int(satellite), n_satellites + i) for i, satellite in enumerate(nearest[spell])]
                path = shortest(up, from_row, to_row)
                if not paths or paths[-1][1] != path:
                    paths.append([float(start), path])
            numbers = {"sent": 120_000, "delivered": 119_100, "in_flight": 10, "dropped": 890}
            numbers["latency_mean_ms"] = 71.25
            table.append(
                {"name": f"web/{source}>{sink}", "from": from_row, "to": to_row, **numbers, "paths": paths}
            )
    data = {
        "version": 1,
        "title": title,
        "subtitle": f"{n_satellites} satellites, {duration_s:g} s from 2026-03-20 12:00:00 UTC",
        "epoch_ms": 1_774_008_000_000,
        "start_s": 30.0,
        "stop_s": 30.0 + duration_s,
        "n_satellites": n_satellites,
        "n_nodes": n_satellites + len(sites),
        "has_position": blob(np.ones(n_satellites + len(sites)), "u1"),
        "names": {"type": "text", "shape": [1], "data": packed("\n".join(names).encode())},
        "groups": [{"name": "shell", "kind": "satellite", "first": 0, "size": n_satellites}]
        + (
            [{"name": "cities", "kind": "ground", "first": n_satellites, "size": len(sites)}] if sites else []
        ),
        "kinds": [],
        "frame_s": blob(frame_s, "f4"),
        "positions": blob(units, "i2"),
        "position_unit_km": unit_km,
        "gmst_rad": walker.gmst_rad,
        "earth_rate_rad_per_s": EARTH_RATE_RAD_PER_S,
        "sun": blob(np.tile(sun, (n_frames, 1)), "f4"),
        "sites": blob(np.array([(*site[1:], 0.0) for site in sites]).reshape(-1, 3), "f4"),
        "links": {
            "a": blob([pair[0] for pair in pairs], "u2"),
            "b": blob([pair[1] for pair in pairs], "u2"),
            "rate_gbps": blob(np.full((len(pairs), 2), 25.0), "f4"),
            "kind": blob(kind, "u1"),
        },
        "contacts": {
            "link": blob([row_of[pair] for pair, _, _ in spells], "u4"),
            "start_s": blob([start for _, start, _ in spells], "f4"),
            "stop_s": blob([stop for _, _, stop in spells], "f4"),
        },
        "load": loads,
        "drops": {
            "start_s": -0.5,
            "bin_s": 1.5,
            "stop_s": duration_s,
            "n_bins": 41,
            "causes": ["queue", "no_route"],
            "dropped": blob(np.arange(82).reshape(41, 2) // 2, "u4"),
        }
        if load
        else None,
        "flows": None
        if table is None
        else {"type": "json", "shape": [1], "data": packed(json.dumps(table).encode())},
        "flows_left_out": 0 if table is None else 3,
        "coast": blob(np.round(np.array(coast, float).reshape(-1, 2) * 100), "i2"),
        "notes": ["Positions are those of circles, between key frames too."],
        "summary": None
        if table is None
        else {
            "sent": 240_000,
            "delivered": 238_200,
            "in_flight": 20,
            "dropped": {"queue": 1_700, "no_route": 80},
            "status": "complete",
        },
    }
    return data, walker
