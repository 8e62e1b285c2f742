"""Where a packet goes: policies on one snapshot of the network, and the forwarding tables they return."""

from lasermesh.routing.policies import POLICIES, Policy, compute_table, load_policy
from lasermesh.routing.snapshot import Snapshot, transit_of
from lasermesh.routing.table import ForwardingTable, Routes, TableReport, follow, follow_flows
from lasermesh.routing.trees import Trees, trees_towards

__all__ = [
    "POLICIES",
    "ForwardingTable",
    "Policy",
    "Routes",
    "Snapshot",
    "TableReport",
    "Trees",
    "compute_table",
    "follow",
    "follow_flows",
    "load_policy",
    "transit_of",
    "trees_towards",
]
