"""Results: the run folder, its tables, and the summary that people read."""

from lasermesh.results.columns import Contacts, FlowCounters, FlowList, LinkIntervals, PathChanges
from lasermesh.results.folder import RunFolder
from lasermesh.results.json_text import json_ready, to_json
from lasermesh.results.loading import Run, load
from lasermesh.results.summary import LinkTotals, summarise
from lasermesh.results.text import format_summary

__all__ = [
    "Contacts",
    "FlowCounters",
    "FlowList",
    "LinkIntervals",
    "LinkTotals",
    "PathChanges",
    "Run",
    "RunFolder",
    "format_summary",
    "json_ready",
    "load",
    "summarise",
    "to_json",
]
