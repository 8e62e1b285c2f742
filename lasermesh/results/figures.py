"""Figures of a run by which runs are compared: numbers of its summary, each with its unit."""

import re
from typing import NamedTuple

from lasermesh.packets.causes import CAUSES
from lasermesh.scenario.workloads import COLLECTIVE, INFERENCE

_UNITS = {"ms": "ms", "s": "s", "ps": "ps", "gbps": "Gbps", "bps": "bit/s", "km": "km", "bytes": "bytes"}
"""Units by the last part of a field's name; what has none is a count or a ratio."""


class Figure(NamedTuple):
    """A number that a summary has, or that follows from it."""

    name: str  # ends in its unit
    unit: str  # "" for a count or a ratio
    path: tuple  # keys, names and indices that lead to it; (name,) of one that has to be worked out
    meaning: str


def _total(name, path, meaning, unit=None):
    path = ("total", *path.split("."))
    return Figure(name, unit_of(path) if unit is None else unit, path, meaning)


def unit_of(path):
    """Unit of what a path of field names leads to, by the last of them that ends in one."""
    for step in reversed(path):
        if isinstance(step, str) and (unit := _UNITS.get(step.rpartition("_")[2])):
            return unit
    return ""


FIGURES = (
    Figure("delivered_share", "", ("delivered_share",), "packets delivered, of those sent"),
    _total("goodput_gbps", "goodput_gbps", "whole IP packets delivered, of all flows together"),
    _total("latency_mean_ms", "latency_ms.mean", "one-way latency of all delivered packets, mean"),
    _total("latency_p50_ms", "latency_ms.p50", "one-way latency of all delivered packets, median"),
    _total("latency_p99_ms", "latency_ms.p99", "one-way latency of all delivered packets, 99th percentile"),
    _total("jitter_ms", "jitter_ms", "interarrival jitter (RFC 3550), mean over delivered packets"),
    _total("hops_mean", "hops_mean", "links crossed by a delivered packet, mean", "links"),
    *(
        _total(f"dropped_{cause}", f"dropped.{cause}", f"packets dropped: {cause}", "packets")
        for cause in CAUSES
    ),
    _total("reordered", "reordered", "packets overtaken by a later one (RFC 4737)", "packets"),
    _total("marked", "marked", "packets delivered with a mark of congestion (ECN)", "packets"),
    Figure(
        "utilisation_max", "", ("links", "busiest", 0, "utilisation"), "share of time the busiest link sent"
    ),
    Figure("path_changes", "", ("path_change_count",), "changes of the paths of flows"),
    Figure("handovers", "", ("handover_count",), "hand-overs of ground sites"),
    *(
        Figure(
            f"black_hole_{cause}_s",
            "s",
            ("routing", "black_holes", cause, "total_s"),
            f"time for which tables led flows to an end by {cause}, all flows together",
        )
        for cause in ("link_down", "no_route", "node_down")
    ),
    Figure(
        "micro_loop_s",
        "s",
        ("routing", "micro_loops", "total_s"),
        "time for which tables led flows in a circle, all flows together",
    ),
    Figure(
        "convergence_mean_s",
        "s",
        ("routing", "convergence_s", "mean"),
        "from a change of links until the last node has its table, mean",
    ),
)
"""What is compared unless something else is asked for."""

BUNDLE_FIGURES = (
    Figure("bundles_delivered_share", "", ("bundles_delivered_share",), "bundles delivered, of those made"),
    *(
        Figure(
            f"bundle_delay_{what}_s",
            "s",
            ("bundles", "total", "delay_s", what),
            f"from a bundle's making until it has arrived, of bundles delivered, {words}",
        )
        for what, words in (("mean", "mean"), ("p50", "median"), ("p90", "90th percentile"), ("max", "most"))
    ),
    Figure("bundles_stored", "bundles", ("bundles", "total", "stored"), "bundles stored at the end"),
    *(
        Figure(
            f"bundles_lost_{cause}", "bundles", ("bundles", "total", "lost", cause), f"bundles lost: {cause}"
        )
        for cause in ("storage", "expired")
    ),
    Figure(
        "bundle_resent_bytes", "bytes", ("bundles", "total", "resent_bytes"), "sent again to carry bundles"
    ),
)
"""What runs with bundles are compared by besides."""

_OF_SCENES = {
    "insight_s.mean": "from the capture of a scene until it has arrived, of scenes delivered, mean",
    "insight_s.p50": "the same, median",
    "insight_s.p90": "the same, 90th percentile",
    "unfinished_share": "scenes still on their way at the end, of all; times above are biased low by them",
    "delivered_bytes": "brought down",
}
_OF_REQUESTS = {
    "first_token_s.p50": "from a request until the first token of its answer has arrived, median",
    "first_token_s.p90": "the same, 90th percentile",
    "last_token_s.p50": "from a request until its answer is whole, median",
    "unfinished_share": "requests still on their way at the end, of all; times above are biased low by them",
}
_OF_TRAINING = {
    "step_s.p50": "time of a step, median",
    "communication_share": "of the time of steps, that in which nodes exchange",
}


def figures_of(workloads, has_packets=True, has_bundles=False):
    """The figures by which runs are compared unless something else is asked for.

    Parameters
    ----------
    workloads : dict
        Kinds by name of workload, more than one where combinations differ in it.
    has_packets, has_bundles : bool
        Whether anything but bundles is sent, and whether bundles are.
    """
    of_flows = (*(FIGURES if has_packets else ()), *(BUNDLE_FIGURES if has_bundles else ()))
    return [*of_flows, *_work_figures(workloads)]


def _work_figures(workloads):
    """Those of the work of runs."""
    figures = {}
    for workload, kinds in workloads.items():
        for kind in sorted(kinds):
            of_kind = {INFERENCE: _OF_REQUESTS, COLLECTIVE: _OF_TRAINING}.get(kind, _OF_SCENES)
            for name, meaning in of_kind.items():
                path = ("workloads", workload, *name.split("."))
                figure = Figure(f"workloads.{_quoted(workload)}.{name}", unit_of(path[2:]), path, meaning)
                figures.setdefault(figure.name, figure)
    return list(figures.values())


def _quoted(name):
    """A name as a path of keys takes it."""
    return name if re.fullmatch(r"[\w-]+", name, flags=re.ASCII) else f'"{name}"'


_BY_NAME = {figure.name: figure for figure in (*FIGURES, *BUNDLE_FIGURES)}
_SHARES = {
    "delivered_share": ("total", "sent"),
    "bundles_delivered_share": ("bundles", "total", "made"),
}
"""Of those that are worked out: what is delivered as a share of what stands at this path."""


def figure_of(name, path):
    """The figure of a name in FIGURES or, of another, what its path leads to in `summary.json`."""
    return _BY_NAME.get(name) or Figure(name, unit_of(path), path, f"{name} of summary.json")


def figure_names():
    """Names of the figures that need no path."""
    return list(_BY_NAME)


def value_of(figure, summary):
    """The figure's number in a summary, None where there is none.

    Parameters
    ----------
    figure : Figure
    summary : dict
        As `summarise` returns it.
    """
    if figure.name in _SHARES:
        *entry, whole = _SHARES[figure.name]
        delivered, whole = (_at(summary, (*entry, what)) for what in ("delivered", whole))
        return delivered / whole if whole else None
    return _at(summary, figure.path)


def _at(summary, path):
    """The number that a path leads to, None if there is none."""
    found = summary
    for step in path:
        found = _below(found, step)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _below(value, step):
    """What a key leads to in an object; in a list an index, or the name of an entry."""
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int):
        return value[step] if step < len(value) else None
    if isinstance(value, list):
        named = (entry for entry in value if isinstance(entry, dict))
        return next((entry for entry in named if step in (entry.get("name"), entry.get("flows"))), None)
    return None
