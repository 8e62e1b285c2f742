"""Element files of lines (TLE): what is read, and how each kind of damage is named."""

from pathlib import Path

import pytest
from sgp4.api import WGS72, Satrec

from lasermesh.scenario import load_topology
from lasermesh.scenario.element_lines import read_lines
from tests.scenario.scenes import problems_of, write

TOPOLOGY = 'epoch = 2026-08-11T12:00:00Z\n[[satellites]]\nname = "g"\nelements = "x.tle"\n'
STOP = 'on_bad_satellite = "stop"\n' + TOPOLOGY
NAME = "STARLINK-1008"
LINE1 = "1 44714U 19074B   26223.09230426  .00051945  00000+0  63754-3 0  9993"
LINE2 = "2 44714  53.1489 164.1445 0006675  38.3881 321.7607 15.59800552372752"
NEXT = (
    "STARLINK-1012",
    "1 44718U 19074F   26223.25003471  .00148795  00000+0  17694-2 0  9994",
    "2 44718  53.1505 163.6899 0002240  71.5156 108.3661 15.60165794  5925",
)
# As Hypatia writes its own constellations; the checksums are put in below.
HYPATIA = (
    "1 00001U 00000ABC 00001.00000000  .00000000  00000-0  00000+0 0    04",
    "2 00001  53.0000   0.0000 0000001   0.0000   0.0000 15.19000000    04",
)
NO_SETS = "holds no element sets; TLE of two or three lines each, OMM or CSV is wanted"
REAL_FILE = Path(__file__).parents[3] / "shared" / "data" / "tle" / "starlink.tle"


def elements_of(folder, *lines, end="\n"):
    write(folder, end.join(lines) + end, "x.tle")
    return load_topology(write(folder, TOPOLOGY)).satellites[0]


def faults_of(folder, *lines):
    write(folder, "\n".join(lines) + "\n", "x.tle")
    return problems_of(folder, STOP)


def sealed(line):
    """The line with the checksum that suits it."""
    digits = sum(int(each) if each.isdecimal() else each == "-" for each in line[:68])
    return f"{line[:68]}{digits % 10}"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", [NAME, NAME + " " * 11, "0 " + NAME, "  " + NAME])
def test_names_come_with_padding_and_zero_and_any_line_end(tmp_path, name, end):
    group = elements_of(tmp_path, name, LINE1, LINE2, *NEXT, end=end)
    assert group.node_names == (NAME, NEXT[0])
    first, second = group.element_sets
    assert (first.name, first.catalog_number, first.line_number, first.slot) == (NAME, 44714, 1, 0)
    assert (second.line_number, second.slot) == (4, 1)


def test_all_numbers_are_read(tmp_path):
    (elements,) = elements_of(tmp_path, NAME, LINE1, LINE2).element_sets
    # 2026-01-01 is day 27760 since 1949-12-31.
    assert elements.epoch_days == pytest.approx(27_759 + 223.09230426, abs=1e-11)
    assert elements.bstar == 6.3754e-4
    assert (elements.inclination_deg, elements.raan_deg, elements.eccentricity) == (
        53.1489,
        164.1445,
        0.0006675,
    )
    assert (elements.argument_of_perigee_deg, elements.mean_anomaly_deg) == (38.3881, 321.7607)
    assert elements.mean_motion_rev_per_day == 15.59800552
    record = Satrec.twoline2rv(LINE1, LINE2, WGS72)
    assert elements.epoch_days + 2_433_281.5 == record.jdsatepoch + record.jdsatepochF
    assert elements.bstar == record.bstar


@pytest.mark.parametrize(
    ("columns", "value"),
    [(" 63754-3", 6.3754e-4), ("-63754-3", -6.3754e-4), (" 16283+0", 0.16283), (" 00000-0", 0.0)],
)
def test_powers_without_a_point_are_read(tmp_path, columns, value):
    line = sealed(LINE1.replace(" 63754-3", columns))
    assert elements_of(tmp_path, NAME, line, LINE2).element_sets[0].bstar == value


def test_sets_without_names_are_named_by_catalogue_number(tmp_path):
    assert elements_of(tmp_path, LINE1, LINE2, *NEXT).node_names == ("44714", "STARLINK-1012")


def test_blank_lines_are_skipped(tmp_path):
    assert elements_of(tmp_path, "", NAME, LINE1, "  ", LINE2, "").element_sets[0].line_number == 2


def test_a_letter_in_the_catalogue_number_is_read(tmp_path):
    """Alpha-5 (space-track.org): A is 10, J is 18 as I is left out, Z is 33."""
    lines = [sealed(line.replace("44714", "J4714")) for line in (LINE1, LINE2)]
    group = elements_of(tmp_path, *lines)
    assert group.element_sets[0].catalog_number == 184714
    assert group.node_names == ("184714",)


def test_files_of_hypatia_are_read(tmp_path):
    first = [sealed(line) for line in HYPATIA]
    second = [sealed(line.replace("00001", "00002", 1)) for line in HYPATIA]
    write(tmp_path, "\n".join(("1 2", "Starlink-550 0", *first, "Starlink-550 1", *second)), "x.tle")
    group = load_topology(write(tmp_path, TOPOLOGY.replace("2026-08-11", "2000-01-01"))).satellites[0]
    assert group.node_names == ("Starlink-550 0", "Starlink-550 1")
    assert (group.planes, group.slots) == (1, 2)


def test_names_with_brackets_are_taken_as_they_are(tmp_path):
    assert elements_of(tmp_path, "STARLINK-11072 [DTC]", LINE1, LINE2).node_names == ("STARLINK-11072 [DTC]",)


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (
            (NAME, LINE1[:-1] + "4", LINE2, *NEXT),
            [f'x.tle:2: line 1 of "{NAME}" has checksum 4, but its characters give 3'],
        ),
        (
            (*NEXT, NAME, LINE1, LINE2.replace("164", "165")),
            [f'x.tle:6: line 2 of "{NAME}" has checksum 2, but its characters give 3'],
        ),
        ((NAME, LINE1, *NEXT), [f'x.tle:1: line 2 of "{NAME}" is missing']),
        ((NAME, LINE2, *NEXT), [f'x.tle:1: line 1 of "{NAME}" is missing']),
        ((NAME, *NEXT), [f'x.tle:1: no element lines follow "{NAME}"; a line 1 and a line 2 must']),
        ((*NEXT, NAME), [f'x.tle:4: no element lines follow "{NAME}"; a line 1 and a line 2 must']),
        ((*NEXT, NAME, LINE1), [f'x.tle:4: line 2 of "{NAME}" is missing']),
        ((LINE1, NEXT[1], NEXT[2]), ["x.tle:1: line 2 of catalogue number 44714 is missing"]),
        ((LINE2, LINE1, LINE2), ["x.tle:1: line 1 of catalogue number 44714 is missing"]),
        (
            (NAME, LINE1, NEXT[2]),
            [f'x.tle:1: lines 1 and 2 of "{NAME}" have different catalogue numbers, 44714 and 44718'],
        ),
        ((NAME, LINE1[:60], LINE2), [f'x.tle:2: line 1 of "{NAME}" has 60 characters; there must be 69']),
        ((NAME, LINE1, LINE2 + "7"), [f'x.tle:3: line 2 of "{NAME}" has 70 characters; there must be 69']),
        (
            (NAME, LINE1, sealed(LINE2.replace("53.1489", "5x.1489"))),
            [f'x.tle:3: line 2 of "{NAME}" does not have its numbers in the columns of a TLE'],
        ),
        (
            (NAME, LINE1.replace("U", "Ü"), LINE2),
            [f'x.tle:2: line 1 of "{NAME}" does not have its numbers in the columns of a TLE'],
        ),
        (
            (NAME, LINE1, LINE2, NAME, *NEXT[1:]),
            [f'x.tle:4: "{NAME}" (44718) has the name of the satellite at line 1'],
        ),
        (
            (NAME, LINE1, LINE2, "COPY", LINE1, LINE2),
            ['x.tle:4: "COPY" (44714) has the catalogue number of the satellite at line 1'],
        ),
        (
            ("A,B", LINE1, LINE2),
            ['x.tle:1: a name must not contain "," (got "A,B")'],
        ),
        (("1 1",), [f"x.tle: {NO_SETS}"]),
        (("hello", "world"), [f"x.tle: {NO_SETS}"]),
        (
            (NAME, LINE1, sealed(LINE2.replace("53.1489", "253.148"))),
            [f'x.tle:3: line 2 of "{NAME}" does not have its numbers in the columns of a TLE'],
        ),
        (
            (NAME, LINE1, sealed(LINE2.replace(" 53.1489", "253.1489"))),
            [f'x.tle:1: INCLINATION must be from 0 to 180 (is 253.149), of "{NAME}"'],
        ),
        (
            (NAME, sealed(LINE1.replace("26223.", "26423.")), LINE2),
            [f'x.tle:1: the day of its epoch must be from 1 to 366 (is 423.09230426), of "{NAME}"'],
        ),
        (
            (NAME, sealed(f"{LINE1[:62]}4{LINE1[63:]}"), LINE2),
            [f'x.tle:2: line 1 of "{NAME}" has ephemeris type 4, which needs SGP4-XP'],
        ),
        (
            (NAME, LINE1[:-1] + "4", LINE2[:-1] + "3", *NEXT[:2]),
            [
                f'x.tle:2: line 1 of "{NAME}" has checksum 4, but its characters give 3',
                f'x.tle:4: line 2 of "{NEXT[0]}" is missing',
            ],
        ),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, lines, problems):
    assert faults_of(tmp_path, *lines) == problems


def test_every_single_changed_digit_is_found(tmp_path):
    for column in range(2, 69):
        if LINE1[column].isdecimal():
            spoilt = f"{LINE1[:column]}{(int(LINE1[column]) + 1) % 10}{LINE1[column + 1 :]}"
            assert len(faults_of(tmp_path, NAME, spoilt, LINE2)) == 1


def test_every_shortening_of_a_file_is_found_or_harmless():
    text = "\n".join((*NEXT, NAME, LINE1, LINE2))
    sound = len("\n".join(NEXT))
    for length in range(1, len(text)):
        read = read_lines(text[:length])
        assert bool(read.bad or read.fault) == (length not in (sound, sound + 1))


@pytest.mark.skipif(not REAL_FILE.exists(), reason=f"{REAL_FILE} is not there")
def test_the_real_starlink_file_loads(tmp_path):
    group = load_topology(write(tmp_path, TOPOLOGY.replace("x.tle", str(REAL_FILE)))).satellites[0]
    assert group.size == 10_758
    assert group.node_names[0] == NAME
