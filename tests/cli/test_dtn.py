"""`lasermesh dtn`: routes and profiles over contact plans, and plans in other formats."""

import json

import pytest

from lasermesh.cli.dtn import command
from lasermesh.scenario.bundles import ROUTINGS

CHAIN = """from,to,start_s,stop_s,rate_bps,owlt_s
camera,relay,10,20,8000,0.25
relay,ground,15,40,16000,0.5
relay,ground,60,70,16000,0.125
"""


@pytest.fixture
def dtn(run_command, tmp_path):
    """`dtn("route", ...)` is that command in a folder that holds `chain.csv`."""
    (tmp_path / "chain.csv").write_text(CHAIN)
    return lambda *arguments: run_command("dtn", *arguments)


def answer(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


# route

HOP = (
    *("contact", "from", "to", "start_s", "stop_s", "rate_bps"),
    *("owlt_s", "first_tx_s", "last_tx_s", "arrival_s"),
)


def test_a_route_hop_by_hop(dtn):
    asked = "route", "chain.csv", "camera", "ground", "--at", 5, "--bytes", 1000, "--json"
    assert answer(dtn(*asked)) == {
        "from": "camera",
        "to": "ground",
        "at_s": 5.0,
        "bytes": 1000,
        "arrival_s": 16.0,
        "hops": 2,
        "termination_s": 20.0,
        "entry": "relay",
        "contacts": [
            dict(zip(HOP, (0, "camera", "relay", 10.0, 20.0, 8000, 0.25, 10.0, 11.0, 11.25), strict=True)),
            dict(zip(HOP, (1, "relay", "ground", 15.0, 40.0, 16000, 0.5, 15.0, 15.5, 16.0), strict=True)),
        ],
    }


def test_margin_handling_expiry_and_what_is_left_out_change_the_route(dtn):
    asked = "route", "chain.csv", "camera", "ground", "--at", 5, "--bytes", 1000, "--json"
    found = answer(dtn(*asked, "--margin", 1, "--handling", 6))
    assert [hop["first_tx_s"] for hop in found["contacts"]] == [10.0, 18.25]
    assert (found["contacts"][1]["owlt_s"], found["arrival_s"]) == (0.5, 20.25)
    assert answer(dtn(*asked, "--without-contact", 1))["arrival_s"] == 60.625
    assert answer(dtn(*asked, "--expires", 16))["arrival_s"] == 16.0
    for none in (("--expires", 15.9), ("--without-node", "relay")):
        assert answer(dtn(*asked, *none))["contacts"] == []


def test_a_contact_end_belongs_to_it_only_if_asked_for(dtn):
    asked = "route", "chain.csv", "camera", "relay", "--at", 20, "--json"
    assert answer(dtn(*asked))["arrival_s"] is None
    assert answer(dtn(*asked, "--window-end", "inclusive"))["arrival_s"] == 20.25


def test_the_tutorial_has_its_seven_routes(dtn):
    found = answer(dtn("route", "tutorial", 1, 5, "--at", 0, "--k", 10, "--json"))
    assert [route["arrival_s"] for route in found["routes"]] == [3, 4, 11, 31, 31, 51, 51]
    assert found["routes"][0]["entry"] == "3"


@pytest.mark.parametrize("words", [("1", "5"), ("ipn:1", "ipn:5.0"), ("#0", "#4")])
def test_nodes_are_meant_by_number_or_row_too(dtn, words):
    assert answer(dtn("route", "tutorial", *words, "--at", 0, "--json"))["arrival_s"] == 3.0


def test_where_there_is_no_route_that_is_said_and_the_exit_code_is_0(dtn):
    found = answer(dtn("route", "chain.csv", "camera", "ground", "--at", 30, "--json"))
    values = [found[key] for key in ("arrival_s", "hops", "termination_s", "entry", "contacts")]
    assert values == [None, None, None, None, []]
    done = dtn("route", "chain.csv", "camera", "ground", "--at", 30)
    assert (done.code, done.out) == (
        0,
        "camera to ground from t = 30 s: no route from then on, whatever the size\n",
    )
    assert (
        answer(dtn("route", "chain.csv", "camera", "ground", "--at", 30, "--k", 3, "--json"))["routes"] == []
    )


def test_waits_in_text_are_without_the_handling(dtn):
    lines = dtn("route", "chain.csv", "camera", "ground", "--at", 5, "--handling", 3).out.splitlines()
    # It is there at 10.25 s, may leave at 13.25 s, and does so at 15 s.
    assert [line.split()[3] for line in lines[1:]] == ["waits_s", "5.00", "1.75"]


def test_methods_are_the_routings_of_experiments():
    (method,) = (option for option in command.commands["book"].params if option.name == "method")
    assert sorted(method.type.choices) == sorted(ROUTINGS)


def test_a_bundle_that_no_route_takes_is_told_the_largest_that_one_does(dtn):
    asked = "route", "chain.csv", "camera", "ground", "--at", 12, "--bytes", 9000
    assert answer(dtn(*asked, "--json"))["largest_bytes"] == 8000
    assert dtn(*asked).out == (
        "camera to ground from t = 12 s, 9,000 bytes: no route for it; "
        "the largest bundle that has one has 8,000 bytes\n"
    )
    done = dtn("profile", "chain.csv", "camera", "ground", "--bytes", 30000)
    assert done.out.splitlines()[1] == ("no route for it; the largest bundle that has one has 10,000 bytes")


def test_a_bundle_that_comes_too_late_is_told_when_it_would_come(dtn):
    asked = "route", "chain.csv", "camera", "ground", "--at", 5, "--bytes", 1000, "--expires", 15
    found = answer(dtn(*asked, "--json"))
    assert (found["arrival_s"], found["late_arrival_s"], found["largest_bytes"]) == (None, 16.0, None)
    assert dtn(*asked).out == (
        "camera to ground from t = 5 s, 1,000 bytes: no route in time; "
        "without its expiry it would arrive at 16 s\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("chain.csv", "camra", "ground"),
            'no node is named "camra" in plan "chain"; did you mean "camera"?',
        ),
        (("chain.csv", "camera", "ipn:9"), 'no node of plan "chain" has the ipn number 9'),
        (("chain.csv", "camera", "#3"), "there is no row 3; rows go from 0 to 2"),
        (("chain.csv", "relay", "relay"), 'a route leads from "relay" to itself; give two nodes'),
        (
            ("chain.csv", "camera", "ground", "--bytes", 50001),
            'a bundle of 50001 bytes is larger than any contact of plan "chain": the largest takes 50000 '
            "bytes",
        ),
        (
            ("chain.csv", "camera", "ground", "--bytes", -1),
            "a bundle must have from 0 to 2^53 bytes (got -1)",
        ),
        (
            ("chain.csv", "camera", "ground", "--expires", -1),
            "the bundle expires at -1 s, before it can leave, at 0 s",
        ),
        (("chain.csv", "camera", "ground", "--k", 0), "k must be from 1 to 10000 (got 0)"),
        (
            ("chain.csv", "camera", "ground", "--margin", -1),
            "the margin must be from 0 to 1000000 s (got -1)",
        ),
        (
            ("chain.csv", "camera", "ground", "--without-node", "ground"),
            '"ground" cannot be left out: the route ends there',
        ),
        (
            ("chain.csv", "camera", "ground", "--without-contact", 3),
            'there is no contact 3 in plan "chain"; they go from 0 to 2, by sending node, receiving node and '
            "start",
        ),
        (
            ("chain.csv", "camera", "ground", "--start", 0),
            'a start goes with a topology; "chain.csv" is a plan file',
        ),
        (
            ("walker-14", "Tokyo", "London"),
            'no plan and no topology is named "walker-14"; did you mean "walker-144"?',
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(dtn, arguments, message):
    done = dtn("route", *arguments, "--at", 0)
    assert (done.code, done.out, done.err) == (2, "", f"Error: {message}\n")


@pytest.mark.parametrize("text", ["nan", "inf", "1e12"])
def test_an_instant_that_is_none_is_refused(dtn, text):
    done = dtn("route", "chain.csv", "camera", "ground", "--at", text)
    assert done.code == 2 and "must be a number of seconds within 146 years" in done.err


def test_problems_of_a_plan_come_with_file_and_line(dtn, tmp_path):
    (tmp_path / "bad.csv").write_text(CHAIN + "a,b,3,3,8,1\na,a,3,4,8,1\n")
    done = dtn("route", "bad.csv", "camera", "ground", "--at", 0)
    assert done.code == 2
    assert done.err.splitlines() == [
        "bad.csv: 2 problems",
        "  bad.csv:5: stop_s: must be after start_s, which is 3 (got 3)",
        '  bad.csv:6: a link from "a" to itself',
    ]


def test_a_time_too_far_away_comes_with_its_line(dtn, tmp_path):
    (tmp_path / "far.csv").write_text(CHAIN + "a,b,3,1e30,8,1\n")
    done = dtn("route", "far.csv", "camera", "ground", "--at", 0)
    message = "times must be within 146 years of the plan's epoch (got 1e+30 s)"
    assert (done.code, done.err) == (2, f"far.csv: 1 problem\n  far.csv:5: {message}\n")


def test_a_file_that_is_no_plan_is_told_so_once(dtn, tmp_path):
    (tmp_path / "x.txt").write_text("hello world\n")
    done = dtn("route", "x.txt", "camera", "ground", "--at", 0)
    assert done.code == 2 and done.err.count("\n") == 2
    assert "x.txt:1: looks like no contact plan: neither" in done.err


@pytest.mark.parametrize(
    ("word", "hint"), [("1e6", "; write 1000000"), ("2.5", ""), ("nan", ""), ("1MB", "")]
)
def test_a_size_that_is_no_whole_number_is_refused(dtn, word, hint):
    done = dtn("route", "tutorial", 1, 5, "--at", 0, "--bytes", word)
    message = f"Invalid value for '--bytes': must be a whole number of bytes (got \"{word}\"){hint}"
    assert done.code == 2 and done.err.endswith(f"Error: {message}\n")


def test_a_size_may_be_written_with_underscores(dtn):
    assert answer(dtn("route", "tutorial", 1, 5, "--at", 0, "--bytes", "1_000", "--json"))["bytes"] == 1000


def test_a_text_has_a_line_for_each_contact(dtn):
    lines = dtn("route", "tutorial", 1, 5, "--at", 0).out.splitlines()
    assert lines[0] == "1 to 5 from t = 0 s: arrives at 3 s, after 3 s; 3 contacts, the route ends at 10 s"
    assert [line.split()[1:3] for line in lines[2:]] == [["1", "3"], ["3", "4"], ["4", "5"]]


TOPOLOGY = """
[[satellites]]
name = "bare"
fixed = ["camera", "relay", "ground"]
ipn_first = 7
[[links]]
rule = "plan"
plan = "chain.csv"
"""


def test_a_topology_is_a_plan_too(dtn, tmp_path):
    (tmp_path / "scene.toml").write_text("epoch = 2026-01-01T00:00:00Z\n" + TOPOLOGY)
    asked = "--duration", 100, "--bytes", 1000, "--json"
    found = answer(dtn("route", "scene.toml", "camera", "ipn:9", "--at", 5, *asked))
    assert (found["arrival_s"], found["termination_s"]) == (16.0, 20.0)
    # Contacts are computed from --at on: what is left of the first one begins there.
    found = answer(dtn("route", "scene.toml", "camera", "ground", "--at", 12.5, *asked))
    assert [(hop["start_s"], hop["first_tx_s"]) for hop in found["contacts"]] == [(12.5, 12.5), (15.0, 15.0)]
    done = dtn("route", "scene.toml", "camera", "ground", "--at", 5, "--start", 6, *asked)
    assert "must not be before the contacts, which are known from 6 s on" in done.err


# convert


def converted(dtn, source, file, *more):
    done = dtn("convert", source, "-o", file, *more)
    assert done.code == 0, done.err
    return done


def contacts_in(dtn, file):
    return answer(dtn("convert", file, "--json"))["contacts"]


@pytest.mark.parametrize("file", ["p.csv", "p.json", "p.parquet"])
def test_columns_keep_everything(dtn, file):
    before = contacts_in(dtn, "chain.csv")
    assert converted(dtn, "chain.csv", file).err == ""
    assert contacts_in(dtn, file) == before


@pytest.mark.parametrize(
    ("file", "file_format"), [("p.ionrc", "ion"), ("p.hdtn", "hdtn"), ("p.asabr", "asabr")]
)
def test_a_plan_of_whole_numbers_goes_through_every_format_and_back(dtn, file, file_format):
    before = contacts_in(dtn, "tutorial")
    assert converted(dtn, "tutorial", file, "--format", file_format).err == ""
    assert contacts_in(dtn, file) == before


@pytest.mark.parametrize(("file", "file_format"), [("p.ionrc", "ion"), ("p.asabr", "asabr")])
def test_fractions_go_through_where_they_are_asked_for(dtn, file, file_format):
    converted(dtn, "chain.csv", file, "--format", file_format, "--fractions")
    keys = "start_s", "stop_s", "rate_bps", "owlt_s"
    before, after = (
        [[each[key] for key in keys] for each in contacts_in(dtn, f)] for f in ("chain.csv", file)
    )
    assert after == before


def test_what_a_format_cannot_hold_is_told(dtn, tmp_path):
    with (tmp_path / "chain.csv").open("a") as file:
        file.write("relay,camera,0,9,8000,\nrelay,ground,20,30,8000,1\n")
    warnings = converted(dtn, "chain.csv", "p.ionrc").err
    for told in (
        "1 contacts without light time are left out: ION would not use them",
        "1 contacts overlap another of the same nodes, which ION refuses",
        "names of 3 nodes stand in comments only",
        "light times are rounded to whole seconds",
    ):
        assert told in warnings
    assert "names of 3 nodes are not kept" in converted(dtn, "chain.csv", "p", "--format", "hdtn").err
    (tmp_path / "chain.csv").write_text(CHAIN)
    (tmp_path / "scene.toml").write_text(TOPOLOGY)
    assert "ipn numbers of 3 nodes are not kept" in converted(dtn, "scene.toml", "q.csv").err


def test_convert_says_what_it_needs(dtn):
    for arguments, message in (
        ((), "give --format, or -o FILE with a name that tells it"),
        (("-o", "p.txt"), 'the name "p.txt" does not tell the format; give --format'),
        (("--format", "csv", "--fractions"), "--fractions goes with --format ion or asabr"),
        (("--format", "csv", "--epoch", "yesterday"), "must be as 2026-01-01T00:00:00Z"),
    ):
        done = dtn("convert", "tutorial", *arguments)
        assert done.code == 2 and message in done.err


def test_an_epoch_given_is_what_absolute_times_count_from(dtn, tmp_path):
    text = "a range +0 +60 1 2 1\na contact 2026/01/01-00:00:10 2026/01/01-00:00:20 1 2 8\n"
    (tmp_path / "p.ionrc").write_text(text)
    done = dtn("convert", "p.ionrc", "--json", "--epoch", "2026-01-01T01:00:00+01:00")
    assert (answer(done)["utc"], answer(done)["contacts"][0]["start_s"]) == ("2026-01-01T00:00:00Z", 10.0)
    assert "utc" in answer(dtn("convert", "p.ionrc", "--json"))


# profile


def test_a_profile_says_when_what_is_ready_at_each_instant_arrives(dtn):
    found = answer(dtn("profile", "tutorial", 1, 5, "--json"))
    pieces = [
        tuple(piece[key] for key in ("from_s", "to_s", "arrival_s", "waits")) for piece in found["pieces"]
    ]
    assert pieces == [
        (0.0, 8.0, 3.0, False),
        (8.0, 10.0, 11.0, True),
        (10.0, 20.0, 11.0, False),
        (20.0, 28.0, 31.0, True),
        (28.0, 29.0, 31.0, False),
    ]
    assert [piece["delay_s"] for piece in found["pieces"]] == [3.0, 3.0, 1.0, 11.0, 3.0]
    assert (found["from"], found["to"], found["start_s"], found["duration_s"]) == ("1", ["5"], 0.0, 60.0)
    # 8 s of delay 3, 2 s of 3 down to 1, 10 s of 1, 8 s of 11 down to 3, 1 s of 3.
    mean_s = (8 * 3 + 2 * 2 + 10 * 1 + 8 * 7 + 1 * 3) / 29
    assert found["delay_s"]["mean"] == pytest.approx(mean_s, rel=1e-12)
    assert (found["delay_s"]["p50"], found["delay_s"]["max"]) == (3.0, 11.0)
    assert found["never_share"] == pytest.approx(31 / 60, rel=1e-12)


def test_a_profile_of_a_route_at_each_instant_is_what_route_says(dtn):
    for at_s in (0, 7.5, 9, 28.5):
        route = answer(dtn("route", "tutorial", 1, 5, "--at", at_s, "--bytes", 500, "--json"))
        found = answer(
            dtn("profile", "tutorial", 1, 5, "--bytes", 500, "--start", at_s, "--duration", 0.001, "--json")
        )
        arrivals = [piece["arrival_s"] for piece in found["pieces"]]
        assert arrivals == ([] if route["arrival_s"] is None else [route["arrival_s"]])


def test_of_several_destinations_the_first_that_is_reached_counts(dtn):
    found = answer(dtn("profile", "chain.csv", "camera", "relay,ground", "--json"))
    assert found["to"] == ["relay", "ground"]
    assert [piece["arrival_s"] for piece in found["pieces"]] == [10.25, 10.25]


def test_a_profile_in_text_and_as_csv(dtn, tmp_path):
    done = dtn("profile", "chain.csv", "camera", "ground", "-o", "p.csv")
    assert done.code == 0, done.err
    head, *_ = done.out.splitlines()
    assert head.startswith("camera to ground, ready from t = 0 to 70 s: never arrives in 71.43 % of the time")
    assert (tmp_path / "p.csv").read_text().splitlines() == [
        "from_s,to_s,arrival_s,waits,delay_s",
        "0.0,14.75,15.5,true,15.5",
        "14.75,20.0,15.5,false,0.75",
    ]
    none = dtn("profile", "chain.csv", "ground", "camera")
    assert none.out == "ground to camera, ready from t = 0 to 70 s: never arrives in 100 % of the time\n"


def test_names_and_files_are_checked_before_contacts_are_computed(dtn, tmp_path, monkeypatch):
    def compute(*arguments, **options):
        raise AssertionError("contacts were computed")

    monkeypatch.setattr("lasermesh.dtn.building.graph_of_topology", compute)
    (tmp_path / "scene.toml").write_text(TOPOLOGY)
    (tmp_path / "list.csv").write_text("created_s,from,to,bytes\n0,camera,grund,5\n")
    for arguments, message in (
        (("route", "scene.toml", "camera", "grund", "--at", 0), 'no node is named "grund"'),
        (("route", "scene.toml", "camera", "bare", "--at", 0), '"bare" is a group'),
        (("profile", "scene.toml", "camra", "ground"), 'no node is named "camra"'),
        (("profile", "scene.toml", "camera", "ground", "--without-node", "x"), 'no node is named "x"'),
        (("profile", "scene.toml", "camera", "ground", "-o", "no/p.csv"), 'there is no folder "no"'),
        (("book", "scene.toml", "list.csv"), 'no node is named "grund"'),
        (("book", "scene.toml", "list.csv", "-o", "list.csv"), '"list.csv" is what is read'),
        (("book", "scene.toml", "list.csv", "-o", "p.txt"), 'the name "p.txt" must end in .csv'),
        (("convert", "scene.toml", "-o", "no/p.csv"), 'there is no folder "no"'),
        (("convert", "scene.toml", "-o", "scene.toml", "--format", "csv"), "is what is read"),
    ):
        done = dtn(*arguments)
        assert done.code == 2 and message in done.err


PASS = """
epoch = 2026-03-20T12:00:00Z
[[satellites]]
name = "s"
pattern = "walker-delta"
planes = 1
slots = 1
phasing_factor = 0
altitude_km = 600.0
inclination_deg = 53.0
[[ground]]
name = "equator"
lat_deg = 0.0
lon_deg = 0.0
[[links]]
rule = "ground"
mask_deg = 10.0
up_gbps = 0.001
down_gbps = 0.001
"""


def test_a_profile_with_moving_nodes_says_how_far_off_its_light_times_are(dtn, tmp_path):
    (tmp_path / "pass.toml").write_text(PASS)
    asked = "profile", "pass.toml", "s-0-0", "equator", "--duration", 300
    found = answer(dtn(*asked, "--json"))
    error_ms = found["light_time_error_ms"]
    assert 1.0 < error_ms < 10.0
    route = answer(dtn("route", "pass.toml", "s-0-0", "equator", "--at", 0, "--duration", 300, "--json"))
    assert 1e-4 < abs(route["arrival_s"] - found["pieces"][0]["arrival_s"]) <= error_ms / 1e3
    lines = dtn(*asked).out.splitlines()
    assert lines[-2].startswith("light times are those of each contact's middle, off by at most")
    assert [len(word.partition(".")[2]) for word in lines[2].split()[1:]] == [3] * 5
    assert answer(dtn("profile", "chain.csv", "camera", "ground", "--json"))["light_time_error_ms"] == 0.0


def test_many_destinations_are_named_as_they_were_asked_for(dtn, tmp_path):
    (tmp_path / "many.csv").write_text(
        "from,to,start_s,stop_s,rate_bps,owlt_s\n" + "".join(f"a,b{i},0,9,8000,0\n" for i in range(4))
    )
    done = dtn("profile", "many.csv", "a", "b0,b1,b2,b3")
    assert done.out.startswith("a to b0,b1,b2,b3 (4 nodes), ready from t = 0 to 9 s")


def test_a_profile_over_a_topology_and_its_groups(dtn, tmp_path):
    (tmp_path / "scene.toml").write_text(TOPOLOGY)
    found = answer(dtn("profile", "scene.toml", "camera", "ground", "--start", 5, "--duration", 20, "--json"))
    assert [(piece["from_s"], piece["arrival_s"]) for piece in found["pieces"]] == [
        (5.0, 15.5),
        (14.75, 15.5),
    ]
    short = "profile", "scene.toml", "camera", "ground", "--start", 5, "--duration", 8, "--json"
    assert answer(dtn(*short))["never_share"] == 1.0
    assert answer(dtn(*short, "--look-ahead", 5))["delay_s"]["max"] == 10.5
    assert dtn("profile", "chain.csv", "camera", "ground", "--look-ahead", 5).code == 2
    refused = dtn(*short, "--look-ahead", -5)
    assert (refused.code, "must be a number of seconds from 0 on (got -5)" in refused.err) == (2, True)
    done = dtn("profile", "scene.toml", "camera", "bare")
    assert (done.code, done.err) == (2, 'Error: "camera" is among the destinations itself\n')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("relay,ground", "--duration", 0), "the duration must be a number of seconds above 0 (got 0)"),
        (("relay,", "--duration", 9), 'a name is missing in "relay,"'),
        (("ground", "--without-node", "ground"), '"ground" cannot be left out: the route ends there'),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(dtn, arguments, message):
    done = dtn("profile", "chain.csv", "camera", *arguments)
    assert (done.code, done.err) == (2, f"Error: {message}\n")
