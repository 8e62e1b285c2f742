"""The conformance suite: policies that are built in pass it, and every kind of fault is found by it."""

import dataclasses
import json

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.experiments.conformance import check_policy
from lasermesh.experiments.conformance_cases import random_cases, topology_case
from lasermesh.experiments.mean_delays import mean_delays_s, shortest_delays_s
from lasermesh.routing import POLICIES, ForwardingTable, Policy, compute_table, declare, follow_flows
from lasermesh.scenario import load_topology
from tests.experiments.worlds import write_moving
from tests.reference import routing as reference

shortest_delay = POLICIES["shortest-delay"]


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A topology of 24 satellites and two sites."""
    return str(write_moving(tmp_path_factory.mktemp("moving")))


def tried(policy, topologies=(), **more):
    """The entry of a policy that is tried in this process, and its checks by name."""
    result = check_policy(policy, topologies=topologies, fresh_process=False, **more)
    (entry,) = result["policies"]
    assert result["conforms"] == entry["conforms"]
    json.dumps(result, allow_nan=False)
    return entry, {check["name"]: check for check in entry["checks"]}


@pytest.mark.parametrize(
    "name", sorted(POLICIES.keys() - {"explicit"})
)  # whose paths are those of one topology
def test_a_policy_that_is_built_in_conforms(name, moving):
    entry, checks = tried(name, [moving])
    assert entry["conforms"], checks
    assert {check["outcome"] for check in checks.values()} <= {"pass", "not declared"}
    if entry["complete"]:
        assert entry["not_delivered_pairs"] == 0
    assert entry["stretch"] is None or 1.0 - 1e-12 < entry["stretch"]["mean"] <= entry["stretch"]["max"]


def spoilt(change, **declared):
    """Shortest delay, whose array a function of (link, snapshot) changes."""

    def policy(snapshot):
        link = shortest_delay(snapshot).link[:, :, 0].copy()
        changed = change(link, snapshot)
        return link if changed is None else changed

    return declare(**declared)(policy)


def rows_for_ids(link, snapshot):
    row = {int(each): number for number, each in enumerate(snapshot.link)}
    return np.array([[row.get(int(each), -1) for each in line] for line in link]).reshape(link.shape)


def raises_without_flows(link, snapshot):
    return link[:, : len(snapshot.destinations) // snapshot.n_flows + 99]


def no_way_from_node_1(link, snapshot):
    link[1] = -1


def any_link(link, snapshot):
    for node in range(snapshot.n_nodes):
        own = range(snapshot.first[node], snapshot.first[node + 1])
        for row in own:
            if snapshot.transit[snapshot.to_node[row]]:
                link[node] = snapshot.link[row]


def by_way_of_sites(link, snapshot):
    all_carry = dataclasses.replace(snapshot, transit=np.ones(snapshot.n_nodes, dtype=bool))
    link[:] = shortest_delay(all_carry).link[:, :, 0]


def spoils_the_last_table(link, snapshot):
    if snapshot.previous is not None:
        snapshot.previous.link[:] = -1


def counts_its_calls():
    calls = []

    def change(link, snapshot):
        calls.append(1)
        if len(calls) > 50:
            link[0] = -1

    return change


@pytest.mark.parametrize(
    ("policy", "check", "words"),
    [
        (spoilt(rows_for_ids), "table", "names link"),
        (spoilt(lambda link, snapshot: link[:-1]), "table", "returned an array of shape (1, 2); must be"),
        (spoilt(raises_without_flows), "table", "no flows 1: routing policy"),
        (spoilt(by_way_of_sites), "table", "which carries no transit"),
        (spoilt(any_link), "loop-free", "in a circle"),
        (spoilt(no_way_from_node_1, complete=True), "complete", "has a path, to a dead end"),
        (spoilt(spoils_the_last_table), "read-only", "t = 1 s: writes to what it is handed"),
        (spoilt(counts_its_calls()), "deterministic", "it returns another table"),
    ],
)
def test_a_policy_with_a_fault_fails_the_check_for_it(policy, check, words):
    entry, checks = tried(policy)
    assert not entry["conforms"]
    assert checks[check]["outcome"] == "fail" and words in checks[check]["message"]


def test_what_is_not_declared_is_counted_and_no_fault():
    entry, checks = tried(spoilt(any_link, loop_free=False))
    assert entry["conforms"]
    assert {checks[name]["outcome"] for name in ("loop-free", "complete")} == {"not declared"}
    assert "flows can come into a circle" in checks["loop-free"]["message"]
    lost, whole = entry["not_delivered_pairs"], entry["reachable_pairs"]
    assert 0 < lost < whole


def test_a_policy_that_hangs_is_given_up_after_one_call():
    def hangs(snapshot):
        while True:
            pass

    entry, checks = tried(hangs, time_limit_s=0.05)
    assert entry["calls"] == 1 and "took longer than 0.05 s" in checks["table"]["message"]
    assert {check["outcome"] for name, check in checks.items() if name != "table"} == {"not tried"}
    assert entry["not_delivered_pairs"] == entry["reachable_pairs"] > 0 and entry["stretch"] is None


def test_a_policy_may_refuse_what_it_is_not_made_for_but_not_everything(moving):
    def on_grids(snapshot):
        if snapshot.grid is None:
            raise UserError("needs a grid")
        return shortest_delay(snapshot)

    entry, checks = tried(on_grids, [moving])
    assert entry["conforms"] and entry["refused_cases"] == 20
    assert (
        "it does not take 20 of the networks, such as two nodes 1: needs a grid" in checks["table"]["message"]
    )
    entry, checks = tried(on_grids)
    assert not entry["conforms"] and "takes none of the networks" in checks["table"]["message"]


def test_another_process_finds_out_what_depends_on_the_order_of_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from lasermesh.routing import POLICIES\n"
        "def by_sets(snapshot):\n"
        "    print('a policy may talk')\n"
        "    link = POLICIES['shortest-delay'](snapshot).link[:, :, 0].copy()\n"
        "    link[snapshot.names.index(next(iter(set(snapshot.names))))] = -1\n"
        "    return link\n"
        "def plain(snapshot):\n"
        "    return POLICIES['shortest-delay'](snapshot)\n"
    )
    result = check_policy("mine.py:by_sets", "mine.py:plain", topologies=())
    first, second = ({check["name"]: check for check in entry["checks"]} for entry in result["policies"])
    assert first["deterministic"]["outcome"] == "fail"
    assert "in another process it returns another table" in first["deterministic"]["message"]
    assert second["deterministic"]["outcome"] == "pass"


def test_stretch_is_over_the_pairs_that_all_policies_deliver():
    alone = check_policy("fewest-hops", topologies=(), fresh_process=False)
    both = check_policy("fewest-hops", spoilt(no_way_from_node_1), topologies=(), fresh_process=False)
    fewest, lossy = both["policies"]
    assert alone["pairs_compared"] == alone["policies"][0]["reachable_pairs"] == fewest["reachable_pairs"]
    assert both["pairs_compared"] == lossy["reachable_pairs"] - lossy["not_delivered_pairs"]
    assert both["pairs_compared"] < alone["pairs_compared"]
    assert fewest["not_delivered_pairs"] == 0 < lossy["not_delivered_pairs"]
    assert lossy["stretch"]["max"] == pytest.approx(1.0, abs=1e-12)
    assert fewest["stretch"]["max"] > 1.001


def test_the_same_seed_makes_the_same_networks_and_another_one_others():
    def hashes(seed):
        return [snapshot.delay_s.tobytes() for case in random_cases(seed) for snapshot in case.snapshots]

    assert hashes(3) == hashes(3) != hashes(4)


def test_networks_are_of_the_kinds_that_are_promised():
    cases = {case.name: case.snapshots for case in random_cases(1)}
    reach = {name: np.isfinite(shortest_delays_s(first)) for name, (first, *_) in cases.items()}
    assert reach["connected 1"].all() and 0 < reach["disconnected 1"].sum() < len(reach["disconnected 1"])
    assert not cases["sites without transit 1"][0].transit.all()
    assert cases["no flows 1"][0].n_flows == 0 and len(cases["no flows 1"][0].destinations) == 0
    assert len(cases["one destination 2"][0].destinations) == 1
    assert np.unique(cases["lattice 1"][0].delay_s).size == 1
    one_way = cases["one-way links 1"][0]
    pairs = set(zip(one_way.from_node.tolist(), one_way.to_node.tolist(), strict=True))
    assert any(pair[::-1] not in pairs for pair in pairs)
    for first, second, third in cases.values():
        assert first.load is None and second.load is None and len(third.load) == second.n_links
        assert third.n_links == 0 or (third.load.max() <= 1.0 and third.load.min() >= 0.0)
        assert second.n_links <= first.n_links and set(second.link) <= set(first.link)
    changed = [len(first.link) > len(second.link) for first, second, _ in cases.values()]
    assert sum(changed) > len(changed) // 2


def test_a_topology_is_seen_at_several_instants_with_hand_overs(moving):
    case = topology_case(load_topology(moving))
    assert [snapshot.t_s for snapshot in case.snapshots] == [0.0, 60.0, 120.0, 180.0, 180.0]
    first = case.snapshots[0]
    assert first.grid is not None and first.position_m.shape == (26, 3)
    assert first.n_flows == len(set(zip(first.flow_from, first.flow_to, strict=True))) == 40
    assert case.snapshots[-1].load is not None


def test_delays_follow_the_hash_over_paths_and_choices_as_the_engine_does():
    # 0 has two ways to 3: over 1 (3e6 m) and over 2 (5e6 m), and 1 has one way more, over 4 (5e6 m in all).
    links = [(0, 1, 1e6), (1, 3, 2e6), (0, 2, 1e6), (2, 3, 4e6), (1, 4, 2e6), (4, 3, 2e6)]
    snapshot = reference.snapshot_of(5, links, [(0, 3), (1, 3)])
    id_of = {(a, b): number for number, (a, b, _) in enumerate(links)}
    link = np.full((5, 1, 2), -1)
    link[0, 0] = id_of[0, 1], id_of[0, 2]
    link[1, 0] = id_of[1, 3], id_of[1, 4]
    link[2, 0, 0], link[4, 0, 0] = id_of[2, 3], id_of[4, 3]
    table = ForwardingTable(link, np.zeros((2, 1), int))
    table, _ = compute_table(lambda _: table, snapshot)
    light = reference.LIGHT_M_PER_S
    # One hash for all nodes: what goes from 0 to 1 has the even one, and goes on to 3 at once.
    expected = np.array([(3e6 + 5e6) / 2, (2e6 + 4e6) / 2]) / light
    np.testing.assert_allclose(mean_delays_s(snapshot, table), expected, rtol=1e-12)
    np.testing.assert_allclose(shortest_delays_s(snapshot), np.array([3e6, 2e6]) / light, rtol=1e-12)
    link[4, 0, 0] = -1  # the flow from 1 is lost for one hash in two
    table, _ = compute_table(lambda _: ForwardingTable(link, np.zeros((2, 1), int)), snapshot)
    assert np.isnan(mean_delays_s(snapshot, table)).tolist() == [False, True]


def test_mean_delays_of_one_choice_are_those_of_the_routes():
    for case in random_cases(2):
        snapshot = case.snapshots[0]
        table, _ = compute_table("fewest-hops", snapshot)
        delay_s = follow_flows(snapshot, table).delay_s
        np.testing.assert_allclose(mean_delays_s(snapshot, table), delay_s, rtol=1e-12)


def test_a_policy_object_goes_by_its_name_and_a_wrong_option_is_refused():
    entry, _ = tried(Policy("by another name", shortest_delay))
    assert entry["policy"] == "by another name" and entry["conforms"]
    with pytest.raises(UserError, match="k: unknown key"):
        check_policy("shortest-delay", options={"k": 3})
