"""Where a packet goes: policies on one snapshot of the network, and the forwarding tables they return."""

from lasermesh.routing.alternates import Alternates, Coverage, coverage, loop_free_alternates
from lasermesh.routing.declaring import Option, Policy, declare
from lasermesh.routing.policies import POLICIES, compute_table, load_policy
from lasermesh.routing.snapshot import Snapshot, grid_of, transit_of
from lasermesh.routing.table import ForwardingTable, Routes, TableReport, follow, follow_flows
from lasermesh.routing.trees import Trees, trees_towards

__all__ = [
    "POLICIES",
    "Alternates",
    "Coverage",
    "ForwardingTable",
    "Option",
    "Policy",
    "Routes",
    "Snapshot",
    "TableReport",
    "Trees",
    "compute_table",
    "coverage",
    "declare",
    "follow",
    "follow_flows",
    "grid_of",
    "load_policy",
    "loop_free_alternates",
    "transit_of",
    "trees_towards",
]
