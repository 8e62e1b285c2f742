"""Where a packet goes: policies on one snapshot of the network, and the forwarding tables they return.

What a policy sees is `snapshot`, what it returns `table`, what it promises `declaring` (held to it by
`promises` and `time_limit`), and `policies` finds it by name and asks it. Those built in: shortest paths
are `trees`, which `tree_memory` and `lane_kernels` keep from step to step; `ecmp`; `churn`, `explicit`,
`multipath` and `valiant`, whose paths `labels` lays into a table; `load_aware`, `geographic` and
`grid_routing`. What becomes of tables in a run: `label_keeping`, `alternates` for fast reroute, `changes`
from one to the next, and in `outcome_kernels` where flows end while tables are wrong.
"""

from lasermesh.contacts import transit_of
from lasermesh.routing.alternates import Alternates, Coverage, coverage, loop_free_alternates
from lasermesh.routing.changes import TableChanges, table_changes
from lasermesh.routing.declaring import Option, Policy, declare
from lasermesh.routing.label_keeping import LabelKeeper
from lasermesh.routing.options import options_of, read_options
from lasermesh.routing.outcome_kernels import Forwarding
from lasermesh.routing.policies import POLICIES, answer_of, compute_table, load_policy, policy_names
from lasermesh.routing.snapshot import Snapshot, grid_of
from lasermesh.routing.table import ForwardingTable, Routes, TableReport, follow, follow_flows
from lasermesh.routing.tree_memory import TreeMemory
from lasermesh.routing.trees import Trees, trees_towards
from lasermesh.scenario.fields import REQUIRED

__all__ = [
    "POLICIES",
    "REQUIRED",
    "Alternates",
    "Coverage",
    "Forwarding",
    "ForwardingTable",
    "LabelKeeper",
    "Option",
    "Policy",
    "Routes",
    "Snapshot",
    "TableChanges",
    "TableReport",
    "TreeMemory",
    "Trees",
    "answer_of",
    "compute_table",
    "coverage",
    "declare",
    "follow",
    "follow_flows",
    "grid_of",
    "load_policy",
    "loop_free_alternates",
    "options_of",
    "policy_names",
    "read_options",
    "table_changes",
    "transit_of",
    "trees_towards",
]
