"""Lengths of questions and answers against what was published of them."""

import numpy as np
import pytest

from lasermesh.scenario.workloads import CHAT, CODE
from lasermesh.workloads.tokens import CONTEXT, OUTPUT, Lengths

# Azure LLM inference trace 2023: mean, median, p90, p99 (None: not given).
PUBLISHED = {
    "chat context": (CONTEXT[CHAT], 1155, 1020, 2734, 4142),
    "chat output": (OUTPUT[CHAT], 211, 129, 424, 601),
    "code context": (CONTEXT[CODE], 2048, 1469, 5188, 7436),
    "code output": (OUTPUT[CODE], 28, 13, 55, None),
}
N_DRAWS = 20_000  # evenly spread over the unit interval: no chance in it


def numbers(lengths):
    return np.array([lengths.number((i + 0.5) / N_DRAWS) for i in range(N_DRAWS)])


@pytest.mark.parametrize("name", PUBLISHED)
def test_quantiles_and_mean_of_token_counts_are_the_published_ones(name):
    lengths, mean, *quantiles = PUBLISHED[name]
    drawn = numbers(lengths)
    assert drawn.min() >= 1
    assert drawn.mean() == pytest.approx(mean, rel=0.005)  # the issue asks for a few per cent
    for probability, quantile in zip((0.5, 0.9, 0.99), quantiles, strict=True):
        if quantile is not None:
            assert np.quantile(drawn, probability) == pytest.approx(quantile, abs=1.0)  # whole tokens


def test_longer_draws_mean_longer_texts():
    for lengths, *_ in PUBLISHED.values():
        assert (np.diff(numbers(lengths)) >= 0).all()


def test_a_mean_that_no_bend_can_give_is_refused():
    with pytest.raises(ValueError, match=r"a mean of 900 needs 1700\.5 between 10 and 90"):
        Lengths(((0, 1), (0.5, 10), (0.9, 90), (1, 4_251)), 900, bent=1)
