"""One packet's life, hop by hop, out of a run's trace: where its time went, as exactly as the run tells."""

from typing import NamedTuple

from lasermesh.errors import UserError
from lasermesh.packets.state import LONGEST_TRAIN, SEQUENCE_BITS
from lasermesh.results.layout import label
from lasermesh.scenario.problems import did_you_mean
from lasermesh.units import PS_PER_S

FLOWS_NAMED = 8

_REAL = "live/"
"""Names of flows begin so whose packets were sent by real programs in a live run."""

_CAPTURE_THEM = (
    "what becomes of real packets is told by a capture, as of `lasermesh live --capture flow:live`"
)

_ANSWERS = ("/ack", "/reply")
_BOUNDARY_PS = 1_000
"""Contacts are written in s, whose last digits are some ps: near a boundary both sides are looked at."""


class PacketName(NamedTuple):
    """Which packet is asked for."""

    flow: int  # row in flows.parquet
    sequence: int


def packet_named(run, text):
    """The packet that a text means: `FLOW#SEQUENCE`, or the id that Wireshark shows.

    The flow is given by its name, as the summary prints it, or by its row.

    Parameters
    ----------
    run : Run
    text : str

    Raises
    ------
    UserError
        If it means no packet, or one of a flow that was not traced.
    """
    name, mark, number = text.rpartition("#")
    if mark:
        flow = _flow_named(run, name, text)
        sequence = _integer(number)
    else:
        ident = _integer(text)
        flow, sequence = (None, None) if ident is None else divmod(ident, 1 << SEQUENCE_BITS)
        flow = None if flow is None else _flow_numbered(run, flow, text)
    if sequence is None:
        raise UserError(
            f'"{text}" is no packet: write FLOW#SEQUENCE, or the id that Wireshark shows, as 17 or 0x11; '
            + what_is_traced(run)
        )
    return PacketName(flow, sequence)


def what_is_traced(run):
    """Which packets a run has followed, and how to have others followed: the rest of a sentence."""
    import pyarrow as pa

    names = run.flows["name"].to_pylist()
    advice = 'run it with `--set observe.trace_flows=FLOW`, or "all" of [[flows]] that send packets'
    if not run.has("packets"):
        simulated = [name for name in names if not _is_real(run, name)]
        if not simulated:
            return f"the run has followed no packets; {_CAPTURE_THEM}"
        several = ", ".join(simulated[:FLOWS_NAMED]) + (", ..." if len(simulated) > FLOWS_NAMED else "")
        return f"the run has followed no packets; {advice} (its flows: {several})"
    ends = {}
    for batch in run.batches("packets", ["flow", "sequence"]):
        found = pa.Table.from_batches([batch]).group_by("flow")
        for row in found.aggregate([("sequence", "min"), ("sequence", "max")]).to_pylist():
            first, last = row["sequence_min"], row["sequence_max"]
            before = ends.get(row["flow"], (first, last))
            ends[row["flow"]] = min(before[0], first), max(before[1], last)
    rows = [(flow, *of_it) for flow, of_it in sorted(ends.items())]
    traced = [f"{_name_of(names, flow)}#{first} to #{last}" for flow, first, last in rows[:FLOWS_NAMED]]
    if not rows:
        return "of the flows that the run has followed no packet has left its source"
    more = f" and those of {len(rows) - FLOWS_NAMED} more flows" if len(rows) > FLOWS_NAMED else ""
    return f"the run has followed {', '.join(traced)}{more}; for others {advice}"


def packet_life(run, packet):
    """What happened to a packet.

    Parameters
    ----------
    run : Run
    packet : PacketName

    Returns
    -------
    life : dict
        JSON-ready: `flow`, `from`, `to`, `sequence`, `packet_id`, `lives`. A segment that was sent again has
        several lives, told apart by when they began: `created_ps` (from when the latency counts),
        `entered_ps` (when it entered at its source; None of answers, which carry the time of what they
        answer), `outcome` (`delivered`, `dropped` or `in_flight`), `cause`, `at` (where it was last),
        `latency_ps` (None unless delivered) and `events`. Each event has `time_ps`, `event`, `node`, `peer`
        (the node at the other end of the link), `link`, `hop`, `hop_limit` (as in the IP header),
        `size_bytes`, `packets`, `marked`, `cause`, `latency_ps` so far, and what the time since the event
        before went into: `processed_ps` at the node, `waited_ps`, `serialized_ps`, `propagated_ps`. These add
        up to it exactly; what cannot be told is None. Times are in ps since the run's start.

    Raises
    ------
    UserError
        If nothing happened to it as far as the run knows.
    """
    names = run.flows["name"].to_pylist()
    if _is_real(run, _name_of(names, packet.flow)):
        raise UserError(f"{_text_of(names, packet)} cannot be followed: {_CAPTURE_THEM}")
    rows = _rows_of(run, packet)
    if not rows:
        raise UserError(f"nothing is known of packet {_text_of(names, packet)}: {what_is_traced(run)}")
    around = _Surroundings(run, rows)
    lives = {}
    for row in rows:
        lives.setdefault(row["created_ps"], []).append(row)
    flow = run.flows.slice(packet.flow, 1).to_pylist()[0]
    answers = any(flow["name"] == name + end for name in names for end in _ANSWERS)
    return {
        "flow": flow["name"],
        "from": flow["from"],
        "to": flow["to"],
        "sequence": packet.sequence,
        "packet_id": _packet_flows(run)[packet.flow] << SEQUENCE_BITS | packet.sequence,
        "lives": [_life(events, around, flow, answers) for events in lives.values()],
    }


def _rows_of(run, packet):
    """Rows of the trace that are of a packet, or of trains that it belongs to, in order of time."""
    flow, sequence = packet
    near = [("flow", "=", flow), ("sequence", "<=", sequence), ("sequence", ">", sequence - LONGEST_TRAIN)]
    rows = run.part("packets", filters=near).to_pylist() if run.has("packets") else []
    mine = [row for row in rows if row["sequence"] + row["packets"] > sequence]
    return sorted(mine, key=lambda row: row["time_ps"])


class _Surroundings:
    """What a run tells of the links and nodes that a packet came by, by its rows of the trace."""

    def __init__(self, run, rows):
        scenario = run.manifest["scenario"]
        self._packets = scenario["packets"]
        self.hop_limit = self._packets["hop_limit"]
        self._start_s = scenario["start_s"]
        self._ground = {site["name"] for group in scenario["topology"]["ground"] for site in group["sites"]}
        links = sorted({row["link"] for row in rows} - {None})
        active = run.part("links", ["link", "from", "to"], [("link", "in", links)])
        found = active.group_by(["link", "from", "to"]).aggregate([]).to_pylist()
        self._ends = {row["link"]: (row["from"], row["to"]) for row in found}
        senders = sorted({row["node"] for row in rows})
        columns = ["from", "to", "start_s", "stop_s", "rate_bps"]
        self._contacts = run.part("contacts", columns, [("from", "in", senders)])

    def ends_of(self, link):
        """Names of the nodes at the ends of a link; None of one that never did anything."""
        return self._ends.get(link, (None, None))

    def processing_ps(self, node):
        """From an arrival at a node until it looks at it."""
        where = "ground" if node in self._ground else "satellite"
        return round(self._packets.get(f"{where}_processing_s", 0.0) * PS_PER_S)

    def serialization_ps(self, sender, receiver, left_ps, size_bytes):
        """How long a packet was in service whose last bit left then; None if its rate cannot be told."""
        import pyarrow.compute as pc

        table = self._contacts
        mine = table.filter(pc.and_(pc.equal(table["from"], sender), pc.equal(table["to"], receiver)))
        found = set()
        for row in mine.to_pylist():
            bits = (size_bytes + self._packets["framing_bytes"]) * 8
            duration_ps = max(1, -(-bits * PS_PER_S // row["rate_bps"]))
            began_ps = left_ps - duration_ps
            first_ps, last_ps = (
                round((row[key] - self._start_s) * PS_PER_S) for key in ("start_s", "stop_s")
            )
            if first_ps - _BOUNDARY_PS <= began_ps <= last_ps + _BOUNDARY_PS:
                found.add(duration_ps)
        return found.pop() if len(found) == 1 else None


def _life(rows, around, flow, answers):
    """One life of a packet, from its rows of the trace."""
    created_ps = rows[0]["created_ps"]
    entered_ps = None if answers else created_ps
    # When the node where the packet is has begun to look at it, and when its last bit left the one before.
    ready_ps, left_ps, processed_ps = entered_ps, None, None
    events = []
    for row in rows:
        event = _event(row, around, created_ps)
        single = row["packets"] == 1
        if row["event"] == "left":
            if single and ready_ps is not None:
                serialized_ps = around.serialization_ps(
                    row["node"], event["peer"], row["time_ps"], row["size_bytes"]
                )
                waited_ps = None if serialized_ps is None else row["time_ps"] - ready_ps - serialized_ps
                if waited_ps is not None and waited_ps >= 0:
                    parts = {"waited_ps": waited_ps, "serialized_ps": serialized_ps}
                    event |= parts | {"processed_ps": processed_ps}
            left_ps = row["time_ps"]
        elif row["event"] == "arrived":
            if single and left_ps is not None:
                event["propagated_ps"] = row["time_ps"] - left_ps
            processed_ps = around.processing_ps(row["node"])
            ready_ps = row["time_ps"] + processed_ps
        elif single and ready_ps is not None:
            event["processed_ps"] = processed_ps
            if row["event"] == "dropped":
                event["waited_ps"] = row["time_ps"] - ready_ps
        events.append(event)
    last = rows[-1]
    is_over = last["event"] in ("delivered", "dropped")
    return {
        "created_ps": created_ps,
        "entered_ps": entered_ps,
        "outcome": last["event"] if is_over else "in_flight",
        "cause": last["cause"],
        "at": last["node"],
        "latency_ps": last["time_ps"] - created_ps if last["event"] == "delivered" else None,
        "events": events,
    }


def _event(row, around, created_ps):
    """An event as it is told, without what went into its time."""
    sender, receiver = around.ends_of(row["link"])
    at_end = row["link"] is not None and row["node"] == receiver
    # A link costs its hop when the node at its end has looked at the packet, and has sent or queued it.
    crossing = row["event"] != "dropped" or at_end or row["cause"] == "hop_limit"
    return {
        "time_ps": row["time_ps"],
        "event": row["event"],
        "node": row["node"],
        "peer": sender if at_end else receiver,
        "link": row["link"],
        "hop": row["hop"],
        "hop_limit": around.hop_limit - row["hop"] + (crossing and row["hop"] > 0),
        "size_bytes": row["size_bytes"],
        "packets": row["packets"],
        "marked": row["marked"],
        "cause": row["cause"],
        "latency_ps": row["time_ps"] - created_ps,
        "processed_ps": None,
        "waited_ps": None,
        "serialized_ps": None,
        "propagated_ps": None,
    }


def _flow_named(run, name, text):
    """Row of a flow by its name, by what the summary prints for it, or by its row."""
    flows = run.flows.select(["name", "from", "to"]).to_pylist()
    names = [flow["name"] for flow in flows]
    for known in (names, [label(flow) for flow in flows]):
        if name in known:
            return known.index(name)
    row = _integer(name)
    if row is not None and row < len(names):
        return row
    near = [each for each in names if not _is_real(run, each)]
    hint = did_you_mean(name, near) or f"; {what_is_traced(run)}"
    raise UserError(f'{text}: no flow is named "{name}"{hint}')


def _flow_numbered(run, number, text):
    """Row of a flow by its number in packets' ids."""
    numbers = _packet_flows(run)
    if number in numbers:
        return numbers.index(number)
    raise UserError(
        f"nothing is known of packet {text}, which may carry a part of a bundle: {what_is_traced(run)}"
    )


def _packet_flows(run):
    """Numbers of flows in packets' ids; None of flows of bundles."""
    flows = run.flows  # of an older version they may lack the column
    return (
        flows["packet_flow"].to_pylist() if "packet_flow" in flows.column_names else list(range(len(flows)))
    )


def _integer(text):
    """A number that is not negative, in decimal or as 0x in hexadecimal digits; None if it is none."""
    try:
        number = int(text, 0)
    except ValueError:
        return None
    return number if number >= 0 else None


def _is_real(run, name):
    """Whether the packets of a flow were sent by programs on hosts."""
    return bool(run.manifest.get("live")) and name.startswith(_REAL)


def _name_of(names, flow):
    """Name of a flow; one of work has none in the table."""
    return names[flow] if flow < len(names) else str(flow)


def _text_of(names, packet):
    return f"{_name_of(names, packet.flow)}#{packet.sequence}"
