"""What all tests of the traffic room share."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def wrapping_arithmetic():
    """Hashes wrap at 64 bits; numpy's scalars, which stand in for compiled code, would warn of it."""
    with np.errstate(over="ignore"):
        yield
