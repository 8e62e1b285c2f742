"""Which flows are bulk transfers, which requests to servers, and what the summary calls them."""

import numpy as np

from lasermesh.results import Services, Transfers
from lasermesh.traffic.kinds import BULK


def group_of(spec):
    """What the summary puts a flow (`FlowSpec`) together under: its table, acks and replies apart."""
    name = spec.table.name
    return name if spec.kind == spec.table.kind else f"{name}/{spec.kind}"


def transfers_of(flows):
    """The bulk transfers among flows."""
    rows = np.flatnonzero(flows.kind == BULK)
    return Transfers(rows, flows.total_bytes[rows])


def services_of(flows, specs, node_names):
    """The pools of servers that flows (`FlowSpec` by row) send requests to."""
    n_pools = len(flows.pools.node)
    asking = [int(np.flatnonzero(flows.pool == pool)[0]) for pool in range(n_pools)]
    return Services(
        flows=[specs[flow].table.name for flow in asking],
        node=[node_names[node] for node in flows.pools.node],
        servers=np.asarray(flows.pools.servers),
    )
