"""What is said for and against a link."""

import math

import numpy as np
import pytest

from lasermesh.contacts import LinkEngine
from lasermesh.errors import UserError
from lasermesh.experiments.explaining import (
    describe_link,
    explain,
    explain_all,
    list_candidates,
    local_frame,
)
from lasermesh.orbits import build_ephemeris, geodetic_from_ecef, look_angles
from lasermesh.scenario import load_topology
from lasermesh.units import EARTH_ROTATION_RAD_PER_S, SPEED_OF_LIGHT_M_PER_S
from tests.experiments.skies import NEAREST, SHELL, quito, shell

FIELDS = "from to up made state rule rule_kind since_s until_s reason range_km light_time_ms"
FIELDS += " grazing_altitude_km conditions ends"
GRID = '[[links]]\nrule = "grid"\n'


@pytest.fixture
def mixed(tmp_path):
    """A grid and a site."""
    return shell(tmp_path, GRID + quito())


def conditions_of(entry):
    return {condition["name"]: condition for condition in entry["conditions"]}


def test_the_answer_has_the_fields_of_the_contract(mixed):
    result = explain(mixed, "w-0-0", "w-0-1", 60.0)
    assert list(result) == ["topology", "t_s", "utc", "memory", *FIELDS.split(), "route"]
    assert (result["from"], result["to"], result["t_s"]) == ("w-0-0", "w-0-1", 60.0)
    for end in result["ends"]:
        assert list(end) == [
            "name",
            "kind",
            "sunlight",
            "azimuth_deg",
            "elevation_deg",
            "pointing",
            "terminal",
        ]
        assert end["sunlight"] in ("sunlit", "penumbra", "umbra")
        assert list(end["terminal"]) == ["type", "index", "count", "busy", "with", "acquiring_until_s"]
    for condition in result["conditions"]:
        assert {"name", "holds"} < set(condition) and len(condition) == 4


def test_a_verdict_agrees_with_the_graph_for_every_pair_of_a_satellite(mixed):
    links = LinkEngine(mixed, build_ephemeris(mixed)).graph_at(60.0)
    linked = set(zip(links.from_node.tolist(), links.to_node.tolist(), strict=True))
    for other in [*range(1, 48, 3), 48]:
        result = explain(mixed, "#0", f"#{other}", 60.0)
        assert result["up"] == ((0, other) in linked)
        assert result["up"] == (result["state"] == "up") and (result["reason"] is None) == result["up"]


def test_geometry_is_that_of_the_ephemeris(mixed):
    ephemeris = build_ephemeris(mixed)
    position_m, _ = ephemeris.state_at(60.0)
    result = explain(mixed, "w-0-0", "w-0-1", 60.0)
    range_m = np.linalg.norm(position_m[1] - position_m[0])
    assert result["range_km"] == pytest.approx(range_m / 1e3, rel=1e-12)
    assert result["light_time_ms"] == pytest.approx(range_m / SPEED_OF_LIGHT_M_PER_S * 1e3, rel=1e-12)
    share = np.linspace(0.0, 1.0, 20_001)[:, None]
    heights_m = geodetic_from_ecef(position_m[0] * (1 - share) + position_m[1] * share)[2]
    assert result["grazing_altitude_km"] == pytest.approx(heights_m.min() / 1e3, abs=1e-3)
    grazing = conditions_of(result)["grazing altitude"]
    assert grazing["limit_km"] == 80.0 and grazing["value_km"] == pytest.approx(
        result["grazing_altitude_km"], abs=2.0
    )
    assert conditions_of(result)["range"]["limit_km"] == 6000.0
    # A neighbour ahead in the same plane: straight on, and down by half the angle between them.
    ahead, behind = (end["pointing"] for end in result["ends"])
    assert ahead["fore"] > 0.85 and behind["fore"] < -0.85 and abs(ahead["left"]) < 0.05
    assert result["ends"][0]["elevation_deg"] == pytest.approx(-22.5, abs=0.5)
    assert math.hypot(*ahead.values()) == pytest.approx(1.0, rel=1e-12)


def test_a_site_sees_a_satellite_where_look_angles_say(mixed):
    position_m, _ = build_ephemeris(mixed).state_at(60.0)
    result = explain(mixed, "Quito", "w-2-3", 60.0)
    azimuth_rad, elevation_rad, _ = look_angles(position_m[48], position_m[[19]])
    site, satellite = result["ends"]
    assert site["azimuth_deg"] == pytest.approx(math.degrees(azimuth_rad[0]), abs=1e-9)
    assert site["elevation_deg"] == pytest.approx(math.degrees(elevation_rad[0]), abs=1e-9)
    assert site["kind"] == "ground" and site["sunlight"] is site["pointing"] is site["terminal"] is None
    assert result["grazing_altitude_km"] is None
    assert conditions_of(result)["elevation"]["limit_deg"] == 10.0
    back = explain(mixed, "w-2-3", "Quito", 60.0)
    assert back["ends"] == [satellite, site] and back["up"] == result["up"]


def test_axes_of_the_local_frame_are_those_of_the_orbit():
    frame = local_frame(np.array([7e6, 0.0, 0.0]), np.array([100.0, 0.0, 7500.0]))
    assert frame.tolist() == [[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]


def test_pointing_uses_the_inertial_velocity(mixed):
    """Along the inertial velocity, a neighbour in the plane has no part to the left at all."""
    position_m, velocity_m_per_s = build_ephemeris(mixed).state_at(0.0)
    spin = EARTH_ROTATION_RAD_PER_S * np.cross((0.0, 0.0, 1.0), position_m[0])
    offset = position_m[1] - position_m[0]
    parts = local_frame(position_m[0], velocity_m_per_s[0] + spin) @ (offset / np.linalg.norm(offset))
    told = explain(mixed, "w-0-0", "w-0-1")["ends"][0]["pointing"]
    assert list(told.values()) == pytest.approx(parts.tolist(), abs=1e-9)
    assert abs(told["left"]) < 0.01


def test_a_pair_that_no_rule_joins_is_told_as_such(tmp_path):
    result = explain(shell(tmp_path, GRID), "w-0-0", "w-3-4")
    assert (result["made"], result["up"]) == (False, False) and result["reason"]
    alone = explain(shell(tmp_path, ""), "w-0-0", "w-0-1")
    assert alone["rule"] is alone["rule_kind"] is None and not alone["made"]
    assert "no link rule" in alone["reason"]


def test_the_first_condition_that_fails_is_the_reason(mixed):
    far = explain(mixed, "w-0-0", "w-3-0")
    failing = [condition["name"] for condition in far["conditions"] if not condition["holds"]]
    assert far["reason"] == failing[0] and not far["up"]


def test_terminals_belong_to_the_ends_whichever_is_named_first(tmp_path):
    topology = shell(tmp_path, NEAREST)
    graph = LinkEngine(topology, build_ephemeris(topology)).graph_at(5.0)
    a, b = int(graph.from_node[0]), int(graph.to_node[0])
    names = topology.node_names
    for first, second in ((a, b), (b, a)):
        result = explain(topology, names[first], names[second], 5.0)
        assert result["state"] == "up"
        assert [end["terminal"]["with"] for end in result["ends"]] == [names[second], names[first]]
        assert all(end["terminal"]["busy"] for end in result["ends"])
        assert result["memory"] == {"from_s": 0.0, "warm_up_s": None}


def test_a_link_that_is_acquired_says_until_when(tmp_path):
    topology = shell(tmp_path, NEAREST, terminal="acquisition_s = 40.0")
    engine = LinkEngine(topology, build_ephemeris(topology))
    names = topology.node_names
    step = engine.step(0.0, 1200.0)
    starts = [
        (t_s, int(link))
        for t_s, link, rate in zip(step.change_s, step.change_link, step.change_rate_bps, strict=True)
        if rate > 0
    ]
    up_s, link = starts[0]
    ends = names[engine.links.from_node[link]], names[engine.links.to_node[link]]
    result = explain(topology, *ends, up_s - 20.0)
    assert (result["made"], result["up"], result["state"]) == (True, False, "acquiring")
    for end in result["ends"]:
        assert end["terminal"]["acquiring_until_s"] == pytest.approx(up_s, abs=1e-6)
    assert "acquiring until t = " in " ".join(describe_link(result)[2][1])
    assert explain(topology, *ends, up_s + 1.0)["up"]


def test_the_terminal_that_is_told_is_one_that_can_look_there(tmp_path):
    """Of two terminals, one fore and one aft, only the second sees the neighbour behind."""
    path = tmp_path / "mounts.toml"
    text = SHELL.format(terminal='mount = "fore"\nfield_of_regard_deg = 60.0', more=NEAREST)
    aft = '[terminals.aft]\nrate_gbps = 25.0\nmount = "aft"\nfield_of_regard_deg = 60.0\n[[satellites]]'
    text = text.replace("[[satellites]]", aft).replace(
        "count = 4 }", 'count = 1 }, {type = "aft", count = 1 }'
    )
    path.write_text(text.replace("max_range_km = 6000.0", "max_range_km = 100.0"))
    result = explain(load_topology(path), "w-0-1", "w-0-0")
    assert [end["terminal"]["type"] for end in result["ends"]] == ["aft", "mini"]
    assert conditions_of(result)["pointing at w-0-1"]["holds"]


def test_an_angle_of_nothing_has_no_sign(mixed):
    result = explain_all(mixed, "w-2-2")
    result["candidates"][0]["ends"][0]["elevation_deg"] = -1e-9
    assert list_candidates(result)[1][2] == "0.00"


def test_all_candidates_come_the_nearest_first_with_their_verdicts(tmp_path):
    topology = shell(tmp_path, NEAREST)
    result = explain_all(topology, "w-2-2", 30.0)
    assert list(result) == ["topology", "t_s", "utc", "memory", "node", "candidates"]
    ranges = [entry["range_km"] for entry in result["candidates"]]
    assert ranges == sorted(ranges) and len(ranges) >= 3 and ranges[-1] <= 6000.0
    graph = LinkEngine(topology, build_ephemeris(topology)).graph_at(30.0)
    row = topology.row_of("w-2-2")
    partners = {topology.node_names[i] for i in graph.to_node[graph.first[row] : graph.first[row + 1]]}
    assert {entry["to"] for entry in result["candidates"] if entry["up"]} == partners
    assert all(list(entry) == FIELDS.split() for entry in result["candidates"])
    assert {entry["from"] for entry in result["candidates"]} == {"w-2-2"}
    rows = list_candidates(result)
    assert len(rows) == 1 + len(ranges) and rows[1][0] == result["candidates"][0]["to"]


def test_a_warm_up_is_told(tmp_path):
    result = explain(shell(tmp_path, NEAREST), "w-0-0", "w-0-1", 600.0, warm_up_s=60.0)
    assert result["memory"] == {"from_s": 540.0, "warm_up_s": 60.0}


def test_what_has_no_position_has_nulls(tmp_path):
    more = '[[satellites]]\nname = "f"\nfixed = ["relay"]\n' + GRID + 'satellites = "w"\n'
    result = explain(shell(tmp_path, more), "relay", "w-0-0")
    assert result["range_km"] is result["light_time_ms"] is result["grazing_altitude_km"] is None
    assert all(
        end["azimuth_deg"] is end["elevation_deg"] is end["pointing"] is None for end in result["ends"]
    )
    assert result["ends"][0]["sunlight"] is None
    assert describe_link(result)[0][1] == ("range", "unknown: an end has no position")


@pytest.mark.parametrize(
    ("first", "second", "at_s", "warm_up_s", "words"),
    [
        ("w-0-0", "w-0-0", 0.0, None, 'a link from "w-0-0" to itself'),
        ("w-0-0", "w-9-0", 0.0, None, 'no node is named "w-9-0"'),
        ("w", "w-0-0", 0.0, None, '"w" is a group'),
        ("w-0-0", "w-0-1", math.inf, None, "the instant must be a number of seconds"),
        ("w-0-0", "w-0-1", 1e12, None, "within 100 years"),
        ("w-0-0", "w-0-1", 0.0, -1.0, "the warm-up must be from 0"),
        ("w-0-0", "w-0-1", 0.0, math.nan, "the warm-up must be from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, first, second, at_s, warm_up_s, words):
    with pytest.raises(UserError, match=words):
        explain(shell(tmp_path), first, second, at_s, warm_up_s)
