"""The flows of an experiment as results name them: which are bulk transfers, which ask servers."""

import numpy as np

from lasermesh.results import FlowList, Services, Transfers, service_entries, transfer_entries
from lasermesh.traffic.kinds import BULK
from lasermesh.units import PS_PER_S


def flow_list(experiment):
    """Names and times of the flows, row by row: `FlowList`."""
    flows = experiment.expanded_flows
    return FlowList(
        name=[flow.name for flow in flows],
        from_name=[flow.from_name for flow in flows],
        to_name=[flow.to_name for flow in flows],
        start_s=np.array([flow.start_s for flow in flows]),
        stop_s=np.array([np.inf if flow.stop_s is None else flow.stop_s for flow in flows]),
        group=[_group_of(flow) for flow in flows],
    )


def _group_of(flow):
    """What the summary puts a flow together under: its table, acknowledgements and replies apart."""
    return flow.table.name if flow.kind == flow.table.kind else f"{flow.table.name}/{flow.kind}"


def application_entries(flows, experiment, counters, engine, node_names):
    """What the summary says of bulk transfers and services, None where there are none.

    Parameters
    ----------
    flows : traffic.Flows
    experiment : Experiment
        Which they are from.
    counters : results.FlowCounters
    engine : PacketEngine
    node_names : sequence of str

    Returns
    -------
    entries : dict
        `transfers` and `services`.
    """
    clock_ps = engine.clock_ps
    transfers = transfer_entries(_transfers_of(flows), flow_list(experiment), counters, clock_ps)
    asked = _services_of(flows, experiment.expanded_flows, node_names)
    services = service_entries(asked, engine.pool_counters(), clock_ps / PS_PER_S)
    return {"transfers": transfers or None, "services": services or None}


def _transfers_of(flows):
    """The bulk transfers among flows."""
    rows = np.flatnonzero(flows.kind == BULK)
    return Transfers(rows, flows.total_bytes[rows])


def _services_of(flows, specs, node_names):
    """The pools of servers that flows (`FlowSpec` by row) send requests to."""
    asking = [int(np.flatnonzero(flows.pool == pool)[0]) for pool in range(len(flows.pools.node))]
    return Services(
        flows=[specs[flow].table.name for flow in asking],
        node=[node_names[node] for node in flows.pools.node],
        servers=flows.pools.servers,
    )
