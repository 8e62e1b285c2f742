"""Requests served by one pool against the closed forms of queueing theory.

Requests of one byte cross an idle link, so that they reach the pool as they were made: exponentially spaced.
Each claim: the 99 % confidence interval over N_BATCHES batches holds the theory, and is narrower than stated.
Seeds are fixed.
"""

import math

import pytest

from lasermesh.units import PS_PER_MS, PS_PER_S
from tests.packets.batch_means import N_BATCHES, assert_holds, batches
from tests.packets.comparing import enough
from tests.reference.case import UNLIMITED, Flow, Pool
from tests.reference.test_packet_simulator import network

SERVICE_PS = PS_PER_MS
DELAY_PS = 20 * PS_PER_MS  # long, so that a window holds many requests


def served(servers, load, service_kind="exponential", queue_requests=UNLIMITED, seed=1):
    """Mean wait in service times, share that waits, share refused and utilisation, for every batch."""
    per_s = load * servers * PS_PER_S / SERVICE_PS
    n_requests = enough(30_000, 300)  # of a batch
    batch_ps = round(n_requests / per_s * PS_PER_S)
    request = Flow(
        0, 1, "poisson", rate_bps=round(8 * per_s), sizes=((1, 1),), label=1, reply=1, pool=0, reply_bytes=1,
        reply_packet_bytes=1,
    )  # fmt: skip
    case = network(
        [(0, 1, DELAY_PS), (1, 0, DELAY_PS)],
        [request, Flow(1, 0, "reply", sizes=((1, 1),), label=0)],
        pools=[Pool(1, servers, service_kind, float(SERVICE_PS), queue_requests)],
        end_ps=(N_BATCHES + 1) * batch_ps,
        seed=seed,
    )

    def read(engine):
        counters = engine.pool_counters()
        names = ("arrived", "refused", "waited", "wait_sum_ps", "busy_ps")
        return [int(getattr(counters, name)[0]) for name in names]

    arrived, refused, waited, wait_ps, busy_ps = batches(case, read).T.astype(float)
    accepted = arrived - refused
    return (
        wait_ps / accepted / SERVICE_PS,
        waited / accepted,
        refused / arrived,
        busy_ps / (servers * batch_ps),
    )


def erlang_c(servers, load):
    """Share of requests that wait (Kleinrock, Queueing Systems I, equation 3.40)."""
    offered = servers * load
    last = offered**servers / math.factorial(servers) / (1 - load)
    return last / (sum(offered**k / math.factorial(k) for k in range(servers)) + last)


@pytest.mark.parametrize("load", [0.5, 0.8])
@pytest.mark.parametrize("servers", [1, 4])
def test_wait_share_that_waits_and_utilisation_are_those_of_erlang_c(servers, load):
    wait, waits, refused, busy = served(servers, load)
    assert not refused.any()
    # Waits hang together for 1 / (1 - load)**2 services, so their mean is the least certain of the three.
    assert_holds(wait, erlang_c(servers, load) / (servers * (1 - load)), enough(0.05, 0.6))
    assert_holds(waits, erlang_c(servers, load), enough(0.02, 0.25))
    assert_holds(busy, load, enough(0.01, 0.1))


def test_wait_for_one_server_of_constant_time_is_half_that_of_an_exponential_one():
    load = 0.7
    wait, waits, _, busy = served(1, load, "constant", seed=2)
    assert_holds(wait, load / (2 * (1 - load)), enough(0.03, 0.4))
    assert_holds(waits, load, enough(0.02, 0.2))
    assert_holds(busy, load, enough(0.01, 0.1))


@pytest.mark.parametrize(("servers", "room", "load"), [(1, 0, 0.8), (2, 3, 0.9), (4, 2, 1.5)])
def test_share_refused_is_that_of_m_m_c_k(servers, room, load):
    """The highest state of a birth-death chain (Kleinrock I, section 3.6; K = c: Erlang's loss formula)."""
    offered, k_most = servers * load, servers + room
    weights = [
        offered**k / (math.factorial(min(k, servers)) * servers ** max(0, k - servers))
        for k in range(k_most + 1)
    ]
    refusal = weights[-1] / sum(weights)
    _, _, refused, busy = served(servers, load, queue_requests=room, seed=3)
    assert_holds(refused, refusal, enough(0.05, 0.5))
    assert_holds(busy, load * (1 - refusal), enough(0.01, 0.1))
