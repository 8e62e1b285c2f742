"""Rule `ground`: which satellites each ground site is linked with."""

import math

import numpy as np

from lasermesh.contacts.cell_kernels import (
    MOST_CELLS_PER_AXIS,
    greatest_radius_m,
    greatest_travel_m,
)
from lasermesh.contacts.cells import sorted_into_cells
from lasermesh.contacts.clouds import clouds_of
from lasermesh.contacts.conditions_kernels import ACCELERATION, POSITION_0, POSITION_1, SINE_MASK
from lasermesh.contacts.graph import GSL
from lasermesh.contacts.offer_kernels import append_windows
from lasermesh.contacts.spreading import spread
from lasermesh.contacts.window_kernels import Windows, WindowSites, fill_site_windows
from lasermesh.contacts.world import rate_ladder, reach_m
from lasermesh.units import bps_from_gbps

# The geodetic vertical leans at most 0.1925 deg from the geocentric one: asin of f (2 - f) / (2 - f (2 - f)).
_DEFLECTION_RAD = math.radians(0.1925)

_FIRST_ROOM = 32


def rates_bps(rule):
    """Rates from the ground and to it that a rule itself gives, (None, None) if terminals give them."""
    up_gbps = rule.rate_gbps if rule.up_gbps is None else rule.up_gbps
    down_gbps = rule.rate_gbps if rule.down_gbps is None else rule.down_gbps
    return tuple(None if gbps is None else bps_from_gbps(gbps) for gbps in (up_gbps, down_gbps))


def sites_of(topology, rule):
    """Row and site of each ground site of a rule."""
    found = []
    for group in topology.ground:
        if group.name in rule.sites:
            found += zip(topology.group_rows(group.name), group.sites, strict=True)
    return found


def satellites_of(topology, names):
    """Rows of the satellites of groups that have positions: int32 (n,)."""
    rows = [
        topology.group_rows(group.name)
        for group in topology.satellites
        if group.name in names and group.fixed is None
    ]
    return np.concatenate([np.array(each, dtype=np.int32) for each in rows] or [np.empty(0, np.int32)])


def is_unlimited(topology, rule):
    """Whether every site is linked with all that it sees: such links need neither memory nor terminals."""
    antennas = any(site.antennas is not None for _, site in sites_of(topology, rule))
    return rule.choose == "all" and rule.beams is None and not antennas and None not in rates_bps(rule)


class AllInSight:
    """A rule `ground` that links each site with every satellite that it sees."""

    def __init__(self, topology, index, site_position_m, setting, names=None, with_clouds=True):
        self.index = index
        rule = topology.links[index]
        names = rule.satellites if names is None else names
        self._members = satellites_of(topology, names)
        self._max_range_m = math.inf if rule.max_range_km is None else rule.max_range_km * 1000.0
        given = rates_bps(rule)
        if None in given:
            # By geometry alone, terminals are as good as the best that the group has, at its longest range.
            types = [
                use.type for group in topology.satellites if group.name in names for use in group.terminals
            ]
            best = max(types, key=reach_m)
            (self._max_range_m, rate_bps) = rate_ladder(rule, [best])[-1]
            given = rate_bps, rate_bps
        self._rates_bps = np.array(given, dtype=np.int64)
        found = sites_of(topology, rule)
        nodes = np.array([node for node, _ in found], dtype=np.int32)
        first_site = len(topology.node_names) - len(site_position_m)
        self._sites = WindowSites(
            nodes,
            np.array([setting.add_site(rule, site) for _, site in found], dtype=np.int32),
            np.ascontiguousarray(site_position_m[nodes - first_site]).reshape(-1, 3),
            np.linalg.norm(site_position_m[nodes - first_site].reshape(-1, 3), axis=1),
            np.empty(len(found)),
        )
        clouds = {node: clouds_of(site, node, topology.seed) for node, site in found if with_clouds}
        self._clouds = {node: sky for node, sky in clouds.items() if sky is not None}
        self._room = _FIRST_ROOM
        self._interval = None, None

    def windows(self, sky, world):
        """When sites see satellites within an interval: `Windows`, whose first node is the site."""
        if self._interval[0] != sky.start_s:
            windows = self._make_windows(sky, world)
            self._interval = sky.start_s, self._under_clear_sky(windows, sky)
        return self._interval[1]

    def offer(self, t_s, position_m, sky, world, offers):
        """Add the links that are up at an instant to an `OfferList`."""
        windows = self.windows(sky, world)
        rows = np.flatnonzero((windows.start_s <= t_s) & (t_s < windows.stop_s))
        offers.reserve(2 * len(rows))
        offers.count = append_windows(
            position_m, windows, rows, self._rates_bps, GSL, self.index, offers.columns, offers.count
        )

    def events(self, sky, world, after_s, until_s):
        """What goes up or down in (after_s, until_s]: instants, nodes and rates (n, 2), whether foreseen."""
        windows = self.windows(sky, world)
        starts = np.flatnonzero((after_s < windows.start_s) & (windows.start_s <= until_s))
        stops = np.flatnonzero((after_s < windows.stop_s) & (windows.stop_s <= until_s))
        rows = np.concatenate((starts, stops))
        times_s = np.concatenate((windows.start_s[starts], windows.stop_s[stops]))
        rates = np.zeros((len(rows), 2), dtype=np.int64)
        rates[: len(starts)] = self._rates_bps
        nodes = np.stack((windows.first[rows], windows.second[rows]), axis=1)
        by_chance = [each.transitions(after_s, until_s) for each in self._clouds.values()]
        by_chance = np.concatenate([sky.fails_at_s[self._members], *by_chance])
        return times_s, nodes, rates, ~np.isin(times_s, by_chance[np.isfinite(by_chance)])

    def _make_windows(self, sky, world):
        n_sites = len(self._sites.node)
        # Between knots no satellite is farther out than at the higher one by more than it can curve.
        curve_m = 0.125 * ACCELERATION * sky.length_s**2
        radius_m = max(greatest_radius_m(sky.state, at, self._members) for at in (POSITION_0, POSITION_1))
        if radius_m == 0.0 or n_sites == 0:
            return Windows(*(np.empty(0, dtype) for dtype in (np.int32, np.int32, float, float)))
        travel_m = greatest_travel_m(sky.state, self._members, sky.length_s)
        self._sites.reach_m[:] = self._reach_m(world, radius_m + curve_m) + travel_m
        reach_m = float(self._sites.reach_m.max())
        # Cells of half the reach: smaller ones would be mostly empty, larger ones hold what cannot be seen.
        per_axis = min(MOST_CELLS_PER_AXIS, max(1, int(4.0 * radius_m / reach_m)))
        cells = sorted_into_cells(sky.state, POSITION_0, self._members, radius_m, per_axis)
        while True:
            shape = n_sites * self._room
            windows = Windows(
                np.empty(shape, np.int32), np.empty(shape, np.int32), np.empty(shape), np.empty(shape)
            )
            n_windows = np.zeros(n_sites, dtype=np.int64)
            spread(
                fill_site_windows,
                n_sites,
                sky,
                world,
                self._sites,
                self._members,
                cells,
                self._max_range_m,
                windows,
                self._room,
                n_windows,
            )
            if n_windows.max() <= self._room:
                break
            self._room = 2 * int(n_windows.max())
        used = (np.arange(self._room) < n_windows[:, None]).ravel()
        return Windows(*(column[used] for column in windows))

    def _reach_m(self, world, satellite_radius_m):
        """Upper bound on the range of a satellite that a site can use, given how far out it is.

        By the law of cosines in the triangle of site, satellite and Earth's centre; a metre for rounding.
        """
        sine_mask = world.site[self._sites.row, SINE_MASK]
        lowest = np.arcsin(np.maximum(-1.0, sine_mask)) - _DEFLECTION_RAD
        site_radius_m = self._sites.radius_m
        along_m = site_radius_m * np.sin(np.maximum(-0.5 * math.pi, lowest))
        under_root = satellite_radius_m**2 - site_radius_m**2 + along_m**2
        highest_m = np.maximum(0.0, np.sqrt(np.maximum(0.0, under_root)) - along_m)
        return np.minimum(self._max_range_m, highest_m) + 1.0

    def _under_clear_sky(self, windows, sky):
        """The parts of windows in which there are no clouds over the site."""
        if not self._clouds:
            return windows
        begin_s, end_s = sky.start_s, sky.start_s + sky.length_s
        clear = {node: clear_spans(each, begin_s, end_s) for node, each in self._clouds.items()}
        rows = []
        for first, second, start_s, stop_s in zip(*(column.tolist() for column in windows), strict=True):
            for from_s, to_s in clear.get(first, [(-math.inf, math.inf)]):
                if max(start_s, from_s) < min(stop_s, to_s):
                    rows.append((first, second, max(start_s, from_s), min(stop_s, to_s)))
        columns = zip(*rows, strict=True) if rows else ([], [], [], [])
        return Windows(*(np.array(column, each.dtype) for column, each in zip(columns, windows, strict=True)))


def clear_spans(clouds, begin_s, end_s):
    """When there are no clouds within an interval: (start, stop), infinite where it goes on outside it."""
    edges_s = clouds.transitions(begin_s, end_s)
    spans, clear_since = [], -math.inf if clouds.is_clear(begin_s) else None
    for edge_s in edges_s:
        if clear_since is None:
            clear_since = edge_s
        else:
            spans.append((clear_since, edge_s))
            clear_since = None
    if clear_since is not None:
        spans.append((clear_since, math.inf))
    return spans
