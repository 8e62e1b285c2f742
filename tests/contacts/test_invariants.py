"""What holds of every contact, whatever the world: limits at both ends, exact edges, the same every time."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from lasermesh.contacts import ISL, LinkEngine, contact_plan
from lasermesh.orbits import build_ephemeris
from tests.contacts import worlds
from tests.contacts.comparing import (
    PLAIN_SHARE,
    check_same,
    clipped,
    contacts_of_engine,
    contacts_of_stream,
    joined,
)
from tests.contacts.worlds import rule, terminal, topology, uses
from tests.reference.contacts import CHUNK_S, Conditions, Sky
from tests.reference.link_rules import is_radio, terminals_of

OUTSIDE_S = 1e-3
"""A contact has ended this long after its end, and not yet begun this long before its start."""

WORLDS = {
    "grid": worlds.grid_world(3),
    "nearest": worlds.nearest_world(6),
    "guest": worlds.guest_world(5, "nearest"),
    "ground": worlds.ground_world(3, choose="nearest", antennas=True, beams=2),
    "ground terminals": worlds.ground_world(4, choose="highest", rate_gbps=None, reassign_s=15.0),
    "shared": worlds.shared_world(6),
    "shared too": worlds.shared_world(7),
}
every_world = pytest.mark.parametrize("name", WORLDS)


def build(world):
    ephemeris = build_ephemeris(world)
    return LinkEngine(world, ephemeris), ephemeris


def partners(world, graph):
    """{node: [(partner, rule)]} of the links of a graph, each once, that use a terminal of the node."""
    found = {}
    for start, to, index in zip(graph.from_node, graph.to_node, graph.rule, strict=True):
        radio = world.links[index].rule == "ground" and is_radio(world.links[index])
        if not radio:
            found.setdefault(int(start), []).append((int(to), int(index)))
    return found


@every_world
def test_a_terminal_never_serves_two_links(name):
    world = WORLDS[name]
    engine, _ = build(world)
    terminals = terminals_of(world)
    busiest = 0
    for t_s in np.arange(0.0, 400.0 * PLAIN_SHARE, 79.0).tolist():
        graph = engine.graph_at(t_s)
        for node, others in partners(world, graph).items():
            if terminals[node] is not None:
                assert len(others) <= len(terminals[node]), (t_s, node)
            used = []
            for other, index in others:
                verdict = engine.explain(node, other, t_s)
                assert verdict.made and verdict.up and verdict.rule == index
                ours, theirs = verdict.terminals
                check_end(world, terminals[node], ours, other)
                check_end(world, terminals[other], theirs, node)
                used += [ours.index] if ours is not None else []
            assert len(set(used)) == len(used), f"node {node} uses a terminal twice at {t_s}"
            busiest = max(busiest, len(used))
    assert busiest > 0 or name == "ground"


def check_end(world, terminals, state, other):
    """One end of an explained link: the terminal it names is one that the node has, and serves that link."""
    assert (state is None) == (terminals is None)
    if state is not None:
        assert state.busy and state.with_name == world.node_names[other]
        assert any((t.number, t.type.name) == (state.index, state.type_name) for t in terminals)


@pytest.mark.parametrize("name", ["ground", "ground terminals"])
def test_sites_and_satellites_serve_no_more_than_antennas_and_beams_allow(name):
    world = WORLDS[name]
    engine, ephemeris = build(world)
    sites = [site for group in world.ground for site in group.sites]
    beams = world.links[0].beams or math.inf
    seen = 0
    for t_s in np.arange(0.0, 900.0 * PLAIN_SHARE, 11.3).tolist():
        graph = engine.graph_at(t_s)
        links = Counter(graph.from_node.tolist())
        for row, n_links in links.items():
            at = row - ephemeris.n_satellites
            assert n_links <= ((sites[at].antennas or 1) if at >= 0 else beams)
        assert Counter(graph.to_node.tolist()) == links
        seen += len(graph)
    assert seen > 0


@every_world
def test_every_condition_holds_throughout_every_contact(name):
    world = WORLDS[name]
    ephemeris = build_ephemeris(world)
    plan = contact_plan(world, ephemeris, 0.0, 400.0 * PLAIN_SHARE)
    conditions = Conditions(world, ephemeris)
    some = np.random.default_rng(0).permutation(len(plan.start_s))[:60]
    assert len(some) > 0
    for row in some.tolist():
        first, second = sorted((int(plan.from_node[row]), int(plan.to_node[row])))
        if second >= ephemeris.n_satellites:
            first, second = second, first
        inside = np.linspace(plan.start_s[row], plan.stop_s[row], 9)
        inside[0], inside[-1] = inside[0] + OUTSIDE_S, inside[-1] - OUTSIDE_S
        makers = [
            {**conditions.of_pair(index, first, second)}
            for index, each in enumerate(world.links)
            if makes(world, each, first, second)
        ]
        inside = inside[(inside > plan.start_s[row]) & (inside < plan.stop_s[row])]
        assert any(
            all(holds_now(condition, t_s) for t_s in inside for condition in named.values())
            for named in makers
        ), f"contact {row} of {name}"


def makes(world, each, first, second):
    """Whether a rule could join two nodes."""
    rows = [
        set(itertools.chain(*(world.group_rows(group) for group in names)))
        for names in (each.satellites, each.sites, each.clients, each.hosts)
    ]
    if each.rule == "ground":
        return first in rows[1] and second in rows[0]
    if each.rule == "guest":
        return {first, second} & rows[2] and {first, second} & rows[3]
    return {first, second} <= rows[0]


def holds_now(condition, t_s):
    return condition.value(t_s) >= 0.0 if hasattr(condition, "value") else condition.holds(t_s)


WINDOWS_S = 1800.0 * PLAIN_SHARE
SAMPLES_OF_A_SECOND = 6


def windows_of(plan):
    """{(from, to): [[start, stop, open_start, open_stop]]} of a contact plan."""
    windows = {}
    columns = (plan.from_node, plan.to_node, plan.start_s, plan.stop_s, plan.open_start, plan.open_stop)
    for start, to, *window in zip(*(column.tolist() for column in columns), strict=True):
        windows.setdefault((start, to), []).append(window)
    return windows


@pytest.mark.parametrize("seed", range(3))
def test_potential_contacts_have_exact_edges_and_none_of_a_second_is_missed(seed):
    rng = np.random.default_rng([9, seed])
    kind = terminal(max_range_km=7000.0)
    groups = [worlds.swarm("low", rng, 6, uses(kind)), worlds.eccentric("odd", rng, 2, uses(kind))]
    groups.append(worlds.high("high", rng, 2, uses(kind)))
    sites = worlds.random_sites("at", rng, 4, clouds=True)
    ground = rule("ground", "low", "odd", sites=("at",), rate_gbps=1.0)
    world = topology(groups, [rule("nearest", "low", "odd", "high"), ground], [sites], seed=seed)
    ephemeris = build_ephemeris(world)
    windows = windows_of(contact_plan(world, ephemeris, 0.0, WINDOWS_S, potential=True))
    conditions, named = Conditions(world, ephemeris), {}
    for first, second in itertools.combinations(range(ephemeris.n_satellites), 2):
        named[first, second] = conditions.of_link(0, first, second, kind, kind)
    for site, satellite in itertools.product(range(ephemeris.n_satellites, ephemeris.n_nodes), range(8)):
        named[site, satellite] = conditions.of_link(1, site, satellite, None, None, clouds=False)
    check_windows(windows, named, ephemeris, least=15)


@pytest.mark.parametrize("seed", range(3))
def test_contacts_of_a_grid_are_all_windows_of_pointing_and_the_sun(seed):
    rng = np.random.default_rng([10, seed])
    kind = terminal(
        mount=("fore", (0.6, 0.8, 0.0), "right")[seed],
        field_of_regard_deg=130.0,
        sun_exclusion_deg=25.0,
        max_range_km=13_000.0,
    )
    group = worlds.shell("g", rng, uses=uses(kind, count=22), altitude_km=4000.0)
    offsets = tuple(itertools.product(range(2), range(4)))[1:]
    world = topology([group], [rule("grid", "g", neighbour="same-index", offsets=offsets)], seed=seed)
    ephemeris = build_ephemeris(world)
    windows = windows_of(contact_plan(world, ephemeris, 0.0, WINDOWS_S))
    conditions = Conditions(world, ephemeris)
    named = {
        pair: conditions.of_link(0, *pair, kind, kind)
        for pair in itertools.combinations(range(12), 2)
    }  # fmt: skip
    check_windows(windows, named, ephemeris, least=15)


def check_windows(windows, named, ephemeris, least):
    """The windows of each pair are exactly those in which its conditions hold, in both directions."""
    sky, n_found = Sky(ephemeris), 0
    assert set(windows) <= {ends for pair in named for ends in (pair, pair[::-1])}
    for pair, condition in named.items():
        of_pair = windows.get(pair, [])
        assert of_pair == windows.get(pair[::-1], [])
        check_edges(condition.conditions, of_pair)
        n_found += check_none_is_missed(sky, condition.conditions, of_pair)
    assert n_found >= PLAIN_SHARE * least, "too little happens"


def check_edges(conditions, windows):
    """All conditions hold 1 ms inside each window, and one is violated 1 ms outside it."""
    for start_s, stop_s, open_start, open_stop in windows:
        if stop_s - start_s < 3.0 * OUTSIDE_S:
            continue
        for t_s in (start_s + OUTSIDE_S, stop_s - OUTSIDE_S):
            assert all(holds_now(condition, t_s) for condition in conditions), t_s
        for t_s, cut in ((start_s - OUTSIDE_S, open_start), (stop_s + OUTSIDE_S, open_stop)):
            assert cut or not all(holds_now(condition, t_s) for condition in conditions), t_s


def check_none_is_missed(sky, conditions, windows):
    """Every contact of a second that samples 0.2 s apart show is there; returns how many there are."""
    sampled_s, held = [], []
    for number in range(math.ceil(WINDOWS_S / CHUNK_S)):
        sample = sky.chunk(number)
        with np.errstate(invalid="ignore"):
            values = [condition(sample) for condition in conditions]
        sampled_s.append(sample.t_s[1:-2])
        held.append(np.all([each[1:-2] for each in values], axis=0))
    sampled_s, held = np.concatenate(sampled_s), np.concatenate(held)
    held &= sampled_s < WINDOWS_S
    edges = np.flatnonzero(np.diff(np.concatenate(([False], held, [False]))))
    n_found = 0
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if after - first >= SAMPLES_OF_A_SECOND:
            low_s, high_s = sampled_s[first + 1], sampled_s[after - 2]
            assert any(start_s <= low_s and high_s <= stop_s for start_s, stop_s, *_ in windows), low_s
            n_found += 1
    return n_found


# ---------------------------------------------------------------------------------- the same every time


@every_world
def test_the_same_topology_and_seed_give_the_same_bytes(name):
    world = WORLDS[name]
    plans = [contact_plan(world, build_ephemeris(world), 0.0, 200.0 * PLAIN_SHARE) for _ in range(2)]
    for one, other in zip(*plans, strict=True):
        assert one.tobytes() == other.tobytes()
    assert len(plans[0].start_s) > 0


def test_another_seed_gives_other_losses():
    one, other = worlds.grid_world(3), worlds.grid_world(3)
    other = type(other)(**{**vars_of(other), "seed": 99})
    assert contacts_of_engine(one, build_ephemeris(one), 300.0) != contacts_of_engine(
        other, build_ephemeris(other), 300.0
    )


def vars_of(world):
    """The keys of a topology."""
    names = ("name", "epoch", "step_s", "seed", "terminals", "satellites", "ground", "links")
    return {name: getattr(world, name) for name in names}


@pytest.mark.parametrize("name", ["grid", "pair"])
def test_halving_the_step_leaves_losses_where_they_were(name):
    if name == "grid":
        world = worlds.grid_world(3)
    else:
        # Two that stay in sight of each other: whatever the step, the link is made at once.
        weak = terminal(acquisition_s=(3.0, 9.0), mean_time_between_losses_s=50.0)
        rng = np.random.default_rng(1)
        group = worlds.shell("p", rng, planes=1, slots=8, uses=uses(weak), altitude_km=3000.0)
        world = topology([group], [rule("nearest", "p")], seed=3)
    expected = None
    for step_s in (8.0, 4.0, 2.0):
        stepped = type(world)(**{**vars_of(world), "step_s": step_s})
        contacts = contacts_of_engine(stepped, build_ephemeris(world), 600.0)
        assert len(contacts) > 20
        if expected is not None:
            check_same(contacts, expected, 1e-6)
        expected = contacts


def test_asking_in_pieces_or_again_gives_the_same_contacts():
    world = WORLDS["shared"]
    engine, ephemeris = build(world)
    stop_s = 300.0 * PLAIN_SHARE
    whole = contacts_of_stream(engine, 0.0, stop_s, 2.0)
    engine.graph_at(23.4)  # going back starts over
    again = contacts_of_stream(engine, 30.0, stop_s, 2.0)
    check_same(joined(again), joined(clipped(whole, 30.0, stop_s)))
    jumping = LinkEngine(world, ephemeris)
    later = contacts_of_stream(jumping, stop_s - 15.0, stop_s, 2.0)
    check_same(joined(later), joined(clipped(whole, stop_s - 15.0, stop_s)))


# ------------------------------------------------------------------------------------- grids of degree 3


@pytest.mark.parametrize("neighbour", ["nearest-phase", "same-index", "stays-nearest"])
@pytest.mark.parametrize(
    ("planes", "slots", "pattern", "vacant"),
    [
        (4, 6, "walker-delta", ()),
        (6, 8, "walker-delta", ()),
        (5, 6, "walker-delta", ()),
        (6, 6, "walker-star", ()),
        (5, 7, "walker-delta", ()),
        (6, 8, "walker-delta", ((1, 2), (4, 5))),
    ],
)
def test_grids_of_degree_3_join_all_with_three_links_each_at_most(planes, slots, pattern, vacant, neighbour):
    spread_deg = 360.0 if pattern == "walker-delta" else 180.0
    group = worlds.walker(
        "w", planes, slots, uses(terminal(), count=3), pattern=pattern, raan_spread_deg=spread_deg,
        vacant=vacant, altitude_km=5000.0
    )  # fmt: skip
    world = topology([group], [rule("grid", "w", degree=3, neighbour=neighbour)])
    engine, ephemeris = build(world)
    table = engine.links
    neighbours = {}
    for start, to in zip(table.from_node.tolist(), table.to_node.tolist(), strict=True):
        neighbours.setdefault(start, set()).add(to)
    assert set(neighbours) == set(range(ephemeris.n_nodes)), "nobody is left out"
    assert max(len(others) for others in neighbours.values()) <= 3
    plane = [int(of_plane) for of_plane, _ in group.plane_slot]
    for node, others in neighbours.items():
        across = [other for other in others if plane[other] != plane[node]]
        assert len(across) <= 1 and len(others) - len(across) <= 2
    reached, waiting = {0}, [0]
    while waiting:
        for other in neighbours[waiting.pop()] - reached:
            reached.add(other)
            waiting.append(other)
    if not vacant:
        assert len(reached) == ephemeris.n_nodes, "the grid falls into pieces"
    assert (engine.graph_at(0.0).kind == ISL).all()
