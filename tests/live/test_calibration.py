"""What calibration makes of round trips, and that it finds what a ping takes on this machine."""

import pytest

from lasermesh.live.calibration import EXCHANGES, LIGHT_PS, measure_overhead, overhead_of
from lasermesh.scenario.live import Live
from lasermesh.units import PS_PER_NS
from tests.needs import needs_tun

LIGHT_NS = 2 * LIGHT_PS // PS_PER_NS
MOST_US = 1000
"""Far beyond what the slowest machine takes that live runs make sense on."""


def test_overhead_is_half_of_what_the_faster_round_trips_take_beyond_light():
    found = overhead_of([LIGHT_NS + 100_000, LIGHT_NS + 200_000, LIGHT_NS + 900_000] * 4, LIGHT_PS)
    assert found.overhead_ps == 50_000 * PS_PER_NS
    assert found.spread_ps > 0 and found.exchanges == 12 and found.problem is None


@pytest.mark.parametrize("late_ns", [-30_000, 50_000_000])
def test_an_overhead_that_cannot_be_is_told_and_not_used(late_ns):
    found = overhead_of([LIGHT_NS + late_ns] * 20, LIGHT_PS)
    assert found.overhead_ps == 0 and "seemed to take" in found.problem


def test_few_answers_are_no_measurement():
    found = overhead_of([LIGHT_NS + 100_000] * 3, LIGHT_PS)
    assert found.overhead_ps == 0 and "3 were answered" in found.problem


@pytest.mark.alone
@pytest.mark.compiled_only
def test_this_machine_has_an_overhead_within_reason():
    needs_tun()
    found = min((measure_overhead(Live()) for _ in range(2)), key=lambda each: each.problem is not None)
    assert found.problem is None and 0 < found.overhead_ps < MOST_US * 1000 * PS_PER_NS
    assert found.exchanges <= EXCHANGES
