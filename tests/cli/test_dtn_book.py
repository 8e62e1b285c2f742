"""`lasermesh dtn book`: routes for lists of bundles, volume booked."""

import json

import pytest

SCENE = """
epoch = 2026-01-01T00:00:00Z
[[satellites]]
name = "bare"
fixed = ["camera", "ground"]
[[links]]
rule = "plan"
plan = "chain.csv"
"""
CHAIN = "from,to,start_s,stop_s,rate_bps,owlt_s\ncamera,ground,5,20,8000,0.25\n"


@pytest.fixture
def dtn(run_command):
    """`dtn("route", ...)` is that command."""
    return lambda *arguments: run_command("dtn", *arguments)


def answer(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


BUNDLES = """created_s,from,to,bytes,priority,lifetime_s
0,1,5,3000,,
0,1,5,3000,expedited,
0,1,5,5000,bulk,
1,1,5,100000,,
1,1,5,1000,,2
55,1,5,6000,,
"""


@pytest.fixture
def book(dtn, tmp_path):
    """`book(...)` is `lasermesh dtn book tutorial bundles.csv ...`."""
    (tmp_path / "bundles.csv").write_text(BUNDLES)
    return lambda *arguments: dtn("book", "tutorial", "bundles.csv", *arguments)


def test_each_bundle_has_its_own_time_in_a_contact(book):
    found = answer(book("--json"))
    rows = found["bundles"]
    # Contact 2 is open from 10 to 20 s: first the expedited one, then the other, and no room for the third.
    assert [row["arrival_s"] for row in rows] == [17.0, 14.0, 36.0, None, None, None]
    assert [row["displaced"] for row in rows[:2]] == [1, 0]
    assert [row["reason"] for row in rows] == [None, None, None, "too_large", "expired", "no_route"]
    assert (found["booked"], found["refused"]) == (3, {"too_large": 1, "expired": 1, "no_route": 1})
    assert [row["line"] for row in rows] == [2, 3, 4, 5, 6, 7]
    (part,) = rows[2]["parts"]
    assert (part["bytes"], [hop["contact"] for hop in part["contacts"]]) == (5000, [1, 7, 10])


def test_a_bundle_too_large_for_a_contact_goes_in_parts_if_asked_for(dtn, tmp_path):
    (tmp_path / "bundles.csv").write_text("created_s,from,to,bytes\n9,1,5,12000\n")
    asked = "book", "tutorial", "bundles.csv", "--json"
    (row,) = answer(dtn(*asked))["bundles"]
    assert (row["reason"], row["largest_bytes"], row["parts"]) == ("too_large", 10000, [])
    (row,) = answer(dtn(*asked, "--split"))["bundles"]
    assert [(part["bytes"], part["entry"]) for part in row["parts"]] == [(10000, "5"), (2000, "3")]
    assert (row["reason"], row["arrival_s"]) == (None, 33.0)


@pytest.mark.parametrize(("method", "arrivals_s"), [("sabr", [14.1, 14.1]), ("ion", [14.187, 14.187])])
def test_the_rules_of_the_standard_count_volumes_not_times(book, method, arrivals_s):
    rows = answer(book("--method", method, "--json"))["bundles"]
    assert [row["arrival_s"] for row in rows[:2]] == arrivals_s


@pytest.mark.parametrize(("method", "largest"), [("sabr", 9709), ("sabr-complete", 9709), ("ion", 9412)])
def test_a_bundle_too_large_by_the_rules_of_the_standard_is_told_so(dtn, tmp_path, method, largest):
    (tmp_path / "bundles.csv").write_text("created_s,from,to,bytes\n9,1,5,9900\n")
    (row,) = answer(dtn("book", "tutorial", "bundles.csv", "--method", method, "--json"))["bundles"]
    assert (row["reason"], row["largest_bytes"]) == ("too_large", largest)
    asked = "route", "tutorial", 1, 5, "--at", 9, "--method", method, "--json", "--bytes"
    assert answer(dtn(*asked, 9900))["largest_bytes"] == largest


def test_the_best_candidate_may_be_better_than_the_first(dtn, tmp_path):
    # By the time of the first bit 2 comes first, at 1 Mbit/s; the whole bundle is there sooner by 3.
    (tmp_path / "two.csv").write_text(
        "from,to,start_s,stop_s,rate_bps,owlt_s\n1,2,0,90,1000000,0\n2,4,0,90,1000000,0\n"
        "1,3,1,90,8000000,0\n3,4,1,90,8000000,0\n"
    )
    asked = "route", "two.csv", 1, 4, "--at", 0, "--bytes", 1_000_000, "--json", "--method"
    assert [answer(dtn(*asked, method))["entry"] for method in ("sabr", "sabr-complete")] == ["2", "3"]


def test_bundles_are_spread_over_neighbours_if_asked_for(book):
    rows = answer(book("--method", "spread", "--json"))["bundles"]
    assert {row["entry"] for row in rows if row["reason"] is None} == {"5", "3", "2"}


def test_booked_bundles_in_text_and_as_csv(book, tmp_path):
    done = book("-o", "booked.csv")
    lines = done.out.splitlines()
    assert lines[-2:] == [
        "3 of 6 bundles have a route; 1 lost volume to higher priorities and had to be routed anew",
        "booked.csv: 6 bundles",
    ]
    assert "too large: 10,000 bytes go" in lines[4]
    assert max(map(len, lines)) <= 100
    assert (tmp_path / "booked.csv").read_text().splitlines()[1] == "2,1,5,0.0,3000,normal,17.0,17.0,1,5,,,1"


def test_problems_of_a_list_of_bundles_come_all_at_once(dtn, tmp_path):
    (tmp_path / "bad.csv").write_text("created_s,from,to,bytes\n0,1,9,5\n-1e10,1,5,5\n0,5,ipn:5,5\n")
    done = dtn("book", "tutorial", "bad.csv")
    assert done.code == 2
    assert [line.split(": ")[0].strip() for line in done.err.splitlines()] == [
        "bad.csv",
        "bad.csv:2",
        "bad.csv:3",
        "bad.csv:4",
    ]
    assert 'no node of plan "tutorial" has the ipn number 9' in done.err
    missing = dtn("book", "tutorial", "none.csv")
    assert (missing.code, missing.err) == (2, 'Error: there is no file "none.csv"\n')


def test_bundles_may_be_made_in_any_year_that_a_plan_reaches(dtn, tmp_path):
    (tmp_path / "late.csv").write_text(
        "from,to,start_s,stop_s,rate_bps,owlt_s\na,b,-9,-1,8000,0\na,b,2e9,2000000010,8000,0.5\n"
    )
    (tmp_path / "bundles.csv").write_text(
        "created_s,from,to,bytes,lifetime_s\n-5,a,b,1000,2\n0,a,b,1000,3e9\n"
    )
    rows = answer(dtn("book", "late.csv", "bundles.csv", "--json"))["bundles"]
    assert [row["arrival_s"] for row in rows] == [-4.0, 2_000_000_001.5]


def test_bundles_made_before_the_contacts_of_a_topology_are_refused(dtn, tmp_path):
    (tmp_path / "chain.csv").write_text(CHAIN)
    (tmp_path / "scene.toml").write_text(SCENE)
    (tmp_path / "bundles.csv").write_text("created_s,from,to,bytes\n5,camera,ground,1000\n")
    asked = "book", "scene.toml", "bundles.csv", "--duration", 50, "--json"
    assert answer(dtn(*asked, "--start", 5))["bundles"][0]["arrival_s"] == 6.25
    done = dtn(*asked, "--start", 6)
    assert "bundles.csv:2: created_s: must not be before the contacts" in done.err
