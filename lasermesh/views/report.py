"""The report of a run: one page of HTML that needs nothing else, to be read, printed and kept.

Its figures are those of `summary.json` and of the text that `lasermesh run` prints: tables are set from the
same cells (`lasermesh.results.layout.TableLine`), nothing is worked out in another way.
"""

import shlex
from html import escape
from pathlib import Path
from string import Template

import lasermesh
from lasermesh.errors import UserError
from lasermesh.extras import require
from lasermesh.files import check_output, whole_file
from lasermesh.results.alternatives_text import alternatives_sections
from lasermesh.results.headline import headline
from lasermesh.results.html import facts_side_by_side, section_html
from lasermesh.results.layout import columns, counted
from lasermesh.results.loading import AlternativeRuns
from lasermesh.results.statuses import COMPLETE
from lasermesh.results.text import (
    BUNDLES_SENT,
    FIDELITY,
    LINKS,
    LOSSES,
    PATHS,
    REMARKS,
    TRAFFIC,
    WORK,
    summary_sections,
)
from lasermesh.views import report_parts as part
from lasermesh.views.report_figures import FEW_PLOTS, MAIN_PLOTS, figures_html
from lasermesh.views.report_scenario import scenario_text

SUFFIXES = (".html", ".htm")
PAGE = Path(__file__).parent / "page"

_TITLES = {
    FIDELITY: "How true the live run was to its model",
    WORK: "Work",
    BUNDLES_SENT: "Store and forward",
    TRAFFIC: "Traffic",
    LOSSES: "What was lost, and why",
    LINKS: "Links",
    PATHS: "Hand-overs and path changes",
    REMARKS: "Remarks",
}


def write_report(run, path, with_plots=True):
    """Write the report of a run.

    Parameters
    ----------
    run : Run or AlternativeRuns
    path : path
        Ends in .html; replaced where it exists.
    with_plots : bool
        False: without plots, which need the extra `plot`.

    Returns
    -------
    written : dict
        `{file, bytes}`.

    Raises
    ------
    UserError
        If the file cannot be written, matplotlib is missing, or a file of the run is damaged.
    """
    check_report(path, with_plots)
    page = report_html(run, Path(path).absolute().parent, with_plots)
    with whole_file(path) as out:
        out.write(page)
    return {"file": str(path), "bytes": len(page.encode())}


def check_report(path, with_plots=True):
    """Refuse a report that could not be written; UserError."""
    check_output(path, SUFFIXES)
    if with_plots:
        require("matplotlib", "plot", "the plots of a report need")


def report_html(run, folder, with_plots=True):
    """The page of a run, whose links to files of the run are relative to `folder` (path)."""
    is_one = not isinstance(run, AlternativeRuns)
    sections = (_sections_of_run if is_one else _sections_of_alternatives)(run, folder, with_plots)
    sections = [(name, title, body) for name, title, body in sections if body]
    links = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in sections)
    body = "".join(
        f'<section id="{name}"><h2>{escape(title)}</h2>{content}</section>'
        for name, title, content in sections
    )
    experiment = run.manifest["experiment"]
    return Template((PAGE / "report.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{experiment}: report of lasermesh"),
        style=(PAGE / "report.css").read_text(encoding="utf-8"),
        head=_head(run),
        contents=links,
        body=body,
        foot=escape(f"lasermesh {lasermesh.__version__}, from {run.path}"),
    )


def _head(run):
    """Name, how it ended, and what is short enough for a line."""
    manifest, summary = run.manifest, run.summary
    engine = summary.get("engine") or {}
    facts = [("seed", str(manifest["seed"])), ("simulated", f"{summary['simulated_s']:,g} s")]
    if (start_s := manifest["scenario"].get("start_s")) is not None:
        facts.append(("begins at", f"t = {start_s:,.12g} s, epoch {_epoch(manifest)}"))
    if engine.get("wall_s") is not None:
        facts.append(("took", f"{engine['wall_s']:,.2f} s"))
    if isinstance(run, AlternativeRuns):
        facts.append(("holds", counted(len(summary["alternatives"]), "alternative")))
    facts.append(("finished", f"{manifest['finished_utc'][:19].replace('T', ' ')} UTC"))
    facts.append(("by", f"lasermesh {manifest['versions']['lasermesh']}"))
    if summary.get("scale") not in (None, 1):
        facts.append(("scaled", f"rates and queues by {summary['scale']:g}"))
    status = escape(run.status)
    name = escape(manifest["experiment"])
    head = f'<h1>{name} <span class="status {status}">{status}</span></h1>{part.pairs_html(facts)}'
    return head + ("" if isinstance(run, AlternativeRuns) else part.banner_html(run))


def _epoch(manifest):
    return (manifest["scenario"].get("topology") or {}).get("epoch") or "of its topology"


def _sections_of_run(run, folder, with_plots):
    """Name, title and HTML of the sections of one run."""
    plots = figures_html(run, MAIN_PLOTS, "") if with_plots else ""
    return [
        ("figures", "What came out", _facts(run.summary)),
        ("doubts", "Warnings and guesses", part.doubts_html(run)),
        ("plots", "Plots", plots),
        *_sections_of_summary(run, "h3"),
        *_sections_of_origin(run, folder),
    ]


def _sections_of_summary(run, heading):
    """Those that say in tables what came out."""
    texts = dict.fromkeys(_TITLES, "")
    for about, lines in summary_sections(run.summary)[1:]:
        texts[about] += section_html(lines, heading)
    if texts[TRAFFIC]:
        texts[TRAFFIC] += part.all_flows_html(run, heading)
    texts[LOSSES] += part.losers_html(run, heading) + part.causes_html(run.summary)
    return [(about, title, texts[about]) for about, title in _TITLES.items()]


def _sections_of_origin(kept, folder):
    """Those that say what was run, and how to run it again."""
    scenario = escape(scenario_text(kept.manifest["scenario"]))
    words = "All that was understood, defaults included; keys without a value are left out"
    folded = f"<details><summary>{words}</summary><pre><code>{scenario}</code></pre></details>"
    return [
        ("reproduce", "How to reproduce it", part.reproduce_html(kept, "h3")),
        ("scenario", "The scenario", folded),
        ("files", "Files", part.files_html(kept, folder)),
    ]


def _facts(summary):
    """The figures that matter first, large."""
    cells = "".join(
        f"<div><dt>{escape(fact.name)}</dt><dd>{escape(fact.value)}</dd>"
        + (f'<dd class="note">{escape(fact.note)}</dd>' if fact.note else "")
        + "</div>"
        for fact in headline(summary)
    )
    return f'<dl class="facts">{cells}</dl>' if cells else ""


def _sections_of_alternatives(runs, folder, with_plots):
    """Name, title and HTML of the sections about alternatives: side by side first, then each for itself."""
    alternatives = runs.summary["alternatives"]
    compared = "".join(section_html(lines) for lines in alternatives_sections(runs.summary)[1:])
    plots = figures_html(runs, ("compare",), "all-") if with_plots else ""
    each = [
        _one_alternative(number, alternative, _opened(runs, alternative["name"]), folder, with_plots)
        for number, alternative in enumerate(alternatives)
    ]
    return [
        ("figures", "What came out", _side_by_side(alternatives)),
        ("plots", "Plots", plots),
        ("comparison", "Side by side", compared),
        ("alternatives", "Each alternative", "".join(each)),
        *_sections_of_origin(runs, folder),
    ]


def _side_by_side(alternatives):
    """The figures that matter first, a column for each alternative."""
    names, of_each = facts_side_by_side(alternatives)
    rows = [["status", *(each["status"] for each in alternatives)]]
    rows += [[name, *(facts.get(name, "-") for facts in of_each)] for name in names]
    headers = [("", each["name"]) for each in alternatives]
    messages = [
        f'<p class="banner"><strong>{escape(each["status"])}</strong> '
        f"{escape(each['name'])}{escape(': ' + each['message'] if each['message'] else '')}</p>"
        for each in alternatives
        if each["status"] != COMPLETE
    ]
    return "".join(messages) + section_html(columns("", headers, rows), name="What came out, by alternative")


def _opened(runs, name):
    """The run of an alternative; None where it left none."""
    try:
        return runs.runs.get(name)
    except UserError as error:
        raise UserError(f"alternative {name}: {error}") from error


def _one_alternative(number, alternative, run, folder, with_plots):
    """All of one alternative, folded away."""
    name = f"{alternative['name']}: {alternative['status']}"
    if run is None:
        words = alternative["message"] or "nothing of it was kept"
        return f'<p class="note">{escape(f"{name}: {words}")}</p>'
    parts = [part.banner_html(run), _facts(run.summary), part.doubts_html(run)]
    if with_plots:
        parts.append(figures_html(run, FEW_PLOTS, f"alternative-{number}-"))
    for _, title, body in _sections_of_summary(run, "h4"):
        if body:
            parts.append(f"<h3>{escape(title)}</h3>{body}")
    command, _ = part.command_of(run.manifest)
    parts.append(f"<h3>How to reproduce it</h3><pre><code>{escape(command)}</code></pre>")
    words = escape(shlex.join(["lasermesh", "report", str(run.path)]))
    parts.append(f'<p class="note">All plots and hashes of it: <code>{words}</code></p>')
    parts.append(f"<h3>Files</h3>{part.files_html(run, folder)}")
    return f'<details class="alternative"><summary>{escape(name)}</summary>{"".join(parts)}</details>'
