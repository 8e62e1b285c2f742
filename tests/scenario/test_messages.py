"""What a wrong file gets: every problem at once, by file and line."""

import json

import pytest

from lasermesh.scenario import Problem, ScenarioError, load, load_experiment
from tests.scenario.scenes import BARE, FLOW, GRID, ONE_GROUP, check_file, problems_of, write

# The two files of the design's section 9, with its three mistakes on the lines where it has them.
CITIES = """topology = "starlink-gen1"
duration_s = 10.0

[routing]
policy = "shortest-delay"

[packets]
queue_bytes = 15_000_000

[[flows]]
name = "office"
kind = "poisson"
pairs = [["Tokyo", "London"]]
rate_gpbs = 4.0

[[flows]]
name = "overload"
kind = "constant"
pairs = [
  ["London", "Tokyo"],
  ["gen1-00-00", "London"],
  ["Tokio", "London"],
]
rate_gbps = 10.0
"""
STARLINK = """name = "starlink-gen1"
epoch = 2026-03-20T12:00:00Z

[terminals.mini]
rate_gbps = 25.0
max_range_km = 4000.0

[[satellites]]
name = "gen1"

pattern = "walker-delta"
planes = "72"
slots = 22
phasing_factor = 39
altitude_km = 550.0
inclination_deg = 53.0
terminals = [{ type = "mini", count = 4 }]

[[ground]]
name = "cities"
sites = "two.csv"

[[links]]
rule = "grid"
satellites = "gen1"

[[links]]
rule = "ground"
mask_deg = 25.0
rate_gbps = 25.0
"""
TWO = "name,lat_deg,lon_deg\nTokyo,35.7,139.7\nLondon,51.5,-0.1\n"


@pytest.fixture
def cities(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, STARLINK, "starlink-gen1.toml")
    write(tmp_path, TWO, "two.csv")
    return write(tmp_path, CITIES, "cities.toml")


@pytest.mark.parametrize("load_any", [load, load_experiment])
def test_the_message_of_the_design_comes_out_word_for_word(cities, load_any):
    with pytest.raises(ScenarioError) as caught:
        load_any("cities.toml")
    assert str(caught.value) == (
        "cities.toml: 3 problems\n"
        '  cities.toml:14: flows[0].rate_gpbs: unknown key; did you mean "rate_gbps"?\n'
        '  cities.toml:22: flows[1].pairs[2]: no node is named "Tokio" in topology "starlink-gen1"; '
        'did you mean "Tokyo"?\n'
        '  starlink-gen1.toml:12: satellites[0].planes: must be an integer of at least 1 (got "72")'
    )


def test_a_file_beside_is_named_as_the_first_was(cities):
    problems, _ = check_file(cities)
    assert {problem.file for problem in problems} == {"cities.toml", "starlink-gen1.toml"}


def test_problems_are_json_ready(cities):
    problems, warnings = check_file("cities.toml")
    assert warnings == []
    assert json.loads(json.dumps(problems[2].to_dict())) == {
        "file": "starlink-gen1.toml",
        "line": 12,
        "key": "satellites[0].planes",
        "given": "72",
        "message": 'must be an integer of at least 1 (got "72")',
    }


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("nan", "nan"),
        ("1e400", "inf"),
        ("2026-01-01", "2026-01-01"),
        ("[1, 2]", "[1, 2]"),
        ("{a = 1}", "a table"),
        ("99999999999999999999", "99999999999999999999"),
        ("0x" + "f" * 5000, "an integer of 20000 bits"),
        ("true", True),
    ],
)
def test_what_was_given_is_json_ready_whatever_it_is(tmp_path, value, given):
    problems, _ = check_file(write(tmp_path, ONE_GROUP.replace("1200.0", value)))
    assert [problem.given for problem in problems] == [given]
    json.dumps(problems[0].to_dict(), allow_nan=False)


def test_one_problem_is_one_problem(tmp_path):
    with pytest.raises(ScenarioError, match=r"x\.toml: 1 problem\n"):
        load(write(tmp_path, ONE_GROUP.replace("planes = 4", "planes = 0")))


def test_a_flood_of_problems_is_cut_but_counted():
    problems = [Problem("x.toml", line, None, None, "wrong") for line in range(1, 61)]
    lines = str(ScenarioError("x.toml", problems)).splitlines()
    assert lines[0] == "x.toml: 60 problems"
    assert lines[-1] == "  ... and 10 more"
    assert len(lines) == 52


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("rate_mbps = 100", "rate_mbps: write rate_gbps = 0.1"),
        ("rate_Mbps = 100", "rate_Mbps: write rate_gbps = 0.1"),
        ("rate_kbps = 64", "rate_kbps: write rate_gbps = 6.4e-05"),
        ("rate_bps = 25_000_000_000", "rate_bps: write rate_gbps = 25"),
        ("rate_tbps = 1.6", "rate_tbps: write rate_gbps = 1600"),
        ('rate_mbps = "100"', "rate_mbps: write rate_gbps, in gbps"),
        ("rate_gbps = 1\nstart_ms = 250", "start_ms: write start_s = 0.25"),
        ("rate_gbps = 1\nstop_min = 0.1", "stop_min: write stop_s = 6"),
        ("rate_gbps = 1\nphase_us = 5", "phase_us: write phase_s = 5e-06"),
        ("rate_gbps = 1\npacket_kb = 1.5", "packet_kb: write packet_bytes = 1500"),
        ("rate = 1", 'rate: unknown key; did you mean "rate_gbps"?'),
        ("rate_gbps = 1\nstart = 1", 'start: unknown key; did you mean "start_s"?'),
        ("rate_gbps = 1\nRATE_GBPS = 1", 'RATE_GBPS: unknown key; did you mean "rate_gbps"?'),
    ],
)
def test_a_key_in_another_unit_is_answered_with_the_right_line(tmp_path, written, advice):
    text = f"duration_s = 10\n{BARE}{FLOW}".replace("rate_gbps = 0.1", written)
    problems = problems_of(tmp_path, text)
    assert len(problems) == 1
    assert problems[0].endswith(f": flows[0].{advice}")


def test_other_units_of_length_and_angle_are_answered_too(tmp_path):
    text = ONE_GROUP.replace("altitude_km = 1200.0", "altitude_m = 550_000").replace(
        "inclination_deg = 53.0", "inclination_rad = 0.925"
    )
    assert problems_of(tmp_path, f"duration_hours = 1\n[topology]\n[[flows]]\n{FLOW}")[0].endswith(
        "duration_hours: write duration_s = 3600"
    )
    assert problems_of(tmp_path, text + GRID) == [
        "x.toml:8: satellites[0].altitude_m: write altitude_km = 550",
        "x.toml:9: satellites[0].inclination_rad: write inclination_deg = 52.9985960496",
    ]


def test_a_key_like_no_other_gets_the_list_of_keys(tmp_path):
    text = f"duration_s = 10\nqwertzuiop = 1\n{BARE}{FLOW}"
    assert (
        "x.toml:2: qwertzuiop: unknown key; the keys here are name, topology, start_s"
        in problems_of(tmp_path, text)[0]
    )


def test_name_lookups_go_on_beside_a_group_that_is_wrong(tmp_path):
    """Its own nodes may exist, other names are known."""
    topology = ONE_GROUP.replace("planes = 4", "planes = 0").replace("[[s", "[topology]\n[[topology.s")
    flows = '[[flows]]\nname = "f"\nrate_gbps = 1\npairs = [["w-00-00", "w-99-99"], ["w-0-0", "v-0-0"]]\n'
    assert problems_of(tmp_path, f"duration_s = 1\n{topology}\n{flows}") == [
        "x.toml:7: topology.satellites[0].planes: must be an integer of at least 1 (got 0)",
        'x.toml:16: flows[0].pairs[1]: no node is named "v-0-0" in topology "x"',
    ]
