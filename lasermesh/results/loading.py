"""Opens the folder of a finished run."""

import json
from functools import cached_property
from pathlib import Path

from lasermesh.errors import UserError
from lasermesh.results.folder import MANIFEST, SCHEMA, SUMMARY, captures_of, read_manifest
from lasermesh.results.kept_topology import load_topology
from lasermesh.results.link_use import link_use
from lasermesh.results.manifest_shape import what_is_wrong


class _Kept:
    """What lies in a folder with a manifest and a summary."""

    def __init__(self, path, manifest):
        self.path = path
        self.manifest = manifest

    @property
    def folder(self):
        """The folder as text, for commands and messages."""
        return str(self.path)

    @property
    def status(self):
        """`complete`, `interrupted` or `failed`; of several runs `complete` if all are."""
        return self.manifest["status"]

    @cached_property
    def summary(self):
        """What `run --json` printed."""
        return _read_json(self.path, SUMMARY, self.manifest)


class Run(_Kept):
    """A finished run; its tables are read when first asked for.

    Attributes
    ----------
    path : Path
    manifest : dict
    """

    def __repr__(self):
        return f"<Run {self.manifest['experiment']}, {self.status}, {self.path}>"

    def _repr_html_(self):
        """What a notebook shows."""
        from lasermesh.results.html import run_html

        return run_html(self)

    @property
    def live(self):
        """How true a live run was to its model, as `lasermesh docs live` tells; None of a simulated run."""
        return self.summary.get("live")

    @property
    def capture(self):
        """Path of the capture, of its folder where it is split; None if the folder of the run has none."""
        if not self.captures:
            return None
        first = self.captures[0]
        return first if first.parent == self.path else first.parent

    @cached_property
    def captures(self):
        """Paths of the files of the capture: one, or one for each port where it is split."""
        files = captures_of(self.path, self.manifest)
        return [self._file(file.relative_to(self.path).as_posix()) for file in files]

    @cached_property
    def topology(self):
        """The `scenario.Topology` that was run, from this folder alone.

        It is equal to the one of the run in all that fixes nodes, positions and links, element sets and
        contact plans included: `orbits.build_ephemeris(run.topology)` gives every node's place at any time.

        Raises
        ------
        TopologyNotKept
            If the folder does not tell it, as that of an older lasermesh, without element sets and plans.
        UserError
            If a file is damaged.
        """
        return load_topology(self)

    @cached_property
    def flows(self):
        """Table (pyarrow), one row per flow."""
        return self._table("flows")

    @cached_property
    def links(self):
        """Table (pyarrow), one row per link and interval in which it did something."""
        return self._table("links")

    @cached_property
    def link_use(self):
        """What links did in the whole run (`results.link_use.LinkUse`), without the whole table in memory."""
        return link_use(self)

    @cached_property
    def paths(self):
        """Table (pyarrow), one row per flow and change of its path."""
        return self._table("paths")

    @cached_property
    def contacts(self):
        """Table (pyarrow), one row per contact."""
        return self._table("contacts")

    @cached_property
    def outages(self):
        """Table (pyarrow), one row per black hole or micro-loop that a flow met; None from older runs."""
        return self._table_if_kept("outages")

    @cached_property
    def flow_times(self):
        """Table (pyarrow), one row per flow and interval in which it did something; None from older runs."""
        return self._table_if_kept("flow_times")

    @cached_property
    def latency_bins(self):
        """Table (pyarrow), one row per flow and bin of latency that holds something; None from older runs."""
        return self._table_if_kept("latency_bins")

    @cached_property
    def packets(self):
        """Table (pyarrow), one row per event of a traced packet; None if the run traced none."""
        return self._table_if_kept("packets")

    @cached_property
    def queue(self):
        """Table (pyarrow), one row per change of an observed queue; None if the run observed none."""
        return self._table_if_kept("queue")

    @cached_property
    def next_hops(self):
        """Table (pyarrow), one row per change of a next hop; None if the run wrote none."""
        return self._table_if_kept("next_hops")

    @cached_property
    def scenes(self):
        """Table (pyarrow), one row per scene, as it ended; None without such work, as the six below."""
        return self._table_if_kept("scenes")

    @cached_property
    def stages(self):
        """Table (pyarrow), one row per stage of a scene."""
        return self._table_if_kept("stages")

    @cached_property
    def compute(self):
        """Table (pyarrow), one row per change of a computer."""
        return self._table_if_kept("compute")

    @cached_property
    def power(self):
        """Table (pyarrow), one row per change of a satellite's power."""
        return self._table_if_kept("power")

    @cached_property
    def storage(self):
        """Table (pyarrow), one row per change of a sensor's storage."""
        return self._table_if_kept("storage")

    @cached_property
    def requests(self):
        """Table (pyarrow), one row per request, as it ended."""
        return self._table_if_kept("requests")

    @cached_property
    def steps(self):
        """Table (pyarrow), one row per step of training and push of a checkpoint."""
        return self._table_if_kept("steps")

    @cached_property
    def bundles(self):
        """Table (pyarrow), one row per bundle, as it ended; None without bundles, as the two below."""
        return self._table_if_kept("bundles")

    @cached_property
    def bundle_hops(self):
        """Table (pyarrow), one row per stay of a bundle at a node."""
        return self._table_if_kept("bundle_hops")

    @cached_property
    def stores(self):
        """Table (pyarrow), one row per change of a node's store of bundles."""
        return self._table_if_kept("stores")

    @cached_property
    def elements(self):
        """Table (pyarrow), one row per satellite with an element set; None without any."""
        return self._table_if_kept("elements")

    @cached_property
    def plan(self):
        """Table (pyarrow), one row per contact of the topology's contact plans; None without any."""
        return self._table_if_kept("plan")

    @cached_property
    def plan_nodes(self):
        """Table (pyarrow), one row per node that only a contact plan names; None without any."""
        return self._table_if_kept("plan_nodes")

    def has(self, name):
        """Whether the run has a table of this name, as "packets": some have only what was asked for."""
        return f"{name}.parquet" in self.manifest["files"]

    def part(self, name, columns=None, filters=None):
        """Some columns and rows of a table, for one that may be huge, as that of packets.

        Parameters
        ----------
        name : str
            "links", "packets", ...; `has` tells whether there is such a table.
        columns : list of str, optional
        filters : list of tuple, optional
            Of pyarrow: `[("flow", "=", 3)]`; absent: all rows.

        Returns
        -------
        table : pyarrow.Table

        Raises
        ------
        UserError
            If the run has no such table, or its file is missing or damaged.
        """
        return self._table(name, columns, filters)

    def batches(self, name, columns):
        """Some columns of a table in portions (pyarrow.RecordBatch); otherwise as `part`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._file(f"{name}.parquet")
        try:
            with pq.ParquetFile(path, memory_map=False) as file:
                yield from file.iter_batches(columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error

    def _table_if_kept(self, name):
        return self._table(name) if self.has(name) else None

    def _table(self, name, columns=None, filters=None):
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._file(f"{name}.parquet")
        try:
            return pq.read_table(path, columns=columns, filters=filters, memory_map=False)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error

    def _file(self, name):
        return _whole_file(self.path, name, self.manifest)


class AlternativeRuns(_Kept):
    """Finished runs of the alternatives of one experiment.

    Attributes
    ----------
    path : Path
    manifest : dict
    """

    def __repr__(self):
        names = ", ".join(each["name"] for each in self.manifest["alternatives"])
        return f"<AlternativeRuns {self.manifest['experiment']}, {self.status}: {names}, {self.path}>"

    def _repr_html_(self):
        """What a notebook shows."""
        from lasermesh.results.html import alternatives_html

        return alternatives_html(self)

    @cached_property
    def runs(self):
        """`Run` of each alternative by name, of those that left one."""
        return {
            each["name"]: load(self.path / each["folder"])
            for each in self.manifest["alternatives"]
            if (self.path / each["folder"] / MANIFEST).is_file()
        }


def _read_json(path, name, manifest):
    try:
        return json.loads(_whole_file(path, name, manifest).read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path / name, error) from error


def _damaged(path, error):
    """What to say of a file that cannot be read; of several lines, as pyarrow's, the first tells enough."""
    reason = str(error).strip().partition("\n")[0]
    return UserError(f"{path}: the file is damaged: {reason}")


def _whole_file(path, name, manifest):
    """Path of a file of a run, if it is there with the size that the manifest tells."""
    file = path / name
    expected = manifest["files"].get(name, {}).get("bytes")
    if expected is None or not file.is_file():
        raise UserError(f"{file}: the file is missing from the run folder")
    if file.stat().st_size != expected:
        raise UserError(
            f"{file}: the file is damaged: it has {file.stat().st_size:,} bytes, and had {expected:,}"
        )
    return file


def load(folder):
    """Open the folder of a run, or that of the runs of alternatives.

    Parameters
    ----------
    folder : path

    Returns
    -------
    run : Run or AlternativeRuns

    Raises
    ------
    UserError
        If it is no run folder, or one that was never finished, is damaged, or is of a newer lasermesh.
    """
    path = Path(folder)
    if not path.is_dir():
        raise UserError(f"{path}: there is no such folder")
    if not (path / MANIFEST).is_file():
        raise UserError(
            f"{path}: the folder has no {MANIFEST}: it is no run, or one that crashed before its end"
        )
    manifest = read_manifest(path)
    if manifest is None or "schema" not in manifest:
        raise UserError(f"{path / MANIFEST}: the file is damaged, or not of lasermesh")
    if manifest["schema"] != SCHEMA:
        versions = manifest.get("versions")
        writer = (versions if isinstance(versions, dict) else {}).get("lasermesh", "(version unknown)")
        raise UserError(
            f"{path}: the run was written by lasermesh {writer} in layout {manifest['schema']}; "
            f"this version reads layout {SCHEMA}"
        )
    if wrong := what_is_wrong(manifest):
        raise UserError(f"{path / MANIFEST}: the file is damaged: {wrong}")
    return AlternativeRuns(path, manifest) if "alternatives" in manifest else Run(path, manifest)
