"""What an experiment file says, checked: how long, with which routing and queues, and what is sent."""

# ruff: noqa: RUF009 (the calls beside the fields make dataclass fields)

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lasermesh.scenario.bundles import BundleFlow, Bundles, Store
from lasermesh.scenario.faults import Fault
from lasermesh.scenario.fields import (
    Choice,
    Either,
    Flag,
    Integer,
    ListOf,
    Name,
    Number,
    OneOrMore,
    Row,
    Table,
    Tables,
    Text,
    as_plain,
    bulky,
    key,
)
from lasermesh.scenario.flows import IP_VERSION, LONGEST_S, TIME, Flow, FlowSpec
from lasermesh.scenario.live import Live
from lasermesh.scenario.queues import QueueKeys, QueueRule
from lasermesh.scenario.topology import NODE, Topology
from lasermesh.scenario.workloads import Alternative, Compute, Power, Sensor, Transfers, Workload

PROCESSING = Number(0.0, 1.0, unit="s")
MOST_HOPS = 255  # as a hop limit says it in one byte
PACKET, TRAIN = "packet", "train"
INSTANT, CENTRAL, LINK_STATE, PREDICTED = "instant", "central", "link-state", "predicted"
MAKE_FIRST, BREAK_FIRST = "make-before-break", "break-before-make"
NEWS = Number(0.0, 60.0, unit="s")
SPREADS = ("update", (LINK_STATE, PREDICTED))


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
    time_limit_s: float = key(
        Number(above=0.0, high=LONGEST_S, unit="s"),
        60.0,
        help="Longest wall-clock time of one call of a policy that is not built in.",
    )
    options: dict = key(Table(), {}, help="What the policy lets one set.")
    update: str = key(
        Choice((INSTANT, CENTRAL, LINK_STATE, PREDICTED)),
        INSTANT,
        help="How tables come to the nodes: at once; from a controller; by news of links that nodes pass on; "
        "or computed beforehand from predicted contacts.",
    )
    update_delay_s: float = key(
        Number(0.0, 3600.0, unit="s"),
        1.0,
        beside=("update", (CENTRAL,)),
        help="From the instant at which the controller sees the links until its table is in force.",
    )
    controller: str | None = key(
        NODE,
        None,
        beside=("update", (CENTRAL,)),
        help="Node from which tables travel to the others; absent: they come to all at once.",
    )
    detection_s: float = key(
        NEWS,
        0.15,
        beside=SPREADS,
        help="From a change of a link until both of its ends know; as absent, three hellos of 50 ms "
        "(BFD, RFC 5880).",
    )
    hop_processing_s: float = key(
        NEWS,
        0.0001,
        beside=("update", (CENTRAL, LINK_STATE, PREDICTED)),
        help="What news takes at each node.",
    )
    hold_s: float = key(
        NEWS,
        0.05,
        beside=SPREADS,
        help="How long a node waits for further changes before it computes (RFC 8405, INITIAL_SPF_DELAY).",
    )
    compute_s: float = key(
        NEWS, 0.01, beside=SPREADS, help="What computing a table and putting it in force takes a node."
    )
    handover: str = key(
        Choice((MAKE_FIRST, BREAK_FIRST)),
        MAKE_FIRST,
        beside=("update", (PREDICTED,)),
        help="Whether links are left before their predicted end, or when they end.",
    )
    lead_s: float = key(
        NEWS,
        0.1,
        beside=("update", (PREDICTED,)),
        help="How long before its predicted end a link is left; default twice the default queue.",
    )
    fast_reroute: bool = key(
        Flag(),
        False,
        help="Whether a node that knows a link to be down takes another at once, if one is safe.",
    )
    alternate_after_s: float = key(
        Number(0.0, LONGEST_S, unit="s"),
        0.0,
        beside=("fast_reroute", (True,)),
        help="How long a link is down before its node knows.",
    )

    controller_row: int | None = bulky(None)


@dataclass(frozen=True, kw_only=True)
class Packets(QueueKeys):
    """Queues and handling of packets, for all links whose rule says nothing else."""

    framing_bytes: int = key(Integer(0, 65_535, unit="bytes"), 0, help="Added to each packet on a link.")
    hop_limit: int = key(Integer(1, MOST_HOPS), 64, help="Most links a packet crosses.")
    ip_version: int = key(
        IP_VERSION, 4, help="Version of IP of [[flows]] that do not say theirs, as captures show it."
    )
    on_link_down: str = key(
        Choice(("drop", "reroute")), "drop", help="What becomes of packets that wait when a link goes down."
    )
    scale: float = key(
        Number(1e-6, 1e6),
        1.0,
        help="Multiplies every link and flow rate and every queue limit and threshold in bytes; other than 1 "
        "for flows of kind constant, poisson and on-off alone, and without workloads.",
    )
    satellite_processing_s: float = key(
        PROCESSING, 0.0, help="From the arrival of a packet's last bit until a satellite looks at it."
    )
    ground_processing_s: float = key(PROCESSING, 0.0, help="The same on the ground.")


@dataclass(frozen=True, kw_only=True)
class Observe:
    """What is written down besides the counters of flows and links."""

    links_every_s: float | None = key(
        Number(low=1e-6, high=LONGEST_S, unit="s"),
        None,
        help="Interval of the time series of links; absent: every step.",
    )
    flows_every_s: float | None = key(
        Number(low=1e-6, high=LONGEST_S, unit="s"),
        None,
        help="Interval of the time series of flows; absent: 1, 2 or 5 times a power of ten of which a run "
        "has 200 at most, of more than 1,000 flows fewer, but 20 at least.",
    )
    trace_flows: tuple[str, ...] | str = key(
        Either(
            (Text('the name of a flow in quotes or "all"'), ListOf(Text("the name of a flow"), distinct=True))
        ),
        (),
        help='Flows or [[flows]] whose packets are written down hop by hop, by name, or "all".',
    )
    queue_of: tuple[tuple[str, str], ...] = key(
        OneOrMore(Row(("from", "to"), (NODE, NODE))),
        (),
        help="Links, each [from, to], whose queue is written down whenever it changes.",
    )
    next_hops: bool = key(
        Flag(),
        False,
        help="Whether every change of a node's next hop is written down, the first table whole.",
    )

    queue_rows: tuple[tuple[int, int], ...] = bulky()  # rows of both ends of each of `queue_of`


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A topology, what is sent across it, and how it is handled.

    With alternatives, those are run, each as the experiment that it holds; the rows of workloads
    and of what nodes have are then here those in the topology of the first that has them.
    """

    name: str = key(Name(), None, help="Name of the experiment; absent: that of the file.")
    topology: Topology = key(
        Either((Text("the name of a topology"), Table())),
        help="Name or file of a topology, or the topology itself.",
    )
    start_s: float = key(TIME, 0.0, help="Where the run starts, from the topology's epoch.")
    duration_s: float = key(Number(above=0.0, high=LONGEST_S, unit="s"), help="How long the run is.")
    seed: int = key(Integer(0, 2**63 - 1), 0, help="Seed of everything random in the traffic.")
    fidelity: str = key(
        Choice((PACKET, TRAIN)),
        PACKET,
        help="What travels as one entry: a packet, or several of a constant flow, faster and not exact.",
    )
    train_packets: int = key(
        Integer(2, 512, unit="packets"),
        32,
        beside=("fidelity", (TRAIN,)),
        help="Most packets of a train, which is made within 50 us besides.",
    )
    routing: Routing = key(Table(), Routing(), help="Routing.")
    packets: Packets = key(Table(), Packets(), help="Queues and handling of packets.")
    queues: tuple[QueueRule, ...] = key(
        Tables(), (), help="Queues of some links; of several the last counts."
    )
    flows: tuple[Flow, ...] = key(Tables(), (), help="What is sent.")
    bundles: Bundles = key(Table(), Bundles(), help="How nodes store, route and send bundles.")
    stores: tuple[Store, ...] = key(Tables(), (), help="What some nodes can store of bundles.")
    faults: tuple[Fault, ...] = key(Tables(), (), help="What fails, and when.")
    observe: Observe = key(Table(), Observe(), help="What is written down besides the counters.")
    live: Live = key(Table(), Live(), help="How it is run live; not used by simulated runs.")
    sensors: tuple[Sensor, ...] = key(
        Table("a table of tables, as [sensors.NAME]"), (), help="Instruments that take scenes."
    )
    compute: tuple[Compute, ...] = key(Table("a table of tables, as [compute.NAME]"), (), help="Computers.")
    power: tuple[Power, ...] = key(
        Table("a table of tables, as [power.NAME]"), (), help="Solar arrays, batteries and what they feed."
    )
    transfers: Transfers = key(Table(), Transfers(), help="How workloads send.")
    workloads: tuple[Workload, ...] = key(Tables(), (), help="Work that is measured from end to end.")
    alternatives: tuple[Alternative, ...] = key(
        Tables(), (), help="Ways of handling the same data, each a run of its own."
    )

    expanded_flows: tuple[FlowSpec, ...] = bulky()
    bundle_flows: tuple[BundleFlow, ...] = bulky()
    file: Path | None = bulky(None)
    files: dict[str, str] = bulky({})  # SHA-256 of every file that was read, by its name
    warnings: tuple[str, ...] = bulky()

    @cached_property
    def live_rows(self):
        """Rows of the hosts of a live run, the one first that commands run on: as `[live]` names them, else
        both ends of all flows in their order, else all ground sites.
        """
        if self.live.host_rows:
            return self.live.host_rows
        if not self.expanded_flows:
            return tuple(range(self.topology.n_satellites, len(self.topology.node_names)))
        return tuple(
            dict.fromkeys(row for flow in self.expanded_flows for row in (flow.from_row, flow.to_row))
        )

    def lasting(self, until_s):
        """The same experiment with flows that go on until then, where the file does not say when they stop:
        a live run may end before or after `duration_s`.
        """
        flows = (
            flow
            if flow.kind == flow.table.kind and flow.table.stop_s is not None
            else replace(flow, stop_s=until_s)
            for flow in self.expanded_flows
        )
        return replace(self, expanded_flows=tuple(flows))

    def to_dict(self):
        """The resolved experiment with its topology, JSON-ready, under the names of the files."""
        return as_plain(self) | {"files": self.files}
