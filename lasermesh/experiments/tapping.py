"""A capture of a run that is going on: what is tapped, and the records as the writer wants them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lasermesh.capture import CapturedNodes, CaptureSelection, CaptureWriter, FlowEnds, Ports, TapRecords
from lasermesh.capture.addresses import ipv6_addresses
from lasermesh.capture.options import FILE_NAME, lies_in_run_folder
from lasermesh.capture.writer import IN, NEITHER, OUT
from lasermesh.experiments.working import channel_names
from lasermesh.packets import state
from lasermesh.packets.causes import N_CAUSES
from lasermesh.scenario.experiment import TRAIN
from lasermesh.units import NONE

IPV4, IPV6 = 4, 6

PORTION = 1 << 13
"""Records that are handled at a time: their columns, of rows of 56 bytes, stay in the second-level cache."""


def selection_of(options, experiment, channels, source, destination, ends=None, more=((), ())):
    """What a capture of an experiment selects.

    Parameters
    ----------
    options : CaptureOptions
    experiment : Experiment
    channels : list of (workload, source, destination)
        That work may send on.
    source, destination : int arrays
        Ends of all flows: those of the experiment, the channels, those that carry bundles.
    ends : pair of int arrays, optional
        As for `CaptureSelection`.
    more : pair of sequences of str
        Names of flows that come behind those of experiment and channels, and of their tables.

    Raises
    ------
    UserError
        If it names no node or flow.
    """
    flows, bundles = experiment.expanded_flows, experiment.bundle_flows
    names, workloads = channel_names(experiment, channels)
    return CaptureSelection(
        options.spec,
        experiment.topology.node_names,
        source,
        destination,
        [*(flow.name for flow in flows), *names, *more[0]],
        [*(flow.table.name for flow in flows), *workloads, *more[1]],
        options.copies,
        ends,
        [flow.name for flow in bundles],
        [flow.table.name for flow in bundles],
    )


def tapping_of(options, experiment, channels, flows, warn):
    """The capture of a run, None where none is asked for; `warn` is told what it leaves out.

    Parameters as for `selection_of`; `flows` are all of them, traffic.Flows.
    """
    if options is None:
        return None
    are_written = (flows.watched > 0).any() and experiment.fidelity == TRAIN
    if are_written or (flows.train > 1).any():
        warn('the capture shows of a train its first packet only; fidelity = "packet" would show all')
    segments = CarriedSegments(experiment.bundle_flows, flows.n_routed) if experiment.bundle_flows else None
    ends = ends_of(flows, segments)
    selection = selection_of(options, experiment, channels, flows.source, flows.destination, ends)
    ip_versions = [flow.table.ip_version for flow in experiment.expanded_flows]
    return Tapping(options, selection, experiment.topology, flows, segments, ip_versions)


def ends_of(flows, segments):
    """Nodes where packets and bundles are made, and where they go: two int arrays."""
    source, destination = flows.source, flows.destination
    if segments is not None:  # bundles have their ends where they are made and go to, not at each hop
        source = np.append(source[: segments.first_flow], segments.ends.from_row)
        destination = np.append(destination[: segments.first_flow], segments.ends.to_row)
    return source, destination


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
    """The capture that options ask for.

    Parameters
    ----------
    options : CaptureOptions
    selection : CaptureSelection
    topology : Topology
    flows : traffic.Flows
    segments : SegmentSource, optional
        Who knows of the packets that carry bundles.
    ip_versions : sequence of int
        Of the first flows; what work and bundles send is of version 4.

    Attributes
    ----------
    segments : SegmentSource or None
    drop_nodes : bool array, shape (n_nodes,)
        Nodes at which the engine has to record all drops.
    files_in_folder : list of str
        Files of the capture in the folder of the run, once it is closed.
    """

    _are_all_named = False  # all nodes, in the file, or those at the ends of flows

    def __init__(self, options, selection, topology, flows, segments=None, ip_versions=()):
        self.segments = segments
        self._ip_version = np.full(flows.n_flows, IPV4)
        self._ip_version[: len(ip_versions)] = ip_versions
        self.drop_nodes = selection.drop_nodes
        self._options, self._selection, self._topology = options, selection, topology
        self._flows = flows
        self._ports = Ports(topology.node_names)
        self._tapped = np.zeros((2, 0), np.bool_)  # whether what arrives, and what leaves, is kept, by link
        self._chosen = np.zeros((2, 0), np.bool_)  # whether what is dropped at that end is
        self._writer = None
        self.files_in_folder = []

    def engine_flows(self):
        """The flows as the engine is to see them: those that the capture follows are traced."""
        if self._selection.flows is None:
            return self._flows
        followed = self._selection.flows.copy()
        if self.segments is not None and self._selection.bundle_flows.any():
            followed[self.segments.first_flow :] = True  # what each carries shows when it has been seen
        return replace(self._flows, traced=self._flows.traced | followed.astype(self._flows.traced.dtype))

    def open(self, folder, start_utc, comment, **how):
        """Begin the file, in the folder of the run or elsewhere; `start_utc` is when the run starts.

        `how` are further arguments of `CaptureWriter`.
        """
        flows = self._flows
        answers = np.full(flows.n_flows, NONE)
        asking = np.flatnonzero(flows.reply != NONE)
        answers[flows.reply[asking]] = asking
        ipv6 = None
        if self._are_all_named or (self._ip_version == IPV6).any():
            ipv6 = ipv6_addresses(self._topology)
        names, ipn_numbers = self._topology.node_names, self._topology.ipn_numbers
        name = self._options.file or FILE_NAME
        self._writer = CaptureWriter(
            Path(folder) / name if lies_in_run_folder(name) else name,
            self._ports.interfaces,
            FlowEnds(flows.source, flows.destination, self._ip_version, answers),
            start_utc,
            self._options,
            nodes=CapturedNodes(names, ipv6, ipn_numbers, self._are_all_named),
            comment=comment,
            segments=self.segments,
            **how,
        )

    def watch(self, link_from, link_to, kind, rate_bps):
        """Which ends of new links the engine has to tap: int64 (n,) of state.TAP_OUT, TAP_IN, TAP_DROPS_*."""
        first = len(self._ports.link_from)
        self._ports.add_links(link_from, link_to, kind, rate_bps)
        sending, receiving = self._selection.ports(link_from, link_to)
        tap_out, tap_in = self._selection.taps(link_from, link_to)
        self._chosen = np.concatenate([self._chosen, np.stack([receiving, sending])], axis=1)
        self._tapped = np.concatenate([self._tapped, np.stack([tap_in, tap_out])], axis=1)
        self._declare_ports(first + np.flatnonzero(sending), is_sending=True)
        self._declare_ports(first + np.flatnonzero(receiving), is_sending=False)
        self._declare()
        return (
            tap_out * state.TAP_OUT
            + tap_in * state.TAP_IN
            + sending * state.TAP_DROPS_OUT
            + receiving * state.TAP_DROPS_IN
        )

    def write(self, records):
        """Write what the engine's taps saw: copies that leave and arrive, and drops.

        What comes when the file could not be continued is passed over: the run fails for that already.
        """
        if not self._writer.is_open:
            return
        for first in range(0, len(records), PORTION):
            self._write_portion(records[first : first + PORTION])

    def _write_portion(self, records):
        """Write some of the records."""
        kind = records[:, state.T_KIND]
        is_drop = (kind >= state.TAP_DROPPED) & (kind < state.TAP_DROPPED + N_CAUSES)
        is_seen = _rows((kind == state.TAP_OUT) | (kind == state.TAP_IN) | is_drop)
        records, is_drop = records[is_seen], is_drop[is_seen]
        if not len(records):
            return
        link = np.where(is_drop, records[:, state.T_TAIL], records[:, state.T_PLACE])
        at_port = _rows(link != NONE)
        # A drop is at the sending end of its link or at the receiving one, where the node is.
        leaves = records[:, state.T_KIND] == state.TAP_OUT
        node = records[:, state.T_PLACE].copy()
        sender = self._ports.link_from[link[at_port]]
        leaves[at_port] |= is_drop[at_port] & (sender == node[at_port])
        node[at_port] = np.where(leaves[at_port], sender, self._ports.link_to[link[at_port]])
        kept = _rows(self._keeps(records, is_drop, link, leaves, node))
        records, is_drop, link = records[kept], is_drop[kept], link[kept]
        leaves, node = leaves[kept], node[kept]
        seen_before = self._arrived_in_sight(records, is_drop, link, leaves, node)
        interface, at_none = np.empty(len(records), np.int64), link == NONE
        at_port = _rows(~at_none)
        interface[at_port] = self._ports.of_links(link[at_port], leaves[at_port])
        interface[at_none] = self._ports.of_nodes(node[at_none])
        self._declare()
        ident, word = records[:, state.T_IDENT], records[:, state.T_WORD]
        self._put(
            TapRecords(
                time_ps=records[:, state.T_TIME],
                interface=interface,
                direction=np.where(is_drop, NEITHER, np.where(leaves, OUT, IN)),
                flow=ident >> state.SEQUENCE_BITS,
                sequence=ident & state.SEQUENCE_MASK,
                size_bytes=(word >> state.SIZE_SHIFT) & state.SIZE_MASK,
                hop_limit=(word >> state.HOP_SHIFT) & 0xFF,
                ecn=np.where(word & state.CE_BIT, 3, np.where(word & state.ECT_BIT, 2, 0)),
                traffic_class=(word >> state.CLASS_SHIFT) & state.CLASS_MASK,
                cause=np.where(is_drop, records[:, state.T_KIND] - state.TAP_DROPPED, NONE),
            ),
            seen_before,
        )

    def _put(self, columns, seen_before):
        """Hand `TapRecords` on to the file; for `seen_before` see `CaptureWriter.write`."""
        self._writer.write(columns, seen_before)

    def close(self, clock_ps, warn=lambda message: None):
        """Finish the file of a run that came so far: the writer's summary, None if the file was not kept.

        `warn` is told if there was nothing to capture.
        """
        summary = self._writer.close(clock_ps)
        if summary is not None and summary["interfaces"] == 0:
            warn(
                f"the capture is empty: no port and no packet of this run fits --capture {self._options.spec}"
            )
        if summary is None or not self._writer.path.exists():
            return None
        if lies_in_run_folder(self._options.file or FILE_NAME):
            self.files_in_folder = summary["files"]
            return summary
        elsewhere = Path(self._options.file).parent
        files = [str(elsewhere / name) for name in summary["files"]]
        return summary | {"file": str(elsewhere / summary["file"]), "files": files}

    def abort(self):
        """Remove the file, unless it is finished."""
        if self._writer is not None:
            self._writer.abort()

    def _keeps(self, records, is_drop, link, leaves, node):
        """Which of the records belong to the capture: others are of what the run observes."""
        if self._selection.flows is not None:
            flow = records[:, state.T_IDENT] >> state.SEQUENCE_BITS
            follows = self._selection.follows(flow, self._bundle_flow_of(records))
            return follows & (is_drop | self._selection.keeps(flow, leaves, node))
        kept = is_drop & self.drop_nodes[node]
        at_port = _rows(link != NONE)
        end, link = leaves[at_port].astype(np.int64), link[at_port]
        kept[at_port] |= np.where(is_drop[at_port], self._chosen[end, link], self._tapped[end, link])
        return kept

    def _arrived_in_sight(self, records, is_drop, link, leaves, node):
        """Which drops are of packets whose arrival at the same port is a record, too."""
        seen = is_drop & (link != NONE) & ~leaves
        if self._selection.flows is not None:
            flow = records[:, state.T_IDENT] >> state.SEQUENCE_BITS
            return seen & self._selection.keeps(flow, leaves, node)
        seen[seen] = self._tapped[0, link[seen]]
        return seen

    def _bundle_flow_of(self, records):
        """Flow of bundles that packets carry segments of; NONE: no segment."""
        carried = np.full(len(records), NONE)
        if self.segments is not None:
            flow = records[:, state.T_IDENT] >> state.SEQUENCE_BITS
            rows = np.flatnonzero(flow >= self.segments.first_flow)
            if len(rows):
                sequence = records[rows, state.T_IDENT] & state.SEQUENCE_MASK
                carried[rows] = self.segments.describe(flow[rows], sequence).flow
        return carried

    def _declare_ports(self, links, is_sending):
        """Chosen ports get their numbers before anything is seen there."""
        self._ports.of_links(links, np.full(len(links), is_sending))

    def _declare(self):
        """Tell the writer of ports that have appeared."""
        if self._writer is not None:
            self._writer.add_interfaces(self._ports.interfaces[self._writer.n_interfaces :])


def _rows(mask):
    """The rows of a mask as an index, which copies nothing where it is all of them, as mostly."""
    return slice(None) if mask.all() else mask
