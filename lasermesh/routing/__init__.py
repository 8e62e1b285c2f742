"""Where a packet goes: policies on one snapshot of the network, and the forwarding tables they return."""

from lasermesh.routing.changes import TableChanges, table_changes
from lasermesh.routing.declaring import Option, Policy, declare
from lasermesh.routing.policies import POLICIES, compute_table, load_policy
from lasermesh.routing.snapshot import Snapshot, grid_of, transit_of
from lasermesh.routing.table import ForwardingTable, Routes, TableReport, follow, follow_flows
from lasermesh.routing.tree_memory import TreeMemory
from lasermesh.routing.trees import Trees, trees_towards

__all__ = [
    "POLICIES",
    "ForwardingTable",
    "Option",
    "Policy",
    "Routes",
    "Snapshot",
    "TableChanges",
    "TableReport",
    "TreeMemory",
    "Trees",
    "compute_table",
    "declare",
    "follow",
    "follow_flows",
    "grid_of",
    "load_policy",
    "table_changes",
    "transit_of",
    "trees_towards",
]
