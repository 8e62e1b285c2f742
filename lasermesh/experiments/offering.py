"""What `throughput` offers to a network: which pairs, in which proportion, how much, and at which scale."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from lasermesh.errors import UserError
from lasermesh.experiments.policy_of import PolicyReader
from lasermesh.packets.setup import flow_hashes
from lasermesh.routing import follow_flows
from lasermesh.scenario import load_topology
from lasermesh.scenario.flows import LEAST_GBPS, MOST_GBPS, PACKET_BYTES
from lasermesh.scenario.loading import load_made

OVERLOAD = 1.25
"""Saturating traffic is so many times what could leave its source, be it over all its links at once."""

QUEUE_PACKETS = 100
"""Queue of a link where nothing is said: that of the routers in many studies, and enough to keep it busy."""

PACKET_BUDGET = 5_000_000
"""Packets sent and links crossed that a run should not exceed: seconds of wall time."""

SIZES = 9
"""Sizes of packets, from half the greatest up.

Packets of one size leave a full link evenly, and where such streams meet at a full queue one of them takes
every place that becomes free: with two, Jain's index was 0.5 (phase effects: S. Floyd and V. Jacobson,
Internetworking: Research and Experience 3, 1992). Random times at the sources do not help behind a full
link; random sizes do, with which it was above 0.99.
"""

FLOWS_PER_PAIR = 16
"""Flows that a pair is sent as where the policy has several paths for it: each takes one, by its hash."""

MOST_FLOWS = 20_000
"""Flows of a run; of many pairs each is sent as fewer. Counters of one flow have some kilobytes."""

NAME = "throughput"
EQUAL, GIVEN, MATRIX = "equal", "given", "matrix"


def packet_mix(packet_bytes):
    """Sizes of packets with their weights, `packet_bytes` the greatest: list of [bytes, weight].

    Raises
    ------
    UserError
        If a packet cannot have that size.
    """
    if not PACKET_BYTES.low <= packet_bytes <= PACKET_BYTES.high:
        raise UserError(
            f"packets must have {PACKET_BYTES.low} to {PACKET_BYTES.high} bytes (got {packet_bytes})"
        )
    sizes = np.linspace(max(PACKET_BYTES.low, packet_bytes / 2), packet_bytes, SIZES).astype(int)
    return [[size, 1] for size in np.unique(sizes).tolist()]


class Demand(NamedTuple):
    """Who sends to whom, in which proportion; row i is pair i."""

    experiment: object  # Experiment whose flows are the pairs
    kind: str  # EQUAL, GIVEN or MATRIX
    gbps: np.ndarray  # float64 (n_pairs,)  GIVEN: what is offered; else only the proportion counts


def read_demand(topology, pairs, matrix, rate_gbps, table, sets):
    """The experiment that `throughput` runs, and its demand.

    Parameters
    ----------
    topology : str
        Name or file.
    pairs : list of (str, str), str or None
        Names, a CSV file as `[[flows]] pairs` takes it, or "all": every ground site to every other.
    matrix : str or None
        In place of pairs: a CSV file, or "gravity" among all ground sites.
    rate_gbps : float or None
        What each pair offers, of a matrix all of them together.
    table : dict
        The experiment's other keys, those of its flows below `flows`.
    sets : iterable of str

    Raises
    ------
    ScenarioError, UserError
        If a name, a file or a rate is wrong.
    """
    if rate_gbps is not None and not LEAST_GBPS <= rate_gbps <= MOST_GBPS:
        raise UserError(f"the rate must be {LEAST_GBPS:g} to {MOST_GBPS:g} Gbps (got {rate_gbps:g})")
    flow = {"name": NAME, "kind": "poisson"} | table.pop("flows")
    if matrix is not None:
        flow |= {"matrix": matrix}
        if matrix == "gravity":
            flow |= {"sites": _ground_groups(topology, sets), "total_gbps": rate_gbps or 1000.0}
    else:
        listed = _all_pairs(topology, sets) if pairs == "all" else pairs
        flow |= {"pairs": listed, "rate_gbps": rate_gbps or 1.0}
    experiment = load_made(
        {"name": NAME, "topology": topology, "flows": [flow], **table}, sets, PolicyReader()
    )
    gbps = np.array([spec.rate_gbps for spec in experiment.expanded_flows])
    if matrix is not None:
        total_gbps = gbps.sum() if rate_gbps is None else rate_gbps
        return Demand(experiment, MATRIX if rate_gbps is None else GIVEN, gbps * (total_gbps / gbps.sum()))
    with_rate = sum(pair.rate_gbps is not None for pair in experiment.flows[0].pairs)
    if rate_gbps is None and 0 < with_rate < len(gbps):
        raise UserError(
            f"{pairs}: {with_rate} of {len(gbps)} pairs have a rate; give all of them one, or none, or say "
            "which rate the others have"
        )
    return Demand(experiment, EQUAL if rate_gbps is None and not with_rate else GIVEN, gbps)


def _of_topology(sets):
    return [text for text in sets if text.startswith("topology.")]


def _all_pairs(topology, sets):
    """Every ground site to every other, in file order."""
    loaded = load_topology(topology, _of_topology(sets))
    sites = [site.name for group in loaded.ground for site in group.sites]
    if len(sites) < 2:
        raise UserError(f'all pairs of ground sites: topology "{loaded.name}" has {len(sites)} of them')
    return [[a, b] for a in sites for b in sites if a != b]


def _ground_groups(topology, sets):
    return [group.name for group in load_topology(topology, _of_topology(sets)).ground]


def saturating_gbps(demand, snapshots):
    """What pairs offer that saturates: float64 (n_pairs,), 0 where nothing can ever leave or arrive.

    Equal demands: the pairs of a source share OVERLOAD times the rates of all its links. A matrix: multiplied
    until some node's links out or in would have OVERLOAD times their rates to carry.
    """
    source, sink = snapshots[0].flow_from, snapshots[0].flow_to
    n_nodes = snapshots[0].n_nodes
    links_out, links_in = (
        np.max([np.bincount(ends(s), s.rate_bps / 1e9, n_nodes) for s in snapshots], axis=0)
        for ends in (lambda s: s.from_node, lambda s: s.to_node)
    )
    joined = (links_out[source] > 0.0) & (links_in[sink] > 0.0)
    if demand.kind == EQUAL:
        sharing = np.bincount(source[joined], minlength=n_nodes)
        return np.where(joined, OVERLOAD * links_out[source] / np.maximum(1, sharing[source]), 0.0)
    wanted = np.where(joined, demand.gbps, 0.0)
    use = [
        np.bincount(ends, wanted, n_nodes)[links > 0.0] / links[links > 0.0]
        for ends, links in ((source, links_out), (sink, links_in))
    ]
    most = np.concatenate(use).max(initial=0.0)
    return wanted * (OVERLOAD / most) if most > 0.0 else wanted


def routes_of_parts(snapshot, table, parts, seed):
    """Paths that each pair takes if it is sent as `parts` flows: Routes of n_pairs * parts flows, in a row.

    Those that runs show, but for pairs that are left out there: hashes go by the row of the flow.
    """
    flow_from, flow_to = (np.repeat(rows, parts) for rows in (snapshot.flow_from, snapshot.flow_to))
    return follow_flows(
        dataclasses.replace(snapshot, flow_from=flow_from, flow_to=flow_to),
        table._replace(label_of_flow=np.repeat(table.label_of_flow, parts, axis=0)),
        flow_hashes(seed, len(flow_from)),
    )


def parts_differ(routes, parts):
    """Whether flows of one pair take different paths."""
    return any(
        routes.nodes_of(flow) != routes.nodes_of(flow - flow % parts)
        for flow in range(len(routes.delay_s))
        if flow % parts
    )


def parts_of_pairs(offered_gbps, most, scale):
    """As how many flows each pair is sent: int64 (n_pairs,), fewer than `most` if flows were too slow."""
    least_gbps = 1.001 * LEAST_GBPS / scale
    return np.clip(offered_gbps / least_gbps, 1, most).astype(np.int64)


def split_flows(specs, offered_gbps, parts):
    """Pair i as parts[i] flows with equal parts of its rate, those of a pair in a row: list of FlowSpec."""
    return [
        dataclasses.replace(spec, name=f"{spec.name}/{part + 1}" if n > 1 else spec.name, rate_gbps=gbps / n)
        for spec, gbps, n in zip(specs, offered_gbps.tolist(), parts.tolist(), strict=True)
        for part in range(n)
    ]


def link_loads_gbps(routes, offered_gbps, n_links):
    """What links would carry if nothing were lost, each flow offering so much: float64 by link id."""
    links = np.array(routes.link, np.int64)
    rates = np.repeat(offered_gbps, np.diff(routes.first))
    return np.bincount(links[links >= 0], rates[links >= 0], n_links)


def scale_for(offered_gbps, least_gbps, carried_gbps, packet_bytes, duration_s, budget=PACKET_BUDGET):
    """`packets.scale` with which a run has about `budget` packets sent and links crossed, 1 at most.

    In one digit. `offered_gbps` and `carried_gbps` are sums over pairs and links, `least_gbps` is the slowest
    flow or link, which the scale leaves above what a rate may be.
    """
    packets = (offered_gbps + carried_gbps) * 1e9 / (8 * packet_bytes) * duration_s
    if packets <= budget:
        return 1.0
    digit = 10.0 ** math.floor(math.log10(budget / packets))
    scale = math.floor(budget / packets / digit + 1e-9) * digit
    return min(1.0, max(scale, 1.001 * LEAST_GBPS / least_gbps))
