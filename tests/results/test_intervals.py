"""Means with confidence intervals: Student's t by the tables, intervals and paired differences by pencil."""

import math

import numpy as np
import pytest

from lasermesh.results.intervals import mean_interval, paired_interval, t_quantile

# Degrees of freedom, t of 95 % and of 99 %, both sides; as in every textbook's table.
TABLE = [
    (1, 12.706, 63.657),
    (2, 4.303, 9.925),
    (3, 3.182, 5.841),
    (4, 2.776, 4.604),
    (5, 2.571, 4.032),
    (9, 2.262, 3.250),
    (10, 2.228, 3.169),
    (29, 2.045, 2.756),
    (30, 2.042, 2.750),
    (120, 1.980, 2.617),
]


@pytest.mark.parametrize(("degrees", "t_95", "t_99"), TABLE)
def test_quantiles_are_those_of_the_textbooks(degrees, t_95, t_99):
    assert t_quantile(degrees) == pytest.approx(t_95, abs=5e-4)
    assert t_quantile(degrees, 0.99) == pytest.approx(t_99, abs=5e-4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 8, 99, 100, 9999])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_quantiles_are_those_of_scipy(degrees, confidence):
    from scipy.special import stdtrit

    assert t_quantile(degrees, confidence) == pytest.approx(stdtrit(degrees, (1 + confidence) / 2), rel=1e-11)


def test_interval_of_three_values_by_pencil():
    # Mean 2, standard deviation 1, t of two degrees 4.30265: 4.30265 / sqrt(3) = 2.48414.
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.n, found.mean) == (3, 2.0)
    assert (found.low, found.high) == pytest.approx((-0.48414, 4.48414), abs=1e-5)


def test_one_value_has_no_interval_and_none_no_mean():
    assert mean_interval([7.5]) == (1, 7.5, None, None)
    assert mean_interval([]) == (0, None, None, None)


def test_pairs_leave_out_what_is_common_to_both():
    before, after = [10.0, 20.0, 30.0], [11.0, 22.0, 33.0]
    assert paired_interval(after, before) == mean_interval([1.0, 2.0, 3.0])
    assert mean_interval(before).high > mean_interval(after).low  # apart they tell nothing


def test_equal_differences_have_an_interval_of_no_width():
    assert paired_interval([3.0, 5.0, 9.0], [1.0, 3.0, 7.0]) == (3, 2.0, 2.0, 2.0)


def test_ninety_five_of_a_hundred_intervals_hold_the_true_mean():
    rng = np.random.default_rng(5)
    found = [mean_interval(values) for values in rng.normal(3.0, 2.0, (4000, 5)).tolist()]
    hits = sum(interval.low <= 3.0 <= interval.high for interval in found)
    assert abs(hits / 4000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 4000)  # four standard deviations
