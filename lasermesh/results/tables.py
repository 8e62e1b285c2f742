"""The Parquet tables of a run folder: their columns with units, and a writer that streams them.

pyarrow is slow to import, so every function here imports it when called.
"""

import contextlib
import os
from typing import NamedTuple

import numpy as np

from lasermesh.errors import RunFailed
from lasermesh.packets.causes import CAUSES
from lasermesh.results.columns import EVENT_NAMES, KIND_NAMES, OUTAGES
from lasermesh.results.statistics import PERCENTS
from lasermesh.units import NONE, PS_PER_MS

ROW_GROUP = 262_144
"""Rows held back until they are written together: few, large groups are read and written fastest."""

BEFORE = ".before"
"""Ends the name of a table's file while what is in it is written anew."""


class Column(NamedTuple):
    """One column of a table."""

    name: str
    type: str  # as pyarrow names it; "names" is a list of strings
    unit: str  # "" for what has none
    meaning: str


def _dropped(where):
    return tuple(
        Column(f"dropped_{cause}", "int64", "packets", f"packets dropped {where}: {cause}")
        for cause in CAUSES
    )


_LATENCIES = ("min", "mean", *(f"p{percent}" for percent in PERCENTS), "max")

FLOWS = (
    Column("flow", "int32", "", "row of the flow in the experiment"),
    Column("name", "string", "", "name of the flow"),
    Column("from", "string", "", "node where it starts"),
    Column("to", "string", "", "node where it ends"),
    Column("sent", "int64", "packets", "packets that entered at the source"),
    Column("delivered", "int64", "packets", "packets that reached the destination"),
    Column("in_flight", "int64", "packets", "packets neither delivered nor dropped at the end"),
    *_dropped("anywhere"),
    Column("bytes_sent", "int64", "bytes", "whole IP packets"),
    Column("bytes_delivered", "int64", "bytes", "whole IP packets"),
    Column(
        "goodput_gbps",
        "float64",
        "Gbps",
        "whole IP packets delivered while the flow was on; null if it never was",
    ),
    *(Column(f"latency_{what}_ms", "float64", "ms", f"one-way latency, {what}") for what in _LATENCIES),
    Column("jitter_ms", "float64", "ms", "interarrival jitter (RFC 3550); null below two delivered packets"),
    Column("reordered", "int64", "packets", "packets overtaken by a later one (RFC 4737)"),
    Column("hops_mean", "float64", "links", "links crossed by a delivered packet, mean"),
    Column("marked", "int64", "packets", "packets delivered with a mark of congestion (ECN, RFC 3168)"),
    Column("counts", "string", "", "what its numbers are of: packets, or bundles"),
    Column(
        "packet_flow",
        "int64",
        "",
        "number in the ids of its packets, id >> 40; null of bundles, as each hop has one",
    ),
)

LINKS = (
    Column("t_s", "float64", "s", "start of the interval, since the topology's epoch"),
    Column("link", "int32", "", "id of the directed link, for the whole run"),
    Column("from", "string", "", "sending node"),
    Column("to", "string", "", "receiving node"),
    Column("kind", "string", "", "isl or gsl"),
    Column("bytes", "int64", "bytes", "whole IP packets whose last bit left in the interval"),
    Column("packets", "int64", "packets", "packets whose last bit left in the interval"),
    *_dropped("at this link"),
    Column("queue_max_bytes", "int64", "bytes", "most bytes that waited at once"),
    Column("busy_s", "float64", "s", "time within the interval in which it was sending"),
    Column("marked", "int64", "packets", "packets marked when congested (ECN) at this link"),
)

PATHS = (
    Column("t_s", "float64", "s", "when the path came into force, since the topology's epoch"),
    Column("flow", "int32", "", "row of the flow in the experiment"),
    Column("hops", "int32", "links", "links of the path; null where there is none"),
    Column("delay_ms", "float64", "ms", "propagation along the path; null where there is none"),
    Column("nodes", "names", "", "nodes from source to destination; empty where there is none"),
)

CONTACTS = (
    Column("from", "string", "", "sending node"),
    Column("to", "string", "", "receiving node"),
    Column("kind", "string", "", "isl or gsl"),
    Column("start_s", "float64", "s", "since the topology's epoch"),
    Column("stop_s", "float64", "s", "since the topology's epoch"),
    Column("rate_bps", "int64", "bit/s", "rate of the link"),
    Column("owlt_s", "float64", "s", "one-way light time at the contact's middle"),
    Column("open_start", "bool", "", "whether it began before the time looked at"),
    Column("open_stop", "bool", "", "whether it lasts beyond the time looked at"),
)

FLOW_TIMES = (
    Column("t_s", "float64", "s", "start of the interval, since the topology's epoch"),
    Column("until_s", "float64", "s", "its end, since the topology's epoch"),
    Column("flow", "int32", "", "row of the flow in the experiment"),
    Column("sent", "int64", "packets", "packets that entered at the source in the interval"),
    Column("delivered", "int64", "packets", "packets that reached the destination in the interval"),
    *_dropped("in the interval, anywhere"),
    Column("bytes_delivered", "int64", "bytes", "whole IP packets"),
    *(
        Column(
            f"latency_{what}_ms",
            "float64",
            "ms",
            f"one-way latency of those delivered in the interval, {what}; null where none was",
        )
        for what in ("mean", "p50", "p99")
    ),
)
"""What flows did over time: only rows in which something was sent, delivered or dropped."""

LATENCY_BINS = (
    Column("flow", "int32", "", "row of the flow in the experiment"),
    Column(
        "up_to_ms",
        "float64",
        "ms",
        "upper edge of a bin of latency, less than 1 % above its lower edge",
    ),
    Column("delivered", "int64", "packets", "packets delivered with such a latency, in the whole run"),
)
"""Distribution of latency: only bins that hold something, by flow, then latency."""

OUTAGE_COLUMNS = (
    Column("t_s", "float64", "s", "when it began, since the topology's epoch"),
    Column("flow", "int32", "", "row of the flow in the experiment"),
    Column("kind", "string", "", "black-hole or micro-loop"),
    Column("cause", "string", "", "of a black hole: link_down, no_route or node_down; else null"),
    Column("duration_s", "float64", "s", "how long it lasted"),
    Column("node", "string", "", "where the way ended when it began, or which it came to twice"),
    Column("open_end", "bool", "", "whether the end of the run cut it"),
)

PACKETS = (
    Column("time_ps", "int64", "ps", "when it happened, since the run's start"),
    Column("flow", "int32", "", "row of the flow in the experiment"),
    Column(
        "sequence", "int64", "", "number of the packet in its flow, from 0; of a bulk flow, of its segment"
    ),
    Column(
        "event",
        "string",
        "",
        "left: its last bit left for the link; arrived: its last bit is at the link's end, where processing "
        "begins; delivered; dropped",
    ),
    Column("node", "string", "", "where it was"),
    Column(
        "link",
        "int32",
        "",
        "id of the link that it left for or arrived over, or at whose end it was dropped; null if at none",
    ),
    Column("hop", "int32", "links", "number of the link entered or crossed last, from 1; 0 at the source"),
    Column("packets", "int32", "packets", "packets that travel as this one; more than 1 for a train"),
    Column("size_bytes", "int64", "bytes", "size of each, whole IP packet"),
    Column("created_ps", "int64", "ps", "from when its latency counts, since the run's start"),
    Column("cause", "string", "", "why it was dropped; null if it was not"),
    Column("marked", "bool", "", "whether it has a mark of congestion (ECN, CE)"),
)

QUEUE = (
    Column("time_ps", "int64", "ps", "when the queue changed, since the run's start"),
    Column("link", "int32", "", "id of the directed link, for the whole run"),
    Column("from", "string", "", "sending node"),
    Column("to", "string", "", "receiving node"),
    Column("waiting_packets", "int64", "packets", "packets that wait after the change, all classes together"),
    Column("waiting_bytes", "int64", "bytes", "bytes that wait after the change"),
)

NEXT_HOPS = (
    Column("t_s", "float64", "s", "from when on the node forwards by it, since the topology's epoch"),
    Column("node", "string", "", "node that forwards"),
    Column("label", "int32", "", "label that packets carry"),
    Column(
        "destination", "string", "", "node where all flows of the label go; null where they do not go to one"
    ),
    Column("choice", "int32", "", "number of the choice among several, from 0"),
    Column("link_before", "int32", "", "id of the link to take until then; null where there was none"),
    Column("link_after", "int32", "", "id of the link to take from then on; null where there is none"),
    Column("next_before", "string", "", "node at the end of link_before; null where there was none"),
    Column("next_after", "string", "", "node at the end of link_after; null where there is none"),
)


def schema_of(columns):
    """Arrow schema of a table; unit and meaning stand in every field's metadata."""
    import pyarrow as pa

    types = {"names": pa.list_(pa.string()), "bool": pa.bool_()}
    fields = []
    for column in columns:
        metadata = {"description": column.meaning} | ({"unit": column.unit} if column.unit else {})
        type_ = types.get(column.type) or pa.type_for_alias(column.type)
        fields.append(pa.field(column.name, type_, metadata=metadata))
    return pa.schema(fields)


def flow_table(flows, packet_flows=None):
    """Table of the `flows` of a run's summary, one row per flow; `packet_flows` as for `RunFolder.close`."""
    import pyarrow as pa

    rows = []
    for number, flow in enumerate(flows):
        ident = None
        if flow["counts"] == "packets":  # these come first
            ident = number if packet_flows is None else packet_flows[number]
        row = {"flow": number, "packet_flow": ident} | {
            name: value for name, value in flow.items() if name not in ("dropped", "latency_ms")
        }
        row |= {f"dropped_{cause}": count for cause, count in flow["dropped"].items()}
        row |= {f"latency_{what}_ms": (flow["latency_ms"] or {}).get(what) for what in _LATENCIES}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=schema_of(FLOWS))


def link_table(intervals, node_names):
    """Table of `LinkIntervals`: only rows in which a link did something."""
    intervals = type(intervals)(*(np.asarray(column) for column in intervals))
    active = (
        (intervals.packets > 0)
        | (intervals.busy_s > 0)
        | (intervals.queue_max_bytes > 0)
        | (intervals.dropped > 0).any(axis=1)
        | (intervals.marked > 0)
    )
    kept = type(intervals)(*(column[active] for column in intervals))
    return _table(
        LINKS,
        [
            *(kept.t_s, kept.link, _named(kept.from_node, node_names), _named(kept.to_node, node_names)),
            *(_named(kept.kind, KIND_NAMES), kept.bytes, kept.packets, *kept.dropped.T),
            *(kept.queue_max_bytes, kept.busy_s, kept.marked),
        ],
    )


def flow_time_table(intervals, node_names):
    """Table of `FlowIntervals`."""
    import pyarrow as pa

    latencies_ms = intervals.latency_ps.T / PS_PER_MS
    return _table(
        FLOW_TIMES,
        [
            *(intervals.t_s, intervals.until_s, intervals.flow, intervals.sent, intervals.delivered),
            *(*intervals.dropped.T, intervals.bytes_delivered),
            *(pa.array(latency_ms, mask=np.isnan(latency_ms)) for latency_ms in latencies_ms),
        ],
    )


def latency_bin_table(bins, node_names):
    """Table of `LatencyBins`."""
    return _table(LATENCY_BINS, [bins.flow, bins.up_to_ps / PS_PER_MS, bins.delivered])


def path_table(changes, node_names):
    """Table of `PathChanges`."""
    import pyarrow as pa

    first = np.asarray(changes.first)
    n_nodes = np.diff(first)
    none = n_nodes == 0
    delay_ms = pa.array(np.asarray(changes.delay_s, np.float64) * 1e3, mask=none)
    nodes = pa.ListArray.from_arrays(pa.array(first, pa.int32()), _named(changes.nodes, node_names))
    return _table(
        PATHS, [changes.t_s, changes.flow, pa.array(n_nodes - 1, pa.int32(), mask=none), delay_ms, nodes]
    )


def contact_table(contacts, node_names):
    """Table of `Contacts`."""
    return _table(
        CONTACTS,
        [
            _named(contacts.from_node, node_names),
            _named(contacts.to_node, node_names),
            _named(contacts.kind, KIND_NAMES),
            *contacts[3:],
        ],
    )


def outage_table(outages, node_names):
    """Table of `Outages`."""
    import pyarrow as pa

    kind, cause = zip(*OUTAGES, strict=True)
    return _table(
        OUTAGE_COLUMNS,
        [
            *(outages.t_s, outages.flow, _named(outages.outcome, kind)),
            pa.array(cause, pa.string()).take(pa.array(outages.outcome)),
            *(outages.duration_s, _named(outages.node, node_names), outages.open_end),
        ],
    )


def packet_table(events, node_names):
    """Table of `PacketEvents`."""
    import pyarrow as pa

    link = np.asarray(events.link)
    causes = _named_or_null(events.cause, CAUSES)
    return _table(
        PACKETS,
        [
            *(events.time_ps, events.flow, events.sequence, _named(events.event, EVENT_NAMES)),
            *(_named(events.node, node_names), pa.array(link.astype(np.int32), mask=link == NONE)),
            *(events.hop, events.packets, events.size_bytes, events.created_ps, causes, events.marked),
        ],
    )


def queue_table(lengths, node_names):
    """Table of `QueueLengths`."""
    return _table(
        QUEUE,
        [
            *(lengths.time_ps, lengths.link),
            *(_named(lengths.from_node, node_names), _named(lengths.to_node, node_names)),
            *(lengths.waiting_packets, lengths.waiting_bytes),
        ],
    )


def next_hop_table(changes, node_names):
    """Table of `NextHopChanges`."""
    import pyarrow as pa

    def link_or_null(link):
        return pa.array(link, pa.int32(), mask=np.asarray(link) == NONE)

    return _table(
        NEXT_HOPS,
        [
            *(changes.t_s, _named(changes.node, node_names), changes.label),
            *(_named_or_null(changes.destination, node_names), changes.choice),
            *(link_or_null(changes.link_before), link_or_null(changes.link_after)),
            *(
                _named_or_null(changes.next_before, node_names),
                _named_or_null(changes.next_after, node_names),
            ),
        ],
    )


def _table(columns, arrays):
    """Table with these columns, arrays cast to their types."""
    import pyarrow as pa

    schema = schema_of(columns)
    cast = [
        array if isinstance(array, pa.Array) else pa.array(np.ascontiguousarray(array), field.type)
        for array, field in zip(arrays, schema, strict=True)
    ]
    return pa.Table.from_arrays(cast, schema=schema)


def _named(rows, names):
    """Strings by row number; plain ones, as Parquet stores repeated strings once anyway."""
    import pyarrow as pa

    return pa.array(names, pa.string()).take(pa.array(np.ascontiguousarray(rows)))


def _named_or_null(rows, names):
    """Strings by row number, null for NONE."""
    import pyarrow as pa

    rows = np.ascontiguousarray(rows)
    return pa.array(names, pa.string()).take(pa.array(rows, mask=rows == NONE))


class TableWriter:
    """A Parquet table that is being written: rows come in portions, and few of them are in memory.

    Parameters
    ----------
    path : Path
    columns : tuple of Column
    convert : function
        Makes a table from what `write` gets and the names of nodes.
    node_names : sequence of str
    """

    def __init__(self, path, columns, convert, node_names):
        self.path = path
        self.rows = 0
        self._columns = columns
        self._convert = convert
        self._node_names = node_names
        self._waiting = []
        self._n_waiting = 0
        self._writer = None
        self._failure = None  # why the file cannot be continued

    def write(self, portion):
        """Append rows.

        Raises
        ------
        RunFailed
            If the file cannot be continued, as on a full disk.
        """
        self.write_table(self._convert(portion, self._node_names))

    def write_table(self, table):
        """Append the rows of a table that has the right columns."""
        self._check()
        self._waiting.append(table)
        self._n_waiting += len(table)
        self.rows += len(table)
        if self._n_waiting >= ROW_GROUP:
            self._flush()

    def renumber(self, name, numbers):
        """Change a column of numbers of rows where those are known only now.

        What is in the file already is copied in portions; meanwhile the disk holds it twice.

        Parameters
        ----------
        name : str
        numbers : int array
            The new number of every old one.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        def renumbered(table):
            at = table.schema.get_field_index(name)
            field = table.schema.field(at)
            return table.set_column(at, field, pa.array(numbers[table[name].to_numpy()], field.type))

        self._check()
        self._waiting = [renumbered(table) for table in self._waiting]
        if self._writer is None:
            return
        before = self.path.with_name(self.path.name + BEFORE)
        try:
            self._writer.close()
            self.path.replace(before)
            self._writer = pq.ParquetWriter(self.path, schema_of(self._columns), compression="zstd")
            with pq.ParquetFile(before, memory_map=False) as file:
                for batch in file.iter_batches(ROW_GROUP):
                    self._writer.write_table(renumbered(pa.Table.from_batches([batch])))
            before.unlink()
        except OSError as error:
            self._fail(error)

    def close(self):
        """Write what waits and end the file; a table without rows is a file too."""
        self._check()
        self._flush()
        try:
            self._writer.close()
        except OSError as error:
            self._fail(error)

    def abort(self):
        """Close the file, whatever is in it."""
        self._waiting = []
        if self._writer is not None:
            with contextlib.suppress(OSError):  # what could not be written is not wanted any more
                self._writer.close()

    def _flush(self):
        """Write the rows that wait."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, schema_of(self._columns), compression="zstd")
            if self._n_waiting:
                self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=ROW_GROUP)
        except OSError as error:
            self._fail(error)
        self._waiting, self._n_waiting = [], 0

    def _check(self):
        """Refuse to go on with a file that has lost rows."""
        if self._failure is not None:
            raise RunFailed(self._failure)

    def _fail(self, error):
        """Say why the file could not be written, now and whenever it is used again."""
        # pyarrow wraps the system's sentence in its own.
        reason = os.strerror(error.errno) if error.errno else error
        self._failure = f"{self.path}: could not be written: {reason}"
        raise RunFailed(self._failure) from error
