"""Arguments of public functions, brought to one dtype and memory order."""

import numpy as np


def as_float_array(value, shape, name):
    """`value` as a C-ordered float64 array; ValueError if it has not this shape (None: any length)."""
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers") from None
    fits = array.ndim == len(shape) and all(
        wanted in (None, given) for wanted, given in zip(shape, array.shape, strict=False)
    )
    if not fits:
        wanted_text = "(" + ", ".join("n" if length is None else str(length) for length in shape) + ")"
        raise ValueError(f"{name} must have shape {wanted_text} (got {array.shape})")
    return array
