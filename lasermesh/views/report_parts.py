"""Parts of a report about one run: what it rests on, its flows one by one, what was lost, its files."""

import os
import shlex
from html import escape
from urllib.parse import quote

import numpy as np

from lasermesh.packets.causes import CAUSES
from lasermesh.results.folder import MANIFEST, SUMMARY
from lasermesh.results.html import section_html, table_html
from lasermesh.results.layout import columns, count, counted, decimal, label, share, size
from lasermesh.results.statuses import COMPLETE, FAILED
from lasermesh.results.summary import drops_by_cause
from lasermesh.results.text import of_packets, worst_first

MOST_FLOWS = 1000
MOST_LOSERS = 20
"""Flows, and links, shown of those that lost packets."""

MOST_WARNINGS = 50

ABOUT_FILES = {
    MANIFEST: "how it ended, versions, hashes, the scenario as it was understood",
    SUMMARY: "the figures of this report, as `lasermesh run --json` prints them",
    "flows.parquet": "one row per flow",
    "flow_times.parquet": "one row per flow and interval: packets, losses, latency",
    "latency_bins.parquet": "distribution of the latency of each flow",
    "links.parquet": "one row per link and interval: packets, losses, queue, time busy",
    "paths.parquet": "the path of each flow, a row per change",
    "contacts.parquet": "who could send to whom, from when to when",
    "outages.parquet": "when flows did not arrive for want of right tables",
    "packets.parquet": "traced packets, a row per event",
    "queue.parquet": "observed queues, a row per change",
    "next_hops.parquet": "next hops, a row per change",
    "elements.parquet": "element sets of the satellites",
    "plan.parquet": "the contact plan that links go by",
    "plan_nodes.parquet": "nodes of the contact plan",
    "scenes.parquet": "one row per scene",
    "stages.parquet": "one row per stage of a scene",
    "requests.parquet": "one row per request",
    "steps.parquet": "one row per step of training and push of a checkpoint",
    "compute.parquet": "computers, a row per change",
    "power.parquet": "power of satellites, a row per change",
    "storage.parquet": "storage of sensors, a row per change",
    "bundles.parquet": "one row per bundle",
    "bundle_hops.parquet": "one row per stay of a bundle at a node",
    "stores.parquet": "stores of bundles, a row per change",
}

ABOUT_CAUSES = {
    "queue": "there was no room to wait for a link",
    "no_route": "the table in force named no way on",
    "link_down": "the table in force named a link that was down, or that went down under it",
    "hop_limit": "the packet had crossed as many links as it may",
    "bit_error": "the packet came damaged",
    "node_down": "the node had failed",
    "early": "packets had waited too long, and the queue dropped one to say so (CoDel)",
    "storage": "there was no room to store the bundle",
    "expired": "the bundle's lifetime ended before it had arrived",
}
"""What a cause of losses means."""


def banner_html(run):
    """What must be said before all else of a run that did not come to its end."""
    if run.status == COMPLETE:
        return ""
    simulated_s, asked_s = run.summary["simulated_s"], run.manifest["scenario"].get("duration_s")
    so_far = f"after {simulated_s:,g} s"
    if asked_s is not None and not run.summary.get("live"):  # whose command may end before or later
        so_far += f" of {asked_s:,g} s"
    text = f"This run {'failed' if run.status == FAILED else 'was interrupted'} {so_far}"
    if why := run.manifest.get("failure"):
        text += f": {why}"
    text += ". All figures are of the time until then."
    return f'<p class="banner"><strong>{escape(run.status)}</strong> {escape(text)}</p>'


def doubts_html(run):
    """Warnings of the run, and guesses that its figures rest on."""
    warnings = list(dict.fromkeys(run.manifest.get("warnings") or []))
    items = [f"Warning: {warning}" for warning in warnings[:MOST_WARNINGS]]
    if len(warnings) > MOST_WARNINGS:
        items.append(f"{count(len(warnings) - MOST_WARNINGS)} warnings more, see {MANIFEST}")
    items += guesses_of(run)
    return f'<ul class="doubts">{"".join(f"<li>{escape(item)}</li>" for item in items)}</ul>' if items else ""


def guesses_of(run):
    """A sentence for every guess of terminals and of workloads: what nobody has published."""
    sentences = []
    for terminal in (run.manifest["scenario"].get("topology") or {}).get("terminals") or []:
        if keys := terminal.get("guesses"):
            preset = f" (preset {terminal['preset']})" if terminal.get("preset") else ""
            sentences.append(f"Guesses, of terminal {terminal['name']}{preset}: {', '.join(keys)}")
    by_guess = {}
    for entry in run.summary.get("workloads") or []:
        for guess in entry["guesses"]:
            by_guess.setdefault(guess, []).append(entry["name"])
    return sentences + [f"A guess, {', '.join(names)}: {guess}" for guess, names in by_guess.items()]


def all_flows_html(run, heading):
    """Every flow of packets, the worst first, folded away."""
    flows = of_packets(run.summary["flows"])
    if len(flows) < 2:
        return ""
    shown = worst_first(flows)[:MOST_FLOWS]
    headers = [("sent", "packets"), ("delivered", "packets"), ("dropped", "packets"), ("dropped", "of sent")]
    headers += [("in flight", "packets"), ("goodput", "Gbps")]
    headers += [("latency", "mean, ms"), *(("", f"{what}, ms") for what in ("p50", "p99", "max"))]
    headers += [("hops", "mean")]
    rows = []
    for flow in shown:
        dropped, latency = sum(flow["dropped"].values()), flow["latency_ms"] or {}
        cells = [count(flow["sent"]), count(flow["delivered"]), count(dropped), share(dropped, flow["sent"])]
        cells += [count(flow["in_flight"]), decimal(flow["goodput_gbps"], 3)]
        cells += [decimal(latency.get(what), 3) for what in ("mean", "p50", "p99", "max")]
        rows.append([label(flow), *cells, decimal(flow["hops_mean"], 1)])
    words = f"All {counted(len(flows), 'flow')}, the worst first"
    if len(shown) < len(flows):
        words += f": {count(len(shown))} of them, the rest in flows.parquet"
    table = section_html(columns(words, headers, rows), heading)
    return f'<details class="flows"><summary>{escape(words)}</summary>{table}</details>'


def losers_html(run, heading):
    """The flows that lost most, and the links at which most was lost, each by cause."""
    flows = [
        (label(flow), flow["dropped"])
        for flow in of_packets(run.summary["flows"])
        if any(flow["dropped"].values())
    ]
    parts = [_by_cause("Flows that lost packets", flows, heading)] if len(flows) > 1 else []
    parts.append(_by_cause("Links at which packets were lost", losses_of_links(run), heading))
    return "".join(parts)


def losses_of_links(run):
    """Names of the links at which packets were lost, each with its losses by cause over the whole run."""
    counters = [f"dropped_{cause}" for cause in CAUSES]
    lossy = [[(counter, ">", 0)] for counter in counters]  # any of them
    rows = run.part("links", ["link", "from", "to", "kind", *counters], lossy)
    if not rows.num_rows:
        return []
    link, first, place = np.unique(rows["link"].to_numpy(), return_index=True, return_inverse=True)
    sums = np.zeros((len(link), len(CAUSES)), np.int64)
    np.add.at(sums, place, np.stack([rows[counter].to_numpy() for counter in counters], axis=1))
    ends = rows.take(first)
    names = [
        f"{sender} > {receiver} ({kind})"
        for sender, receiver, kind in zip(
            *(ends[name].to_pylist() for name in ("from", "to", "kind")), strict=True
        )
    ]
    losses = [dict(zip(CAUSES, numbers, strict=True)) for numbers in sums.tolist()]
    return list(zip(names, losses, strict=True))


def _by_cause(title, losses, heading):
    """A table of what was lost, by cause, most first."""
    if not losses:
        return ""
    causes = [cause for cause in CAUSES if any(of[cause] for _, of in losses)]
    shown = sorted(losses, key=lambda loss: -sum(loss[1].values()))[:MOST_LOSERS]
    rows = [[name, *(count(of[cause]) for cause in causes), count(sum(of.values()))] for name, of in shown]
    title += f": {count(len(losses))}"
    if len(shown) < len(losses):
        title += f", the first {len(shown)} of them"
    headers = [*((cause, "packets") for cause in causes), ("in all", "packets")]
    return section_html(columns(title, headers, rows), heading)


def causes_html(summary):
    """What the causes mean by which packets or bundles were lost."""
    lost = {cause for cause, number in drops_by_cause(summary) if number}
    if bundles := summary.get("bundles"):
        lost |= {cause for cause, number in bundles["total"]["lost"].items() if number}
    words = [
        f"<div><dt>{cause}</dt><dd>{escape(ABOUT_CAUSES[cause])}</dd></div>"
        for cause in CAUSES
        if cause in lost
    ]
    return f'<dl class="causes">{"".join(words)}</dl>' if words else ""


def command_of(manifest):
    """The command line that repeats a run, and whether the manifest tells how it was asked for."""
    asked = manifest.get("asked")
    verb = "live" if manifest.get("live") else "run"
    if asked is None:
        return shlex.join(["lasermesh", verb, manifest["experiment"], "--seed", str(manifest["seed"])]), False
    words = ["lasermesh", verb, asked["experiment"], "--seed", str(manifest["seed"])]
    for change in asked["sets"]:
        words += ["--set", change]
    for name in asked["alternatives"]:
        words += ["--alternative", name]
    if asked["warm_up_s"] is not None:
        words += ["--warm-up", f"{asked['warm_up_s']!r}"]
    return shlex.join(words + _live_words(asked.get("live") or {})), True


def _live_words(asked):
    """Options of `lasermesh live` and the command behind them, as the run was asked for with."""
    words = ["--no-gso"] if asked.get("gso") is False else []
    for name, key in (("--on", "on"), ("--capture", "capture")):
        if asked.get(key) is not None:
            words += [name, asked[key]]
    for name, key in (("--duration", "duration_s"), ("--spin", "spin_us")):
        if asked.get(key) is not None:
            words += [name, f"{asked[key]:.15g}"]
    return words + (["--", *asked["command"]] if asked.get("command") else [])


def reproduce_html(kept, heading):
    """How to repeat a run, and by what to tell that it was repeated."""
    manifest = kept.manifest
    command, is_known = command_of(manifest)
    parts = [f"<pre><code>{escape(command)}</code></pre>"]
    if not is_known:
        words = (
            "The run was kept by a version that did not note how it was asked for: changes by --set are not "
        )
        parts.append(f'<p class="note">{words}shown above, but are in the scenario below.</p>')
    hashes = [[what.replace("_", " "), value] for what, value in manifest["hashes"].items()]
    same = "The same scenario, seed and link graph give the same "
    if manifest.get("live"):
        same += (
            "mesh, step by step. Real packets come when programs and this machine send them: what becomes of "
            "them is much the same, not the same to the packet."
        )
    else:
        same += "results, whatever the number of threads."
    graph = "The link graph comes through floating-point libraries: with other versions its hash may differ."
    parts.append(f'<p class="note">{same} {graph}</p>')
    parts.append(_words_table("Hashes (SHA-256)", hashes, heading))
    files = [[name, value] for name, value in (manifest["scenario"].get("files") or {}).items()]
    if files:
        parts.append(_words_table("Files read (SHA-256)", files, heading))
    machine = manifest.get("machine") or {}
    versions = [(name, version or "not installed") for name, version in manifest["versions"].items()]
    versions += [("system", machine.get("system", "-")), ("processors", count(machine.get("processors")))]
    if threads := (kept.summary.get("engine") or {}).get("threads"):
        versions.append(("threads of the engine", count(threads)))
    parts.append(f"<{heading}>Environment</{heading}>{pairs_html(versions)}")
    return "".join(parts)


def pairs_html(pairs):
    """Names with what they are, one after the other in lines."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="run">{cells}</dl>'


def _words_table(title, rows, heading):
    """Names and words beside them."""
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f'<td class="words"><code>{escape(str(value))}</code></td></tr>'
        for name, value in rows
    )
    return f"<{heading}>{escape(title)}</{heading}>" + table_html(f"<tbody>{cells}</tbody>", title, "pairs")


def files_html(kept, folder):
    """The files of a run with their sizes, and links to them from a page in `folder` (path)."""
    manifest = kept.manifest
    files = {MANIFEST: {"bytes": (kept.path / MANIFEST).stat().st_size, "sha256": None}} | manifest["files"]
    base = os.path.relpath(kept.path, folder)
    rows = []
    for name, about in files.items():
        link = quote(f"{base}/{name}".replace(os.sep, "/"))
        words = ABOUT_FILES.get(name, "packets, for Wireshark" if ".pcap" in name else "")
        check = f"<code>{about['sha256'][:16]}</code>" if about["sha256"] else "-"
        rows.append(
            f'<tr><th scope="row"><a href="{escape(link)}">{escape(name)}</a></th>'
            f'<td class="words">{escape(words)}</td><td>{size(about["bytes"])}</td>'
            f'<td class="words">{check}</td></tr>'
        )
    head = '<thead><tr><td></td><th scope="col" class="words">holds</th><th scope="col">size</th>'
    head += '<th scope="col" class="words">SHA-256 begins</th></tr></thead>'
    where = f"In <code>{escape(str(kept.path))}</code>; the links work while both stay in place."
    return f'<p class="note">{where}</p>' + table_html(f"{head}<tbody>{''.join(rows)}</tbody>", "Files")
