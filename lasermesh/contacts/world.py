"""The limits of terminals and sites as arrays that the kernels read."""

import contextlib
import math
from typing import NamedTuple

import numpy as np

from lasermesh.contacts import conditions_kernels as conditions
from lasermesh.contacts import pairs_kernels as pairs
from lasermesh.contacts.conditions_kernels import NO_MASK, World
from lasermesh.contacts.pairs_kernels import Ladders, Terminals
from lasermesh.contacts.sight import raised_ellipsoid
from lasermesh.errors import UserError
from lasermesh.orbits.sites import up_vector
from lasermesh.units import NONE, NORMAL_95, bps_from_gbps

_SHARE_DRAW = 2
"""What the generator of shares is seeded with, beside the topology's seed, the group and the use."""


_HIDDEN = 0
"""What `Terminals.pair` says of a terminal that a rule may not take, while it chooses: any row will do."""


class Site(NamedTuple):
    """A ground site as one rule sees it."""

    node: int
    row: int  # of World.site
    site: object  # lasermesh.scenario's Site


class Setting:
    """Everything about a topology that does not change with time.

    Attributes
    ----------
    world : World
    habits : float64 array, shape (n_types + 1, HABIT_COLUMNS)
        How terminals of each type acquire, turn and fail.
    types : list of TerminalType
        Row i + 1 of `habits` and `World.head` is types[i].
    terminals : Terminals
    """

    def __init__(self, topology):
        self.types = []
        for group in topology.satellites:
            for use in group.terminals:
                if use.type not in self.types:
                    self.types.append(use.type)
        self.habits = np.array([_habits_of(None)] + [_habits_of(each) for each in self.types])
        self.terminals = self._make_terminals(topology)
        self._head = np.array([_head_of(None)] + [_head_of(each) for each in self.types])
        self._site_rows, self._mask_rows = [], []
        self._ellipsoid = raised_ellipsoid(topology.grazing_altitude_km * 1000.0)
        self._ladders, self._ladder_of = [], {}

    @property
    def world(self):
        """The arrays that kernels read; made anew after a site was added."""
        return World(
            self._head,
            np.array(self._site_rows, dtype=np.float64).reshape(-1, conditions.SITE_COLUMNS),
            np.array(self._mask_rows, dtype=np.float64).reshape(-1, 2),
            *self._ellipsoid,
        )

    @property
    def ladders(self):
        """All ladders of rates made so far."""
        sizes = [len(ladder) for ladder in self._ladders]
        entries = [entry for ladder in self._ladders for entry in ladder]
        return Ladders(
            np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))).astype(np.int64),
            np.array([range_m for range_m, _ in entries], dtype=np.float64),
            np.array([rate_bps for _, rate_bps in entries], dtype=np.int64),
        )

    def type_row(self, terminal_type):
        """Row of a terminal type, 0 for none."""
        return 0 if terminal_type is None else self.types.index(terminal_type) + 1

    def types_of(self, terminals):
        """Type of each terminal, 0 where there is none (-1): int32 array of the same shape."""
        terminals = np.asarray(terminals)
        types = np.zeros(terminals.shape, dtype=np.int32)
        types[terminals >= 0] = self.terminals.type[terminals[terminals >= 0]]
        return types

    def ladder(self, rule, first_type, second_type):
        """Row of the ladder for links of a rule between two types (0: none), and their longest range."""
        key = rule.rate_gbps, rule.max_range_km, *sorted((first_type, second_type))
        if key not in self._ladder_of:
            ends = [self.types[row - 1] for row in key[2:] if row > 0]
            self._ladder_of[key] = len(self._ladders)
            self._ladders.append(rate_ladder(rule, ends))
        row = self._ladder_of[key]
        return row, self._ladders[row][-1][0]

    def ladders_between(self, rule, types):
        """Row of the ladder and longest range of many links of a rule, by the types (rows) at both ends."""
        combined, which = np.unique(np.stack(types, axis=1), axis=0, return_inverse=True)
        found = [self.ladder(rule, *pair) for pair in combined.tolist()]
        rows = np.array([row for row, _ in found], dtype=np.int64)
        ranges_m = np.array([range_m for _, range_m in found], dtype=np.float64)
        return rows[which.ravel()], ranges_m[which.ravel()]

    def add_site(self, rule, site):
        """A row of `World.site` for a site under a rule's mask."""
        row = self.site_row(rule, site)
        row[conditions.MASK_FIRST] = len(self._mask_rows)
        self._mask_rows += mask_table(least_elevation_deg(rule, site)).tolist()
        self._site_rows.append(row)
        return len(self._site_rows) - 1

    @staticmethod
    def site_row(rule, site):
        """What `World.site` says of a site under a rule's mask (None: no rule), a table being its first."""
        latitude, longitude = math.radians(site.lat_deg), math.radians(site.lon_deg)
        row = np.zeros(conditions.SITE_COLUMNS)
        row[conditions.UP : conditions.UP + 3] = up_vector(latitude, longitude)
        row[conditions.EAST : conditions.EAST + 3] = (-math.sin(longitude), math.cos(longitude), 0.0)
        mask = None if rule is None else least_elevation_deg(rule, site)
        if isinstance(mask, tuple):
            azimuth, elevation = mask_table(mask).T
            row[conditions.SINE_MASK] = math.sin(elevation.min())
            row[conditions.SINE_MASK_MOST] = math.sin(elevation.max())
            row[conditions.MASK_SLOPE] = _greatest_slope(azimuth, elevation)
            row[conditions.MASK_COUNT] = len(azimuth)
        else:
            row[conditions.SINE_MASK] = NO_MASK if mask is None else math.sin(math.radians(mask))
            row[conditions.SINE_MASK_MOST] = row[conditions.SINE_MASK]
        return row

    def world_of(self, row, mask_deg):
        """A world of one site and its mask."""
        return World(self._head, row[None, :], mask_table(mask_deg), *self._ellipsoid)

    def _make_terminals(self, topology):
        """The terminals of every node, drawn from the seed where only a share has them."""
        n_nodes = len(topology.node_names)
        nodes, types, numbers = [], [], []
        limited = np.zeros(n_nodes, dtype=bool)
        for group_index, group in enumerate(topology.satellites):
            rows = np.array(topology.group_rows(group.name))
            limited[rows] = len(group.terminals) > 0
            number = 0
            for use_index, use in enumerate(group.terminals):
                having = rows
                if use.share < 1.0:
                    generator = np.random.default_rng([topology.seed, _SHARE_DRAW, group_index, use_index])
                    having = rows[generator.permutation(len(rows))[: max(1, round(use.share * len(rows)))]]
                for _ in range(use.count):
                    nodes.append(having)
                    types.append(np.full(len(having), self.type_row(use.type)))
                    numbers.append(np.full(len(having), number))
                    number += 1
        nothing = [np.empty(0, dtype=np.int64)]
        node, kind, number = (np.concatenate(nothing + column) for column in (nodes, types, numbers))
        order = np.lexsort((number, node))
        first = np.zeros(n_nodes + 1, dtype=np.int64)
        np.cumsum(np.bincount(node.astype(np.int64), minlength=n_nodes), out=first[1:])
        n_terminals = len(order)
        return Terminals(
            first,
            kind[order].astype(np.int32),
            number[order].astype(np.int32),
            np.full(n_terminals, NONE, dtype=np.int32),
            np.full(n_terminals, NONE, dtype=np.int32),
            np.full((n_terminals, 3), np.nan),
            limited,
        )

    def barred(self, nodes, names):
        """Terminals of some nodes that are of none of the types named: int64 rows; none without names."""
        if not names:
            return np.empty(0, dtype=np.int64)
        allowed = [self.type_row(kind) for kind in self.types if kind.name in names]
        terminals = self.terminals
        rows = [np.arange(terminals.first[node], terminals.first[node + 1]) for node in nodes]
        rows = np.concatenate([np.empty(0, dtype=np.int64), *rows])
        return rows[~np.isin(terminals.type[rows], allowed)]

    @contextlib.contextmanager
    def without(self, barred):
        """Have those of some terminals that are free pass for taken, while a rule chooses."""
        pair = self.terminals.pair
        hidden = barred[pair[barred] == NONE]
        pair[hidden] = _HIDDEN
        try:
            yield
        finally:
            pair[hidden] = NONE

    def rest(self):
        """Free all terminals; those that have a mount point along it."""
        terminals = self.terminals
        terminals.pair[:] = NONE
        terminals.partner[:] = NONE
        mounts = self._head[terminals.type, conditions.MOUNT : conditions.MOUNT + 3]
        mounted = self._head[terminals.type, conditions.COS_REGARD] >= -1.0
        terminals.direction[:] = np.where(mounted[:, None], mounts, np.nan)


def mask_table(mask_deg):
    """Azimuth and elevation of a mask in rad: float64 (n, 2), no rows where it is a number."""
    if not isinstance(mask_deg, tuple):
        return np.empty((0, 2))
    return np.radians(np.array(mask_deg, dtype=np.float64).reshape(-1, 2))


def rate_ladder(rule, types):
    """Ranges (m) and rates (bit/s) of links of a rule between terminals of these types, nearest first.

    Up to each range, and beyond the one before, the rate holds; past the last there is no link.
    """
    longest_m = math.inf if rule.max_range_km is None else rule.max_range_km * 1000.0
    edges_m = {longest_m}
    for each in types:
        if each.max_range_km is not None:
            edges_m.add(each.max_range_km * 1000.0)
        edges_m.update(range_m for range_m, _ in _steps(each))
        longest_m = min(longest_m, reach_m(each))
    ladder = []
    for range_m in sorted(edge for edge in edges_m if edge <= longest_m):
        rates = [_rate_gbps(each, range_m) for each in types] + [rule.rate_gbps]
        given = [rate for rate in rates if rate is not None]
        if not given:
            raise UserError(f'rule "{rule.rule}": no rate: write rate_gbps, or give its satellites terminals')
        rate_bps = bps_from_gbps(min(given))
        if ladder and ladder[-1][1] == rate_bps:
            ladder[-1] = range_m, rate_bps
        else:
            ladder.append((range_m, rate_bps))
    return ladder


def reach_m(terminal_type):
    """Longest link of a terminal: its limit, and with an inverse-square rate where the lowest step ends."""
    limit_m = math.inf if terminal_type.max_range_km is None else terminal_type.max_range_km * 1000.0
    return min(limit_m, max((range_m for range_m, _ in _steps(terminal_type)), default=math.inf))


def _steps(each):
    """Range up to which each step of an inverse-square rate holds, and the step; none for a fixed rate."""
    if each.reference_range_km is None:
        return []
    reference_m = each.reference_range_km * 1000.0
    return [(reference_m * math.sqrt(each.rate_gbps / step), step) for step in each.rate_steps_gbps]


def _rate_gbps(each, range_m):
    """Rate of a terminal at a range within its reach; None if only the rule gives one."""
    steps = [step for edge_m, step in _steps(each) if range_m <= edge_m]
    return max(steps) if steps else each.rate_gbps


def _head_of(each):
    """One row of `World.head`."""
    row = np.zeros(conditions.HEAD_COLUMNS)
    row[conditions.COS_REGARD], row[conditions.COS_SUN] = -2.0, 2.0
    if each is not None and each.mount is not None:
        row[conditions.MOUNT : conditions.MOUNT + 3] = each.mount
        row[conditions.COS_REGARD] = math.cos(math.radians(each.field_of_regard_deg))
    if each is not None and each.sun_exclusion_deg > 0.0:
        row[conditions.COS_SUN] = math.cos(math.radians(each.sun_exclusion_deg))
    return row


def _habits_of(each):
    """One row of the table of habits."""
    row = np.zeros(pairs.HABIT_COLUMNS)
    row[pairs.SLEW] = row[pairs.LOSS_MEAN] = row[pairs.REACH] = math.inf
    if each is None:
        return row
    if each.acquisition_s is not None and each.acquisition_s.median > 0.0:
        median, p95 = each.acquisition_s.median, each.acquisition_s.p95
        row[pairs.MEDIAN], row[pairs.NINETY_FIFTH] = median, p95
        row[pairs.SIGMA] = math.log(p95 / median) / NORMAL_95
    if each.slew_deg_per_s is not None:
        row[pairs.SLEW] = math.radians(each.slew_deg_per_s)
    if each.mean_time_between_losses_s is not None:
        row[pairs.LOSS_MEAN] = each.mean_time_between_losses_s
    row[pairs.REACH] = reach_m(each)
    return row


def least_elevation_deg(rule, site):
    """The mask that holds at a site: its own, else the rule's, else 0; None where range alone decides."""
    mask_deg = rule.mask_deg if site.mask_deg is None else site.mask_deg
    if mask_deg is None and rule.max_range_km is None:
        return 0.0
    return mask_deg


def _greatest_slope(azimuth_rad, elevation_rad):
    """Greatest change of elevation per azimuth in a table that goes round."""
    gap = np.diff(azimuth_rad, append=azimuth_rad[0] + 2.0 * math.pi)
    rise = np.abs(np.diff(elevation_rad, append=elevation_rad[0]))
    return float((rise / np.maximum(gap, 1e-9)).max())
