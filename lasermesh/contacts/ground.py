"""Rule `ground`: which satellites each ground site is linked with."""

import math

import numpy as np

from lasermesh.contacts.ground_kernels import (
    NO_MASK,
    Cells,
    Members,
    Sites,
    append_visible,
    fill_cells,
    fill_first_candidate,
    fill_visible,
    fill_visible_in_parallel,
    greatest_radius_m,
)
from lasermesh.contacts.terminals import least_range_m, least_rate_bps
from lasermesh.orbits.sites import up_vector
from lasermesh.units import bps_from_gbps

# The geodetic vertical leans at most 0.1925 deg from the geocentric one: asin of f (2 - f) / (2 - f (2 - f)).
_DEFLECTION_DEG = 0.1925

_MOST_CELLS_PER_AXIS = 32

# Below this many candidates one core is done before other threads have started.
PARALLEL_CANDIDATES = 50_000


class GroundRule:
    """One rule `ground` of a topology, ready to offer its links at any instant."""

    def __init__(self, topology, index, site_position_m):
        self.index = index
        rule = topology.links[index]
        self._members = _make_members(topology, rule, f"links[{index}]")
        self._sites, self._search_sine = _make_sites(topology, rule, site_position_m)
        n_members, n_sites = len(self._members.node), len(self._sites.node)
        self._member_by_cell = np.empty(n_members, dtype=np.int32)
        self._cell_of_member = np.empty(n_members, dtype=np.int64)
        self._first_in_cell = np.empty(_MOST_CELLS_PER_AXIS**3 + 1, dtype=np.int64)
        self._next_place = np.empty(_MOST_CELLS_PER_AXIS**3, dtype=np.int64)
        self._first_candidate = np.empty(n_sites + 1, dtype=np.int64)
        self._n_visible = np.empty(n_sites, dtype=np.int64)
        self._visible = np.empty(0, dtype=np.int32)
        self._visible_range_m = np.empty(0)

    def offer(self, t_s, position_m, offers):
        """Add the links that are up, given all nodes' positions, float64 (n_nodes, 3), to an `OfferList`."""
        radius_m = greatest_radius_m(position_m, self._members)
        if radius_m == 0.0 or len(self._n_visible) == 0:
            return
        reach_m = reach(self._sites, self._search_sine, radius_m)
        cells = self._sort_into_cells(position_m, radius_m, float(reach_m.max()))
        fill_first_candidate(self._sites, reach_m, cells, self._first_candidate)
        n_candidates = int(self._first_candidate[-1])
        if n_candidates > len(self._visible):
            self._visible = np.empty(2 * n_candidates, dtype=np.int32)
            self._visible_range_m = np.empty(2 * n_candidates)
        fill = fill_visible_in_parallel if n_candidates >= PARALLEL_CANDIDATES else fill_visible
        found = self._first_candidate, self._visible, self._visible_range_m, self._n_visible
        fill(position_m, self._sites, self._members, cells, reach_m, *found)
        offers.reserve(2 * int(self._n_visible.sum()))
        offers.count = append_visible(
            self._sites, self._members, *found, 1, self.index, offers.columns, offers.count
        )

    def _sort_into_cells(self, position_m, radius_m, farthest_m):
        """The members by cells about as large as the farthest reach of a site."""
        per_axis = min(_MOST_CELLS_PER_AXIS, max(1, int(2.0 * radius_m / farthest_m)))
        cells = Cells(
            per_axis, 2.0 * radius_m / per_axis, -radius_m, self._first_in_cell, self._member_by_cell
        )
        fill_cells(position_m, self._members, cells, self._cell_of_member, self._next_place)
        return cells


def _make_members(topology, rule, where):
    """The satellites of a rule; where it gives no rate, a terminal of the satellite serves."""
    nodes, ranges_m, up_bps, down_bps = [], [], [], []
    up_gbps = rule.rate_gbps if rule.up_gbps is None else rule.up_gbps
    down_gbps = rule.rate_gbps if rule.down_gbps is None else rule.down_gbps
    for group in topology.satellites:
        if group.name not in rule.satellites or group.fixed is not None:
            continue
        needs_terminal = up_gbps is None or down_gbps is None
        nodes += topology.group_rows(group.name)
        ranges_m += [least_range_m(rule, [group] if needs_terminal else [])] * group.size
        for gbps, column in ((up_gbps, up_bps), (down_gbps, down_bps)):
            rate_bps = least_rate_bps(None, [group], where) if gbps is None else bps_from_gbps(gbps)
            column += [rate_bps] * group.size
    return Members(
        np.array(nodes, dtype=np.int32),
        np.array(ranges_m, dtype=np.float64),
        np.array(up_bps, dtype=np.int64),
        np.array(down_bps, dtype=np.int64),
    )


def _make_sites(topology, rule, site_position_m):
    """The sites of a rule with the limits that the kernels test, and the sine that `reach` needs."""
    first_site = len(topology.node_names) - len(site_position_m)
    rows, sites = [], []
    for group in topology.ground:
        if group.name in rule.sites:
            rows += topology.group_rows(group.name)
            sites += group.sites
    masks_deg = [least_elevation_deg(rule, site) for site in sites]
    rows = np.array(rows, dtype=np.int32)
    latitudes = np.radians([site.lat_deg for site in sites])
    longitudes = np.radians([site.lon_deg for site in sites])
    sine_mask = [NO_MASK if mask is None else math.sin(math.radians(mask)) for mask in masks_deg]
    search_deg = [-90.0 if mask is None else max(-90.0, mask - _DEFLECTION_DEG) for mask in masks_deg]
    max_range_m = math.inf if rule.max_range_km is None else rule.max_range_km * 1000.0
    made = Sites(
        rows,
        np.ascontiguousarray(site_position_m[rows - first_site]).reshape(-1, 3),
        np.ascontiguousarray(up_vector(latitudes, longitudes)).reshape(-1, 3),
        np.array(sine_mask, dtype=np.float64),
        np.full(len(rows), max_range_m),
    )
    return made, np.sin(np.radians(search_deg))


def reach(sites, search_sine, satellite_radius_m):
    """Upper bound on the range of a satellite that a site can use, that far from the Earth's centre at most.

    `search_sine` is the sine of each site's least elevation above the *geocentric* horizon, -1 without a
    mask. By the law of cosines in the triangle of site, satellite and Earth's centre; a metre for rounding.
    """
    site_radius_m = np.linalg.norm(sites.position_m, axis=1)
    along_m = site_radius_m * search_sine
    under_root = satellite_radius_m**2 - site_radius_m**2 + along_m**2
    highest_m = np.maximum(0.0, np.sqrt(np.maximum(0.0, under_root)) - along_m)
    return np.minimum(sites.max_range_m, highest_m) + 1.0


def least_elevation_deg(rule, site):
    """The mask that holds at a site: its own, else the rule's, else 0; None where range alone decides."""
    mask_deg = rule.mask_deg if site.mask_deg is None else site.mask_deg
    if mask_deg is None and rule.max_range_km is None:
        return 0.0
    return mask_deg
