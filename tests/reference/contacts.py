"""When two nodes could have a link: every condition a margin of its own, scanned finely and bisected.

A margin is a function of time that is at least 0 while its condition holds; nan does not hold.
"""

import math
from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tests.reference.chance import cloud_changes
from tests.reference.orbits import EARTH_ROTATION_RAD_PER_S

EQUATORIAL_RADIUS_M = 6_378_137.0
POLAR_RADIUS_M = 6_356_752.314245179

KNOT_S = 30.0
SCAN_S = 0.2
CHUNK_KNOTS = 10
CHUNK_S = CHUNK_KNOTS * KNOT_S
EDGE_S = 1e-7
UNLIMITED_M = 1e13


class Sample(NamedTuple):
    """States of all nodes at one instant or, with one more dimension in front, at many."""

    t_s: np.ndarray  # ()
    position_m: np.ndarray  # (n_nodes, 3)
    velocity_m_per_s: np.ndarray  # (n_nodes, 3)
    sun: np.ndarray  # (3,)  unit vector from the Earth to the Sun


class Sky:
    """States of the nodes of an ephemeris: at single instants, and at fine samples of chunks of time."""

    def __init__(self, ephemeris):
        self.ephemeris = ephemeris
        self.chunk = lru_cache(maxsize=200)(self._chunk)

    def at(self, t_s):
        position_m, velocity_m_per_s = self.ephemeris.state_at(t_s)
        return Sample(np.float64(t_s), position_m, velocity_m_per_s, self.sun_at(t_s))

    def sun_at(self, t_s):
        """The Sun's direction, between knots along the straight line that joins them."""
        index, after_s = divmod(t_s, KNOT_S)
        interval = self.ephemeris.interval_at(int(index))
        direction = interval.sun_0 + (interval.sun_1 - interval.sun_0) * (after_s / KNOT_S)
        return direction / np.linalg.norm(direction)

    def _chunk(self, number):
        """Samples `SCAN_S` apart of [number, number + 1) chunks, with one before it and two after."""
        per_knot = round(KNOT_S / SCAN_S)
        ticks = np.arange(-1, CHUNK_KNOTS * per_knot + 2) + number * CHUNK_KNOTS * per_knot
        parts = []
        for index in sorted(set((ticks // per_knot).tolist())):
            inside = ticks[ticks // per_knot == index] - index * per_knot
            parts.append(samples_between_knots(self.ephemeris.interval_at(index), inside / per_knot))
        return Sample(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def samples_between_knots(interval, share):
    """The cubic through both knots of an interval, at shares in [0, 1) of it."""
    s = share[:, None, None]
    h = interval.length_s
    p0, v0 = interval.position_0_m, interval.velocity_0_m_per_s
    p1, v1 = interval.position_1_m, interval.velocity_1_m_per_s
    position_m = (
        (1 + 2 * s) * (1 - s) ** 2 * p0
        + s**2 * (3 - 2 * s) * p1
        + s * (1 - s) ** 2 * h * v0
        + s**2 * (s - 1) * h * v1
    )
    velocity = 6 * s * (1 - s) / h * (p1 - p0) + (1 - s) * (1 - 3 * s) * v0 + s * (3 * s - 2) * v1
    t_s = interval.start_s + share * h
    gone = t_s[:, None] >= interval.fails_at_s[None, :]
    position_m[gone], velocity[gone] = np.nan, np.nan
    sun = interval.sun_0 + share[:, None] * (interval.sun_1 - interval.sun_0)
    return t_s, position_m, velocity, sun / np.linalg.norm(sun, axis=1, keepdims=True)


# ------------------------------------------------------------------------------------------------ geometry


def dot(one, other):
    return one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1] + one[..., 2] * other[..., 2]


def cross(one, other):
    x, y, z = (one[..., axis] for axis in range(3))
    u, v, w = (other[..., axis] for axis in range(3))
    return np.stack((y * w - z * v, z * u - x * w, x * v - y * u), axis=-1)


def unit_vector(vector):
    return vector / np.sqrt(dot(vector, vector))[..., None]


def angle_rad(one, other):
    across = cross(one, other)
    return np.arctan2(np.sqrt(dot(across, across)), dot(one, other))


def toward(sample, node, other):
    """Vector from one node to another."""
    return sample.position_m[..., other, :] - sample.position_m[..., node, :]


def range_m(sample, node, other):
    vector = toward(sample, node, other)
    return np.sqrt(dot(vector, vector))


def local_direction(sample, node, other):
    """Unit vector to another node in a satellite's local orbital frame: fore, left, up."""
    position_m = sample.position_m[..., node, :]
    rotation = np.array([0.0, 0.0, EARTH_ROTATION_RAD_PER_S])
    inertial = sample.velocity_m_per_s[..., node, :] + cross(rotation, position_m)
    up = unit_vector(position_m)
    fore = unit_vector(inertial - dot(inertial, up)[..., None] * up)
    left = cross(up, fore)
    direction = unit_vector(toward(sample, node, other))
    return np.stack((dot(direction, fore), dot(direction, left), dot(direction, up)), axis=-1)


def clearance(sample, node, other, grazing_altitude_m):
    """Squared distance from the centre to the segment, less 1, the raised ellipsoid being a unit sphere."""
    axes = np.array([EQUATORIAL_RADIUS_M] * 2 + [POLAR_RADIUS_M]) + grazing_altitude_m
    start = sample.position_m[..., node, :] / axes
    step = sample.position_m[..., other, :] / axes - start
    share = np.clip(-dot(start, step) / dot(step, step), 0.0, 1.0)
    nearest = start + share[..., None] * step
    return dot(nearest, nearest) - 1.0


def site_frame(site):
    """Unit vectors north, east and up at a site, Earth-fixed."""
    latitude, longitude = math.radians(site.lat_deg), math.radians(site.lon_deg)
    up = np.array(
        [
            math.cos(latitude) * math.cos(longitude),
            math.cos(latitude) * math.sin(longitude),
            math.sin(latitude),
        ]
    )
    east = np.array([-math.sin(longitude), math.cos(longitude), 0.0])
    return cross(up, east), east, up


def sine_of_elevation(sample, site, site_row, satellite):
    return dot(unit_vector(toward(sample, site_row, satellite)), site_frame(site)[2])


def mask_at_deg(mask_deg, azimuth_deg):
    """A mask in a direction: a number, or pairs of azimuth and elevation joined by straight lines."""
    if isinstance(mask_deg, int | float):
        return np.full(np.shape(azimuth_deg), float(mask_deg))
    azimuths = [mask_deg[-1][0] - 360.0] + [row[0] for row in mask_deg] + [mask_deg[0][0] + 360.0]
    elevations = [mask_deg[-1][1]] + [row[1] for row in mask_deg] + [mask_deg[0][1]]
    return np.interp(azimuth_deg, azimuths, elevations)


def least_elevation(rule, site):
    """The mask that holds for a site: its own, else the rule's, else 0; None where range alone decides."""
    if site.mask_deg is not None:
        return site.mask_deg
    if rule.mask_deg is None and rule.max_range_km is None:
        return 0.0
    return rule.mask_deg


# ----------------------------------------------------------------------------------- rates and their ranges


def lowest_step_range_m(terminal_type):
    """Range at which a terminal's rate is its lowest step; inf where its rate is fixed."""
    if terminal_type.reference_range_km is None:
        return math.inf
    lowest = min(terminal_type.rate_steps_gbps)
    return 1000.0 * terminal_type.reference_range_km * math.sqrt(terminal_type.rate_gbps / lowest)


def terminal_rate_gbps(terminal_type, at_range_m):
    """Rate of a terminal at a range; None where it is below the lowest step."""
    if terminal_type.reference_range_km is None:
        return terminal_type.rate_gbps
    possible = terminal_type.rate_gbps * (terminal_type.reference_range_km * 1000.0 / at_range_m) ** 2
    return max((step for step in terminal_type.rate_steps_gbps if step <= possible), default=None)


def step_ranges_m(terminal_type):
    """Ranges at which the rate of a terminal changes."""
    if terminal_type is None or terminal_type.reference_range_km is None:
        return []
    rate, reference_m = terminal_type.rate_gbps, terminal_type.reference_range_km * 1000.0
    return [reference_m * math.sqrt(rate / step) for step in terminal_type.rate_steps_gbps]


# ---------------------------------------------------------------------------------------------- conditions


class Margin:
    """A condition that holds while a continuous function of a `Sample` is at least 0."""

    def __init__(self, sky, function):
        self._sky = sky
        self._function = function
        self._chunks = {}

    def __call__(self, sample):
        """Whether it holds at each of many samples."""
        return self._function(sample) >= 0.0

    def value(self, t_s):
        with np.errstate(invalid="ignore"):
            return float(self._function(self._sky.at(t_s)))

    def holds(self, t_s):
        number = math.floor(t_s / CHUNK_S)
        held, changes = self._chunk(number)
        return held if bisect_right(changes, t_s) % 2 == 0 else not held

    def next_change(self, t_s, limit_s):
        """The first instant after `t_s` from which it is otherwise; inf if there is none up to `limit_s`."""
        number = math.floor(t_s / CHUNK_S)
        while number * CHUNK_S <= limit_s:
            for change in self._chunk(number)[1]:
                if change > t_s:
                    return change if change <= limit_s else math.inf
            number += 1
        return math.inf

    def _chunk(self, number):
        """Whether it holds where a chunk of time starts, and the instants within it at which that changes."""
        if number not in self._chunks:
            sample = self._sky.chunk(number)
            with np.errstate(invalid="ignore"):
                values = self._function(sample)
                found = self._changes(sample.t_s, values)
            changes = [change for change in found if number * CHUNK_S < change <= (number + 1) * CHUNK_S]
            self._chunks[number] = bool(values[1] >= 0.0), changes
        return self._chunks[number]

    def _changes(self, t_s, values):
        """Every instant at which the condition begins or ceases to hold, ascending."""
        held = values >= 0.0
        changes = [self._bisect(t_s[i], t_s[i + 1]) for i in np.flatnonzero(held[1:] != held[:-1]).tolist()]
        # Between samples of one sign the margin may still have touched 0 and come back.
        near, mid, far = (np.abs(values[i : len(values) - 2 + i]) for i in range(3))
        turns = (held[:-2] == held[1:-1]) & (held[1:-1] == held[2:]) & (mid < near) & (mid <= far)
        for i in np.flatnonzero(turns).tolist():
            bend = near[i] - 2.0 * mid[i] + far[i]
            if mid[i] - (near[i] - far[i]) ** 2 / (8.0 * bend) < 0.2 * bend:
                changes += self._dip(t_s[i], t_s[i + 2], bool(held[i]))
        return sorted(changes)

    def _bisect(self, low_s, high_s):
        before = self.value(low_s) >= 0.0
        while high_s - low_s > EDGE_S:
            mid_s = 0.5 * (low_s + high_s)
            if (self.value(mid_s) >= 0.0) == before:
                low_s = mid_s
            else:
                high_s = mid_s
        return float(high_s)

    def _dip(self, low_s, high_s, held):
        """Both instants of a change and back between two instants, by a search for the extreme."""
        first_s, last_s = low_s, high_s
        sign = 1.0 if held else -1.0
        while high_s - low_s > EDGE_S:
            left_s, right_s = low_s + (high_s - low_s) / 3.0, high_s - (high_s - low_s) / 3.0
            if sign * self.value(left_s) < sign * self.value(right_s):
                high_s = right_s
            else:
                low_s = left_s
        if (self.value(low_s) >= 0.0) == held:
            return []
        return [self._bisect(first_s, low_s), self._bisect(low_s, last_s)]


class ClearSky:
    """The condition that a site has no clouds."""

    def __init__(self, seed, row, site):
        self._arguments = seed, row, site.availability, site.mean_cloudy_s

    def holds(self, t_s):
        return cloud_changes(*self._arguments, t_s, t_s)[0]

    def next_change(self, t_s, limit_s):
        changes = cloud_changes(*self._arguments, t_s, limit_s)[1]
        return changes[0] if changes else math.inf


class AllOf:
    """The condition that several hold."""

    def __init__(self, conditions):
        self.conditions = conditions

    def holds(self, t_s):
        return all(condition.holds(t_s) for condition in self.conditions)

    def next_change(self, t_s, limit_s):
        held = self.holds(t_s)
        while True:
            t_s = min((c.next_change(t_s, limit_s) for c in self.conditions), default=math.inf)
            if t_s == math.inf or self.holds(t_s) != held:
                return t_s

    def windows(self, start_s, stop_s):
        """Maximal [start, stop) within [start_s, stop_s] in which they hold."""
        found, t_s = [], start_s
        while t_s < stop_s:
            end_s = min(self.next_change(t_s, stop_s), stop_s)
            if self.holds(t_s):
                found.append((t_s, end_s))
            t_s = end_s
        return found


class Conditions:
    """The conditions of the pairs of a topology, made when they are asked for."""

    def __init__(self, topology, ephemeris):
        self.topology = topology
        self.sky = Sky(ephemeris)
        self.n_satellites = sum(group.size for group in topology.satellites)
        self.sites = [site for group in topology.ground for site in group.sites]
        self._made = {}

    def of_pair(self, rule_index, first, second):
        """Names and conditions that need no terminal; of a ground link `first` is the site."""
        return self._once(("pair", rule_index, first, second), lambda: self._pair(rule_index, first, second))

    def of_end(self, node, terminal_type, other):
        """Names and conditions of a terminal (None: none) of one node toward another."""
        key = ("end", node, terminal_type, other)
        return self._once(key, lambda: self._end(node, terminal_type, other))

    def of_rates(self, first, second, first_type, second_type):
        """One margin for every range at which a rate changes."""

        def make():
            ranges_m = step_ranges_m(first_type) + step_ranges_m(second_type)
            return [self._margin(lambda s, r=r: r - range_m(s, first, second)) for r in ranges_m]

        return self._once(("rates", first, second, first_type, second_type), make)

    def of_link(self, rule_index, first, second, first_type, second_type, clouds=True):
        """All conditions of a link with these types of terminals."""
        parts = [
            self.of_pair(rule_index, first, second),
            self.of_end(first, first_type, second),
            self.of_end(second, second_type, first),
        ]
        named = {(i, name): condition for i, part in enumerate(parts) for name, condition in part.items()}
        return AllOf([c for (_, name), c in named.items() if clouds or name != "clouds"])

    def _once(self, key, make):
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _margin(self, function):
        return Margin(self.sky, function)

    def _pair(self, rule_index, first, second):
        rule = self.topology.links[rule_index]
        most_m = UNLIMITED_M if rule.max_range_km is None else rule.max_range_km * 1000.0
        named = {"range": self._margin(lambda s: most_m - range_m(s, first, second))}
        if first < self.n_satellites:
            grazing_m = self.topology.grazing_altitude_km * 1000.0
            named["sight"] = self._margin(lambda s: clearance(s, first, second, grazing_m))
            return named
        site = self.sites[first - self.n_satellites]
        mask_deg = least_elevation(rule, site)
        if mask_deg is not None:
            named["elevation"] = self._margin(elevation_margin(site, first, second, mask_deg))
        if site.availability is not None and site.availability < 1.0:
            named["clouds"] = ClearSky(self.topology.seed, first, site)
        return named

    def _end(self, node, terminal_type, other):
        if terminal_type is None:
            return {}
        most_m = min(UNLIMITED_M, lowest_step_range_m(terminal_type))
        if terminal_type.max_range_km is not None:
            most_m = min(most_m, terminal_type.max_range_km * 1000.0)
        named = {"terminal range": self._margin(lambda s: most_m - range_m(s, node, other))}
        if terminal_type.mount is not None:
            mount = np.array(terminal_type.mount)
            widest = math.radians(terminal_type.field_of_regard_deg)
            named["pointing"] = self._margin(
                lambda s: widest - angle_rad(mount, local_direction(s, node, other))
            )
        if terminal_type.sun_exclusion_deg > 0.0:
            nearest = math.radians(terminal_type.sun_exclusion_deg)
            named["sun"] = self._margin(lambda s: angle_rad(toward(s, node, other), s.sun) - nearest)
        return named


def elevation_margin(site, site_row, satellite, mask_deg):
    """The sine of the elevation less that of the mask in this direction."""
    north, east, _ = site_frame(site)

    def margin(sample):
        direction = toward(sample, site_row, satellite)
        azimuth_deg = np.degrees(np.arctan2(dot(direction, east), dot(direction, north))) % 360.0
        mask = np.sin(np.radians(mask_at_deg(mask_deg, azimuth_deg)))
        return sine_of_elevation(sample, site, site_row, satellite) - mask

    return margin
