"""Results: the run folder, its tables, and the summary that people read."""

from lasermesh.results.applications import (
    Services,
    Transfers,
    service_entries,
    transfer_entries,
)
from lasermesh.results.columns import (
    ARRIVED,
    DELIVERED,
    DROPPED,
    LEFT,
    Contacts,
    FlowCounters,
    FlowIntervals,
    FlowList,
    LatencyBins,
    LinkIntervals,
    NextHopChanges,
    Outages,
    PacketEvents,
    PathChanges,
    QueueLengths,
)
from lasermesh.results.folder import RunFolder
from lasermesh.results.json_text import json_ready, to_json
from lasermesh.results.loading import AlternativeRuns, Run, load
from lasermesh.results.summary import LinkTotals, summarise
from lasermesh.results.text import format_summary

__all__ = [
    "ARRIVED",
    "DELIVERED",
    "DROPPED",
    "LEFT",
    "AlternativeRuns",
    "Contacts",
    "FlowCounters",
    "FlowIntervals",
    "FlowList",
    "LatencyBins",
    "LinkIntervals",
    "LinkTotals",
    "NextHopChanges",
    "Outages",
    "PacketEvents",
    "PathChanges",
    "QueueLengths",
    "Run",
    "RunFolder",
    "Services",
    "Transfers",
    "format_summary",
    "json_ready",
    "load",
    "service_entries",
    "summarise",
    "to_json",
    "transfer_entries",
]
