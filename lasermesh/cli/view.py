"""`lasermesh view`: a run or a topology on a globe."""

import click

from lasermesh import shipped
from lasermesh.cli.common import ShippedName, json_option, print_json, set_option, warn
from lasermesh.cli.progress import ProgressLine


@click.command(name="view")
@click.argument("source", metavar="RUN|TOPOLOGY", type=ShippedName(shipped.list_topologies))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="The page, ending in .html, or the file for Cesium, in .czml; absent: NAME-globe.html.",
)
@click.option(
    "--start",
    type=float,
    metavar="S",
    help="Begin, in s since the topology's epoch; absent: of the run, or 0.",
)
@click.option(
    "--duration",
    type=float,
    metavar="S",
    help="How long, in s; absent: until the run's end, or one orbit, at most two hours.",
)
@click.option(
    "--every",
    type=float,
    metavar="S",
    help="Time between frames, in s; absent: so that what is between them is exact enough.",
)
@click.option("--flows", type=int, metavar="N", help="Show the N flows that sent most (100).")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@set_option
@json_option
def command(source, output, start, duration, every, flows, open_page, sets, as_json):
    """A run or a topology on a globe, as one page that needs no network, or as CZML for Cesium.

    RUN is the folder of a run: the page shows its links coloured by use, and the paths of its flows.
    TOPOLOGY, a name or a file, is shown without traffic, with links as its rules make them. `lasermesh docs
    view` tells how to use the page, and what on it is exact.

    \b
    Example:
      lasermesh view runs/quick -o globe.html
      lasermesh view walker-144 --duration 600 -o walker.czml
      lasermesh view runs/quick --flows 2 --json
    """
    from pathlib import Path

    from lasermesh.experiments.showing import is_a_run, view

    is_run = is_a_run(source)
    if is_run and sets:
        raise click.UsageError("--set changes a topology; a run is as it was")
    if not is_run and flows is not None:
        raise click.UsageError("--flows goes with a run; a topology has none")
    if open_page and output is not None and Path(output).suffix.lower() == ".czml":
        raise click.UsageError("--open goes with a page, ending in .html; CZML is opened in Cesium")
    line = ProgressLine()
    what = "of what links did read" if is_run else "of the links found"

    def on_progress(share):
        line.tell(share, f"{share:.0%} {what}")

    try:
        written = view(source, output, start, duration, every, flows, sets, on_progress, warn)
    finally:
        line.end()
    if as_json:
        print_json(written)
    else:
        _print(written)
    if open_page:
        import webbrowser

        webbrowser.open(Path(written["file"]).resolve().as_uri())


def _print(written):
    """Print what was written."""
    from lasermesh.results.layout import counted, size

    shown = ["satellites", "sites", "links", "contacts", "flows"]
    counts = [counted(written[each], each[:-1]) for each in shown if written[each] is not None]
    click.echo(f"{written['file']}: {', '.join(counts)}; {size(written['bytes'])}")
    click.echo(f"{written['subtitle']}; {counted(written['frames'], 'frame')}")
