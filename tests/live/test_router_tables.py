"""Routes of what satellites answer: shortest in delay whatever the policy, in front of its labels."""

import numpy as np
import pytest

from lasermesh.live.router_tables import RouterTables, links_towards
from lasermesh.packets import PacketEngine, Step
from lasermesh.routing import ForwardingTable
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import NONE, PS_PER_S
from tests.reference import routing as reference
from tests.routing.networks import random_network

HOSTS = np.array([3, 1])
SATELLITES = 2


class Engine(PacketEngine):
    """A packet engine that is asked for ways to satellites, as a live one is."""

    wanted = ()
    admitted = ()

    def assign_satellites(self):
        rows = self.first_satellite + np.arange(len(self.wanted))
        for row, node in zip(rows.tolist(), self.wanted, strict=True):
            self.set_destination(row, node)
        return rows

    def admit_to_satellites(self, rows):
        self.admitted = rows.tolist()


def engine_of(snapshot):
    """An engine with the links of a snapshot, flows between HOSTS, to them and to satellites; the tables."""
    flows = flows_from_rows([]).with_outside(HOSTS, HOSTS[::-1], hop_limit=64)
    flows = flows.with_outside(HOSTS, HOSTS, hop_limit=64, direct=1)
    flows = flows.with_outside(HOSTS[[0, 0]], HOSTS[[0, 0]], hop_limit=64, direct=1)
    engine = Engine(snapshot.n_nodes, flows, end_ps=PS_PER_S)
    engine.first_satellite = 4
    ends = np.full((int(snapshot.link.max()) + 1, 2), [0, 1])
    ends[snapshot.link] = np.stack([snapshot.from_node, snapshot.to_node], axis=1)
    engine.add_links(*ends.T, 10, 10_000)
    return engine, RouterTables(engine, HOSTS, 2, 4, SATELLITES)


def begin(engine, start_ps=0):
    """Begin a step, of a second, in which nothing changes but tables."""
    none = np.zeros(0, np.int64)
    engine.begin_step(Step(start_ps, start_ps + PS_PER_S, *[none] * 7))


def tables_in_force(engine):
    """Links by node and label that nodes use once their step has begun."""
    forwarding = engine.forwarding()
    slot = forwarding.slot_of_node.copy()
    slot[np.repeat(np.arange(len(slot)), np.diff(forwarding.switch_first))] = forwarding.switch_slot
    links = forwarding.tables[slot, np.arange(len(slot))]
    return links[:, : forwarding.n_labels * forwarding.n_choices].reshape(
        len(slot), forwarding.n_labels, forwarding.n_choices
    )


@pytest.mark.parametrize("seed", range(20))
def test_columns_lead_along_the_shortest_paths_of_the_reference(seed):
    rng = np.random.default_rng(seed)
    snapshot = random_network(rng, 8)
    nodes = rng.permutation(8)[:4]
    links = links_towards(snapshot, nodes)
    to_node = dict(zip(snapshot.link.tolist(), snapshot.to_node.tolist(), strict=True))
    delay_s = dict(zip(snapshot.link.tolist(), snapshot.delay_s.tolist(), strict=True))
    for column, destination in enumerate(nodes.tolist()):
        expected = reference.shortest_delays(snapshot, destination)
        for start in range(8):
            took_s, node = 0.0, start
            while links[node, column] != NONE:
                link = int(links[node, column])
                took_s, node = took_s + delay_s[link], to_node[link]
                assert node == destination or snapshot.transit[node]
            assert (node == destination) == (start in expected)
            if node == destination:
                assert took_s == pytest.approx(expected[start], rel=1e-12)


def test_they_stand_in_front_of_the_labels_of_the_policy_which_keep_their_meaning():
    snapshot = random_network(np.random.default_rng(5), 8)
    engine, routers = engine_of(snapshot)
    rng = np.random.default_rng(1)
    link = rng.integers(0, 5, (8, 3, 2)).astype(np.int32)
    next_label = rng.integers(-1, 3, (8, 3)).astype(np.int32)
    backup = rng.integers(-1, 5, (8, 3)).astype(np.int32)
    table = ForwardingTable(link, np.array([[2, 1], [0, NONE]], np.int32), next_label, backup)
    routers.install(table, [1], 0, snapshot)
    begin(engine)
    routers.enter_step()
    front = len(HOSTS) + SATELLITES
    found = tables_in_force(engine)
    assert (found[:, front:] == link).all()
    assert (found[:, :2, 0] == links_towards(snapshot, HOSTS)).all()
    assert (found[:, 2:front] == NONE).all() and (found[:, :front, 1] == NONE).all()
    forwarding = engine.forwarding()
    entered = forwarding.label_of_flow
    in_use = entered[forwarding.switch_slot[0]]
    assert in_use[0] - front in (2, 1) and in_use[1] - front == 0
    assert (entered[:, 2:] == [0, 1, 2, 3]).all()
    assert set(routers.labels_in_use()) <= {0, 1, 2}


def test_satellites_that_are_asked_for_are_reached_in_the_step_that_goes_on_and_in_the_next():
    first, second = (random_network(np.random.default_rng(seed), 8) for seed in (2, 4))
    engine, routers = engine_of(first)
    plain = ForwardingTable(np.full((8, 1, 1), NONE, np.int32), np.zeros((2, 1), np.int32))
    routers.install(plain, None, 0, first)
    begin(engine)
    routers.enter_step()
    before = tables_in_force(engine)
    routers.install(plain, None, PS_PER_S, second)  # of the next step, which is computed ahead
    staged = engine.prepare_step(Step(PS_PER_S, 2 * PS_PER_S, *[np.zeros(0, np.int64)] * 7))
    engine.wanted = (6, 4)
    assert routers.lead_to_new_satellites() == 2
    assert engine.admitted == [4, 5]
    now = tables_in_force(engine)
    assert (now[:, 2:4, 0] == links_towards(first, np.array([6, 4]))).all()
    assert (now[:, :2] == before[:, :2]).all()
    engine.advance(PS_PER_S)
    engine.enter_step(staged)
    routers.enter_step()
    then = tables_in_force(engine)
    assert (then[:, :2, 0] == links_towards(second, HOSTS)).all()
    assert (then[:, 2:4, 0] == links_towards(second, np.array([6, 4]))).all()
    engine.wanted = ()
    routers.install(plain, None, 2 * PS_PER_S, first)  # and in those after it
    begin(engine, 2 * PS_PER_S)
    assert (tables_in_force(engine)[:, 2:4, 0] == links_towards(first, np.array([6, 4]))).all()


def test_a_satellite_that_is_asked_for_while_a_table_is_made_is_in_that_table(monkeypatch):
    first, second = (random_network(np.random.default_rng(seed), 8) for seed in (2, 4))
    engine, routers = engine_of(first)
    plain = ForwardingTable(np.full((8, 1, 1), NONE, np.int32), np.zeros((2, 1), np.int32))
    routers.install(plain, None, 0, first)
    begin(engine)
    routers.enter_step()
    made = routers._joined

    def joined(*arguments):
        table = made(*arguments)
        engine.wanted = (6,)
        assert routers.lead_to_new_satellites() == 1
        return table

    monkeypatch.setattr(routers, "_joined", joined)
    routers.install(plain, None, PS_PER_S, second)
    engine.advance(PS_PER_S)
    begin(engine, PS_PER_S)
    assert (tables_in_force(engine)[:, 2:3, 0] == links_towards(second, np.array([6]))).all()
