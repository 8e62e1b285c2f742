"""Times and random numbers of the packet model, in plain Python numbers."""

import math

BIT_PS_PER_BYTE = 8 * 10**12
"""Picoseconds that one byte takes at 1 bit/s."""

INTERARRIVAL, PACKET_SIZE, PHASE, FLOW_HASH = 1, 2, 3, 4
ON_OFF, BIT_ERROR, SERVICE = 9, 11, 12
"""Purposes of random numbers."""

MASK_64 = 2**64 - 1


def ceil_div(dividend, divisor):
    """Quotient of whole numbers, rounded up."""
    return -(-dividend // divisor)


def serialization_ps(size, framing_bytes, rate_bps):
    """Rule 4: how long a packet is in service."""
    return max(1, ceil_div((size + framing_bytes) * BIT_PS_PER_BYTE, rate_bps))


def delay_ps(case, link, left_ps):
    """Rule 5: propagation delay of a last bit that leaves at `left_ps`."""
    for step in case.steps:
        if step.t0_ps < left_ps <= step.t1_ps:
            d0 = step.delay_start_ps[link]
            d1 = step.delay_end_ps[link]
            share = float(left_ps - step.t0_ps) / float(step.t1_ps - step.t0_ps)
            return math.floor(float(d0) + float(d1 - d0) * share)
    raise ValueError(f"no step covers {left_ps} ps")


def draw(seed, purpose, row, counter):
    """Rule 7: a random number of 64 bits that depends on nothing but its four arguments."""
    x = (
        seed * 0x9E3779B97F4A7C15
        + purpose * 0xBF58476D1CE4E5B9
        + row * 0x94D049BB133111EB
        + counter * 0xD6E8FEB86659FD93
    )
    x &= MASK_64
    for _ in range(2):  # the finalizer of splitmix64, twice
        x ^= x >> 30
        x = (x * 0xBF58476D1CE4E5B9) & MASK_64
        x ^= x >> 27
        x = (x * 0x94D049BB133111EB) & MASK_64
        x ^= x >> 31
    return x


def unit(x):
    """A number above 0, and below 1 up to rounding, from 64 random bits."""
    return (float(x >> 11) + 0.5) * 2.0**-53


def exponential_ps(random_bits, mean_ps):
    """An exponentially distributed duration, from 1 ps to 2**61 ps (27 days)."""
    return max(1, min(math.floor(-math.log(unit(random_bits)) * mean_ps + 0.5), 2**61))
