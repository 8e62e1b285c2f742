"""Mean waits of single queues against theory, with a confidence interval by batch means.

The claim of each test: over a run of N_BATCHES batches, the 99 % confidence interval of the mean wait (batch
means, Student's t) holds the mean that theory gives, and is narrower than stated. Seeds are fixed.
"""

import math

import numpy as np
import pytest

from lasermesh.units import PS_PER_S
from tests.packets.batch_means import N_BATCHES, batches, interval
from tests.packets.comparing import enough
from tests.reference.case import Flow
from tests.reference.test_packet_simulator import network

RATE_BPS = 8 * 10**9  # a byte takes a nanosecond
MEAN_BYTES = 1000
DELAY_PS = 10**9
# Near saturation, waits hang together from one short batch to the next: the interval would promise too much.
LOADS = [0.3, 0.6, pytest.param(0.8, marks=pytest.mark.compiled_only)]


def mean_wait_in_service_times(sizes, load, seed):
    """Mean wait of Poisson arrivals at one link, in mean service times, and half its confidence interval."""
    n_packets = enough(40_000, 600)  # of a batch
    batch_ps = int(n_packets * MEAN_BYTES * 8 * PS_PER_S / (RATE_BPS * load))
    flow = Flow(0, 1, "poisson", rate_bps=round(RATE_BPS * load), sizes=sizes, label=1)
    case = network([(0, 1, DELAY_PS)], [flow], end_ps=(N_BATCHES + 1) * batch_ps, seed=seed)
    case.changes = [(0, 0, "start", RATE_BPS)]

    def read(engine):
        flow = engine.flow_counters()
        return (
            flow.latency_sum_ps[0],
            int(flow.bytes_delivered[0]),
            int(flow.delivered[0]),
            int(flow.dropped.sum()),
        )

    latency, size, n, dropped = batches(case, read).T
    assert not dropped.any()
    return interval(
        (latency - size * 1000 - n * DELAY_PS).astype(float) / n.astype(float) / (MEAN_BYTES * 1000)
    )


def pollaczek_khinchine(sizes, load):
    """Mean wait in M/G/1, in mean service times (Kleinrock, Queueing Systems I, equation 5.63)."""
    weights = np.array([weight for _, weight in sizes]) / sum(weight for _, weight in sizes)
    bytes_ = np.array([size for size, _ in sizes])
    mean = (weights * bytes_).sum()
    assert abs(mean / MEAN_BYTES - 1) < 1e-3
    return load / (1 - load) * (weights * bytes_**2).sum() / (2 * mean**2)


def exponential_mix(n_sizes):
    """Equally likely sizes: the means of the n parts of an exponential distribution."""
    edges = [-math.log(1 - k / n_sizes) for k in range(n_sizes)]
    # Integral of x exp(-x) from a on is (a + 1) exp(-a).
    tails = [(a + 1) * math.exp(-a) for a in edges] + [0.0]
    means = [(tails[k] - tails[k + 1]) * n_sizes for k in range(n_sizes)]
    return tuple((round(MEAN_BYTES * mean), 1) for mean in means)


@pytest.mark.parametrize("load", LOADS)
def test_mean_wait_in_m_d_1_is_that_of_theory(load):
    mean, half = mean_wait_in_service_times(((MEAN_BYTES, 1),), load, seed=1)
    theory = load / (2 * (1 - load))
    assert abs(mean - theory) < half
    assert half < enough(0.03, 0.25) * theory


@pytest.mark.parametrize("load", LOADS)
def test_mean_wait_with_nearly_exponential_sizes_is_that_of_m_m_1(load):
    sizes = exponential_mix(100)
    mean, half = mean_wait_in_service_times(sizes, load, seed=2)
    assert abs(mean - pollaczek_khinchine(sizes, load)) < half
    # A hundred sizes miss 1 % of the second moment of an exponential distribution, and so of its wait.
    theory = load / (1 - load)
    assert 0.985 < pollaczek_khinchine(sizes, load) / theory < 1
    assert abs(mean - theory) < half + 0.015 * theory
    assert half < enough(0.05, 0.4) * theory


def test_mean_wait_of_an_internet_mix_is_that_of_pollaczek_and_khinchine():
    # 40, 576 and 1500 bytes, scaled to a mean of 1000.
    sizes = ((117, 7), (1692, 4), (4407, 1))
    scale = MEAN_BYTES / (sum(size * weight for size, weight in sizes) / 12)
    sizes = tuple((round(size * scale), weight) for size, weight in sizes)
    mean, half = mean_wait_in_service_times(sizes, 0.7, seed=3)
    assert abs(mean - pollaczek_khinchine(sizes, 0.7)) < half
