"""Alternatives of an experiment: several runs side by side, each in its own folder below a common one."""

from pathlib import Path

from lasermesh.errors import RunFailed
from lasermesh.packets.causes import CAUSES
from lasermesh.results.bundles import BUNDLES
from lasermesh.results.folder import (
    SUMMARY,
    RunFolder,
    folder_name,
    make_folder,
    mark_unfinished,
    remove_remains,
    remove_run,
    seal,
)
from lasermesh.results.json_text import to_json
from lasermesh.scenario.workloads import COLLECTIVE, INFERENCE

FLOWS, OUTAGES = "flows", "outages"
"""Kinds of rows of a comparison that are about no workload."""


LATENCIES = ("mean", "p50", "p90", "p99")
_BESIDE = {"first_token_s": ("last_token_s",), "step_s": ("communication_share",)}
"""What else is told of workloads that have a measure."""


def measure_of(kind):
    """Name of the times by which workloads of a kind are compared."""
    return {INFERENCE: "first_token_s", COLLECTIVE: "step_s"}.get(kind, "insight_s")


def folders_of(names):
    """Names of the folders of alternatives: theirs, numbered where two come to the same."""
    folders = []
    for name in names:
        base = folder = folder_name(name)
        number = 1
        while folder.lower() in [other.lower() for other in folders]:  # as some systems compare names
            number += 1
            folder = f"{base}-{number}"
        folders.append(folder)
    return folders


def compare_alternatives(alternatives):
    """What sets the flows and the work of alternatives apart from those of the first, the baseline.

    Parameters
    ----------
    alternatives : list of dict
        `name` and `summary`, None where a run left none.

    Returns
    -------
    rows : list of dict
        First those of kind `flows`, one for each alternative and `[[flows]]` that it has, and, where it has
        several of them and no workloads, one for all: `alternative`, `flows` (the name; None for all),
        `kind`, `baseline` (whether the first alternative has it too, and is another one), `counts`, `sent`,
        `delivered`, `in_flight`, `dropped` (by cause, those that occur in any row), `latency_ms` (`mean`,
        `p50`, `p90`, `p99`; None if nothing was delivered) and `ratios` to the baseline's of `delivered`,
        `dropped` (all together), `mean`, `p50`, `p90`, `p99`.

        Then those of kind `outages`, one for each alternative if any has flows of its own: `alternative`,
        `kind`, `update`, `black_holes_s` (by cause), `micro_loops_s`, `total_s`, `count`, `baseline`, and
        `ratios` of `total_s` and `count`. Added up over flows, those of workloads too.

        Last one for each alternative and workload: `alternative`, `workload`, `kind`, `baseline` (the
        workload of the first alternative that it is compared with, None for those themselves and where there
        is none), the times (`insight_s`, `first_token_s` and `last_token_s`, or `step_s`: quantiles or None),
        of training `communication_share`, and `ratios` to the baseline's of `mean`, `p50`, `p90`, `p99`,
        `max` and, of scenes, `delivered_bytes`.

        `ratios` are None without a baseline, and one of them where a figure is missing or zero.

    Notes
    -----
    Compared are workloads of one name, and else those of like kinds that stand at the same place.
    """
    return [*_rows_of_flows(alternatives), *_rows_of_outages(alternatives), *_rows_of_work(alternatives)]


def _rows_of_flows(alternatives):
    entries = [_own_flows(alternative) for alternative in alternatives]
    causes = [
        cause
        for cause in CAUSES
        if any(entry["dropped"][cause] for of_one in entries for entry in of_one.values())
    ]
    rows = []
    for alternative, of_one in zip(alternatives, entries, strict=True):
        for name, entry in of_one.items():
            partner = entries[0].get(name) if alternative is not alternatives[0] else None
            latency = entry["latency_ms"]
            rows.append(
                {
                    "alternative": alternative["name"],
                    "flows": name,
                    "kind": FLOWS,
                    "baseline": partner is not None,
                    "counts": entry.get("counts"),
                    **{what: entry[what] for what in ("sent", "delivered", "in_flight")},
                    "dropped": {cause: entry["dropped"][cause] for cause in causes},
                    "latency_ms": latency and {what: latency[what] for what in LATENCIES},
                    "ratios": None if partner is None else _ratios_of_flows(entry, partner),
                }
            )
    return rows


def _own_flows(alternative):
    """Statistics of each of `[[flows]]` by name; of all by None, if they are several and no work sends."""
    summary = alternative["summary"] or {}
    names = [entry["name"] for entry in _workloads(alternative)]
    work = {*names, *(f"{name}/reports" for name in names)}
    groups = {each["name"]: each for each in summary.get("flow_groups", ()) if each["name"] not in work}
    if sum(each.get("counts") != BUNDLES for each in groups.values()) > 1 and not work:
        groups[None] = summary["total"]
    return groups


def _ratios_of_flows(entry, partner):
    ratios = {"delivered": _ratio(entry["delivered"], partner["delivered"])}
    ratios["dropped"] = _ratio(*(sum(each["dropped"].values()) for each in (entry, partner)))
    mine, theirs = entry["latency_ms"] or {}, partner["latency_ms"] or {}
    return ratios | {what: _ratio(mine.get(what), theirs.get(what)) for what in LATENCIES}


def _rows_of_outages(alternatives):
    if not any(map(_own_flows, alternatives)):
        return []
    rows = []
    for alternative in alternatives:
        if (routing := (alternative["summary"] or {}).get("routing")) is None:
            continue
        holes, loops = routing["black_holes"], routing["micro_loops"]
        row = {
            "alternative": alternative["name"],
            "kind": OUTAGES,
            "update": routing["update"],
            "black_holes_s": {cause: entry["total_s"] for cause, entry in holes.items()},
            "micro_loops_s": loops["total_s"],
            "total_s": sum(entry["total_s"] for entry in holes.values()) + loops["total_s"],
            "count": sum(entry["count"] for entry in holes.values()) + loops["count"],
        }
        first = rows[0] if rows and rows[0]["alternative"] == alternatives[0]["name"] else None
        ratios = first and {what: _ratio(row[what], first[what]) for what in ("total_s", "count")}
        rows.append(row | {"baseline": first is not None, "ratios": ratios})
    return rows


def _rows_of_work(alternatives):
    of_first = _workloads(alternatives[0]) if alternatives else []
    rows = []
    for alternative in alternatives:
        workloads = _workloads(alternative)
        for entry in workloads:
            partner = None
            if alternative is not alternatives[0]:
                partner = _partner(entry, workloads, of_first)
            measure = measure_of(entry["kind"])
            rows.append(
                {
                    "alternative": alternative["name"],
                    "workload": entry["name"],
                    "kind": entry["kind"],
                    "baseline": None if partner is None else partner["name"],
                    **{what: entry[what] for what in (measure, *_BESIDE.get(measure, ()))},
                    "ratios": None if partner is None else _ratios(entry, partner, measure),
                }
            )
    return rows


def _workloads(alternative):
    return (alternative["summary"] or {}).get("workloads") or []


def _partner(entry, workloads, others):
    """The workload of the baseline that one is compared with; None if there is none."""
    by_name = {other["name"]: other for other in others}
    if entry["name"] in by_name:
        return by_name[entry["name"]]
    names = {each["name"] for each in workloads}
    measure = measure_of(entry["kind"])
    mine = [each for each in workloads if each["name"] not in by_name and _alike(each, measure)]
    theirs = [each for each in others if each["name"] not in names and _alike(each, measure)]
    place = mine.index(entry)
    return theirs[place] if place < len(theirs) else None


def _alike(entry, measure):
    return measure_of(entry["kind"]) == measure


def _ratios(entry, partner, measure):
    times, others = entry[measure] or {}, partner[measure] or {}
    ratios = {
        what: _ratio(times.get(what), others.get(what)) for what in ("mean", "p50", "p90", "p99", "max")
    }
    if "delivered_bytes" in entry:
        ratios["delivered_bytes"] = _ratio(entry["delivered_bytes"], partner["delivered_bytes"])
    return ratios


def _ratio(value, other):
    return None if value is None or not other else value / other


class AlternativesFolder:
    """The folder of alternatives that are being run; each of them has a run folder in it.

    Parameters
    ----------
    name : str
        Name of the experiment.
    folders : sequence of str
        Names of the folders within it, which with `force` are emptied of the runs in them.
    output, force
        As for `RunFolder.create`, and the same errors.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, name, folders, output=None, force=False):
        RunFolder.check(output, force)
        for folder in folders if output is not None else ():
            RunFolder.check(Path(output) / folder, force)
        self.path, self._made_here = make_folder(name, output, force)
        self._folders = folders
        for folder in folders:
            if (self.path / folder).is_dir():  # of earlier runs, beside other things
                remove_run(self.path / folder)
                mark_unfinished(self.path / folder)

    def abandon(self):
        """Remove the folder, in which no run was kept; what is not of a run stays."""
        for path in (*(self.path / folder for folder in self._folders), self.path):
            remove_remains(path)
        if not self._made_here:
            self.path.mkdir(exist_ok=True)  # as it was found

    def close(self, result, scenario, asked=None):
        """Write what came of all, the manifest last.

        Parameters
        ----------
        result : dict
            JSON-ready; `alternatives` lists `name`, `folder`, `status`, `message` and `summary`.
        scenario : dict
        asked : dict, optional
            What the run was asked for.

        Raises
        ------
        RunFailed
            If a file cannot be written.
        """
        summary = self.path / SUMMARY
        told = [
            {key: each[key] for key in ("name", "folder", "status", "message")}
            for each in result["alternatives"]
        ]
        try:
            summary.write_text(to_json(result), encoding="utf-8")
            seal(self.path, result, scenario, [summary], asked=asked, alternatives=told)
        except OSError as error:
            raise RunFailed(f"{self.path}: the runs could not be kept: {error.strerror or error}") from error
