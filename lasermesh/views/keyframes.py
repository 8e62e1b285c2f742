"""Key frames: few instants at which positions are kept, so chosen that interpolation misses little."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lasermesh.errors import UserError
from lasermesh.units import EARTH_ROTATION_RAD_PER_S
from lasermesh.views.scene import KeyFrames

MOST_SATELLITES = 100_000
MOST_POSITIONS = 1_500_000
"""Frames times satellites."""

FEWEST_OF_MOST_FRAMES, MOST_FRAMES = 25, 1441
DEGREE = 5
"""Of the polynomial of Lagrange."""

# Intervals in which interpolation is compared with the ephemeris: as many as cost little, for on an eccentric
# orbit it is worst for a short time, at the perigee.
_FEWEST_LOOKS, _MOST_LOOKS = 8, 200
_POSITIONS_LOOKED_AT = 20_000


def turned(position_m, angle_rad):
    """Earth-fixed positions (or directions) in the inertial frame, in which the Earth has turned by angles.

    Parameters
    ----------
    position_m : float64 array, shape (n, ..., 3)
    angle_rad : float64 array, shape (n,)
    """
    shape = (-1,) + (1,) * (position_m.ndim - 2)
    cosine, sine = np.cos(angle_rad).reshape(shape), np.sin(angle_rad).reshape(shape)
    x, y, z = np.moveaxis(position_m, -1, 0)
    return np.stack((cosine * x - sine * y, sine * x + cosine * y, z), axis=-1)


def on_the_sphere(before_m, after_m, share):
    """Positions between two frames, inertial: on the great circle between directions, radius linear.

    What the page does (slerp): exact on a circular orbit.
    """
    radius_0, radius_1 = (np.linalg.norm(each, axis=-1, keepdims=True) for each in (before_m, after_m))
    direction_0, direction_1 = before_m / radius_0, after_m / radius_1
    cosine = np.clip((direction_0 * direction_1).sum(axis=-1, keepdims=True), -1.0, 1.0)
    angle = np.maximum(np.arccos(cosine), 1e-9)
    direction = np.sin((1.0 - share) * angle) * direction_0 + np.sin(share * angle) * direction_1
    return direction / np.sin(angle) * (radius_0 + share * (radius_1 - radius_0))


def lagrange(frame_s, values, t_s):
    """The polynomial through all of these frames at an instant: values (n_frames, ...) to (...)."""
    weights = [
        np.prod([(t_s - other) / (own - other) for other in frame_s if other != own]) for own in frame_s
    ]
    return np.tensordot(weights, values, axes=1)


class Interpolation(NamedTuple):
    """A way to interpolate, and what is asked of it."""

    steps_s: tuple[float, ...]  # times between frames to try, the longest first
    good_error_m: float
    bearable_error_m: float  # rather than not to show all of the time asked for
    fewest_frames: int
    error_m: Callable  # of ephemeris, start_s, step_s and the number of an interval: the most that it misses


def _error_on_the_sphere_m(ephemeris, start_s, step_s, at):
    """The greatest error in the middle of an interval."""
    offset_s = (at + np.array((0.0, 1.0, 0.5))) * step_s
    position_m = np.stack([_flying(ephemeris, start_s + offset) for offset in offset_s])
    before_m, after_m, true_m = turned(position_m, EARTH_ROTATION_RAD_PER_S * offset_s)
    return _greatest_m(on_the_sphere(before_m, after_m, 0.5) - true_m)


def _error_of_lagrange_m(ephemeris, start_s, step_s, at):
    """The greatest error in the first interval of six frames: there it is greater than between the others."""
    frame_s = (at + np.arange(DEGREE + 1.0)) * step_s
    position_m = np.stack([_flying(ephemeris, start_s + offset) for offset in frame_s])
    middle_s = (at + 0.5) * step_s
    return _greatest_m(lagrange(frame_s, position_m, middle_s) - _flying(ephemeris, start_s + middle_s))


SPHERE = Interpolation(
    (600.0, 450.0, 300.0, 200.0, 120.0, 60.0, 30.0, 15.0), 250.0, 2000.0, 2, _error_on_the_sphere_m
)
"""As the page does it."""

LAGRANGE = Interpolation(
    (240.0, 180.0, 120.0, 60.0, 30.0, 15.0), 50.0, 100.0, DEGREE + 1, _error_of_lagrange_m
)
"""As the file for Cesium asks for it."""


def key_frames(ephemeris, start_s, stop_s, every_s=None, by=SPHERE):
    """Key frames of all satellites, and how long they reach.

    Parameters
    ----------
    ephemeris : Ephemeris
    start_s, stop_s : float
        Since the topology's epoch.
    every_s : float, optional
        Time between frames at most; absent: the longest with which interpolation misses less than
        `by.good_error_m` in some intervals that are looked at, or than `by.bearable_error_m` where that would
        be more frames than can be kept.
    by : Interpolation
        How positions will be interpolated.

    Returns
    -------
    frames : KeyFrames
        They end before `stop_s` if more frames of so many satellites would be too much to keep.

    Raises
    ------
    UserError
        If there are more than `MOST_SATELLITES`, or `every_s` asks for too many frames.
    """
    if ephemeris.n_satellites > MOST_SATELLITES:
        raise UserError(
            f"a globe shows at most {MOST_SATELLITES:,} satellites, here are {ephemeris.n_satellites:,}"
        )
    most = _most_frames(ephemeris.n_satellites)
    duration_s = stop_s - start_s
    if every_s is None:
        for allowed_m in (by.good_error_m, by.bearable_error_m):
            step_s = _longest_step(ephemeris, start_s, duration_s, by, allowed_m)
            if duration_s <= (most - 1) * step_s:
                break
        duration_s = min(duration_s, (most - 1) * step_s)
    else:
        step_s = every_s
        if duration_s / step_s > most - 1:
            raise UserError(
                f"{duration_s:.12g} s with a frame every {every_s:g} s are more frames of "
                f"{ephemeris.n_satellites:,} satellites than the {most:,} that can be kept; "
                f"frames must be {_rounded_up(duration_s / (most - 1)):g} s apart, or the duration shorter"
            )
    n_intervals = max(math.ceil(duration_s / step_s - 1e-9), by.fewest_frames - 1)
    frame_s = np.linspace(0.0, duration_s, n_intervals + 1)
    position_m = np.stack([_flying(ephemeris, start_s + offset) for offset in frame_s])
    sun = np.stack([ephemeris.sun_at(start_s + offset) for offset in frame_s])
    return KeyFrames(
        frame_s,
        position_m,
        sun / np.linalg.norm(sun, axis=1, keepdims=True),
        float(ephemeris.clock.sidereal_rad(start_s)),
        _worst_m(ephemeris, start_s, duration_s, duration_s / n_intervals, by),
    )


def _flying(ephemeris, t_s):
    """Earth-fixed positions of the satellites."""
    return ephemeris.state_at(t_s)[0][: ephemeris.n_satellites]


def _most_frames(n_satellites):
    return int(np.clip(MOST_POSITIONS // max(1, n_satellites), FEWEST_OF_MOST_FRAMES, MOST_FRAMES))


def _rounded_up(value):
    """A number with two digits, not less than this one."""
    digit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / digit) * digit


def _longest_step(ephemeris, start_s, duration_s, by, allowed_m):
    """The first of `by.steps_s` that misses no more than is allowed; the last if all do."""
    for step_s in by.steps_s:
        if _worst_m(ephemeris, start_s, duration_s, min(step_s, duration_s), by) <= allowed_m:
            return step_s
    return by.steps_s[-1]


def _worst_m(ephemeris, start_s, duration_s, step_s, by):
    """The greatest error in some intervals, spread over the duration."""
    n_intervals = max(1, round(duration_s / step_s))
    n_looks = np.clip(_POSITIONS_LOOKED_AT // max(1, ephemeris.n_satellites), _FEWEST_LOOKS, _MOST_LOOKS)
    looks = np.unique(np.linspace(0, max(0, n_intervals - by.fewest_frames + 1), n_looks).astype(int))
    return max(by.error_m(ephemeris, start_s, step_s, at) for at in looks)


def _greatest_m(difference_m):
    """Length of the longest of some vectors; 0 where none is a number."""
    length_m = np.linalg.norm(difference_m, axis=-1)
    return float(np.nanmax(length_m, initial=0.0)) if np.isfinite(length_m).any() else 0.0
