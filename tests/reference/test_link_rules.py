"""The slow reference of contacts itself: what is random in it, how it samples, how it finds edges.

What whole contacts it finds is worked out by pencil in tests/contacts/test_by_pencil.py.
"""

import math

import numpy as np
import pytest

from lasermesh.orbits import build_ephemeris
from tests.contacts import worlds
from tests.contacts.worlds import terminal, topology, uses
from tests.reference import chance
from tests.reference.contacts import CHUNK_S, EDGE_S, AllOf, Margin, Sky, mask_at_deg, terminal_rate_gbps
from tests.reference.link_rules import Contact, first_rule_alone, less, memory_start_s, terminals_of


def test_acquisition_times_have_their_median_and_95th_percentile():
    slow = terminal(acquisition_s=(10.0, 30.0))
    drawn = np.array([chance.acquisition_s(1, slow, 4096, t_s) for t_s in np.arange(0.0, 4000.0)])
    assert (drawn < 10.0).mean() == pytest.approx(0.5, abs=0.025)
    assert (drawn < 30.0).mean() == pytest.approx(0.95, abs=0.012)
    assert chance.acquisition_s(1, terminal(acquisition_s=4.0), 0, 0.0) == 4.0
    assert chance.acquisition_s(1, terminal(), 0, 0.0) == chance.acquisition_s(1, None, 0, 0.0) == 0.0


def test_losses_are_a_poisson_process():
    every = [t_s for block in range(-2000, 2000) for t_s in chance.losses_in_block(3, 50.0, 8192, block)]
    assert every == sorted(every)
    gaps_s = np.diff(every)
    assert len(every) == pytest.approx(4000, abs=4 * math.sqrt(4000))
    for limit_s in (10.0, 50.0, 120.0):
        assert (gaps_s < limit_s).mean() == pytest.approx(1.0 - math.exp(-limit_s / 50.0), abs=0.025)
    weak = terminal(mean_time_between_losses_s=50.0)
    first = next(t_s for t_s in every if t_s > 777.0)
    assert chance.first_loss_after(3, weak, 8192, 777.0, 1e6) == first
    assert chance.first_loss_after(3, weak, 8192, first, 1e6) > first
    assert chance.first_loss_after(3, terminal(), 8192, 0.0, 1e6) == math.inf


@pytest.mark.parametrize(("u", "number"), [(0.36, 0), (0.37, 1), (0.73, 1), (0.74, 2), (0.92, 3), (0.99, 4)])
def test_poisson_numbers_are_those_of_a_table(u, number):
    # Cumulative: 0.3679, 0.7358, 0.9197, 0.9810, 0.9963.
    assert chance.poisson_of_mean_1(u) == number


def test_clouds_stay_as_long_and_as_often_as_asked():
    clear, changes = chance.cloud_changes(5, 40, 0.7, 600.0, -1e6, 1e6)
    edges = [-1e6, *changes, 1e6]
    stays_s = np.diff(edges)
    of_clear, of_cloudy = stays_s[::2], stays_s[1::2]
    if not clear:
        of_clear, of_cloudy = of_cloudy, of_clear
    assert of_clear.sum() / 2e6 == pytest.approx(0.7, abs=0.04)
    assert of_cloudy.mean() == pytest.approx(600.0, rel=0.12)
    for start_s in (-5000.0, -1.0, 0.0, 1.0, 7000.0):
        before = sum(change <= start_s for change in changes)
        assert chance.cloud_changes(5, 40, 0.7, 600.0, start_s, start_s)[0] == (clear == (before % 2 == 0))


def test_a_share_of_the_satellites_has_terminals_and_numbers_count_those_not_had():
    one, other = terminal("one"), terminal("other")
    group = worlds.walker("w", 3, 4, uses(one, count=2, share=0.3) + uses(other))
    rows = terminals_of(topology([group], ()))
    assert sorted(len(row) for row in rows) == [1] * 8 + [3] * 4
    for row in rows:
        assert [t.number for t in row] == ([0, 1, 2] if len(row) == 3 else [2])
    assert rows[5][0].key == 5 * 4096 + rows[5][0].number


def test_masks_between_rows_are_on_straight_lines():
    table = ((10.0, 0.0), (100.0, 90.0), (350.0, 10.0))
    azimuths_deg = np.array([10.0, 55.0, 100.0, 225.0, 350.0, 0.0, 355.0])
    assert mask_at_deg(table, azimuths_deg) == pytest.approx([0.0, 45.0, 90.0, 50.0, 10.0, 5.0, 7.5])
    assert mask_at_deg(25.0, azimuths_deg).tolist() == [25.0] * 7


def test_rates_go_down_with_the_square_and_are_rounded_down():
    kind = terminal(rate_gbps=20.0, reference_range_km=1000.0, rate_steps_gbps=(2.0, 5.0, 10.0))
    rates = [terminal_rate_gbps(kind, km * 1000.0) for km in (100.0, 1414.0, 1415.0, 2000.0, 3162.0, 3163.0)]
    assert rates == [10.0, 10.0, 5.0, 5.0, 2.0, None]


def test_of_several_rules_the_first_alone_serves_a_pair():
    contacts = [
        Contact(0, 1, 1, 5.0, 9.0, 7),
        Contact(0, 1, 2, 0.0, 12.0, 3),
        Contact(1, 0, 2, 0.0, 12.0, 3),
    ]
    assert first_rule_alone(contacts) == [
        Contact(0, 1, 1, 5.0, 9.0, 7),
        Contact(0, 1, 2, 0.0, 5.0, 3),
        Contact(0, 1, 2, 9.0, 12.0, 3),
        Contact(1, 0, 2, 0.0, 12.0, 3),
    ]
    assert less((0.0, 5.0), (0.0, 5.0)) == []


@pytest.mark.parametrize(
    ("start_s", "warm_up_s", "memory_s"),
    [(100.0, None, 0.0), (-31.0, None, -32.0), (100.0, 33.0, 64.0), (10.0, 33.0, -24.0)],
)
def test_memory_begins_at_a_step(start_s, warm_up_s, memory_s):
    world = topology([worlds.walker("w")], (), step_s=8.0)
    assert memory_start_s(world, start_s, warm_up_s) == memory_s


def test_samples_are_the_states_of_their_instants():
    rng = np.random.default_rng(0)
    world = topology([worlds.swarm("low", rng, 3), worlds.eccentric("odd", rng, 2)], ())
    sky = Sky(build_ephemeris(world))
    for number in (-1, 2):
        chunk = sky.chunk(number)
        assert chunk.t_s[1] == number * CHUNK_S
        for i in (0, 1, 2, 149, 151, 152, 1001, 1501, 1502):
            at = sky.at(float(chunk.t_s[i]))
            assert chunk.position_m[i] == pytest.approx(at.position_m, abs=1e-4)
            assert chunk.velocity_m_per_s[i] == pytest.approx(at.velocity_m_per_s, abs=0.2)
            assert chunk.sun[i] == pytest.approx(at.sun, abs=1e-12)


def margin_of(function):
    """A margin that is a function of time alone."""
    world = topology([worlds.walker("w", 1, 1)], ())
    return Margin(Sky(build_ephemeris(world)), lambda sample: function(sample.t_s))


def test_edges_are_found_between_samples_even_if_there_and_back():
    crossings = [7.03, 50.0, 299.95, 300.05, 301.01, 301.07, 400.0]

    def function(t_s):
        return np.prod([np.asarray(t_s) - crossing for crossing in crossings], axis=0)

    margin, found, t_s = margin_of(function), [], 0.0
    assert not margin.holds(0.0)
    while (t_s := margin.next_change(t_s, 600.0)) < math.inf:
        found.append(t_s)
    assert found == pytest.approx(crossings, abs=2 * EDGE_S)
    for i, (start_s, stop_s) in enumerate(zip([0.0, *found], [*found, 600.0], strict=True)):
        assert margin.holds(0.5 * (start_s + stop_s)) == (i % 2 == 1)
    assert margin.next_change(60.0, 200.0) == math.inf


def test_windows_are_where_all_conditions_hold():
    one, other = margin_of(lambda t_s: np.sin(t_s / 10.0)), margin_of(lambda t_s: 100.0 - t_s)
    windows = AllOf([one, other]).windows(5.0, 500.0)
    expected = [5.0, 10 * math.pi, 20 * math.pi, 30 * math.pi, 40 * math.pi, 100.0][:4]
    assert [edge for window in windows for edge in window] == pytest.approx(expected, abs=2 * EDGE_S)
