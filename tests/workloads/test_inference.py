"""Requests and answers by pencil, and that each request ends in one way."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.scenario.workloads import CHAT, CODE, LEAST_LOADED, NEAREST, SOONEST, Compute, Workload
from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S
from lasermesh.workloads.inference import InferenceWork
from lasermesh.workloads.network import StreamOutcome
from lasermesh.workloads.records import DELIVERED, IN_PROGRESS, LOST
from tests.workloads.building import on_a_mesh
from tests.workloads.fake_network import FakeNetwork

USERS, NODES = (0, 1, 2), (3, 4)
DELAY_PS = 5 * PS_PER_MS


def chat(**keys):
    keys = {"users": ("n0",), "user_rows": USERS, "requests_per_s": 0.5, "compute": "gpu"} | keys
    return Workload(name="chat", kind="inference", **keys)


def gpus(**keys):
    return Compute(name="gpu", on=("dc",), rows=NODES, **({"jobs_in_parallel": 4} | keys))


def run(workload, duration_s=60.0, compute=None, delay_ps=DELAY_PS, **options):
    """The run and its totals."""
    options = {"rate_bps": 10**12} | options
    around = on_a_mesh([workload], 5, delay_ps, duration_s, (compute or gpus(),), **options)
    return around, around.go()[0]


class Lossy(FakeNetwork):
    """Loses every packet that is posted in some windows."""

    lost = ((0, 0),)

    def post(self, workload, source, destination, times_ps, size_bytes, on_done):
        there = [int(ps) for ps in times_ps if not any(start <= ps < stop for start, stop in self.lost)]
        outcome = StreamOutcome(
            len(there),
            len(times_ps) - len(there),
            there[0] + DELAY_PS if there else NEVER,
            there[-1] + DELAY_PS if there else NEVER,
        )
        self.agenda.at(int(times_ps[-1]) + DELAY_PS + self.handling_ps, on_done, outcome)


def test_an_answer_by_pencil_to_the_picosecond():
    around, totals = run(chat(requests_per_s=0.05), seed=2)
    request = around.log.requests[0]
    assert request.state == DELIVERED
    prefill_ps = round(request.context_tokens / 5000 * PS_PER_S)
    decode_ps = round((request.output_tokens - 1) / 40 * PS_PER_S)
    n_bytes = 500 + 4 * request.context_tokens
    # Handling before the request leaves and before it is looked at, and before each token leaves.
    network_ps = 3 * PS_PER_MS + 2 * DELAY_PS + n_bytes * 8  # 1 ps a bit
    assert request.queue_ps == 0
    assert request.prefill_ps == prefill_ps
    assert request.network_ps == network_ps
    assert request.first_token_ps == network_ps + prefill_ps
    assert request.last_token_ps == network_ps + prefill_ps + decode_ps
    assert totals["first_token_s"]["max"] < totals["last_token_s"]["max"]


def test_time_to_the_first_token_is_network_queue_and_prefill():
    around, totals = run(chat(requests_per_s=2.0), compute=gpus(jobs_in_parallel=2))
    answered = [request for request in around.log.requests if request.first_token_ps is not None]
    assert len(answered) > 15
    assert any(request.queue_ps for request in answered)
    for request in answered:
        assert request.first_token_ps == request.network_ps + request.queue_ps + request.prefill_ps
    parts = [totals[f"first_token_{part}_s"]["mean"] for part in ("network", "queue", "prefill")]
    assert totals["first_token_s"]["mean"] == pytest.approx(sum(parts))
    assert totals["network_share"] == pytest.approx(parts[0] / sum(parts))


@pytest.mark.parametrize("choose", [NEAREST, LEAST_LOADED, SOONEST])
@pytest.mark.parametrize(("tokens", "expires_s"), [(CHAT, None), (CHAT, 30.0), (CODE, 4.0)])
def test_each_request_ends_in_one_way(choose, tokens, expires_s):
    workload = chat(
        choose=choose, tokens=tokens, requests_per_s=3.0, expires_s=expires_s, context_token_bytes=2.5
    )
    around, totals = run(workload, compute=gpus(jobs_in_parallel=2, queue_jobs=3), rate_bps=10**6)
    requests = around.log.requests
    states = Counter(request.state for request in requests)
    assert totals["requests"] == len(requests) == sum(states.values())
    assert {request.item for request in requests} == set(range(len(requests)))
    assert totals["delivered"] == states[DELIVERED] > 0
    assert sum(totals["lost"].values()) == states[LOST] > 0
    assert totals["in_progress"] == states[IN_PROGRESS]
    for request in requests:
        assert (request.cause is not None) == (request.state == LOST)
        if request.state == DELIVERED:
            assert request.first_token_ps <= request.last_token_ps
            assert expires_s is None or request.last_token_ps <= expires_s * PS_PER_S


def test_requests_come_as_often_as_asked_and_alike_however_they_are_placed():
    asked = {}
    for choose in (NEAREST, LEAST_LOADED):
        around, totals = run(chat(choose=choose, requests_per_s=5.0), duration_s=100.0)
        asked[choose] = sorted(
            (request.asked_ps, request.user, request.context_tokens, request.output_tokens)
            for request in around.log.requests
        )
        assert totals["requests"] == pytest.approx(
            1500, abs=4 * 1500**0.5
        )  # Poisson, four standard deviations
    assert asked[NEAREST] == asked[LEAST_LOADED]


def test_nearest_makes_hot_spots_that_least_loaded_spreads():
    delays = {(user, 3): PS_PER_MS for user in USERS} | {(user, 4): 2 * PS_PER_MS for user in USERS}
    shares, waits = {}, {}
    for choose in (NEAREST, LEAST_LOADED, SOONEST):
        _, totals = run(chat(choose=choose, requests_per_s=0.35), delay_ps=delays, compute=gpus())
        shares[choose] = totals["busiest_share"]
        waits[choose] = totals["first_token_queue_s"]["mean"]
    assert shares[NEAREST] == 1.0
    assert shares[LEAST_LOADED] < shares[SOONEST] < 1.0  # the soonest is the nearest while that has a place
    assert waits[LEAST_LOADED] < 0.5 * waits[NEAREST]
    assert waits[SOONEST] < 0.5 * waits[NEAREST]


def test_lost_tokens_are_counted_and_an_answer_without_its_end_is_lost():
    class Window(Lossy):
        lost = ((20 * PS_PER_S, 26 * PS_PER_S),)

    around, totals = run(chat(requests_per_s=1.0), network=Window)
    _, whole = run(chat(requests_per_s=1.0))
    over = [request for request in around.log.requests if request.state != IN_PROGRESS]
    with_holes = [r for r in over if r.lost_tokens and r.state == DELIVERED]
    cut = [r for r in over if r.state == LOST]
    assert with_holes
    assert cut
    assert {request.cause for request in cut} == {"incomplete"}
    assert all(request.last_token_ps is None for request in cut)
    assert totals["lost_tokens"] == sum(request.lost_tokens for request in around.log.requests)
    assert totals["lost_tokens"] + totals["tokens"] == whole["tokens"]


def test_a_request_waits_for_a_route_and_may_change_its_mind_meanwhile():
    # Node 3 is to be reached from 30 s on, and so it is chosen; from 10 s on there is a way to node 4 too.
    delays = {(0, 3): PS_PER_MS, (0, 4): PS_PER_MS}

    class Surprise(FakeNetwork):
        def next_contact_ps(self, source, destinations, from_ps):
            foreseen = super().next_contact_ps(source, destinations, from_ps)
            return np.where(np.array(destinations) == 4, NEVER, foreseen)

    windows = {(0, 3): [(30 * PS_PER_S, NEVER)], (0, 4): [(10 * PS_PER_S, 90 * PS_PER_S)]}
    options = {"delay_ps": delays, "windows": windows, "duration_s": 100.0, "network": Surprise}
    workload = chat(user_rows=(0,), requests_per_s=0.5)
    around, totals = run(workload, **options)
    early = [request for request in around.log.requests if request.asked_ps < 10 * PS_PER_S]
    assert early
    assert all(request.node == 4 for request in early)
    assert all(request.first_token_ps > 10 * PS_PER_S - request.asked_ps for request in early)
    assert totals["changed_choices"] == len(early)
    stubborn, totals = run(replace(workload, reconsider=False), **options)
    assert all(r.node == 3 for r in stubborn.log.requests if r.asked_ps < 10 * PS_PER_S)
    assert totals["changed_choices"] == 0


@pytest.mark.parametrize("speed", [0.5, 0.0])
def test_tokens_follow_the_speed_of_the_accelerators(speed):
    """From 20 to 40 s accelerators are slow or stand still: tokens are made when so much work is done."""
    workload = chat(requests_per_s=0.1, tokens=CODE, decode_tokens_per_s=1.0)
    runs = []
    for throttles in (False, True):
        around = on_a_mesh(
            [workload], 5, DELAY_PS, 120.0, (gpus(jobs_in_parallel=100),), rate_bps=10**12, seed=1
        )
        work = around.work._workloads[0]
        work._one_by_one = set(NODES)
        if throttles:
            for computer in around.work.computers.values():
                around.agenda.at(20 * PS_PER_S, computer.set_speed, speed)
                around.agenda.at(40 * PS_PER_S, computer.set_speed, 1.0)
        around.go()
        runs.append({r.item: r for r in around.log.requests if r.state == DELIVERED})
    plain, slow = runs

    def later_ps(ps):
        """When the work that is done at an instant at full speed is done then."""
        begin, end = 20 * PS_PER_S, 40 * PS_PER_S
        if ps <= begin:
            return ps
        slowed = begin + (ps - begin) / speed if speed else NEVER
        return slowed if slowed <= end else ps + (1 - speed) * (end - begin)

    compared = 0
    for item, request in slow.items():
        same = plain[item]
        began = same.asked_ps + same.network_ps - PS_PER_MS - DELAY_PS  # the same network in both
        if began > 20 * PS_PER_S:
            continue
        for name in ("first_token_ps", "last_token_ps"):
            made = same.asked_ps + getattr(same, name) - PS_PER_MS - DELAY_PS
            expected = later_ps(made) + PS_PER_MS + DELAY_PS
            assert request.asked_ps + getattr(request, name) == pytest.approx(expected, abs=1000)
            compared += made > 20 * PS_PER_S
    assert compared > 3


def test_posting_one_by_one_and_all_at_once_are_the_same():
    records = []
    for one_by_one in (set(), set(NODES)):
        around = on_a_mesh([chat(requests_per_s=1.0)], 5, DELAY_PS, 60.0, (gpus(),), rate_bps=10**12)
        around.work._workloads[0]._one_by_one = one_by_one
        around.go()
        records.append([request for request in around.log.requests if request.state == DELIVERED])
    assert len(records[0]) > 20
    assert records[0] == records[1]


def test_a_run_is_done_when_nobody_asks_any_more_and_all_answers_have_come():
    around = on_a_mesh([chat()], 5, DELAY_PS, 30.0, (gpus(),), rate_bps=10**12)
    around.work.begin()
    around.agenda.run_until(30 * PS_PER_S)
    assert not around.work.is_done
    around.agenda.run_until(300 * PS_PER_S)
    assert around.work.is_done


def test_pairs_lead_both_ways_between_users_and_others():
    experiment = SimpleNamespace(compute=(gpus(),))
    pairs = InferenceWork.pairs_of(chat(user_rows=(0, 2)), experiment)
    assert sorted(pairs) == [(0, 3), (0, 4), (2, 3), (2, 4), (3, 0), (3, 2), (4, 0), (4, 2)]


def test_requests_are_the_same_on_another_topology_and_beside_others():
    asked = []
    for users, names, others in (
        ((0, 1), ("a", "b", "c", "d", "e"), []),
        ((2, 1), ("c", "b", "a", "d", "e"), [replace(chat(tokens=CODE), name="code")]),
    ):
        workload = chat(user_rows=users, choose=LEAST_LOADED)
        around = on_a_mesh([*others, workload], 5, DELAY_PS, 30.0, (gpus(),), names=names, rate_bps=10**12)
        around.go()
        asked.append(
            sorted(
                (request.asked_ps, names[request.user], request.context_tokens, request.output_tokens)
                for request in around.log.requests
                if request.workload == "chat"
            )
        )
    assert asked[0]
    assert asked[0] == asked[1]


def test_tokens_that_have_come_of_answers_in_progress_count():
    around, totals = run(chat(requests_per_s=1.0, decode_tokens_per_s=4.0), duration_s=40.0)
    open_ones = [request for request in around.log.requests if request.state == IN_PROGRESS]
    whole = sum(r.output_tokens for r in around.log.requests if r.state == DELIVERED)
    begun = [r for r in open_ones if r.prefill_ps is not None]
    # Made by the last half second, which is all that is asked about.
    made = sum(
        min(
            r.output_tokens,
            1 + int((39.5 * PS_PER_S - (r.asked_ps + r.first_token_ps - DELAY_PS)) * 4 // PS_PER_S),
        )
        for r in begun
        if r.first_token_ps is not None
    )
    assert made > whole / 4
    assert totals["tokens"] == pytest.approx(whole + made, abs=2 * len(begun))
