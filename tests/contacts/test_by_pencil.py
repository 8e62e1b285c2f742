"""Contacts that a pencil can work out, of the reference and of the engine alike.

Satellite 0 hovers at 8000 km over the equator at 0 deg east: in its local frame fore is east, left is north.
The others fly straight lines past it.
"""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from lasermesh.contacts import LinkEngine
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario.terminals import TerminalType, TerminalUse
from lasermesh.scenario.topology import GroundGroup, LinkRule, PlanContact, SatelliteGroup, Site
from tests.contacts.comparing import contacts_of_engine, joined
from tests.contacts.tracks import Tracks
from tests.contacts.worlds import rule, terminal, topology, uses
from tests.orbits import scenes
from tests.reference import chance
from tests.reference.link_rules import simulate

KM = 1000.0
HERE_KM = 8000.0
EQUATOR_KM = 6378.137
TOLERANCE_S = 1e-5


def satellites(*names, types=(), count=1, name="s"):
    return SatelliteGroup(
        name=name, elements="x", node_names=names, transit=True, terminals=uses(*types, count=count)
    )


def track(position_km, velocity_km_per_s=(0.0, 0.0, 0.0)):
    """A line by where it is, from the place of satellite 0, and by its velocity."""
    start = np.array(position_km, dtype=float) + np.array((HERE_KM, 0.0, 0.0))
    return start * KM, np.array(velocity_km_per_s, dtype=float) * KM


HOVERING = track((0.0, 0.0, 0.0))


def passing(north_km, speed_km_per_s=10.0, at_s=0.0):
    """Flies east at some distance to the north of satellite 0, nearest at `at_s`."""
    return track((0.0, -speed_km_per_s * at_s, north_km), (0.0, speed_km_per_s, 0.0))


@pytest.fixture(params=["reference", "engine"])
def contacts_of(request):
    """{(from, to): [(start, stop, rate in Gbps)]} of a topology whose satellites fly given tracks."""

    def found(world, tracks, stop_s, start_s=0.0, **other):
        ephemeris = Tracks(world, tracks, **other)
        if request.param == "reference":
            contacts = simulate(world, ephemeris, stop_s, start_s).contacts
        else:
            contacts = contacts_of_engine(world, ephemeris, stop_s, start_s)
        of_pair = {}
        for contact in joined(contacts):
            of_pair.setdefault(contact[:2], []).append((*contact[3:5], contact.rate_bps / 1e9))
        return {pair: sorted(rows) for pair, rows in of_pair.items()}

    return found


def one_pair(types, links, **other):
    return topology([satellites("a", "b", types=types)], links, **other)


NEAREST = (rule("nearest", "s"),)


def check(rows, *expected):
    """Rows of (start, stop, rate) against those expected."""
    assert [row[2] for row in rows] == [row[2] for row in expected]
    edges = [edge for row in expected for edge in row[:2]]
    assert [edge for row in rows for edge in row[:2]] == pytest.approx(edges, abs=TOLERANCE_S)


# ----------------------------------------------------------------------------------- geometry and rates


def test_range_ends_a_link_where_pythagoras_says(contacts_of):
    world = one_pair([terminal(max_range_km=1300.0)], NEAREST)
    found = contacts_of(world, [HOVERING, passing(500.0)], 200.0)
    assert set(found) == {(0, 1), (1, 0)}
    for rows in found.values():
        check(rows, (0.0, 120.0, 25.0))


def test_limits_of_both_ends_count(contacts_of):
    for limits_km, expected_s in (((1300.0, 2000.0), 120.0), ((2000.0, 1300.0), 120.0)):
        types = [terminal(f"t{i}", max_range_km=km) for i, km in enumerate(limits_km)]
        groups = [satellites(name, types=[kind], name=name) for name, kind in zip("ab", types, strict=True)]
        world = topology(groups, [rule("nearest", "a", "b")])
        check(contacts_of(world, [HOVERING, passing(500.0)], 200.0)[0, 1], (0.0, expected_s, 25.0))


def test_a_field_of_regard_is_left_where_the_angle_from_the_mount_exceeds_it(contacts_of):
    looks_left = terminal("left", mount="left", field_of_regard_deg=60.0)
    looks_anywhere = terminal("any")
    groups = [
        satellites("a", types=[looks_left], name="a"),
        satellites("b", types=[looks_anywhere], name="b"),
    ]
    world = topology(groups, [rule("nearest", "a", "b")])
    end_s = 500.0 * math.tan(math.radians(60.0)) / 10.0
    check(contacts_of(world, [HOVERING, passing(500.0)], 200.0)[0, 1], (0.0, end_s, 25.0))
    assert contacts_of(world, [HOVERING, passing(-500.0)], 20.0) == {}


@pytest.mark.parametrize(("mount", "end_s"), [("fore", 150.0), ("aft", None), ("up", None), ("right", None)])
def test_fore_is_along_the_motion(contacts_of, mount, end_s):
    looks = terminal("mounted", mount=mount, field_of_regard_deg=40.0)
    groups = [satellites("a", types=[looks], name="a"), satellites("b", types=[terminal("any")], name="b")]
    world = topology(groups, [rule("nearest", "a", "b")])
    found = contacts_of(world, [HOVERING, track((0.0, 1000.0, 100.0))], 150.0)
    assert (found.get((0, 1)) == [(0.0, 150.0, 25.0)]) if end_s else found == {}


def test_the_sun_must_be_far_enough_from_the_direction_of_the_other(contacts_of):
    wary, careless = terminal("wary", sun_exclusion_deg=30.0), terminal("careless")
    groups = [satellites("a", types=[wary], name="a"), satellites("b", types=[careless], name="b")]
    world = topology(groups, [rule("nearest", "a", "b")])
    end_s = 500.0 / math.tan(math.radians(30.0)) / 10.0
    tracks = [HOVERING, passing(500.0)]
    check(contacts_of(world, tracks, 200.0, sun=(0.0, 1.0, 0.0))[0, 1], (0.0, end_s, 25.0))
    # The one that flies by looks back west; the Sun in the east does not disturb it.
    swapped = topology(groups[::-1], [rule("nearest", "a", "b")])
    check(contacts_of(swapped, tracks, 200.0, sun=(0.0, 1.0, 0.0))[0, 1], (0.0, 200.0, 25.0))


def test_the_earth_ends_a_link_where_the_line_touches_the_raised_ellipsoid(contacts_of):
    # From (8000, 0) to (0, y) the line passes the centre at 8000 y / sqrt(8000^2 + y^2).
    low_km = EQUATOR_KM + 80.0
    touches_km = low_km * HERE_KM / math.sqrt(HERE_KM**2 - low_km**2)
    tracks = [HOVERING, (np.array([0.0, 12_000.0, 0.0]) * KM, np.array([0.0, -20.0, 0.0]) * KM)]
    world = one_pair([terminal()], NEAREST)
    end_s = (12_000.0 - touches_km) / 20.0
    check(contacts_of(world, tracks, 250.0)[0, 1], (0.0, end_s, 25.0))


def test_rates_go_down_by_steps_with_the_inverse_square_of_range(contacts_of):
    adaptive = terminal(rate_gbps=20.0, reference_range_km=600.0, rate_steps_gbps=(5.0, 10.0, 20.0))
    world = one_pair([adaptive], NEAREST)
    # 20 Gbps to 600 km, 10 to 600 sqrt(2), 5 to 1200, then the link ends.
    ends = [math.sqrt((600.0 * factor) ** 2 - 500.0**2) / 10.0 for factor in (1.0, math.sqrt(2.0), 2.0)]
    expected = [(0.0, ends[0], 20.0), (ends[0], ends[1], 10.0), (ends[1], ends[2], 5.0)]
    check(contacts_of(world, [HOVERING, passing(500.0)], 200.0)[0, 1], *expected)
    # A rule's rate is a limit too: the first step is not seen then.
    limited = one_pair([adaptive], [rule("nearest", "s", rate_gbps=8.0)])
    expected = [(0.0, ends[1], 8.0), (ends[1], ends[2], 5.0)]
    check(contacts_of(limited, [HOVERING, passing(500.0)], 200.0)[0, 1], *expected)


def test_a_satellite_that_fails_takes_its_links_with_it(contacts_of):
    world = one_pair([terminal()], NEAREST)
    found = contacts_of(world, [HOVERING, passing(500.0)], 100.0, fails_at_s={1: 43.21})
    check(found[0, 1], (0.0, 43.21, 25.0))


# --------------------------------------------------------------------------------------------- ground


def site(name="g", mask_deg=None, **other):
    return Site(name=name, lat_deg=0.0, lon_deg=0.0, mask_deg=mask_deg, **other)


def ground_world(*sites, names=("a",), **key_values):
    values = {"sites": ("at",), "rate_gbps": 1.0, **key_values}
    return topology(
        [satellites(*names)], [rule("ground", "s", **values)], [GroundGroup(name="at", sites=sites)]
    )


def above(height_km, at_s, speed_km_per_s=10.0):
    """Flies east over the site at this height above its horizon plane, over it at `at_s`."""
    start = np.array([EQUATOR_KM + height_km, -speed_km_per_s * at_s, 0.0]) * KM
    return start, np.array([0.0, speed_km_per_s * KM, 0.0])


def test_a_mask_is_crossed_where_the_tangent_says(contacts_of):
    half_s = 1000.0 / math.tan(math.radians(40.0)) / 10.0
    found = contacts_of(ground_world(site(mask_deg=40.0)), [above(1000.0, 150.0)], 400.0)
    check(found[1, 0], (150.0 - half_s, 150.0 + half_s, 1.0))
    assert found[1, 0] == found[0, 1]


def test_a_table_of_masks_is_linear_in_azimuth_and_goes_on_across_north(contacts_of):
    # East 45 deg. West (270) lies three quarters of the way from 45 to 345: 50 - 0.75 * 20 = 35 deg.
    table = site(mask_deg=((45.0, 50.0), (135.0, 40.0), (225.0, 45.0), (315.0, 25.0)))
    west_s, east_s = (1000.0 / math.tan(math.radians(mask)) / 10.0 for mask in (35.0, 45.0))
    found = contacts_of(ground_world(table), [above(1000.0, 200.0)], 400.0)
    check(found[1, 0], (200.0 - west_s, 200.0 + east_s, 1.0))
    # North lies between the last row and the first.
    over_north = site(mask_deg=((90.0, 60.0), (270.0, 30.0)))
    tracks = [(np.array([EQUATOR_KM + 1000.0, 0.0, 0.0]) * KM, np.array([0.0, 0.0, 10.0]) * KM)]
    end_s = 1000.0 / math.tan(math.radians(45.0)) / 10.0
    check(contacts_of(ground_world(over_north), tracks, 400.0)[1, 0], (0.0, end_s, 1.0))


def test_a_radio_goes_up_and_down_at_rates_of_its_own(contacts_of):
    world = ground_world(site(mask_deg=45.0), rate_gbps=None, up_gbps=0.1, down_gbps=1.2)
    found = contacts_of(world, [above(1000.0, 0.0)], 200.0)
    check(found[1, 0], (0.0, 100.0, 0.1))
    check(found[0, 1], (0.0, 100.0, 1.2))


def test_clouds_come_and_go_at_the_instants_drawn(contacts_of):
    world = ground_world(site(availability=0.6, mean_cloudy_s=20.0))
    clear, changes = chance.cloud_changes(world.seed, 1, 0.6, 20.0, 0.0, 300.0)
    assert len(changes) > 5
    edges = [0.0, *changes, 300.0]
    expected = [
        (start, stop, 1.0)
        for i, (start, stop) in enumerate(itertools.pairwise(edges))
        if clear == (i % 2 == 0)
    ]
    check(contacts_of(world, [above(4000.0, 150.0)], 300.0)[1, 0], *expected)


def test_an_antenna_serves_the_nearest_and_then_at_the_next_step_another(contacts_of):
    world = ground_world(site(mask_deg=40.0), names=("a", "b"), choose="nearest")
    half_s = 1000.0 / math.tan(math.radians(40.0)) / 10.0
    found = contacts_of(world, [above(1000.0, 10.0), above(1001.0, 100.0)], 150.0)
    check(found[2, 0], (0.0, 10.0 + half_s, 1.0))
    check(found[2, 1], (math.ceil(10.0 + half_s), 150.0, 1.0))


def test_a_site_with_two_antennas_serves_two_and_a_satellite_with_one_beam_one(contacts_of):
    names, tracks = ("a", "b", "c"), [above(1000.0, 50.0), above(1100.0, 50.0), above(1200.0, 50.0)]
    found = contacts_of(ground_world(site(antennas=2), names=names, choose="nearest"), tracks, 60.0)
    assert set(found) == {(3, 0), (0, 3), (3, 1), (1, 3)}
    two_sites = site("g"), Site(name="h", lat_deg=0.0, lon_deg=1.0)
    found = contacts_of(ground_world(*two_sites, names=("a",), beams=1), tracks[:1], 40.0)
    assert set(found) == {(0, 1), (1, 0)}, "west of the first site it is nearer to that"


def test_sites_choose_anew_only_when_it_is_time(contacts_of):
    world = ground_world(site(), names=("a", "b"), choose="nearest", reassign_s=15.0)
    # b overtakes a in nearness at 50 s; the next time to choose is 60 s.
    found = contacts_of(world, [above(1000.0, 25.0), above(1000.0, 75.0)], 120.0)
    check(found[2, 0], (0.0, 60.0, 1.0))
    check(found[2, 1], (60.0, 120.0, 1.0))
    # In between nothing is chosen, even where a link has ended: a is low at 33.57 s.
    half_s = 1000.0 / math.tan(math.radians(60.0)) / 10.0
    world = ground_world(site(mask_deg=60.0), names=("a", "b"), choose="nearest", reassign_s=40.0)
    found = contacts_of(world, [above(1000.0, -20.0), above(1000.0, 75.0)], 120.0)
    check(found[2, 0], (0.0, half_s - 20.0, 1.0))
    check(found[2, 1], (40.0, 120.0, 1.0))


def test_the_highest_is_not_the_nearest(contacts_of):
    tracks = [above(1000.0, -60.0), above(2000.0, 0.0)]
    for choose, satellite in (("nearest", 0), ("highest", 1)):
        found = contacts_of(ground_world(site(), names=("a", "b"), choose=choose), tracks, 5.0)
        assert set(found) == {(2, satellite), (satellite, 2)}


def test_the_longest_remaining_is_taken(contacts_of):
    tracks = [above(1000.0, 0.0), above(1500.0, 60.0)]
    world = ground_world(site(mask_deg=20.0), names=("a", "b"), choose="longest-remaining")
    assert set(contacts_of(world, tracks, 5.0)) == {(2, 1), (1, 2)}


# ---------------------------------------------------------------- acquisition, slewing, losses, decisions


def test_what_is_decided_when_memory_begins_is_up_at_once_and_later_links_acquire_first(contacts_of):
    slow = terminal(max_range_km=1300.0, acquisition_s=7.5)
    world = one_pair([slow], NEAREST, step_s=10.0)
    check(contacts_of(world, [HOVERING, passing(500.0)], 150.0)[0, 1], (0.0, 120.0, 25.0))
    # It comes into range at 80 s exactly minus 120 s at 200 s: at 85 s, which no decision sees before 90 s.
    found = contacts_of(world, [HOVERING, passing(500.0, at_s=205.0)], 400.0)
    check(found[0, 1], (97.5, 325.0, 25.0))


def test_the_slower_end_counts_and_draws_are_those_of_the_terminals(contacts_of):
    slow = terminal(max_range_km=1300.0, acquisition_s=(10.0, 25.0))
    world = one_pair([slow], NEAREST, seed=77)
    waits_s = [chance.acquisition_s(77, slow, node * 4096, 85.0) for node in (0, 1)]
    assert waits_s[0] != waits_s[1]
    found = contacts_of(world, [HOVERING, passing(500.0, at_s=204.5)], 400.0)
    check(found[0, 1], (85.0 + max(waits_s), 324.5, 25.0))


def test_a_terminal_never_used_slews_from_its_mount(contacts_of):
    slow = terminal(mount="left", field_of_regard_deg=80.0, slew_deg_per_s=2.0, acquisition_s=3.0)
    other = terminal("any")
    groups = [satellites("a", types=[slow], name="a"), satellites("b", types=[other], name="b")]
    world = topology(groups, [rule("nearest", "a", "b", max_range_km=1300.0)], step_s=1.0)
    # In range from 84.5 s on; decided at 85 s, when it is 119.5 s from its nearest point.
    angle_deg = math.degrees(math.atan2(1195.0, 500.0))
    found = contacts_of(world, [HOVERING, passing(500.0, at_s=204.5)], 400.0)
    check(found[0, 1], (85.0 + angle_deg / 2.0 + 3.0, 324.5, 25.0))


def test_a_terminal_slews_from_where_it_last_pointed(contacts_of):
    slow = terminal(slew_deg_per_s=2.0, max_range_km=1300.0)
    groups = [satellites("a", types=[slow], name="a")]
    groups.append(satellites("b", "c", types=[terminal("any")], name="b"))
    world = topology(groups, [rule("nearest", "a", "b", max_range_km=1300.0)], step_s=1.0)
    # b goes out of range in the east at 100.5 s, c has hovered 100 km to the north all the while: b and c
    # have no link of their own, for c is 1250 km up.
    tracks = [HOVERING, passing(500.0, at_s=-19.5), track((0.0, 0.0, 1250.0))]
    found = contacts_of(world, tracks, 200.0)
    angle_deg = math.degrees(math.atan2(1200.0, 500.0))
    check(found[0, 1], (0.0, 100.5, 25.0))
    check(found[0, 2], (101.0 + angle_deg / 2.0, 200.0, 25.0))


def test_a_link_that_breaks_while_it_is_acquired_is_never_up(contacts_of):
    slow = terminal(max_range_km=600.0, acquisition_s=40.0)
    world = one_pair([slow], NEAREST)
    assert contacts_of(world, [HOVERING, passing(500.0, at_s=100.0, speed_km_per_s=20.0)], 400.0) == {}


def test_a_link_is_lost_at_the_instants_drawn_for_either_terminal_and_acquired_anew(contacts_of):
    weak = terminal(mean_time_between_losses_s=60.0, acquisition_s=4.0)
    world = one_pair([weak], NEAREST, seed=5)
    instants = sorted(
        t_s
        for node in (0, 1)
        for block in range(6)
        for t_s in chance.losses_in_block(5, 60.0, node * 4096, block)
        if t_s < 300.0
    )
    assert len(instants) >= 6
    expected, up_s = [], 0.0
    for t_s in instants:
        if t_s > up_s:
            expected.append((up_s, t_s, 25.0))
            up_s = t_s + 4.0
    if up_s < 300.0:
        expected.append((up_s, 300.0, 25.0))
    check(contacts_of(world, [HOVERING, track((0.0, 100.0, 0.0))], 300.0)[0, 1], *expected)


def test_nearest_takes_the_shortest_pair_first_and_keeps_what_stands(contacts_of):
    # b passes a more closely than c stands, but a and c have found each other before.
    world = topology([satellites("a", "b", "c", types=[terminal(max_range_km=900.0)])], NEAREST)
    tracks = [HOVERING, passing(500.0, at_s=100.0), track((0.0, -30.0, -800.0))]
    assert set(contacts_of(world, tracks, 300.0)) == {(0, 2), (2, 0)}
    nearer = [HOVERING, passing(500.0, at_s=0.0), track((0.0, -30.0, -800.0))]
    half_s = math.sqrt(900.0**2 - 500.0**2) / 10.0
    found = contacts_of(world, nearer, 300.0)
    check(found[0, 1], (0.0, half_s, 25.0))
    check(found[0, 2], (math.ceil(half_s), 300.0, 25.0))


def test_a_rule_gets_what_those_before_it_have_left(contacts_of):
    groups = [
        satellites("a", types=[terminal()], name="a"),
        satellites("b", "c", types=[terminal()], name="b"),
    ]
    guests = {"clients": ("b",), "hosts": ("a",), "choose": "nearest"}
    tracks = [HOVERING, track((0.0, 100.0, 0.0)), track((0.0, 250.0, 0.0))]
    world = topology(groups, [rule("guest", **guests), rule("nearest", "a", "b")])
    assert set(contacts_of(world, tracks, 5.0)) == {(0, 1), (1, 0)}
    world = topology(groups, [rule("nearest", "b", max_range_km=160.0), rule("guest", **guests)])
    assert set(contacts_of(world, tracks, 5.0)) == {(1, 2), (2, 1)}


@pytest.mark.parametrize(("taken", "pair"), [("head", (0, 1)), ("laser", None)])
def test_rules_leave_terminals_of_other_types_alone(contacts_of, taken, pair):
    laser, head = terminal("laser"), terminal("head")
    groups = [
        satellites("c", types=[head], name="c"),
        satellites("h", "i", types=[laser, head], name="h"),
    ]
    tracks = [HOVERING, track((0.0, 200.0, 0.0)), track((0.0, 250.0, 0.0))]
    guests = {"clients": ("c",), "hosts": ("h",), "choose": "nearest", "terminals": (taken,)}
    world = topology(groups, [rule("nearest", "h", terminals=("laser",)), rule("guest", **guests)])
    found = set(contacts_of(world, tracks, 5.0))
    assert found == {(1, 2), (2, 1)} | ({pair, pair[::-1]} if pair else set())


@pytest.mark.parametrize(("count", "decided_s"), [(1, 120.0), (2, 111.0)])
def test_a_guest_with_a_terminal_to_spare_makes_the_next_link_before_one_breaks(
    contacts_of, count, decided_s
):
    kind = terminal(acquisition_s=7.0, max_range_km=1300.0)
    groups = [satellites("c", types=[kind], count=count, name="c"), satellites("h", "i", name="h")]
    guests = {"clients": ("c",), "hosts": ("h",), "choose": "nearest", "rate_gbps": 2.0}
    world = topology(groups, [rule("guest", **guests)])
    tracks = [HOVERING, passing(500.0, at_s=-0.5), passing(500.0, at_s=110.0)]
    found = contacts_of(world, tracks, 200.0)
    check(found[0, 1], (0.0, 119.5, 2.0))
    # Lead: 7 s to acquire and two steps, so at 111 s; without a terminal to spare at 120 s.
    check(found[0, 2], (decided_s + 7.0, 200.0, 2.0))


def test_a_guest_takes_the_host_that_stays_longest(contacts_of):
    groups = [
        satellites("c", types=[terminal(max_range_km=1300.0)], name="c"),
        satellites("h", "i", name="h"),
    ]
    tracks = [HOVERING, passing(500.0, at_s=0.0), passing(500.0, at_s=60.0)]
    for choose, host in (("nearest", 1), ("longest-remaining", 2)):
        guests = {"clients": ("c",), "hosts": ("h",), "choose": choose, "rate_gbps": 2.0}
        found = contacts_of(topology(groups, [rule("guest", **guests)]), tracks, 50.0)
        assert set(found) == {(0, host), (host, 0)}


def test_a_guest_takes_the_host_that_is_drawn(contacts_of):
    groups = [satellites("c", types=[terminal()], name="c"), satellites("h", "i", "j", name="h")]
    tracks = [HOVERING, track((0.0, 100.0, 0.0)), track((0.0, 200.0, 0.0)), track((0.0, 300.0, 0.0))]
    guests = {"clients": ("c",), "hosts": ("h",), "choose": "random", "rate_gbps": 2.0}
    for seed in range(8):
        world = topology(groups, [rule("guest", **guests)], seed=seed)
        host = 1 + math.floor(3 * chance.draw_unit(seed, chance.GUEST, 0, 0))
        assert set(contacts_of(world, tracks, 5.0)) == {(0, host), (host, 0)}


def test_the_first_rule_alone_serves_a_pair_while_it_does(contacts_of):
    high = rule("ground", "s", sites=("at",), rate_gbps=5.0, mask_deg=45.0)
    low = rule("ground", "s", sites=("at",), rate_gbps=1.0, mask_deg=30.0)
    world = topology([satellites("a")], [high, low], [GroundGroup(name="at", sites=(site(),))])
    found = contacts_of(world, [above(1000.0, 0.0)], 300.0)
    end_s = 100.0 / math.tan(math.radians(30.0))
    check(found[1, 0], (0.0, 100.0, 5.0), (100.0, end_s, 1.0))


def test_a_plan_serves_its_direction_of_a_pair_while_its_contact_holds(contacts_of):
    planned = PlanContact(from_name="a", to_name="b", start_s=5.0, stop_s=10.5, rate_bps=10**9, owlt_s=0.1)
    plan = LinkRule(rule="plan", plan="x", plan_contacts=(planned,))
    tracks = [HOVERING, track((0.0, 100.0, 0.0))]
    world = one_pair([terminal()], [plan, *NEAREST])
    found = contacts_of(world, tracks, 20.0)
    check(found[0, 1], (0.0, 5.0, 25.0), (5.0, 10.5, 1.0), (10.5, 20.0, 25.0))
    check(found[1, 0], (0.0, 20.0, 25.0))
    world = one_pair([terminal()], [*NEAREST, plan])
    check(contacts_of(world, tracks, 20.0)[0, 1], (0.0, 20.0, 25.0))


def test_a_loss_that_costs_no_time_to_acquire_is_none(contacts_of):
    weak = terminal(mean_time_between_losses_s=5.0)
    found = contacts_of(one_pair([weak], NEAREST), [HOVERING, track((0.0, 100.0, 0.0))], 60.0)
    check(found[0, 1], (0.0, 60.0, 25.0))


def test_a_loss_that_costs_no_time_cuts_no_contact():
    weak = terminal(mean_time_between_losses_s=5.0)
    world = one_pair([weak], NEAREST)
    step = LinkEngine(world, Tracks(world, [HOVERING, track((0.0, 100.0, 0.0))])).step(0.0, 60.0)
    assert len(step.graph) == 2 and not len(step.change_s)


@pytest.mark.parametrize("fails_s", [59.0, 60.0, 61.0])
def test_a_failure_at_a_knot_ends_links_to_all_in_sight_like_any_other(fails_s):
    world = ground_world(site())
    ephemeris = Tracks(world, [above(500.0, 60.0)], fails_at_s={0: fails_s})
    step = LinkEngine(world, ephemeris).step(50.0, 100.0)
    assert len(step.graph) == 2
    assert step.change_s.tolist() == [fails_s, fails_s] and not step.change_rate_bps.any()


def test_rates_change_also_where_instants_are_further_apart_than_edges_are_exact():
    adaptive = terminal(rate_gbps=20.0, reference_range_km=600.0, rate_steps_gbps=(5.0, 10.0, 20.0))
    world = one_pair([adaptive], NEAREST, step_s=100.0)
    start_s = 3e9
    flight = [HOVERING, passing(500.0, at_s=start_s)]
    step = LinkEngine(world, Tracks(world, flight), warm_up_s=0.0).step(start_s, start_s + 100.0)
    ends = [math.sqrt((600.0 * factor) ** 2 - 500.0**2) / 10.0 for factor in (1.0, math.sqrt(2.0))]
    assert (step.change_s[::2] - start_s)[:2].tolist() == pytest.approx(ends, abs=1e-3)


def test_antennas_of_a_site_count_over_all_ground_rules():
    """One antenna, two groups of satellites overhead, a rule for each: the first rule has it."""
    scene = scenes.topology(
        scenes.walker("a", planes=12, slots=12),
        scenes.walker("b", planes=12, slots=12, altitude_km=900.0),
        where=[GroundGroup(name="s", sites=(Site(name="s", lat_deg=10.0, lon_deg=20.0, antennas=1),))],
        links=[
            scenes.ground(("a",), ("s",), choose="nearest"),
            scenes.ground(("b",), ("s",), choose="nearest"),
        ],
    )
    graph = LinkEngine(scene, build_ephemeris(scene)).graph_at(0.0)
    assert len(graph) == 2 and set(graph.rule.tolist()) == {0}


def shared_sky(*sites_and_masks, **other):
    """A dense shell whose satellites have one terminal each, and sites that share them."""
    mini = (TerminalUse(type=TerminalType(name="mini", rate_gbps=1.0), count=1),)
    sites = tuple(Site(name=name, lat_deg=lat, lon_deg=lon) for name, lat, lon in sites_and_masks)
    return scenes.topology(
        scenes.walker("a", planes=12, slots=12, terminals=mini),
        where=[GroundGroup(name="g", sites=sites)],
        links=[scenes.ground(("a",), ("g",), rate_gbps=None, choose="nearest", **other)],
    )


def test_at_a_reassignment_a_terminal_goes_to_the_site_that_is_nearest_by_then():
    """Two sites 1 deg apart want the same satellite, which has one terminal; the nearer one has it."""
    scene = shared_sky(("west", 10.0, 20.0), ("east", 10.0, 21.0), reassign_s=60.0)
    ephemeris = build_ephemeris(scene)
    engine = LinkEngine(scene, ephemeris)
    swaps, before = 0, None
    for t_s in range(0, 3600, 60):
        graph = engine.graph_at(float(t_s))
        up = {
            (a, b): r
            for a, b, r in zip(graph.from_node, graph.to_node, graph.range_m, strict=True)
            if a >= 144
        }
        assert len({b for _, b in up}) == len(up)
        position_m = ephemeris.state_at(float(t_s))[0]
        for (site, satellite), range_m in up.items():
            other = 289 - site
            nearer = np.linalg.norm(position_m[satellite] - position_m[other]) < range_m
            # The other site is nearer only if it has an even nearer satellite of its own.
            mine = [r for (a, _), r in up.items() if a == other]
            assert not nearer or (mine and mine[0] < range_m)
        now = {satellite: site for site, satellite in up}
        swaps += before is not None and any(now.get(node, site) != site for node, site in before.items())
        before = now
    assert swaps > 0


def test_explain_names_antennas_and_beams_that_are_all_in_use():
    scene = shared_sky(("west", 10.0, 20.0), ("east", 10.0, 21.0))
    rule = dataclasses.replace(scene.links[0], rate_gbps=1.0, beams=1)
    scene = dataclasses.replace(scene, links=(rule,))
    engine = LinkEngine(scene, build_ephemeris(scene))
    graph = engine.graph_at(0.0)
    (west,) = graph.to_node[graph.from_node == 144].tolist()
    seen = [node for node, verdict in engine.candidates(144, 0.0) if not verdict.made]
    assert engine.explain(144, seen[0], 0.0).reason == "antennas: all 1 of west are in use"
    assert engine.explain(144, west, 0.0).made
    both = dataclasses.replace(scene, links=(dataclasses.replace(rule, choose="all", beams=1),))
    crowded = LinkEngine(both, build_ephemeris(both))
    graph = crowded.graph_at(0.0)
    taken = set(graph.to_node[graph.from_node == 144].tolist())
    refused = [node for node, verdict in crowded.candidates(145, 0.0) if not verdict.made]
    assert refused and set(refused) <= taken
    assert "beams: all 1 of" in crowded.explain(145, refused[0], 0.0).reason
