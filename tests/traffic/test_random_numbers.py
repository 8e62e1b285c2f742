"""Random numbers of the compiled core: those of the reference, for any arguments."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasermesh import random_kernels
from lasermesh.random_kernels import FLOW_HASH, INTERARRIVAL, PACKET_SIZE, PHASE, draw, draw_unit
from tests.reference import packet_simulator as reference

PURPOSES = (INTERARRIVAL, PACKET_SIZE, PHASE, FLOW_HASH)


# The fixture that silences overflow is the same for all examples.
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.integers(0, 2**63 - 1), st.sampled_from(PURPOSES), st.integers(0, 2**31), st.integers(0, 2**40))
def test_draws_are_those_of_the_reference(seed, purpose, row, counter):
    expected = reference.draw(seed, int(purpose), row, counter)
    assert int(draw(seed, purpose, row, counter)) == expected
    assert draw_unit(seed, purpose, row, counter) == reference.unit(expected)


def test_purposes_are_those_of_the_reference_and_all_different():
    for name in ("INTERARRIVAL", "PACKET_SIZE", "PHASE"):
        assert int(getattr(random_kernels, name)) == getattr(reference, name)
    assert len({int(purpose) for purpose in PURPOSES}) == len(PURPOSES)


@pytest.mark.parametrize("changed", range(4))
def test_every_argument_matters(changed):
    plain = [1, PHASE, 2, 3]
    other = list(plain)
    other[changed] = FLOW_HASH if changed == 1 else 9
    assert draw(*plain) != draw(*other)
