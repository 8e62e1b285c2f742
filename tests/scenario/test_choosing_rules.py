"""Rules that choose partners: nearest, guest, and ground with limits."""

import pytest

from lasermesh.scenario import load_topology
from tests.scenario.scenes import GRID, ONE_GROUP, TOKYO, problems_of, warnings_of, write

MINI = "[terminals.mini]\nrate_gbps = 25\n"
USE = "terminals = [{ type = 'mini', count = 2 }]\n"
HOSTS = ONE_GROUP.replace('"w"', '"h"')
BARE = '[[satellites]]\nname = "bare"\nfixed = ["a"]\n'
NEAREST = '[[links]]\nrule = "nearest"\n'
GUEST = '[[links]]\nrule = "guest"\nclients = "w"\nhosts = "h"\n'
GROUND = '[[links]]\nrule = "ground"\nrate_gbps = 10\n'


def rule_of(folder, text):
    return load_topology(write(folder, text)).links[-1]


def test_nearest_is_about_all_that_have_positions(tmp_path):
    rule = rule_of(tmp_path, MINI + ONE_GROUP + USE + BARE + NEAREST)
    assert (rule.satellites, rule.choose) == (("w",), None)


def test_rules_may_name_the_types_of_terminals_that_they_take(tmp_path):
    text = MINI + ONE_GROUP + USE + NEAREST
    assert rule_of(tmp_path, text).terminals == ()
    assert rule_of(tmp_path, text + 'terminals = "mini"\n').terminals == ("mini",)
    hosts = HOSTS + USE
    assert rule_of(tmp_path, MINI + ONE_GROUP + USE + hosts + GUEST + 'terminals = ["mini"]\n').terminals == (
        "mini",
    )


def test_guests_choose_the_nearest_unless_they_say_otherwise(tmp_path):
    rule = rule_of(tmp_path, MINI + ONE_GROUP + USE + HOSTS + GUEST)
    assert (rule.clients, rule.hosts, rule.choose, rule.links_per_client) == (("w",), ("h",), "nearest", 1)
    for choose in ("random", "longest-remaining"):
        text = MINI + ONE_GROUP + USE + HOSTS + GUEST + f'choose = "{choose}"\n'
        assert rule_of(tmp_path, text).choose == choose


def test_nothing_passes_through_guests_unless_they_say_so(tmp_path):
    groups = load_topology(write(tmp_path, MINI + ONE_GROUP + USE + HOSTS + GUEST)).satellites
    assert [group.transit for group in groups] == [False, True]
    text = MINI + ONE_GROUP + USE + "transit = true\n" + HOSTS + "transit = false\n" + GUEST
    assert [group.transit for group in load_topology(write(tmp_path, text)).satellites] == [True, False]


def test_the_rate_of_a_guests_link_may_come_from_either_end_or_the_rule(tmp_path):
    without = "[terminals.mini]\nmax_range_km = 4000\n"
    rated = "[terminals.r]\nrate_gbps = 1\n"
    host_use = "terminals = [{ type = 'r', count = 1 }]\n"
    assert problems_of(tmp_path, MINI + ONE_GROUP + USE + HOSTS + GUEST) == []
    assert problems_of(tmp_path, without + rated + ONE_GROUP + USE + HOSTS + host_use + GUEST) == []
    assert problems_of(tmp_path, without + ONE_GROUP + USE + HOSTS + GUEST + "rate_gbps = 3\n") == []
    assert problems_of(tmp_path, without + ONE_GROUP + USE + HOSTS + GUEST) == [
        'x.toml:22: links[0].rate_gbps: missing; neither the terminals of "w" nor those of "h" give it'
    ]


def test_ground_rules_have_choices_and_limits(tmp_path):
    more = 'choose = "longest-remaining"\nbeams = 8\nreassign_s = 15\n'
    rule = rule_of(tmp_path, ONE_GROUP + TOKYO + GROUND + more)
    assert (rule.choose, rule.beams, rule.reassign_s) == ("longest-remaining", 8, 15.0)
    assert rule_of(tmp_path, ONE_GROUP + TOKYO + GROUND + "beams = 1\n").choose == "all"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ONE_GROUP + NEAREST, '"w" has no terminals, which rule = "nearest" shares out'),
        (
            MINI.replace("rate_gbps", "max_range_km") + ONE_GROUP + USE + NEAREST,
            'links[0].rate_gbps: missing; the terminals of "w" do not give it',
        ),
        (
            MINI + ONE_GROUP + USE + NEAREST + 'terminals = "maxi"\n',
            'links[0].terminals: no terminal of "w" is of type "maxi"; there are "mini"',
        ),
        (
            MINI + ONE_GROUP + USE + HOSTS + GUEST + 'terminals = "mini"\n',
            'links[0].terminals: no terminal of "h" is of type "mini"; there are none',
        ),
        (
            MINI + ONE_GROUP + USE + BARE + NEAREST + 'satellites = ["w", "bare"]\n',
            'links[0].satellites[1]: "bare" has no positions, so it has links only from a plan',
        ),
        (ONE_GROUP + HOSTS + GUEST, 'links[0].clients: "w" has no terminals, which a client needs'),
        (
            MINI + ONE_GROUP + USE + GUEST.replace('"h"', '"w"'),
            'links[0].hosts: "w" stands among the clients too',
        ),
        (
            MINI + ONE_GROUP + USE + HOSTS + GUEST + "links_per_client = 3\n",
            'links[0].links_per_client: must be at most 2, the terminals of "w" (got 3)',
        ),
        (
            MINI + ONE_GROUP + USE + HOSTS + GUEST.replace('hosts = "h"\n', ""),
            "links[0].hosts: missing; must be",
        ),
        (
            MINI + ONE_GROUP + USE + HOSTS + GUEST + 'choose = "highest"\n',
            'links[0].choose: must be "nearest", "random" or "longest-remaining" with rule = "guest" '
            '(got "highest")',
        ),
        (
            ONE_GROUP + TOKYO + GROUND + 'choose = "random"\n',
            'links[0].choose: must be "all", "nearest", "highest" or "longest-remaining" with '
            'rule = "ground" (got "random")',
        ),
        (
            ONE_GROUP + TOKYO + GROUND + "reassign_s = 15\n",
            'links[0].reassign_s: goes with a choose other than "all"',
        ),
        (
            "step_s = 2\n" + ONE_GROUP + TOKYO + GROUND + 'choose = "nearest"\nreassign_s = 15\n',
            "links[0].reassign_s: must be a whole number of steps of 2 s (got 15)",
        ),
        (
            ONE_GROUP + GRID + "degree = 3\noffsets = [[0, 1]]\n",
            "15: links[0].offsets: cannot stand beside degree",
        ),
        (ONE_GROUP + GRID + "degree = 4\n", "links[0].degree: must be an integer from 3 to 3 (got 4)"),
        (
            ONE_GROUP + TOKYO + GROUND + "clients = 'w'\n",
            'links[0].clients: goes with rule = "guest", not with rule = "ground"',
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_once(tmp_path, text, problem):
    problems = problems_of(tmp_path, text)
    assert len(problems) == 1
    assert problem in problems[0]


def test_reassignment_is_a_whole_number_of_steps_also_where_these_are_short(tmp_path):
    text = "step_s = 0.1\n" + ONE_GROUP + TOKYO + GROUND + 'choose = "nearest"\nreassign_s = 1.3\n'
    assert problems_of(tmp_path, text) == []


@pytest.mark.parametrize(("planes", "needed"), [(4, 3), (2, 3), (1, 2)])
def test_a_grid_of_degree_three_needs_three_terminals(tmp_path, planes, needed):
    group = ONE_GROUP.replace("planes = 4", f"planes = {planes}")
    group = group.replace("phasing_factor = 3", "phasing_factor = 0")
    rule = GRID + "degree = 3\n"
    assert problems_of(tmp_path, MINI + group + USE.replace("2", str(needed)) + rule) == []
    problems = problems_of(tmp_path, MINI + group + USE.replace("2", str(needed - 1)) + rule)
    assert problems == [
        f"x.toml:14: links[0]: the grid needs {needed} terminals on a satellite, "
        f'but those of "w" have {needed - 1}'
    ]


def test_a_grid_that_only_a_share_of_the_satellites_has_terminals_for_is_warned_of(tmp_path):
    uses = "terminals = [{ type = 'mini', count = 3 }, { type = 'mini', count = 1, share = 0.5 }]\n"
    assert warnings_of(tmp_path, MINI + ONE_GROUP + uses + GRID) == [
        'x.toml:14: links[0]: satellites of "w" without the terminals that only a share of them has go '
        "without some of the 4 links"
    ]


def test_a_rate_above_every_terminals_is_warned_of_also_where_it_goes_by_range(tmp_path):
    law = "reference_range_km = 4000\nrate_steps_gbps = [25.0, 100.0]\n"
    text = MINI + law + ONE_GROUP + USE.replace("2", "4") + GRID
    assert warnings_of(tmp_path, text.replace("= 10", "= 100")) == []
    assert "its terminals have 100 Gbps" in warnings_of(tmp_path, text.replace("= 10", "= 101"))[0]
