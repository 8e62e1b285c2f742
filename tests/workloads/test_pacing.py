"""Who may send how fast."""

import random

import pytest

from lasermesh.workloads.pacing import Broker, fair_rates
from tests.reference.fair_shares import slow_fair_rates


def test_senders_over_one_link_share_it_evenly():
    assert fair_rates([[0], [0], [0]], {0: 9}) == [3, 3, 3]


def test_who_is_held_up_elsewhere_leaves_the_rest_to_others():
    assert fair_rates([[0, 1], [0], [1], [1]], {0: 10, 1: 6}) == [2, 8, 2, 2]


@pytest.mark.parametrize("seed", range(20))
def test_rates_are_those_of_filling_by_small_steps(seed):
    draw = random.Random(seed)
    capacity = {link: draw.choice([10, 25, 100]) for link in range(8)}
    paths = [draw.sample(range(8), draw.randint(1, 4)) for _ in range(draw.randint(1, 12))]
    assert fair_rates(paths, capacity) == pytest.approx(slow_fair_rates(paths, capacity))


@pytest.mark.parametrize("seed", range(5))
def test_the_broker_tells_those_whom_a_change_concerns(seed):
    draw = random.Random(seed)
    capacity = {link: draw.choice([10, 25, 100]) for link in range(12)}
    broker, paths, rates = Broker(0.5), {}, {}
    for _ in range(60):
        sender = draw.randrange(10)
        path = None if draw.random() < 0.3 else tuple(draw.sample(range(12), draw.randint(1, 3)))
        broker.set_path(sender, path)
        paths.pop(sender, None)
        rates.pop(sender, None)
        if path is not None:
            paths[sender] = path
        if draw.random() < 0.2:
            link = draw.randrange(12)
            capacity[link] += 5
            if draw.random() < 0.5:
                broker.touch([link])
            else:
                broker.touch_changed(capacity.get)
        rates.update(broker.take_rates(capacity.get))
        half = {link: rate / 2 for link, rate in capacity.items()}
        expected = dict(zip(paths, slow_fair_rates(list(paths.values()), half), strict=True))
        assert rates == pytest.approx(expected)
