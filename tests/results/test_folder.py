import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lasermesh.errors import RunFailed, UserError
from lasermesh.packets.causes import CAUSES
from lasermesh.results import LinkIntervals, RunFolder, load, tables
from lasermesh.results.folder import UNFINISHED
from tests.results.examples import (
    NODES,
    SCENARIO,
    contacts,
    intervals,
    packet_events,
    path_changes,
    queue_lengths,
    summary,
)

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")
needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="/dev/full is a device of Linux")


def finished(path, status="complete", **more):
    """A finished run in a folder."""
    folder = RunFolder.create("pencil", NODES, output=path)
    folder.links.write(intervals())
    folder.paths.write(path_changes())
    folder.contacts.write(contacts())
    folder.close(summary(status), SCENARIO, **more)
    return folder


def test_finished_folder_holds_these_files_and_no_other(tmp_path):
    finished(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "contacts.parquet",
        "flow_times.parquet",
        "flows.parquet",
        "latency_bins.parquet",
        "links.parquet",
        "manifest.json",
        "outages.parquet",
        "paths.parquet",
        "summary.json",
    ]


def test_default_folders_are_numbered(tmp_path):
    paths = [RunFolder.create("cities", NODES, parent=tmp_path / "runs").path for _ in range(3)]
    assert paths == [tmp_path / "runs" / name for name in ("cities", "cities-2", "cities-3")]


@pytest.mark.parametrize(
    ("name", "folder"), [("a/b", "a-b"), ("..", "run"), ("São Paulo", "São-Paulo"), ("", "run")]
)
def test_default_folder_stays_inside_its_parent(tmp_path, name, folder):
    assert RunFolder.create(name, NODES, parent=tmp_path).path == tmp_path / folder


def test_manifest_tells_what_was_run_and_with_what(tmp_path):
    finished(tmp_path / "run", hashes={"link_graph": "abc"}, note="extra")
    manifest = load(tmp_path / "run").manifest
    assert (manifest["status"], manifest["experiment"], manifest["seed"]) == ("complete", "pencil", 7)
    assert manifest["scenario"] == SCENARIO
    assert {"lasermesh", "python", "numpy", "numba", "sgp4", "pyarrow"} <= set(manifest["versions"])
    assert manifest["hashes"]["link_graph"] == "abc"
    assert len(manifest["hashes"]["scenario"]) == 64
    assert manifest["note"] == "extra"
    for name, fingerprint in manifest["files"].items():
        data = (tmp_path / "run" / name).read_bytes()
        assert fingerprint == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_same_run_gives_the_same_bytes(tmp_path):
    hashes = [load(finished(tmp_path / name).path).manifest["files"] for name in "ab"]
    assert hashes[0] == hashes[1]


def test_summary_comes_back_as_it_was(tmp_path):
    finished(tmp_path / "run")
    assert load(tmp_path / "run").summary == summary()


def test_flow_table_has_the_columns_and_values_of_the_summary(tmp_path):
    finished(tmp_path / "run")
    flows = load(tmp_path / "run").flows
    assert flows.column_names == [
        *("flow", "name", "from", "to", "sent", "delivered", "in_flight"),
        *(f"dropped_{cause}" for cause in CAUSES),
        *("bytes_sent", "bytes_delivered", "goodput_gbps"),
        *(f"latency_{what}_ms" for what in ("min", "mean", "p50", "p90", "p99", "max")),
        *("jitter_ms", "reordered", "hops_mean", "marked", "counts", "packet_flow"),
    ]
    for row, (stored, told) in enumerate(zip(flows.to_pylist(), summary()["flows"], strict=True)):
        assert stored["flow"] == row
        for name in (
            "name",
            "from",
            "to",
            "sent",
            "delivered",
            "in_flight",
            "goodput_gbps",
            "jitter_ms",
            "hops_mean",
            "marked",
        ):
            assert stored[name] == told[name]
        assert {cause: stored[f"dropped_{cause}"] for cause in CAUSES} == told["dropped"]
        latency = told["latency_ms"] or dict.fromkeys(("min", "mean", "p50", "p90", "p99", "max"))
        assert {name: stored[f"latency_{name}_ms"] for name in latency} == latency


def test_link_table_has_active_rows_only(tmp_path):
    finished(tmp_path / "run")
    links = load(tmp_path / "run").links
    assert links.column_names == [
        *("t_s", "link", "from", "to", "kind", "bytes", "packets"),
        *(f"dropped_{cause}" for cause in CAUSES),
        *("queue_max_bytes", "busy_s", "marked"),
    ]
    assert links["link"].to_pylist() == [0, 1, 2, 0, 2]
    assert links["from"].to_pylist()[:3] == ["Tokyo", "gen1-00-00", "gen1-00-01"]
    assert links["kind"].to_pylist()[:3] == ["gsl", "isl", "gsl"]
    assert links["dropped_queue"].to_pylist() == [0, 0, 7, 0, 1]
    assert links["busy_s"].to_pylist() == [0.25, 0.125, 1.0, 0.25, 1.0]


def test_link_that_only_dropped_or_only_queued_is_active(tmp_path):
    idle = LinkIntervals(*(np.zeros_like(column[:3]) for column in intervals()))
    idle.dropped[1, 4] = 1
    idle.queue_max_bytes[2] = 1
    assert len(tables.link_table(idle, NODES)) == 2


def test_path_table_names_nodes_and_knows_no_path(tmp_path):
    finished(tmp_path / "run")
    assert load(tmp_path / "run").paths.to_pylist() == [
        {
            "t_s": 0.0,
            "flow": 0,
            "hops": 3,
            "delay_ms": 10.0,
            "nodes": ["Tokyo", "gen1-00-00", "gen1-00-01", "Zürich"],
        },
        {"t_s": 0.0, "flow": 1, "hops": 2, "delay_ms": 20.0, "nodes": ["Tokyo", "gen1-00-01", "Zürich"]},
        {"t_s": 1.0, "flow": 1, "hops": None, "delay_ms": None, "nodes": []},
    ]


def test_contact_table_has_the_columns_of_a_plan(tmp_path):
    finished(tmp_path / "run")
    table = load(tmp_path / "run").contacts
    assert table.to_pylist()[1] == {
        "from": "gen1-00-00",
        "to": "Tokyo",
        "kind": "gsl",
        "start_s": 0.5,
        "stop_s": 2.0,
        "rate_bps": 10**9,
        "owlt_s": 0.003,
        "open_start": False,
        "open_stop": False,
    }


def test_every_number_has_its_unit_in_the_metadata(tmp_path):
    finished(tmp_path / "run")
    run = load(tmp_path / "run")
    for table in (run.flows, run.links, run.paths, run.contacts):
        for field in table.schema:
            assert field.metadata[b"description"]
            unit = field.metadata.get(b"unit", b"").decode()
            if pa.types.is_floating(field.type):
                assert unit
            for suffix, expected in (
                ("_ms", "ms"),
                ("_s", "s"),
                ("_gbps", "Gbps"),
                ("_bps", "bit/s"),
                ("_bytes", "bytes"),
            ):
                if field.name.endswith(suffix):
                    assert unit == expected


def test_no_table_holds_nan(tmp_path):
    finished(tmp_path / "run")
    run = load(tmp_path / "run")
    for table in (run.flows, run.links, run.paths, run.contacts):
        for row in table.to_pylist():
            assert not any(isinstance(value, float) and not math.isfinite(value) for value in row.values())


def test_tables_without_rows_are_written_too(tmp_path):
    RunFolder.create("x", NODES, output=tmp_path / "run").close(summary("interrupted"), SCENARIO)
    run = load(tmp_path / "run")
    assert run.status == "interrupted"
    assert len(run.links) == len(run.paths) == len(run.contacts) == 0
    assert run.capture is None


def test_tables_are_streamed_in_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 10)
    folder = RunFolder.create("x", NODES, output=tmp_path / "run")
    for _ in range(7):
        folder.links.write(intervals())
        assert folder.links._n_waiting < 10
    folder.close(summary(), SCENARIO)
    file = pq.ParquetFile(tmp_path / "run" / "links.parquet")
    assert file.metadata.num_rows == 35
    assert file.metadata.num_row_groups == 4
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert load(tmp_path / "run").links["link"].to_pylist() == [0, 1, 2, 0, 2] * 7


def finished_with_captures(path, *names):
    """A finished run, with captures of these names in its folder."""
    folder = RunFolder.create("pencil", NODES, output=path)
    for name in names:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(b"blocks")
    folder.close(summary(), SCENARIO, captures=names)
    return load(path)


def test_captures_in_the_folder_are_listed(tmp_path):
    run = finished_with_captures(tmp_path / "one", "capture.pcapng")
    assert run.manifest["files"]["capture.pcapng"]["bytes"] == 6
    assert run.captures == [run.capture] == [run.path / "capture.pcapng"]
    split = finished_with_captures(tmp_path / "split", "ports/a-b.pcapng.gz", "ports/b-a.pcapng.gz")
    assert split.capture == split.path / "ports" and len(split.captures) == 2
    (split.captures[0]).write_bytes(b"cut")
    with pytest.raises(UserError, match="the file is damaged"):
        _ = load(split.path).captures


def test_a_capture_of_an_older_run_is_found(tmp_path):
    path = finished_with_captures(tmp_path / "run", "capture.pcapng").path
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["captures"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert load(path).capture == path / "capture.pcapng"


def test_force_removes_captures_of_the_run_alone(tmp_path):
    path = finished_with_captures(tmp_path / "run", "x.pcapng", "ports/a.pcapng").path
    (path / "mine.pcapng").write_text("")
    RunFolder.create("x", NODES, output=path, force=True)
    assert sorted(file.name for file in path.iterdir()) == [UNFINISHED, "mine.pcapng"]


def test_force_removes_captures_that_a_crash_has_left(tmp_path):
    path = tmp_path / "run"
    RunFolder.create("x", NODES, output=path)
    for name in ("capture.pcapng.gz", "other.pcapng", "capture/a.pcapng", "capture/notes.txt"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("")
    RunFolder.create("x", NODES, output=path, force=True)
    assert sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()) == [
        UNFINISHED,
        "capture/notes.txt",
        "other.pcapng",
    ]


def test_a_manifest_never_leads_out_of_its_folder(tmp_path):
    (tmp_path / "dear.pcapng").write_text("")
    path = finished_with_captures(tmp_path / "run").path
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["captures"] = ["../dear.pcapng", str(tmp_path / "dear.pcapng"), "a/../../dear.pcapng"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    RunFolder.create("x", NODES, output=path, force=True)
    assert (tmp_path / "dear.pcapng").exists()


def test_empty_folder_can_be_named(tmp_path):
    assert RunFolder.create("x", NODES, output=tmp_path).path == tmp_path


def test_folder_with_a_run_is_refused_without_force(tmp_path):
    finished(tmp_path / "run")
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    with pytest.raises(UserError, match=r"holds a run; .* --force"):
        RunFolder.create("x", NODES, output=tmp_path / "run")
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before


def test_force_replaces_a_run_and_leaves_what_is_not_of_it(tmp_path):
    finished(tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    RunFolder.create("x", NODES, output=tmp_path / "run", force=True)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [UNFINISHED, "notes.txt"]


def test_force_replaces_the_remains_of_a_crash(tmp_path):
    RunFolder.create("x", NODES, output=tmp_path / "run")
    with pytest.raises(UserError, match="--force"):
        RunFolder.create("x", NODES, output=tmp_path / "run")
    RunFolder.create("x", NODES, output=tmp_path / "run", force=True).close(summary(), SCENARIO)
    assert load(tmp_path / "run").status == "complete"


@pytest.mark.parametrize(
    "content", [{"thesis.tex": "x"}, {"manifest.json": '{"name": "web app"}'}, {"flows.parquet": "x"}]
)
@pytest.mark.parametrize("force", [False, True])
def test_folder_that_is_no_run_is_never_touched(tmp_path, content, force):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match="holds other things"):
        RunFolder.create("x", NODES, output=tmp_path, force=force)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == content


def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(UserError, match="this is a file"):
        RunFolder.create("x", NODES, output=tmp_path / "run", force=True)


@pytest.mark.parametrize("arguments", [{"output": "file/run"}, {"parent": "file"}])
def test_folder_that_cannot_be_made_is_refused_with_a_sentence(tmp_path, arguments):
    (tmp_path / "file").write_text("x")
    arguments = {name: tmp_path / place for name, place in arguments.items()}
    with pytest.raises(UserError, match="the run folder cannot be written: "):
        RunFolder.create("x", NODES, **arguments)


def test_crash_leaves_a_folder_that_is_not_loaded(tmp_path):
    folder = RunFolder.create("x", NODES, output=tmp_path / "run")
    folder.links.write(intervals())
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        load(tmp_path / "run")


def test_error_in_the_run_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), RunFolder.create("x", NODES, output=tmp_path / "run") as folder:
        folder.links.write(intervals())
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_error_in_the_run_leaves_a_folder_that_was_there_before(tmp_path):
    with pytest.raises(ZeroDivisionError), RunFolder.create("x", NODES, output=tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_closed_folder_survives_the_end_of_its_block(tmp_path):
    with RunFolder.create("x", NODES, output=tmp_path / "run") as folder:
        folder.close(summary("failed"), SCENARIO)
    assert load(tmp_path / "run").status == "failed"
    with pytest.raises(ValueError, match="is closed"):
        folder.close(summary(), SCENARIO)


def test_status_that_does_not_exist_is_refused(tmp_path):
    folder = RunFolder.create("x", NODES, output=tmp_path / "run")
    with pytest.raises(ValueError, match="status must be one of"):
        folder.close(summary("done"), SCENARIO)


@needs_full_device
@pytest.mark.parametrize("name", ["links.parquet", "flows.parquet", "summary.json", "manifest.json.part"])
def test_full_disk_ends_in_a_sentence_and_no_manifest(tmp_path, name):
    folder = RunFolder.create("x", NODES, output=tmp_path / "run")
    (tmp_path / "run" / name).symlink_to(FULL)
    folder.links.write(intervals())
    with pytest.raises(RunFailed, match="No space left on device"):
        folder.close(summary(), SCENARIO)
    with pytest.raises(UserError, match=r"no manifest\.json"):
        load(tmp_path / "run")
    folder.abort()
    assert list(tmp_path.iterdir()) == []


@needs_full_device
def test_full_disk_is_told_while_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 4)
    folder = RunFolder.create("x", NODES, output=tmp_path / "run")
    (tmp_path / "run" / "links.parquet").symlink_to(FULL)
    with pytest.raises(RunFailed, match=r"links\.parquet: could not be written: No space left on device$"):
        for _ in range(10_000):
            folder.links.write(intervals())
    (tmp_path / "run" / "links.parquet").unlink()
    with pytest.raises(RunFailed, match="No space left"):  # there is room again, but rows are lost
        folder.close(summary(), SCENARIO)
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_results_can_be_used_without_importing_pyarrow():
    code = "import sys, lasermesh.results; print({'pyarrow', 'scapy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


def test_load_refuses_what_is_no_folder(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"program": "other"}', '{"program": "lasermesh"}', "\x00\xff"]
)
def test_load_refuses_a_damaged_manifest(tmp_path, text):
    finished(tmp_path / "run")
    (tmp_path / "run" / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="damaged, or not of lasermesh"):
        load(tmp_path / "run")


def test_load_refuses_another_layout(tmp_path):
    finished(tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"schema": 99}))
    with pytest.raises(UserError, match="in layout 99; this version reads layout 1"):
        load(tmp_path / "run")


def test_damaged_and_missing_files_are_told_when_asked_for(tmp_path):
    finished(tmp_path / "run")
    run = load(tmp_path / "run")
    links = tmp_path / "run" / "links.parquet"
    links.write_bytes(links.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"links\.parquet: the file is damaged: it has"):
        _ = run.links
    paths = tmp_path / "run" / "paths.parquet"
    paths.write_bytes(bytes(paths.stat().st_size))
    with pytest.raises(UserError, match=r"paths\.parquet: the file is damaged"):
        _ = run.paths
    (tmp_path / "run" / "summary.json").unlink()
    with pytest.raises(UserError, match=r"summary\.json: the file is missing"):
        _ = run.summary
    assert len(run.flows) == 3


def test_run_says_what_it_is(tmp_path):
    finished(tmp_path / "run")
    assert repr(load(tmp_path / "run")) == f"<Run pencil, complete, {tmp_path / 'run'}>"


def observed(path, *names):
    """A folder with the tables that were asked for."""
    folder = RunFolder.create("pencil", NODES, output=path, observed=names)
    if folder.packets is not None:
        folder.packets.write(packet_events())
    if folder.queue is not None:
        folder.queue.write(queue_lengths())
    folder.close(summary(), SCENARIO)
    return load(path)


def test_packets_and_queues_are_kept_where_they_were_observed(tmp_path):
    plain, packets, both = (
        observed(tmp_path / str(len(names)), *names) for names in ((), ("packets",), ("packets", "queue"))
    )
    assert plain.packets is plain.queue is packets.queue is None
    assert {"packets.parquet", "queue.parquet"} & set(packets.manifest["files"]) == {"packets.parquet"}
    assert packets.packets.equals(both.packets)
    rows = both.packets.to_pylist()
    assert [row["event"] for row in rows] == ["left", "arrived", "left", "arrived", "delivered", "dropped"]
    assert [row["node"] for row in rows] == ["Tokyo", "gen1-00-00", "gen1-00-00", "Zürich", "Zürich", "Tokyo"]
    assert [row["link"] for row in rows] == [0, 0, 4, 4, None, None]
    assert [row["cause"] for row in rows] == [None] * 5 + ["queue"]
    assert [row["marked"] for row in rows] == [False, False, True, True, True, False]
    assert rows[3] == {
        "time_ps": 40,
        "flow": 1,
        "sequence": 5,
        "event": "arrived",
        "node": "Zürich",
        "link": 4,
        "hop": 2,
        "packets": 1,
        "size_bytes": 1500,
        "created_ps": 3,
        "cause": None,
        "marked": True,
    }
    assert both.queue.to_pylist()[1] == {
        "time_ps": 20,
        "link": 0,
        "from": "Tokyo",
        "to": "gen1-00-00",
        "waiting_packets": 2,
        "waiting_bytes": 1540,
    }
    for table, column, unit in ((both.packets, "created_ps", b"ps"), (both.queue, "waiting_bytes", b"bytes")):
        assert table.schema.field(column).metadata[b"unit"] == unit
    assert all(
        field.metadata[b"description"] for table in (both.packets, both.queue) for field in table.schema
    )


def test_a_folder_that_is_left_unfinished_keeps_no_observed_table_either(tmp_path):
    with RunFolder.create("pencil", NODES, output=tmp_path / "run", observed=("packets", "queue")) as folder:
        for _ in range(tables.ROW_GROUP // 6 + 1):
            folder.packets.write(packet_events())
    assert not (tmp_path / "run").exists()


def test_a_run_that_replaces_another_leaves_nothing_of_its_observations(tmp_path):
    observed(tmp_path / "run", "packets", "queue")
    folder = RunFolder.create("pencil", NODES, output=tmp_path / "run", force=True)
    folder.close(summary(), SCENARIO)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert "packets.parquet" not in names and "queue.parquet" not in names


OLDER = ("machine", "captures", "asked", "warnings", "failure")
"""What manifests of older versions lack."""


def changed_manifest(tmp_path, change):
    """A finished run's folder whose manifest is as `change` leaves it."""
    finished(tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("way", "value", "message"),
    [
        (("scenario",), None, '"scenario" is missing'),
        (("status",), None, '"status" is missing'),
        (("status",), "half", 'its status is "half"'),
        (("files",), [], '"files" is not what it should be'),
        (("files", "links.parquet"), 17, '"files.links.parquet" is not what it should be'),
        (("files", "links.parquet", "bytes"), "17", '"files.links.parquet.bytes" is not what it should be'),
        (("versions", "lasermesh"), None, '"versions.lasermesh" is missing'),
        (("asked",), {"experiment": "x"}, '"asked.sets" is missing'),
        (("warnings",), [1], r'"warnings\[0\]" is not what it should be'),
        (("alternatives",), [{"name": "x"}], r'"alternatives\[0\].folder" is missing'),
        (("scenario", "start_s"), "0", '"scenario.start_s" is not what it should be'),
        (("scenario", "topology", "ground"), [{"sites": [{}]}], r'ground\[0\].sites\[0\].name" is missing'),
        (("scenario", "observe"), {"links_every_s": "1"}, '"scenario.observe.links_every_s" is not what'),
        (("scenario", "packets"), [], '"scenario.packets" is not what it should be'),
    ],
)
def test_a_manifest_without_what_readers_need_is_refused(tmp_path, way, value, message):
    def change(manifest):
        *holders, key = way
        for holder in holders:
            manifest = manifest[holder]
        manifest[key] = value
        if value is None:
            del manifest[key]

    with pytest.raises(UserError, match=f"manifest.json: the file is damaged: .*{message}"):
        load(changed_manifest(tmp_path, change))


def test_a_run_of_an_older_version_is_loaded(tmp_path):
    def change(manifest):
        for key in OLDER:
            manifest.pop(key, None)

    assert load(changed_manifest(tmp_path, change)).status == "complete"


def test_of_a_damaged_manifest_nothing_is_removed_but_what_a_run_has(tmp_path):
    def change(manifest):
        manifest |= {"captures": [3], "alternatives": [7]}

    folder = changed_manifest(tmp_path, change)
    (folder / "notes.txt").write_text("mine")
    RunFolder.create("next", NODES, output=folder, force=True)
    assert sorted(path.suffix for path in folder.iterdir() if path.suffix != ".parquet") == [".txt", ".txt"]


def test_what_is_wrong_inside_a_table_is_told_in_one_line(tmp_path):
    finished(tmp_path / "run")
    run = load(tmp_path / "run")
    path = tmp_path / "run" / "links.parquet"
    content = bytearray(path.read_bytes())
    content[4 : len(content) - 8] = bytes(len(content) - 12)  # both marks and the length of the footer stay
    path.write_bytes(content)
    for read in (lambda: run.links, lambda: run.part("links"), lambda: list(run.batches("links", ["link"]))):
        with pytest.raises(UserError, match=r"links\.parquet: the file is damaged: \S") as failure:
            read()
        assert "\n" not in str(failure.value)


def test_parts_of_a_table_that_a_run_lacks_are_refused_and_it_says_which_it_has(tmp_path):
    finished(tmp_path / "run")
    run = load(tmp_path / "run")
    assert run.has("links") and not run.has("packets") and run.packets is None
    assert len(run.part("links", ["link"])) == sum(map(len, run.batches("links", ["link"]))) > 0
    for read in (run.part, lambda *asked: list(run.batches(*asked))):
        with pytest.raises(UserError, match=r"packets\.parquet: the file is missing"):
            read("packets", ["flow"])
