"""When satellites enter and leave the shadow, and what they see of the Sun in between."""

import datetime
import math

import numpy as np
import pytest

from lasermesh.orbits import (
    PENUMBRA,
    SUNLIT,
    UMBRA,
    UNKNOWN,
    build_ephemeris,
    eclipse_fraction,
    sun_direction_ecef,
    sunlight,
)
from lasermesh.orbits.eclipses import visible_share
from lasermesh.orbits.frames import Clock
from lasermesh.orbits.shadow import limb_angles
from lasermesh.orbits.sun import SUN_RADIUS_M
from lasermesh.scenario.sun_synchronous import node_deg_of_local_time
from lasermesh.units import WGS84_EQUATORIAL_RADIUS_M
from tests.orbits.scenes import EPOCH, fixed_nodes, formation, from_elements, sites, topology, walker
from tests.orbits.test_refusals import EPOCH as EPOCH_OF_ELEMENTS
from tests.orbits.test_refusals import FAILS_S, MS, STARLINK_34834
from tests.orbits.test_sun import clock_at
from tests.reference import orbits as reference

DAY_S = 86_400.0
# Between its knots an ephemeris is 2 cm from SGP4, which a satellite covers in 3 us.
EXACT_S = 1.5 * MS


def dawn_dusk(altitude_km, inclination_deg, hour=6.0, epoch=EPOCH):
    where = {
        "altitude_km": altitude_km,
        "inclination_deg": inclination_deg,
        "raan_deg": node_deg_of_local_time(hour, epoch),
    }
    return build_ephemeris(topology(walker(planes=1, slots=1, phasing=0, **where), epoch=epoch))


def length_s(light, i, state, end_s):
    """Time that a satellite spends in one light."""
    start_s, lit, _ = light.of(i)
    return float(np.diff(np.append(start_s, end_s))[lit == state].sum())


def test_every_instant_has_the_light_that_a_look_at_it_finds():
    ephemeris = build_ephemeris(topology(walker(planes=3, slots=2)))
    rows = [5, 0]
    light = sunlight(ephemeris, rows, -500.0, 7000.0)
    rng = np.random.default_rng(3)
    for i, row in enumerate(rows):
        start_s, lit, _ = light.of(i)
        assert light.counted_from(-500.0).of(i)[0] == pytest.approx(start_s + 500.0)
        assert start_s[0] == -500.0 and (np.diff(start_s) > 0.0).all() and (np.diff(lit) != 0).all()
        beside_s = np.concatenate((start_s[1:] - EXACT_S, start_s[1:] + EXACT_S))
        for t_s in np.concatenate((rng.uniform(-500.0, 7000.0, 30), beside_s)).tolist():
            expected = ephemeris.illumination_at(t_s)[row]
            assert lit[np.searchsorted(start_s, t_s, side="right") - 1] == expected
    assert {SUNLIT, PENUMBRA, UMBRA} == {*light.lit.tolist()}


def test_a_day_of_pieces_adds_up_to_the_shares_of_its_orbits():
    ephemeris = build_ephemeris(topology(walker(planes=1, slots=1, phasing=0)))
    of_orbit = eclipse_fraction(ephemeris, 0, 0.0)
    end_s = 5 * of_orbit.period_s
    light = sunlight(ephemeris, [0], 0.0, end_s)
    # An orbit is followed there in straight lines between 720 instants; nodes precess meanwhile.
    assert length_s(light, 0, UMBRA, end_s) / end_s == pytest.approx(of_orbit.umbra, abs=5e-4)
    assert length_s(light, 0, PENUMBRA, end_s) / end_s == pytest.approx(of_orbit.penumbra, abs=5e-5)


def test_no_eclipse_is_too_short_to_be_found():
    # The season of eclipses of a dawn-dusk orbit begins with orbits that only dip into the penumbra.
    ephemeris = dawn_dusk(650.0, 97.99)
    dark_s = []
    for day in (230, 235):
        start_s = day * DAY_S
        light = sunlight(ephemeris, [0], start_s, start_s + DAY_S)
        times_s = start_s + np.arange(0.5, DAY_S, 1.0)
        above, half_sun = limb_angles(ephemeris.record_of(0), ephemeris.clock, times_s)
        for state, seen in ((UMBRA, above <= -half_sun), (SUNLIT, above >= half_sun)):
            # Each of up to 15 dips has two ends, each of them counted to half a second.
            assert length_s(light, 0, state, start_s + DAY_S) == pytest.approx(seen.sum(), abs=15)
        dark_s.append(length_s(light, 0, UMBRA, start_s + DAY_S))
    assert dark_s[0] == 0.0 < dark_s[-1]


@pytest.mark.parametrize("height", [-1.0, -0.8, -0.2, 0.0, 0.5, 0.95, 1.0])
def test_the_visible_share_is_what_rays_say(height):
    sun_m = np.array([1.5e11, 0.0, 0.0])
    # From a place in low orbit beside a round Earth.
    earth_m, distance_m = 6.4e6, 7.0e6
    half_sun = math.asin(SUN_RADIUS_M / sun_m[0])
    angle = math.pi - math.asin(earth_m / distance_m) - height * half_sun
    place_m = distance_m * np.array([math.cos(angle), math.sin(angle), 0.0])
    hidden = reference.hidden_share_of_sun(place_m, sun_m, SUN_RADIUS_M, earth_m, 0.0, rings=60, spokes=120)
    # The limb's bend, and the Sun's distance from there.
    assert visible_share(height) == pytest.approx(1.0 - hidden, abs=0.01)


def test_a_crossing_gives_half_of_the_disc_and_a_dip_more():
    ephemeris = dawn_dusk(650.0, 97.99)
    _, lit, share = sunlight(ephemeris, [0], 270 * DAY_S, 271 * DAY_S).of(0)
    assert share[lit == PENUMBRA] == pytest.approx(0.5, abs=0.01)
    assert {*share[lit == SUNLIT]} == {1.0} and {*share[lit == UMBRA]} == {0.0}
    shares = [sunlight(ephemeris, [0], d * DAY_S, (d + 1) * DAY_S) for d in range(232, 236)]
    dips = np.concatenate([light.share[light.lit == PENUMBRA] for light in shares])
    assert dips.max() > 0.8 and dips.min() > 0.3


def test_formations_have_their_leaders_light_fixed_nodes_always_sun_and_sites_none():
    scene = topology(
        fixed_nodes("a"), walker(planes=1, slots=1, phasing=0), formation("w-0-0", (5.0, 0.0, 0.0)),
        where=[sites((0.0, 0.0))],
    )  # fmt: skip
    ephemeris = build_ephemeris(scene)
    light = sunlight(ephemeris, [0, 1, 2], 0.0, 6000.0)
    assert light.of(0)[1].tolist() == [SUNLIT] and light.of(0)[2].tolist() == [1.0]
    assert light.of(1)[0].tolist() == light.of(2)[0].tolist() and len(light.of(1)[0]) > 3
    with pytest.raises(ValueError, match="has no orbit"):
        sunlight(ephemeris, [3], 0.0, 1.0)
    with pytest.raises(ValueError, match="must be after the start"):
        sunlight(ephemeris, [1], 5.0, 5.0)


def test_a_satellite_that_is_refused_sees_nothing_from_then_on():
    ephemeris = build_ephemeris(topology(from_elements(STARLINK_34834), epoch=EPOCH_OF_ELEMENTS))
    start_s, lit, share = sunlight(ephemeris, [0], FAILS_S - 900.0, FAILS_S + 900.0).of(0)
    assert lit[-1] == UNKNOWN and share[-1] == 0.0 and UNKNOWN not in lit[:-1]
    assert start_s[-1] == pytest.approx(FAILS_S, abs=2 * MS)
    gone = sunlight(ephemeris, [0], FAILS_S + 60.0, FAILS_S + 900.0)
    assert gone.lit.tolist() == [UNKNOWN] and gone.offsets.tolist() == [0, 1]


def test_nothing_asked_is_nothing_found():
    ephemeris = build_ephemeris(topology(walker(planes=1, slots=1, phasing=0)))
    light = sunlight(ephemeris, [], 0.0, 1.0)
    assert light.offsets.tolist() == [0] and len(light.share) == 0


@pytest.mark.parametrize(("altitude_km", "minutes"), [(480, 35.8), (600, 35.5), (850, 35.1), (1400, 34.8)])
def test_eclipses_in_the_suns_plane_last_as_published(altitude_km, minutes):
    # By the formula of the cylinder, of which 1 % is left to the ellipsoid and the precession.
    sun = sun_direction_ecef(*clock_at(EPOCH))
    node_deg = math.degrees(math.atan2(sun[1], sun[0]) + Clock(EPOCH).sidereal_rad(0.0))
    group = walker(
        planes=1, slots=1, phasing=0, altitude_km=float(altitude_km), inclination_deg=90.0, raan_deg=node_deg
    )
    light = eclipse_fraction(build_ephemeris(topology(group)), 0, 0.0)
    assert light.centre_hidden * light.period_s / 60.0 == pytest.approx(minutes, rel=0.01)


@pytest.mark.parametrize(
    ("altitude_km", "inclination_deg", "minutes"), [(550, 97.59, 21.7), (850, 98.82, 16.0)]
)
def test_the_longest_eclipse_of_a_dawn_dusk_orbit_is_as_published_for_a_round_earth(
    altitude_km, inclination_deg, minutes
):
    longest_min = []
    for hour, month in ((6.0, 12), (18.0, 6)):
        epoch = datetime.datetime(2026, month, 21, 12, tzinfo=datetime.UTC)
        ephemeris = dawn_dusk(float(altitude_km), inclination_deg, hour, epoch)
        lights = [
            [eclipse_fraction(ephemeris, 0, day * DAY_S, earth) for day in (-8, -4, 0, 4, 8)]
            for earth in (WGS84_EQUATORIAL_RADIUS_M, None)
        ]
        shares = [max(light.centre_hidden for light in each) for each in lights]
        longest_min.append(shares[0] * lights[0][0].period_s / 60.0)
        # Over the poles the Earth itself is flatter.
        assert 0.95 * shares[0] < shares[1] < 0.995 * shares[0]
    # The two seasons differ, for the orbit is lower over the south (J3); the formula knows neither.
    assert np.mean(longest_min) == pytest.approx(minutes, rel=0.01)
