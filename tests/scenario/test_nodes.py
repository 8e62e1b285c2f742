"""Groups of satellites and ground sites, and the names of their nodes."""

import pytest

from lasermesh.scenario import load_topology
from tests.scenario.scenes import GRID, ONE_GROUP, TOKYO, check_file, problems_of, write

ELEMENTS = """
epoch = 2026-08-11T12:00:00Z
[[satellites]]
name = "real"
elements = "x.tle"
"""
TWO_SETS = """STARLINK-1008
1 44714U 19074B   26223.09230426  .00051945  00000+0  63754-3 0  9993
2 44714  53.1489 164.1445 0006675  38.3881 321.7607 15.59800552372752
STARLINK-1012
1 44718U 19074F   26223.25003471  .00148795  00000+0  17694-2 0  9994
2 44718  53.1505 163.6899 0002240  71.5156 108.3661 15.60165794  5925
"""
SITES = '[[ground]]\nname = "cities"\nsites = "x.csv"\n'


def changed(text, *changes):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_names_are_padded_to_the_widest_index(tmp_path):
    text = changed(ONE_GROUP, ("planes = 4", "planes = 11"), ("slots = 6", "slots = 101"))
    names = load_topology(write(tmp_path, text)).node_names
    assert (names[0], names[-1]) == ("w-00-000", "w-10-100")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("slots = 6\n", ""), "x.toml:2: satellites[0].slots: missing; must be an integer of at least 1"),
        (
            ("phasing_factor = 3\n", ""),
            "x.toml:2: satellites[0].phasing_factor: missing; "
            'must be an integer of at least 0 or "half-slot"',
        ),
        (
            ("phasing_factor = 3", "phasing_factor = 4"),
            "x.toml:7: satellites[0].phasing_factor: must be an integer from 0 to planes - 1, "
            "which is 3 (got 4)",
        ),
        (
            ("altitude_km = 1200.0\n", ""),
            "x.toml:2: satellites[0].altitude_km: missing; give altitude_km or mean_motion_rev_per_day",
        ),
        (
            ("altitude_km = 1200.0\n", "altitude_km = 1200.0\nmean_motion_rev_per_day = 14.5\n"),
            "x.toml:9: satellites[0].mean_motion_rev_per_day: cannot stand beside altitude_km",
        ),
        (
            ("planes = 4", "planes = 100_000_000"),
            "x.toml:5: satellites[0].planes: planes times slots must be at most 1,000,000",
        ),
        (
            ("planes = 4\n", "planes = 4\nvacant = [[0, 0],\n[4, 0], [0, 6]]\n"),
            "x.toml:7: satellites[0].vacant[1]: there is no slot [4, 0]; planes go to 3 and slots to 5",
        ),
        (
            ("planes = 4\n", "planes = 4\nvacant = [[1, 2], [0, 0], [1, 2]]\n"),
            "x.toml:6: satellites[0].vacant[2]: [1, 2] stands already at satellites[0].vacant[0] (x.toml:6)",
        ),
        (
            ("planes = 4\n", "planes = 4\nvacant = [[1, 2, 3]]\n"),
            "x.toml:6: satellites[0].vacant[0]: must be a list [plane, slot] (got [1, 2, 3])",
        ),
        (
            ("slots = 6", "slots = true"),
            "x.toml:6: satellites[0].slots: must be an integer of at least 1 (got true)",
        ),
        (
            ('pattern = "walker-delta"\n', ""),
            "x.toml:2: satellites[0]: must have one of pattern, elements, leader, fixed",
        ),
        (
            ("planes = 4\n", 'planes = 4\nfixed = ["a"]\n'),
            "x.toml:6: satellites[0].fixed: cannot stand beside pattern",
        ),
        (
            ("planes = 4\n", 'planes = 4\nmatch = "w*"\n'),
            "x.toml:6: satellites[0].match: goes with elements, not with pattern",
        ),
    ],
)
def test_what_is_wrong_with_a_pattern_is_said(tmp_path, change, problem):
    assert problem in problems_of(tmp_path, changed(ONE_GROUP, change) + GRID)


def test_a_mean_motion_may_not_be_that_of_an_orbit_below_the_lowest_altitude(tmp_path):
    # n = 1.2362e-3 rad/s, a = (398600.8 / n^2)^(1/3) = 6389.1 km; at 6478.137 km it is 16.6506 rev/day.
    def with_mean_motion(rev_per_day):
        return changed(ONE_GROUP, ("altitude_km = 1200.0", f"mean_motion_rev_per_day = {rev_per_day}")) + GRID

    assert problems_of(tmp_path, with_mean_motion(17)) == [
        "x.toml:8: satellites[0].mean_motion_rev_per_day: is that of an altitude of 10.9 km, "
        "which must be at least 100 km (got 17)"
    ]
    assert problems_of(tmp_path, with_mean_motion(16.650)) == []
    assert len(problems_of(tmp_path, with_mean_motion(16.651))) == 1


def test_a_pattern_may_not_be_all_vacant(tmp_path):
    vacant = [[plane, slot] for plane in range(4) for slot in range(6)]
    assert problems_of(tmp_path, ONE_GROUP + f"vacant = {vacant}\n" + GRID) == [
        "x.toml:10: satellites[0].vacant: leaves no satellite"
    ]


@pytest.mark.parametrize(
    "line", ["planes = 1", 'terminals = [{ type = "x", count = 1 }]', "inclination_deg = 1.0"]
)
def test_bare_nodes_have_nothing_of_satellites(tmp_path, line):
    problems = problems_of(tmp_path, f'[[satellites]]\nname = "b"\nfixed = ["a"]\n{line}\n')
    assert any("not with fixed" in problem for problem in problems)


def test_bare_nodes_are_named_once(tmp_path):
    assert problems_of(tmp_path, '[[satellites]]\nname = "b"\nfixed = ["a", "b", "a"]\n') == [
        'x.toml:3: satellites[0].fixed[2]: "a" stands already at satellites[0].fixed[0] (x.toml:3)'
    ]


@pytest.mark.parametrize("header", ["", "2 1\n"])
@pytest.mark.parametrize("planes", ["", "planes = 2\nslots = 1\n"])
def test_planes_come_from_the_topology_or_the_first_line_of_the_file(tmp_path, header, planes):
    write(tmp_path, header + TWO_SETS, "x.tle")
    group = load_topology(write(tmp_path, ELEMENTS + planes)).satellites[0]
    assert (group.planes, group.slots) == ((2, 1) if header or planes else (None, None))
    assert group.node_names == ("STARLINK-1008", "STARLINK-1012")


@pytest.mark.parametrize(
    ("header", "more", "problem"),
    [
        ("3 1\n", "", "x.tle:1: 3 planes of 1 slots make 3, but 2 satellites follow"),
        (
            "1 2\n",
            "planes = 2\nslots = 1\n",
            "x.toml:6: satellites[0].planes: the element file says 1 planes of 2 slots",
        ),
        ("", "planes = 2\n", "x.toml:3: satellites[0].slots: missing; it goes together with planes"),
        ("", "slots = 2\n", "x.toml:3: satellites[0].planes: missing; it goes together with slots"),
        (
            "",
            "planes = 2\nslots = 2\n",
            "x.toml:6: satellites[0].planes: 2 planes of 2 slots make 4, but there are 2 satellites",
        ),
        (
            "2 1\n",
            'planes = 2\nslots = 1\nmatch = "*8"\n',
            "x.toml:6: satellites[0].planes: 2 planes of 1 slots make 2, but there are 1 satellites",
        ),
        ("", 'match = "IRIDIUM*"\n', "x.toml:6: satellites[0].match: matches no name of the 2 in x.tle"),
    ],
)
def test_planes_must_suit_the_file(tmp_path, header, more, problem):
    write(tmp_path, header + TWO_SETS, "x.tle")
    assert problems_of(tmp_path, ELEMENTS + more) == [problem]


def test_match_chooses_by_name_and_its_planes_are_those_of_the_topology(tmp_path):
    write(tmp_path, "2 1\n" + TWO_SETS, "x.tle")
    group = load_topology(write(tmp_path, ELEMENTS + 'match = "*-100?"\n')).satellites[0]
    assert group.node_names == ("STARLINK-1008",)
    assert group.planes is None


def test_prefix_makes_the_same_names_in_two_groups_different(tmp_path):
    write(tmp_path, TWO_SETS, "x.tle")
    twice = ELEMENTS + ELEMENTS.replace("epoch = 2026-08-11T12:00:00Z\n", "").replace("real", "copy")
    problems = problems_of(tmp_path, twice)
    assert problems[0] == 'x.tle:1: "STARLINK-1008" is already the name of the node at x.tle:1'
    topology = load_topology(write(tmp_path, twice + "prefix = true\n"))
    assert topology.node_names[2] == "copy/STARLINK-1008"


def test_element_files_need_an_epoch(tmp_path):
    write(tmp_path, TWO_SETS, "x.tle")
    assert problems_of(tmp_path, ELEMENTS.replace("epoch = 2026-08-11T12:00:00Z\n", "")) == [
        "x.toml: epoch: missing; with element files it must be given, as 2026-01-01T00:00:00Z"
    ]


def test_one_site_is_a_group_of_its_name(tmp_path):
    group = load_topology(write(tmp_path, TOKYO)).ground[0]
    assert (group.name, group.transit) == ("Tokyo", False)
    (site,) = group.sites
    assert (site.name, site.lat_deg, site.lon_deg, site.height_m, site.mask_deg) == (
        "Tokyo",
        35.7,
        139.7,
        0.0,
        None,
    )


def test_sites_come_from_a_file_with_columns_in_any_order(tmp_path):
    write(
        tmp_path,
        "\ufeffgid,mask_deg,name,lon_deg,lat_deg\r\n1,,São Paulo,-46.6,-23.5\r\n\r\n2,25, Lagos ,3.4,6.5\r\n",
        "x.csv",
    )
    sites = load_topology(write(tmp_path, SITES)).ground[0].sites
    assert [site.name for site in sites] == ["São Paulo", "Lagos"]
    assert [site.mask_deg for site in sites] == [None, 25.0]
    assert sites[1].lat_deg == 6.5


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("height_km", "height_km: write height_m, in m"),
        ("Mask_rad", "Mask_rad: write mask_deg, in deg"),
        ("maskdeg", 'maskdeg: unknown column; did you mean "mask_deg"?'),
        ("height", 'height: unknown column; did you mean "height_m"?'),
        ("HEIGHT_M", 'HEIGHT_M: unknown column; did you mean "height_m"?'),
    ],
)
def test_a_column_that_seems_meant_for_an_absent_one_is_refused(tmp_path, column, message):
    write(tmp_path, f"name,lat_deg,lon_deg,{column}\nA,1,2,3\n", "x.csv")
    assert problems_of(tmp_path, SITES) == [f"x.csv:1: {message}"]


def test_other_columns_are_ignored(tmp_path):
    others = "gid,ecef_wgs72_x_m,ecef_wgs72_y_m,kind,latitude,lat_rad,country,length_m,beam_deg,"
    write(tmp_path, f"name,lat_deg,lon_deg,{others}\nA,1,2,,,,,,,,,,\n", "x.csv")
    assert problems_of(tmp_path, SITES) == []
    write(tmp_path, "name,lat_deg,lon_deg,height_m,height_km,heights_m\nA,1,2,3000,3,\n", "x.csv")
    assert problems_of(tmp_path, SITES) == []


def test_a_mask_may_be_a_table_by_azimuth_which_comes_out_in_order(tmp_path):
    table = "mask_deg = [[270, 3], [0, 5], [90, 7.5], [360, 5]]\n"
    (site,) = load_topology(write(tmp_path, TOKYO + table)).ground[0].sites
    assert site.mask_deg == ((0.0, 5.0), (90.0, 7.5), (270.0, 3.0))


def test_a_file_of_sites_may_have_masks_antennas_and_clouds(tmp_path):
    write(
        tmp_path,
        "name,lat_deg,lon_deg,mask_deg,antennas,availability,mean_cloudy_s\n"
        "A,1,2,180:4 0:8.5,3,0.7,3600\nB,1,2,12,,1,\n",
        "x.csv",
    )
    a, b = load_topology(write(tmp_path, SITES)).ground[0].sites
    assert (a.mask_deg, a.antennas, a.availability, a.mean_cloudy_s) == (((0, 8.5), (180, 4)), 3, 0.7, 3600)
    assert (b.mask_deg, b.antennas, b.availability, b.mean_cloudy_s) == (12.0, None, 1.0, None)


def test_a_group_may_give_antennas_to_sites_that_have_none_of_their_own(tmp_path):
    write(tmp_path, "name,lat_deg,lon_deg,antennas\nA,1,2,3\nB,3,4,\n", "x.csv")
    group = load_topology(write(tmp_path, SITES + "antennas = 2\n")).ground[0]
    assert [site.antennas for site in group.sites] == [3, 2]
    problems = problems_of(tmp_path, SITES + "antennas = 0\n")
    assert problems == ["x.toml:4: ground[0].antennas: must be an integer from 1 to 1000000 (got 0)"]


def test_shipped_sites_are_found_by_name(tmp_path):
    assert len(load_topology(write(tmp_path, SITES.replace("x.csv", "cities-30"))).ground[0].sites) == 30


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("name,lat,lon_deg\nA,1,2\n", ['x.csv:1: there is no column "lat_deg"; did you mean "lat"?']),
        ("name;lat_deg;lon_deg\nA;1;2\n", 3),
        ("name,lat_deg,lon_deg\n", ["x.csv: has a header, but no rows"]),
        ("name,lat_deg,lon_deg,name\nA,1,2,B\n", ["x.csv:1: name: this column is there twice"]),
        (
            "name,lat_deg,lon_deg\nA,91,2\nB,x,\n",
            [
                "x.csv:2: lat_deg: must be a number from -90 to 90 (got 91.0)",
                'x.csv:3: lat_deg: must be a number from -90 to 90 (got "x")',
                "x.csv:3: lon_deg: is empty; must be a number from -180 to 360",
            ],
        ),
        ("name,lat_deg,lon_deg\nA,nan,2\n", ["x.csv:2: lat_deg: must be a number from -90 to 90 (got nan)"]),
        ("name,lat_deg,lon_deg\nA\n", 2),
        (
            "name,lat_deg,lon_deg\nA,1,2\nB,1,2\nA,1,2\n",
            ['x.csv:4: name: "A" is already the name of the node at x.csv:2'],
        ),
        ("name,lat_deg,lon_deg\nA:B,1,2\n", ['x.csv:2: name: a name must not contain ":" (got "A:B")']),
        (
            "name,lat_deg,lon_deg,antennas,availability\nA,1,2,,\nB,1,2,x,\nC,1,2,1.5,0.5\n",
            [
                'x.csv:3: antennas: must be an integer from 1 to 1000000 (got "x")',
                'x.csv:4: antennas: must be an integer from 1 to 1000000 (got "1.5")',
            ],
        ),
        (
            "name,lat_deg,lon_deg,availability,mean_cloudy_s\nA,1,2,0.5,\nB,1,2,,60\nC,1,2,1,\n",
            [
                "x.csv:2: mean_cloudy_s: missing; with an availability below 1 it says how long clouds stay",
                "x.csv:3: availability: missing; it goes together with mean_cloudy_s",
            ],
        ),
        (
            "name,lat_deg,lon_deg,mask_deg\nA,1,2,0:5 360:6\nB,1,2,0:5:6\nC,1,2,0:99\nD,1,2,high\n",
            [
                "x.csv:2: mask_deg: has two elevations at azimuth 0",
                "x.csv:3: mask_deg[0]: must be a list [azimuth, elevation] (got [0.0, 5.0, 6.0])",
                "x.csv:4: mask_deg[0][1]: must be a number from -90 to 90 (got 99.0)",
                "x.csv:5: mask_deg: must be a number from -90 to 90 or a list, each item a list [azimuth, "
                'elevation] (got "high")',
            ],
        ),
        ('name,lat_deg,lon_deg\n"A,1,2\n', ["x.csv:2: not valid CSV: unexpected end of data"]),
    ],
)
def test_what_is_wrong_with_a_file_of_sites_is_said(tmp_path, text, problems):
    write(tmp_path, text, "x.csv")
    found = problems_of(tmp_path, SITES)
    assert found == problems if isinstance(problems, list) else len(found) == problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[ground]]\nname = "A"\n', "x.toml:1: ground[0]: must have lat_deg and lon_deg, or sites"),
        (
            '[[ground]]\nname = "A"\nlat_deg = 1\n',
            "ground[0].lon_deg: missing; must be a number from -180 to 360",
        ),
        (SITES + "lat_deg = 1\n", "x.toml:4: ground[0].lat_deg: goes with a single site, not with sites"),
        (TOKYO + "antennas = 0\n", "ground[0].antennas: must be an integer from 1 to 1000000 (got 0)"),
        (TOKYO + "availability = 0.5\n", "ground[0].mean_cloudy_s: missing; with an availability below 1"),
        (
            TOKYO + "availability = 0.5\nmean_cloudy_s = 1e-9\n",
            "ground[0].mean_cloudy_s: must be a number of at least 0.001",
        ),
        (TOKYO + "mean_cloudy_s = 5\n", "ground[0].availability: missing; it goes together with"),
        (
            TOKYO + "mask_deg = [[0, 1], [90, 2], [90.0, 3]]\n",
            "ground[0].mask_deg: has two elevations at azimuth 90",
        ),
        (TOKYO + "prefix = true\n", "ground[0].prefix: goes with sites, not with a single site"),
    ],
)
def test_what_is_wrong_with_ground_is_said(tmp_path, text, problem):
    write(tmp_path, "name,lat_deg,lon_deg\nA,1,2\n", "x.csv")
    assert any(problem in each for each in problems_of(tmp_path, text))


def test_the_same_name_in_space_and_on_the_ground_is_refused_with_both_places(tmp_path):
    problems, _ = check_file(write(tmp_path, ONE_GROUP + TOKYO.replace("Tokyo", "w-0-3")))
    assert len(problems) == 1
    assert problems[0].message.startswith('"w-0-3" is already the name of the node at satellites[0] (')


@pytest.mark.parametrize("name", ["Zürich", "東京", "St. John's (NL)", "a/b", "a b", "x>y", "#a", "🛰"])
def test_any_other_unicode_is_a_name(tmp_path, name):
    assert load_topology(write(tmp_path, TOKYO.replace("Tokyo", name))).node_names == (name,)
