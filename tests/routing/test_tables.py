"""Forwarding tables: what is refused, what is counted, and paths read from them."""

import numpy as np
import pytest

from lasermesh.errors import RunFailed
from lasermesh.routing import ForwardingTable, answer_of, compute_table, follow, follow_flows
from lasermesh.routing import table as table_module
from tests.reference import routing as reference

# A line 0 - 1 - 2 - 3, both ways; link ids 10 to 15.
LINE = [(0, 1, 1e6), (1, 2, 2e6), (2, 3, 4e6), (1, 0, 1e6), (2, 1, 2e6), (3, 2, 4e6)]
IDS = [10, 11, 12, 13, 14, 15]
FLOWS = [(0, 3), (3, 0), (1, 3)]


def line(flows=FLOWS, transit=None):
    return reference.snapshot_of(4, LINE, flows, transit, IDS, t_s=7.5)


def right_answer():
    """Labels 0 and 1 lead to nodes 0 and 3."""
    return np.array([[-1, 10], [13, 11], [14, 12], [15, -1]])


def refusal(answer, snapshot=None):
    """The message about a policy that returns `answer`."""

    def always_wrong(_snapshot):
        return answer

    with pytest.raises(RunFailed) as refused:
        compute_table(always_wrong, snapshot or line())
    assert str(refused.value).startswith('routing policy "always_wrong" at t = 7.5 s ')
    return str(refused.value)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("shape", [(4, 2), (4, 2, 1)])
def test_a_plain_array_of_integers_is_a_table_with_one_label_per_destination(dtype, shape):
    answer = right_answer()
    if dtype == np.uint64:  # no NONE in there: write links that nobody follows
        answer[0, 0], answer[3, 1] = 10, 15
    table, report = compute_table(lambda _: answer.astype(dtype).reshape(shape), line())
    assert table.link.dtype == np.int32 and table.link.shape == (4, 2, 1)
    assert table.label_of_flow.tolist() == [[1], [0], [1]]
    assert len(report.dead_end_flows) == len(report.looping_flows) == 0


def test_what_is_no_table_is_refused():
    assert "returned None" in refusal(None)
    assert "returned a list" in refusal([[1, 2]])
    assert "shape (4, 3); must be (4, 2) or (4, 2, 1)" in refusal(np.zeros((4, 3), dtype=int))
    assert "returned a link array of dtype float64; must be int32" in refusal(right_answer().astype(float))
    assert "returned a link array of dtype bool; must be int32" in refusal(np.zeros((4, 2), dtype=bool))
    assert "returned a link array of dtype object; must be int32" in refusal(right_answer().astype(object))
    assert "returned link as a list; must be an int32 array" in refusal(
        ForwardingTable([[[1]]], np.zeros((3, 1), dtype=int))
    )


def test_the_array_of_a_wrong_dtype_is_named():
    link = right_answer()[:, :, np.newaxis]
    labels = np.array([[1], [0], [1]])
    floats = ForwardingTable(link, labels.astype(float))
    assert refusal(floats).endswith("returned a label_of_flow array of dtype float64; must be int32")
    floats = ForwardingTable(link, labels, np.zeros((4, 2)))
    assert refusal(floats).endswith("returned a next_label array of dtype float64; must be int32")


def test_nan_is_refused_with_what_to_write_instead():
    answer = right_answer().astype(float)
    answer[0, 0] = np.nan
    assert 'returned a link array with NaN at node "n0", label 0 (towards "n0"); write -1' in refusal(answer)


def test_numbers_beyond_int32_are_refused():
    answer = right_answer()
    answer[1, 1] = 2**40
    assert "returned a link array with numbers beyond int32" in refusal(answer)


def test_links_that_a_node_cannot_use_are_refused():
    for wrong, words in [
        (16, 'names link 16 at node "n1", label 1 (towards "n3"), which is down or does not exist'),
        (3, 'names link 3 at node "n1", label 1 (towards "n3"), which is down'),
        (12, 'which starts elsewhere: it goes from "n2" to "n3"'),
        (-2, "link ids are not negative"),
    ]:
        answer = right_answer()
        answer[1, 1] = wrong
        assert words in refusal(answer)


def table_of(link, label_of_flow=((1,), (0,), (1,)), next_label=None):
    return ForwardingTable(np.array(link), np.array(label_of_flow), next_label and np.array(next_label))


def test_a_forwarding_table_is_checked_like_an_array():
    link = right_answer()[:, :, np.newaxis].tolist()
    assert "returned a label_of_flow array of shape (2, 1); must be (3, n_paths)" in refusal(
        table_of(link, [[1], [0]])
    )
    wrong = 'label_of_flow array with label 2 for the flow from "n3" to "n0"; labels are 0 to 1'
    assert wrong in refusal(table_of(link, [[1], [2], [0]]))
    assert "label_of_flow array with label -2" in refusal(table_of(link, [[1], [-2], [0]]))
    gap = 'leaves a path of label_of_flow empty but fills a later one for the flow from "n0" to "n3"'
    assert gap in refusal(table_of(link, [[-1, 1], [0, 1], [1, -1]]))
    assert "returned a next_label array of shape (1, 2); must be (4, 2)" in refusal(
        table_of(link, next_label=[[0, 0]])
    )
    assert 'next_label array with label 5 at node "n0"' in refusal(table_of(link, next_label=[[0, 5]] * 4))
    assert "returned a link array of shape (3, 2, 1)" in refusal(table_of(link[:3]))
    assert "returned a link array of shape (4, 2, 0)" in refusal(
        ForwardingTable(np.zeros((4, 2, 0), int), np.zeros((3, 1), int))
    )
    gap = np.stack([np.full((4, 2), -1), right_answer()], axis=2)
    assert 'leaves choice 0 at node "n0", label 1 (towards "n3") empty but fills a later one' in refusal(
        table_of(gap)
    )


def test_a_path_through_a_node_without_transit_is_refused():
    message = refusal(right_answer(), line(transit=[True, True, False, True]))
    assert 'the flow from "n0" to "n3" through "n2", which carries no transit' in message


def test_loops_and_dead_ends_are_counted_by_flow():
    answer = right_answer()
    answer[2, 1] = 14  # 2 sends what is for 3 back to 1
    answer[1, 0] = -1  # and 1 does not know the way to 0
    table, report = answer_of(lambda _: answer, line())
    assert report.looping_flows.tolist() == [0, 2]
    assert report.dead_end_flows.tolist() == [1]
    assert [follow(line(), table, flow) for flow in range(3)] == [[], [], []]


def test_a_label_can_change_on_the_way():
    # A way-point: 0 sends to 3 with label 0, which means "to 2"; at 2 the label becomes 1, "to 3".
    link = [[[10], [-1]], [[11], [-1]], [[12], [-1]], [[-1], [-1]]]
    next_label = [[-1, -1], [-1, -1], [1, -1], [-1, -1]]
    table, report = compute_table(lambda _: table_of(link, [[0]], next_label), line([(0, 3)]))
    assert len(report.dead_end_flows) == len(report.looping_flows) == 0
    assert follow(line([(0, 3)]), table, 0) == [0, 1, 2, 3]


def test_going_back_with_another_label_is_no_loop():
    # 1 -> 0 with label 0, where the label becomes 1, and back over 1 to 2.
    link = [[[10], [-1]], [[13], [11]], [[-1], [-1]], [[-1], [-1]]]
    next_label = [[1, -1], [-1, -1], [-1, -1], [-1, -1]]
    table, report = compute_table(lambda _: table_of(link, [[0]], next_label), line([(1, 2)]))
    assert len(report.dead_end_flows) == len(report.looping_flows) == 0
    assert follow(line([(1, 2)]), table, 0) == [1, 0, 1, 2]


def test_routes_have_lengths_links_and_nodes():
    snapshot = line()
    table, _ = compute_table("shortest-delay", snapshot)
    routes = follow_flows(snapshot, table)
    assert [routes.nodes_of(flow) for flow in range(3)] == [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 3]]
    assert routes.link.tolist() == [10, 11, 12, -1, 15, 14, 13, -1, 11, 12, -1]
    assert routes.range_m.tolist() == [7e6, 7e6, 6e6]
    np.testing.assert_allclose(routes.delay_s, routes.range_m / 299_792_458.0, rtol=1e-15)


def test_a_flow_that_does_not_arrive_has_no_length():
    snapshot = reference.snapshot_of(2, [], [(0, 1)])
    routes = follow_flows(snapshot, compute_table("shortest-delay", snapshot)[0])
    assert routes.first.tolist() == [0, 0]
    assert np.isnan(routes.delay_s).all() and np.isnan(routes.range_m).all()


def test_follow_takes_a_row_or_the_two_ends_and_refuses_others():
    snapshot = line()
    table, _ = compute_table("shortest-delay", snapshot)
    assert follow(snapshot, table, (1, 3)) == follow(snapshot, table, 2) == [1, 2, 3]
    for flow in (3, -1, (0, 2)):
        with pytest.raises(ValueError, match="there is no flow"):
            follow(snapshot, table, flow)


def random_table(rng, snapshot):
    """A table of random links with several labels, choices and paths, full of loops and dead ends."""
    n_labels, n_choices, n_paths = rng.integers(1, 4, 3)
    link = np.full((snapshot.n_nodes, n_labels, n_choices), -1)
    for node in range(snapshot.n_nodes):
        own = snapshot.link[snapshot.first[node] : snapshot.first[node + 1]]
        for label in range(n_labels):
            n = min(int(rng.integers(0, n_choices + 1)) if rng.random() < 0.3 else n_choices, len(own))
            link[node, label, :n] = rng.permutation(own)[:n]
    label_of_flow = -np.sort(-rng.integers(-1, n_labels, (snapshot.n_flows, n_paths)))  # NONE to the right
    next_label = rng.integers(-1, n_labels, (snapshot.n_nodes, n_labels)) if rng.random() < 0.5 else None
    return ForwardingTable(link, label_of_flow, next_label)


@pytest.mark.parametrize(("n_flows", "worth"), [(4, 10**9), (9, 0)])
def test_loops_and_dead_ends_agree_with_following_every_choice(n_flows, worth, monkeypatch):
    monkeypatch.setattr(table_module, "FLOWS_WORTH_REMEMBERING", worth)
    rng = np.random.default_rng(5)
    for _ in range(150):
        n_nodes = int(rng.integers(2, 6))
        pairs = [(a, b) for a in range(n_nodes) for b in range(n_nodes) if a != b]
        chosen = rng.permutation(len(pairs))[: int(rng.integers(1, 9))]
        links = [(*pairs[pair], 1e6) for pair in chosen]
        snapshot = reference.snapshot_of(
            n_nodes, links, [pairs[pair] for pair in rng.integers(0, len(pairs), n_flows)]
        )
        answer = random_table(rng, snapshot)
        table, report = answer_of(lambda _, answer=answer: answer, snapshot)
        found = [reference.outcomes(snapshot, table, flow) for flow in range(n_flows)]
        dead_ends = [flow for flow in range(n_flows) if "dead end" in found[flow]]
        assert report.dead_end_flows.tolist() == dead_ends
        assert report.looping_flows.tolist() == [flow for flow in range(n_flows) if "loops" in found[flow]]


def test_backups_are_links_of_their_node_that_are_up():
    link, labels = right_answer()[:, :, np.newaxis], np.array([[1], [0], [1]])
    backup = np.full((4, 2), -1)
    backup[1] = [11, 13]
    table, _ = compute_table(lambda _: ForwardingTable(link, labels, None, backup), line())
    assert table.backup.dtype == np.int32 and table.backup[1].tolist() == [11, 13]
    for wrong, words in [(10, "which starts elsewhere"), (3, "which is down"), (-2, "are not negative")]:
        backup[1, 1] = wrong
        refused = refusal(ForwardingTable(link, labels, None, backup))
        assert f'names backup link {wrong} at node "n1", label 1' in refused and words in refused
    refused = refusal(ForwardingTable(link, labels, None, backup[:, :1]))
    assert "returned a backup array of shape (4, 1); must be (4, 2)" in refused
