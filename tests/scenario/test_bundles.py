"""Flows of bundles, `[bundles]` and `[[stores]]`: what they must and may say, and what is made of it."""

import dataclasses

import pytest

from lasermesh.scenario import load_experiment
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.problems import Report
from lasermesh.scenario.read_bundles import read_bundle_list
from lasermesh.units import NEVER
from tests.scenario.scenes import BARE, FLOW, TABLES, problems_of, warnings_of, write

TOP = "duration_s = 60.0\n"
ENDS = 'from = "a"\nto = "b"\n'
ONE = ENDS + "bundle_bytes = 1_000_000\n"
SEVERAL = ONE + "every_s = 5.0\n"
LISTED = 'bundles = "b.csv"\n'
HEADER = "created_s,from,to,bytes,priority,lifetime_s\n"
PLAN = "from,to,start_s,stop_s,rate_bps,owlt_s\na,b,0,10,1e9,0.01\n"
LINKS = '[[topology.links]]\nrule = "plan"\nplan = "p.csv"\n'


def text_of(*flows, more=""):
    kind = 'kind = "bundle"\n'
    return (
        TOP + BARE + "".join(f'[[flows]]\nname = "f{i}"\n{kind}{flow}' for i, flow in enumerate(flows)) + more
    )


def flows_of(folder, *flows, more=""):
    return load_experiment(write(folder, text_of(*flows, more=more))).bundle_flows


def listed_of(folder, rows, more=""):
    write(folder, HEADER + rows, "b.csv")
    return flows_of(folder, LISTED + more)


def columns_of(listed):
    return [getattr(listed, field.name).tolist() for field in dataclasses.fields(listed)]


def test_bundles_alone_are_an_experiment_without_flows_of_packets(tmp_path):
    experiment = load_experiment(write(tmp_path, text_of(ONE)))
    assert experiment.expanded_flows == ()
    (flow,) = experiment.bundle_flows
    assert (flow.name, flow.from_name, flow.to_name, flow.from_row, flow.to_row) == ("f0", "a", "b", 0, 1)
    assert (flow.table, flow.table_index, flow.listed) == (experiment.flows[0], 0, None)


def test_defaults_of_bundles_are_those_of_the_design(tmp_path):
    (flow,) = flows_of(tmp_path, ONE)
    table = flow.table
    assert (table.segment_bytes, table.priority, table.lifetime_s) == (1500, "normal", None)
    assert (table.every_s, table.arrivals, table.count) == (None, "regular", None)


def test_each_pair_has_a_flow_of_its_own(tmp_path):
    pairs = ONE.replace(ENDS, 'pairs = [["a", "b"], ["#2", "b"]]\n')
    flows = flows_of(tmp_path, ONE, pairs)
    assert [(flow.name, flow.from_name, flow.from_row, flow.to_row, flow.table_index) for flow in flows] == [
        ("f0", "a", 0, 1, 0),
        ("f1/a>b", "a", 0, 1, 1),
        ("f1/#2>b", "c", 2, 1, 1),
    ]


def test_bundles_stand_beside_packets_and_have_no_row_among_them(tmp_path):
    experiment = load_experiment(write(tmp_path, text_of(ONE, more=FLOW)))
    assert [flow.name for flow in experiment.expanded_flows] == ["data"]
    assert [flow.name for flow in experiment.bundle_flows] == ["f0"]


def test_a_file_gives_each_pair_its_bundles_in_order_of_making(tmp_path):
    rows = "5,a,b,100,bulk,\n1,b,c,200,2,7\n0.1,a,b,300,,\n0.1,a,b,400,1,\n"
    ab, bc = listed_of(tmp_path, rows, 'priority = "expedited"\nlifetime_s = 9\n')
    assert (ab.name, bc.name, bc.from_row, bc.to_row) == ("f0/a>b", "f0/b>c", 1, 2)
    s = 10**12
    assert columns_of(ab.listed) == [[s // 10, s // 10, 5 * s], [300, 400, 100], [2, 1, 0], [9 * s] * 3]
    assert columns_of(bc.listed) == [[s], [200], [2], [7 * s]]


def test_bundles_of_a_file_without_those_columns_are_as_the_flow_says(tmp_path):
    write(tmp_path, "created_s,from,to,bytes\n1,a,b,100\n", "b.csv")
    (flow,) = flows_of(tmp_path, LISTED)
    assert columns_of(flow.listed) == [[10**12], [100], [1], [NEVER]]


def test_a_list_of_bundles_is_read_with_any_way_of_finding_nodes():
    asked = []

    def find(name, place):
        asked.append((name, str(place)))
        return {"7": 3, "8": 4}.get(name, BAD)

    bundles = read_bundle_list(HEADER + "2,7,8,10,,\n1,8,7,20,0,3\n", "b.csv", Report(), find, "bulk", 5.0)
    assert [column.tolist() for column in bundles] == [
        *([3, 2], [4, 3], [3, 4], [1.0, 2.0], [20, 10], [0, 0], [3.0, 5.0])
    ]
    assert asked == [("7", "b.csv:2"), ("8", "b.csv:2"), ("8", "b.csv:3"), ("7", "b.csv:3")]
    assert read_bundle_list(HEADER + "2,7,9,10,,\n", "b.csv", Report(), find) is BAD


def test_handling_and_stores_are_as_written(tmp_path):
    experiment = load_experiment(TABLES / "bundles.toml")
    bundles, (store,) = experiment.bundles, experiment.stores
    assert (bundles.routing, bundles.spread_within_s, bundles.spread_routes) == ("spread", 30.0, 3)
    assert (bundles.when_cut, bundles.retransmit, bundles.when_full) == ("split", False, "drop-oldest")
    assert (store.on, store.rows, store.store_bytes, store.when_full) == (
        ("b", "c"),
        (1, 2),
        2_000_000,
        "drop-lowest",
    )


def test_a_store_may_be_that_of_a_group(tmp_path):
    text = text_of(ONE, more='[[stores]]\non = "bare"\nstore_bytes = 5\n')
    (store,) = load_experiment(write(tmp_path, text)).stores
    assert (store.on, store.rows) == (("bare",), (0, 1, 2))


def test_options_change_how_bundles_are_handled(tmp_path):
    path = write(tmp_path, text_of(ONE, more='[[stores]]\non = "a"\n'))
    sets = ["bundles.routing=sabr", "stores[0].store_bytes=7", "flows.f0.bundle_bytes=10"]
    experiment = load_experiment(path, sets)
    assert experiment.bundles.routing == "sabr"
    assert experiment.stores[0].store_bytes == 7
    assert experiment.bundle_flows[0].table.bundle_bytes == 10


def test_bundles_go_without_a_warning_where_flows_make_trains(tmp_path):
    write(tmp_path, PLAN, "p.csv")
    text = text_of(ONE, more=LINKS).replace(TOP, TOP + 'fidelity = "train"\n')
    assert warnings_of(tmp_path, text) == []


def test_tables_for_bundles_that_nobody_sends_are_told_of(tmp_path):
    write(tmp_path, PLAN, "p.csv")
    text = TOP + BARE + LINKS + FLOW + '[bundles]\nrouting = "sabr"\n[[stores]]\non = "a"\n'
    assert warnings_of(tmp_path, text) == [
        'x.toml:16: bundles: does nothing, as there is no flow of kind "bundle"',
        'x.toml:18: stores: does nothing, as there is no flow of kind "bundle"',
    ]


def test_bundles_that_would_be_made_after_the_end_are_counted(tmp_path):
    write(tmp_path, PLAN, "p.csv")
    write(tmp_path, HEADER + "60,a,b,1,,\n59.9,a,b,1,,\n70,a,b,1,,\n", "b.csv")
    assert warnings_of(tmp_path, text_of(LISTED, more=LINKS)) == [
        "x.toml:10: flows[0].bundles: the run ends after 60 s, before 2 of its 3 bundles"
    ]


@pytest.mark.parametrize(
    ("flow", "problem"),
    [
        (ENDS, 'bundle_bytes: missing; it is the size of each bundle, with kind = "bundle"'),
        ("bundle_bytes = 1\n", "must have from and to, or pairs, or bundles"),
        (ONE + "segment_bytes = 99\n", "segment_bytes: must be an integer from 100 to 65535 (got 99)"),
        (
            ONE.replace("1_000_000", "300_000_000_000_000") + "segment_bytes = 100\n",
            "bundle_bytes: must be at most 2147483647 segments of 100 bytes (got 300000000000000)",
        ),
        (ONE + "count = 3\n", "count: goes with every_s"),
        (ONE + 'arrivals = "random"\n', "arrivals: goes with every_s"),
        (
            ONE + "every_s = 1e-6\n",
            "every_s: makes more than 10,000,000 bundles; must be at least 6e-06, unless there is a count "
            "(got 1e-06)",
        ),
        (SEVERAL + "lifetime_s = 0\n", "lifetime_s: must be a number above 0 and at most 9158400 (got 0)"),
        (
            SEVERAL + 'priority = "urgent"\n',
            'priority: must be "bulk", "normal" or "expedited" (got "urgent")',
        ),
        (
            ONE + "rate_gbps = 1\n",
            'rate_gbps: goes with kind = "constant", "poisson", "on-off" or "bulk", not with kind = "bundle"',
        ),
        (
            ONE + "packet_bytes = 100\n",
            'packet_bytes: goes with kind = "constant", "poisson", "on-off", "bulk" or "request", not with '
            'kind = "bundle"',
        ),
        (
            ONE + "ecn = true\n",
            'ecn: goes with kind = "constant", "poisson", "on-off", "bulk", "request" or "trace", not with '
            'kind = "bundle"',
        ),
        (
            ONE.replace(ENDS, LISTED),
            "bundle_bytes: goes with a single pair or pairs, not with a file of bundles",
        ),
        (LISTED + "start_s = 1\n", "start_s: cannot stand beside bundles, where their times are"),
        (LISTED + ENDS.split("\n")[0] + "\n", "from: goes with a single pair, not with a file of bundles"),
        (LISTED + 'pairs = [["a", "b"]]\n', "bundles: cannot stand beside pairs"),
    ],
)
def test_what_is_wrong_with_a_flow_of_bundles_is_said(tmp_path, flow, problem):
    write(tmp_path, HEADER + "1,a,b,1,,\n", "b.csv")
    found = problems_of(tmp_path, text_of(flow))
    assert [line.partition("flows[0]")[2].lstrip(".: ") for line in found if problem in line] == [problem]


def test_keys_of_bundles_are_not_those_of_other_flows(tmp_path):
    (found,) = problems_of(tmp_path, TOP + BARE + FLOW + "bundle_bytes = 5\n")
    assert found.endswith('bundle_bytes: goes with kind = "bundle", not with kind = "constant"')


def test_all_that_is_wrong_with_a_file_of_bundles_is_said_at_once(tmp_path):
    rows = "-1,a,b,1,,\n1,a,d,1,,\n2,a,a,1,,\n3,a,b,0,,\n4,a,b,1,urgent,\n5,a,b,1,3,\n6,a,b,1,,0\nx,a,b,1,,\n"
    write(tmp_path, HEADER + rows, "b.csv")
    assert problems_of(tmp_path, text_of(LISTED)) == [
        "b.csv:2: created_s: must be a number from 0 to 9158400 (got -1.0)",
        'b.csv:3: to: no node is named "d" in topology "x"',
        'b.csv:4: leads from "a" to itself; a bundle needs two nodes',
        "b.csv:5: bytes: must be an integer from 1 to 1125899906842624 (got 0)",
        'b.csv:6: priority: must be "bulk", "normal" or "expedited" (got "urgent")',
        "b.csv:7: priority: must be an integer from 0 to 2 (got 3)",
        "b.csv:8: lifetime_s: must be a number above 0 and at most 9158400 (got 0.0)",
        'b.csv:9: created_s: must be a number from 0 to 9158400 (got "x")',
    ]


def test_a_listed_bundle_of_too_many_segments_is_refused_at_its_line(tmp_path):
    write(tmp_path, HEADER + "2,a,b,1,,\n1,a,b,300000000000000,,\n", "b.csv")
    assert problems_of(tmp_path, text_of(LISTED + "segment_bytes = 100\n")) == [
        "b.csv:3: bytes: must be at most 2147483647 segments of 100 bytes (got 300000000000000)"
    ]


def test_a_file_of_bundles_that_is_not_there_is_told_of(tmp_path):
    (found,) = problems_of(tmp_path, text_of(LISTED))
    assert found == 'x.toml:10: flows[0].bundles: there is no file "b.csv"'


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("[bundles]\nspread_routes = 1\n", "bundles.spread_routes: must be an integer from 2 to 64"),
        ("[bundles]\nstorage_bytes = 3\n", 'unknown key; did you mean "store_bytes"?'),
        (
            '[bundles]\nrouting = "ion"\nwindow_end = "inclusive"\n',
            'bundles.window_end: must be "exclusive" with routing = "ion"',
        ),
        ('[[stores]]\non = "d"\n', 'stores[0].on: no node or group is named "d" in topology "x"'),
        ("[[stores]]\nstore_bytes = 1\n", "stores[0].on: missing"),
        ("[packets]\nscale = 0.5\n", 'has kind = "bundle", whose times and sizes are not scaled'),
        (
            '[observe]\ntrace_flows = "f0"\n',
            "observe.trace_flows: is of bundles, all of which are written down hop by hop anyway",
        ),
    ],
)
def test_what_is_wrong_around_bundles_is_said(tmp_path, more, problem):
    (found,) = problems_of(tmp_path, text_of(ONE, more=more))
    assert problem in found
