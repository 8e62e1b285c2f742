"""What the summary of a run says of bundles: of each flow of them, of all, and of what nodes stored."""

from lasermesh.packets.causes import CAUSES
from lasermesh.units import PS_PER_MS, PS_PER_S
from lasermesh.workloads.spreads import spread_s

BUNDLES = "bundles"
"""What the flows of bundles count, in place of packets."""


def bundle_entry(totals, experiment, simulated_s, segments=None):
    """The summary's entry `bundles`.

    Parameters
    ----------
    totals : dict
        What `bundles.work.BundleWork.totals` gives.
    experiment : Experiment
    simulated_s : float
        How far the run came.
    segments : dict, optional
        What became of the packets that carried bundles: `sent`, `delivered`, `in_flight` and `dropped` by
        cause.

    Returns
    -------
    entry : dict
        `flows` and `flow_groups` (those of one `[[flows]]` taken together) and `total`, each with `made`,
        `delivered`, `stored`, `on_the_way`, `lost` by cause, `bytes_made`, `bytes_delivered`,
        `goodput_gbps`, `delay_s` (None if nothing was delivered), `hops_mean`, `reroutes`, `unrouted`,
        `split`, `sent_bytes` and `resent_bytes`; `stores`, and how bundles were handled.
    """
    flows = totals["flows"]
    groups = {}
    for flow, spec in zip(flows, experiment.bundle_flows, strict=True):
        groups.setdefault(spec.table.name, []).append((flow, spec))
    handled, names = experiment.bundles, experiment.topology.node_names
    return {
        "routing": handled.routing,
        "booking": handled.booking,
        "when_cut": handled.when_cut,
        "flows": [
            {"name": spec.name, "from": spec.from_name, "to": spec.to_name}
            | _statistics([flow], [spec], simulated_s)
            for flow, spec in zip(flows, experiment.bundle_flows, strict=True)
        ],
        "flow_groups": [
            {"name": name, "flows": len(members)} | _statistics(*zip(*members, strict=True), simulated_s)
            for name, members in groups.items()
        ],
        "total": {"flows": len(flows)} | _statistics(flows, experiment.bundle_flows, simulated_s),
        "segments": segments,
        "stores": [store | {"node": names[store["node"]]} for store in totals["stores"]],
    }


def _statistics(flows, specs, simulated_s):
    """Figures of some flows taken together."""

    def total(what):
        return sum(int(flow[what]) for flow in flows)

    lost = {cause: sum(flow["lost"].get(cause, 0) for flow in flows) for cause in CAUSES}
    delivered, active_s = total("delivered"), _active_s(specs, simulated_s)
    bytes_delivered = total("bytes_delivered")
    return {
        "made": total("made"),
        "delivered": delivered,
        "stored": total("stored"),
        "on_the_way": total("on_the_way"),
        "lost": lost,
        "bytes_made": total("bytes_made"),
        "bytes_delivered": bytes_delivered,
        "goodput_gbps": bytes_delivered * 8e-9 / active_s if active_s > 0 else None,
        "delay_s": spread_s([delay_ps for flow in flows for delay_ps in flow["delays_ps"]]),
        "hops_mean": total("hops") / delivered if delivered else None,
        "reroutes": total("reroutes"),
        "unrouted": total("unrouted"),
        "split": total("split"),
        "sent_bytes": total("sent_bytes"),
        "resent_bytes": total("resent_bytes"),
    }


def _active_s(specs, simulated_s):
    """From when the first of some flows may make bundles until the run's end: they arrive long after."""
    return max(0.0, simulated_s - min((spec.table.start_s for spec in specs), default=0.0))


def as_flows(entries):
    """Entries of `bundle_entry` as those of flows of packets, in which bundles are counted.

    What is stored or on the way is in flight.
    """
    return [_as_flow(entry) for entry in entries]


def _as_flow(entry):
    delay_s = entry["delay_s"]
    kept = {what: entry[what] for what in ("name", "from", "to", "flows") if what in entry}
    return kept | {
        "counts": BUNDLES,
        "sent": entry["made"],
        "delivered": entry["delivered"],
        "in_flight": entry["stored"] + entry["on_the_way"],
        "dropped": entry["lost"],
        "bytes_sent": entry["bytes_made"],
        "bytes_delivered": entry["bytes_delivered"],
        "goodput_gbps": entry["goodput_gbps"],
        "latency_ms": delay_s and {what: value * (PS_PER_S / PS_PER_MS) for what, value in delay_s.items()},
        "jitter_ms": None,
        "reordered": 0,
        "hops_mean": entry["hops_mean"],
        "marked": 0,
    }
