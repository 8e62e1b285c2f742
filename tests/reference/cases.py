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
import itertools
import random
from dataclasses import replace

from tests.reference.case import DROP_TAIL, NONE, Case, Flow, Table, ordered_changes
from tests.reference.case_checks import check_case
from tests.reference.case_features import (
    Scale,
    add_alternates,
    add_direct,
    add_features,
    add_node_failures,
)
from tests.reference.case_knobs import FLAVOURS, SETTINGS, Knobs
from tests.reference.case_networks import NetworkMaker
from tests.reference.packet_simulator import delay_ps, serialization_ps, simulate

__all__ = ["FLAVOURS", "random_case"]


def random_case(rng, flavour=None) -> Case:
    """One random case of a flavour, or of any.

    Parameters
    ----------
    rng : random.Random or numpy.random.Generator
        Only its `random()` is used, once.
    flavour : str, optional
        One of FLAVOURS.
    """
    number = int(rng.random() * 2**53)
    dice = random.Random(number)
    flavour = flavour or dice.choice(FLAVOURS)
    knobs = mixed_knobs(dice) if flavour == "mixed" else Knobs(**SETTINGS[flavour])
    case = _Maker(dice, knobs, number).make()
    check_case(case)
    return case


def mixed_knobs(dice):
    """What two to four flavours set, as far as it goes together."""
    knobs = Knobs()
    for name in dice.sample(sorted(SETTINGS), dice.randint(2, 4)):
        knobs = replace(knobs, **SETTINGS[name])
    if knobs.wrong_entries > 0:  # loops cost up to 64 hops per packet
        knobs = replace(knobs, n_packets=(50, 250))
    if knobs.trains > 0:  # they know no other queues, and what cuts them must be known within a step
        knobs = replace(knobs, classes=(1,), disciplines=(DROP_TAIL,), n_steps=(1, 1), node_failures=(0, 0))
    return knobs


class _Maker(NetworkMaker):
    """The parts of one case, in the order in which they are drawn."""

    def __init__(self, dice, knobs, number):
        super().__init__(dice, knobs)
        self.dice_of_features = random.Random(f"features/{number}")

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
        scale = Scale(self.packet_ps, self.usual_size, self.in_step)
        add_features(self.case, knobs, self.dice_of_features, scale)
        self.case.tables = [self.calm_table()]
        self.watch()
        if not self.in_step:
            for _ in range(dice.randint(*knobs.n_probes)):
                self.add_probe()
            self.watch()
        self.move_flow_stops()
        self.move_steps()
        add_direct(self.case, knobs, self.dice_of_features, scale, self.moment)
        self.draw_changes()
        self.draw_tables()
        if dice.random() < knobs.hand_over:
            self.add_hand_over()
        n_failures = self.dice_of_features.randint(*knobs.node_failures)
        add_node_failures(self.case, n_failures, self.dice_of_features, self.moment)
        add_alternates(self.case, knobs.alternates, self.dice_of_features, scale)
        if dice.random() < 0.3:
            self.case.end_ps = max(1, min(self.moment(), self.run_ps))
        return self.case

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
            for hop, (tail_left_ps, _) in zip(packet.path, packet.tails, strict=True):
                self.services[hop.link].append((hop.start_ps, hop.left_ps, ready_ps))
                ready_ps = hop.arrival_ps + self.case.processing_ps[self.links[hop.link][1]]
                start, end = self.links[hop.link]
                self.moments[start] += (hop.start_ps, hop.left_ps)
                if tail_left_ps > hop.left_ps:
                    self.moments[start].append(tail_left_ps)
                if ready_ps < self.run_ps:
                    self.moments[end].append(ready_ps)
                    if end != destination:
                        self.passing.append((ready_ps, end, hop.link, destination))
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
            if sent and flow.kind not in ("ack", "reply") and self.dice.random() < 0.1:
                flow.stop_ps = sent[-1 - self.dice.randrange(1 + len(sent) // 3)]

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
