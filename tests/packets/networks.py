"""Networks larger than the random cases: a torus, and a formation of satellites in a Walker constellation."""

import random

import numpy as np

from lasermesh.contacts import LinkEngine
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from lasermesh.units import PS_PER_MS, PS_PER_S, SPEED_OF_LIGHT_M_PER_S
from tests.packets.comparing import flow_totals, link_totals
from tests.reference.case import UNLIMITED, Case, Flow, Step, Table
from tests.reference.test_packet_simulator import next_links

GBPS = 10**9


def case_of(n_nodes, links, flows, steps, rate_bps, *, queue_packets=UNLIMITED, seed=1):
    """A case from links (from, to), all up from the start at one rate; labels are destinations."""
    with_delays = [(start, end, 0) for start, end in links]
    return Case(
        n_nodes=n_nodes,
        end_ps=steps[-1].t1_ps,
        seed=seed,
        link_from=[start for start, _ in links],
        link_to=[end for _, end in links],
        queue_packets=[queue_packets] * len(links),
        queue_bytes=[UNLIMITED] * len(links),
        framing_bytes=0,
        on_link_down="reroute",
        changes=[(0, link, "start", rate_bps) for link in range(len(links))],
        steps=steps,
        tables=[Table(next_links(with_delays, n_nodes), [0] * n_nodes)],
        flows=flows,
    )


def torus(
    *,
    side=8,
    delay_ps=PS_PER_MS // 5,
    rate_bps=GBPS,
    n_flows=64,
    flow_bps=GBPS // 4,
    n_destinations=64,
    end_ps=4 * PS_PER_MS,
    n_steps=1,
    queue_packets=20,
    seed=5,
):
    """A case of side x side nodes, each with links to its four neighbours.

    Delays differ a little from link to link and change within a step. With few destinations links are
    overloaded.
    """
    dice = random.Random(seed)
    at = [(row, column) for row in range(side) for column in range(side)]
    links = [
        (row * side + column, (row + down) % side * side + (column + right) % side)
        for row, column in at
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))
    ]
    ends = []
    while len(ends) < n_flows:
        a, b = dice.randrange(side * side), dice.randrange(n_destinations)
        if a != b:
            ends.append((a, b))
    flows = [
        Flow(a, b, ("constant", "poisson")[k % 2], rate_bps=flow_bps, sizes=((1500, 2), (600, 1)), label=b)
        for k, (a, b) in enumerate(ends)
    ]
    delays = [[delay_ps + dice.randrange(delay_ps // 10 + 1) for _ in links] for _ in range(n_steps + 1)]
    edges = [end_ps * k // n_steps for k in range(n_steps + 1)]
    steps = [Step(edges[k], edges[k + 1], delays[k], delays[k + 1]) for k in range(n_steps)]
    return case_of(side * side, links, flows, steps, rate_bps, queue_packets=queue_packets, seed=seed)


FORMATION_RANGE_M = 100.0
N_IN_FORMATION = 10


def picoseconds(range_m):
    """Light time of ranges in whole ps."""
    return np.rint(np.asarray(range_m) * (PS_PER_S / SPEED_OF_LIGHT_M_PER_S)).astype(np.int64)


def walker_144(*, with_formation, end_ps, load=1.0, n_flows=30):
    """The satellites of walker-144 and their links; behind them, perhaps, a formation with its own traffic.

    The formation's ten satellites are rows 144 to 153, a chain with 100 m from one to the next. Its first is
    joined to row 0 over 1000 km. Links and flows of the formation come behind all others.
    """
    topology = load_topology("walker-144")
    engine = LinkEngine(topology, build_ephemeris(topology))
    graph = engine.graph_at(0.0)
    n_nodes = 144
    among = (graph.from_node < n_nodes) & (graph.to_node < n_nodes)
    start, end = graph.from_node[among].tolist(), graph.to_node[among].tolist()
    links = list(zip(start, end, strict=True))
    delay_start = picoseconds(graph.range_m[among]).tolist()
    delay_end = picoseconds(engine.ranges_at(graph.link[among], end_ps / PS_PER_S)).tolist()
    dice = random.Random(144)
    flows = []
    for _ in range(n_flows):
        a, b = dice.sample(range(n_nodes), 2)
        flows.append(Flow(a, b, "poisson", rate_bps=round(2 * GBPS * load), label=b))
    if with_formation:
        first = n_nodes
        n_nodes += N_IN_FORMATION
        near = int(picoseconds(FORMATION_RANGE_M))
        joints = [(k, k + 1, near) for k in range(first, n_nodes - 1)] + [(0, first, int(picoseconds(1e6)))]
        for a, b, delay in joints:
            links += [(a, b), (b, a)]
            delay_start += [delay] * 2
            delay_end += [delay] * 2
        for a, b in ((first, n_nodes - 1), (n_nodes - 1, first), (first + 3, first + 7)):
            flows.append(Flow(a, b, "poisson", rate_bps=round(4 * GBPS * load), label=b))
    steps = [Step(0, end_ps, delay_start, delay_end)]
    return case_of(n_nodes, links, flows, steps, 25 * GBPS)


def outcome_of(engine, fates):
    """Everything that came out of a finished run, to be compared; drains the engine's links."""
    counters = engine.flow_counters()
    links = link_totals(engine.drain_links(), engine.n_links)
    return fates, links, flow_totals(counters), counters.histogram.tolist()
