"""Estimates from one long run with a confidence interval: by batch means, or of counts of independent things.

A run is cut into N_BATCHES equal batches behind one more that is left out, because queues are empty when it
begins. What each batch gives is a sample; Student's t of all of them is the interval (A. M. Law, Simulation
Modeling and Analysis, 5th edition, section 9.5.3).
"""

import math

import numpy as np

from tests.packets.adapter import engine_of, steps_of

N_BATCHES = 30
T_99 = 2.756
"""Student's t, 29 degrees of freedom, two-sided 99 %."""
Z_99 = 2.576
"""Normal quantile, two-sided 99 %."""


def batches(case, read, per_batch=1, n_batches=N_BATCHES):
    """What `read(engine)` gained in each interval of a run: array of shape (n_batches * per_batch, n).

    `read` returns counters that only grow. The case's only step is (n_batches + 1) * per_batch intervals.
    """
    engine = engine_of(case, trace=False)
    ((end_ps, step),) = steps_of(case)
    n = (n_batches + 1) * per_batch
    engine.begin_step(step)
    seen = []
    try:
        for k in range(per_batch, n + 1):
            while not engine.advance(end_ps * k // n):
                pass
            seen.append(read(engine))
    finally:
        engine.close()
    return np.array(
        [[a - b for a, b in zip(*pair, strict=True)] for pair in zip(seen[1:], seen, strict=False)]
    )


def interval(samples):
    """Mean of the batches, and half the width of its 99 % confidence interval."""
    assert len(samples) == N_BATCHES
    return float(np.mean(samples)), T_99 * float(np.std(samples, ddof=1)) / math.sqrt(N_BATCHES)


def assert_holds(samples, theory, width):
    """The interval of the batches holds what theory says, and is at most `width` of it to either side."""
    mean, half = interval(samples)
    assert abs(mean - theory) < half, f"{mean:.6g} +- {half:.2g}, theory {theory:.6g}"
    assert half < width * theory, f"+- {half / theory:.2%}"


def assert_share(n_hits, n, probability):
    """So many of n independent things are no less or more than chance explains (99 %, normal)."""
    half = Z_99 * math.sqrt(probability * (1 - probability) / n)
    assert abs(n_hits / n - probability) < half, (
        f"{n_hits / n:.5g} of {n}, theory {probability:.5g} +- {half:.2g}"
    )
