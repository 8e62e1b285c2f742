"""The engine's stream of steps, its graphs and its contact plan against the reference, on random worlds."""

import numpy as np
import pytest

from lasermesh.compiled import COMPILED
from lasermesh.contacts import LinkEngine, contact_plan
from lasermesh.orbits import build_ephemeris
from tests.contacts import worlds
from tests.contacts.comparing import (
    EDGE_TOLERANCE_S,
    PLAIN_SHARE,
    check_engine,
    check_same,
    clipped,
    joined,
)
from tests.reference.link_rules import Contact, simulate

CHOICES = ("nearest", "random", "longest-remaining")
GROUND = {
    "all": {},
    "all, with beams": {"beams": 2},
    "all, with antennas": {"antennas": True},
    "nearest": {"choose": "nearest", "beams": 1},
    "nearest anew": {"choose": "nearest", "reassign_s": 15.0, "beams": 2},
    "highest anew": {"choose": "highest", "antennas": True, "reassign_s": 30.0},
    "longest": {"choose": "longest-remaining", "antennas": True},
    "terminals": {"choose": "nearest", "antennas": True, "rate_gbps": None},
    "asymmetric": {"rate_gbps": None, "up_gbps": 0.5, "down_gbps": 2.0, "max_range_km": 5000.0},
}


def check(world, stop_s, start_s=0.0, least=1, **other):
    stop_s = start_s + PLAIN_SHARE * (stop_s - start_s)
    return check_engine(
        world, build_ephemeris(world), stop_s, start_s, least=least if COMPILED else 0, **other
    )


@pytest.mark.parametrize("seed", range(3))
def test_grids_with_losses_sun_fields_of_regard_and_steps_of_rate(seed):
    check(worlds.grid_world(seed), 1200.0, least=50)


@pytest.mark.parametrize("seed", range(4))
def test_nearest(seed):
    check(worlds.nearest_world(seed), 500.0)


@pytest.mark.parametrize(("step_s", "stop_s"), [(0.3, 45.0), (1.0, 150.0), (13.0, 1500.0), (60.0, 2400.0)])
def test_nearest_at_steps_short_and_long(step_s, stop_s):
    check(worlds.nearest_world(1, step_s), stop_s)


@pytest.mark.parametrize(
    ("choose", "seed"),
    [(choose, seed) for choose in CHOICES for seed in range(3) if choose != "longest-remaining" or seed != 2],
)
def test_guests(choose, seed):
    check(worlds.guest_world(seed, choose), 600.0)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", GROUND)
def test_ground(kind, seed):
    check(worlds.ground_world(seed + 10 * list(GROUND).index(kind), **GROUND[kind]), 900.0)


@pytest.mark.parametrize("seed", range(6))
def test_rules_that_share_terminals(seed):
    check(worlds.shared_world(seed), 300.0)


def test_satellites_that_decay_take_their_links_with_them():
    world = worlds.decaying_world(3)
    ephemeris = build_ephemeris(world)
    contacts = check_engine(world, ephemeris, 600.0)
    failed = [(failure.row, failure.t_s) for failure in ephemeris.failures]
    assert failed and all(0.0 < t_s < 700.0 for _, t_s in failed)
    for row, t_s in failed:
        assert all(contact.stop_s <= t_s + EDGE_TOLERANCE_S for contact in contacts if row in contact[:2])


@pytest.mark.parametrize("motion", ["held", "hill"])
def test_formations(motion):
    check(worlds.formation_world(motion), 1500.0)


@pytest.mark.parametrize("step_s", [0.7, 2.0, 31.0, 250.0])
def test_contacts_do_not_depend_on_how_long_the_steps_asked_for_are(step_s):
    check(worlds.shared_world(1), 200.0, step_s=step_s)


def test_memory_begins_where_the_warm_up_says():
    world = worlds.shared_world(2)
    check(world, 751.0, start_s=601.0, warm_up_s=120.5)


def test_memory_begins_at_zero_even_if_asked_from_later_on():
    check(worlds.shared_world(2), 400.0, start_s=301.0)


def test_memory_begins_at_an_asked_instant_before_zero():
    check(worlds.shared_world(3), 99.0, start_s=-151.0)


# -------------------------------------------------------------------------------- graphs and contact plans


def rows_at(contacts, t_s):
    return [
        (c.from_node, c.to_node, c.rule, c.rate_bps)
        for c in sorted(contacts)
        if c.start_s <= t_s < c.stop_s
    ]  # fmt: skip


def rows_of(graph):
    columns = graph.from_node, graph.to_node, graph.rule, graph.rate_bps
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("order", ["forward", "any"])
def test_graphs_are_those_of_the_instant(order):
    world = worlds.shared_world(4)
    ephemeris = build_ephemeris(world)
    stop_s = 300.0 * PLAIN_SHARE
    contacts = simulate(world, ephemeris, stop_s).contacts
    edges = np.array([edge for contact in contacts for edge in contact[3:5]])
    rng = np.random.default_rng(4)
    instants = rng.uniform(0.0, stop_s, 30 if order == "forward" else 8)
    instants = np.append(instants, [0.0, 8.0, 20.0])
    if order == "forward":
        instants.sort()
    engine = LinkEngine(world, ephemeris)
    for t_s in instants.tolist():
        if np.abs(edges - t_s).min() < EDGE_TOLERANCE_S and t_s % world.step_s:
            continue
        graph = engine.graph_at(t_s)
        assert rows_of(graph) == rows_at(contacts, t_s), t_s
        position_m = ephemeris.state_at(t_s)[0]
        ranges_m = np.linalg.norm(position_m[graph.to_node] - position_m[graph.from_node], axis=1)
        assert graph.range_m == pytest.approx(ranges_m, abs=1e-3)


def contacts_of_plan(plan):
    """Rows of a contact plan as the reference lists contacts, but for the rule, which it does not hold."""
    columns = plan.from_node, plan.to_node, plan.start_s, plan.stop_s, plan.rate_bps
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Contact(start, to, 0, begin_s, end_s, bps) for start, to, begin_s, end_s, bps in rows]


@pytest.mark.parametrize(
    ("world", "start_s", "stop_s"),
    [
        (worlds.grid_world(1), 0.0, 900.0),
        (worlds.shared_world(0), 0.0, 300.0),
        (worlds.shared_world(3), 100.0, 350.0),
        (worlds.ground_world(5, choose="highest", reassign_s=15.0), 0.0, 900.0),
    ],
    ids=["grid", "shared", "shared later", "ground"],
)
def test_contact_plans_hold_the_same_contacts(world, start_s, stop_s):
    ephemeris, stop_s = build_ephemeris(world), start_s + PLAIN_SHARE * (stop_s - start_s)
    plan = contact_plan(world, ephemeris, start_s, stop_s)
    order = np.lexsort((plan.start_s, plan.to_node, plan.from_node))
    assert order.tolist() == list(range(len(order)))
    contacts = simulate(world, ephemeris, stop_s, start_s).contacts
    expected = clipped([contact._replace(rule=0) for contact in contacts], start_s, stop_s)
    check_same(joined(clipped(contacts_of_plan(plan), start_s, stop_s)), joined(expected))
    assert (plan.open_start == (plan.start_s == start_s)).all()
    assert (plan.open_stop == (plan.stop_s == stop_s)).all()
    check_light_times(plan, ephemeris)


def check_light_times(plan, ephemeris):
    """Each light time is one that its contact has had."""
    for row in range(0, len(plan.start_s), 7):
        instants = np.linspace(plan.start_s[row], plan.stop_s[row], 60)
        positions_m = np.array([ephemeris.state_at(t_s)[0] for t_s in instants])
        ranges_m = np.linalg.norm(
            positions_m[:, plan.to_node[row]] - positions_m[:, plan.from_node[row]], axis=1
        )
        light_s = ranges_m / 299_792_458.0
        slack_s = 1e-9 + 0.02 * (light_s.max() - light_s.min())
        assert light_s.min() - slack_s <= plan.owlt_s[row] <= light_s.max() + slack_s
