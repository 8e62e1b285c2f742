"""The folder that a run leaves: made at its start, filled while it goes on, sealed by its manifest.

`manifest.json` is written last and in one step. A folder without it is the remains of a crash, and says so in
the file `UNFINISHED.txt`, which is there from the start and goes when the manifest has come.
"""

import contextlib
import hashlib
import json
import os
import platform
import re
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath

import lasermesh
from lasermesh.errors import RunFailed, UserError
from lasermesh.results import tables
from lasermesh.results.bundle_tables import BUNDLE_TABLES
from lasermesh.results.json_text import to_json
from lasermesh.results.kept_topology import KEPT
from lasermesh.results.manifest_shape import what_is_wrong
from lasermesh.results.statuses import ENDED
from lasermesh.results.work_tables import WORK_TABLES

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
CAPTURE = "capture.pcapng"
CAPTURE_SUFFIXES = (".pcapng", ".pcapng.gz")
UNFINISHED = "UNFINISHED.txt"
PROGRAM = "lasermesh"
SCHEMA = 1
"""Number of the folder's layout; a reader refuses one that it does not know."""

_TEMPORARY_MANIFEST = "manifest.json.part"
USUAL = {
    "links": (tables.LINKS, tables.link_table),
    "paths": (tables.PATHS, tables.path_table),
    "contacts": (tables.CONTACTS, tables.contact_table),
    "outages": (tables.OUTAGE_COLUMNS, tables.outage_table),
    "flow_times": (tables.FLOW_TIMES, tables.flow_time_table),
    "latency_bins": (tables.LATENCY_BINS, tables.latency_bin_table),
}
"""Tables that every run has, beside that of flows: columns, and what makes a table of a portion."""

OBSERVED = {
    "packets": (tables.PACKETS, tables.packet_table),
    "queue": (tables.QUEUE, tables.queue_table),
    "next_hops": (tables.NEXT_HOPS, tables.next_hop_table),
}
"""Tables that a run has only if it was asked for them."""

RECORDS = WORK_TABLES | BUNDLE_TABLES
"""Tables of records, which a run has if there is something that fills them."""

_TABLES = ("flows", *USUAL, *OBSERVED, *RECORDS, *KEPT)
_FILES = (
    MANIFEST,
    _TEMPORARY_MANIFEST,
    SUMMARY,
    UNFINISHED,
    *(f"{name}.parquet{suffix}" for name in _TABLES for suffix in ("", tables.BEFORE)),
)
OWN_NAMES = frozenset(name.casefold() for name in _FILES)
"""In small letters: what nothing else in a run folder may be called."""

_PACKAGES = ("numpy", "numba", "llvmlite", "sgp4", "pyarrow", "scapy", "networkx", "click")
_UNFINISHED_TEXT = """\
lasermesh is writing a run into this folder, or was stopped before it could finish.
While this file is here and manifest.json is not, the other files are of no use.
"""


class RunFolder:
    """The folder of a run that is going on; make one with `RunFolder.create`.

    Attributes
    ----------
    path : Path
    links, paths, contacts, outages, flow_times, latency_bins : TableWriter
        Take `LinkIntervals`, `PathChanges`, `Contacts`, `Outages`, `FlowIntervals` and `LatencyBins` in
        portions while the run goes on.
    packets, queue, next_hops : TableWriter or None
        Take `PacketEvents`, `QueueLengths` and `NextHopChanges`, where the run observes these.
    records : dict of TableWriter
        By name in RECORDS those that the run fills; each takes a list of records.

    Notes
    -----
    As a context manager it removes what it wrote if the block is left without `close`.
    """

    def __init__(self, path, node_names, made_here, observed=(), records=()):
        self.path = path
        written = {
            name: tables.TableWriter(
                path / f"{name}.parquet", *(USUAL | OBSERVED | RECORDS)[name], node_names
            )
            for name in (*USUAL, *observed, *records)
        }
        self.links, self.paths, self.contacts, self.outages, self.flow_times, self.latency_bins = (
            written[name] for name in USUAL
        )
        self.packets, self.queue, self.next_hops = (written.get(name) for name in OBSERVED)
        self.records = {name: written[name] for name in records}
        self._writers = list(written.values())
        self._made_here = made_here
        self._open = True

    @classmethod
    def create(cls, name, node_names, output=None, force=False, parent="runs", observed=(), records=()):
        """Make the folder of a run.

        Parameters
        ----------
        name : str
            Name of the experiment; without `output`, the folder is `parent/name`, `parent/name-2`, ...
        node_names : sequence of str
            Names of all nodes by row.
        output : path, optional
            The folder; it must be absent or empty.
        force : bool
            Replace the run in `output`, if it is one. Nothing but the files of a run is ever removed.
        parent : path
        observed : iterable of str
            Tables beside the usual ones, of OBSERVED.
        records : iterable of str
            And of RECORDS.

        Raises
        ------
        UserError
            If `output` holds something, or the folder cannot be made or written into.
        """
        path, made_here = make_folder(name, output, force, parent)
        return cls(path, node_names, made_here, observed, records)

    @staticmethod
    def check(output, force=False):
        """Refuse, as `create` would, a folder that holds something; nothing is changed."""
        if output is not None:
            _what_is_in(Path(output), force)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.abort()

    def write_records(self, log, least=1):
        """Write the records that have come to a log.

        Parameters
        ----------
        log : workloads.log.Log or bundles.log.BundleLog
            What it has of the tables in `records` is taken from it.
        least : int
            Fewer records of a table stay there until more have come.
        """
        for name, writer in self.records.items():
            if len(getattr(log, name, ())) >= least:
                writer.write(log.take(name))

    def keep_topology(self, topology):
        """Write what the manifest does not hold of the topology, if there is anything.

        Parameters
        ----------
        topology : Topology
        """
        for name, (columns, convert, is_needed) in KEPT.items():
            if is_needed(topology):
                writer = tables.TableWriter(self.path / f"{name}.parquet", columns, convert, None)
                writer.write_table(convert(topology))
                self._writers.append(writer)

    def close(self, summary, scenario, hashes=None, captures=(), packet_flows=None, **more):
        """Write the remaining files, the manifest last.

        Parameters
        ----------
        summary : dict
            What `summarise` returned; its `status` becomes the folder's.
        scenario : dict
            The resolved scenario, JSON-ready.
        hashes : dict, optional
            SHA-256 by name of what else fixes the result, such as the link graph.
        captures : iterable of str
            Files of the capture by their names here; those in a folder as "folder/name".
        packet_flows : sequence of int, optional
            Of the flows of packets, their numbers in the packets' ids; absent: their rows.
        **more
            Further entries of the manifest.

        Raises
        ------
        RunFailed
            If a file cannot be written, as on a full disk. There is no manifest then.
        """
        if summary["status"] not in ENDED:
            raise ValueError(f"status must be one of {', '.join(ENDED)} (got {summary['status']!r})")
        if not self._open:
            raise ValueError(f"{self.path}: the run folder is closed")
        flows = tables.TableWriter(self.path / "flows.parquet", tables.FLOWS, tables.flow_table, None)
        flows.write_table(tables.flow_table(summary["flows"], packet_flows))
        for table in (flows, *self._writers):
            table.close()
        try:
            (self.path / SUMMARY).write_text(to_json(summary), encoding="utf-8")
            files = self._written() + [self.path / name for name in captures]
            seal(self.path, summary, scenario, files, hashes, captures=list(captures), **more)
        except OSError as error:
            raise RunFailed(f"{self.path}: the run could not be kept: {error.strerror or error}") from error
        self._open = False

    def abort(self):
        """Remove what was written, unless the folder is closed."""
        if not self._open:
            return
        self._open = False
        for table in self._writers:
            table.abort()
        with contextlib.suppress(OSError):
            remove_run(self.path)
            if self._made_here:
                self.path.rmdir()

    def _written(self):
        """Files of the run beside manifest and mark."""
        names = (SUMMARY, *(f"{name}.parquet" for name in _TABLES))
        return [self.path / name for name in names if (self.path / name).exists()]


def make_folder(name, output=None, force=False, parent="runs"):
    """Make the folder of a run, with the mark of one that is not finished: its path, and whether it is new.

    Parameters and errors as for `RunFolder.create`.
    """
    try:
        if output is None:
            path, made_here = next_folder(Path(parent), name), True
        else:
            path = Path(output)
            made_here = not path.exists()
            _make_room(path, force)
        mark_unfinished(path)
    except OSError as error:
        place = output if output is not None else parent
        raise UserError(f"{place}: the run folder cannot be written: {error.strerror or error}") from error
    return path, made_here


def mark_unfinished(path):
    """Put the mark of a run that is not finished into its folder."""
    (path / UNFINISHED).write_text(_UNFINISHED_TEXT, encoding="utf-8")


def seal(path, summary, scenario, files, hashes=None, **more):
    """Write the manifest so that it is there whole or not at all, and take the mark away.

    Parameters
    ----------
    path : Path
    summary, scenario, hashes, **more
        As for `RunFolder.close`.
    files : list of Path
        What there is beside the manifest.
    """
    scenario_text = to_json(scenario, indent=None)
    manifest = {
        "program": PROGRAM,
        "schema": SCHEMA,
        "status": summary["status"],
        "experiment": summary["experiment"],
        "seed": summary["seed"],
        "finished_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
        "hashes": {"scenario": hashlib.sha256(scenario_text.encode()).hexdigest()} | (hashes or {}),
        "files": {file.relative_to(path).as_posix(): _fingerprint(file) for file in files},
        "scenario": scenario,
    }
    temporary = path / _TEMPORARY_MANIFEST
    with temporary.open("w", encoding="utf-8") as file:
        file.write(to_json(manifest | more))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path / MANIFEST)
    with contextlib.suppress(OSError):
        (path / UNFINISHED).unlink()


def versions():
    """Versions of lasermesh, Python and the packages that results depend on; None where not installed."""
    found = {"lasermesh": lasermesh.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def read_manifest(path):
    """Manifest of a run folder; None where there is none of ours, or it cannot be read."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("program") == PROGRAM else None


def folder_name(name):
    """A name without what cannot stand in the name of a folder."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "run"


def next_folder(parent, name):
    """A new folder `parent/name`, or the first of `parent/name-2`, ... that is free."""
    base = folder_name(name)
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = parent / (base if number == 1 else f"{base}-{number}")
        try:
            path.mkdir()  # two runs that start at once cannot both make it
        except FileExistsError:
            number += 1
        else:
            return path


def _make_room(path, force):
    """Make a named folder, or empty it of a run if that was asked for."""
    if _what_is_in(path, force):
        remove_run(path)
    path.mkdir(parents=True, exist_ok=True)


def _what_is_in(path, force):
    """Names of what is in a folder that a run may take; UserError if it may not."""
    if not path.exists():
        return []
    if not path.is_dir():
        raise UserError(f"{path}: this is a file; name a folder for the run")
    entries = sorted(entry.name for entry in path.iterdir())
    if not entries:
        return []
    is_run = read_manifest(path) is not None or UNFINISHED in entries
    if not is_run:
        raise UserError(f'{path}: the folder holds other things ("{entries[0]}"); name a new or empty one')
    if not force:
        raise UserError(f"{path}: the folder holds a run; name another one, or replace it with --force")
    return entries


def remove_run(path):
    """Remove the files of a run, the manifest first, and the runs of its alternatives; all else stays."""
    manifest = read_manifest(path)
    if manifest is not None and what_is_wrong(manifest):
        manifest = None  # damaged: it says of nothing that it belongs to the run
    alternatives = (manifest or {}).get("alternatives", ())
    captures = captures_of(path, manifest)
    for name in _FILES:
        (path / name).unlink(missing_ok=True)
    for file in captures:
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in captures} - {path}:
        with contextlib.suppress(OSError):  # where other things are
            folder.rmdir()
    for folder in (path / each["folder"] for each in alternatives):
        if folder.parent == path and read_manifest(folder) is not None:
            remove_run(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()


def captures_of(path, manifest):
    """Files of the capture in the folder of a run: list of Path.

    Without a manifest (None), of a run that was stopped short, those that bear the usual names.
    """
    if manifest is None:
        usual = CAPTURE.removesuffix(CAPTURE_SUFFIXES[0])
        found = [path / f"{usual}{suffix}" for suffix in CAPTURE_SUFFIXES]
        split = [file for file in (path / usual).glob("*") if file.name.endswith(CAPTURE_SUFFIXES)]
        return [file for file in found if file.is_file()] + sorted(split)
    names = manifest.get("captures", [name for name in manifest.get("files", ()) if name == CAPTURE])
    return [path / name for name in names if _may_be_capture(name)]


def _may_be_capture(name):
    """Whether a manifest can mean a file of the run: in its folder or one folder further down."""
    parts = PurePosixPath(name).parts
    return len(parts) <= 2 and ".." not in parts and parts[0] != "/" and name.endswith(CAPTURE_SUFFIXES)


def remove_remains(path):
    """Remove what is left in a folder of a run that was killed before it could be kept."""
    if (path / UNFINISHED).exists() and read_manifest(path) is None:
        remove_run(path)
        with contextlib.suppress(OSError):  # where other things are
            path.rmdir()


def _fingerprint(path):
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
