"""Contact plans without a topology: nodes as they are met, their numbers, t = 0, what is kept or refused."""

import datetime
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lasermesh import shipped
from lasermesh.scenario import ScenarioError
from lasermesh.scenario.plan_loading import DEFAULT_EPOCH, load_plan

HEADER = "from,to,start_s,stop_s,rate_bps,owlt_s\n"


def load(folder, content, name="p", epoch=None):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_plan(path, epoch)


def contacts_of(plan):
    """(from, to, start, stop, rate, light time) of each contact."""
    ends = ([plan.names[row] for row in column.tolist()] for column in (plan.from_row, plan.to_row))
    columns = plan.start_s, plan.stop_s, plan.rate_bps, plan.owlt_s
    return list(zip(*ends, *(column.tolist() for column in columns), strict=True))


def problems_with(folder, content):
    with pytest.raises(ScenarioError) as caught:
        load(folder, content)
    return [str(problem).rpartition("/")[2] for problem in caught.value.problems]


def warnings_with(folder, content):
    return [warning.rpartition("/")[2] for warning in load(folder, content).warnings]


SAME_PLAN = {
    "csv": HEADER + "1,9000000000,0.5,10.25,8000,0.125\n",
    "json": '{"contacts": [{"from": 1, "to": 9000000000, "start_s": 0.5, "stop_s": 10.25, "rate_bps": 8000, '
    '"owlt_s": 0.125}]}',
    "ion": "a range +0 +20 1 9000000000 0.125\na contact +0.5 +10.25 1 9000000000 1000\n",
    "hdtn": '{"contacts": [{"contact": 0, "source": 1, "dest": 9000000000, "startTime": 0.5, '
    '"endTime": 10.25, "rateBitsPerSec": 8000, "owlt": 0.125}]}',
    "asabr": "node 0 1\nnode 1 9000000000\ncontact 0 1 0.5 10.25 1000 0.125\n",
}


@pytest.mark.parametrize("file_format", SAME_PLAN)
def test_the_same_plan_in_every_format_of_text(tmp_path, file_format):
    plan = load(tmp_path, SAME_PLAN[file_format])
    assert contacts_of(plan) == [("1", "9000000000", 0.5, 10.25, 8000, 0.125)]
    assert plan.numbers.tolist() == [1, 9_000_000_000]
    assert (plan.name, plan.epoch, plan.warnings) == ("p", DEFAULT_EPOCH, ())


def test_a_plan_in_parquet(tmp_path):
    out = io.BytesIO()
    row = {"from": "a", "to": "b", "start_s": 0.0, "stop_s": 1.0, "rate_bps": 8, "owlt_s": 0.5}
    pq.write_table(pa.Table.from_pylist([row]), out)
    assert contacts_of(load(tmp_path, out.getvalue())) == [("a", "b", 0.0, 1.0, 8, 0.5)]


def test_a_shipped_plan_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "tutorial" in shipped.list_plans()
    assert load_plan("tutorial").names == ("1", "2", "3", "4", "5")
    with pytest.raises(ScenarioError, match='no plan is named "tutoral"; did you mean "tutorial"'):
        load_plan("tutoral")


# Nodes


def test_where_all_nodes_are_numbers_they_are_in_their_order(tmp_path):
    text = HEADER + "30,4,0,1,8,0\n4,200,2,3,8,0\n4,200,0,1,8,0\n"
    assert load(tmp_path, text).names == ("4", "30", "200")
    assert [each[:3] for each in contacts_of(load(tmp_path, text))] == [
        ("4", "200", 0.0),
        ("4", "200", 2.0),
        ("30", "4", 0.0),
    ]


def test_named_nodes_get_their_row_plus_1_as_number_or_the_least_that_is_free(tmp_path):
    plan = load(tmp_path, HEADER + "a,b,0,1,8,0\n3,c,0,1,8,0\nd,4,0,1,8,0\n")
    assert plan.names == ("a", "b", "3", "c", "d", "4")
    assert plan.numbers.tolist() == [1, 2, 3, 5, 6, 4]


def test_a_number_means_the_same_node_however_it_is_written(tmp_path):
    plan = load(tmp_path, HEADER + "ipn:7,a,0,1,8,0\n7,b,0,1,8,0\nc,ipn:7.0,0,1,8,0\n")
    assert plan.names == ("7", "a", "b", "c")


def test_ids_of_a_sabr_are_rows_whether_they_have_contacts_or_not(tmp_path):
    plan = load(tmp_path, "node 0 z\nnode 1 y\nnode 2 x\ncontact 2 0 0 1 1 0\n")
    assert (plan.names, plan.numbers.tolist()) == (("z", "y", "x"), [1, 2, 3])


def test_numbers_may_be_sparse_and_huge(tmp_path):
    plan = load(tmp_path, HEADER + f"{2**63 - 1},5,0,1,8,0\n0,5,0,1,8,0\n")
    assert plan.numbers.tolist() == [0, 5, 2**63 - 1]
    assert contacts_of(plan)[1][:2] == (str(2**63 - 1), "5")


@pytest.mark.parametrize("word", ["9223372036854775808", "-5", "123456789012345678901234567890"])
def test_what_is_no_ipn_number_is_refused(tmp_path, word):
    assert problems_with(tmp_path, HEADER + f"{word},5,0,1,8,0\n") == [
        f"p:2: from: an ipn number must be from 0 to 9223372036854775807 (got {word})"
    ]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("#1", "a plan without a topology has no rows; give a name or an ipn number"),
        ("a:b", 'a name must not contain ":" (got "a:b")'),
    ],
)
def test_what_cannot_be_a_name_is_refused(tmp_path, word, message):
    assert problems_with(tmp_path, HEADER + f"{word},b,0,1,8,0\n") == [f"p:2: from: {message}"]


# Contacts


def test_all_problems_come_at_once_by_line(tmp_path):
    rows = "a,b,5,5,8,1\na,b,9,1,8,1\nc,c,0,1,8,1\na,b,0,1,0,1\n"
    assert problems_with(tmp_path, HEADER + rows) == [
        "p:2: stop_s: must be after start_s, which is 5 (got 5)",
        "p:3: stop_s: must be after start_s, which is 9 (got 1)",
        'p:4: a link from "c" to itself',
        "p:5: rate_bps: must be a number from 1 to 1e+15 (got 0.0)",
    ]


def test_a_file_without_contacts_is_refused(tmp_path):
    assert problems_with(tmp_path, "# nothing\na range +0 +9 1 2 1\n") == ["p: has no contacts"]
    with pytest.raises(ScenarioError, match="there is no file"):
        load_plan(tmp_path / "absent.csv")


def test_overlaps_that_say_the_same_are_merged_and_others_stay(tmp_path):
    rows = ["a,b,0,10,8,1", "a,b,5,15,8,1", "a,b,6,7,16,1", "a,b,7,8,8,2", "a,b,14,20,8,1", "b,a,5,9,8,1"]
    text = HEADER + "\n".join(rows) + "\n"
    assert contacts_of(load(tmp_path, text)) == [
        ("a", "b", 0.0, 20.0, 8, 1.0),
        ("a", "b", 6.0, 7.0, 16, 1.0),
        ("a", "b", 7.0, 8.0, 8, 2.0),
        ("b", "a", 5.0, 9.0, 8, 1.0),
    ]
    assert warnings_with(tmp_path, text) == [
        "p:3: 2 contacts overlapping another of the same nodes with the same rate and light time are merged "
        "with it",
        "p:4: 2 contacts overlapping another of the same nodes with another rate or light time; all stay, "
        "and routes take whichever is better",
    ]


def test_contacts_that_touch_stay_contacts_of_their_own(tmp_path):
    plan = load(tmp_path, HEADER + "a,b,0,10,8,1\na,b,10,20,8,1\n")
    assert (len(contacts_of(plan)), plan.warnings) == (2, ())


def test_contacts_without_light_time_stay_with_a_warning(tmp_path):
    text = HEADER + "a,b,0,10,8,\nb,a,0,10,8,1\n"
    assert np.isnan(load(tmp_path, text).owlt_s).tolist() == [True, False]
    assert warnings_with(tmp_path, text) == ["p: 1 contact without light time, which no route uses"]
    assert warnings_with(tmp_path, "a contact +0 +9 1 2 1\n") == [
        "p: 1 contact without a range for all of the time: ION would not use that; nor is it used here"
    ]


def test_a_range_of_ion_holds_the_other_way_round_if_its_first_number_is_the_smaller(tmp_path):
    contacts = "a contact +0 +9 20 3 1\na contact +0 +9 3 20 1\n"
    assert load(tmp_path, "a range +0 +9 3 20 2\n" + contacts).owlt_s.tolist() == [2.0, 2.0]
    plan = load(tmp_path, "a range +0 +9 20 3 2\n" + contacts)
    assert plan.names == ("3", "20")
    assert np.isnan(plan.owlt_s[0]) and plan.owlt_s[1] == 2.0


def test_owlt_that_hdtn_leaves_out_is_0_as_in_hdtn(tmp_path):
    item = {"source": 1, "dest": 2, "startTime": 0, "endTime": 9, "rateBitsPerSec": 8}
    text = json.dumps({"contacts": [item]})
    assert load(tmp_path, text).owlt_s.tolist() == [0.0]
    assert warnings_with(tmp_path, text) == [
        "p:1: 1 contact without owlt, which HDTN takes as 0: so it is taken here"
    ]


# t = 0


def test_the_first_absolute_time_of_ion_is_t_0_unless_another_is_given(tmp_path):
    text = (
        "# made 2020/01/01-00:00:00\n@ 2026/03/01-12:00:00\na contact +5 +9 1 2 1\n"
        "a contact 2026/03/01-12:00:07 2026/03/01-12:00:08 2 1 1\na range +0 +9 1 2 1\n"
    )
    moment = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    plan = load(tmp_path, text)
    assert (plan.epoch, plan.start_s.tolist()) == (moment, [5.0, 7.0])
    assert warnings_with(tmp_path, text) == [
        "p: t = 0 is 2026-03-01T12:00:00Z, the first absolute time in the file"
    ]
    earlier = moment - datetime.timedelta(seconds=60)
    plan = load(tmp_path, text, epoch=earlier)
    assert (plan.epoch, plan.start_s.tolist(), plan.warnings) == (earlier, [65.0, 67.0], ())


def test_unix_times_of_hdtn_count_from_the_earliest_start(tmp_path):
    item = {"source": 1, "dest": 2, "rateBitsPerSec": 8, "owlt": 1}
    items = [{**item, "startTime": 1_800_000_000 + t, "endTime": 1_800_000_009 + t} for t in (20, 10)]
    plan = load(tmp_path, json.dumps({"contacts": items}))
    assert plan.start_s.tolist() == [0.0, 10.0]
    assert plan.epoch == datetime.datetime.fromtimestamp(1_800_000_010, datetime.UTC)


def test_our_json_says_what_t_0_is(tmp_path):
    plan = load(tmp_path, '{"topology": "x", "utc": "2026-03-20T12:00:00Z", ' + SAME_PLAN["json"][1:])
    assert plan.epoch == datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)
