"""Means with confidence intervals over a few runs, by Student's t."""

import math
from functools import lru_cache
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean of n values and the interval that holds the true one with probability CONFIDENCE."""

    n: int
    mean: float | None  # None of nothing
    low: float | None  # None below two values, which say nothing about how far such values scatter
    high: float | None


def mean_interval(values) -> Interval:
    """Mean of independent values and its confidence interval, mean -+ t s / sqrt(n).

    Parameters
    ----------
    values : sequence of float
        One for each run.

    Notes
    -----
    Source: W. S. Gosset ("Student"), The probable error of a mean, Biometrika 6, 1908. It is exact where
    values are normal, as means over many packets nearly are; s is their standard deviation with n - 1.
    """
    n = len(values)
    if n == 0:
        return Interval(0, None, None, None)
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(1, mean, None, None)
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    half = t_quantile(n - 1) * math.sqrt(variance / n)
    return Interval(n, mean, mean - half, mean + half)


def paired_interval(values, baseline) -> Interval:
    """Mean of the differences of values that belong together, as two runs of one seed do.

    Both have the same random traffic, and what it does to both is not in their difference: the interval is
    narrower than that of two means by themselves.

    Parameters
    ----------
    values, baseline : sequence of float
        Of one length; item i of both is of one seed.
    """
    return mean_interval([value - other for value, other in zip(values, baseline, strict=True)])


@lru_cache(maxsize=256)
def t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The t that a variable of Student's distribution is within, on both sides, with this probability.

    Parameters
    ----------
    degrees : int
        Degrees of freedom, at least 1.
    confidence : float

    Notes
    -----
    By bisection of the distribution, which for whole degrees is a finite sum, over
    theta = atan(t / sqrt(degrees)).
    """
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _within(middle, degrees) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _within(theta, degrees):
    """Probability of -t to t (M. Abramowitz, I. A. Stegun, Handbook, 1964, equations 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = degrees % 2
    term = cosine if odd else 1.0
    terms = [term] if degrees > 1 else []
    for k in range(2 + odd, degrees, 2):
        term *= (k - 1) / k * cosine * cosine
        terms.append(term)
    total = sine * math.fsum(terms)
    return 2 / math.pi * (theta + total) if odd else total
