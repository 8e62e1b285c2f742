"""A capture of a run that is going on: which links are tapped, and the records as the writer wants them."""

import numpy as np

from lasermesh.capture import CaptureSelection, CaptureWriter, FlowEnds, Ports, TapRecords
from lasermesh.capture.writer import IN, OUT
from lasermesh.packets import state
from lasermesh.scenario.experiment import TRAIN
from lasermesh.units import NONE


def tapping_of(spec, experiment, names, flows, warn):
    """The capture of a run, None where none is asked for (`spec` None); `warn` is told what it leaves out."""
    if spec is None:
        return None
    are_written = (flows.watched > 0).any() and experiment.fidelity == TRAIN
    if are_written or (flows.train > 1).any():
        warn('the capture shows of a train its first packet only; fidelity = "packet" would show all')
    segments = CarriedSegments(experiment.bundle_flows, flows.n_routed) if experiment.bundle_flows else None
    return Tapping(spec, names, flows, segments, experiment.topology.ipn_numbers)


class CarriedSegments:
    """What the packets of direct flows carry (`capture.bundles.SegmentSource`).

    Attributes
    ----------
    work : BundleWork
        Who knows it; to be set before the first packet is captured.
    """

    def __init__(self, bundle_flows, first_flow):
        self.first_flow = first_flow
        self.ends = FlowEnds(
            np.array([flow.from_row for flow in bundle_flows], np.int64),
            np.array([flow.to_row for flow in bundle_flows], np.int64),
        )
        self.work = None

    def describe(self, flow, sequence):
        """What packets carry: `bundles.records.Segments`."""
        return self.work.describe(flow - self.first_flow, sequence)


class Tapping:
    """The capture that `spec` asks for (`endpoints`, `NODE` or `NODE:PEER`).

    Parameters
    ----------
    spec : str
    names : sequence of str
        Of the nodes, by row.
    flows : traffic.Flows
    segments : SegmentSource, optional
        Who knows of the packets that carry bundles.
    ipn_numbers : sequence of int, optional
        Of the nodes, by row; needed with segments.

    Attributes
    ----------
    segments : SegmentSource or None

    Raises
    ------
    UserError
        If the spec names no node.
    """

    def __init__(self, spec, names, flows, segments=None, ipn_numbers=None):
        source, destination = flows.source, flows.destination
        if segments is not None:  # bundles have their ends where they are made and go to, not at each hop
            source = np.append(source[: segments.first_flow], segments.ends.from_row)
            destination = np.append(destination[: segments.first_flow], segments.ends.to_row)
        self._selection = CaptureSelection(spec, names, source, destination)
        self.segments, self._ipn_numbers = segments, ipn_numbers
        self._names = names
        self._flows = flows
        self._ports = Ports(names)
        self._interface = np.zeros((2, 0), np.int64)  # of what leaves and what arrives, by link
        self._writer = None

    def open(self, path, start_utc, comment):
        """Begin the file; `start_utc` is the instant of the run's start."""
        ends = FlowEnds(self._flows.source, self._flows.destination)
        ports = self._ports.interfaces
        self._writer = CaptureWriter(
            path,
            ports,
            ends,
            start_utc,
            names=self._names,
            comment=comment,
            segments=self.segments,
            ipn_numbers=self._ipn_numbers,
        )

    def watch(self, link_from, link_to, kind, rate_bps):
        """Which ends of new links the engine has to tap: int64 (n,) of state.TAP_OUT and TAP_IN."""
        tap_out, tap_in = self._selection.taps(link_from, link_to)
        numbers = self._ports.number(link_from, link_to, kind, rate_bps, tap_out, tap_in)
        self._interface = np.concatenate([self._interface, np.stack(numbers)], axis=1)
        if self._writer is not None:
            self._writer.add_interfaces(self._ports.interfaces[self._writer.n_interfaces :])
        return tap_out * state.TAP_OUT + tap_in * state.TAP_IN

    def write(self, records):
        """Write what the engine's taps saw; deliveries and drops are left out."""
        kind = records[:, state.T_KIND]
        records = records[(kind == state.TAP_OUT) | (kind == state.TAP_IN)]
        out = records[:, state.T_KIND] == state.TAP_OUT
        interface = self._interface[np.where(out, 0, 1), records[:, state.T_PLACE]]
        ident, word = records[:, state.T_IDENT], records[:, state.T_WORD]
        columns = TapRecords(
            time_ps=records[:, state.T_TIME],
            interface=interface,
            direction=np.where(out, OUT, IN),
            flow=ident >> state.SEQUENCE_BITS,
            sequence=ident & state.SEQUENCE_MASK,
            size_bytes=(word >> state.SIZE_SHIFT) & state.SIZE_MASK,
            hop_limit=(word >> state.HOP_SHIFT) & 0xFF,
        )
        self._writer.write(TapRecords(*(column[interface != NONE] for column in columns)))

    def close(self):
        """Finish the file; what was written and what was cut, None if the file could not be kept."""
        summary = self._writer.close()
        return summary if self._writer.path.exists() else None

    def abort(self):
        """Remove the file, unless it is finished."""
        if self._writer is not None:
            self._writer.abort()
