"""Satellites that SGP4 refuses: named, to the millisecond, and gone for good."""

import dataclasses
import datetime
import math
from pathlib import Path

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.orbits import KNOT_S, build_ephemeris
from lasermesh.orbits.satellites import element_record
from lasermesh.scenario.topology import SatelliteGroup
from tests.orbits.scenes import from_elements, topology
from tests.reference import orbits as reference

EPOCH = datetime.datetime(2026, 8, 11, 12, tzinfo=datetime.UTC)
STARLINK_1008 = (
    "STARLINK-1008",
    "1 44714U 19074B   26223.09230426  .00051945  00000+0  63754-3 0  9993",
    "2 44714  53.1489 164.1445 0006675  38.3881 321.7607 15.59800552372752",
)
STARLINK_34834 = (  # decays five days later
    "STARLINK-34834",
    "1 65295U 25184Y   26223.16668980  .05294716  00000+0  16283+0 0  9998",
    "2 65295  97.2830 271.7392 0003133  95.7004 334.8305 15.29135656  5828",
)
STARLINK_FILE = Path(__file__).parents[3] / "shared" / "data" / "tle" / "starlink.tle"
needs_starlink = pytest.mark.skipif(
    not STARLINK_FILE.exists(), reason="the real Starlink element file is not beside the checkout"
)
WEEK_S = 7 * 86_400.0
MS = 1e-3


def ephemeris_of(*lines, **other):
    return build_ephemeris(topology(from_elements(lines), **{"epoch": EPOCH, **other}))


def refused(record, t_s):
    days, fraction = reference.julian_date(EPOCH)
    return record.sgp4(days, fraction + t_s / 86_400.0)[0] != 0


def first_refusal_s(lines):
    """By brute force: knot after knot, then halves of the last step."""
    record = element_record(from_elements(lines).element_sets[0])
    knot = next(k for k in range(30_000) if refused(record, k * KNOT_S))
    good_s, bad_s = (knot - 1) * KNOT_S, knot * KNOT_S
    for _ in range(30):
        middle_s = (good_s + bad_s) / 2
        good_s, bad_s = (good_s, middle_s) if refused(record, middle_s) else (middle_s, bad_s)
    return bad_s


FAILS_S = first_refusal_s(STARLINK_34834)


@pytest.mark.parametrize("asked_before_s", [(), (FAILS_S - 10_000.0,), (WEEK_S,), (WEEK_S, 3.0, -900.0)])
def test_a_satellite_that_decays_is_named_with_its_instant_whatever_was_asked_before(asked_before_s):
    ephemeris = ephemeris_of(*STARLINK_1008, *STARLINK_34834)
    for t_s in asked_before_s:
        ephemeris.state_at(t_s)
    assert np.isfinite(ephemeris.state_at(FAILS_S - 2 * MS)[0]).all()
    assert np.isfinite(ephemeris.state_at(FAILS_S + 2 * MS)[0]).all(axis=1).tolist() == [True, False]
    (failure,) = ephemeris.failures
    assert failure[:2] == ("STARLINK-34834", 1) and failure.catalog_number == 65295
    assert failure.t_s == pytest.approx(FAILS_S, abs=MS)
    assert failure.message.startswith(f"SGP4 error 6 at t = {failure.t_s:.3f} s: ")


def test_it_is_not_reported_before_its_time():
    ephemeris = ephemeris_of(*STARLINK_34834)
    ephemeris.state_at(FAILS_S - 2 * KNOT_S)
    assert ephemeris.failures == []
    assert np.isinf(ephemeris.interval_at(FAILS_S // KNOT_S - 1).fails_at_s).all()


def test_both_knots_of_its_last_interval_are_filled_and_none_after():
    ephemeris = ephemeris_of(*STARLINK_34834)
    index = int(FAILS_S // KNOT_S)
    last, after = ephemeris.interval_at(index), ephemeris.interval_at(index + 1)
    assert last.start_s < last.fails_at_s[0] <= last.start_s + KNOT_S
    travelled_m = math.dist(last.position_0_m[0], last.position_1_m[0])
    assert travelled_m == pytest.approx(7_800.0 * KNOT_S, rel=0.1)
    assert np.isnan(after.position_0_m).all() and after.fails_at_s[0] <= after.start_s


def test_until_it_fails_it_is_where_sgp4_says():
    # Its last orbits are no orbits any more: SGP4's velocity is metres per second off its own positions.
    ephemeris = ephemeris_of(*STARLINK_34834)
    record = element_record(from_elements(STARLINK_34834).element_sets[0])
    days, fraction = reference.julian_date(EPOCH)
    for before_s in (7200.0, 600.0, 40.0, 5.0, 0.1):
        t_s = FAILS_S - before_s
        expected_m, _ = reference.earth_fixed(record, days, fraction + t_s / 86_400.0)
        assert math.dist(ephemeris.state_at(t_s)[0][0], expected_m) < 100.0


def test_a_decayed_satellite_does_not_come_back_as_a_ghost():
    record = element_record(from_elements(STARLINK_34834).element_sets[0])
    hours = [hour for hour in range(24 * 12) if not refused(record, hour * 3600.0)]
    ghost_hour = next(hour for hour in hours if hour - 1 not in hours and hour > 0)
    assert np.isnan(ephemeris_of(*STARLINK_34834).state_at(ghost_hour * 3600.0)[0]).all()


def test_what_is_refused_at_the_epoch_never_has_a_position():
    ephemeris = ephemeris_of(*STARLINK_34834, epoch=EPOCH + datetime.timedelta(days=7))
    (failure,) = ephemeris.failures
    assert failure.t_s == 0.0
    for t_s in (-WEEK_S, 0.0, 10.0):
        assert np.isnan(ephemeris.state_at(t_s)[0]).all()


def test_what_is_refused_before_the_epoch_alone_flies_from_the_epoch_on():
    elements = from_elements(STARLINK_34834).element_sets[0]
    # Against the clock its drag lifts it, so it must have come up from the ground: drag turned round.
    rising = dataclasses.replace(elements, bstar=-elements.bstar)
    group = SatelliteGroup(name="e", elements="x", element_sets=(rising,), node_names=(rising.name,))
    ephemeris = build_ephemeris(topology(group, epoch=EPOCH))
    record = element_record(rising)
    hour = next(hour for hour in range(24 * 30) if refused(record, -3600.0 * hour))
    t_s = -3600.0 * hour
    assert (
        np.isnan(ephemeris.state_at(t_s)[0]).all()
        and ephemeris.interval_at(t_s / KNOT_S).fails_at_s[0] <= t_s
    )
    (failure,) = ephemeris.failures
    assert failure.t_s == t_s and failure.catalog_number == 65295 and "before the epoch" in failure.message
    assert np.isfinite(ephemeris.state_at(0.0)[0]).all()


def test_stop_raises_and_names_the_satellite_when_its_time_comes():
    ephemeris = ephemeris_of(*STARLINK_34834, on_bad_satellite="stop")
    ephemeris.state_at(FAILS_S - 2 * KNOT_S)
    for _ in range(2):
        with pytest.raises(UserError, match=r'"STARLINK-34834" \(65295\): SGP4 error 6 at t = '):
            ephemeris.state_at(FAILS_S)
    late = {"epoch": EPOCH + datetime.timedelta(days=7), "on_bad_satellite": "stop"}
    with pytest.raises(UserError, match='"STARLINK-34834"'):
        ephemeris_of(*STARLINK_34834, **late)


@needs_starlink
@pytest.mark.compiled_only
def test_of_all_real_starlinks_nine_fail_within_a_week_and_are_named():
    group = from_elements(STARLINK_FILE.read_text(encoding="ascii").splitlines())
    ephemeris = build_ephemeris(topology(group, epoch=EPOCH))
    assert ephemeris.n_satellites == 10_758
    assert np.isfinite(ephemeris.state_at(61.5)[0]).all() and ephemeris.failures == []
    position_m, _ = ephemeris.state_at(WEEK_S)
    failed = {failure.row for failure in ephemeris.failures}
    assert len(failed) == 9 and set(np.flatnonzero(np.isnan(position_m[:, 0])).tolist()) == failed
    for failure in ephemeris.failures:
        elements = group.element_sets[failure.row]
        assert (failure.name, failure.catalog_number) == (elements.name, elements.catalog_number)
        record = element_record(elements)
        assert refused(record, failure.t_s + MS) and not refused(record, failure.t_s - 2 * MS)
        assert 0.0 < failure.t_s < WEEK_S
    instants_s = [failure.t_s for failure in ephemeris.failures]
    assert instants_s == sorted(instants_s)
