"""What the datapath has counted, and how late it was."""

from typing import NamedTuple

import numpy as np

from lasermesh.live import state


class LiveCounters(NamedTuple):
    """What has come and gone since the start; packets of super-packets are counted one by one."""

    packets_in: int  # read from hosts, whatever became of them
    bytes_in: int
    packets_out: int  # written to hosts
    bytes_out: int
    buffer_drops: int  # that found no room in memory
    unknown: int  # to an address that is no node's, or the host's own
    spoofed: int  # from an address that is not the host's
    malformed: int  # no IP packets, or with a hop limit of 0
    time_exceeded: int  # answers from within the mesh
    echo_replies: int
    unreachable: int
    suppressed: int  # answers that a node did not give, as it gives so many at most
    write_errors: int  # packets that a host did not take
    parked_dropped: int  # to satellites that nobody could yet send to
    answered: int  # that ended at satellites
    turns: int
    sleeps: int
    cpu_ns: int  # of the datapath's thread
    lost_ns: int  # in which the thread wanted to run and did not
    reads: int  # packets and super-packets
    writes: int
    gone_hosts: int  # whose interfaces were removed while the run went on


_COLUMNS = [getattr(state, "N_" + name.upper()) for name in LiveCounters._fields]


def read_counters(control):
    """`LiveCounters` from the datapath's control row."""
    return LiveCounters(*control[_COLUMNS].tolist())


class Histogram(NamedTuple):
    """Durations by size."""

    count: np.ndarray  # int64 (N_BINS,)
    lower_ns: np.ndarray  # float64 (N_BINS,)  edge of each bin; the first holds what is shorter too
    upper_ns: np.ndarray  # float64 (N_BINS,)

    def percentile_ns(self, percent):
        """Lower edge of the bin in which that many percent are reached, 0.0 if nothing was counted.

        So that nobody says more than was measured; the true percentile is greater by 6.3 % at most.
        """
        behind = np.cumsum(self.count)
        if behind[-1] == 0:
            return 0.0
        wanted = max(1, int(np.ceil(behind[-1] * percent / 100.0)))
        return float(self.lower_ns[np.searchsorted(behind, wanted)])

    @property
    def max_ns(self):
        """Lower edge of the last bin that holds any, 0.0 if none does."""
        return self.percentile_ns(100.0)

    def since(self, earlier) -> "Histogram":
        """What has come since an earlier one was taken."""
        return self._replace(count=self.count - earlier.count)


def histogram_of(row):
    """`Histogram` of a row of the datapath's histograms."""
    keys = np.arange(state.FIRST_KEY, state.FIRST_KEY + state.N_BINS + 1, dtype=np.int64)
    edges = (keys << state.BIN_SHIFT).view(np.float64)
    return Histogram(row.copy(), edges[:-1], edges[1:])
