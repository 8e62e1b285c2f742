"""Priorities, marking and CoDel against what the literature says of them."""

import math

import numpy as np
import pytest

from lasermesh.packets import state
from lasermesh.packets.causes import EARLY
from lasermesh.units import PS_PER_MS, PS_PER_S, PS_PER_US
from tests.packets.adapter import engine_of, run_case, run_steps
from tests.packets.batch_means import N_BATCHES, assert_holds, batches
from tests.packets.comparing import enough
from tests.reference.case import CODEL, ECN_THRESHOLD, Flow
from tests.reference.test_packet_simulator import network

BYTE_PS = 1000
RATE_BPS = 8 * PS_PER_S // BYTE_PS
DELAY_PS = PS_PER_MS // 5


def one_link(flows, **more):
    """A case of flows from node 0 to node 1 over a link on which a byte takes a nanosecond."""
    return network([(0, 1, DELAY_PS)], flows, changes=[(0, 0, "start", RATE_BPS)], **more)


# -------------------------------------------------------------------------------------------- strict priority

SIZES = {2: (200, 0.25), 1: (1000, 0.3), 0: (1500, 0.25)}
"""Class: bytes of its packets, and its share of the link's rate."""


def cobham(most_urgent_first):
    """Mean waits of classes in M/G/1 with non-preemptive priorities, in ps.

    A. Cobham, Priority Assignment in Waiting Line Problems, Operations Research 2 (1954) 70, equation 3.
    """
    residual = sum(load * size / 2 for size, load in most_urgent_first)
    waits, above = [], 0.0
    for _, load in most_urgent_first:
        waits.append(residual / ((1 - above) * (1 - above - load)) * BYTE_PS)
        above += load
    return waits


@pytest.fixture(scope="module")
def waits_by_class():
    """Mean wait in ps of each class of SIZES in each batch: Poisson packets on a link with three classes."""
    flows = [
        Flow(
            0, 1, "poisson", rate_bps=round(RATE_BPS * load), sizes=((size, 1),), label=1,
            traffic_class=of_class,
        )
        for of_class, (size, load) in SIZES.items()
    ]  # fmt: skip
    case = one_link(flows, classes=[3], end_ps=(N_BATCHES + 1) * enough(50_000, 800) * PS_PER_US, seed=2)

    def read(engine):
        flows = engine.flow_counters()
        return [*flows.latency_sum_ps, *flows.delivered.tolist()]

    gained = batches(case, read)
    services = np.array([size * BYTE_PS for size, _ in SIZES.values()])
    return (gained[:, :3] / gained[:, 3:]).astype(float) - services - DELAY_PS


@pytest.mark.parametrize("place", [0, 1, 2])
def test_mean_wait_of_each_class_is_that_of_cobham(waits_by_class, place):
    # The lowest class waits for all others, in fits and starts: its mean is the least certain.
    width = (enough(0.02, 0.2), enough(0.03, 0.4), enough(0.06, 0.8))[place]
    assert_holds(waits_by_class[:, place], cobham(list(SIZES.values()))[place], width)


def test_classes_share_the_waiting_that_first_come_first_served_would_have(waits_by_class):
    """Load times wait, summed, does not depend on the order of service (Kleinrock II, section 3.4)."""
    loads = np.array([load for _, load in SIZES.values()])
    residual_ps = sum(load * size / 2 for size, load in SIZES.values()) * BYTE_PS
    whole = loads.sum() / (1 - loads.sum()) * residual_ps
    assert_holds(waits_by_class @ loads, whole, enough(0.06, 0.6))


# -------------------------------------------------------------------------------------------- marks and CoDel

SIZE = 1000
SERVICE_PS = SIZE * BYTE_PS


def overload(end_ps, times=2, **more):
    """A case whose only flow sends `times` what its link carries."""
    return one_link(
        [
            Flow(
                0, 1, "constant", rate_bps=times * RATE_BPS, sizes=((SIZE, 1),), label=1,
                stop_ps=end_ps - 2 * DELAY_PS, ecn=more.pop("ecn"),
            )
        ],
        end_ps=end_ps,
        **more,
    )  # fmt: skip


@pytest.mark.parametrize("threshold", [0, 1, 65])
def test_threshold_marks_everything_once_an_overload_has_filled_the_queue_above_it(threshold):
    """Packet k of twice the link's rate finds k - floor(k / 2) - 1 waiting: above K from 2 K + 3 on."""
    case = overload(
        20 * PS_PER_MS, ecn=True, discipline=[ECN_THRESHOLD], mark_packets=[threshold], queue_packets=[10**6]
    )
    records = np.concatenate(run_steps(engine_of(case), case))
    delivered = records[records[:, state.T_KIND] == state.TAP_DELIVERED]
    marked = (delivered[:, state.T_WORD] & state.CE_BIT != 0).astype(int)
    assert len(delivered) > 1000
    assert marked.tolist() == [0] * (2 * threshold + 3) + [1] * (len(delivered) - 2 * threshold - 3)


TARGET_PS, INTERVAL_PS = 5 * PS_PER_MS // 10, 100 * PS_PER_MS // 10
"""A tenth of the RFC's, for tests that are ten times as short."""


@pytest.fixture(scope="module", params=["dropped", "marked"])
def controlled(request):
    """Instants at which CoDel drops, or marks, packets of an overload that does not give way."""
    ecn = request.param == "marked"
    case = overload(
        enough(600, 60) * PS_PER_MS, ecn=ecn, discipline=[CODEL], codel=[(TARGET_PS, INTERVAL_PS, 1500)]
    )
    engine = engine_of(case, taps=state.TAP_OUT)
    records = np.concatenate(run_steps(engine, case))
    if not ecn:
        assert engine.flow_counters().dropped[0, EARLY] == engine.flow_counters().dropped.sum()
        return records[records[:, state.T_KIND] == state.TAP_DROPPED + EARLY, state.T_TIME]
    out = records[records[:, state.T_KIND] == state.TAP_OUT]
    # A packet is marked when it is taken, one service before its last bit leaves.
    return out[out[:, state.T_WORD] & state.CE_BIT != 0, state.T_TIME] - SERVICE_PS


def test_codel_waits_for_an_interval_above_its_target_before_it_acts(controlled):
    """At twice the rate, what is taken at t has waited for t / 2: above the target from twice that on."""
    assert 0 <= controlled[0] - (2 * TARGET_PS + INTERVAL_PS) <= 2 * SERVICE_PS


def test_codel_acts_at_times_given_by_the_inverse_square_root_of_its_count(controlled):
    """RFC 8289, section 3.3: the next time is interval / sqrt(count) after the one before.

    Each falls on the first packet taken from then on, and is counted on from when it was due: no drift.
    """
    gaps = INTERVAL_PS / np.sqrt(np.arange(1, len(controlled)))
    due = controlled[0] + np.concatenate([[0.0], np.cumsum(gaps)])
    late = controlled - due
    # Each gap is rounded down to a picosecond.
    assert late.min() > -len(controlled) and late.max() < SERVICE_PS + 1
    assert len(controlled) > enough(500, 8)


def test_codel_acts_a_quarter_of_the_squared_number_of_intervals_times(controlled):
    """As sum of 1 / sqrt(k) up to n is 2 sqrt(n) - 1.46, n = (t / interval + 1.46)^2 / 4: to within one."""
    for share in (0.25, 0.5, 1.0):
        until = controlled[0] + share * (controlled[-1] - controlled[0])
        n = (controlled <= until).sum()
        wanted = ((until - controlled[0]) / INTERVAL_PS + 1.46035) ** 2 / 4 + 1
        assert abs(n - wanted) <= 1.5, (n, wanted)


def test_codel_leaves_a_queue_below_its_target_alone():
    """At nine tenths of the rate bursts are gone within the target: there is no standing queue."""
    load = 0.9
    flow = Flow(0, 1, "poisson", rate_bps=round(load * RATE_BPS), sizes=((SIZE, 1),), label=1)
    case = one_link(
        [flow],
        end_ps=enough(1000, 20) * PS_PER_MS,
        discipline=[CODEL],
        codel=[(TARGET_PS, INTERVAL_PS, 1500)],
    )
    engine, _ = run_case(case, trace=False)
    counters = engine.flow_counters()
    # The longest of a million waits is below the target, or the claim would be about something else.
    assert counters.latency_max_ps[0] - DELAY_PS - SERVICE_PS < TARGET_PS
    assert counters.dropped.sum() == 0 == counters.marked[0]
    assert counters.delivered[0] > math.floor(load * case.end_ps / SERVICE_PS * 0.9)
