"""What flows did since they were last looked at."""

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.packets.endpoint_kernels import HIGH_WORD, latency_bin
from lasermesh.packets.latency_bins import N_BINS
from lasermesh.packets.state import (
    K_BINS,
    K_BYTES,
    K_DELIVERED,
    K_LATENCY_MAX,
    K_LATENCY_MIN,
    K_LATENCY_SUM,
    K_LATENCY_SUM_HIGH,
    S_SEQUENCE,
)
from lasermesh.units import NONE

# Columns of `before` and of `changes`, in which the first holds the row of the flow; drops by cause follow.
I_FLOW = 0
I_SENT = 1
I_DELIVERED = 2
I_BYTES = 3
I_DROPPED = 4

# Columns of `latency_ps`.
I_MEAN = 0
I_P50 = 1
I_P99 = 2
LATENCY_COLUMNS = 3


@kernel
def fill_changes(flows, dropped, histogram, edges_ps, before, sums, counted, changes, latency_ps):
    """Rows of `changes` and `latency_ps` of the flows that did something: how many; and notes how they stand.

    `flows` and `histogram` are those of the engine, `dropped` int64 (n, N_CAUSES) its drops, `edges_ps`
    float64 (N_BINS,). `before` int64 (n, I_DROPPED + N_CAUSES), `sums` int64 (n, 2), the two words of the sum
    of latencies, and `counted`, as large as `histogram`, are what was there the last time, and come out as
    what is there now. Percentiles are those of `results.statistics.percentile_ps` with the greatest latency
    that the flow has had so far, means and percentiles of flows of which nothing was delivered nan, and
    percentiles of those without bins.
    """
    n = 0
    for flow in range(len(before)):
        changes[n, I_FLOW] = flow
        changes[n, I_SENT] = flows[flow, S_SEQUENCE] - before[flow, I_SENT]
        changes[n, I_DELIVERED] = flows[flow, K_DELIVERED] - before[flow, I_DELIVERED]
        changes[n, I_BYTES] = flows[flow, K_BYTES] - before[flow, I_BYTES]
        is_changed = changes[n, I_SENT] != 0 or changes[n, I_DELIVERED] != 0
        for cause in range(dropped.shape[1]):
            changes[n, I_DROPPED + cause] = dropped[flow, cause] - before[flow, I_DROPPED + cause]
            is_changed = is_changed or changes[n, I_DROPPED + cause] != 0
        if not is_changed:
            continue
        for column in range(I_SENT, before.shape[1]):
            before[flow, column] += changes[n, column]
        latency_ps[n] = np.nan
        delivered = changes[n, I_DELIVERED]
        if delivered > 0:
            high, low = flows[flow, K_LATENCY_SUM_HIGH], flows[flow, K_LATENCY_SUM]
            sum_ps = float(high - sums[flow, 0]) * float(HIGH_WORD) + float(low - sums[flow, 1])
            latency_ps[n, I_MEAN] = sum_ps / delivered
            sums[flow, 0], sums[flow, 1] = high, low
            bins = flows[flow, K_BINS]
            median_rank, high_rank = (delivered * 50 + 99) // 100, (delivered * 99 + 99) // 100
            come = 0
            first, last = latency_bin(flows[flow, K_LATENCY_MIN]), latency_bin(flows[flow, K_LATENCY_MAX])
            if bins == NONE:
                last = first - 1
            for bin_ in range(first, last + 1):  # outside of it no packet of the flow ever was
                more = histogram[bins, bin_] - counted[bins, bin_]
                if more > 0:
                    counted[bins, bin_] += more
                    upper_ps = float(flows[flow, K_LATENCY_MAX])
                    if bin_ < N_BINS - 1:  # the last one has no upper edge
                        upper_ps = min(edges_ps[bin_], upper_ps)
                    if come < median_rank <= come + more:
                        latency_ps[n, I_P50] = upper_ps
                    if come < high_rank <= come + more:
                        latency_ps[n, I_P99] = upper_ps
                    come += more
        n += 1
    return n
