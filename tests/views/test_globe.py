import base64
import gzip
import json

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.views.coastlines import coastline_table
from lasermesh.views.globe import NOWHERE, globe_data, write_globe
from tests.views.orbits_by_hand import CircularOrbits
from tests.views.scenes import EPOCH, LENGTH_S, NAMES, START_S, scene


def unpacked(blob):
    """What a blob holds, read as the page reads it."""
    raw = gzip.decompress(base64.b64decode(blob["data"]))
    if blob["type"] == "json":
        return json.loads(raw)
    if blob["type"] == "text":
        return raw.decode()
    return np.frombuffer(raw, "<" + blob["type"]).reshape(blob["shape"])


def positions_of(data):
    """Inertial positions in km of all frames, nan for none; differences add up as int16, around its ends."""
    units = np.add.accumulate(unpacked(data["positions"]), axis=0, dtype=np.int16)
    km = units * data["position_unit_km"]
    km[units[:, :, 0] == NOWHERE] = np.nan
    return km


def test_the_data_is_strict_json_that_says_what_it_shows():
    data = json.loads(json.dumps(globe_data(scene()), allow_nan=False))
    assert data["version"] == 1
    assert (data["title"], data["n_satellites"], data["n_nodes"]) == ("by hand", 3, 5)
    assert data["epoch_ms"] == EPOCH.timestamp() * 1000
    assert (data["start_s"], data["stop_s"]) == (START_S, START_S + LENGTH_S)
    assert tuple(unpacked(data["names"]).split("\n")) == NAMES
    assert unpacked(data["has_position"]).tolist() == [1] * 5
    assert data["kinds"] == [{"name": "compute", "rows": [1]}]
    assert data["flows_left_out"] == 1
    assert data["summary"]["dropped"] == {"queue": 3}
    assert data["notes"][0] == "Something was left out."
    assert any("Natural Earth" in note for note in data["notes"])


def test_positions_are_inertial_and_rounded_by_half_a_unit_at_most():
    data = globe_data(scene())
    frame_s = unpacked(data["frame_s"])
    assert frame_s[0] == 0.0 and frame_s[-1] == LENGTH_S
    orbits = CircularOrbits()
    # Its inertial frame is at any instant the Earth-fixed one turned by the Earth's angle then.
    true_km = np.stack([orbits.inertial_m(START_S + t_s) for t_s in frame_s]) / 1e3
    off_km = np.abs(positions_of(data) - true_km).max()
    assert off_km < 0.51 * data["position_unit_km"]
    assert data["position_unit_km"] < 0.25


def test_a_satellite_that_is_gone_is_nowhere_but_others_stay_where_they_are():
    data = globe_data(scene(CircularOrbits((np.inf, 700.0, 0.0))))
    lost = np.isnan(positions_of(data)).any(axis=2)
    assert lost[:, 1].tolist() == (START_S + unpacked(data["frame_s"]) >= 700.0).tolist()
    assert lost[:, 2].all() and not lost[:, 0].any()
    assert unpacked(data["has_position"]).tolist() == [1, 1, 0, 1, 1]


def test_links_contacts_and_load_are_what_the_scene_holds():
    given = scene()
    data = globe_data(given)
    assert unpacked(data["links"]["a"]).tolist() == [0, 0, 1, 2]
    assert unpacked(data["links"]["rate_gbps"]).tolist() == [[25, 25], [1, 8], [25, 0], [8, 1]]
    assert unpacked(data["contacts"]["stop_s"]).tolist() == given.contacts.stop_s.tolist()
    load = data["load"]
    assert (load["bin_s"], load["last_bin_s"], load["n_bins"]) == (600.0, 600.0, 2)
    assert unpacked(load["first"]).tolist() == [0, 2, 3]
    assert unpacked(load["use"]).tolist() == [[255, 0], [1, 64], [128, 0]]  # hardly used is not idle
    assert unpacked(load["dropped"]).tolist() == [[3, 0], [0, 0], [0, 0]]
    assert unpacked(load["bytes"]).tolist() == given.load.bytes.tolist()


def test_drops_name_the_causes_that_occurred():
    drops = globe_data(scene())["drops"]
    assert (drops["start_s"], drops["bin_s"], drops["stop_s"], drops["n_bins"]) == (0.0, 600.0, LENGTH_S, 2)
    assert drops["causes"] == ["queue"]
    assert unpacked(drops["dropped"]).tolist() == [[3], [0]]


def test_flows_keep_their_paths_and_an_unknown_latency_is_null():
    rush, idle = unpacked(globe_data(scene())["flows"])
    assert rush["paths"] == [[0, [3, 0, 1, 2, 4]], [400, []], [500, [3, 0, 1, 2, 4]], [900.25, [3, 0, 1, 4]]]
    assert (rush["from"], rush["to"], rush["sent"], rush["dropped"]) == (3, 4, 100, 3)
    assert (idle["latency_mean_ms"], idle["paths"]) == (None, [])
    assert [rush["counts"], idle["counts"]] == ["packets", "bundles"]


def test_a_topology_has_neither_load_nor_flows():
    data = globe_data(scene()._replace(load=None, drops=None, flows=None, summary=None))
    assert data["load"] is data["drops"] is data["flows"] is data["summary"] is None


def test_coastlines_and_sites_and_the_sun_are_there():
    data = globe_data(scene())
    np.testing.assert_array_equal(unpacked(data["coast"]), coastline_table())
    np.testing.assert_allclose(unpacked(data["sites"])[0], [35.69, 139.69, 10.0], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(unpacked(data["sun"]), axis=1), 1.0, rtol=1e-6)


def test_the_page_holds_the_data_and_is_as_long_as_is_said(tmp_path):
    file = tmp_path / "globe.html"
    assert write_globe(file, scene()) == file.stat().st_size
    assert "by hand, 20 min" in file.read_text(encoding="utf-8")
    with pytest.raises(UserError, match="cannot be written"):
        write_globe(tmp_path / "nowhere" / "globe.html", scene())
