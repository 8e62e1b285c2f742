"""Element files as OMM (JSON, XML, text) and CSV: the same satellites in each, and their faults."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lasermesh.scenario import load_topology
from lasermesh.scenario.element_values import epoch_days
from lasermesh.scenario.elements import read_elements
from tests.scenario.scenes import problems_of, write

TOPOLOGY = 'epoch = 2026-08-11T12:00:00Z\n[[satellites]]\nname = "g"\nelements = "FILE"\n'
TLE_FOLDER = Path(__file__).parents[3] / "shared" / "data" / "tle"
FIRST = {
    "OBJECT_NAME": "IRIDIUM 106",
    "OBJECT_ID": "2017-003A",
    "CENTER_NAME": "EARTH",
    "REF_FRAME": "TEME",
    "TIME_SYSTEM": "UTC",
    "MEAN_ELEMENT_THEORY": "SGP4",
    "EPOCH": "2026-08-11T01:45:14.349600",
    "MEAN_MOTION": 14.3421775,
    "ECCENTRICITY": 0.000249,
    "INCLINATION": 86.3914,
    "RA_OF_ASC_NODE": 65.596,
    "ARG_OF_PERICENTER": 86.7728,
    "MEAN_ANOMALY": 273.3753,
    "EPHEMERIS_TYPE": 0,
    "NORAD_CAT_ID": 41917,
    "BSTAR": 1.7441e-05,
}
SECOND = FIRST | {"OBJECT_NAME": "STARLINK-40001", "NORAD_CAT_ID": 123_456_789, "MEAN_ANOMALY": 3.5}
TLE = (
    "IRIDIUM 106\n"
    "1 41917U 17003A   26223.07308275  .00000069  00000+0  17441-4 0  9995\n"
    "2 41917  86.3914  65.5960 0002490  86.7728 273.3753 14.34217750501076\n"
)


def as_json(*messages):
    return json.dumps(messages, indent=1)


def as_csv(*messages):
    text = io.StringIO()
    columns = [word for word in messages[0] if word not in ("CENTER_NAME", "REF_FRAME")]
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(messages)
    return text.getvalue()


def as_xml(*messages):
    in_metadata = (
        "OBJECT_NAME",
        "OBJECT_ID",
        "CENTER_NAME",
        "REF_FRAME",
        "TIME_SYSTEM",
        "MEAN_ELEMENT_THEORY",
    )
    in_tle = ("NORAD_CAT_ID", "BSTAR", "EPHEMERIS_TYPE")

    def part(tag, message, words):
        inside = "".join(f"<{word}>{message[word]}</{word}>\n" for word in words if word in message)
        return f"<{tag}>\n{inside}</{tag}>\n"

    text = '<?xml version="1.0" encoding="UTF-8"?>\n<ndm xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    for message in messages:
        elements = [word for word in message if word not in in_metadata + in_tle]
        text += '<omm id="CCSDS_OMM_VERS" version="2.0">\n<header><ORIGINATOR/></header>\n<body><segment>\n'
        text += part("metadata", message, in_metadata) + "<data>" + part("meanElements", message, elements)
        text += part("tleParameters", message, in_tle) + "</data></segment></body></omm>\n"
    return text + "</ndm>\n"


def as_keywords(*messages):
    parts = []
    for message in messages:
        lines = ["CCSDS_OMM_VERS = 2.0", "COMMENT by hand", "CREATION_DATE = 2026-08-11T12:00:00"]
        units = {"INCLINATION": " [deg]", "MEAN_MOTION": " [rev/day]"}
        lines += [f"{word} = {value}{units.get(word, '')}" for word, value in message.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


FORMATS = {"x.json": as_json, "x.csv": as_csv, "x.xml": as_xml, "x.kvn": as_keywords}
every_format = pytest.mark.parametrize("name", FORMATS)


def loaded(folder, text, name="x.json", top=""):
    write(folder, text, name)
    return load_topology(write(folder, top + TOPOLOGY.replace("FILE", name)))


def faults_of(folder, text, name="x.json", top='on_bad_satellite = "stop"\n'):
    write(folder, text, name)
    return problems_of(folder, top + TOPOLOGY.replace("FILE", name))


@every_format
def test_every_format_gives_the_same_satellites(tmp_path, name):
    group = loaded(tmp_path, FORMATS[name](FIRST, SECOND), name).satellites[0]
    assert group.node_names == ("IRIDIUM 106", "STARLINK-40001")
    first, second = group.element_sets
    # 2026-01-01 is day 27760 since 1949-12-31, August 11 the 223rd of the year.
    seconds = 1 * 3600 + 45 * 60 + 14.3496
    assert first.epoch_days == pytest.approx(27_759 + 223 + seconds / 86_400.0, abs=1e-11)
    assert (first.catalog_number, second.catalog_number) == (41917, 123_456_789)
    assert (first.bstar, first.eccentricity, first.inclination_deg) == (1.7441e-05, 0.000249, 86.3914)
    assert (first.raan_deg, first.argument_of_perigee_deg) == (65.596, 86.7728)
    assert (first.mean_anomaly_deg, first.mean_motion_rev_per_day) == (273.3753, 14.3421775)
    assert (first.slot, second.slot) == (0, 1) and first.line_number < second.line_number


@every_format
def test_the_format_is_known_by_content_not_by_suffix(tmp_path, name):
    assert loaded(tmp_path, FORMATS[name](FIRST, SECOND), "x.txt").satellites[0].size == 2


@every_format
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_any_line_end_will_do(tmp_path, name, end):
    text = FORMATS[name](FIRST).replace("\r\n", "\n").replace("\n", end)
    assert loaded(tmp_path, text, name).satellites[0].node_names == ("IRIDIUM 106",)


def test_one_message_alone_and_numbers_in_quotes_are_read(tmp_path):
    quoted = {word: str(value) for word, value in FIRST.items()}
    group = loaded(tmp_path, json.dumps(quoted)).satellites[0]
    assert group.element_sets[0].catalog_number == 41917 and group.element_sets[0].bstar == 1.7441e-05


def test_satellites_without_a_name_have_their_number(tmp_path):
    unnamed = {word: value for word, value in SECOND.items() if word != "OBJECT_NAME"}
    assert loaded(tmp_path, as_json(FIRST, unnamed)).satellites[0].node_names[1] == "123456789"


@pytest.mark.parametrize(
    "text",
    [
        "2026-08-11T01:45:14.349600",
        "2026-08-11T01:45:14.349600Z",
        "2026-08-11T01:45:14.3496+00:00",
        "2026-08-11 01:45:14.3496",
        "2026-223T01:45:14.349600",
    ],
)
def test_an_epoch_is_read_in_every_form(text):
    assert epoch_days(text) == pytest.approx(27_982 + 6_314.3496 / 86_400.0, abs=1e-11)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13-01T00:00:00", "2026-02-30T00:00:00", "2026-366T00:00:00", "2026-000T00:00:00",
     "2026-08-11T24:00:00", "2026-08-11T01:60:00", "2026-08-11T01:00:61", "2026-08-11T01:00:00+01:00",
     "1900-01-01T00:00:00", "9999-01-01T00:00:00", "٢٠٢٦-08-11T00:00:00", None, 5, ["x"]],
)  # fmt: skip
def test_what_is_no_epoch_is_refused(text):
    with pytest.raises(ValueError, match="EPOCH"):
        epoch_days(text)


@every_format
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"BSTAR": ""}, '"IRIDIUM 106" has no BSTAR'),
        (
            {"EPOCH": "yesterday"},
            'EPOCH must be an instant in UTC, as 2026-08-11T01:45:14.349600 (is "yesterday")',
        ),
        ({"ECCENTRICITY": 1.0}, 'the eccentricity must be below 1 (is 1), of "IRIDIUM 106"'),
        ({"MEAN_MOTION": 0}, 'the mean motion must be above 0 (is 0), of "IRIDIUM 106"'),
        ({"INCLINATION": 190.0}, 'INCLINATION must be from 0 to 180 (is 190), of "IRIDIUM 106"'),
        ({"MEAN_MOTION": "fast"}, 'MEAN_MOTION must be a number from 0 to 20 (is "fast")'),
        ({"MEAN_MOTION": "nan"}, "MEAN_MOTION must be a number from 0 to 20"),
        ({"MEAN_ANOMALY": "1_0"}, "MEAN_ANOMALY must be a number from -360 to 360"),
        ({"NORAD_CAT_ID": -1}, "NORAD_CAT_ID must be an integer from 0 to 999999999"),
        ({"NORAD_CAT_ID": 1_000_000_000}, "NORAD_CAT_ID must be an integer from 0 to 999999999"),
        ({"NORAD_CAT_ID": "T0001"}, "NORAD_CAT_ID must be an integer from 0 to 999999999"),
        ({"MEAN_ELEMENT_THEORY": "SGP4-XP"}, 'MEAN_ELEMENT_THEORY must be SGP4 (is "SGP4-XP")'),
        ({"EPHEMERIS_TYPE": 4}, "EPHEMERIS_TYPE must be 0"),
        ({"TIME_SYSTEM": "GPS"}, 'TIME_SYSTEM must be UTC (is "GPS")'),
    ],
)
def test_a_bad_set_is_left_out_or_stops_the_run(tmp_path, name, change, message):
    text = FORMATS[name](SECOND, FIRST | change)
    (problem,) = faults_of(tmp_path, text, name)
    assert message in problem
    line = int(problem.split(":")[1])
    assert line > 1
    topology = loaded(tmp_path, text, name)
    assert topology.satellites[0].node_names == ("STARLINK-40001",)
    (skipped,) = topology.skipped
    assert (skipped.name, skipped.reason, skipped.line) == ("IRIDIUM 106", "damaged", line)
    assert message in skipped.message and skipped.file.endswith(name)
    assert any("1 of 2 satellites is left out, damaged: IRIDIUM 106" in text for text in topology.warnings)


def test_old_and_double_satellites_are_left_out_with_a_warning_for_each_reason(tmp_path):
    old = [
        SECOND | {"OBJECT_NAME": f"OLD-{i}", "NORAD_CAT_ID": 200_000 + i, "EPOCH": "2026-07-10T00:00:00"}
        for i in range(7)
    ]
    twin = FIRST | {"OBJECT_NAME": "TWIN"}
    namesake = SECOND | {"NORAD_CAT_ID": 7}
    topology = loaded(tmp_path, as_json(*old, FIRST, SECOND, twin, namesake))
    assert topology.satellites[0].node_names == ("IRIDIUM 106", "STARLINK-40001")
    file = f"{tmp_path}/x.json"
    assert [warning for warning in topology.warnings if "left out" in warning] == [
        f"{file}: 2 of 11 satellites are left out, in the file already: TWIN (41917), STARLINK-40001 (7)",
        f"{file}: 7 of 11 satellites are left out, stale (epoch more than 720 h from the topology's): "
        "OLD-0 (200000), OLD-1 (200001), OLD-2 (200002), OLD-3 (200003), OLD-4 (200004) and 2 more",
    ]
    assert [each.reason for each in topology.skipped] == ["stale"] * 7 + ["duplicate"] * 2
    assert topology.skipped[0].message == (
        'the epoch of "OLD-0" (200000) is 780.0 h before the topology\'s; max_age_h is 720'
    )
    assert len(faults_of(tmp_path, as_json(*old, FIRST, twin))) == 8


def test_a_stale_set_does_not_drive_out_a_fresh_one_of_the_same_satellite(tmp_path):
    old = FIRST | {"EPOCH": "2025-08-11T00:00:00"}
    assert loaded(tmp_path, as_json(old, FIRST)).satellites[0].element_sets[0].slot == 1


def test_satellites_without_a_number_yet_are_no_duplicates(tmp_path):
    new = [FIRST | {"OBJECT_NAME": name, "NORAD_CAT_ID": 0} for name in ("A", "B")]
    assert loaded(tmp_path, as_json(*new)).satellites[0].node_names == ("A", "B")


def test_a_file_without_a_good_set_is_always_a_problem(tmp_path):
    text = as_json(FIRST | {"EPOCH": "2020-01-01T00:00:00"}, SECOND | {"BSTAR": None})
    (problem,) = faults_of(tmp_path, text, top="")
    assert problem.startswith(
        "x.json:2: holds no element set that can be used (1 damaged, 1 stale); the first: the epoch of"
    )


def test_a_bad_set_leaves_its_slot_vacant(tmp_path):
    sets = [FIRST | {"OBJECT_NAME": f"S{i}", "NORAD_CAT_ID": 100 + i} for i in range(6)]
    sets[1]["BSTAR"] = "x"
    write(tmp_path, as_json(*sets), "x.json")
    text = TOPOLOGY.replace("FILE", "x.json") + "planes = 2\nslots = 3\n"
    group = load_topology(write(tmp_path, text)).satellites[0]
    assert group.plane_slot.tolist() == [[0, 0], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert [each.slot for each in group.element_sets] == [0, 2, 3, 4, 5]


def test_slots_count_only_satellites_that_match(tmp_path):
    sets = [FIRST | {"OBJECT_NAME": f"{'AB'[i % 2]}{i}", "NORAD_CAT_ID": 100 + i} for i in range(6)]
    sets[3]["BSTAR"] = "x"
    write(tmp_path, as_json(*sets), "x.json")
    text = TOPOLOGY.replace("FILE", "x.json") + 'planes = 1\nslots = 3\nmatch = "B*"\n'
    group = load_topology(write(tmp_path, text)).satellites[0]
    assert group.node_names == ("B1", "B5") and group.plane_slot.tolist() == [[0, 0], [0, 2]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "x.json: holds no element sets"),
        ('[{"OBJECT_NAME": "X",', "x.json:1: not valid JSON: Expecting property name"),
        (as_json(FIRST)[:-1], "x.json:20: not valid JSON: more is missing at its end"),
        (as_json(FIRST).replace("]", "}"), "x.json:20: not valid JSON: a comma or ] is missing"),
        (as_json(FIRST) + "\n5", "x.json:21: not valid JSON: something follows after its end"),
        (as_json(FIRST) + as_json(FIRST), "not valid JSON: something follows after its end"),
        ("[" * 100_000, "x.json:1: not valid JSON: "),
        ('[{"NORAD_CAT_ID": ' + "9" * 10_000 + "}]", "x.json:1: not valid JSON: a number is too long"),
        ('{"error": "no data"}', "x.json:1: holds no element set that can be used"),
        ("[5]", "a message must be an object (got 5)"),
        ("<ndm>", "x.json:1: not valid XML: no element found"),
        (as_xml(FIRST)[:-9], "not valid XML: "),
        ("<ndm/>", "x.json: holds no element sets"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><ndm>&b;</ndm>', "x.json:1: XML with a document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><ndm/>', "x.json:1: XML with a document type"),
        ("<a>" * 100_000, "x.json:1: not valid XML: nested too deeply"),
        ("<ndm><omm><omm/></omm></ndm>", "x.json:1: an omm element stands inside another"),
        (
            as_xml(FIRST).replace("<BSTAR>", "<BSTAR>5</BSTAR><BSTAR>"),
            "BSTAR is there twice in an omm element",
        ),
        (as_keywords(FIRST) + "hello\n", "must be KEYWORD = value (got \"hello\")"),
        (as_keywords(FIRST) + "BSTAR = 5\n", "BSTAR is there twice; each message begins with CCSDS_OMM_VERS"),
        (as_csv(FIRST).replace("EPOCH", "TIME"), "x.json:1: there is no column EPOCH"),
        (as_csv(FIRST).replace("OBJECT_ID", "BSTAR"), "x.json:1: the column BSTAR is there twice"),
        (as_csv(FIRST) + '"a', "x.json:3: not valid CSV: unexpected end of data"),
        (as_csv(FIRST).splitlines()[0], "x.json: holds no element sets"),
        (TLE + as_json(FIRST), "x.json:4: is TLE up to here, but this is JSON"),
        (TLE + as_xml(FIRST), "x.json:4: is TLE up to here, but this is XML"),
        (TLE + as_csv(FIRST), "x.json:4: is TLE up to here, but this is CSV"),
        (TLE + as_keywords(FIRST), "x.json:4: is TLE up to here, but this is OMM text"),
        (as_csv(FIRST) + TLE, "x.json:4: is CSV up to here, but this is TLE"),
        (as_keywords(FIRST) + TLE, "but this is TLE"),
        (as_json(FIRST) + TLE, "but this is TLE"),
        (as_xml(FIRST) + TLE, "but this is TLE"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_as_a_whole_is_a_problem_though_bad_satellites_are_skipped(
    tmp_path, text, problem
):
    (found,) = faults_of(tmp_path, text, top="")
    assert problem in found


def test_half_a_character_in_a_name_is_a_problem_that_can_be_printed(tmp_path):
    (found,) = faults_of(tmp_path, as_json(FIRST | {"OBJECT_NAME": "A\ud800"}), top="")
    assert found.encode().endswith(b'a name must not contain control characters (got "A\\ud800")')
    spoilt = SECOND | {"OBJECT_NAME": "B\ud800", "BSTAR": "x"}
    topology = loaded(tmp_path, as_json(FIRST, spoilt), "x.json")
    assert b"B\\ud800" in topology.skipped[0].name.encode()
    assert b"B\\ud800" in topology.warnings[0].encode()
    assert b"B\\ud800" in topology.skipped[0].message.encode()


def test_a_wrong_catalogue_number_is_reported_with_the_satellites_name(tmp_path):
    topology = loaded(tmp_path, as_json(FIRST, SECOND | {"NORAD_CAT_ID": -4}), "x.json")
    assert topology.skipped[0].message.endswith('(is -4), of "STARLINK-40001"')


def test_a_row_that_is_cut_off_is_damaged(tmp_path):
    text = as_csv(SECOND, FIRST)
    topology = loaded(tmp_path, text[: text.rindex("86.7728")], "x.csv")
    assert [(each.line, each.reason) for each in topology.skipped] == [(3, "damaged")]
    assert "has 10 cells, but the header has 14" in topology.skipped[0].message


def test_content_that_is_no_text_is_a_problem(tmp_path):
    for content, words in (
        (b"", "is empty"),
        (b"\xff\xfe{", "is not UTF-8 text"),
        (b"\0" * 99, "is a binary file"),
    ):
        (found,) = faults_of(tmp_path, content, top="")
        assert words in found


ROBUST = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(name=st.sampled_from(sorted(FORMATS)), data=st.data())
@ROBUST
def test_truncated_and_spoilt_files_are_survived(name, data):
    text = list(FORMATS[name](FIRST, SECOND, FIRST | {"NORAD_CAT_ID": 5}))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.sampled_from('[]{}<>/&;=",.#\n\r\t 0123456789-eEatrxé_\x01'))
    cut = data.draw(st.integers(1, len(text)))
    read = read_elements("".join(text[:cut]) + " x", name)
    assert read.fault is not None or read.sets or read.bad or cut < len(text)
    for each in read.bad:
        assert each.message and each.line_number >= 1


@pytest.mark.skipif(not TLE_FOLDER.exists(), reason="the real element files are not beside the checkout")
def test_the_real_iridiums_are_the_same_from_omm_and_tle(tmp_path):
    files = [f'"{TLE_FOLDER}/iridium-next.{suffix}"' for suffix in ("omm.json", "tle")]
    groups = [
        load_topology(write(tmp_path, TOPOLOGY.replace('"FILE"', file))).satellites[0] for file in files
    ]
    for one, other in zip(*(group.element_sets for group in groups), strict=True):
        assert (one.name, one.catalog_number) == (other.name, other.catalog_number)
        assert one.epoch_days == pytest.approx(other.epoch_days, abs=2e-11)  # 1 us is 1.2e-11
        assert one.mean_motion_rev_per_day == pytest.approx(other.mean_motion_rev_per_day, rel=1e-14)
        assert one.bstar == pytest.approx(other.bstar)
