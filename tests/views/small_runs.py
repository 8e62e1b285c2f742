"""Runs of few rows, written by hand, to draw."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import filters_to_expression as as_expression

from lasermesh.packets.causes import CAUSES
from lasermesh.results.loading import Run
from lasermesh.results.tables import (
    CONTACTS,
    FLOW_TIMES,
    FLOWS,
    LATENCY_BINS,
    LINKS,
    PATHS,
    QUEUE,
    schema_of,
)
from lasermesh.scenario import load_topology

START_S, STOP_S = 100.0, 104.0
NO_DROPS = dict.fromkeys((f"dropped_{cause}" for cause in CAUSES), 0)
TOKYO_LONDON = [
    ["Tokyo", "w-03-00", "w-02-01", "w-01-02", "w-00-03", "w-11-09", "w-11-08", "w-10-09", "London"],
    ["Tokyo", "w-03-00", "w-02-01", "w-01-02", "w-00-03", "w-11-09", "w-10-09", "London"],  # another middle
    ["Tokyo", "w-00-04", "w-00-03", "w-11-09", "w-10-09", "London"],  # another satellite over Tokyo
    [],
]


def table(columns, rows):
    """A table of a run folder from some of its columns; counters that are not given are 0."""
    zero = {each.name: 0 for each in columns if each.type == "int64"}
    return pa.Table.from_pylist([zero | row for row in rows], schema=schema_of(columns))


def flow(number, name, **rest):
    start, end = name.split("/")[-1].split(">")
    row = {"flow": number, "name": name, "from": start, "to": end, "counts": "packets"}
    row |= {"latency_min_ms": 1.0, "latency_max_ms": 1000.0}
    return row | {"sent": 100, "delivered": 100, "bytes_sent": 1000, "bytes_delivered": 1000 - number} | rest


def interval(flow_row, from_s, until_s, mean_ms=None, **rest):
    """What a flow did in an interval; p50 and p99 1 ms below and 2 ms above the mean."""
    row = {"flow": flow_row, "t_s": from_s, "until_s": until_s} | NO_DROPS
    if mean_ms is not None:
        row |= {"delivered": 10, "bytes_delivered": 10_000, "latency_mean_ms": mean_ms}
        row |= {"latency_p50_ms": mean_ms - 1.0, "latency_p99_ms": mean_ms + 2.0}
    return row | rest


def contact(start, end, from_s=START_S, until_s=STOP_S, kind="isl", rate_bps=8_000_000_000):
    return {"from": start, "to": end, "kind": kind, "start_s": from_s, "stop_s": until_s} | {
        "rate_bps": rate_bps,
        "owlt_s": 0.01,
        "open_start": from_s == START_S,
        "open_stop": until_s == STOP_S,
    }


def sent(t_s, link, start, end, busy_s, **rest):
    """What a link did in the interval that begins at t_s."""
    row = {"t_s": t_s, "link": link, "from": start, "to": end, "kind": "isl", "busy_s": busy_s}
    return row | {"packets": 1} | rest


def waits(at_s, start, end, waiting_bytes):
    """A change of a queue, so long after the run's beginning."""
    row = {"time_ps": round(at_s * 1e12), "link": 0, "from": start, "to": end}
    return row | {"waiting_bytes": waiting_bytes}


class HandMadeRun(Run):
    """A run whose tables are in memory, where `small_run` puts them."""

    def _table(self, name, columns=None, filters=None):
        found = self.__dict__[name] if filters is None else self.__dict__[name].filter(as_expression(filters))
        return found if columns is None else found.select(columns)

    def _table_if_kept(self, name):
        return self.__dict__.get(name)

    def part(self, name, columns=None, filters=None):
        return self._table(name, columns, filters)

    def batches(self, name, columns):
        return iter(self._table(name, columns).to_batches(max_chunksize=2))


def small_run(path="runs/small", flows=(), every_s=1.0, total=None, **tables):
    """A `Run` with these rows; a table that is not given has none, optional ones are None."""
    manifest = {
        "experiment": "small",
        "seed": 7,
        "status": "complete",
        "finished_utc": "2026-01-01T00:00:00+00:00",
        "versions": {"lasermesh": "0"},
        "hashes": {"scenario": ""},
        "files": {},
        "scenario": {
            "name": "small",
            "start_s": START_S,
            "duration_s": STOP_S - START_S,
            "topology": {"step_s": 1.0, "satellites": [{"fixed": None}], "ground": []},
            "observe": {"links_every_s": every_s},
            "packets": {"framing_bytes": 0, "hop_limit": 64, "scale": 1.0},
        },
    }
    run = HandMadeRun(Path(path), manifest)
    kinds = {"links": LINKS, "paths": PATHS, "contacts": CONTACTS, "queue": QUEUE}
    kinds |= {"flow_times": FLOW_TIMES, "latency_bins": LATENCY_BINS}
    made = {name: table(columns, tables[name]) for name, columns in kinds.items() if name in tables}
    made |= {name: table(kinds[name], ()) for name in ("links", "paths", "contacts") if name not in made}
    run.__dict__ |= made | {"flows": table(FLOWS, flows)}  # what the run would read when asked
    run.__dict__["topology"] = load_topology("walker-144")
    summary = {"simulated_s": STOP_S - START_S, "links": {"count": len(tables.get("contacts", ()))}}
    run.__dict__["summary"] = summary | {"total": total or {"sent": 0}}
    return run


def run_of_one_flow():
    return small_run(
        flows=[flow(0, "office/Tokyo>London")],
        flow_times=[interval(0, 100.0, 104.0, 40.0)],
        latency_bins=[{"flow": 0, "up_to_ms": 40.0, "delivered": 75}],
        contacts=[contact("Tokyo", "w-00-04", kind="gsl")],
    )


def write_folder(run, folder):
    """The run as a folder that `load` opens."""
    folder.mkdir()
    names = ("flows", "links", "paths", "contacts", "flow_times", "latency_bins")
    for name in names:
        pq.write_table(run.__dict__[name], folder / f"{name}.parquet")
    (folder / "summary.json").write_text(json.dumps(run.summary))
    files = {path.name: {"bytes": path.stat().st_size, "sha256": ""} for path in folder.iterdir()}
    manifest = run.manifest | {"program": "lasermesh", "schema": 1, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
