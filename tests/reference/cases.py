"""Random small cases for the packet model, made so that packets meet: waits, drops, ties, untimely changes.

Times drawn at random never coincide to the picosecond, but the order of what falls on one instant is half of
the model. Two things make instants coincide:

- Some cases go in step: every size, rate, delay and time is a multiple of one packet time.
- All are drawn in passes. A calm network is simulated, in which links stay up and tables stay. Then probe
  flows are added whose packets are made when others arrive, or arrive together with others. Then stops,
  starts, rate changes, table switches, step edges and the end of the run are set to instants at which
  something happened at the node concerned.
"""

import bisect
import heapq
import itertools
import math
import random
from dataclasses import dataclass, replace

from tests.reference.case import NONE, UNLIMITED, Case, Flow, Step, Table, ordered_changes
from tests.reference.case_checks import check_case
from tests.reference.packet_simulator import BIT_PS_PER_BYTE, delay_ps, serialization_ps, simulate

# So that a run, and the gap after its last packet, stay well within 64 bits of picoseconds (106 days).
LONGEST_FLOW_PS = 10**18
LONGEST_MEAN_GAP_PS = 10**17


@dataclass
class Knobs:
    """What a flavour sets before a case is drawn; the defaults are those of a plain case."""

    n_nodes: tuple[int, int] = (2, 8)
    shapes: tuple[str, ...] = ("chain", "ring", "star", "complete", "random", "random", "funnel")
    n_flows: tuple[int, int] = (1, 6)
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
    "many packets": {"n_packets": (1200, 3000), "n_nodes": (3, 12), "n_flows": (3, 10), "load": (0.7, 2.0)},
}

FLAVOURS = (*SETTINGS, "mixed")


def random_case(rng, flavour=None) -> Case:
    """One random case of a flavour, or of any.

    Parameters
    ----------
    rng : random.Random or numpy.random.Generator
        Only its `random()` is used, once.
    flavour : str, optional
        One of FLAVOURS.
    """
    dice = random.Random(int(rng.random() * 2**53))
    flavour = flavour or dice.choice(FLAVOURS)
    if flavour == "mixed":
        knobs = Knobs()
        for name in dice.sample(sorted(SETTINGS), dice.randint(2, 4)):
            knobs = replace(knobs, **SETTINGS[name])
        if knobs.wrong_entries > 0:  # loops cost up to 64 hops per packet
            knobs = replace(knobs, n_packets=(50, 250))
    else:
        knobs = Knobs(**SETTINGS[flavour])
    case = _Maker(dice, knobs).make()
    check_case(case)
    return case


class _Maker:
    """The parts of one case, in the order in which they are drawn."""

    def __init__(self, dice, knobs):
        self.dice = dice
        self.knobs = knobs
        self.in_step = dice.random() < knobs.in_step

    def make(self):
        dice, knobs = self.dice, self.knobs
        self.n_nodes = dice.randint(*knobs.n_nodes)
        self.draw_links()
        self.draw_sizes()
        self.draw_rates()
        self.draw_flows()
        self.draw_steps()
        self.case = Case(
            n_nodes=self.n_nodes,
            end_ps=self.run_ps,
            seed=dice.getrandbits(dice.choice((4, 32, 63))),
            link_from=[start for start, _ in self.links],
            link_to=[end for _, end in self.links],
            queue_packets=[],
            queue_bytes=[],
            framing_bytes=self.framing_bytes,
            on_link_down=dice.choice(knobs.on_link_down),
            changes=[(0, link, "start", rate_bps) for link, rate_bps in enumerate(self.link_rate_bps)],
            steps=self.steps,
            tables=[],
            flows=self.flows,
        )
        self.draw_queues()
        self.case.tables = [self.calm_table()]
        self.watch()
        if not self.in_step:
            for _ in range(dice.randint(*knobs.n_probes)):
                self.add_probe()
            self.watch()
        self.move_flow_stops()
        self.move_steps()
        self.draw_changes()
        self.draw_tables()
        if dice.random() < knobs.hand_over:
            self.add_hand_over()
        if dice.random() < 0.3:
            self.case.end_ps = max(1, min(self.moment(), self.run_ps))
        return self.case

    # -- the network

    def draw_links(self):
        """Directed links, mostly in pairs, ids in any order."""
        dice, n = self.dice, self.n_nodes
        shape = dice.choice(self.knobs.shapes)
        if shape == "chain":
            pairs = {(node, node + 1) for node in range(n - 1)}
        elif shape == "ring":
            pairs = {(node, (node + 1) % n) for node in range(n)}
        elif shape == "star":
            pairs = {(0, node) for node in range(1, n)}
        elif shape == "complete" and n <= 6:
            pairs = {(a, b) for a in range(n) for b in range(a)}
        elif shape == "funnel":  # many sources, one way on
            middle = max(n - 3, 0)
            pairs = {(node, middle) for node in range(middle)} | {
                (node, node + 1) for node in range(middle, n - 1)
            }
        else:
            pairs = {(dice.randrange(node), node) for node in range(1, n)}
            pairs |= {tuple(dice.sample(range(n), 2)) for _ in range(dice.randint(0, n))}
        directed = set()
        for a, b in pairs:
            ways = dice.choices(("both", "there", "back"), (8, 1, 1))[0]
            directed |= {(a, b)} if ways != "back" else set()
            directed |= {(b, a)} if ways != "there" else set()
        names = dice.sample(range(n), n)  # so that node rows say nothing about places
        self.links = [(names[a], names[b]) for a, b in sorted(directed)]
        dice.shuffle(self.links)

    def draw_sizes(self):
        """Sizes in use, as packet mixes."""
        dice = self.dice
        self.framing_bytes = 0 if self.in_step else dice.choice(self.knobs.framing_bytes)
        if self.in_step:
            size = dice.choice((1, 10, 1000, 1500))
            self.mixes = [((size, 1),), ((size, 2), (2 * size, 1))]
            self.usual_size = size
            return
        if self.knobs.sizes == "extreme":
            wild = ((1, 5), (40, 7), (1500, 4), (9000, 1), (65_535, 1))
            self.mixes = [((1, 1),), ((65_536, 1),), ((1, 3), (65_536, 1)), wild]
        else:
            some = ((64, 1), (dice.randint(65, 9000), 1))
            self.mixes = [((1500, 1),), ((dice.randint(1, 9000), 1),), ((40, 7), (576, 4), (1500, 1)), some]
        self.mixes = dice.sample(self.mixes, dice.randint(1, len(self.mixes)))
        sizes = [size for mix in self.mixes for size, _ in mix]
        self.usual_size = sum(sizes) // len(sizes)

    def draw_rates(self):
        """A reference rate and one for each link, often round numbers."""
        self.rate_bps = self.a_rate()
        self.link_rate_bps = [self.near_rate(self.rate_bps) for _ in self.links]
        self.packet_ps = serialization_ps(self.usual_size, self.framing_bytes, self.rate_bps)

    def a_rate(self):
        rate = self.log_uniform(*self.knobs.rate_bps)
        if (
            self.in_step
        ):  # a packet time must be a whole number of picoseconds, also at half and twice the rate
            rate = self.dice.choice((1, 2, 4)) * 10 ** int(math.log10(rate))
        elif self.dice.random() < 0.5:
            rate = float(f"{rate:.0e}")
        return max(1000, min(int(rate), 1_600_000_000_000))

    def near_rate(self, rate_bps):
        """What another link's rate may be, or the rate after a change."""
        if self.in_step:
            return rate_bps // self.dice.choice((1, 1, 1, 1, 2))
        if self.knobs.link_rates == "wide":
            return self.a_rate()
        if self.knobs.link_rates == "some":
            return max(1000, int(rate_bps * self.dice.choice((0.1, 0.3, 0.5, 1, 1, 2, 3))))
        return rate_bps if self.dice.random() < 0.8 else max(1000, rate_bps // self.dice.choice((2, 3)))

    # -- traffic

    def draw_flows(self):
        """Flows, most of them to few destinations so that they meet; they decide how long the run is."""
        dice, knobs = self.dice, self.knobs
        n_flows = dice.randint(*knobs.n_flows)
        n_packets = max(1, int(self.log_uniform(*knobs.n_packets)) // n_flows)  # per flow
        load = self.log_uniform(*knobs.load)
        popular = dice.sample(range(self.n_nodes), min(self.n_nodes, dice.choice((1, 1, 2, 3))))
        hub = dice.randrange(self.n_nodes)
        usual_mix = dice.choice(self.mixes)
        flows = []
        for _ in range(n_flows):
            is_from_hub = dice.random() < knobs.from_hub
            if is_from_hub:
                destination = dice.choice([node for node in range(self.n_nodes) if node != hub])
            else:
                destination = dice.choice(popular) if dice.random() < 0.8 else dice.randrange(self.n_nodes)
            distance = {
                node: far for node, (far, _) in self.ways_to(destination).items() if node != destination
            }
            sources = [node for node in range(self.n_nodes) if node != destination]
            source = (
                dice.choice(sorted(distance)) if distance and dice.random() < 0.97 else dice.choice(sources)
            )
            if is_from_hub:
                source = hub
            kind = dice.choice(knobs.kinds)
            hop_limit = dice.choice(knobs.hop_limits)
            if source in distance and dice.random() < knobs.exact_hop_limit:
                hop_limit = int(distance[source])
            sizes = usual_mix if dice.random() < 0.5 else dice.choice(self.mixes)
            if self.in_step:
                rate_bps = max(1, self.rate_bps // dice.choice((1, 1, 2, 2, 4, 5)))
                kind = "constant" if kind == "poisson" else kind
            else:
                own = [
                    rate
                    for rate, ends in zip(self.link_rate_bps, self.links, strict=True)
                    if ends[0] == source
                ]
                base = min(own, default=self.rate_bps) if knobs.link_rates == "wide" else self.rate_bps
                rate_bps = int(base * load * dice.uniform(0.3, 1.7) / min(n_flows, 3))
                rate_bps = max(rate_bps, math.ceil(mean_size(sizes) * BIT_PS_PER_BYTE / LONGEST_MEAN_GAP_PS))
            flows.append(
                Flow(source, destination, kind, rate_bps, sizes, hop_limit=hop_limit, label=destination)
            )

        # Flows of very different rates last differently long; the run is for the usual ones, or for all.
        gaps_ps = [int(mean_size(flow.sizes) * BIT_PS_PER_BYTE / flow.rate_bps) + 1 for flow in flows]
        lasts_ps = [min(n_packets * gap_ps, LONGEST_FLOW_PS) for gap_ps in gaps_ps]
        self.flows_ps = max(lasts_ps) if knobs.link_rates == "wide" else sorted(lasts_ps)[n_flows // 2]
        for flow, gap_ps, last_ps in zip(flows, gaps_ps, lasts_ps, strict=True):
            last_ps = min(last_ps, self.flows_ps)
            if self.in_step:
                flow.start_ps = self.packet_ps * dice.choice((0, 0, 1, 2, 3))
            elif dice.random() < 0.6:
                flow.start_ps = dice.randint(0, self.flows_ps - last_ps + gap_ps)
            flow.stop_ps = flow.start_ps + last_ps
            if flow.kind == "constant" and not self.in_step and dice.random() < 0.7:
                flow.phase_ps = dice.randrange(gap_ps)
            if flow.kind == "script":
                flow.script = self.script(flow.start_ps, gap_ps, flow.sizes, n_packets)
        self.flows = flows

    def script(self, start_ps, gap_ps, sizes, n_packets):
        """Bursts: packets together, back to back, a whole number of packet times apart, or alone."""
        dice = self.dice
        time_ps, script = start_ps, []
        for _ in range(n_packets):
            gaps = [0, 0, self.packet_ps, self.packet_ps * dice.randint(1, 4)]
            if not self.in_step:
                gaps += [1, int(dice.expovariate(1 / (3 * gap_ps)))]
            time_ps += dice.choice(gaps)
            script.append((time_ps, dice.choices(*zip(*sizes, strict=True))[0]))
        return tuple(script)

    # -- ranges

    def draw_steps(self):
        """Steps and delays; how long the run is."""
        dice, knobs = self.dice, self.knobs
        far_ps = int(self.flows_ps * self.log_uniform(*knobs.delay_in_run)) + 1
        near_ps = self.packet_ps * dice.randint(1, 20)
        if self.in_step:
            far_ps = self.packet_ps * min(max(1, far_ps // self.packet_ps), dice.choice((2, 5, 20, 100)))
        in_formation = set(dice.sample(range(self.n_nodes), max(2, self.n_nodes // dice.choice((1, 2, 3)))))
        is_zero = [dice.random() < 0.5 for _ in self.links]

        def a_delay(link):
            if knobs.delays == "zero" or (knobs.delays == "some zero" and is_zero[link]):
                return 0
            if knobs.delays == "equal":
                return far_ps
            if knobs.delays == "formation" and in_formation.issuperset(self.links[link]):
                delay = dice.randint(0, near_ps)
            else:
                delay = dice.randint(0 if dice.random() < 0.3 else far_ps // 2, far_ps)
            return delay // self.packet_ps * self.packet_ps if self.in_step else delay

        wanted_ps = (
            self.flows_ps + dice.choice((0, 1, 2, 4)) * far_ps + dice.choice((0, 10, 100)) * self.packet_ps
        )
        n_steps = min(dice.randint(*knobs.n_steps), wanted_ps)
        if self.in_step or dice.random() < 0.5:  # all steps equal, as in a real run
            step_ps = max(1, wanted_ps // n_steps)
            if self.in_step:
                step_ps = (step_ps // self.packet_ps + 1) * self.packet_ps
            edges = [step_ps * k for k in range(n_steps + 1)]
        else:
            edges = sorted({0, wanted_ps, *(dice.randint(1, wanted_ps) for _ in range(n_steps - 1))})
        self.run_ps = edges[-1]
        for flow in self.flows:  # some never stop, but none goes on for much longer than was meant
            if self.run_ps - flow.start_ps < 2 * (flow.stop_ps - flow.start_ps) and dice.random() < 0.5:
                flow.stop_ps = UNLIMITED

        is_steady = self.in_step or dice.random() < 0.4  # ranges are then constant within a step
        ends = [a_delay(link) for link in range(len(self.links))]
        self.steps = []
        for t0_ps, t1_ps in itertools.pairwise(edges):
            starts = [a_delay(link) if dice.random() < knobs.jump else end for link, end in enumerate(ends)]
            ends = [start if is_steady else (start + a_delay(link)) // 2 for link, start in enumerate(starts)]
            self.steps.append(Step(t0_ps, t1_ps, starts, ends))

    def move_steps(self):
        """Move some edges between steps to instants of packets."""
        edges = [0, *(step.t1_ps for step in self.steps)]
        for k in range(1, len(edges) - 1):
            if self.dice.random() < 0.5:
                edge_ps = self.moment()
                if edges[k - 1] < edge_ps < edges[k + 1]:
                    edges[k] = edge_ps
        self.case.steps = [
            replace(step, t0_ps=t0_ps, t1_ps=t1_ps)
            for step, (t0_ps, t1_ps) in zip(self.steps, itertools.pairwise(edges), strict=True)
        ]

    def move_flow_stops(self):
        """Let some flows stop at an instant at which they would make a packet."""
        for flow, sent in zip(self.flows, self.sent, strict=True):
            if sent and self.dice.random() < 0.1:
                flow.stop_ps = sent[-1 - self.dice.randrange(1 + len(sent) // 3)]

    # -- queues

    def draw_queues(self):
        """Limits in packets, in bytes, or in both."""
        dice, kind, size = self.dice, self.knobs.queues, self.usual_size
        packets, octets = {
            "none": ((0, 0, UNLIMITED), (0, UNLIMITED)),
            "long": ((100, UNLIMITED), (100 * size, UNLIMITED)),
            "any": (
                (0, 1, 2, 5, 10, 30, 100, UNLIMITED, UNLIMITED, UNLIMITED),
                (0, size - 1, size, 3 * size, 10 * size, 50 * size, UNLIMITED, UNLIMITED, UNLIMITED),
            ),
        }[kind]
        alike = dice.choice(packets), dice.choice(octets)
        for _ in self.links:
            limits = alike if dice.random() < 0.6 else (dice.choice(packets), dice.choice(octets))
            if kind == "none" and limits == (UNLIMITED, UNLIMITED):
                limits = 0, 0
            self.case.queue_packets.append(limits[0])
            self.case.queue_bytes.append(limits[1])

    # -- instants

    def watch(self):
        """Simulate what there is so far and note what happens when, by node."""
        self.moments = [[] for _ in range(self.n_nodes)]  # ascending
        self.sent = [[] for _ in self.flows]  # instants at which each flow makes packets
        self.services = [[] for _ in self.links]  # (start_ps, left_ps, ready_ps) of each packet that has left
        self.passing = []  # (time_ps, node, link it came over, destination) of packets that arrive and go on
        for packet in simulate(self.case).packets.values():
            destination = self.flows[packet.flow].destination
            self.moments[self.flows[packet.flow].source].append(packet.sent_ps)
            self.sent[packet.flow].append(packet.sent_ps)
            ready_ps = packet.sent_ps
            for hop in packet.path:
                self.services[hop.link].append((hop.start_ps, hop.left_ps, ready_ps))
                ready_ps = hop.arrival_ps
                start, end = self.links[hop.link]
                self.moments[start] += (hop.start_ps, hop.left_ps)
                if hop.arrival_ps < self.run_ps:
                    self.moments[end].append(hop.arrival_ps)
                    if end != destination:
                        self.passing.append((hop.arrival_ps, end, hop.link, destination))
        for moments in self.moments:
            moments.sort()
        self.all_moments = sorted(itertools.chain(*self.moments)) or [self.run_ps // 2]

    def moment(self, node=None):
        """An instant for a change: of an event at that node or any, one beside it, a round one, or any."""
        dice = self.dice
        if self.in_step or dice.random() < self.knobs.snap:
            moments = self.all_moments
            if node is not None and self.moments[node] and dice.random() < 0.9:
                moments = self.moments[node]
            beside = 0 if self.in_step else dice.choice((0, 0, 0, 0, 0, 0, -1, 1))
            return max(0, dice.choice(moments) + beside)
        if dice.random() < 0.3:
            return self.packet_ps * dice.randint(0, self.run_ps // self.packet_ps)
        return dice.randint(0, self.run_ps)

    def moment_from(self, node, earliest_ps):
        """An instant soon after another at which something happens at a node."""
        moments = self.moments[node]
        place = bisect.bisect_left(moments, earliest_ps) + self.dice.choice((0, 0, 1, 3))
        return moments[place] if place < len(moments) else earliest_ps

    def add_probe(self):
        """A flow from where packets pass, or from one link before, whose packets meet those that pass."""
        dice = self.dice
        if not self.passing:
            return
        _, node, came_over, destination = dice.choice(self.passing)
        arrivals = sorted(
            {passing[0] for passing in self.passing if passing[1:] == (node, came_over, destination)}
        )
        arrivals = sorted(dice.sample(arrivals, max(1, len(arrivals) // dice.choice((1, 2, 5)))))
        size = dice.choice(dice.choice(self.mixes))[0]
        source = node
        others = [
            link for link, (start, end) in enumerate(self.links) if end == node and start != destination
        ]
        others = [link for link in others if link != came_over]
        if others and dice.random() < 0.5:
            link = dice.choice(others)
            source = self.links[link][0]
            times = [self.time_to_send(link, size, arrival_ps) for arrival_ps in arrivals]
        else:
            times = arrivals
        times = sorted(time_ps for time_ps in times if time_ps is not None and time_ps >= 0)
        script = tuple((time_ps, size) for time_ps in times for _ in range(dice.choice((1, 1, 1, 2))))
        # As the last row, since another row would make other random numbers for a flow.
        self.flows.append(Flow(source, destination, "script", script=script, label=destination))

    def time_to_send(self, link, size, arrival_ps):
        """When to begin with a packet that is to arrive then, or None if rounding leaves no such instant."""
        left_ps = arrival_ps
        for _ in range(20):
            if not 0 < left_ps <= self.run_ps:
                return None
            too_late_ps = left_ps + delay_ps(self.case, link, left_ps) - arrival_ps
            if too_late_ps == 0:
                return left_ps - serialization_ps(size, self.framing_bytes, self.link_rate_bps[link])
            left_ps -= too_late_ps
        return None

    # -- links

    def draw_changes(self):
        """Contacts of each link, and rate changes within them."""
        dice, knobs = self.dice, self.knobs
        # Links of one node often stop at one instant.
        common = [[self.moment(node) for _ in range(2)] for node in range(self.n_nodes)]
        changes = []
        for link, rate_bps in enumerate(self.link_rate_bps):
            node = self.links[link][0]
            n_cuts = dice.randint(*knobs.cuts) if dice.random() < knobs.cut_links else 0
            times = []
            for _ in range(n_cuts):
                kind = dice.random()
                if kind < knobs.at_edges:
                    times.append(dice.choice(self.case.steps).t0_ps)
                else:
                    times.append(dice.choice(common[node]) if kind < 0.5 else self.moment(node))
            contacts = self.contacts(sorted(times))
            for start_ps, stop_ps in contacts:
                start_rate_bps = rate_bps if dice.random() < 0.8 else self.near_rate(rate_bps)
                changes.append((start_ps, link, "start", start_rate_bps))
                if stop_ps is not None:
                    changes.append((stop_ps, link, "stop", 0))
            for time_ps in {self.moment(node) for _ in range(dice.randint(*knobs.rate_changes))}:
                if any(start <= time_ps and (stop is None or time_ps < stop) for start, stop in contacts):
                    changes.append((time_ps, link, "rate", self.near_rate(rate_bps)))
        dice.shuffle(changes)  # their order in the list means nothing
        self.case.changes = changes

    def contacts(self, times):
        """[start_ps, stop_ps or None] from times at which a link is to change."""
        dice, knobs = self.dice, self.knobs
        if not times or dice.random() < knobs.up_at_start:
            times = [0, *times]
        contacts = []
        is_up = False
        for time_ps in times:
            if is_up:
                stop_ps = contacts[-1][1] = max(time_ps, contacts[-1][0] + 1)
                is_up = dice.random() < 0.7  # again at once, soon, or at the next of the times
                if is_up:
                    pause_ps = 0 if dice.random() < knobs.at_once else self.packet_ps * dice.randint(1, 30)
                    contacts.append([stop_ps + pause_ps, None])
            else:
                start_ps = max(time_ps, contacts[-1][1]) if contacts else time_ps
                contacts.append([start_ps, None])
                is_up = True
            if is_up and time_ps > 0 and dice.random() < knobs.short_contact:
                one_ps = self.packet_ps
                lasts = (one_ps, 2 * one_ps) if self.in_step else (1, 2, one_ps, one_ps + 1, 5 * one_ps)
                contacts[-1][1] = contacts[-1][0] + dice.choice(lasts)
                is_up = False
        return contacts

    # -- tables

    def draw_tables(self):
        """Tables at growing times, each node perhaps later than others; most know which links are down."""
        dice = self.dice
        n_tables = dice.randint(*self.knobs.n_tables)
        stops = [time_ps for time_ps, _, kind, _ in self.case.changes if kind == "stop"]
        times = [0]
        for _ in range(n_tables - 1):
            kind = dice.random()
            if kind < 0.6 and stops:
                times.append(dice.choice(stops))
            elif kind < 0.7:
                times.append(dice.choice(times))
            else:
                times.append(self.moment())
        interval_ps = self.run_ps // n_tables
        tables = []
        for time_ps in sorted(times):
            down = set(range(len(self.links)))
            for change_ps, link, kind, _ in ordered_changes(self.case):
                if change_ps <= time_ps:
                    (down.add if kind == "stop" else down.discard)(link)
            switch_ps = []
            for node in range(self.n_nodes):
                late = dice.choice(self.knobs.late)
                is_late = late > 0 and (time_ps > 0 or dice.random() < 0.05)
                late_ps = int(late * interval_ps * dice.random())
                switch_ps.append(self.moment_from(node, time_ps + late_ps) if is_late else time_ps)
            if not tables and self.knobs.wrong_entries == 0 and dice.random() < 0.7:
                tables.append(replace(self.calm_table(), switch_ps=switch_ps))
            else:
                tables.append(self.table(switch_ps, down if dice.random() < 0.8 else set()))
        self.case.tables = tables

    # -- hand-over

    def add_hand_over(self):
        """Stop a busy link, or two, just when another of that node has packets waiting and becomes free.

        That one takes over by a table that switches at that instant; its queue may be full if those still
        waiting are counted, but not once the next is taken.
        """
        dice, case = self.dice, self.case
        ways = []  # (time_ps, link that is freed, links that are busy)
        for link, services in enumerate(self.services):
            siblings = [other for other, ends in enumerate(self.links) if ends[0] == self.links[link][0]]
            starts = {start_ps for start_ps, _, ready_ps in services if ready_ps < start_ps}
            freed = [left_ps for _, left_ps, _ in services if left_ps in starts]
            for time_ps in dice.sample(freed, min(len(freed), 20)):
                busy = [
                    other
                    for other in siblings
                    if any(start_ps < time_ps < left_ps for start_ps, left_ps, _ in self.services[other])
                ]
                if busy:
                    ways.append((time_ps, link, busy))
        if not ways:
            return
        time_ps, link, busy = dice.choice(ways)
        stopping = dice.sample(busy, min(len(busy), dice.choice((1, 2, 2))))
        if dice.random() < 0.5:
            waiting = [
                ready_ps for start_ps, _, ready_ps in self.services[link] if ready_ps < time_ps <= start_ps
            ]
            case.queue_packets[link] = len(waiting)
        case.on_link_down = "reroute"
        # Nothing else is to change before, so that what was seen in the calm network happens again.
        node = self.links[link][0]
        case.changes = [
            (0, other, "start", self.link_rate_bps[other]) for other in range(len(self.links))
        ] + [(time_ps, other, "stop", 0) for other in stopping]
        for other in stopping:
            if dice.random() < 0.5:
                pause_ps = dice.choice((0, 1, 10)) * self.packet_ps
                case.changes.append((time_ps + pause_ps, other, "start", self.link_rate_bps[other]))
        before = self.calm_table()
        after = [row.copy() for row in before.link]
        after[node] = [link if way in stopping else way for way in after[node]]
        switch_ps = [time_ps] * self.n_nodes
        later = [table for table in case.tables if min(table.switch_ps) > time_ps]
        case.tables = [before, Table(after, switch_ps), *later]

    def calm_table(self):
        """Fewest hops, in force from the start at all nodes."""
        links = [[NONE] * self.n_nodes for _ in range(self.n_nodes)]
        for destination in range(self.n_nodes):
            for node, (_, link) in self.ways_to(destination).items():
                links[node][destination] = link
        return Table(links, [0] * self.n_nodes)

    def table(self, switch_ps, known_down):
        """Shortest ways by weights drawn anew, with one label per destination, in row order or any."""
        dice, n = self.dice, self.n_nodes
        part = dice.choice((0.01, 1.0))  # of weights that is chance, else hops
        weights = [1.0 - part + part * dice.random() for _ in self.links]
        links = [[NONE] * n for _ in range(n)]
        for destination in range(n):
            for node, (_, link) in self.ways_to(destination, weights, known_down).items():
                links[node][destination] = link
        for node in range(n):
            out = [link for link, (start, _) in enumerate(self.links) if start == node]
            for label in range(n):
                if dice.random() < self.knobs.wrong_entries:
                    links[node][label] = dice.choice([NONE, *out, *out, *out])
        labels = list(range(n))
        if dice.random() < 0.1:  # packets under way then follow labels that mean something else
            dice.shuffle(labels)
            links = [[row[labels.index(label)] for label in range(n)] for row in links]
        if labels == list(range(n)) and dice.random() < 0.3:
            return Table(links, switch_ps)
        return Table(links, switch_ps, [labels[flow.destination] for flow in self.flows])

    def ways_to(self, destination, weights=None, without=()):
        """{node: (distance, first link)} of all nodes with a way to the destination."""
        found = {}
        heap = [(0.0, destination, NONE)]
        while heap:
            distance, node, first = heapq.heappop(heap)
            if node in found:
                continue
            found[node] = (distance, first)
            for link, (start, end) in enumerate(self.links):
                if end == node and link not in without:
                    heapq.heappush(heap, (distance + (weights[link] if weights else 1.0), start, link))
        return found

    def log_uniform(self, low, high):
        return math.exp(self.dice.uniform(math.log(low), math.log(high)))


def mean_size(sizes):
    """Mean of a packet mix."""
    return sum(size * weight for size, weight in sizes) / sum(weight for _, weight in sizes)
