"""Packets are found by ident, and what is due comes out by time."""

import random

import numpy as np

from lasermesh.live import slot_kernels, state
from lasermesh.live.slot_kernels import insert, look_up, remove
from lasermesh.units import NONE
from tests.packets.comparing import enough


def test_the_hash_holds_what_a_dictionary_does():
    dice = random.Random(1)
    rows = np.full((1 << 12, state.HASH_COLUMNS), NONE)
    held, next_of_flow = {}, [0] * 5
    for k in range(enough(100_000, 5_000)):
        # Runs of idents, as flows have them, and any; now nearly half full, now empty.
        filling = (k // 3000) % 2 == 0
        if len(held) < len(rows) // 2 - 1 and (filling or not held) and dice.random() < 0.9:
            flow = dice.randrange(5)
            next_of_flow[flow] += dice.choice((1, 1, 1, 45))
            ident = dice.randrange(2**62) if dice.random() < 0.1 else flow << 40 | next_of_flow[flow]
            if ident not in held:
                held[ident] = k
                insert(rows, np.int64(ident), np.int64(k))
        elif held:
            ident = dice.choice(list(held)[: 1 + len(held) // 10])
            del held[ident]
            remove(rows, np.int64(ident))
        probe = np.int64(dice.randrange(5) << 40 | dice.randrange(max(next_of_flow) + 2))
        assert look_up(rows, probe) == held.get(int(probe), NONE)
    for ident, slot in held.items():
        assert look_up(rows, np.int64(ident)) == slot
    assert np.count_nonzero(rows[:, state.HASH_IDENT] != NONE) == len(held)
    remove(rows, np.int64(2**62 + 1))  # what is not there
    assert np.count_nonzero(rows[:, state.HASH_IDENT] != NONE) == len(held)


def test_no_kernel_of_the_datapath_is_parallel():
    """numba's threads must not be entered from two Python threads, and may be taken by the control thread."""
    from lasermesh.compiled import kernel_sources

    live = [path for path in kernel_sources() if path.parent.name == "live"]
    assert len(live) >= 7 and slot_kernels.__file__ in map(str, live)
    for path in live:
        text = path.read_text(encoding="utf-8")
        assert "parallel_kernel" not in text and "prange" not in text, path
