"""The network and the traffic of a random case, before anything changes."""

import heapq
import itertools
import math

from tests.reference.case import NONE, UNLIMITED, Flow, Step, Table
from tests.reference.packet_simulator import BIT_PS_PER_BYTE, serialization_ps

# So that a run, and the gap after its last packet, stay well within 64 bits of picoseconds (106 days).
LONGEST_FLOW_PS = 10**18
LONGEST_MEAN_GAP_PS = 10**17


class NetworkMaker:
    """Links, sizes, rates, flows, ranges and queues, each drawn by itself."""

    def __init__(self, dice, knobs):
        self.dice = dice
        self.knobs = knobs
        self.in_step = dice.random() < knobs.in_step

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
        if self.knobs.both_ways > 0 and dice.random() < self.knobs.both_ways:
            directed |= {(b, a) for a, b in directed}
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

    # -- ways

    def calm_table(self):
        """Fewest hops, in force from the start at all nodes."""
        links = [[NONE] * self.n_nodes for _ in range(self.n_nodes)]
        for destination in range(self.n_nodes):
            for node, (_, link) in self.ways_to(destination).items():
                links[node][destination] = link
        return Table(links, [0] * self.n_nodes)

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
