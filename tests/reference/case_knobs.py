"""What random cases are made of, flavour by flavour."""

from dataclasses import dataclass

from tests.reference.case import CODEL, DROP_TAIL, ECN_THRESHOLD


@dataclass
class Knobs:
    """What a flavour sets before a case is drawn; the defaults are those of a plain case."""

    n_nodes: tuple[int, int] = (2, 8)
    shapes: tuple[str, ...] = ("chain", "ring", "star", "complete", "random", "random", "funnel")
    n_flows: tuple[int, int] = (1, 6)
    both_ways: float = 0.0  # chance that every link has one that comes back
    from_hub: float = 0.1  # chance that a flow comes from the one node where many come from
    n_packets: tuple[int, int] = (60, 800)  # drawn evenly in the logarithm
    load: tuple[float, float] = (0.3, 1.6)  # all flows over one link's rate, drawn evenly in the logarithm
    rate_bps: tuple[float, float] = (1e6, 1e11)  # reference rate, drawn evenly in the logarithm
    link_rates: str = "equal"  # "equal" | "some" (a few multiples) | "wide" (each anywhere in rate_bps)
    sizes: str = "any"  # "any" | "extreme" (1 byte and 64 KiB among them)
    delay_in_run: tuple[float, float] = (0.0005, 0.2)  # delay of a far link as a share of the run
    delays: str = "spread"  # "spread" | "equal" | "zero" (all) | "some zero" | "formation"
    n_steps: tuple[int, int] = (1, 6)
    jump: float = 0.2  # chance that a link's range jumps at a step's edge
    cuts: tuple[int, int] = (0, 2)  # stops drawn per link
    cut_links: float = 0.4  # share of links that are ever cut
    up_at_start: float = 0.96
    short_contact: float = 0.1  # chance that a contact lasts about one packet or less
    at_once: float = 0.3  # chance that a link which stops and starts again soon does so at that instant
    rate_changes: tuple[int, int] = (0, 1)  # per link
    queues: str = "any"  # "any" | "none" | "long"
    n_tables: tuple[int, int] = (1, 3)
    late: tuple[float, ...] = (0.0,)  # how much later a node may switch, in intervals between tables
    wrong_entries: float = 0.0  # chance that a table's entry is NONE or a link drawn at random
    hop_limits: tuple[int, ...] = (64,)
    exact_hop_limit: float = 0.15  # chance that a flow's hop limit is just enough
    kinds: tuple[str, ...] = ("constant", "constant", "poisson", "script")
    in_step: float = 0.2  # chance that everything is a multiple of one packet time
    n_probes: tuple[int, int] = (0, 3)
    framing_bytes: tuple[int, ...] = (0, 0, 18, 38, 1000)
    on_link_down: tuple[str, ...] = ("drop", "reroute")
    snap: float = 0.85  # chance that a change falls on the instant of a packet's event
    at_edges: float = 0.2  # chance that a link changes at a step's edge
    hand_over: float = 0.1  # chance that a busy link hands over to another busy one of the same node

    # Whatever goes beyond packets of one class in drop-tail queues. Chances are those of each flow or link.
    disciplines: tuple[int, ...] = (DROP_TAIL,)
    classes: tuple[int, ...] = (1,)  # waiting lists of a link
    ecn: float = 0.0
    bit_errors: float = 0.0
    processing: float = 0.0
    node_failures: tuple[int, int] = (0, 0)  # per case
    on_off: float = 0.0
    requests: float = 0.0
    bulk: float = 0.0
    small_queues: float = 0.0  # chance that a link holds few packets, so that bulk transfers lose some
    trains: float = 0.0
    direct: tuple[int, int] = (0, 0)  # flows with a link of their own, per case
    alternates: float = 0.0  # chance of fast reroute, and then of every entry to have other ways


REROUTE = {
    "on_link_down": ("reroute",),
    "cuts": (1, 6),
    "cut_links": 0.7,
    "n_tables": (3, 8),
    "n_nodes": (3, 8),
    "shapes": ("complete", "complete", "random", "ring"),
    "load": (1.0, 5.0),
    "snap": 0.95,
    "hand_over": 0.7,
}

# What each flavour sets. "mixed" takes what two to four of the others set.
SETTINGS = {
    "plain": {},
    "idle": {"load": (0.001, 0.1), "n_packets": (50, 500)},
    "overload": {"load": (1.5, 8.0), "n_flows": (2, 8), "n_packets": (100, 1500)},
    "long queues": {"load": (1.2, 4.0), "queues": "long", "n_steps": (15, 60), "delay_in_run": (0.001, 0.05)},
    "jumps": {
        "jump": 1.0,
        "n_steps": (3, 30),
        "delay_in_run": (0.01, 0.3),
        "cuts": (0, 4),
        "cut_links": 0.6,
        "at_once": 0.6,
    },
    "contacts": {
        "cuts": (1, 10),
        "cut_links": 0.8,
        "up_at_start": 0.8,
        "short_contact": 0.2,
        "load": (0.5, 3.0),
    },
    "rate changes": {"rate_changes": (1, 10), "load": (0.8, 4.0), "link_rates": "some"},
    "wide rates": {"rate_bps": (1e3, 1.6e12), "link_rates": "wide", "sizes": "extreme"},
    "slow": {"rate_bps": (1e3, 1e4), "sizes": "extreme"},
    "fast": {"rate_bps": (1e11, 1.6e12), "sizes": "extreme", "link_rates": "some"},
    "ties": {"in_step": 1.0, "n_flows": (3, 8), "n_nodes": (3, 10), "load": (0.8, 3.0)},
    "ties, all links alike": {"in_step": 1.0, "delays": "equal", "n_flows": (3, 8), "n_nodes": (3, 10)},
    "ties, reroute": {**REROUTE, "in_step": 1.0, "n_flows": (3, 8)},
    "table swaps": {"n_tables": (3, 10), "n_nodes": (4, 9), "late": (0.0, 0.0, 0.01)},
    "late switches": {"n_tables": (3, 8), "n_nodes": (4, 9), "late": (0.0, 0.1, 1.0, 3.0)},
    "formation": {"n_nodes": (5, 12), "n_flows": (3, 8), "delays": "formation", "load": (0.5, 3.0)},
    "no queues": {"queues": "none", "load": (0.3, 2.0)},
    "zero range": {"delays": "zero", "load": (0.5, 2.0)},
    "some zero range": {"delays": "some zero", "jump": 0.4},
    "reroute": REROUTE,
    "hand-over": {
        **REROUTE,
        "hand_over": 1.0,
        "shapes": ("complete",),
        "n_nodes": (4, 6),
        "from_hub": 0.8,
        "n_flows": (4, 9),
        "load": (2.0, 6.0),
        "delay_in_run": (0.0005, 0.05),
        "hop_limits": (2, 3, 64),
        "in_step": 0.4,
    },
    "loops": {
        "n_packets": (50, 250),
        "wrong_entries": 0.3,
        "n_tables": (1, 4),
        "hop_limits": (1, 2, 3, 4, 7, 64),
        "n_nodes": (3, 9),
    },
    "bursts": {"kinds": ("script",), "load": (0.5, 4.0), "sizes": "extreme", "n_packets": (150, 1000)},
    "poisson": {"kinds": ("poisson",), "load": (0.5, 1.2), "n_packets": (200, 2000), "queues": "long"},
    "ecn": {"disciplines": (ECN_THRESHOLD,), "ecn": 0.6, "queues": "long", "load": (0.8, 4.0)},
    "codel": {"disciplines": (CODEL,), "queues": "long", "load": (1.0, 4.0), "n_packets": (200, 1500)},
    "codel, ecn": {
        "disciplines": (CODEL, CODEL, ECN_THRESHOLD, DROP_TAIL),
        "ecn": 0.5,
        "queues": "long",
        "load": (1.0, 4.0),
        "n_packets": (200, 1500),
    },
    "priority": {"classes": (2, 3, 8), "n_flows": (3, 8), "load": (0.8, 4.0)},
    "priority and codel": {
        "classes": (1, 2, 3, 8),
        "disciplines": (CODEL, CODEL, ECN_THRESHOLD),
        "ecn": 0.4,
        "n_flows": (3, 8),
        "load": (1.0, 4.0),
        "queues": "long",
        "on_link_down": ("reroute",),
    },
    "bit errors": {"bit_errors": 0.7},
    "processing": {"processing": 0.7, "load": (0.5, 3.0)},
    "node failures": {"node_failures": (1, 4), "n_nodes": (3, 8), "load": (0.8, 4.0), "n_tables": (2, 5)},
    "on-off": {"on_off": 0.8, "load": (0.8, 4.0)},
    "requests": {"requests": 0.7, "n_flows": (2, 6), "both_ways": 0.8},
    "bulk": {"bulk": 0.7, "cuts": (0, 0), "queues": "long", "both_ways": 0.9, "delay_in_run": (0.0005, 0.05)},
    "bulk, lossy": {
        "bulk": 0.7,
        "both_ways": 0.9,
        "bit_errors": 0.4,
        "small_queues": 0.6,
        "load": (0.8, 3.0),
        "delay_in_run": (0.0005, 0.05),
    },
    "trains": {"trains": 0.7, "n_steps": (1, 1), "cuts": (0, 0)},
    "trains, cuts": {
        "trains": 0.8,
        "n_steps": (1, 1),
        "cuts": (1, 8),
        "cut_links": 0.8,
        "small_queues": 0.5,
        "load": (0.8, 4.0),
        "bit_errors": 0.2,
        "processing": 0.3,
    },
    "fast reroute": {
        "alternates": 0.8,
        "n_packets": (50, 300),
        "n_nodes": (3, 8),
        "shapes": ("complete", "complete", "random", "ring"),
        "cuts": (1, 4),
        "cut_links": 0.4,
        "at_once": 0.1,
        "n_tables": (1, 2),
        "hop_limits": (3, 7, 64),
    },
    "direct": {
        "direct": (1, 5),
        "n_packets": (50, 300),
        "n_nodes": (3, 6),
        "cuts": (0, 5),
        "cut_links": 0.7,
        "alternates": 0.5,
        "n_tables": (1, 4),
        "bit_errors": 0.2,
    },
    "direct, trains": {
        "direct": (2, 5),
        "trains": 0.5,
        "n_steps": (1, 1),
        "cuts": (0, 4),
        "n_packets": (50, 300),
    },
    "many packets": {"n_packets": (1200, 3000), "n_nodes": (3, 12), "n_flows": (3, 10), "load": (0.7, 2.0)},
}

FLAVOURS = (*SETTINGS, "mixed")
