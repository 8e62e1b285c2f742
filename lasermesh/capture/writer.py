"""Writes what the taps of the packet engine record as a pcapng file, while the run goes on.

What a record's time means: a packet that leaves (direction 2) is stamped when its last bit has left the
node, one that arrives (direction 1) when its last bit has arrived. So an in copy minus the out copy before it
is the propagation delay alone. Times are rounded down to nanoseconds; equal times keep the order of events.
"""

import contextlib
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

import lasermesh
from lasermesh.capture import pcapng
from lasermesh.capture.addresses import ipv4_addresses
from lasermesh.capture.bundles import MOST_HEADER_BYTES, BundlePackets
from lasermesh.capture.headers import HEADER_BYTES, FlowEnds, build_templates, empty_templates
from lasermesh.errors import RunFailed, UserError

IN, OUT = 1, 2
"""Directions, numbered as `epb_flags` has them."""

SNAPLEN = 96
"""Bytes kept of a packet: all headers, of IPv6 and TCP with options too."""

LIMIT = 1_000_000
"""Records written at most: Wireshark takes half a minute to open so many."""

_BUFFER_BYTES = 1 << 20  # stays in the second-level cache, and is still a large write
_MAX_PACKET_BYTES = 65535
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TapRecords(NamedTuple):
    """What taps saw, sorted by time; row i is one packet at one end of a link; all columns int64."""

    time_ps: np.ndarray  # since the start of the experiment
    interface: np.ndarray  # row of the port in the capture's interfaces
    direction: np.ndarray  # IN or OUT
    flow: np.ndarray
    sequence: np.ndarray  # of the packet in its flow, below 2**40
    size_bytes: np.ndarray  # whole IP packet
    hop_limit: np.ndarray


class CaptureWriter:
    """A pcapng file that is being written: LINKTYPE_RAW, nanoseconds, one interface per port.

    Parameters
    ----------
    path : path
        File to write; replaced if it exists. A pipe will do.
    interfaces : sequence of Interface
        Ports known at the start; `add_interfaces` takes those that appear later.
    flows : FlowEnds
    start_utc : datetime with a time zone, or int
        Instant of `time_ps` = 0; an int is nanoseconds since 1970-01-01T00:00:00Z.
    names : sequence of str, optional
        Names of all nodes by row; those of the flows' ends go into the file, for name resolution.
    snaplen : int
        Bytes kept of each packet, at least 28.
    limit : int
        Records written at most; further ones are counted.
    comment : str
        What was simulated: version, scenario, seed.
    segments : SegmentSource, optional
        Who knows of packets that carry segments of bundles; those are kept as far as their headers go.
    ipn_numbers : array_like of int, optional
        Of all nodes by row; needed with segments.

    Raises
    ------
    UserError
        If the file cannot be made, or a flow's end has no address.
    """

    def __init__(
        self,
        path,
        interfaces,
        flows,
        start_utc,
        *,
        names=None,
        snaplen=SNAPLEN,
        limit=LIMIT,
        comment="",
        segments=None,
        ipn_numbers=None,
    ):
        # Compiled code is needed here alone; who only chooses ports need not wait for numba.
        from lasermesh.capture.pcapng_kernels import BLOCK_WORDS, PACKET_AT_WORD, fill_blocks

        if not HEADER_BYTES <= snaplen <= _MAX_PACKET_BYTES:
            raise ValueError(
                f"snaplen must be between {HEADER_BYTES} and {_MAX_PACKET_BYTES} (got {snaplen})"
            )
        self.path = Path(path)
        self.n_interfaces = 0
        self.written = 0
        self.cut = 0
        self._fill_blocks = fill_blocks
        self._words_around, self._words_before = BLOCK_WORDS, PACKET_AT_WORD
        self._flows = FlowEnds(*(np.asarray(rows, dtype=np.int64) for rows in flows))
        self._templates = empty_templates(len(self._flows.from_row))
        self._start_ns = _unix_ns(start_utc)
        self._snaplen = snaplen
        self._bundles = None
        if segments is not None:
            self._bundles = BundlePackets(segments, np.asarray(ipn_numbers, np.int64), self._start_ns)
        self._longest_kept = max(snaplen, HEADER_BYTES + MOST_HEADER_BYTES * (segments is not None))
        self._limit = limit
        self._bytes = 0
        block_words = BLOCK_WORDS + (self._longest_kept + 3) // 4
        self._chunk = max(1, _BUFFER_BYTES // (4 * block_words))
        self._words = np.zeros(self._chunk * block_words, np.dtype("<u4"))

        ends = np.unique(np.concatenate(self._flows))
        addresses = ipv4_addresses(ends).tolist()
        try:
            self._file = self.path.open("wb")
        except OSError as error:
            raise UserError(f"{self.path}: the capture cannot be written: {error.strerror}") from error
        application = f"lasermesh {lasermesh.__version__}"
        self._put(pcapng.section_header(application, comment))
        if names is not None and len(ends):
            self._put(pcapng.name_resolution(addresses, [names[row] for row in ends]))
        self.add_interfaces(interfaces)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.close()
        else:
            self.abort()

    def add_interfaces(self, interfaces):
        """Declare ports that have appeared; they get the next numbers."""
        for interface in interfaces:
            self._put(pcapng.interface_description(interface, self._longest_kept))
            self.n_interfaces += 1

    def write(self, records):
        """Append records, in the order given.

        Parameters
        ----------
        records : TapRecords
            Sorted by time, and none earlier than those written before.

        Raises
        ------
        RunFailed
            If the file cannot be continued, as on a full disk; what was written of it is removed.
        ValueError
            If a column holds what no packet can have.
        """
        columns = TapRecords(*(np.ascontiguousarray(column, np.int64) for column in records))
        keep = min(len(columns.time_ps), self._limit - self.written)
        self.cut += len(columns.time_ps) - keep
        for first in range(0, keep, self._chunk):
            chunk = TapRecords(*(column[first : min(first + self._chunk, keep)] for column in columns))
            self._check(chunk)
            self._build_new_templates(chunk.flow)
            kept = np.full(len(chunk.time_ps), self._snaplen, np.int64)
            found = None if self._bundles is None else self._bundles.find(chunk, kept)
            n_words = self._fill_blocks(*self._templates[:3], self._start_ns, kept, *chunk, self._words)
            if found is not None:
                packet_at = self._places(np.minimum(chunk.size_bytes, kept))
                self._bundles.put(found, chunk, kept, packet_at, self._templates.udp_sum, self._words)
            self._put(memoryview(self._words[:n_words]).cast("B"))
            self.written += len(chunk.time_ps)

    def close(self):
        """End the file.

        Returns
        -------
        summary : dict
            `file` (its name), `written` and `cut` records, `interfaces`, `bytes`.
        """
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)
            self._file = None
        return {
            "file": self.path.name,
            "written": self.written,
            "cut": self.cut,
            "interfaces": self.n_interfaces,
            "bytes": self._bytes,
        }

    def abort(self):
        """Close the file and remove it."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # what could not be written is not wanted any more
            self._file.close()
        self._file = None
        with contextlib.suppress(OSError):
            if stat.S_ISREG(self.path.lstat().st_mode):  # never a pipe or a device
                self.path.unlink()

    def _put(self, data):
        """Append bytes to the file."""
        if self._file is None:
            raise ValueError(f"{self.path}: the capture is closed")
        try:
            self._file.write(data)
        except OSError as error:
            self._fail(error)
        self._bytes += len(data)

    def _fail(self, error):
        """Remove what was written and say why."""
        self.abort()
        raise RunFailed(
            f"{self.path}: the capture could not be written after {self._bytes:,} bytes: {error.strerror}; "
            "the unfinished file was removed"
        ) from error

    def _check(self, chunk):
        """Refuse what would become a wrong or unreadable block."""
        for name, column, low, high in (
            ("interface", chunk.interface, 0, self.n_interfaces - 1),
            ("direction", chunk.direction, IN, OUT),
            ("flow", chunk.flow, 0, len(self._flows.from_row) - 1),
            ("sequence", chunk.sequence, 0, 2**40 - 1),
            ("size_bytes", chunk.size_bytes, HEADER_BYTES, _MAX_PACKET_BYTES),
            ("hop_limit", chunk.hop_limit, 0, 255),
        ):
            if column.min() < low or column.max() > high:
                raise ValueError(f"{name} must be {low} to {high} (got {column.min()} to {column.max()})")

    def _places(self, captured_bytes):
        """Bytes of the buffer at which the packets of records begin, each in its block."""
        packet_words = (captured_bytes + 3) >> 2
        block_ends = np.cumsum(self._words_around + packet_words)
        return 4 * (block_ends - packet_words - self._words_around + self._words_before)

    def _build_new_templates(self, flow):
        """Build headers for the flows that appear for the first time."""
        if not self._templates.built[flow].all():
            seen = np.unique(flow)
            build_templates(self._templates, self._flows, seen[~self._templates.built[seen]])


def _unix_ns(instant):
    """Nanoseconds since 1970 of a datetime with a time zone; an int is returned as it is."""
    if isinstance(instant, datetime):
        instant = (instant - _UNIX_EPOCH) // timedelta(microseconds=1) * 1000
    if instant < 0:
        raise UserError("a capture cannot start before 1970-01-01T00:00:00Z, which pcapng counts from")
    return instant
