"""Captures of live runs: the bytes that hosts sent, as they were at each port of the mesh."""

import numpy as np

from lasermesh.capture import RealPackets, TapRecords
from lasermesh.capture.options import is_pipe
from lasermesh.capture.selection import FLOW
from lasermesh.errors import RunFailed
from lasermesh.experiments.tapping import Tapping, selection_of
from lasermesh.live import state as live_state
from lasermesh.live.snap_kernels import find_snaps, index_snaps
from lasermesh.packets import state
from lasermesh.packets.causes import N_CAUSES
from lasermesh.units import NONE

SNAP_MEMORY_BYTES = 1 << 26
MOST_SNAPS = 1 << 17
"""More than enter within the second or so that packets are under way."""

LEAST_SNAPS = 1 << 12

LEEWAY = 64
"""Snaps that may be made while one is looked at."""

GROUP = "live"
"""What `flow:NAME` calls all that hosts send, and that satellites answer."""


def live_tapping_of(options, experiment, host_flows, warn):
    """The capture of a live run, None where none is asked for.

    Parameters
    ----------
    options : CaptureOptions or None
    experiment : Experiment
    host_flows : HostFlows
    warn : function of str
        Told if the capture has to end before the run does.

    Raises
    ------
    UserError
        If it names no node or flow.
    """
    if options is None:
        return None
    flows, first, behind = host_flows.flows, host_flows.first_pair, host_flows.first_reply
    own = [flow.name for flow in experiment.expanded_flows]
    names = ()
    if options.spec.startswith(FLOW):
        name_of = host_flows.names(own, experiment.topology.node_names)
        names = [*(name_of[row] for row in range(first, behind)), *[GROUP] * (flows.n_flows - behind)]
    # Rows for satellites stand for a host until they are given to one: they make no node an end.
    ends = flows.source[:behind], flows.destination[:behind]
    selection = selection_of(
        options, experiment, (), flows.source, flows.destination, ends, (names, [GROUP] * len(names))
    )
    versions = [flow.table.ip_version for flow in experiment.expanded_flows]
    return LiveTapping(options, selection, experiment, flows, versions, first, warn)


class SnapIndex:
    """Finds the first bytes of packets by their idents.

    Parameters
    ----------
    snaps : function
        Gives idents and bytes, as `LiveEngine.snaps`.
    n_made : function
        Gives how many snaps there have been.
    """

    def __init__(self, snaps, n_made):
        self._ident, self._data = snaps()
        self._n_made = n_made
        n = len(self._ident)
        self._index = np.zeros((1 << (2 * n - 1).bit_length(), live_state.HASH_COLUMNS), np.int64)
        self._index[:, live_state.HASH_IDENT] = NONE
        self._known = np.full(n, NONE)
        self._end = 0  # of the snaps that the index has seen

    def find(self, idents):
        """Bytes of packets.

        Parameters
        ----------
        idents : int64 array, shape (n,)

        Returns
        -------
        is_found : bool array, shape (n,)
            Whether a packet's bytes are still there.
        data : uint8 array, shape (n_found, snap_bytes)
        """
        n = len(self._ident)
        self._look_at_new()
        rows = np.empty(len(idents), np.int64)
        find_snaps(self._index, np.ascontiguousarray(idents), rows)
        is_found = rows != NONE
        rows = rows[is_found]
        data = self._data[rows]
        # Those that may have been written over meanwhile: the oldest.
        numbers = self._end - 1 - (self._end - 1 - rows) % n
        is_sure = numbers + n > self._n_made() + LEEWAY
        is_found[is_found] = is_sure
        return is_found, data if is_sure.all() else data[is_sure]

    def _look_at_new(self):
        end = self._n_made()
        begin = max(self._end, end - len(self._ident) + LEEWAY)
        index_snaps(self._index, self._known, self._ident, begin, end)
        self._end = end


class LiveTapping(Tapping):
    """The capture of a live run: super-packets are taken apart, and real packets have their own bytes.

    Parameters
    ----------
    options, selection, flows, ip_versions
        As for `Tapping`.
    experiment : Experiment
    first_real : int
        All flows from this row on are of real packets.
    warn : function of str

    Attributes
    ----------
    n_lost : int
        Records of real packets whose bytes were no longer in memory; they are not in the file.
    """

    _are_all_named = True

    def __init__(self, options, selection, experiment, flows, ip_versions, first_real, warn):
        super().__init__(options, selection, experiment.topology, flows, None, ip_versions)
        self.n_lost = 0
        self._first_real = first_real
        self._snap_bytes = min(options.snaplen, experiment.live.mtu_bytes)
        self._warn = warn
        self._engine = self._snaps = None
        self._later = np.zeros((0, state.TAP_COLUMNS), np.int64)  # of packets behind the first of their train
        self._seen_until_ps = 0  # all records before it have been seen
        self._has_ended = False

    def engine_options(self):
        """What a `LiveEngine` has to keep: arguments of it."""
        n_snaps = min(MOST_SNAPS, max(LEAST_SNAPS, SNAP_MEMORY_BYTES // self._snap_bytes))
        return {"snap_bytes": self._snap_bytes, "n_snaps": n_snaps}

    def attach(self, engine):
        """Take bytes from a `LiveEngine` that keeps them."""
        self._engine = engine
        self._snaps = SnapIndex(engine.snaps, lambda: engine.n_snaps_made)

    def open(self, folder, start_utc, comment, **how):
        """See `Tapping`; nobody waits for the reader of a pipe."""
        super().open(folder, start_utc, comment, may_wait=False, **how)
        self._writer.get_ready()
        self._snaps.find(np.zeros(0, np.int64))

    def write(self, records):
        """Write what taps saw, in the order of time: of trains each packet at its own instant.

        So what is at the end of a train may come with a later call.
        """
        until_ps = int(records[-1, state.T_TIME]) if len(records) else self._seen_until_ps
        self._seen_until_ps = self._engine.clock_ps  # before the next records are drained
        self._write_until(records, until_ps)

    def close(self, clock_ps, warn=lambda message: None):
        """See `Tapping`."""
        self._write_until(np.zeros((0, state.TAP_COLUMNS), np.int64), None)
        if self._has_ended:
            return None
        if self.n_lost:
            warn(
                f"the capture lacks {self.n_lost:,} copies of packets that were under way for longer than "
                f"their bytes are kept; with a smaller --snaplen than {self._options.snaplen} more are"
            )
        try:
            return super().close(clock_ps, warn)
        except RunFailed as error:
            self._end_early(error)
            return None

    def _write_until(self, records, until_ps):
        """Write records, and those that were put off, up to an instant; None: all."""
        if self._has_ended:
            return
        records = packets_of_trains(records)
        if len(self._later):
            records = np.concatenate([self._later, records])
            records = records[np.argsort(records[:, state.T_TIME], kind="stable")]
        n = len(records)
        if until_ps is not None:
            n = int(np.searchsorted(records[:, state.T_TIME], until_ps, side="right"))
        self._later = records[n:].copy()
        try:
            super().write(records[:n])
            self._writer.flush()
        except RunFailed as error:
            self._end_early(error)

    def _end_early(self, error):
        """End the capture, and not the run, if it is only that nobody reads it any more."""
        if self._options.file is None or not is_pipe(self._options.file):
            raise error
        self._has_ended = True
        self._warn(str(error))

    def _put(self, columns, seen_before):
        """Hand records on with the bytes of real packets."""
        real = np.flatnonzero(columns.flow >= self._first_real)
        idents = columns.flow[real] << state.SEQUENCE_BITS | columns.sequence[real]
        is_found, data = self._snaps.find(idents)
        row = np.full(len(columns.flow), NONE)
        row[real[is_found]] = np.arange(len(data))
        lost = real[~is_found]
        if len(lost):
            self.n_lost += len(lost)
            kept = np.ones(len(columns.flow), bool)
            kept[lost] = False
            columns = TapRecords(*(column[kept] for column in columns))
            row, seen_before = row[kept], seen_before[kept]
        self._writer.write(columns, seen_before, RealPackets(row, data) if len(data) else None)


def packets_of_trains(records):
    """Records of taps (rows of T_TIME, ...) with a row for each packet of a train, sorted by time.

    Its packets follow one another evenly from when the head leaves, or arrives, until the last one does;
    where a train is dropped they all are at once.
    """
    count = (records[:, state.T_WORD] >> state.COUNT_SHIFT & state.COUNT_MASK) + 1
    kind = records[:, state.T_KIND]
    is_packet = (kind != state.TAP_QUEUE) & (kind < state.TAP_DROPPED + N_CAUSES)
    count = np.where(is_packet, count, 1)
    if (count == 1).all():
        return records
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    of = np.repeat(np.arange(len(records)), count)
    out, count, kind = records[of], count[of], kind[of]
    moves = (kind == state.TAP_OUT) | (kind == state.TAP_IN)
    lasts_ps = np.where(moves, out[:, state.T_TAIL] - out[:, state.T_TIME], 0)
    out[:, state.T_TIME] += number * lasts_ps // np.maximum(count - 1, 1)
    out[:, state.T_IDENT] += number * is_packet[of]
    out[is_packet[of], state.T_WORD] &= ~(state.COUNT_MASK << state.COUNT_SHIFT)
    return out[np.argsort(out[:, state.T_TIME], kind="stable")]
