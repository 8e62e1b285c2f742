"""What became of bulk transfers and of services, as the summary lists them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lasermesh.units import PS_PER_MS, PS_PER_S


class Transfers(NamedTuple):
    """Bulk transfers of an experiment; row i is one of them."""

    flow: np.ndarray  # int64 (n,)  its row among the flows
    total_bytes: np.ndarray  # int64 (n,)


class Services(NamedTuple):
    """Servers that answer requests; row i is one pool of them."""

    flows: Sequence[str]  # (n,) name of the table of flows that it answers
    node: Sequence[str]
    servers: np.ndarray  # int64 (n,)


def transfer_entries(transfers, flows, counters, end_ps):
    """The summary's `transfers`.

    Parameters
    ----------
    transfers : Transfers
    flows : FlowList
    counters : FlowCounters
    end_ps : int
        How far the run came.

    Returns
    -------
    entries : list of dict
        `complete_s` is when the last missing segment came and `done_s` when the sender knew, since the run's
        start, None where this did not happen. Of a transfer that is not complete nobody can tell how many
        of the segments on their way are sent again, so its `retransmissions` are None.
    """
    entries = []
    for flow, total_bytes in zip(transfers.flow.tolist(), transfers.total_bytes.tolist(), strict=True):
        sent, unique = int(counters.sent[flow]), int(counters.unique_packets[flow])
        complete_s = _instant_s(counters.complete_ps[flow], end_ps)
        entries.append(
            {
                "name": flows.name[flow],
                "from": flows.from_name[flow],
                "to": flows.to_name[flow],
                "total_bytes": total_bytes,
                "unique_bytes": int(counters.unique_bytes[flow]),
                "complete_s": complete_s,
                "done_s": _instant_s(counters.done_ps[flow], end_ps),
                "sent": sent,
                "unique_packets": unique,
                "retransmissions": None if complete_s is None else sent - unique,
                "duplicates": int(counters.duplicates[flow]),
            }
        )
    return entries


def _instant_s(time_ps, end_ps):
    """An instant since the run's start in s; None where it did not come (NEVER)."""
    return None if time_ps >= end_ps else int(time_ps) / PS_PER_S


def service_entries(services, counters, simulated_s):
    """The summary's `services`.

    Parameters
    ----------
    services : Services
    counters : packets.counters.PoolCounters
    simulated_s : float

    Returns
    -------
    entries : list of dict
        `wait_mean_ms` and `waited` (a share) are of the requests accepted, None if there were none;
        `utilisation` is the mean share of servers at work.
    """
    entries = []
    for row, (name, node) in enumerate(zip(services.flows, services.node, strict=True)):
        arrived, refused = int(counters.arrived[row]), int(counters.refused[row])
        accepted = arrived - refused
        wait_ms, busy_s = int(counters.wait_sum_ps[row]) / PS_PER_MS, int(counters.busy_ps[row]) / PS_PER_S
        room_s = int(services.servers[row]) * simulated_s
        entries.append(
            {
                "flows": name,
                "node": node,
                "servers": int(services.servers[row]),
                "arrived": arrived,
                "refused": refused,
                "served": int(counters.served[row]),
                "wait_mean_ms": wait_ms / accepted if accepted else None,
                "waited": int(counters.waited[row]) / accepted if accepted else None,
                "utilisation": busy_s / room_s if room_s > 0 else None,
            }
        )
    return entries
