"""When satellites enter and leave the Earth's shadow, and how much of the Sun they see in between."""

import math
from typing import NamedTuple

import numpy as np

from lasermesh.orbits.shadow import PENUMBRA, SUNLIT, UMBRA, UNKNOWN, limb_angles

PRECISION_S = 1e-3
"""How exactly the instants are found."""

# Between samples so far apart a satellite dips into the shadow once at most, and its angle above the limb
# has one lowest and one highest value an orbit, which are found from the samples around them.
_SAMPLE_S = 60.0
_DEEPEST_ROUNDS = 40  # of a golden section: 2 min shrink below a microsecond
_POINTS_OF_PENUMBRA = 32
_GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)


class Sunlight(NamedTuple):
    """What satellites see of the Sun, in pieces of time.

    Satellite i has the pieces [offsets[i], offsets[i + 1]); each lasts until the next one of that satellite
    begins, the last one until the end of what was asked for.
    """

    offsets: np.ndarray  # int64 (n_satellites + 1,)
    start_s: np.ndarray  # float64 (n_pieces,)  to PRECISION_S, the first piece of each exactly
    lit: np.ndarray  # int8 (n_pieces,)  SUNLIT, PENUMBRA, UMBRA; UNKNOWN once SGP4 refuses the satellite
    share: np.ndarray  # float64 (n_pieces,)  of the Sun's disc that is seen: 1, its mean over the piece, 0, 0

    def counted_from(self, zero_s):
        """The same with its instants counted from another zero, such as a run's start."""
        return self._replace(start_s=self.start_s - zero_s)

    def of(self, i):
        """Start, light and share of each piece of one satellite."""
        pieces = slice(self.offsets[i], self.offsets[i + 1])
        return self.start_s[pieces], self.lit[pieces], self.share[pieces]


def sunlight(ephemeris, rows, start_s, end_s) -> Sunlight:
    """What each satellite sees of the Sun from one instant to another.

    Shadow and positions are those of `illumination` and SGP4. In a penumbra the share of the disc is taken as
    its mean over that crossing, so that the energy of an array is right whenever nothing else happens within
    the ten seconds or so that it takes.

    Parameters
    ----------
    ephemeris : Ephemeris
    rows : sequence of int
        Of satellites; that of a formation stands for its leader. Fixed nodes, which are nowhere, are sunlit.
    start_s, end_s : float
        Seconds since the topology's epoch.

    Raises
    ------
    ValueError
        For ground sites, or if the end is not after the start.
    """
    if not end_s > start_s:
        raise ValueError(f"the end, {end_s:g} s, must be after the start, {start_s:g} s")
    found = [_pieces_of(ephemeris, int(row), float(start_s), float(end_s)) for row in rows]
    offsets = np.cumsum([0, *(len(lit) for _, lit, _ in found)], dtype=np.int64)
    nothing = np.empty(0), np.empty(0, np.int8), np.empty(0)
    return Sunlight(offsets, *(np.concatenate(column) for column in zip(nothing, *found, strict=True)))


def _pieces_of(ephemeris, row, start_s, end_s):
    """Start, light and share of the pieces of one satellite."""
    if not ephemeris.has_position[row]:
        return np.array([start_s]), np.array([SUNLIT], np.int8), np.ones(1)
    sky = _Sky(ephemeris.record_of(row), ephemeris.clock)
    times_s = np.append(np.arange(start_s, end_s, _SAMPLE_S), end_s)
    fails_s = _fails_at(sky, times_s)
    times_s = times_s[times_s < fails_s]
    edges_s = np.concatenate(
        ([start_s], _crossings(sky, times_s, -1.0), _crossings(sky, times_s, 1.0), [fails_s])
    )
    edges_s = np.unique(np.minimum(edges_s, end_s))
    lit, share = _light_between(sky, edges_s[:-1], edges_s[1:])
    if fails_s < end_s:
        edges_s = np.append(edges_s, end_s)
        lit, share = np.append(lit, np.int8(UNKNOWN)), np.append(share, 0.0)
    changes = np.append(True, np.diff(lit) != 0)
    return edges_s[:-1][changes], lit[changes], share[changes]


class _Sky:
    """The Sun and the Earth's limb as one satellite sees them."""

    def __init__(self, record, clock):
        self._record, self._clock = record, clock

    def edge_rad(self, times_s, side):
        """The Sun's upper (1.0) or lower (-1.0) edge above the limb at each instant; nan once refused."""
        above, half_sun = self.angles_rad(times_s)
        return above + side * half_sun

    def angles_rad(self, times_s):
        """The Sun's centre above the limb, and half its width."""
        return limb_angles(self._record, self._clock, times_s)


def _fails_at(sky, times_s):
    """From when on there is no position, infinity if there always is one."""
    refused = np.isnan(sky.edge_rad(times_s, 1.0))
    if not refused.any():
        return math.inf
    first = int(np.argmax(refused))
    if first == 0:
        return float(times_s[0])
    flying_s, fails_s = float(times_s[first - 1]), float(times_s[first])
    while fails_s - flying_s > PRECISION_S:
        middle_s = 0.5 * (flying_s + fails_s)
        if np.isnan(sky.edge_rad(np.array([middle_s]), 1.0)[0]):
            fails_s = middle_s
        else:
            flying_s = middle_s
    return fails_s


def _crossings(sky, times_s, side):
    """When an edge of the Sun crosses the limb, in order."""
    if len(times_s) < 2:
        return np.empty(0)
    times_s, edge_rad = _with_extremes(sky, times_s, sky.edge_rad(times_s, side), side)
    below = edge_rad < 0.0
    crossed = np.flatnonzero(below[1:] != below[:-1])
    left_s, right_s, left_below = times_s[crossed], times_s[crossed + 1], below[crossed]
    while len(left_s) and np.max(right_s - left_s) > PRECISION_S:
        middle_s = 0.5 * (left_s + right_s)
        as_left = (sky.edge_rad(middle_s, side) < 0.0) == left_below
        left_s, right_s = np.where(as_left, middle_s, left_s), np.where(as_left, right_s, middle_s)
    return 0.5 * (left_s + right_s)


def _with_extremes(sky, times_s, edge_rad, side):
    """Samples, and among them those extremes that two crossings within one step could hide behind."""
    size = np.abs(edge_rad)
    near = np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])) + 1
    near = near[(edge_rad[near] < 0.0) == (edge_rad[near - 1] < 0.0)]
    near = near[(edge_rad[near] < 0.0) == (edge_rad[near + 1] < 0.0)]
    if not len(near):
        return times_s, edge_rad
    toward = np.where(edge_rad[near] < 0.0, -1.0, 1.0)  # what is least: the edge's height, or its depth
    left_s, right_s = times_s[near - 1], times_s[near + 1]
    for _ in range(_DEEPEST_ROUNDS):
        width_s = _GOLDEN * (right_s - left_s)
        first_s, second_s = right_s - width_s, left_s + width_s
        first_less = toward * sky.edge_rad(first_s, side) < toward * sky.edge_rad(second_s, side)
        right_s, left_s = np.where(first_less, second_s, right_s), np.where(first_less, left_s, first_s)
    extreme_s = 0.5 * (left_s + right_s)
    times_s = np.concatenate((times_s, extreme_s))
    edge_rad = np.concatenate((edge_rad, sky.edge_rad(extreme_s, side)))
    order = np.argsort(times_s, kind="stable")
    return times_s[order], edge_rad[order]


def _light_between(sky, start_s, stop_s):
    """Light in the middle of each piece, and the mean share of the disc over it."""
    above, half_sun = sky.angles_rad(0.5 * (start_s + stop_s))
    lit = np.where(above >= half_sun, SUNLIT, np.where(above <= -half_sun, UMBRA, PENUMBRA)).astype(np.int8)
    share = (lit == SUNLIT).astype(float)
    crossing = np.flatnonzero(lit == PENUMBRA)
    parts = (np.arange(_POINTS_OF_PENUMBRA) + 0.5) / _POINTS_OF_PENUMBRA
    times_s = start_s[crossing, None] + parts * (stop_s - start_s)[crossing, None]
    above, half_sun = sky.angles_rad(times_s.ravel())
    share[crossing] = visible_share(above / half_sun).reshape(times_s.shape).mean(axis=1)
    return lit, share


def visible_share(height):
    """Share of the Sun's disc above a straight limb, its centre being `height` of its half widths above.

    An even disc: at its edge the Sun is darker, which shifts energy within a penumbra, not into or out of it.
    The limb is straight to a hundredth of the Sun's width in low orbits.
    """
    height = np.clip(height, -1.0, 1.0)
    return 0.5 + (np.arcsin(height) + height * np.sqrt(1.0 - height**2)) / math.pi
