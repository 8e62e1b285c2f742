"""What an experiment file says, checked: how long, with which routing and queues, and what is sent."""

# ruff: noqa: RUF009 (the calls beside the fields make dataclass fields)

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lasermesh.scenario.fields import (
    Choice,
    Either,
    Integer,
    ListOf,
    Name,
    Number,
    Row,
    Table,
    Tables,
    Text,
    as_plain,
    bulky,
    key,
)
from lasermesh.scenario.topology import FILE, NODE, QUEUE_BYTES, QUEUE_PACKETS, RATE, Topology

LONGEST_S = 106 * 86_400.0
"""The packet engine counts int64 picoseconds, which end after 106.75 days."""

TIME = Number(0.0, LONGEST_S, unit="s")
PACKET_BYTES = Integer(28, 65_535, unit="bytes")
ONE_PAIR, PAIRS = "a single pair", "pairs"


@dataclass(frozen=True, kw_only=True)
class Routing:
    """How next hops are found, and how often."""

    policy: str = key(
        Text("the name of a policy, or file.py:function"),
        "shortest-delay",
        help="Name of a routing policy, or file.py:function.",
    )
    interval_s: float | None = key(
        Number(above=0.0, high=LONGEST_S, unit="s"),
        None,
        help="How often tables are computed; a whole number of steps; absent: every step.",
    )
    options: dict = key(Table(), {}, help="Passed to the policy as they are.")


@dataclass(frozen=True, kw_only=True)
class Packets:
    """Queues and handling of packets, for all links whose rule says nothing else."""

    queue_packets: int | None = key(
        QUEUE_PACKETS,
        None,
        help="Most packets that wait for a link; without queue_bytes too: 50 ms of its rate.",
    )
    queue_bytes: int | None = key(
        QUEUE_BYTES,
        None,
        help="Most bytes that wait for a link; without queue_packets too: 50 ms of its rate.",
    )
    framing_bytes: int = key(Integer(0, 65_535, unit="bytes"), 0, help="Added to each packet on a link.")
    hop_limit: int = key(Integer(1, 255), 64, help="Most links a packet crosses.")
    on_link_down: str = key(
        Choice(("drop", "reroute")), "drop", help="What becomes of packets that wait when a link goes down."
    )
    scale: float = key(
        Number(1e-6, 1e6), 1.0, help="Multiplies every link and flow rate and every queue limit in bytes."
    )


@dataclass(frozen=True)
class Pair:
    """A source and a destination; a row of a CSV file of pairs."""

    from_name: str = key(NODE, name="from", help="Node that sends.")
    to_name: str = key(NODE, name="to", help="Node that receives.")
    rate_gbps: float | None = key(RATE, None, help="Rate of this flow; absent: that of the [[flows]] table.")


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Packets from one node to another, or for each of several pairs, as `[[flows]]`."""

    later: ClassVar = ("class",)
    name: str = key(Name(), help="Name of the flow; with pairs, flows are named NAME/FROM>TO.")
    kind: str = key(Choice(("constant", "poisson")), "constant", help="When packets are sent.")
    from_name: str | None = key(
        NODE, None, name="from", only=(ONE_PAIR,), required_with=(ONE_PAIR,), help="Node that sends."
    )
    to_name: str | None = key(
        NODE, None, name="to", only=(ONE_PAIR,), required_with=(ONE_PAIR,), help="Node that receives."
    )
    pairs: tuple[Pair, ...] = key(
        Either((FILE, ListOf(Row(("from", "to"), (NODE, NODE))))),
        (),
        help="List of [from, to], or CSV file with columns from,to[,rate_gbps]; one flow each.",
    )
    rate_gbps: float | None = key(RATE, None, help="Rate of each flow, whole IP packets counted.")
    packet_bytes: int | None = key(
        PACKET_BYTES, None, help="Size of each packet, whole IP packet; absent: 1500, unless there is a mix."
    )
    packet_mix: tuple[tuple[int, int], ...] | None = key(
        ListOf(Row(("bytes", "weight"), (PACKET_BYTES, Integer(1, 10**6)))),
        None,
        help="Sizes drawn by weight.",
    )
    start_s: float = key(TIME, 0.0, help="First packet not before, from the experiment's start.")
    stop_s: float | None = key(TIME, None, help="No packet from then on; absent: the experiment's end.")
    phase_s: float | None = key(
        TIME, None, help="Delay of the first packet; absent: drawn within one packet interval."
    )


@dataclass(frozen=True)
class FlowSpec:
    """One flow from one node to another, with rows in place of names."""

    name: str
    kind: str
    from_name: str
    to_name: str
    from_row: int
    to_row: int
    rate_gbps: float
    packet_mix: tuple[tuple[int, int], ...]
    start_s: float
    stop_s: float
    phase_s: float | None
    class_: int = 0  # the only traffic class there is so far


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A topology, what is sent across it, and how it is handled."""

    later: ClassVar = ("workloads", "faults", "sensors", "compute", "power")
    name: str = key(Name(), None, help="Name of the experiment; absent: that of the file.")
    topology: Topology = key(
        Either((Text("the name of a topology"), Table())),
        help="Name or file of a topology, or the topology itself.",
    )
    start_s: float = key(TIME, 0.0, help="Where the run starts, from the topology's epoch.")
    duration_s: float = key(Number(above=0.0, high=LONGEST_S, unit="s"), help="How long the run is.")
    seed: int = key(Integer(0, 2**63 - 1), 0, help="Seed of everything random in the traffic.")
    fidelity: str = key(Choice(("packet",), later=("train",)), "packet", help="What travels as one entry.")
    routing: Routing = key(Table(), Routing(), help="Routing.")
    packets: Packets = key(Table(), Packets(), help="Queues and handling of packets.")
    flows: tuple[Flow, ...] = key(Tables(), help="What is sent.")

    expanded_flows: tuple[FlowSpec, ...] = bulky()
    file: Path | None = bulky(None)
    files: dict[str, str] = bulky({})  # SHA-256 of every file that was read, by its name
    warnings: tuple[str, ...] = bulky()

    def to_dict(self):
        """The resolved experiment with its topology, JSON-ready, under the names of the files."""
        return as_plain(self) | {"files": self.files}
