"""Contact plans in the formats of others: what is read, what is refused, and the traps of each."""

import datetime
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lasermesh.scenario import load_topology
from tests.scenario.scenes import ONE_GROUP, check_file, problems_of, warnings_of, write

EPOCH = "epoch = 2026-01-01T00:00:00Z\n"
BARE = '[[satellites]]\nname = "bare"\nfixed = ["a", "b", "c"]\n'
PLAN = '[[links]]\nrule = "plan"\nplan = "p"\n'
SCENE = EPOCH + BARE + PLAN


def contacts_of(folder, plan, scene=SCENE):
    """(from, to, start, stop, rate, light time) of each contact of a plan's text or bytes."""
    write(folder, plan, "p")
    (rule,) = load_topology(write(folder, scene)).links
    return [(c.from_name, c.to_name, c.start_s, c.stop_s, c.rate_bps, c.owlt_s) for c in rule.plan_contacts]


def problems_with(folder, plan, scene=SCENE):
    write(folder, plan, "p")
    return problems_of(folder, scene)


def warnings_with(folder, plan, scene=SCENE):
    write(folder, plan, "p")
    return warnings_of(folder, scene)


def csv_of(*rows):
    return "from,to,start_s,stop_s,rate_bps,owlt_s\n" + "\n".join(rows) + "\n"


# What all formats share.


def test_rows_of_a_pair_that_say_the_same_are_merged(tmp_path):
    plan = csv_of("a,b,0,10,8,1", "a,b,10,20,8,1", "a,b,15,30,8,1", "a,b,16,17,8,1", "b,a,5,9,8,1")
    assert contacts_of(tmp_path, plan) == [("a", "b", 0, 30, 8, 1), ("b", "a", 5, 9, 8, 1)]
    assert warnings_with(tmp_path, plan) == [
        "p:4: 2 contacts overlapping another of the same nodes with the same rate and light time are merged "
        "with it"
    ]


def test_rows_that_touch_with_other_values_stay_apart(tmp_path):
    plan = csv_of("a,b,0,10,8,1", "a,b,10,20,16,1", "a,b,20,30,16,2")
    assert len(contacts_of(tmp_path, plan)) == 3


@pytest.mark.parametrize("other", ["a,b,5,6,9,1", "a,b,5,6,8,1.5"])
def test_overlaps_that_say_something_else_name_both_lines(tmp_path, other):
    assert problems_with(tmp_path, csv_of("a,b,0,10,8,1", other)) == [
        "p:3: overlaps the contact of the same nodes at p:2, with another rate or light time"
    ]


def test_all_problems_come_at_once(tmp_path):
    plan = csv_of("a,b,5,5,8,1", "a,x,0,1,8,1", "b,c,0,1,8,", "c,c,0,1,8,1", "a,b,0,1,0,1")
    assert problems_with(tmp_path, plan) == [
        "p:2: stop_s: must be after start_s, which is 5 (got 5)",
        'p:3: to: no node is named "x" in topology "x"',
        "p:4: owlt_s: missing; it is needed where a node has no position to compute it from",
        'p:5: a link from "c" to itself',
        "p:6: rate_bps: must be a number from 1 to 1e+15 (got 0.0)",
    ]


def test_nodes_may_be_meant_by_row_and_ipn_number(tmp_path):
    scene = SCENE.replace("fixed", "ipn_first = 10\nfixed")
    plan = csv_of("10,#1,0,1,8,0", "ipn:11,ipn:12.0,0,1,8,0")
    assert [row[:2] for row in contacts_of(tmp_path, plan, scene)] == [("a", "b"), ("b", "c")]
    assert problems_with(tmp_path, csv_of("10,9,0,1,8,0"), scene) == ["p:2: to: no node has the ipn number 9"]


def test_a_name_of_digits_comes_before_an_ipn_number(tmp_path):
    scene = SCENE.replace('"c"', '"1"')
    assert [row[:2] for row in contacts_of(tmp_path, csv_of("1,2,0,1,8,0"), scene)] == [("1", "b")]


def test_times_may_lie_before_the_epoch(tmp_path):
    assert contacts_of(tmp_path, csv_of("a,b,-10,5.5,8,0")) == [("a", "b", -10, 5.5, 8, 0)]


# JSON and Parquet with lasermesh's columns.

ROW = {"from": "a", "to": "b", "kind": "isl", "start_s": 0.5, "stop_s": 7, "rate_bps": 8, "owlt_s": 0.25}


def json_of(*rows, **more):
    return json.dumps({**more, "contacts": list(rows)}, indent=1)


def parquet_of(*rows):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), out)
    return out.getvalue()


@pytest.mark.parametrize("text_of", [json_of, parquet_of, lambda row: json.dumps([row])])
def test_json_and_parquet_have_the_columns_of_csv(tmp_path, text_of):
    assert contacts_of(tmp_path, text_of(ROW)) == [("a", "b", 0.5, 7.0, 8, 0.25)]


def test_a_light_time_that_is_null_comes_from_the_positions(tmp_path):
    scene = EPOCH + ONE_GROUP + PLAN
    for text_of in (json_of, parquet_of):
        rows = [ROW | {"from": "w-0-0", "to": "#1", "owlt_s": None}, ROW | {"from": "#1", "to": "#2"}]
        assert [row[5] for row in contacts_of(tmp_path, text_of(*rows), scene)] == [None, 0.25]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"start_s": "x"}, 'start_s: must be a number (got "x")'),
        ({"stop_s": True}, "stop_s: must be a number (got true)"),
        ({"rate_bps": None}, "rate_bps: missing; must be a number from 1 to 1e+15"),
        ({"to": ["b"]}, 'to: must be the name of a node in quotes (got ["b"])'),
        ({"stop_s": 0.25}, "stop_s: must be after start_s, which is 0.5 (got 0.25)"),
    ],
)
def test_what_is_wrong_in_json_is_named_by_line_and_item(tmp_path, change, problem):
    assert problems_with(tmp_path, json_of(ROW, ROW | change)) == [f"p:12: contacts[1].{problem}"]


def test_a_missing_light_time_in_another_unit_is_refused(tmp_path):
    row = {key: value for key, value in ROW.items() if key != "owlt_s"} | {"owlt_ms": 250}
    assert problems_with(tmp_path, json_of(row)) == ["p:3: contacts[0].owlt_ms: write owlt_s, in s"]
    assert problems_with(tmp_path, parquet_of(row)) == ["p: owlt_ms: write owlt_s, in s"]


def test_what_is_wrong_in_parquet_is_named_by_row(tmp_path):
    assert problems_with(tmp_path, parquet_of(ROW, ROW | {"to": "x"})) == [
        'p: row 1.to: no node is named "x" in topology "x"'
    ]
    assert problems_with(tmp_path, parquet_of({"from": "a", "start": 5}))[0] == 'p: there is no column "to"'


# ION.

ION = """
# comment
@ 2026/01/01-00:00:00
a contact +60 +660.5 1 2 125000
a contact +60 +660.5 2 1 125000 1.0
a range +60 +660.5 1 2 1.25   # both directions
"""


def test_ion_counts_bytes_and_a_range_from_the_smaller_number_holds_both_ways(tmp_path):
    assert contacts_of(tmp_path, ION) == [
        ("a", "b", 60, 660.5, 10**6, 1.25),
        ("b", "a", 60, 660.5, 10**6, 1.25),
    ]


def test_in_ion_a_range_from_the_larger_number_says_nothing_of_the_other_direction(tmp_path):
    plan = ION.replace("1 2 1.25", "2 1 1.25")
    assert problems_with(tmp_path, plan) == [
        "p:4: range: missing: no range covers all of this contact, and a node has no position to compute it "
        "from"
    ]


def test_in_ion_a_range_of_its_own_overrides_the_implied_one(tmp_path):
    plan = ION + "a range +60 +100 2 1 3\n"
    assert contacts_of(tmp_path, plan)[1:] == [
        ("b", "a", 60, 100, 10**6, 3.0),
        ("b", "a", 100, 660.5, 10**6, 1.25),
    ]


def test_in_ion_the_order_of_lines_and_the_number_of_ranges_does_not_matter(tmp_path):
    plan = (
        "a range +0 +100 1 2 1\na range +100 +200 1 2 2\na contact +50 +150 1 2 1\na range +200 +300 1 2 1\n"
    )
    assert contacts_of(tmp_path, plan + "a contact +210 +220 1 2 1\n") == [
        ("a", "b", 50, 100, 8, 1.0),
        ("a", "b", 100, 150, 8, 2.0),
        ("a", "b", 210, 220, 8, 1.0),
    ]


def test_in_ion_one_range_covers_several_contacts(tmp_path):
    plan = "a range +0 +100 1 2 1\n" + "".join(f"a contact +{t} +{t + 5} 1 2 1\n" for t in (0, 20, 40))
    assert [row[2] for row in contacts_of(tmp_path, plan)] == [0, 20, 40]


def test_ion_times_are_relative_to_the_reference_or_absolute(tmp_path):
    plan = (
        "a range 2025/12/31-23:59:00 2027/01/01-00:00:00 1 2 1\n"
        "@ 2026/01/01-01:00:00\na contact +10 2026/01/01-01:00:20.5 1 2 1\n@ +100\na contact +0 +1 1 2 1\n"
    )
    assert [row[2:4] for row in contacts_of(tmp_path, plan)] == [(3610, 3620.5), (3700, 3701)]


def test_in_ion_the_reference_is_the_epoch_until_it_is_set(tmp_path):
    scene = SCENE.replace("2026-01-01T00:00:00Z", "2026-01-01T12:00:00+01:00")
    plan = "a range +0 +9999 1 2 1\na contact +0 2026/01/01-12:00:00 1 2 1\n"
    assert [row[2:4] for row in contacts_of(tmp_path, plan, scene)] == [(0, 3600)]


def test_ion_changes_and_deletes(tmp_path):
    plan = (
        "a range +0 +999 1 2 1\na range +0 +999 1 3 1\n"
        "a contact +0 +10 1 2 1\na contact +20 +30 1 2 1\na contact +0 +10 1 3 1\na contact +20 +30 1 3 1\n"
        "c contact +20 1 2 4\nd contact +0 1 2\nd contact * 1 3\n"
    )
    assert contacts_of(tmp_path, plan) == [("a", "b", 20, 30, 32, 1.0)]
    assert len(problems_with(tmp_path, plan + "d range * 1 2\n")) == 1


def test_ion_contacts_that_are_none_are_ignored_with_a_warning(tmp_path):
    plan = ION + "a contact -1 -1 3 3 0\na contact +0 0 1 3 100\n^ 1\n1 1 x.ionconfig\ns\nm production 100\n"
    assert len(contacts_of(tmp_path, plan)) == 2
    assert warnings_with(tmp_path, plan) == [
        "p:7: 1 line ignored: registration contacts, which routing ignores too",
        "p:8: 1 line ignored: hypothetical contacts, which have no rate",
        "p:9: 1 line ignored: regions, which have no meaning here",
        "p:10: 3 lines ignored: commands that say nothing about contacts",
    ]


def test_an_ion_contact_without_range_is_reported_or_with_positions_warned_of(tmp_path):
    plan = "a contact +0 +10 1 2 1\n"
    assert "range: missing" in problems_with(tmp_path, plan)[0]
    scene = EPOCH + ONE_GROUP + PLAN
    assert contacts_of(tmp_path, plan, scene) == [("w-0-0", "w-0-1", 0, 10, 8, None)]
    assert "1 contact without a range" in warnings_with(tmp_path, plan, scene)[0]


def test_files_of_pycgr_that_look_like_ions_are_told_apart(tmp_path):
    problems = problems_with(tmp_path, "a contact +0 +10 1 2 125000 1.2\n")
    assert problems[0].startswith("p:1: confidence: must be a number from 0 to 1 (got 1.2); files of pyCGR")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "a contact +0 +10 1 2",
            'p:1: must be "a contact start stop from to rate [confidence]" (got 4 values)',
        ),
        ("a contact +0 +10 1 2 1 0.2 0 0", "(got 8 values)"),
        ("a contact +0 +x 1 2 1", 'p:1: stop: must be a number (got "+x")'),
        ("a contact +0 +1_0 1 2 1", 'p:1: stop: must be a number (got "+1_0")'),
        ("a contact +0 inf 1 2 1", "p:1: stop: must be a number (got inf)"),
        ("a contact +0 2026/02/30-00:00:00 1 2 1", "p:1: stop: there is no such time"),
        ("a contact +0 +5 1 7 1", "p:1: to: no node has the ipn number 7"),
        ("a contact +0 +5 1 2 0", "p:1: rate: must be a number from 0.125 to 125000000000000 (got 0.0)"),
        ("a contact +5 +5 1 2 1", "p:1: stop: must be after start, which is 5 (got 5)"),
        ("a contact +0 +5 1 1 1", 'p:1: a link from "a" to itself'),
        ("a range +5 +5 1 2 1", "p:1: stop: must be after start, which is 5 (got 5)"),
        ("a range +0 +5 1 2 -1", "p:1: range: must be a number from 0 to 1000000 (got -1.0)"),
        ("a contract +0 +5 1 2 1", 'p:1: "a" must be followed by contact or range'),
        ("d contact +5 1 2", "p:1: there is no contact of these nodes that starts then"),
        ("d contact +5 1", 'p:1: must be "d contact start from to"'),
        ("c range +5 1 2 1", 'p:1: must be "c contact start from to rate [confidence]"'),
        ("@", "p:1: @ is followed by one time"),
        ("contact +0 +5 1 2 1", 'p:1: "contact" is no command of ION'),
    ],
)
def test_what_is_wrong_in_ion_is_said(tmp_path, line, problem):
    problems = problems_with(tmp_path, f"{line}\na range +0 +999 1 3 1\na contact +0 +9 1 3 1\n")
    assert len(problems) == 1
    assert problem in problems[0]


def test_overlapping_ranges_of_ion_must_agree(tmp_path):
    assert problems_with(tmp_path, ION + "a range +100 +200 1 2 2\n") == [
        "p:7: overlaps the range of the same nodes at p:6, with another light time"
    ]


# HDTN.


def hdtn_of(**changes):
    row = {
        "contact": 0,
        "source": 1,
        "dest": 2,
        "startTime": 60,
        "endTime": 660,
        "rateBitsPerSec": 10**6,
        "owlt": 1,
    }
    row |= changes
    return json.dumps({"contacts": [{key: value for key, value in row.items() if value is not None}]})


def test_hdtn_counts_bits(tmp_path):
    assert contacts_of(tmp_path, hdtn_of()) == [("a", "b", 60, 660, 10**6, 1)]
    assert contacts_of(tmp_path, hdtn_of(source="c", startTime=60.25))[0][:3] == ("c", "b", 60.25)


def test_hdtns_old_rate_is_in_mbit_per_s(tmp_path):
    plan = hdtn_of(rateBitsPerSec=None, rate=2.5)
    assert contacts_of(tmp_path, plan)[0][4] == 2_500_000
    assert warnings_with(tmp_path, plan) == ["p: 1 contact with the old key rate, read as Mbit/s"]


def test_hdtns_rate_without_limit_is_said_to_be_read_as_1_gbit_per_s(tmp_path):
    assert contacts_of(tmp_path, hdtn_of(rateBitsPerSec=0))[0][4] == 10**9
    assert (
        "rate 0, which is no limit, read as 1 Gbit/s" in warnings_with(tmp_path, hdtn_of(rateBitsPerSec=0))[0]
    )


def test_hdtns_unix_times_are_noticed(tmp_path):
    t = int(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp())
    plan = hdtn_of(startTime=t + 5, endTime=t + 9)
    assert contacts_of(tmp_path, plan)[0][2:4] == (5, 9)
    assert "Unix time" in warnings_with(tmp_path, plan)[0]


def test_hdtns_contact_without_light_time_gets_that_of_the_positions_with_a_warning(tmp_path):
    plan = hdtn_of(owlt=None)
    assert contacts_of(tmp_path, plan, EPOCH + ONE_GROUP + PLAN)[0][5] is None
    (warning,) = warnings_with(tmp_path, plan, EPOCH + ONE_GROUP + PLAN)
    assert warning.startswith("p:1: 1 contact without owlt, which HDTN takes as 0")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"owlt": None}, "contacts[0].owlt: missing; it is needed where a node has no position"),
        ({"endTime": 60}, "contacts[0].endTime: must be after startTime, which is 60 (got 60)"),
        ({"endTime": None}, "contacts[0].endTime: missing; must be a number"),
        ({"source": 9}, "contacts[0].source: no node has the ipn number 9"),
        ({"source": 1.5}, "contacts[0].source: must be an ipn number or the name of a node"),
        ({"rateBitsPerSec": None}, "contacts[0].rateBitsPerSec: missing"),
        ({"rateBitsPerSec": -5}, "contacts[0].rateBitsPerSec: must be a number from 0"),
        ({"dest": 1}, 'contacts[0]: a link from "a" to itself'),
    ],
)
def test_what_is_wrong_in_hdtns_plan_is_said(tmp_path, changes, problem):
    problems = problems_with(tmp_path, hdtn_of(**changes))
    assert len(problems) == 1
    assert problem in problems[0]


# A-SABR.

NODES = "node 0 b # a comment\nnode 1 a\nnode 2 ipn:3\n"


def test_asabr_numbers_nodes_by_its_own_lines(tmp_path):
    plan = NODES + "contact 1 0 60 660 125000 1\ncontact 0 2 0.5 1.5 evl 1 0.004\n"
    assert contacts_of(tmp_path, plan) == [("a", "b", 60, 660, 10**6, 1.0), ("b", "c", 0.5, 1.5, 8, 0.004)]


@pytest.mark.parametrize(
    "segments",
    [
        "seg delay [60 660 1] rate [60 360 125000, 360 660 62500]",
        "seg\nrate 60 360 125000\nrate 360 660 62500\ndelay 60 660 1",
        "rate [ 60 360 125000 , 360 660 62500 ]\n  delay [60 660 1]",
    ],
)
def test_segments_of_asabr_become_contacts(tmp_path, segments):
    assert contacts_of(tmp_path, f"{NODES}contact 1 0 60 660 {segments}\n") == [
        ("a", "b", 60, 360, 10**6, 1.0),
        ("a", "b", 360, 660, 500_000, 1.0),
    ]


def test_a_contact_of_asabr_is_cut_wherever_its_rate_or_delay_changes(tmp_path):
    plan = NODES + "contact 1 0 0 9 seg rate [3 9 2, 0 3 1] delay [0 2 1, 2 9 4]\n"
    assert contacts_of(tmp_path, plan) == [
        ("a", "b", 0, 2, 8, 1.0),
        ("a", "b", 2, 3, 8, 4.0),
        ("a", "b", 3, 9, 16, 4.0),
    ]


def test_budgets_of_asabr_are_ignored_with_a_warning(tmp_path):
    plan = NODES + "contact 1 0 0 9 pbevl 1 2 10 20 30\n"
    assert contacts_of(tmp_path, plan) == [("a", "b", 0, 9, 8, 2.0)]
    assert warnings_with(tmp_path, plan) == ["p:4: 1 contact with budgets by priority, which are ignored"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("vnode 3 any [ 0 ]", "p:4: vnode is not supported"),
        ("enode 3 x", "p:4: enode is not supported"),
        ("node 4 c", "ids count from 0 without a gap: this one must be 3 (got 4)"),
        ("node 3 a", '"a" has the id 1 already'),
        ("node 3 x", 'p:4: node: no node is named "x"'),
        ("contact 0 7 0 1 1 1", 'p:4: to: no node with this id stands before (got "7")'),
        ("contact 0 1 0", 'p:4: must be "contact from to start end" and rate and delay'),
        ("contact 0 1 0 1 1", "p:4: after the times come a rate, a delay"),
        ("contact 0 1 0 1 poly delay [0 1 1]", '"poly" is a way to manage contacts that is not known here'),
        ("contact 0 1 5 1 1 1", "p:4: end: must be after start, which is 5 (got 1)"),
        ("contact 0 1 0 1 seg delay [0 1 1]", "a segmented contact must say its rate"),
        ("contact 0 1 0 1 seg delay [0 1 1] rate [0 1 5", "a bracket is not closed"),
        ("contact 0 1 0 9 seg delay [0 9 1] rate [0 5 5, 4 9 6]", "two values of rate for the same time"),
        ("contact 0 1 0 9 seg delay [0 5 1] rate [0 9 5]", "delay must have values for all of the contact"),
        ("contact 0 1 0 9 seg delay [0 9 1] rate [0 5 5, 6 9 5]", "from 0 to 9, and for no other time"),
        ("contact 0 1 0 9 seg delay [0 9 1] rate [0 9 5, 9 10 5]", "rate must have values for all of"),
        ("contact 0 1 0 9 seg delay [0 9 1] rate [20 30 5]", "rate must have values for all of the contact"),
        ("contact 0 1 0 9 seg delay [0 9] rate [0 9 5]", "delay has three values"),
    ],
)
def test_what_is_wrong_in_asabrs_plan_is_said(tmp_path, lines, problem):
    problems = problems_with(tmp_path, f"{NODES}{lines}\ncontact 0 2 0 1 1 1\n")
    assert len(problems) == 1
    assert problem in problems[0]


# Files that hold something else.

GOOD = {
    "csv": csv_of("a,b,0,10,8,1", "b,c,0.5,10,1e9,0.25").encode(),
    "json": json_of(ROW, ROW | {"to": "c"}).encode(),
    "parquet": parquet_of(ROW, ROW | {"to": "c"}),
    "ion": ION.encode(),
    "hdtn": hdtn_of().encode(),
    "asabr": (NODES + "contact 1 0 60 660 seg delay [60 660 1] rate [60 360 9, 360 660 6]\n").encode(),
}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"a contact \xff\n", "is not UTF-8 text (line 1)"),
        (b"a\0b", "is a binary file, not text"),
        (b"PAR1", "p: not valid Parquet: "),
        (b"PAR1" + bytes(200) + b"PAR1", "p: not valid Parquet: "),
        (b"{", "p:1: not valid JSON: "),
        (b'{"contacts":\n[{"from": }]}', "p:2: not valid JSON: "),
        (b"[" * 100_000, "not valid JSON: nested too deeply"),
        (b'{"contacts": [' + b"9" * 5000 + b"]}", "not valid JSON: "),
        (b'{"contacts": []}', 'has no list "contacts", or an empty one'),
        (b'{"contacts": {"a": 1}}', 'has no list "contacts", or an empty one'),
        (b'{"edges": []}', "plans of dtn-tvg-util are not supported"),
        (b'{"contacts": [], "contacts": []}', 'p: has the key "contacts" twice'),
        (b'{"contacts": [{"from": "\\ud800"}]}', "contacts[0].to: missing"),
        (b'{"contacts": [\n5]}', "p:2: contacts[0]: must be an object (got 5)"),
        (b'[{"vertices": ["a", "b"], "contacts": []}]', "plans of dtn-tvg-util are not supported"),
        (b"# only a comment\n@ +0\n", "p: has no contacts"),
        (b"node 0 a\n", "p: has no contacts"),
        (b"1 2 3\n4 5 6\n", "p:1: looks like no contact plan"),
        (b"from,to\na,b\n", 'p:1: there is no column "start_s"'),
    ],
)
def test_a_file_that_is_no_plan_gets_a_sentence(tmp_path, content, words):
    problems = problems_with(tmp_path, content)
    assert problems
    assert words in problems[0]


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "p").open("wb") as file:
        file.truncate(300_000_000)
    assert "has 300 MB; such a file may have at most 256 MB" in problems_of(tmp_path, SCENE)[0]


def test_a_parquet_file_of_no_rows_is_said_so(tmp_path):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([ROW]).slice(0, 0), out)
    assert problems_with(tmp_path, out.getvalue()) == ["p: has no contacts"]


@pytest.mark.parametrize("first", GOOD)
@pytest.mark.parametrize("second", GOOD)
def test_two_formats_in_one_file_are_refused(tmp_path, first, second):
    if first != second and not (first == "parquet" and second == "parquet"):
        problems, _ = check_file(
            (write(tmp_path, GOOD[first] + b"\n" + GOOD[second], "p"), write(tmp_path, SCENE))[1]
        )
        assert problems


def test_the_good_ones_are_good(tmp_path):
    for name, content in GOOD.items():
        assert contacts_of(tmp_path, content), name


SURVIVE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(name=st.sampled_from(list(GOOD)), share=st.floats(0.0, 1.0))
@SURVIVE
def test_truncated_plans_are_survived(tmp_path, name, share):
    write(tmp_path, GOOD[name][: int(share * len(GOOD[name]))], "p")
    for problem in check_file(write(tmp_path, SCENE))[0]:
        assert problem.message and str(problem).isprintable()


@given(name=st.sampled_from(list(GOOD)), data=st.data())
@SURVIVE
def test_plans_with_a_few_changed_bytes_are_survived(tmp_path, name, data):
    content = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.sampled_from(b'[]{}",.#+@ \n0123456789-eadcx\\\xff\x00'))
    write(tmp_path, bytes(content), "p")
    for problem in check_file(write(tmp_path, SCENE))[0]:
        assert problem.message and str(problem).isprintable()
