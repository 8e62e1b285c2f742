import json

import pytest

from tests.experiments.worlds import go, write_moving


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a small run."""
    folder = tmp_path_factory.mktemp("view")
    return go(write_moving(folder, duration_s=3.0), folder / "small").kept.path


def test_a_run_becomes_a_page_named_after_it(run_command, tmp_path, folder):
    done = run_command("view", folder)
    assert done.code == 0, done.err
    page = (tmp_path / "small-globe.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    first, second = done.out.splitlines()
    assert first.startswith("small-globe.html: 24 satellites, 2 sites, ")
    assert ", 1 flow; " in first
    assert second == "moving, 3 s from 2026-03-20 12:00:00 UTC; 2 frames"


def test_json_tells_what_was_written(run_command, tmp_path, folder):
    told = json.loads(run_command("view", folder, "-o", "x.html", "--flows", "0", "--json").out)
    assert told["bytes"] == (tmp_path / "x.html").stat().st_size
    assert (told["file"], told["frames"], told["satellites"]) == ("x.html", 2, 24)
    assert (told["flows"], told["flows_left_out"]) == (0, 1)
    assert told["position_error_km"] < 0.25


def test_a_topology_becomes_czml_with_links_and_values_set(run_command, tmp_path):
    done = run_command(
        *("view", "walker-144", "--start", "60", "--duration", "60", "-o", "w.CZML", "--json"),
        *("--set", "satellites.w.altitude_km=700"),
    )
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["start_s"], told["stop_s"], told["flows"]) == (60.0, 120.0, None)
    packets = {packet["id"]: packet for packet in json.loads((tmp_path / "w.CZML").read_text("utf-8"))}
    x, y, z = packets["node-0"]["position"]["cartesian"][1:4]
    assert (x * x + y * y + z * z) ** 0.5 == pytest.approx(7_078_137.0, rel=1e-3)
    assert sum(name.startswith("link-") for name in packets) == told["links"]


def test_a_page_is_opened_if_asked(run_command, tmp_path, folder, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert run_command("view", folder, "--open").code == 0
    assert opened == [(tmp_path / "small-globe.html").as_uri()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("RUN", "-o", "x.png"), 'the name "x.png" must end in .html or .czml'),
        (("RUN", "-o", "nowhere/x.html"), 'there is no folder "nowhere"'),
        (("RUN", "--set", "a=1"), "--set changes a topology"),
        (("RUN", "-o", "x.czml", "--open"), "--open goes with a page"),
        (("RUN", "--start", "99"), "start must be within that"),
        (("RUN/../smal",), 'did you mean "'),
        (("nowhere/at/all",), 'there is no folder of a run, no topology and no file "nowhere/at/all"'),
        (("walker-144", "--flows", "3"), "--flows goes with a run"),
        (("walker-14",), 'did you mean "walker-144"?'),
        (("empty",), "the folder has no manifest.json"),
        (("walker-144", "--duration", "-1"), "above 0"),
    ],
)
def test_what_cannot_be_shown_gets_a_sentence(run_command, tmp_path, folder, arguments, message):
    (tmp_path / "empty").mkdir()
    done = run_command("view", *(argument.replace("RUN", str(folder)) for argument in arguments))
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not list(tmp_path.glob("*.html"))


def test_an_experiment_without_a_run_is_told_to_be_a_topology(run_command, tmp_path):
    done = run_command("view", "quick", "--duration", "1")
    assert (done.code, (tmp_path / "quick-globe.html").is_file()) == (0, True)
    assert "this is the topology of experiment quick, no run: there is no folder of that name" in done.err


def test_a_folder_that_is_no_run_does_not_hide_a_shipped_topology(run_command, tmp_path):
    (tmp_path / "walker-144").mkdir()
    assert run_command("view", "walker-144", "--duration", "10").code == 0
    assert (tmp_path / "walker-144-globe.html").is_file()


def test_a_damaged_run_is_refused(run_command, tmp_path):
    kept = go(write_moving(tmp_path, duration_s=2.0), tmp_path / "hurt").kept.path
    table = kept / "links.parquet"
    table.write_bytes(bytes(table.stat().st_size))
    done = run_command("view", "hurt")
    assert done.code == 2
    assert "links.parquet: the file is damaged" in done.err
