"""Random failures against the closed forms of a thing that is up and down by turns, both exponential."""

import math

import numpy as np
import pytest

from lasermesh.experiments.faults import LINK, NODE, Fault, FaultTally, FaultTimeline, random_row
from lasermesh.units import PS_PER_S
from tests.packets.batch_means import Z_99

N_CYCLES = 4000
KOLMOGOROV_99 = 1.628
"""Quantile of Kolmogorov's distribution: sqrt(n) times how far a sample is from its law."""
MEANS_S = [(1000.0, 20.0), (10.0, 10.0), (0.2, 5.0)]


def change_times(mtbf_s, mttr_s, place=0, seed=1, n_cycles=N_CYCLES):
    """Seconds at which a thing fails and is repaired, by turns, over so many cycles on average."""
    fault = Fault(
        LINK, 0, 1, mean_up_ps=mtbf_s * PS_PER_S, mean_down_ps=mttr_s * PS_PER_S, row=random_row(0, place)
    )
    end_s = n_cycles * (mtbf_s + mttr_s)
    events = FaultTimeline([fault], seed).before(round(end_s * PS_PER_S))
    assert (events.fails == (np.arange(len(events.fails)) % 2 == 0)).all()
    return events.time_ps / PS_PER_S, end_s


def up_share(times_s, end_s):
    """Share of the time for which a thing is up that is so at the start."""
    edges = np.concatenate([[0.0], times_s, [end_s]])
    return np.diff(edges)[::2].sum() / end_s


@pytest.mark.parametrize(("mtbf_s", "mttr_s"), MEANS_S)
def test_share_of_the_time_in_order_is_mtbf_of_mtbf_and_mttr(mtbf_s, mttr_s):
    """Over T the share has a variance of 2 p (1 - p) tau / T, 1 / tau = 1 / MTBF + 1 / MTTR, for T >> tau.

    It is the integral of the autocovariance p (1 - p) exp(-t / tau) of the state (Cox, Renewal Theory, 7.4).
    """
    share = mtbf_s / (mtbf_s + mttr_s)
    times_s, end_s = change_times(mtbf_s, mttr_s)
    tau_s = 1 / (1 / mtbf_s + 1 / mttr_s)
    half = Z_99 * math.sqrt(2 * share * (1 - share) * tau_s / end_s)
    assert abs(up_share(times_s, end_s) - share) < half
    assert half < 0.05 * max(share, 1 - share)


@pytest.mark.parametrize(("mtbf_s", "mttr_s"), MEANS_S)
def test_times_to_failure_and_to_repair_are_exponential(mtbf_s, mttr_s):
    """By the greatest distance between their empirical distribution and 1 - exp(-t / mean)."""
    times_s, _ = change_times(mtbf_s, mttr_s, seed=2)
    durations_s = np.diff(np.concatenate([[0.0], times_s]))
    for found, mean_s in ((durations_s[::2], mtbf_s), (durations_s[1::2], mttr_s)):
        law = -np.expm1(-np.sort(found) / mean_s)
        ranks = np.arange(len(law) + 1) / len(law)
        distance = max(np.abs(law - ranks[1:]).max(), np.abs(law - ranks[:-1]).max())
        assert distance < KOLMOGOROV_99 / math.sqrt(len(law)) and len(law) > 0.9 * N_CYCLES


def test_things_of_one_table_fail_independently_of_each_other():
    """Two are both in order for p * p of the time."""
    mtbf_s, mttr_s = 10.0, 5.0
    times, end_s = zip(*(change_times(mtbf_s, mttr_s, place) for place in (0, 1)), strict=True)
    # Instants further apart than the states remember are as good as drawn anew.
    grid_s = np.arange(0.0, end_s[0], 3 * (1 / (1 / mtbf_s + 1 / mttr_s)))[1:]
    up = [np.searchsorted(each, grid_s, side="right") % 2 == 0 for each in times]
    both = (mtbf_s / (mtbf_s + mttr_s)) ** 2
    half = Z_99 * math.sqrt(both * (1 - both) / len(grid_s))
    # exp(-3) of the covariance is left from one instant to the next, and makes the interval wider by less.
    assert abs((up[0] & up[1]).mean() - both) < 1.06 * half


def test_summary_of_a_long_run_tells_the_share_of_time_out_of_order():
    mtbf_s, mttr_s, n_nodes = 100.0, 25.0, 40
    end_ps = round(1000 * mtbf_s) * PS_PER_S
    faults = [
        Fault(
            NODE, node, mean_up_ps=mtbf_s * PS_PER_S, mean_down_ps=mttr_s * PS_PER_S, row=random_row(0, node)
        )
        for node in range(n_nodes)
    ]
    timeline, tally = FaultTimeline(faults, 3), FaultTally(faults)
    for part in range(1, 11):
        tally.add(timeline.before(end_ps * part // 10))
    nodes = tally.summary(end_ps)["nodes"]
    down, tau_s, all_s = (
        mttr_s / (mtbf_s + mttr_s),
        1 / (1 / mtbf_s + 1 / mttr_s),
        n_nodes * end_ps / PS_PER_S,
    )
    half = Z_99 * math.sqrt(2 * down * (1 - down) * tau_s / all_s)
    assert abs(nodes["downtime_s"] / all_s - down) < half < 0.04 * down
    assert 0 <= nodes["failures"] - nodes["repairs"] <= n_nodes
    # Failures are a renewal process: about all_s / (MTBF + MTTR) of them, with the variance of its cycles.
    cycle_s = mtbf_s + mttr_s
    spread = math.sqrt(all_s * (mtbf_s**2 + mttr_s**2) / cycle_s**3)
    assert abs(nodes["failures"] - all_s / cycle_s) < Z_99 * spread + n_nodes * (1 - mtbf_s / cycle_s)
