"""Writes what the taps of the packet engine record as a pcapng file, while the run goes on.

What a record's time means: a packet that leaves (direction 2) is stamped when its last bit has left the
node, one that arrives (direction 1) when its last bit has arrived. So an in copy minus the out copy before it
is the propagation delay alone. A packet that is dropped (direction 0) is stamped when it was. Times are
rounded down to nanoseconds; equal times keep the order of events.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

import lasermesh
from lasermesh.capture import pcapng
from lasermesh.capture.addresses import ipv4_addresses
from lasermesh.capture.bundles import MOST_HEADER_BYTES, BundlePackets
from lasermesh.capture.headers import (
    ETHERNET_BYTES,
    HEADER_BYTES,
    IPV4_BYTES,
    IPV6_HEADER_BYTES,
    FlowEnds,
    PortTable,
    build_templates,
    empty_templates,
    link_words,
)
from lasermesh.capture.options import CaptureOptions, is_pipe
from lasermesh.capture.records import CapturedNodes, RealPackets, TapRecords
from lasermesh.capture.streams import FilePerPort, OneFile, PipeFile, folder_and_suffix
from lasermesh.errors import RunFailed, UserError
from lasermesh.units import NONE

NEITHER, IN, OUT = 0, 1, 2
"""Directions, numbered as `epb_flags` has them; a packet that is dropped goes neither in nor out."""

_BUFFER_BYTES = 1 << 20  # stays in the second-level cache, and is still a large write
_MAX_PACKET_BYTES = 65535
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_NO_REAL_PACKETS = np.zeros((1, 1), np.uint8)


class CaptureWriter:
    """A pcapng capture that is being written: nanoseconds, one interface per port.

    Parameters
    ----------
    path : path
        File to write; replaced if it exists. A pipe will do. Compressed if it ends in .gz. Where the options
        ask for a file per port, these lie in the folder of this name without its suffix.
    interfaces : sequence of Interface
        Ports known at the start; `add_interfaces` takes those that appear later.
    flows : FlowEnds
    start_utc : datetime with a time zone, or int
        Instant of `time_ps` = 0; an int is nanoseconds since 1970-01-01T00:00:00Z.
    options : CaptureOptions, optional
        How much is kept of each packet, headers always (`snaplen`); how many records are written at most, in
        all files together, further ones being counted (`limit`); `split`; `link_type`.
    nodes : CapturedNodes, optional
    comment : str
        What was simulated: version, scenario, seed.
    segments : SegmentSource, optional
        Who knows of packets that carry segments of bundles; those are kept as far as their headers go.
    may_wait : bool
        Whether it may be waited for who reads a pipe; else what is not read in time ends the capture.

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
        options=None,
        *,
        nodes=None,
        comment="",
        segments=None,
        may_wait=True,
    ):
        options, nodes = options or CaptureOptions(), nodes or CapturedNodes()
        if not HEADER_BYTES <= options.snaplen <= _MAX_PACKET_BYTES:
            raise ValueError(
                f"snaplen must be between {HEADER_BYTES} and {_MAX_PACKET_BYTES} (got {options.snaplen})"
            )
        self._start_ns = unix_ns(start_utc)
        if self._start_ns < 0:
            raise UserError("a capture cannot start before 1970-01-01T00:00:00Z, which pcapng counts from")
        self.written = self.cut = self.dropped = 0
        self._last_ps = 0
        self._options, self._nodes = options, nodes
        self._flows = FlowEnds(*(None if rows is None else np.asarray(rows, np.int64) for rows in flows))
        self._templates = empty_templates(self._flows)
        self._is_ethernet = options.link_type == "ethernet"
        self._prepare_blocks(segments)

        self._interfaces, self._port_table = [], None
        self._counts = np.zeros((3, 0), np.int64)  # packets by interface: seen, dropped, written
        application = f"lasermesh {lasermesh.__version__}"
        self._section = pcapng.section_header(application, comment)
        # Names come behind the first ports: editcap of Wireshark 4.0 converts no file to older formats that
        # has them before.
        self._name_blocks = pcapng.name_resolution(self._names())
        self._has_names = False
        self._summary = None
        self._open(path, may_wait)
        self.add_interfaces(interfaces)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.close()
        else:
            self.abort()

    @property
    def n_interfaces(self):
        """Ports declared so far."""
        return len(self._interfaces)

    def add_interfaces(self, interfaces):
        """Declare ports that have appeared; they get the next numbers."""
        if not interfaces:
            return
        for interface in interfaces:
            self._interfaces.append(interface)
            if self._options.split:
                self._out.add(interface.name)
            else:
                self._put(None, self._description(interface))
        more = self.n_interfaces - self._counts.shape[1]
        self._counts = np.pad(self._counts, ((0, 0), (0, more)))
        self._port_table = None

    def write(self, records, seen_before=None, real=None):
        """Append records, in the order given.

        Parameters
        ----------
        records : TapRecords
            Sorted by time, and none earlier than those written before.
        seen_before : bool array, shape (n,), optional
            Drops of packets whose arrival at the same port is a record, too: the statistics of ports count
            such a packet once. Absent: there are none.
        real : RealPackets, optional
            Bytes of those packets that are real; absent: none are.

        Raises
        ------
        RunFailed
            If the file cannot be continued, as on a full disk; what was written of it is removed.
        ValueError
            If a column holds what no packet can have.
        """
        columns = TapRecords(*(np.ascontiguousarray(column, np.int64) for column in records))
        n = len(columns.time_ps)
        if n == 0:
            return
        if real is None:
            real = RealPackets(np.full(n, NONE), _NO_REAL_PACKETS)
        # What may not be written to is of another type, for which a kernel would be compiled once more.
        real = RealPackets(np.require(real.row, np.int64, "CW"), np.require(real.data, np.uint8, "CW"))
        self._check(columns, real)
        keep = min(n, self._options.limit - self.written)
        self._count(columns, keep, np.zeros(n, np.bool_) if seen_before is None else seen_before)
        self._last_ps = int(columns.time_ps[-1])
        for first in range(0, keep, self._chunk):
            rows = slice(first, min(first + self._chunk, keep))
            chunk = TapRecords(*(column[rows] for column in columns))
            self._write_chunk(chunk, RealPackets(real.row[rows], real.data))
        self.written += keep
        self.cut += n - keep

    def get_ready(self):
        """Have what is compiled there before the first record comes, for those who cannot wait then."""
        nothing = np.zeros(0, np.int64)
        self._fill(TapRecords(*[nothing] * len(TapRecords._fields)), RealPackets(nothing, _NO_REAL_PACKETS))

    @property
    def is_open(self):
        """Whether records can still be written: the file is neither finished nor given up."""
        return self._out is not None

    def flush(self):
        """Hand on what has been written, so that readers of the file see it; not of what is compressed."""
        if self._out is not None:
            try:
                self._out.flush()
            except OSError as error:
                self._fail(error)

    def close(self, end_ps=None):
        """End the file with the statistics of its ports.

        Parameters
        ----------
        end_ps : int, optional
            When the taps were looked at last; absent: the time of the last record.

        Returns
        -------
        summary : dict
            `file` (its name; that of the folder where the capture is split), `files` (names of all, a folder
            before them), `written` and `cut` records, `dropped` (records of drops among those written),
            `interfaces`, `bytes`.
        """
        if self._out is not None:
            if not self._options.split:
                self._put_names()
            self._put_statistics(self._last_ps if end_ps is None else int(end_ps))
            try:
                self._out.close()
            except OSError as error:
                self._fail(error)
            self._summary = {
                "file": self.path.name,
                "files": [self.path.name],
                "written": self.written,
                "cut": self.cut,
                "dropped": self.dropped,
                "interfaces": self.n_interfaces,
                "bytes": self._out.n_bytes,
            }
            if self._options.split:
                self._summary["files"] = [f"{self.path.name}/{name}" for name in self._out.files]
            self._out = None
        return self._summary

    def abort(self):
        """Close the file and remove it."""
        if self._out is not None:
            self._out.remove()
            self._out = None

    def _prepare_blocks(self, segments):
        """What is kept of packets at most, and memory for the blocks of as many as are made at a time."""
        # Compiled code is needed here alone; who only chooses ports need not wait for numba.
        from lasermesh.capture.pcapng_kernels import BLOCK_WORDS, PACKET_AT_WORD, QUEUE_WORDS, fill_blocks
        from lasermesh.packets.causes import CAUSES

        self._fill_blocks = fill_blocks
        self._block_begins = 4 * PACKET_AT_WORD  # so many bytes before its packet
        link_bytes = ETHERNET_BYTES if self._is_ethernet else 0
        least_bytes = np.where(self._templates.is_ipv6, IPV6_HEADER_BYTES, HEADER_BYTES)
        self._least_bytes = least_bytes  # of the packets of each flow
        header_bytes = link_bytes + int(least_bytes.max(initial=HEADER_BYTES))
        self._longest_kept = max(self._options.snaplen, header_bytes)
        self._bundles = None
        if segments is not None:
            ipn_numbers = np.asarray(self._nodes.ipn_numbers, np.int64)
            self._bundles = BundlePackets(segments, ipn_numbers, self._start_ns, least_bytes, link_bytes)
            self._longest_kept = max(self._longest_kept, header_bytes + MOST_HEADER_BYTES)
        self._comments, self._comment_words = _comments_of_drops(CAUSES)
        block_words = BLOCK_WORDS + QUEUE_WORDS + self._comments.shape[1] + (self._longest_kept + 3) // 4
        self._chunk = max(1, _BUFFER_BYTES // (4 * block_words))
        self._words = np.zeros(self._chunk * block_words, np.dtype("<u4"))
        self._packet_at = np.zeros(self._chunk, np.int64)

    def _open(self, path, may_wait):
        """Make the file, or the folder where each port has one."""
        self.path = Path(path)
        self._out = None
        try:
            if self._options.split:
                self.path, suffix = folder_and_suffix(path)
                self._out = FilePerPort(self.path, suffix)
            elif may_wait or not is_pipe(path):
                self._out = OneFile(path)
            else:
                self._out = PipeFile(path)
        except OSError as error:
            raise UserError(f"{self.path}: the capture cannot be written: {error.strerror}") from error
        if not self._options.split:
            self._put(None, self._section)

    def _write_chunk(self, chunk, real):
        """Make blocks of records and append them."""
        if self._options.split:  # the records of a port one after another, in their order
            order = np.argsort(chunk.interface, kind="stable")
            chunk = TapRecords(*(column[order] for column in chunk))
            real = real._replace(row=real.row[order])
        self._build_new_templates(chunk.flow)
        n_words, packet_at = self._fill(chunk, real)
        blocks = memoryview(self._words[:n_words]).cast("B")
        if not self._options.split:
            self._put_names()
            self._put(None, blocks)
            return
        firsts = np.flatnonzero(np.diff(chunk.interface, prepend=NONE))
        begins = [*(packet_at[firsts] - self._block_begins).tolist(), len(blocks)]
        for k, port in enumerate(chunk.interface[firsts].tolist()):
            if not self._out.is_begun(port):
                description = self._description(self._interfaces[port])
                self._put(port, self._section + description + self._name_blocks)
            self._put(port, blocks[begins[k] : begins[k + 1]])

    def _fill(self, chunk, real):
        """Make blocks of records in memory: how many words they take, and where each packet begins."""
        kept = np.full(len(chunk.flow), self._options.snaplen, np.int64)
        packet_at = self._packet_at[: len(kept)]
        found = None if self._bundles is None else self._bundles.find(chunk, kept)
        n_words = self._fill_blocks(
            self._templates,
            self._ports(),
            self._comments,
            self._comment_words,
            self._start_ns,
            self._is_ethernet,
            kept,
            chunk,
            real.row,
            real.data,
            self._words,
            self._words.view(np.uint16),
            packet_at,
        )
        if found is not None:
            self._bundles.put(found, chunk, kept, packet_at, self._templates.udp_sum, self._words)
        return n_words, packet_at

    def _put(self, port, blocks):
        """Append blocks to the file, or to that of a port."""
        if self._out is None:
            raise ValueError(f"{self.path}: the capture is closed")
        try:
            self._out.put(port, blocks)
        except OSError as error:
            self._fail(error)

    def _put_names(self):
        """Append the names of nodes, once."""
        if not self._has_names:
            self._has_names = True
            self._put(None, self._name_blocks)

    def _put_statistics(self, end_ps):
        """Append what has been counted at ports."""
        end_ns = self._start_ns + end_ps // 1000
        for port, counts in enumerate(self._counts.T.tolist()):
            number = 0 if self._options.split else port
            if not self._options.split or self._out.is_begun(port):
                self._put(port, pcapng.interface_statistics(number, self._start_ns, end_ns, *counts))

    def _fail(self, error):
        """Remove what was written and say why."""
        n_bytes, end = self._out.n_bytes, "the unfinished file was removed"
        if is_pipe(self.path):
            end = "there is no more of it"
        self.abort()
        raise RunFailed(
            f"{self.path}: the capture could not be written after {n_bytes:,} bytes: {error.strerror}; {end}"
        ) from error

    def _check(self, columns, real):
        """Refuse what would become a wrong or unreadable block."""
        for name, low, high in (
            ("interface", 0, self.n_interfaces - 1),
            ("direction", NEITHER, OUT),
            ("flow", 0, len(self._flows.from_row) - 1),
            ("sequence", 0, 2**40 - 1),
            ("size_bytes", IPV4_BYTES, _MAX_PACKET_BYTES),
            ("hop_limit", 0, 255),
            ("ecn", 0, 3),
            ("traffic_class", 0, 7),
            ("cause", NONE, len(self._comments) - 1),
        ):
            column = getattr(columns, name)
            if column.min() < low or column.max() > high:
                raise ValueError(f"{name} must be {low} to {high} (got {column.min()} to {column.max()})")
        is_short = (real.row == NONE) & (columns.size_bytes < self._least_bytes[columns.flow])
        if is_short.any():
            least = self._least_bytes[columns.flow[np.argmax(is_short)]]
            raise ValueError(f"size_bytes must be at least {least} where a packet is made up")

    def _count(self, columns, keep, seen_before):
        """Count packets by port: those beyond the limit are seen, but not written."""
        n = self.n_interfaces
        new = ~seen_before
        kept = np.bincount(columns.interface[:keep][new[:keep]], minlength=n)
        self._counts[0] += kept + np.bincount(columns.interface[keep:][new[keep:]], minlength=n)
        self._counts[2] += kept
        drops = np.flatnonzero(columns.cause != NONE)
        if len(drops):
            self._counts[1] += np.bincount(columns.interface[drops], minlength=n)
            self.dropped += int(np.searchsorted(drops, keep))

    def _build_new_templates(self, flow):
        """Build headers for the flows that appear for the first time."""
        if not self._templates.built[flow].all():
            seen = np.unique(flow)
            new = seen[~self._templates.built[seen]]
            build_templates(self._templates, self._flows, new, self._nodes.ipv6)

    def _ports(self):
        """What packets get from ports, those that appeared last too."""
        if self._port_table is None:
            number = np.arange(self.n_interfaces) * (not self._options.split)
            words = [link_words(each) for each in self._interfaces]
            self._port_table = PortTable(number, np.array(words, np.uint16).reshape(-1, 2, 6))
        return self._port_table

    def _description(self, interface):
        link_type = pcapng.LINK_TYPE_ETHERNET if self._is_ethernet else pcapng.LINK_TYPE_RAW
        return pcapng.interface_description(interface, link_type, self._longest_kept)

    def _names(self):
        """Pairs of address and name of the nodes at the ends of flows."""
        names, is_ipv6 = [], self._templates.is_ipv6
        if self._nodes.all_are_named:
            rows = np.arange(len(self._nodes.names))
            for addresses in (self._ipv4(rows), self._ipv6(rows)):
                names += zip(addresses, self._nodes.names, strict=True)
            return names
        for chosen, address_of in ((~is_ipv6, self._ipv4), (is_ipv6, self._ipv6)):
            rows = np.unique(np.concatenate([self._flows.from_row[chosen], self._flows.to_row[chosen]]))
            addresses = address_of(rows)
            if self._nodes.names is not None:
                names += zip(addresses, (self._nodes.names[row] for row in rows), strict=True)
        return names

    def _ipv4(self, rows):
        return [address.to_bytes(4, "big") for address in ipv4_addresses(rows).tolist()]

    def _ipv6(self, rows):
        return [self._nodes.ipv6[row].tobytes() for row in rows]


def _comments_of_drops(causes):
    """The option that tells each cause of drops, as words, and how many these are."""
    options = [pcapng.comment_option(f"dropped: {cause}") for cause in causes]
    lengths = np.array([len(option) // 4 for option in options])
    words = np.zeros((len(options), lengths.max()), np.uint32)
    for row, option in enumerate(options):
        words[row, : lengths[row]] = np.frombuffer(option, "<u4")
    return words, lengths


def unix_ns(instant):
    """Nanoseconds since 1970 of a datetime with a time zone; an int is returned as it is."""
    if isinstance(instant, datetime):
        return (instant - _UNIX_EPOCH) // timedelta(microseconds=1) * 1000
    return instant
