"""When flows make packets of the reference, and how large: exact fractions and shares."""

import itertools
import math
from fractions import Fraction

from tests.reference.arithmetic import PACKET_SIZE, draw, unit
from tests.reference.case import Flow
from tests.reference.sources import packets_of_flow
from tests.reference.test_packet_simulator import network


def test_constant_rate_has_no_drift():
    for rate_bps, size in ((7, 1500), (123_456_789, 1501), (10**12 - 3, 64), (1_600_000_000_000, 65_536)):
        flow = Flow(0, 1, "constant", rate_bps=rate_bps, sizes=((size, 1),), start_ps=1000, phase_ps=17)
        case = network([(0, 1, 0)], [flow])
        for k, (time_ps, made) in enumerate(itertools.islice(packets_of_flow(case, 0), 5000)):
            assert time_ps == 1017 + math.ceil(Fraction(k * size * 8 * 10**12, rate_bps))
            assert made == size


def test_constant_rate_of_a_packet_mix_spaces_packets_by_the_size_of_those_before():
    flow = Flow(0, 1, "constant", rate_bps=999_999_937, sizes=((40, 7), (576, 4), (1500, 1)))
    packets = list(itertools.islice(packets_of_flow(network([(0, 1, 0)], [flow]), 0), 3000))
    before = [0, *itertools.accumulate(size for _, size in packets[:-1])]
    assert [time_ps for time_ps, _ in packets] == [
        math.ceil(Fraction(sent * 8 * 10**12, flow.rate_bps)) for sent in before
    ]


def test_packet_mix_has_the_shares_of_its_weights():
    flow = Flow(0, 1, "constant", rate_bps=10**9, sizes=((40, 7), (576, 4), (1500, 1)))
    n_packets = 12_000
    sizes = [
        size for _, size in itertools.islice(packets_of_flow(network([(0, 1, 0)], [flow]), 0), n_packets)
    ]
    for size, weight in flow.sizes:
        share = weight / 12
        # Five standard deviations of a binomial share.
        assert abs(sizes.count(size) / n_packets - share) < 5 * math.sqrt(share * (1 - share) / n_packets)


def test_poisson_gaps_have_the_mean_and_spread_of_an_exponential_distribution():
    flow = Flow(0, 1, "poisson", rate_bps=10**9, sizes=((1000, 3), (200, 1)), start_ps=500)
    n_packets = 20_000
    times = [500] + [
        time for time, _ in itertools.islice(packets_of_flow(network([(0, 1, 0)], [flow]), 0), n_packets)
    ]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert min(gaps) >= 1
    mean_ps = 800 * 8 * 10**12 / 10**9
    # Five standard errors: mean / sqrt(n) for the mean, 2 mean^2 sqrt(5 / n) for the second moment.
    assert abs(sum(gaps) / n_packets - mean_ps) < 5 * mean_ps / math.sqrt(n_packets)
    second_moment = sum(gap * gap for gap in gaps) / n_packets
    assert abs(second_moment - 2 * mean_ps**2) < 5 * 2 * mean_ps**2 * math.sqrt(5 / n_packets)


def test_random_numbers_are_even_and_differ_by_each_argument():
    numbers = [draw(3, PACKET_SIZE, 5, counter) for counter in range(4096)]
    assert len(set(numbers)) == 4096
    assert all(0 <= number < 2**64 for number in numbers)
    for bit in range(64):  # five standard deviations of 4096 coins: 160
        assert abs(sum(number >> bit & 1 for number in numbers) - 2048) < 160
    assert len({draw(*(9 if k == changed else 8 for k in range(4))) for changed in range(5)}) == 5
    assert 0.0 < unit(0) < 1e-15 < unit(1 << 63) < 0.5000001
    assert unit(2**64 - 1) == 1.0  # rounded up, see the module's docstring


def test_other_flows_do_not_change_what_a_flow_draws():
    mix = ((40, 1), (1500, 1))
    flows = [
        Flow(0, 1, "poisson", rate_bps=10**12, sizes=mix),
        Flow(1, 0, "poisson", rate_bps=10**12, sizes=mix),
    ]
    one = network([(0, 1, 5), (1, 0, 5)], flows[:1])
    two = network([(0, 1, 5), (1, 0, 5)], flows)
    a, b, c = (
        list(itertools.islice(packets_of_flow(case, row), 100))
        for case, row in ((one, 0), (two, 0), (two, 1))
    )
    assert a == b != c
