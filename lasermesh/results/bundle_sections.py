"""Sections of a run's text about bundles: what came of them, how long they took, what nodes stored."""

from lasermesh.results.layout import (
    SPANNED,
    columns,
    count,
    counted,
    decimal,
    duration,
    label,
    share,
    size,
    wrapped,
)
from lasermesh.scenario.bundles import EARLIEST, ION, SABR, SABR_COMPLETE, SPREAD

MOST_FLOWS = 20
MOST_STORES = 10
DELAYS = ("min", "mean", "p50", "p90", "p99", "max")


def bundle_sections(summary):
    """Lists of lines, one for each section; none where no bundles were sent."""
    bundles = summary.get("bundles")
    if not bundles:
        return []
    rows = _rows(bundles)
    return [_outcomes(rows, bundles), _lost(rows), _delays(rows), _stores(bundles["stores"])]


def _rows(bundles):
    """Labels and entries: of each flow, or of each `[[flows]]` where there are many, and of all."""
    flows, groups, total = bundles["flows"], bundles["flow_groups"], bundles["total"]
    if len(flows) <= MOST_FLOWS:
        rows = [(label(flow), flow) for flow in flows]
    else:
        rows = [(f"{group['name']}, {counted(group['flows'], 'flow')}", group) for group in groups]
    return rows + ([("all bundles", total)] if len(rows) > 1 else [])


def _outcomes(rows, bundles):
    headers = [("", "made"), ("", "delivered"), ("", "of made"), ("", "lost"), ("", "stored")]
    headers += [("on the", "way"), ("bytes", "delivered"), ("sent, on", "all hops"), ("of it", "again")]
    lines = columns(
        "Bundles",
        headers,
        [
            [
                *(name, count(entry["made"]), count(entry["delivered"])),
                *(share(entry["delivered"], entry["made"]), count(sum(entry["lost"].values()))),
                *(count(entry["stored"]), count(entry["on_the_way"])),
                *(size(entry[what]) for what in ("bytes_delivered", "sent_bytes", "resent_bytes")),
            ]
            for name, entry in rows
        ],
    )
    total = bundles["total"]
    how = {
        EARLIEST: "earliest arrival",
        SABR: "the volume rules of CCSDS 734.3-B-1",
        ION: "the volume rules of CCSDS 734.3-B-1 with ION's numbers",
        SABR_COMPLETE: "the volume rules of CCSDS 734.3-B-1, all candidates compared",
        SPREAD: "spread",
    }
    text = f"Routed by {how[bundles['routing']]}"
    text += f"; {counted(total['reroutes'], 'change')} of route, {counted(total['split'], 'bundle')} split"
    if total["delay_s"] is not None and total["delivered"] < total["made"]:
        text += "; times are of bundles delivered, those that were not would have had longer ones"
    return lines + wrapped(text, "  ")


def _lost(rows):
    """Lost bundles by cause."""
    causes = [cause for cause, number in rows[-1][1]["lost"].items() if number]
    if not causes:
        return []
    cells = [[name, *(count(entry["lost"][cause]) for cause in causes)] for name, entry in rows]
    return columns("Lost bundles, by cause", [("", cause) for cause in causes], cells)


def _delays(rows):
    """How long those that were delivered took."""
    if all(entry["delay_s"] is None for _, entry in rows):
        return []
    headers = [("from making to delivery", DELAYS[0]), *((SPANNED, what) for what in DELAYS[1:])]
    cells = [
        [name, *(duration((entry["delay_s"] or {}).get(what)) for what in DELAYS), _hops(entry)]
        for name, entry in rows
    ]
    return columns("Delay of bundles delivered", [*headers, ("contacts", "mean")], cells)


def _hops(entry):
    return decimal(entry["hops_mean"], 2)


def _stores(stores):
    """The stores that were fullest."""
    used = sorted((store for store in stores if store["peak_bytes"]), key=lambda store: -store["peak_bytes"])
    if not used:
        return []
    headers = [("most", "stored"), ("most", "bundles"), ("room", ""), ("stored", "at the end")]
    cells = [
        [
            *(store["node"], size(store["peak_bytes"]), count(store["peak_bundles"])),
            "no limit" if store["store_bytes"] is None else size(store["store_bytes"]),
            size(store["stored_bytes"]),
        ]
        for store in used[:MOST_STORES]
    ]
    title = "Stores" if len(used) <= MOST_STORES else f"Fullest of {count(len(used))} stores"
    return columns(title, headers, cells)
