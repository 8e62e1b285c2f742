"""Reads a BPv7 bundle (RFC 9171) with the little CBOR (RFC 8949) that it needs, byte by byte."""

from typing import NamedTuple


class Bundle(NamedTuple):
    """What stands in a bundle of a primary and a payload block."""

    is_fragment: bool
    destination: str
    source: str
    report_to: str
    created_ms: int  # since 2000
    sequence: int
    lifetime_ms: int
    offset: int | None
    total_bytes: int | None
    payload: bytes
    has_shortest_form: bool  # whether each number and length is written as short as it can be


class Cbor:
    """Items one after the other."""

    def __init__(self, data):
        self.data = data
        self.at = 0
        self.has_shortest_form = True

    def head(self):
        """Major type and argument of the next item."""
        first = self.data[self.at]
        self.at += 1
        major, argument = first >> 5, first & 31
        if argument >= 24:
            assert argument <= 27, f"argument {argument} at {self.at - 1}"
            n = 2 ** (argument - 24)
            argument = int.from_bytes(self.data[self.at : self.at + n], "big")
            self.at += n
            least = {1: 24, 2: 2**8, 4: 2**16, 8: 2**32}[n]
            self.has_shortest_form &= argument >= least
        return major, argument

    def unsigned(self):
        major, value = self.head()
        assert major == 0
        return value

    def array(self):
        major, n = self.head()
        assert major == 4
        return n

    def byte_string(self):
        major, n = self.head()
        assert major == 2
        assert self.at + n <= len(self.data)
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def endpoint(self):
        assert self.array() == 2
        scheme = self.unsigned()
        if scheme == 1:
            assert self.unsigned() == 0
            return "dtn:none"
        assert scheme == 2
        assert self.array() == 2
        return f"ipn:{self.unsigned()}.{self.unsigned()}"


def crc_16(data):
    """CRC-16 X.25, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc ^ 0xFFFF


def read_bundle(data):
    """The `Bundle` that fills these bytes; what is wrong with it fails an assertion."""
    cbor = Cbor(data)
    assert cbor.byte() == 0x9F
    begin = cbor.at
    n_items = cbor.array()
    assert cbor.unsigned() == 7
    flags = cbor.unsigned()
    assert flags in (0, 1)
    assert cbor.unsigned() == 1
    destination, source, report_to = cbor.endpoint(), cbor.endpoint(), cbor.endpoint()
    assert cbor.array() == 2
    created_ms, sequence = cbor.unsigned(), cbor.unsigned()
    lifetime_ms = cbor.unsigned()
    assert n_items == 9 + 2 * flags
    offset, total_bytes = (cbor.unsigned(), cbor.unsigned()) if flags else (None, None)
    crc = cbor.byte_string()
    block = data[begin : cbor.at - 2] + bytes(2)
    assert crc == crc_16(block).to_bytes(2, "big")

    assert cbor.array() == 5
    assert [cbor.unsigned() for _ in range(4)] == [1, 1, 0, 0]
    payload = cbor.byte_string()
    assert cbor.byte() == 0xFF
    assert cbor.at == len(data)
    return Bundle(
        bool(flags),
        *(destination, source, report_to),
        *(created_ms, sequence, lifetime_ms, offset, total_bytes),
        payload,
        cbor.has_shortest_form,
    )
