"""Link rules against the groups that they name."""

import pytest

from lasermesh.scenario import load_topology
from tests.scenario.scenes import GRID, ONE_GROUP, TABLES, TOKYO, problems_of, warnings_of, write

STAR = ONE_GROUP.replace("walker-delta", "walker-star").replace('"w"', '"s"')
FROM_FILE = """epoch = 2026-08-11T12:00:00Z
[[satellites]]
name = "e"
elements = "four.tle"
planes = 2
slots = 2
"""
BARE = '[[satellites]]\nname = "bare"\nfixed = ["a", "b", "c"]\n'
GROUND = '[[links]]\nrule = "ground"\nrate_gbps = 10\n'
PLAN = '[[links]]\nrule = "plan"\nplan = "x.csv"\n'
MINI = "[terminals.mini]\nrate_gbps = 25\n"
USE = "terminals = [{{ type = 'mini', count = {} }}]\n"


def rule_of(folder, text):
    return load_topology(write(folder, text)).links[-1]


def test_a_grid_is_about_all_groups_in_planes_unless_it_says_which(tmp_path):
    rule = rule_of(tmp_path, ONE_GROUP + BARE + GRID)
    assert rule.satellites == ("w",)
    assert rule.offsets == ((0, 1), (1, 0))
    assert rule.neighbour == "nearest-phase"
    assert rule.wrap is True


def test_a_star_does_not_wrap_unless_it_says_so(tmp_path):
    assert rule_of(tmp_path, STAR + GRID).wrap is False
    assert rule_of(tmp_path, STAR + GRID + "wrap = true\n").wrap is True


def test_a_grid_over_a_star_and_others_must_say_whether_it_wraps(tmp_path):
    text = STAR + ONE_GROUP + GRID
    assert problems_of(tmp_path, text)[0].startswith("x.toml:20: links[0].wrap: missing")
    assert rule_of(tmp_path, text + "wrap = false\n").satellites == ("s", "w")


def test_a_ground_rule_is_about_all_that_has_a_position(tmp_path):
    rule = rule_of(tmp_path, ONE_GROUP + BARE + TOKYO + GROUND)
    assert (rule.satellites, rule.sites, rule.mask_deg, rule.choose) == (("w",), ("Tokyo",), None, "all")


def test_rules_stand_in_the_order_of_the_file():
    assert [rule.rule for rule in load_topology(TABLES / "links.toml").links] == [
        "grid",
        "ground",
        "plan",
        "grid",
        "nearest",
        "guest",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            ONE_GROUP + GRID + 'satellites = "v"\n',
            '14: links[0].satellites: no group of satellites is named "v"',
        ),
        (
            ONE_GROUP + GRID + 'satellites = ["w", "v"]\n',
            "14: links[0].satellites[1]: no group of satellites is",
        ),
        (
            ONE_GROUP + TOKYO + GROUND + 'sites = "tokio"\n',
            '18: links[0].sites: no group of ground sites is named "tokio"; did you mean "Tokyo"?',
        ),
        (
            ONE_GROUP + TOKYO + GRID + 'satellites = "Tokyo"\n',
            '19: links[0].satellites: "Tokyo" is not a group of satellites',
        ),
        (
            ONE_GROUP + GRID + 'satellites = ["w", "w"]\n',
            'links[0].satellites[1]: "w" stands already at links[0].satellites[0] (x.toml:14)',
        ),
        (
            ONE_GROUP + BARE + GRID + 'satellites = "bare"\n',
            'links[0].satellites: "bare" has no planes and slots, which a grid needs',
        ),
        (
            ONE_GROUP + BARE + TOKYO + GROUND + 'satellites = "bare"\n',
            'links[0].satellites: "bare" has no positions, so it has links only from a plan',
        ),
        (BARE + GRID, '5: links[0].satellites: missing; the topology has none for rule = "grid"'),
        (BARE + TOKYO + GROUND, 'links[0].satellites: missing; the topology has none for rule = "ground"'),
        (ONE_GROUP + GROUND, '10: links[0].sites: missing; the topology has none for rule = "ground"'),
        (
            ONE_GROUP + GRID.replace("rate_gbps = 10", ""),
            'links[0].rate_gbps: missing; the terminals of "w" do not give it',
        ),
        (
            ONE_GROUP + TOKYO + GROUND.replace("rate_gbps = 10", ""),
            'links[0].rate_gbps: missing; the terminals of "w" do not give it; '
            "up_gbps and down_gbps would do too",
        ),
        (
            ONE_GROUP + TOKYO + GROUND.replace("rate_gbps", "up_gbps"),
            "links[0].down_gbps: missing; up_gbps and down_gbps go together",
        ),
        (
            ONE_GROUP + TOKYO + GROUND + "up_gbps = 1\n",
            "18: links[0].up_gbps: cannot stand beside rate_gbps",
        ),
        (
            ONE_GROUP + GRID + "mask_deg = 10\n",
            'links[0].mask_deg: goes with rule = "ground", not with rule = "grid"',
        ),
        (
            ONE_GROUP + TOKYO + GROUND + "wrap = true\n",
            'links[0].wrap: goes with rule = "grid", not with rule = "ground"',
        ),
        (
            ONE_GROUP + GRID + "offsets = [[0, 1], [0, 0]]\n",
            "links[0].offsets[1]: a satellite has no link to itself",
        ),
        (
            ONE_GROUP + GRID + "offsets = [[1, -1], [-1, 1]]\n",
            "links[0].offsets[1]: makes the same links as [1, -1]",
        ),
        (
            ONE_GROUP + GRID + "offsets = [[4, 0]]\n",
            'links[0].offsets[0]: leads beyond the 4 planes of 6 slots of "w"',
        ),
        (
            ONE_GROUP + GRID + 'neighbour = "nearest"\n',
            'links[0].neighbour: must be "nearest-phase", "stays-nearest" or "same-index" (got "nearest")',
        ),
        (ONE_GROUP + GRID + "offsets = [[0, 1.5]]\n", "links[0].offsets[0][1]: must be an integer from"),
        (
            ONE_GROUP + "[[links]]\nrate_gbps = 1\n",
            '10: links[0].rule: missing; must be "grid", "nearest", "guest", "ground" or "plan"',
        ),
        (
            ONE_GROUP + '[[links]]\nrule = "plan"\n',
            "10: links[0].plan: missing; must be a file name in quotes",
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(tmp_path, text, problem):
    problems = problems_of(tmp_path, text)
    assert len(problems) == 1
    assert problem in problems[0]


def test_only_patterns_know_who_stays_nearest(tmp_path):
    stays = GRID + 'neighbour = "stays-nearest"\n'
    assert rule_of(tmp_path, ONE_GROUP + stays).neighbour == "stays-nearest"
    write(tmp_path, (TABLES / "four.tle").read_bytes(), "four.tle")
    assert problems_of(tmp_path, FROM_FILE + stays) == [
        'x.toml:11: links[0].neighbour: "stays-nearest" needs a pattern, '
        'and the orbits of "e" come from a file'
    ]


def test_rates_of_terminals_do_for_rules_without_rate(tmp_path):
    text = MINI + ONE_GROUP + USE.format(4) + TOKYO + GRID.replace("rate_gbps = 10", "")
    assert rule_of(tmp_path, text).rate_gbps is None
    assert rule_of(tmp_path, text + GROUND.replace("rate_gbps = 10", "")).rate_gbps is None


def test_a_terminal_without_rate_does_not(tmp_path):
    text = MINI.replace("rate_gbps", "max_range_km") + ONE_GROUP + USE.format(4)
    assert len(problems_of(tmp_path, text + GRID.replace("rate_gbps = 10", ""))) == 1


@pytest.mark.parametrize(
    ("planes", "slots", "more", "needed"),
    [
        (4, 6, "", 4),
        (4, 6, "offsets = [[0, 1]]", 2),
        (4, 6, "offsets = [[0, 1], [1, 0], [1, 1]]", 6),
        (1, 6, "", 2),
        (4, 1, "", 2),
        (4, 2, "", 3),
        (2, 6, "", 3),
        (4, 6, "offsets = [[2, 0]]", 1),
        (4, 6, "offsets = [[2, 1]]", 2),
        (4, 6, "offsets = [[2, 0]]\nwrap = false", 1),
        (2, 6, "wrap = false", 3),
        (4, 6, "wrap = false", 4),
    ],
)
def test_a_grid_must_have_the_terminals_it_needs(tmp_path, planes, slots, more, needed):
    group = ONE_GROUP.replace("planes = 4", f"planes = {planes}").replace("slots = 6", f"slots = {slots}")
    group = group.replace("phasing_factor = 3", "phasing_factor = 0")
    assert problems_of(tmp_path, MINI + group + USE.format(needed) + GRID + more) == []
    if needed > 1:
        problems = problems_of(tmp_path, MINI + group + USE.format(needed - 1) + GRID + more)
        assert problems == [
            f"x.toml:14: links[0]: the grid needs {needed} terminals on a satellite, "
            f'but those of "w" have {needed - 1}'
        ]


def test_grid_rules_must_share_the_terminals(tmp_path):
    ring, across = GRID + "offsets = [[0, 1]]\n", GRID + "offsets = [[1, 0]]\n"
    text = MINI + ONE_GROUP + USE.format(3) + ring
    assert problems_of(tmp_path, text) == []
    # In a grid of all, the ring is made a second time and needs nothing more.
    for grids in (across, GRID):
        assert problems_of(tmp_path, text + grids) == [
            "x.toml:19: links[1]: this grid and those before it need 4 terminals on a satellite, "
            'but those of "w" have 3'
        ]
    assert problems_of(tmp_path, text + ring + "wrap = false\n") == []
    assert problems_of(tmp_path, text.replace("count = 3", "count = 4") + across) == []


def test_what_one_grid_needs_too_much_is_reported_once(tmp_path):
    text = MINI + ONE_GROUP + USE.format(3) + GRID
    assert len(problems_of(tmp_path, text + GRID)) == 1


def test_a_rate_above_that_of_the_terminals_is_warned_of(tmp_path):
    text = MINI + ONE_GROUP + USE.format(4) + TOKYO
    assert warnings_of(tmp_path, text + GRID.replace("10", "25")) == []
    assert warnings_of(tmp_path, text + GRID.replace("10", "25.5")) == [
        'x.toml:21: links[0].rate_gbps: 25.5 has no effect on "w": its terminals have 25 Gbps, '
        'and with rule = "grid" the lesser rate counts'
    ]
    # A ground rule's rate is that of a radio of its own.
    assert warnings_of(tmp_path, text + GROUND.replace("10", "100")) == []


def test_rules_are_not_blamed_for_groups_that_could_not_be_read(tmp_path):
    text = ONE_GROUP.replace("planes = 4", "planes = 0") + TOKYO.replace("lat_deg = 35.7", "lat_deg = 99")
    assert len(problems_of(tmp_path, text + GRID + 'satellites = "w"\n' + GROUND)) == 2
    assert len(problems_of(tmp_path, ONE_GROUP.replace('"w"', "5") + GRID + 'satellites = "w"\n')) == 1


def test_range_alone_that_reaches_below_the_horizon_is_warned_of(tmp_path):
    # From the radius 6378.137 km: the square root of (6378.137 + 1200)^2 - 6378.137^2 is 4092.4 km.
    text = ONE_GROUP + TOKYO + GROUND
    assert warnings_of(tmp_path, text + "max_range_km = 4092\n") == []
    assert warnings_of(tmp_path, text + "max_range_km = 4093\n") == [
        'x.toml:18: links[0].max_range_km: reaches satellites of "w" below the horizon, which is 4092 km '
        "away at 1200 km altitude; mask_deg = 0 would exclude them"
    ]
    assert warnings_of(tmp_path, text + "max_range_km = 4093\nmask_deg = 0\n") == []
    assert (
        warnings_of(tmp_path, text.replace("lat_deg", "mask_deg = 5\nlat_deg") + "max_range_km = 4093\n")
        == []
    )


def test_mean_motion_tells_the_horizon_too(tmp_path):
    # n = 1.094466e-3 rad/s, a = (398600.8 / n^2)^(1/3) = 6929.7 km.
    text = (ONE_GROUP + TOKYO + GROUND).replace("altitude_km = 1200.0", "mean_motion_rev_per_day = 15.05")
    assert "at 552 km altitude" in warnings_of(tmp_path, text + "max_range_km = 2800\n")[0]


def test_a_plan_becomes_contacts(tmp_path):
    write(tmp_path, "to,from,kind,rate_bps,start_s,stop_s\nb,#0,isl,1e9,0.5,7\n", "x.csv")
    (contact,) = rule_of(tmp_path, ONE_GROUP + TOKYO.replace("Tokyo", "b") + PLAN).plan_contacts
    assert (contact.from_name, contact.to_name) == ("w-0-0", "b")
    assert (contact.start_s, contact.stop_s, contact.rate_bps) == (0.5, 7.0, 10**9)
    assert isinstance(contact.rate_bps, int)
    assert (contact.owlt_s, contact.line) == (None, 2)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a,x,0,1,1e9,0", 'x.csv:2: to: no node is named "x" in topology "x"'),
        ("a,bare,0,1,1e9,0", 'x.csv:2: to: "bare" is a group; here the name of one node is wanted'),
        ("a,#9,0,1,1e9,0", "x.csv:2: to: there is no row 9; rows go from 0 to 2"),
        ("a,a,0,1,1e9,0", 'x.csv:2: a link from "a" to itself'),
        ("a,#0,0,1,1e9,0", 'x.csv:2: a link from "a" to itself'),
        ("a,b,5,5,1e9,0", "x.csv:2: stop_s: must be after start_s, which is 5 (got 5)"),
        ("a,b,nan,5,1e9,0", "x.csv:2: start_s: must be a number (got nan)"),
        ("a,b,0,5,0,0", "x.csv:2: rate_bps: must be a number from 1 to 1e+15 (got 0.0)"),
        ("a,b,0,5,1e9,-1", "x.csv:2: owlt_s: must be a number from 0 to 1000000 (got -1.0)"),
        (
            "a,b,0,5,1e9,",
            "x.csv:2: owlt_s: missing; it is needed where a node has no position to compute it from",
        ),
        (
            "a,b,0,5,1e9,0\nb,a,0,5,1e9,0\na,b,4.9,6,2e9,0",
            "x.csv:4: overlaps the contact of the same nodes at x.csv:2, with another rate or light time",
        ),
    ],
)
def test_what_is_wrong_with_a_plan_is_said(tmp_path, rows, problem):
    write(tmp_path, f"from,to,start_s,stop_s,rate_bps,owlt_s\n{rows}\n", "x.csv")
    assert problems_of(tmp_path, BARE + PLAN) == [problem]


def test_contacts_that_meet_do_not_overlap(tmp_path):
    write(tmp_path, "from,to,start_s,stop_s,rate_bps,owlt_s\na,b,5,6,1e9,0\na,b,0,5,1e9,0\n", "x.csv")
    assert problems_of(tmp_path, BARE + PLAN) == []


@pytest.mark.parametrize(
    ("column", "message"),
    [("owlt_ms", "owlt_ms: write owlt_s, in s"), ("owlt", 'owlt: unknown column; did you mean "owlt_s"?')],
)
def test_a_plan_with_light_times_in_another_unit_is_refused(tmp_path, column, message):
    write(tmp_path, f"from,to,start_s,stop_s,rate_bps,{column}\na,b,0,5,1e9,3\n", "x.csv")
    assert problems_of(tmp_path, BARE + PLAN) == [f"x.csv:1: {message}"]
