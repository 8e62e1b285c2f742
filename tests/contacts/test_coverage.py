"""How much of the time some contact is open, and how long one waits for it."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from lasermesh.contacts import contact_plan, coverage
from lasermesh.orbits import build_ephemeris
from tests.orbits.scenes import ground, sites, topology, walker

SITES = Path(__file__).parents[2] / "topologies" / "sites"
DAY_S = 86_400.0
N_NODES = 8


def test_waits_by_pencil():
    # Open from 10 to 30 (by two that overlap) and from 70 to 80; behind that no next contact is known.
    of = coverage([20.0, 10.0, 70.0], [30.0, 25.0, 80.0], 0.0, 100.0)
    assert of.share == pytest.approx(0.3) and of.contacts == 3
    assert of.begin_s.tolist() == [10.0, 70.0] and of.end_s.tolist() == [30.0, 80.0]
    assert of.gaps_s.tolist() == [10.0, 40.0] and of.longest_wait_s == 40.0
    # Of 80 instants 30 wait for nothing, 20 for up to 10 s, the other 30 for up to 40 s.
    assert of.mean_wait_s == pytest.approx((10 * 5 + 40 * 20) / 80)
    assert of.wait_s(30 / 80) == 0.0
    assert of.wait_s(40 / 80) == pytest.approx(5.0)
    assert of.wait_s(50 / 80) == pytest.approx(10.0)
    assert of.wait_s(65 / 80) == pytest.approx(25.0)
    assert of.wait_s(1.0) == 40.0


def test_what_lies_outside_is_cut_off_and_touching_contacts_are_one():
    of = coverage([-5.0, 5.0, 90.0, 200.0], [5.0, 20.0, 130.0, 210.0], 0.0, 100.0)
    assert of.begin_s.tolist() == [0.0, 90.0] and of.end_s.tolist() == [20.0, 100.0]
    assert of.contacts == 3 and of.share == pytest.approx(0.3) and of.gaps_s.tolist() == [70.0]


def test_with_no_contact_nothing_is_known_and_with_one_always_open_nobody_waits():
    none = coverage([], [], 0.0, 10.0)
    assert (none.share, none.contacts, none.longest_wait_s) == (0.0, 0, 0.0)
    assert math.isnan(none.mean_wait_s) and math.isnan(none.wait_s(0.5))
    always = coverage([-1.0], [11.0], 0.0, 10.0)
    assert (always.share, always.mean_wait_s, always.wait_s(0.99), always.longest_wait_s) == (1, 0, 0, 0)
    with pytest.raises(ValueError, match="must be after the begin"):
        coverage([], [], 1.0, 1.0)


@pytest.mark.parametrize("seed", range(10))
def test_waits_are_those_of_many_instants(seed):
    rng = np.random.default_rng(seed)
    start_s = rng.uniform(-10.0, 100.0, rng.integers(1, 15))
    stop_s = start_s + rng.uniform(0.1, 12.0, len(start_s))
    of = coverage(start_s, stop_s, 0.0, 100.0)
    step_s = 0.01
    times_s = np.arange(0.5 * step_s, 100.0, step_s)
    waits_s = np.min(
        [np.where(times_s < stop, np.maximum(begin - times_s, 0.0), np.inf)
         for begin, stop in zip(start_s, np.minimum(stop_s, 100.0), strict=True) if begin < 100.0],
        axis=0,
    )  # fmt: skip
    assert of.share == pytest.approx(np.mean(waits_s == 0.0), abs=5e-3)
    known = waits_s[np.isfinite(waits_s)]
    assert of.mean_wait_s == pytest.approx(known.mean(), abs=0.02)
    for share in (0.3, 0.5, 0.9, 0.99):
        assert of.wait_s(share) == pytest.approx(np.quantile(known, share), abs=0.05)


def places(name):
    with open(SITES / f"{name}.csv", newline="") as file:
        return [(float(row["lat_deg"]), float(row["lon_deg"])) for row in csv.DictReader(file)]


@pytest.mark.compiled_only
def test_waits_for_a_ground_station_are_those_of_the_literature():
    # An Earth-observation satellite at 600 km, 10 degrees: % of the time in contact, passes a day,
    # and the wait in minutes (median, p90, mean); `bench/studies.py` has all sets and says what differs.
    published = {
        "polar-2": (10.4, 21.5, 26.0, 70.0, 30.0),
        "copernicus-4": (12.8, 28.0, 33.0, 73.0, 35.0),
        "aws-12": (22.1, 50.0, 11.0, 47.0, 18.0),
    }
    all_places = sorted({place for name in published for place in places(name)})
    scene = topology(
        walker("eo", planes=N_NODES, slots=1, phasing=0, altitude_km=600.0, inclination_deg=97.79),
        where=[sites(*all_places)],
        links=[ground(("eo",), ("cities",), mask_deg=10.0)],
    )
    plan = contact_plan(scene, build_ephemeris(scene), 0.0, DAY_S, potential=True)
    for name, expected in published.items():
        rows = [N_NODES + all_places.index(place) for place in places(name)]
        found = []
        for satellite in range(N_NODES):
            mine = plan.take((plan.from_node == satellite) & np.isin(plan.to_node, rows))
            of = coverage(mine.start_s, mine.stop_s, 0.0, DAY_S)
            waits_min = [wait_s / 60.0 for wait_s in (of.wait_s(0.5), of.wait_s(0.9), of.mean_wait_s)]
            found.append((100.0 * of.share, of.contacts, *waits_min))
        # The node is not published: the mean of eight. What is rounded to one minute may be off by half.
        off = np.abs(np.mean(found, axis=0) - expected)
        assert (off <= 0.10 * np.array(expected) + 0.5).all(), name
