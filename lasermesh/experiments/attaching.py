"""A study of guests: how well they are connected, by choice, free terminals and time to acquire."""

import contextlib
import csv
import functools
import io
import itertools
import math
import os
from pathlib import Path

import numpy as np

from lasermesh.errors import Interrupted, RunFailed, UserError
from lasermesh.experiments.attached import Record, Variation, group_of, guest_rule, measure, varied
from lasermesh.experiments.instants import utc_of
from lasermesh.experiments.paths import check_instant
from lasermesh.experiments.progress import Parts
from lasermesh.experiments.remembering import check_warm_up
from lasermesh.experiments.worker_pool import WorkerPool
from lasermesh.files import whole_file
from lasermesh.machine import processors
from lasermesh.results.statuses import COMPLETE, INTERRUPTED
from lasermesh.scenario import load_topology
from lasermesh.scenario.fields import keys_of
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.read_links import CHOICES, GUEST
from lasermesh.scenario.terminals import Acquisition, TerminalUse
from lasermesh.workloads.spreads import quantile

ACQUISITIONS_S = (0.0, 12.0, 30.0, 60.0, 100.0)
"""What is tried unless something else is asked for: from none at all to the limit of the SDA standard."""

DEFAULT_DURATION_S = 3600.0
DEFAULT_WARM_UP_S = 6000.0
"""An orbit at 700 km: a guest that was linked at once, without acquiring, has then gone through others."""

ACQUISITION = keys_of(Acquisition)["median"].kind
TERMINALS = keys_of(TerminalUse)["count"].kind
MOST_RUNS = 10_000

FEW_CHOICES = 50_000
"""Guests that may choose, in all steps of all runs: so many take seconds."""

HEADING = (
    "guests",
    "choose",
    "free (a guess)",
    "terminals",
    "acquire, s",
    "connected",
    "least",
    "handovers/h",
    "contact p10",
    "median",
    "p90, s",
    "cut",
    "outages/h",
    "mean",
    "longest, s",
    "hosts in reach",
)


def attach(
    topology,
    start_s=0.0,
    duration_s=DEFAULT_DURATION_S,
    choose=None,
    free_shares=None,
    terminals=None,
    acquisitions_s=ACQUISITIONS_S,
    clients=None,
    seeds=1,
    sets=(),
    warm_up_s=DEFAULT_WARM_UP_S,
    workers=None,
    on_progress=lambda share, text: None,
    warn=lambda message: None,
) -> dict:
    """How well guests are connected, for every combination of what is varied.

    Parameters
    ----------
    topology : str or path
        With a rule `guest`. Of an experiment, its topology is taken.
    start_s, duration_s : float
        In s since the topology's epoch.
    choose : sequence of str, optional
        As the key of the guests' rule; absent: what the topology says.
    free_shares : sequence of float or None, optional
        Share of the hosts that have one terminal for guests, drawn from the seed; the others have none, and
        hosts have no links with each other. Absent or None: what the topology and its other rules leave.
    terminals : sequence of int or None, optional
        Of each guest, all of its first type; absent or None: what the topology says.
    acquisitions_s : sequence of float or None
        How long both ends take; None: what the topology says.
    clients : sequence of str, optional
        Groups of guests, each looked at without the others; absent: all.
    seeds : int
        So many, from the topology's on: who has a free terminal, what is chosen at random, what chance does.
    sets : sequence of str
        `PATH=VALUE` each, as for `load_topology`.
    warm_up_s : float
        So long before the start guests are linked for the first time, at once; nothing before it counts.
    workers : int, optional
        Processes; absent: one for each processor, unless there is little to do.
    on_progress : function of (float, str)
        Told the share that is done, and it in words.
    warn : function of str

    Returns
    -------
    study : dict
        As `lasermesh docs attach` says of `--json`.

    Raises
    ------
    UserError
        If the topology has no guests, or a value makes no sense.
    RunFailed, Interrupted
        If a run came to no end.
    """
    loaded = load_topology(topology, sets)
    for warning in loaded.warnings:
        warn(warning)
    _check_times(start_s, duration_s)
    check_warm_up(warm_up_s)
    _check_list("seeds", [seeds], lambda n: n >= 1, "at least 1")
    variations = _variations(loaded, choose, free_shares, terminals, acquisitions_s, clients)
    if len(variations) * seeds > MOST_RUNS:
        raise UserError(
            f"{len(variations):,} combinations with {seeds:,} seeds are too many; there may be {MOST_RUNS:,} "
            "of both together"
        )
    seed_list = [loaded.seed + number for number in range(seeds)]
    runs = [(variation, seed) for variation in variations for seed in seed_list]
    workers = min(workers or _workers_for(loaded, variations, seeds, warm_up_s + duration_s), len(runs))
    records, note = [None] * len(runs), _Notes(len(runs), on_progress)
    if workers == 1:
        for row, (variation, seed) in enumerate(runs):
            changed = varied(loaded, variation, seed)
            tell = functools.partial(note.part, row)
            records[row] = measure(changed, variation.clients, start_s, duration_s, warm_up_s, tell)
            note.ended(row)
    else:
        order = {"topology": str(topology), "sets": list(sets)}
        order |= {"start_s": start_s, "duration_s": duration_s, "warm_up_s": warm_up_s}
        orders = [{**order, "variation": list(variation), "seed": seed} for variation, seed in runs]
        _run_in_processes(orders, workers, records, note)
    rows = [
        {**_asked(loaded, variation), **_figures(records[row * seeds : (row + 1) * seeds], duration_s)}
        for row, variation in enumerate(variations)
    ]
    return {
        "topology": loaded.name,
        "utc": utc_of(loaded.epoch, 0.0),
        "start_s": start_s,
        "duration_s": duration_s,
        "warm_up_s": warm_up_s,
        "seeds": seed_list,
        "guesses": _guesses(loaded, variations),
        "rows": rows,
    }


# -- what is asked for ---------------------------------------------------------------------------------------


def _check_times(start_s, duration_s):
    check_instant(start_s, "start")
    if not (math.isfinite(duration_s) and duration_s > 0.0):
        raise UserError(f"the duration must be a number of seconds above 0 (got {duration_s:g})")
    check_instant(start_s + duration_s, "end")


def _check_list(what, values, is_good, right):
    """Refuse a list that is empty, repeats a value or has one that is not good; None is good."""
    if not values:
        raise UserError(f"{what}: none is given")
    for place, value in enumerate(values):
        if value is not None and not is_good(value):
            given = shown(value) if isinstance(value, str) else f"{value:g}"
            raise UserError(f"{what}: must be {right} (got {given})")
        if value in values[:place]:
            raise UserError(f"{what}: {'topology' if value is None else value} is given twice")


def _variations(topology, choose, free_shares, terminals, acquisitions_s, clients):
    """Every combination of what is asked for, acquisition varying fastest."""
    groups = _groups(topology, clients)
    if choose is not None:
        known = CHOICES[GUEST]
        for each in choose:
            if each not in known:
                raise UserError(
                    f"choose: must be {', '.join(known[:-1])} or {known[-1]} (got {shown(each)})"
                    + did_you_mean(each, known)
                )
        _check_list("choose", choose, lambda each: True, "")
    free_shares = [None] if free_shares is None else list(free_shares)
    _check_list("free share", free_shares, lambda share: 0.0 < share <= 1.0, "above 0 and at most 1")
    terminals = [None] if terminals is None else list(terminals)
    right = f"from {TERMINALS.low} to {TERMINALS.high}"
    _check_list("terminals", terminals, lambda count: TERMINALS.fault(count) is None, right)
    acquisitions_s = list(acquisitions_s)
    right = f"from {ACQUISITION.low:.0f} to {ACQUISITION.high:.0f} s"
    _check_list("acquisition", acquisitions_s, lambda time_s: ACQUISITION.fault(time_s) is None, right)
    return [
        Variation(*values)
        for group in groups
        for values in itertools.product(
            [group], choose or [guest_rule(topology, group).choose], free_shares, terminals, acquisitions_s
        )
    ]


def _groups(topology, clients):
    """The groups of guests that are looked at."""
    known = [group.name for group in topology.satellites if guest_rule(topology, group.name) is not None]
    if not known:
        raise UserError(
            f"{topology.name} has no guests; a topology with a rule guest is wanted, such as starcloud-guests"
        )
    groups = known if clients is None else list(clients)
    for group in groups:
        if group not in known:
            raise UserError(
                f"clients: {shown(group)} is no group of guests of {topology.name}, but "
                f"{', '.join(known)}" + did_you_mean(group, known)
            )
    _check_list("clients", groups, lambda group: True, "")
    return groups


def _guesses(topology, variations):
    """Guesses that the study rests on: keys of terminals of guests and hosts, and who has a terminal free."""
    asked = all(variation.acquisition_s is not None for variation in variations)
    found = {}
    for variation in variations:
        rule = guest_rule(topology, variation.clients)
        for group in topology.satellites:
            for use in group.terminals if group.name in (variation.clients, *rule.hosts) else ():
                keys = [key for key in use.type.guesses if not (asked and key == "acquisition_s")]
                found |= {f"terminals.{use.type.name}.{key}": None for key in keys}
    # Nobody publishes the share of hosts with a terminal free: whoever gives one guesses, the topology too.
    for variation in variations:
        if variation.free_share is not None:
            found["free_share"] = None
            continue
        hosts = guest_rule(topology, variation.clients).hosts
        for index, group in enumerate(topology.satellites):
            for row, use in enumerate(group.terminals if group.name in hosts else ()):
                if use.share < 1.0:
                    found[f"satellites[{index}].terminals[{row}].share"] = None
    return list(found)


def _asked(topology, variation):
    """What a row says of what was asked for."""
    return {**variation._asdict(), "guests": group_of(topology, variation.clients).size}


# -- running -------------------------------------------------------------------------------------------------


def _workers_for(topology, variations, seeds, followed_s):
    """One process for each processor, but this one alone where starting others would take longer."""
    guests = sum(group_of(topology, variation.clients).size for variation in variations)
    return processors() if guests * seeds * followed_s / topology.step_s > FEW_CHOICES else 1


def _run_in_processes(orders, workers, records, note):
    """Fill in the `Record` of every order."""
    pool = WorkerPool(orders, workers, 1, "lasermesh.experiments.attach_worker")
    with contextlib.closing(pool.events()) as events:
        for row, message in events:
            status = message.get("status")
            if status is None:
                note.part(row, message["share"])
            elif status == COMPLETE:
                records[row] = Record(**message["record"])
                note.ended(row)
            elif status == INTERRUPTED:
                raise Interrupted("interrupted")
            else:
                raise RunFailed(message["message"])


class _Notes:
    """Tells how far all runs are."""

    def __init__(self, n_runs, on_progress):
        self._parts, self._on_progress = Parts(n_runs), on_progress

    def part(self, row, share):
        """A run is so far."""
        self._parts.part(row, share)
        self._tell()

    def ended(self, row):
        """A run is over."""
        self._parts.ended(row)
        self._tell()

    def _tell(self):
        self._on_progress(self._parts.share, f"{self._parts.done} of {self._parts.total} runs")


# -- figures -------------------------------------------------------------------------------------------------


def _figures(records, duration_s):
    """What one row of the study found, over all guests and seeds; None where there is nothing to tell of."""
    shares = [share for record in records for share in record.connected_share]
    contact_s = sorted(length_s for record in records for length_s in record.contact_s)
    outage_s = [length_s for record in records for length_s in record.outage_s]
    visible = np.array([count for record in records for count in record.visible_hosts])
    guest_h = len(shares) * duration_s / 3600.0
    of_seeds = [float(np.mean(record.connected_share)) for record in records]
    return {
        "connected_share": float(np.mean(shares)),
        "connected_share_median_guest": float(np.median(shares)),
        "connected_share_least_guest": min(shares),
        "connected_share_least_seed": min(of_seeds),
        "connected_share_greatest_seed": max(of_seeds),
        "handovers_per_h": sum(record.handovers for record in records) / guest_h,
        "contacts": len(contact_s),
        "contacts_cut": sum(record.contacts_cut for record in records),
        "contact_p10_s": quantile(contact_s, 10) if contact_s else None,
        "contact_median_s": quantile(contact_s, 50) if contact_s else None,
        "contact_p90_s": quantile(contact_s, 90) if contact_s else None,
        "outages_per_h": len(outage_s) / guest_h,
        "outage_mean_s": math.fsum(outage_s) / len(outage_s) if outage_s else None,
        "outage_longest_s": max(outage_s, default=None),
        "hosts_in_reach_mean": float(visible.mean()),
        "hosts_in_reach_median": float(np.median(visible)),
        "hosts_in_reach_least": int(visible.min()),
    }


# -- text and files ------------------------------------------------------------------------------------------


def describe_attachment(study) -> list[tuple[str, ...]]:
    """The rows of a study as text, the heading first."""
    return [HEADING, *(_cells(row) for row in study["rows"])]


def _cells(row):
    def number(key, decimals=0):
        return "-" if row[key] is None else f"{row[key]:.{decimals}f}"

    def given(key):
        return "topology" if row[key] is None else f"{row[key]:g}"

    return (
        f"{row['clients']} ({row['guests']})",
        row["choose"],
        given("free_share"),
        given("terminals"),
        given("acquisition_s"),
        f"{row['connected_share']:.1%}",
        f"{row['connected_share_least_guest']:.1%}",
        number("handovers_per_h", 1),
        *(number(f"contact_{which}_s") for which in ("p10", "median", "p90")),
        f"{row['contacts_cut']} of {row['contacts']}",
        number("outages_per_h", 1),
        number("outage_mean_s"),
        number("outage_longest_s"),
        f"{row['hosts_in_reach_median']:.0f} (least {row['hosts_in_reach_least']})",
    )


def write_attachment(study, path) -> None:
    """Write the rows of a study as CSV, or as Parquet where the name of the file ends so.

    Raises
    ------
    UserError
        If the name ends in neither, or the file cannot be written.
    """
    check_file_name(path)
    names = list(study["rows"][0])
    if path.lower().endswith(".csv"):
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(study["rows"])
        with whole_file(path) as out:
            out.write(text.getvalue())
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    with whole_file(path, binary=True) as out:
        pq.write_table(pa.Table.from_pylist(study["rows"]), out)


def check_file_name(path) -> None:
    """Refuse a file whose name does not tell its format, or that has no folder to be written into.

    Raises
    ------
    UserError
        If it ends neither in .csv nor in .parquet, or its folder does not exist or cannot be written to.
    """
    if not path.lower().endswith((".csv", ".parquet")):
        raise UserError(f'the name "{path}" does not tell the format; it must end in .csv or .parquet')
    folder = Path(path).parent
    if not folder.is_dir():
        raise UserError(f'"{path}" cannot be written: there is no folder "{folder}"')
    if Path(path).is_dir():
        raise UserError(f'"{path}" cannot be written: it is a folder')
    if not os.access(folder, os.W_OK):
        raise UserError(f'"{path}" cannot be written: the folder "{folder}" cannot be written to')
