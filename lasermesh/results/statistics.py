"""What the counters of flows say: packets, goodput, latency percentiles, jitter, for one flow or several."""

import numpy as np

from lasermesh.packets.causes import CAUSES
from lasermesh.units import PS_PER_MS

PERCENTS = (50, 90, 99)


def percentile_ps(histogram, upper_edges_ps, longest_ps, percent):
    """Upper edge of the bin of the nearest-rank percentile of a latency, or the greatest latency if less.

    Parameters
    ----------
    histogram : int array, shape (n_bins,)
        Packets by latency, at least one of them.
    upper_edges_ps : array, shape (n_bins,)
    longest_ps : int
        The greatest latency: what the bin that holds it answers, as no percentile is above it.
    percent : int

    Returns
    -------
    latency_ps : float
        At least the percentile itself, above it by less than the width of its bin, never above `longest_ps`.
    """
    cumulated = np.cumsum(histogram)
    rank = -(-int(cumulated[-1]) * percent // 100)
    bin_ = int(np.searchsorted(cumulated, rank))
    is_last = bin_ == len(histogram) - 1  # which has no upper edge
    return float(longest_ps if is_last else min(upper_edges_ps[bin_], longest_ps))


def flow_statistics(counters, rows, active_s):
    """Packets, goodput and latency of some flows taken together.

    Parameters
    ----------
    counters : FlowCounters
    rows : sequence of int
        The flows; one, several or none.
    active_s : float
        How long they were offered to the network, for the goodput.

    Returns
    -------
    statistics : dict
        As in the object `run` of the command line; None for what does not exist, such as the latency of
        packets of which none was delivered.

    Raises
    ------
    ValueError
        If more packets were delivered or dropped than sent.
    """
    rows = np.asarray(rows, np.int64)
    sent, delivered = int(counters.sent[rows].sum()), int(counters.delivered[rows].sum())
    bytes_delivered = int(counters.bytes_delivered[rows].sum())
    dropped = counters.dropped[rows].sum(axis=0).tolist()
    in_flight = sent - delivered - sum(dropped)
    if in_flight < 0:
        raise ValueError(
            f"flows {rows.tolist()}: {delivered} delivered and {sum(dropped)} dropped of {sent} sent"
        )
    arrived = rows[counters.delivered[rows] > 0]
    compared = rows[counters.delivered[rows] > 1]
    return {
        "sent": sent,
        "delivered": delivered,
        "in_flight": in_flight,
        "dropped": dict(zip(CAUSES, dropped, strict=True)),
        "bytes_sent": int(counters.bytes_sent[rows].sum()),
        "bytes_delivered": bytes_delivered,
        "goodput_gbps": bytes_delivered * 8e-9 / active_s if active_s > 0 else None,
        "latency_ms": _latency_ms(counters, arrived) if len(arrived) else None,
        "jitter_ms": _mean(counters.jitter_ps[compared] / PS_PER_MS, counters.delivered[compared]),
        "reordered": int(counters.reordered[rows].sum()),
        "hops_mean": int(counters.hops_sum[arrived].sum()) / delivered if delivered else None,
        "marked": int(counters.marked[rows].sum()),
    }


def _latency_ms(counters, rows):
    """Exact minimum, mean and maximum, and percentiles from the bins, of flows with delivered packets."""
    delivered = int(counters.delivered[rows].sum())
    total_ps = sum(int(counters.latency_sum_ps[row]) for row in rows)
    shortest_ps = int(counters.latency_min_ps[rows].min())
    longest_ps = int(counters.latency_max_ps[rows].max())
    histogram = counters.histogram[rows[0]].copy()
    for row in rows[1:]:  # row by row: all rows at once would be a copy of all bins of all flows
        histogram += counters.histogram[row]
    latency = {"min": shortest_ps / PS_PER_MS, "mean": total_ps / (delivered * PS_PER_MS)}
    for percent in PERCENTS:
        latency[f"p{percent}"] = (
            percentile_ps(histogram, counters.upper_edges_ps, longest_ps, percent) / PS_PER_MS
        )
    latency["max"] = longest_ps / PS_PER_MS
    return latency


def _mean(values, weights):
    """Weighted mean; None of nothing."""
    return float(np.average(values, weights=weights)) if len(values) else None
