"""What is random about links, straight from its definition: acquisition, losses, clouds, terminals."""

import math
from statistics import NormalDist

import numpy as np

from tests.reference.packet_simulator import MASK_64, draw, unit

ACQUISITION, LOSS, CLOUD, GUEST = 5, 6, 7, 8
"""Purposes of random numbers."""

Z_95 = 1.6448536269514722
MOST_LOSSES_PER_BLOCK = 63
BEFORE_ZERO = 2**32


def draw_unit(seed, purpose, row, counter):
    """A number strictly between 0 and 1; a counter below 0 counts modulo 2^64."""
    return unit(draw(seed, purpose, row, counter & MASK_64))


def milliseconds(t_s):
    """The instant as a counter."""
    return round(t_s * 1000.0)


def acquisition_s(seed, terminal_type, terminal_key, t_s):
    """How long one end needs to acquire from `t_s` on; 0 where there is no terminal."""
    if terminal_type is None or terminal_type.acquisition_s is None:
        return 0.0
    median, p95 = terminal_type.acquisition_s.median, terminal_type.acquisition_s.p95
    if median == 0.0 or median == p95:
        return median
    z = NormalDist().inv_cdf(draw_unit(seed, ACQUISITION, terminal_key, milliseconds(t_s)))
    return median * math.exp(math.log(p95 / median) / Z_95 * z)


def poisson_of_mean_1(u):
    """The least number that a Poisson variable of mean 1 exceeds with a chance below 1 - u; at most 63."""
    number, share = 0, math.exp(-1.0)
    cumulative = share
    while u > cumulative and number < MOST_LOSSES_PER_BLOCK:
        number += 1
        share /= number
        cumulative += share
    return number


def losses_in_block(seed, mean_s, terminal_key, block):
    """Instants at which a terminal loses the other end within [block, block + 1) mean times, ascending."""
    base = block * 64
    number = poisson_of_mean_1(draw_unit(seed, LOSS, terminal_key, base))
    return sorted(
        (block + draw_unit(seed, LOSS, terminal_key, base + j)) * mean_s for j in range(1, number + 1)
    )


def first_loss_after(seed, terminal_type, terminal_key, t_s, limit_s):
    """The first instant after `t_s` at which a terminal loses the other end; inf if none before `limit_s`."""
    if terminal_type is None or terminal_type.mean_time_between_losses_s is None:
        return math.inf
    mean_s = terminal_type.mean_time_between_losses_s
    block = math.floor(t_s / mean_s)
    while block * mean_s < limit_s:
        for instant in losses_in_block(seed, mean_s, terminal_key, block):
            if instant > t_s:
                return instant
        block += 1
    return math.inf


def cloud_changes(seed, row, availability, mean_cloudy_s, start_s, stop_s):
    """Whether the sky of a site is clear at `start_s`, and the instants in (start_s, stop_s] of change."""
    clear_at_0 = draw_unit(seed, CLOUD, row, 0) < availability
    mean_s = {False: mean_cloudy_s, True: mean_cloudy_s * availability / (1.0 - availability)}

    def changes(direction, first_counter, until_s):
        clear, t_s, k = clear_at_0, 0.0, 0
        while abs(t_s) <= abs(until_s):
            t_s -= direction * math.log(draw_unit(seed, CLOUD, row, first_counter + k)) * mean_s[clear]
            clear, k = not clear, k + 1
            yield t_s

    after = list(changes(1.0, 1, max(stop_s, 0.0)))
    before = list(changes(-1.0, BEFORE_ZERO + 1, min(start_s, 0.0)))
    crossed = sum(0.0 < t_s <= start_s for t_s in after) + sum(start_s < t_s <= 0.0 for t_s in before)
    clear = clear_at_0 if crossed % 2 == 0 else not clear_at_0
    return clear, sorted(t_s for t_s in before + after if start_s < t_s <= stop_s)


def who_has(seed, group_index, use_index, share, n_satellites):
    """Numbers within the group of the satellites that have the terminals of one entry of its list."""
    if share == 1.0:
        return set(range(n_satellites))
    generator = np.random.default_rng([seed, 2, group_index, use_index])
    return set(generator.permutation(n_satellites)[: max(1, round(share * n_satellites))].tolist())
