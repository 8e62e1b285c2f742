"""Numbers of 16 and 32 bits among bytes, and the sum that Internet checksums are made of (RFC 1071)."""

import numpy as np

from lasermesh.compiled import inline_kernel, part_kernel


@inline_kernel
def number16(data, at):
    """The 16-bit number in network order (of signed type: unsigned and signed together make floats)."""
    return (np.int64(data[at]) << 8) | np.int64(data[at + 1])


@inline_kernel
def number32(data, at):
    """The 32-bit number in network order."""
    return (number16(data, at) << 16) | number16(data, at + 2)


@inline_kernel
def put16(data, at, value):
    data[at] = (value >> 8) & 0xFF
    data[at + 1] = value & 0xFF


@inline_kernel
def put32(data, at, value):
    put16(data, at, value >> 16)
    put16(data, at + 2, value)


@inline_kernel
def fold(total):
    """A sum of 16-bit words with its carries added in (RFC 1071 section 2): 0..65535."""
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@part_kernel
def add_words(data, at, n, start):
    """Folded one's complement sum of `start` and n bytes as 16-bit words, an odd last one zero-padded."""
    total = start
    for i in range(n >> 1):
        total += number16(data, at + 2 * i)
    if n & 1:
        total += np.int64(data[at + n - 1]) << 8
    return fold(total)


@inline_kernel
def little16(data, at):
    return np.int64(data[at]) | (np.int64(data[at + 1]) << 8)


@inline_kernel
def put_little16(data, at, value):
    data[at] = value & 0xFF
    data[at + 1] = (value >> 8) & 0xFF
