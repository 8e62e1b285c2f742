"""Runs that hold nothing but what flows did over time."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from lasermesh.packets.causes import CAUSES
from lasermesh.results.tables import FLOW_TIMES, schema_of


def run_of(rows, simulated_s, start_s=0.0, longest_ms=1000.0):
    """A run with the rows `(t_s, until_s, flow, delivered, mean_ms, p99_ms, dropped)` of flow_times.

    The flows are called f0, f1, ...; their longest latencies are far above all others, unless it is given.
    """
    n_flows = 1 + max((row[2] for row in rows), default=0)
    entries = [
        {
            "t_s": t_s,
            "until_s": until_s,
            "flow": flow,
            "sent": delivered + dropped,
            "delivered": delivered,
            **{f"dropped_{cause}": dropped if cause == "queue" else 0 for cause in CAUSES},
            "bytes_delivered": 1500 * delivered,
            "latency_mean_ms": mean_ms,
            "latency_p50_ms": mean_ms,
            "latency_p99_ms": p99_ms,
        }
        for t_s, until_s, flow, delivered, mean_ms, p99_ms, dropped in rows
    ]
    return SimpleNamespace(
        flow_times=pa.Table.from_pylist(entries, schema=schema_of(FLOW_TIMES)),
        flows=pa.table({"name": [f"f{k}" for k in range(n_flows)], "latency_max_ms": [longest_ms] * n_flows}),
        manifest={"scenario": {"start_s": start_s}},
        summary={"simulated_s": simulated_s},
    )


def rush():
    """Thirty seconds of an office, and a rush in the midst that loses packets."""
    rows = []
    for k in range(100):
        t_s = 0.3 * k
        busy = 20 <= k < 30
        mean_ms = 40.0 + 3.0 * np.sin(t_s / 4.0) + 12.0 * busy
        rows.append((t_s, t_s + 0.3, 0, 1000, mean_ms, mean_ms + 1.0 + 20.0 * busy, 30 * busy))
        if busy:
            rows.append((t_s, t_s + 0.3, 1, 50_000, 75.0, 91.0, 100 * (k - 19)))
    return run_of(rows, 30.0)
