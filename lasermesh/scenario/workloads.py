"""What an experiment file says of nodes that work, and of the work itself, checked.

Sensors take scenes, computers work on them, arrays and batteries feed both; workloads say which scene goes
where, what is made of it, and where the result has to arrive (`lasermesh docs workloads`).
"""

from dataclasses import dataclass

from lasermesh.scenario.fields import (
    Choice,
    Either,
    Flag,
    Integer,
    ListOf,
    Name,
    Number,
    Tables,
    Text,
    bulky,
    key,
)
from lasermesh.scenario.flows import LONGEST_S, PACKET_BYTES, PERIOD, TIME
from lasermesh.scenario.queues import NODES
from lasermesh.scenario.topology import RATE

MOST_BYTES = 10**15
BYTES = Integer(1, MOST_BYTES, unit="bytes")
COUNT = Integer(1, 1_000_000)
LEAST_EVERY_S = 1e-6
WATT = Number(0.0, 1e9, unit="W")
SHARE = Number(0.0, 1.0)

NODES_OF_A_GROUP = Either(
    (
        Text("the name of a node or group in quotes"),
        ListOf(Text("the name of a node or group"), distinct=True, least="of two nodes at least"),
    )
)

REGULAR, POISSON = "regular", "poisson"
DROP_NEW, DROP_OLDEST = "drop-new", "drop-oldest"
CONSTANT, EXPONENTIAL, LOGNORMAL = "constant", "exponential", "lognormal"
NEAREST, LEAST_LOADED, SOONEST = CHOICES = ("nearest", "least-loaded", "soonest")
BENT_PIPE, MESH_RELAY, IN_ORBIT, ON_BOARD, CUSTOM = SCENE_KINDS = (
    "bent-pipe",
    "mesh-relay",
    "in-orbit",
    "on-board",
    "stages",
)
INFERENCE, COLLECTIVE = "inference", "collective"
WORKLOAD_KINDS = (*SCENE_KINDS, INFERENCE, COLLECTIVE)
CHAT, CODE = TOKENS = ("azure-chat", "azure-code")
RING, TREE, ALL_TO_ALL = PATTERNS = ("ring", "tree", "all-to-all")
EXPANDED = (BENT_PIPE, MESH_RELAY, IN_ORBIT, ON_BOARD)
"""Kinds of scenes whose stages follow from the kind."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """Scenes that some nodes take, as `[sensors.NAME]`."""

    name: str = ""
    on: tuple[str, ...] = key(NODES, help="Nodes that carry it: a group, or a list of nodes.")
    scene_bytes: int = key(BYTES, help="Size of a scene.")
    every_s: float | None = key(
        Number(LEAST_EVERY_S, LONGEST_S, unit="s"),
        None,
        help="From one scene to the next; or rate_gbps and duty.",
    )
    arrivals: str = key(
        Choice((REGULAR, POISSON)),
        REGULAR,
        help="Whether scenes come every_s evenly, or so on average at exponential gaps.",
    )
    rate_gbps: float | None = key(RATE, None, help="Raw rate of the instrument while it is on, beside duty.")
    duty: float | None = key(
        Number(above=0.0, high=1.0), None, help="Share of each period in which it is on."
    )
    period_s: float | None = key(PERIOD, None, help="Period of the duty; absent: the node's orbit.")
    phase_s: float | None = key(TIME, None, help="When the first scene comes; absent: drawn for each node.")
    start_s: float = key(TIME, 0.0, help="Nothing is taken before.")
    stop_s: float | None = key(TIME, None, help="Nothing is taken from then on; absent: the end of the run.")
    storage_bytes: int | None = key(BYTES, None, help="Storage for scenes on each node; absent: no limit.")
    when_full: str = key(
        Choice((DROP_NEW, DROP_OLDEST)), DROP_NEW, help="What is lost when the storage is full."
    )

    rows: tuple[int, ...] = bulky()  # nodes, ascending


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What some nodes can work out, as `[compute.NAME]`."""

    name: str = ""
    on: tuple[str, ...] = key(NODES, help="Nodes that carry it: a group, or a list of nodes.")
    accelerators: int = key(COUNT, 1, help="Accelerators of each node.")
    jobs_in_parallel: int = key(COUNT, 1, help="Jobs that each accelerator works on at once.")
    queue_jobs: int = key(Integer(0, 10_000_000), 1000, help="Jobs that may wait; more are refused.")
    service: str = key(
        Choice((CONSTANT, EXPONENTIAL, LOGNORMAL)), CONSTANT, help="How the time of a job is drawn."
    )
    service_s: float = key(
        Number(0.0, LONGEST_S, unit="s"), 0.0, help="Time of a job: its mean, of lognormal its median."
    )
    service_p95_s: float | None = key(
        PERIOD,
        None,
        beside=("service", (LOGNORMAL,)),
        needed=True,
        help="Time that 95 % of the jobs stay below.",
    )
    rate_gbps: float | None = key(
        RATE, None, help="What each job reads of its input; adds size / rate to its time; absent: nothing."
    )
    storage_bytes: int | None = key(
        BYTES, None, help="Room for inputs of jobs that wait or run on each node; absent: no limit."
    )

    rows: tuple[int, ...] = bulky()


@dataclass(frozen=True, kw_only=True)
class Power:
    """What some satellites generate, store and need, as `[power.NAME]`."""

    name: str = ""
    on: tuple[str, ...] = key(NODES, help="Satellites that have it: a group, or a list of nodes.")
    array_w: float = key(WATT, help="What the solar array gives in full sunlight.")
    battery_wh: float = key(Number(0.0, 1e9, unit="Wh"), help="What the battery holds.")
    start_charge: float = key(
        Number(above=0.0, high=1.0), 1.0, help="Share of the battery that is charged at the start."
    )
    bus_w: float = key(WATT, 0.0, help="What the satellite needs all the time.")
    terminal_w: float = key(WATT, 0.0, help="What each terminal needs that has a link or acquires one.")
    accelerator_w: float = key(
        WATT, 0.0, help="What each accelerator needs beside accelerator_idle_w at work."
    )
    accelerator_idle_w: float = key(WATT, 0.0, help="What each accelerator needs all the time.")
    floor: float = key(
        Number(0.0, below=1.0), 0.2, help="Share of the battery below which accelerators are throttled."
    )
    resume: float | None = key(
        SHARE, None, help="Share from which on they are not any more; absent: floor + 0.05."
    )
    throttled_speed: float = key(SHARE, 0.0, help="Speed of throttled accelerators; 0: they stand still.")
    radiator_w: float | None = key(
        WATT, None, help="Heat that the radiator gets rid of: it caps all loads together; absent: no cap."
    )

    rows: tuple[int, ...] = bulky()


@dataclass(frozen=True, kw_only=True)
class Transfers:
    """How workloads send, as `[transfers]`."""

    packet_bytes: int = key(PACKET_BYTES, 1500, help="Largest packet.")
    report_bytes: int = key(PACKET_BYTES, 64, help="A report of what has come, or of a missing report.")
    rate_gbps: float | None = key(
        RATE,
        None,
        help="Pace of every transfer; absent: a fair share of the links that it crosses.",
    )
    share: float = key(
        Number(above=0.0, high=1.0), 1.0, help="Share of each link's rate that transfers may have together."
    )
    handling_s: float = key(
        Number(1e-6, 1.0, unit="s"),
        0.001,
        help="What a node takes between two stages: from the last byte until it acts on it.",
    )
    timeout_s: float = key(
        Number(1e-3, 3600.0, unit="s"),
        0.5,
        help="How much longer than a round trip a report is waited for; doubles with each time-out.",
    )


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One entry of `stages`: exactly one of `transfer_to` and `compute`."""

    transfer_to: tuple[str, ...] = key(
        NODES, (), help="Where it goes: a group, or a list of nodes, one of which is chosen."
    )
    choose: str = key(
        Choice(CHOICES),
        NEAREST,
        help="Which one: the nearest by the mesh, the least loaded, the soonest done.",
    )
    compute: str | None = key(Text("the name of a [compute] table"), None, help="What works on it there.")
    result_bytes: int | None = key(
        BYTES, None, help="Size of what compute makes of it; absent: as it went in."
    )

    rows: tuple[int, ...] = bulky()
    """Candidates of a transfer, ascending: those that have the compute of the stages which follow."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Work that is measured from end to end, as `[[workloads]]`."""

    name: str = key(
        Name(forbidden=":,*?[/>"), help="Name of the workload; its transfers are flows NAME/FROM>TO."
    )
    kind: str = key(Choice(WORKLOAD_KINDS), CUSTOM, help="What is done.")
    class_: int = key(Integer(0, 7), 0, name="class", help="Class of its packets.")
    expires_s: float | None = key(
        PERIOD,
        None,
        beside=("kind", (*SCENE_KINDS, INFERENCE)),
        help="A scene, or an answer, that is not delivered so long after capture or asking is lost; absent: "
        "never.",
    )
    guesses: tuple[str, ...] = key(
        ListOf(Text("a sentence")),
        (),
        help="What its figures rest on that nobody has published; said where they are printed.",
    )
    # Scenes.
    source: str | None = key(
        Text("the name of a [sensors] table"),
        None,
        beside=("kind", SCENE_KINDS),
        needed=True,
        help="Sensor whose scenes it handles.",
    )
    stages: tuple[Stage, ...] = key(
        Tables("as stages = [{ ... }, { ... }]"),
        (),
        beside=("kind", (CUSTOM,)),
        needed=True,
        help="What happens to a scene, one after the other.",
    )
    stations: tuple[str, ...] = key(
        NODES,
        (),
        beside=("kind", EXPANDED),
        needed=True,
        help="Ground sites where data or results come down, names of nodes or groups.",
    )
    compute: str | None = key(
        Text("the name of a [compute] table"),
        None,
        beside=("kind", (*EXPANDED, INFERENCE)),
        needed=(IN_ORBIT, ON_BOARD, INFERENCE),
        help="What works on it: at the stations (bent-pipe, mesh-relay), in orbit, or where the sensor is.",
    )
    choose: str = key(
        Choice(CHOICES),
        NEAREST,
        beside=("kind", (*EXPANDED, INFERENCE)),
        help="Target of the first transfer, or of a request: the nearest by the mesh, the least loaded, or "
        "the soonest done.",
    )
    reconsider: bool = key(
        Flag(),
        True,
        beside=("kind", (*SCENE_KINDS, INFERENCE)),
        help="Whether the choice of a target may change while a scene or request waits to be sent.",
    )
    result_bytes: int | None = key(
        BYTES,
        None,
        beside=("kind", EXPANDED),
        help="Size of what compute makes of a scene; absent: as it went in.",
    )
    # Inference.
    users: tuple[str, ...] = key(
        NODES,
        (),
        beside=("kind", (INFERENCE,)),
        needed=True,
        help="Nodes that ask, names of nodes or groups.",
    )
    requests_per_s: float | None = key(
        Number(above=0.0, high=1e6, unit="1/s"),
        None,
        beside=("kind", (INFERENCE,)),
        needed=True,
        help="Requests of each user; they come at exponential gaps.",
    )
    tokens: str = key(
        Choice(TOKENS),
        CHAT,
        beside=("kind", (INFERENCE,)),
        help="Distribution of context and output tokens, after the traces that Azure published in 2023.",
    )
    prefill_tokens_per_s: float = key(
        Number(above=0.0, high=1e9, unit="1/s"),
        5000.0,
        beside=("kind", (INFERENCE,)),
        help="Context tokens that a job reads in a second.",
    )
    decode_tokens_per_s: float = key(
        Number(above=0.0, high=1e6, unit="1/s"),
        40.0,
        beside=("kind", (INFERENCE,)),
        help="Output tokens that a job makes in a second.",
    )
    context_token_bytes: float = key(
        Number(0.0, 1e6, unit="bytes"), 4.0, beside=("kind", (INFERENCE,)), help="Bytes of a context token."
    )
    envelope_bytes: int = key(
        Integer(28, 1_000_000, unit="bytes"),
        500,
        beside=("kind", (INFERENCE,)),
        help="Bytes of a request beside its tokens.",
    )
    token_bytes: int = key(
        PACKET_BYTES, 200, beside=("kind", (INFERENCE,)), help="Packet that brings one output token."
    )
    # Collectives.
    group: tuple[str, ...] = key(
        NODES_OF_A_GROUP,
        (),
        beside=("kind", (COLLECTIVE,)),
        needed=True,
        help="Nodes that train together, two at least; a ring goes in this order.",
    )
    pattern: str = key(
        Choice(PATTERNS), RING, beside=("kind", (COLLECTIVE,)), help="How gradients are summed up."
    )
    step_bytes: int | None = key(
        BYTES,
        None,
        beside=("kind", (COLLECTIVE,)),
        needed=True,
        help="Gradients of each node in one exchange.",
    )
    compute_s: float = key(
        Number(0.0, LONGEST_S, unit="s"),
        0.0,
        beside=("kind", (COLLECTIVE,)),
        help="What a step takes each node without communication.",
    )
    steps: int | None = key(
        Integer(1, 10**9), None, beside=("kind", (COLLECTIVE,)), help="Steps; absent: until the run ends."
    )
    exchange_every: int = key(
        Integer(1, 10**9), 1, beside=("kind", (COLLECTIVE,)), help="Steps between two exchanges (DiLoCo's H)."
    )
    checkpoint_bytes: int | None = key(
        BYTES, None, beside=("kind", (COLLECTIVE,)), help="Size of a checkpoint; absent: none."
    )
    checkpoint_every: int = key(
        Integer(1, 10**9), 100, beside=("kind", (COLLECTIVE,)), help="Steps between two checkpoints."
    )
    checkpoint_to: tuple[str, ...] = key(
        NODES, (), beside=("kind", (COLLECTIVE,)), help="Where checkpoints go, one of these nodes."
    )

    user_rows: tuple[int, ...] = bulky()
    group_rows: tuple[int, ...] = bulky()  # in the order of the file
    checkpoint_rows: tuple[int, ...] = bulky()
    plan: tuple[Stage, ...] = bulky()
    """Stages of a workload of scenes, whatever its kind, with their rows."""


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One of several ways of handling the same data, run for itself, as `[[alternatives]]`."""

    name: str = key(Name(), help="Name of the alternative.")
    workloads: tuple[str, ...] = key(
        Either(
            (
                Text("the name of a workload in quotes"),
                ListOf(Text("the name of a workload"), distinct=True),
            )
        ),
        (),
        help="Workloads of this run; those that no alternative names are in every run.",
    )
    topology: str | None = key(
        Text("the name of a topology"),
        None,
        help="Topology instead of the experiment's; nodes by their names.",
    )
    sets: tuple[str, ...] = key(
        Either((Text("PATH=VALUE in quotes"), ListOf(Text("PATH=VALUE in quotes")))),
        (),
        name="set",
        help="Changes to the experiment for this run, each as --set makes it; a --set comes after them.",
    )

    experiment: object = bulky(None)
    """The resolved `Experiment` of this run, with its own topology, rows and workloads."""
