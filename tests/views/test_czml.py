import datetime
import json
from itertools import pairwise

import czml3
import numpy as np
import pytest

from lasermesh.views.czml import IDLE_COLOURS, USE_COLOURS, packets, write_czml
from lasermesh.views.keyframes import DEGREE, LAGRANGE, lagrange
from tests.views.orbits_by_hand import CircularOrbits
from tests.views.scenes import EPOCH, LENGTH_S, NAMES, START_S, scene


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Packets by id, as they stand in a file."""
    file = tmp_path_factory.mktemp("czml") / "scene.czml"
    n_bytes = write_czml(file, scene(by=LAGRANGE))
    assert n_bytes == file.stat().st_size
    found = json.loads(file.read_text(encoding="utf-8"))
    assert len({packet["id"] for packet in found}) == len(found)
    return {packet["id"]: packet for packet in found}


def seconds(instant):
    """A time of the file, since the scene's start."""
    return (datetime.datetime.fromisoformat(instant) - EPOCH).total_seconds() - START_S


def interval(text):
    return tuple(seconds(instant) for instant in text.split("/"))


def test_czml3_reads_every_packet_and_finds_nothing_in_it_that_it_does_not_know(written):
    assert next(iter(written)) == "document"
    for packet in written.values():
        again = json.loads(czml3.Packet(**packet).to_json())
        assert again == packet


def test_the_clock_plays_the_scene(written):
    clock = written["document"]["clock"]
    assert interval(clock["interval"]) == (0.0, LENGTH_S)
    assert clock["multiplier"] * 60.0 == LENGTH_S


def test_positions_are_earth_fixed_and_interpolated_to_within_100_m(written):
    orbits = CircularOrbits()
    for row in range(3):
        position = written[f"node-{row}"]["position"]
        assert (position["referenceFrame"], position["interpolationDegree"]) == ("FIXED", DEGREE)
        assert seconds(position["epoch"]) == 0.0
        samples = np.array(position["cartesian"]).reshape(-1, 4)
        assert samples[0, 0] == 0.0 and samples[-1, 0] == LENGTH_S
        for t_s in (7.0, 123.4, 777.0, LENGTH_S - 20.0):
            first = int(np.clip(np.searchsorted(samples[:, 0], t_s) - 3, 0, len(samples) - 6))
            six = samples[first : first + 6]
            found_m = lagrange(six[:, 0], six[:, 1:], t_s)
            assert np.linalg.norm(found_m - orbits.state_at(START_S + t_s)[0][row]) < 100.0


def test_nodes_have_their_names_and_only_sites_show_them(written):
    for row, name in enumerate(NAMES):
        packet = written[f"node-{row}"]
        assert packet["name"] == packet["label"]["text"] == name
        assert packet["label"]["show"] == (row >= 3)
    assert written["node-3"]["position"] == {"cartographicDegrees": [139.69, 35.69, 10.0]}


def test_links_join_nodes_while_their_contacts_last(written):
    link = written["link-1"]
    assert link["polyline"]["positions"]["references"] == ["node-0#position", "node-3#position"]
    assert [interval(text) for text in link["availability"]] == [(0.0, 300.0), (700.5, 1000.0)]
    assert link["name"] == "GSL s-0 - Tōkyō"


def test_used_links_change_their_colour_and_idle_ones_keep_theirs(written):
    colours = [written[f"link-{row}"]["polyline"]["material"]["solidColor"]["color"] for row in range(4)]
    assert [(interval(each["interval"]), tuple(each["rgba"])) for each in colours[0]] == [
        ((0.0, 600.0), USE_COLOURS[4]),
        ((600.0, 1200.0), USE_COLOURS[2]),
    ]
    assert [(interval(each["interval"]), tuple(each["rgba"])) for each in colours[2]] == [
        ((0.0, 600.0), USE_COLOURS[1]),
        ((600.0, 1200.0), IDLE_COLOURS[0]),
    ]
    assert tuple(colours[3]["rgba"]) == IDLE_COLOURS[1]


def test_a_flow_shows_each_path_while_it_was_taken(written):
    first, second = written["flow-0-path-0"], written["flow-0-path-1"]
    assert [interval(text) for text in first["availability"]] == [(0.0, 400.0), (500.0, 900.25)]
    assert [interval(text) for text in second["availability"]] == [(900.25, LENGTH_S)]
    references = second["polyline"]["positions"]["references"]
    assert references == [f"node-{row}#position" for row in (3, 0, 1, 4)]
    assert "96 delivered" in written["flow-0"]["description"]
    assert not any(name.startswith("flow-1") for name in written)


def test_whatever_is_referred_to_stands_before(written):
    order = {name: place for place, name in enumerate(written)}
    for name, packet in written.items():
        references = packet.get("polyline", {}).get("positions", {}).get("references", [])
        for other in [
            *(each.removesuffix("#position") for each in references),
            packet.get("parent", "document"),
        ]:
            assert order[other] < order[name] or name == "document"


def test_a_satellite_that_is_gone_ends_with_its_last_position():
    given = scene(CircularOrbits((np.inf, 700.0, 0.0)), by=LAGRANGE)
    found = {packet["id"]: packet for packet in packets(given)}
    begin_s, end_s = interval(found["node-1"]["availability"])
    samples_s = found["node-1"]["position"]["cartesian"][::4]
    assert (begin_s, end_s) == (0.0, samples_s[-1])
    assert START_S + end_s < 700.0
    assert all(before < after for before, after in pairwise(samples_s))
    assert "node-2" not in found
