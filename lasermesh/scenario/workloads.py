"""What an experiment file says of nodes that work, and of the work itself, checked.

Sensors take scenes, computers work on them, arrays and batteries feed both; workloads say which scene goes
where, what is made of it, and where the result has to arrive (`lasermesh docs workloads`).
"""

# ruff: noqa: RUF009 (the calls beside the fields make dataclass fields)

from dataclasses import dataclass
from pathlib import Path

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
from lasermesh.scenario.topology import NODE, RATE

MOST_BYTES = 10**15
BYTES = Integer(1, MOST_BYTES, unit="bytes")
COUNT = Integer(1, 1_000_000)
WATT = Number(0.0, 1e9, unit="W")
SHARE = Number(0.0, 1.0)

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


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """Scenes that some nodes take, as `[sensors.NAME]`."""

    name: str = bulky("")
    on: tuple[str, ...] = key(NODES, help="Nodes that carry it: a group, or a list of nodes.")
    scene_bytes: int = key(BYTES, help="Size of a scene.")
    every_s: float | None = key(PERIOD, None, help="From one scene to the next; or rate_gbps and duty.")
    arrivals: str = key(
        Choice((REGULAR, POISSON)), REGULAR, help="Whether scenes come evenly, or at exponential gaps."
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

    rows: tuple[int, ...] = bulky()  # nodes, in order


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What some nodes can work out, as `[compute.NAME]`."""

    name: str = bulky("")
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
        PERIOD, None, beside=("service", (LOGNORMAL,)), help="Time that 95 % of the jobs stay below."
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

    name: str = bulky("")
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
    result_bytes: int | None = key(BYTES, None, help="Size of what comes out; absent: as it went in.")

    rows: tuple[int, ...] = bulky()  # candidates of a transfer


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Work that is measured from end to end, as `[[workloads]]`."""

    name: str = key(Name(), help="Name of the workload.")
    kind: str = key(Choice(WORKLOAD_KINDS), CUSTOM, help="What is done.")
    class_: int = key(Integer(0, 7), 0, name="class", help="Class of its packets.")
    expires_s: float | None = key(
        PERIOD, None, help="What is not delivered so long after its capture is lost; absent: never."
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
        help="Sensor whose scenes it handles.",
    )
    stages: tuple[Stage, ...] = key(
        Tables(), (), beside=("kind", (CUSTOM,)), help="What happens to a scene, one after the other."
    )
    stations: tuple[str, ...] = key(
        NODES,
        (),
        beside=("kind", (BENT_PIPE, MESH_RELAY, IN_ORBIT, ON_BOARD)),
        help="Where data or results come down: stations of bent-pipe, gateways of the others.",
    )
    compute: str | None = key(
        Text("the name of a [compute] table"),
        None,
        beside=("kind", (BENT_PIPE, MESH_RELAY, IN_ORBIT, ON_BOARD, INFERENCE)),
        help="What works on it: on the ground, in orbit, or where the sensor is.",
    )
    choose: str = key(
        Choice(CHOICES),
        NEAREST,
        help="Which of several targets: nearest by the mesh, least-loaded, or soonest done.",
    )
    reconsider: bool = key(Flag(), True, help="Whether the choice may change while it waits to be sent.")
    result_bytes: int | None = key(BYTES, None, help="Size of the result of a scene; absent: as it went in.")
    # Inference.
    users: tuple[str, ...] = key(
        NODES, (), beside=("kind", (INFERENCE,)), help="Nodes that ask: ground sites, or a list of nodes."
    )
    requests_per_s: float | None = key(
        Number(above=0.0, high=1e6, unit="1/s"),
        None,
        beside=("kind", (INFERENCE,)),
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
        NODES, (), beside=("kind", (COLLECTIVE,)), help="Nodes that train together; two at least."
    )
    pattern: str = key(
        Choice(PATTERNS), RING, beside=("kind", (COLLECTIVE,)), help="How gradients are summed up."
    )
    step_bytes: int | None = key(
        BYTES, None, beside=("kind", (COLLECTIVE,)), help="Gradients of each node in one exchange."
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
    group_rows: tuple[int, ...] = bulky()
    checkpoint_rows: tuple[int, ...] = bulky()
    plan: tuple[Stage, ...] = bulky()
    """Stages of a workload of scenes, whatever its kind, with their rows."""


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One of several ways of handling the same data, run for itself, as `[[alternatives]]`."""

    name: str = key(Name(), help="Name of the alternative.")
    workloads: tuple[str, ...] = key(
        Either((NODE, ListOf(Text("the name of a workload"), distinct=True))),
        help="Workloads of this run; those that no alternative names are in every run.",
    )
    topology: str | None = key(
        Text("the name of a topology"),
        None,
        help="Topology instead of the experiment's; nodes by their names.",
    )

    file: Path | None = bulky(None)
