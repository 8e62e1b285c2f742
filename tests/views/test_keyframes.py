import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from lasermesh.units import EARTH_ROTATION_RAD_PER_S
from lasermesh.views import keyframes
from lasermesh.views.keyframes import LAGRANGE, SPHERE, key_frames, lagrange, on_the_sphere, turned
from tests.views.orbits_by_hand import CircularOrbits

ORBIT_S = 5740.0
SOMEWHERE = np.random.default_rng(8).uniform(0.0, 1.0, 25)


@pytest.fixture(scope="module", params=["walker-144", "iridium"])
def ephemeris(request):
    return build_ephemeris(load_topology(request.param))


def missed_on_the_sphere_m(ephemeris, frames, start_s, shares):
    inertial_m = turned(frames.position_m, EARTH_ROTATION_RAD_PER_S * frames.frame_s)
    missed_m = []
    for t_s in shares * frames.frame_s[-1]:
        at = min(int(np.searchsorted(frames.frame_s, t_s, side="right")) - 1, len(frames.frame_s) - 2)
        share = (t_s - frames.frame_s[at]) / (frames.frame_s[at + 1] - frames.frame_s[at])
        true_m = ephemeris.state_at(start_s + t_s)[0][None, : ephemeris.n_satellites]
        true_m = turned(true_m, np.array([EARTH_ROTATION_RAD_PER_S * t_s]))[0]
        missed_m.append(
            np.linalg.norm(on_the_sphere(*inertial_m[at : at + 2], share) - true_m, axis=-1).max()
        )
    return np.array(missed_m)


def test_what_the_page_interpolates_misses_the_ephemeris_by_less_than_it_says(ephemeris):
    frames = key_frames(ephemeris, 100.0, 100.0 + ORBIT_S)
    missed_m = missed_on_the_sphere_m(ephemeris, frames, 100.0, SOMEWHERE)
    assert missed_m.max() < SPHERE.good_error_m
    assert missed_m.max() < 1.1 * frames.error_m  # which was measured at other instants
    assert frames.error_m < SPHERE.good_error_m
    assert len(frames.frame_s) < 30


def test_what_cesium_interpolates_misses_the_ephemeris_by_less_than_100_m(ephemeris):
    frames = key_frames(ephemeris, 0.0, ORBIT_S, by=LAGRANGE)
    for t_s in SOMEWHERE * ORBIT_S:
        at = int(np.searchsorted(frames.frame_s, t_s))
        first = min(max(at - 3, 0), len(frames.frame_s) - 6)  # the six frames about it, as Cesium takes them
        six = slice(first, first + 6)
        true_m = ephemeris.state_at(t_s)[0][: ephemeris.n_satellites]
        missed_m = np.linalg.norm(
            lagrange(frames.frame_s[six], frames.position_m[six], t_s) - true_m, axis=-1
        )
        assert missed_m.max() < 100.0
    assert frames.error_m < 100.0


def test_frames_begin_and_end_with_the_scene_and_are_evenly_spaced():
    frames = key_frames(CircularOrbits(), 50.0, 50.0 + 1000.0, every_s=300.0)
    np.testing.assert_allclose(frames.frame_s, [0.0, 250.0, 500.0, 750.0, 1000.0])
    np.testing.assert_array_equal(frames.position_m[2], CircularOrbits().state_at(550.0)[0])
    np.testing.assert_allclose(frames.sun, [[1.0, 0.0, 0.0]] * 5)
    assert frames.gmst_rad == pytest.approx(1.0 + 50.0 * EARTH_ROTATION_RAD_PER_S)


def test_a_short_scene_has_two_frames_and_six_for_cesium():
    assert len(key_frames(CircularOrbits(), 0.0, 0.5).frame_s) == 2
    assert len(key_frames(CircularOrbits(), 0.0, 0.5, by=LAGRANGE).frame_s) == 6


def test_circular_orbits_are_interpolated_exactly_on_the_sphere():
    orbits = CircularOrbits()
    before_m, after_m, true_m = (orbits.inertial_m(t_s) for t_s in (0.0, 1200.0, 900.0))
    np.testing.assert_allclose(on_the_sphere(before_m, after_m, 0.75), true_m, atol=1e-3)


def test_a_satellite_that_is_gone_is_nowhere_from_then_on_and_does_not_count_as_missed():
    frames = key_frames(CircularOrbits((np.inf, 700.0, np.inf)), 0.0, 1200.0)
    gone = np.isnan(frames.position_m).all(axis=2)
    np.testing.assert_array_equal(gone[:, 1], frames.frame_s >= 700.0)
    assert not gone[:, (0, 2)].any()
    assert frames.error_m < 1.0


def test_frames_that_would_be_too_many_end_early_or_are_refused(monkeypatch):
    monkeypatch.setattr(keyframes, "MOST_POSITIONS", 0)
    frames = key_frames(CircularOrbits(), 0.0, 1e6)
    assert frames.frame_s[-1] == (keyframes.FEWEST_OF_MOST_FRAMES - 1) * SPHERE.steps_s[0]
    with pytest.raises(UserError, match=r"than the 25 that can be kept; frames must be 42 s apart"):
        key_frames(CircularOrbits(), 0.0, 1000.0, every_s=1.0)
    assert len(key_frames(CircularOrbits(), 0.0, 1000.0, every_s=42.0).frame_s) == 25


def test_more_satellites_than_a_browser_can_draw_are_refused(monkeypatch):
    monkeypatch.setattr(keyframes, "MOST_SATELLITES", 2)
    with pytest.raises(UserError, match="at most 2 satellites, here are 3"):
        key_frames(CircularOrbits(), 0.0, 10.0)
