"""Jobs on a computer: in order, with limits, at any speed, and queueing theory's waiting times."""

import math

import numpy as np
import pytest

from lasermesh.units import NEVER, PS_PER_S, ps_from_s
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.computers import Computer
from lasermesh.workloads.log import Log
from tests.workloads.building import MS, S, a_compute


class Bench:
    """One computer, and what it told."""

    def __init__(self, seed=1, name="gpu", node=0, **keys):
        self.agenda, self.log, self.done = Agenda(), Log(), []
        self.computer = Computer(
            a_compute([node], name, **keys), node, f"s{node}", self.agenda, self.log, seed
        )

    def submit(self, n_bytes=1, at_ps=None, **keys):
        def note(job):
            self.done.append((self.agenda.now_ps, job))

        if at_ps is None:
            return self.computer.submit(n_bytes, note, **keys)
        return self.agenda.at(at_ps, lambda: self.computer.submit(n_bytes, note, **keys))

    def ends_ps(self):
        return [end_ps for end_ps, _ in self.done]


def test_jobs_begin_in_order_as_places_become_free():
    bench = Bench(accelerators=2, service_s=1.0)
    for _ in range(5):
        bench.submit()
    assert (bench.computer.busy, bench.computer.waiting) == (2, 3)
    bench.agenda.run_until(10 * S)
    assert bench.ends_ps() == [S, S, 2 * S, 2 * S, 3 * S]
    assert [job.begun_ps for _, job in bench.done] == [0, 0, S, S, 2 * S]
    totals = bench.computer.totals()
    assert totals["done"] == 5
    assert totals["busy_share"] == pytest.approx(5 / 20)
    assert totals["waiting_mean_jobs"] == pytest.approx((3 + 1) / 10)
    assert totals["mean_queue_s"] == pytest.approx((0 + 0 + 1 + 1 + 2) / 5)


def test_a_place_that_becomes_free_is_there_for_a_job_of_that_instant():
    bench = Bench(queue_jobs=0, service_s=1.0)
    bench.submit(at_ps=S)  # put down before the end of the first job is
    bench.submit()
    bench.agenda.run_until(10 * S)
    assert bench.ends_ps() == [S, 2 * S]


def test_a_full_queue_refuses_and_a_job_larger_than_the_storage_is_too_large():
    bench = Bench(queue_jobs=1, service_s=1.0, storage_bytes=100)
    assert bench.submit(101) is None
    assert bench.computer.cause_of_refusal(101) == "too_large"
    assert bench.submit(60) is not None
    assert bench.submit(50) is None  # no room beside the one that runs
    assert bench.submit(40) is not None
    assert bench.submit(0) is None  # no place in the queue
    bench.agenda.run_until(S)
    assert bench.submit(60) is not None
    bench.agenda.run_until(9 * S)
    totals = bench.computer.totals()
    assert (totals["submitted"], totals["done"], totals["refused"]) == (6, 3, 3)
    assert totals["too_large"] == 1
    assert bench.log.compute[-1].refused == 3


def test_a_job_takes_its_service_and_the_reading_of_its_input():
    bench = Bench(service_s=0.5, rate_gbps=8.0)
    bench.submit(1_000_000_000)
    bench.agenda.run_until(9 * S)
    assert bench.ends_ps() == [ps_from_s(1.5)]
    assert bench.computer.expected_ps(1_000_000_000) == ps_from_s(1.5)


def test_work_goes_on_at_the_speed_that_there_is():
    bench = Bench(service_s=1.0)
    bench.submit()
    bench.submit()
    bench.agenda.at(ps_from_s(0.4), bench.computer.set_speed, 0.5)  # 0.6 s are left: 1.2 s
    bench.agenda.at(ps_from_s(1.0), bench.computer.set_speed, 0.0)  # 0.3 s are left
    bench.agenda.run_until(2 * S)
    assert bench.computer.load_ps == NEVER
    bench.computer.set_speed(1.0)
    assert bench.computer.load_ps == ps_from_s(1.3)
    bench.agenda.run_until(9 * S)
    assert bench.ends_ps() == [ps_from_s(2.3), ps_from_s(3.3)]


def test_many_changes_of_speed_cost_nothing_but_the_last_rounding():
    bench = Bench(service_s=1.0)
    job = bench.submit()
    rng = np.random.default_rng(7)
    now_ps, left = 0, job.service_ps * 10**6
    while True:
        millionths, gap_ps = int(rng.integers(1, 10**6)), int(rng.integers(1, 10**9))
        bench.agenda.at(now_ps, bench.computer.set_speed, millionths / 10**6)
        if left <= gap_ps * millionths:
            break
        now_ps, left = now_ps + gap_ps, left - gap_ps * millionths
    bench.agenda.run_until(999 * S)
    assert bench.ends_ps() == [now_ps + math.ceil(left / millionths)]


def test_what_is_withdrawn_leaves_its_place_to_the_next():
    bench = Bench(service_s=1.0)
    jobs = [bench.submit() for _ in range(4)]
    bench.agenda.run_until(S // 2)
    bench.computer.withdraw(jobs[2])
    bench.computer.withdraw(jobs[0])
    assert bench.computer.load_ps == 2 * S
    bench.agenda.run_until(9 * S)
    assert [job for _, job in bench.done] == [jobs[1], jobs[3]]
    assert bench.ends_ps() == [ps_from_s(1.5), ps_from_s(2.5)]
    assert bench.computer.totals()["withdrawn"] == 2


def test_the_load_is_the_work_ahead_of_all_places_together():
    bench = Bench(accelerators=2, jobs_in_parallel=2, service_s=1.0)
    for _ in range(6):
        bench.submit()
    assert bench.computer.load_ps == 6 * S // 4
    announced = bench.computer.announce(1)
    assert bench.computer.load_ps == 7 * S // 4
    bench.computer.retract(announced)
    bench.agenda.run_until(S // 2)
    assert bench.computer.load_ps == 4 * S // 4
    assert bench.computer.busy_accelerators == 2


def test_nobody_knows_beforehand_how_long_a_drawn_job_takes():
    bench = Bench(service="exponential", service_s=1.0)
    jobs = [bench.submit() for _ in range(3)]
    assert bench.computer.load_ps == 3 * S
    bench.agenda.run_until(jobs[0].service_ps // 2)
    assert bench.computer.load_ps == max(S - jobs[0].service_ps // 2, 0) + 2 * S


def test_power_and_others_are_told_of_each_change():
    bench, told = Bench(service_s=1.0), []
    bench.computer.on_change.append(lambda: told.append((bench.agenda.now_ps, bench.computer.busy)))
    begun = []
    bench.submit(on_begin=begun.append)
    assert len(begun) == 1
    bench.submit(on_begin=begun.append)
    assert len(begun) == 1
    bench.agenda.run_until(9 * S)
    assert told == [(0, 1), (0, 1), (S, 1), (2 * S, 0)]
    assert [(each.busy, each.waiting) for each in bench.log.compute] == [(1, 0), (1, 1), (1, 0), (0, 0)]


def test_lognormal_times_have_the_given_median_and_95_percent():
    bench = Bench(service="lognormal", service_s=2.0, service_p95_s=6.0, queue_jobs=10**6)
    times_s = np.array([bench.submit().service_ps for _ in range(3000)]) / PS_PER_S
    # Standard errors: 1.25 sigma / sqrt(n) = 1.3 % of the median, 2.1 sigma / sqrt(n) = 2.2 % of the 95 %.
    assert np.median(times_s) == pytest.approx(2.0, rel=0.04)
    assert np.quantile(times_s, 0.95) == pytest.approx(6.0, rel=0.07)
    assert bench.computer.expected_ps(1) / PS_PER_S == pytest.approx(times_s.mean(), rel=0.05)


def test_times_depend_on_seed_table_node_and_number_alone():
    def times(**keys):
        bench = Bench(service="exponential", service_s=1.0, queue_jobs=10, **keys)
        return [bench.submit().service_ps for _ in range(5)]

    assert times() == times()
    different = [times(), times(seed=2), times(name="tpu"), times(node=1)]
    assert len({tuple(each) for each in different}) == 4


def test_a_refused_job_does_not_change_what_later_ones_take():
    free = Bench(service="exponential", service_s=1.0)
    full = Bench(service="exponential", service_s=1.0, queue_jobs=0)
    for each in (free, full):
        for _ in range(2):
            each.submit()
        each.agenda.run_until(100 * S)
    assert free.submit().service_ps == full.submit().service_ps


def erlang_c(servers, offered):
    """Probability of waiting in M/M/c (Erlang, 1917)."""
    terms = [offered**k / math.factorial(k) for k in range(servers + 1)]
    last = terms[-1] * servers / (servers - offered)
    return last / (sum(terms[:-1]) + last)


def offer_poisson(bench, rate_per_s, n_jobs, seed=3):
    gaps_s = np.random.default_rng(seed).exponential(1 / rate_per_s, n_jobs)
    for at_s in np.cumsum(gaps_s):
        bench.submit(at_ps=ps_from_s(at_s))
    bench.agenda.run_until(ps_from_s(at_s) + 1000 * S)


def test_m_m_c_waits_as_erlang_says():
    servers, rate_per_s = 2, 1.2
    waits_s = []
    for seed in range(2, 6):
        bench = Bench(accelerators=servers, service="exponential", service_s=1.0, queue_jobs=10**6, seed=seed)
        offer_poisson(bench, rate_per_s, 5_000, seed)
        waits_s.append(bench.computer.totals()["mean_queue_s"])
    expected_s = erlang_c(servers, rate_per_s) / (servers - rate_per_s)
    # Of runs of 20,000 jobs, which wait in clusters, most come within 5 %.
    assert np.mean(waits_s) == pytest.approx(expected_s, rel=0.05)


def test_m_m_c_k_refuses_as_its_formula_says():
    servers, queue_jobs, offered = 2, 3, 1.8
    bench = Bench(jobs_in_parallel=servers, service="exponential", service_s=1.0, queue_jobs=queue_jobs)
    offer_poisson(bench, offered, 10_000)
    weights = [
        offered**k / math.factorial(min(k, servers)) / servers ** max(k - servers, 0) for k in range(6)
    ]
    totals = bench.computer.totals()
    share = totals["refused"] / totals["submitted"]
    assert share == pytest.approx(weights[-1] / sum(weights), rel=0.06)


def test_a_queue_of_nothing_loses_as_erlang_b_says():
    bench = Bench(accelerators=2, service="exponential", service_s=1.0, queue_jobs=0)
    offer_poisson(bench, 1.5, 6_000)
    blocked = (1.5**2 / 2) / (1 + 1.5 + 1.5**2 / 2)
    totals = bench.computer.totals()
    assert totals["refused"] / totals["submitted"] == pytest.approx(blocked, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_every_job_is_done_refused_withdrawn_or_in_progress(seed):
    rng = np.random.default_rng(seed)
    bench = Bench(
        accelerators=2, service="exponential", service_s=0.3, queue_jobs=int(rng.integers(0, 4)), seed=seed
    )
    jobs = []

    def act():
        match int(rng.integers(4)):
            case 0 | 1:
                jobs.append(bench.submit(int(rng.integers(100))))
            case 2:
                bench.computer.set_speed(float(rng.random()) * int(rng.integers(2)))
            case 3:
                open_jobs = [job for job in jobs if job is not None and job.done_ps is None]
                if open_jobs:
                    job = open_jobs[int(rng.integers(len(open_jobs)))]
                    bench.computer.withdraw(job)
                    jobs.remove(job)

    for k in range(200):
        bench.agenda.at(k * 100 * MS, act)
    bench.agenda.run_until(20 * S)
    totals = bench.computer.totals()  # raises if they do not add up
    refused = jobs.count(None)
    assert totals["refused"] == refused
    assert len(bench.done) == totals["done"]
    assert totals["submitted"] == len(jobs) + totals["withdrawn"]
    for job in jobs:
        if job is not None and job.done_ps is not None:
            assert job.done_ps - job.begun_ps >= job.service_ps
