"""`lasermesh plot`: pictures of a run."""

import click

from lasermesh.cli.common import json_option, print_json, print_table, warn


@click.command(name="plot")
@click.argument("run", type=click.Path())
@click.argument("what", nargs=-1)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="A name ending in .png, .svg or .pdf; of several plots a PDF has pages, the others become "
    "NAME-WHAT.png and so on. Default: the name of the run, .png, in the current folder.",
)
@click.option("--list", "only_list", is_flag=True, help="Say which plots fit the run, and why others do not.")
@click.option("--flow", "flows", multiple=True, metavar="NAME", help="Draw this flow, or all of this name.")
@click.option("--link", "links", multiple=True, metavar="FROM:TO", help="Draw this link, one direction.")
@click.option(
    "--node", "nodes", multiple=True, metavar="NAME", help="Draw contacts, or levels, of this node."
)
@click.option("--at", "at_s", type=float, metavar="S", help="Draw the map at S, since the topology's epoch.")
@click.option(
    "--start",
    "start_s",
    type=float,
    metavar="S",
    help="Draw what is over time, and the map, from S on, since the topology's epoch.",
)
@click.option("--duration", "duration_s", type=float, metavar="S", help="Draw so many seconds of it.")
@click.option("--with", "others", multiple=True, metavar="RUN", help="Compare with this run, too.")
@click.option("--top", type=click.IntRange(1), metavar="N", help="Draw so many flows, links or rows.")
@click.option(
    "--scale-to",
    "scale_to_percent",
    type=click.FloatRange(0, 100, min_open=True),
    metavar="PERCENT",
    help="End the colours of utilisation and map there, not at the greatest value.",
)
@click.option(
    "--width",
    "width_cm",
    type=click.FloatRange(5, 100),
    default=17.0,
    metavar="CM",
    help="Of the whole picture (17); a column of a paper is about 8.5.",
)
@click.option(
    "--height",
    "height_cm",
    type=click.FloatRange(4, 200),
    metavar="CM",
    help="By default as the plot needs it.",
)
@click.option(
    "--dpi", type=click.IntRange(20, 1200), default=200, metavar="N", help="Pixels an inch of PNG (200)."
)
@json_option
def command(run, what, output, only_list, dpi, as_json, **options):
    """Draw a run: latency, links, queues, contacts, a map, comparisons, as PNG, SVG or PDF.

    RUN is the folder of a run, of the runs of alternatives, or of a comparison; WHAT are kinds of plots, by
    default all that fit it. `lasermesh docs plots` describes them.

    \b
    Example:
      lasermesh plot runs/quick --list
      lasermesh plot runs/quick latency map -o quick.svg
      lasermesh plot runs/quick cdf --flow rush --width 8.5 -o cdf.pdf
      lasermesh plot runs/quick latency rtt --start 7 --duration 0.2 -o rush.pdf
    """
    from lasermesh.experiments.showing import plot

    if only_list:
        _print_list(run, options, as_json)
        return
    written = plot(run, *what, output=output, dpi=dpi, warn=warn, **options)
    if as_json:
        print_json(written)
    else:
        for each in written["files"]:
            click.echo(f"{each['file']}: {', '.join(each['plots'])}")


def _print_list(run, options, as_json):
    """Every kind of plot, what it shows, and why it does not fit if it does not."""
    from lasermesh.views import plots

    options["others"] = tuple(plots.open_folder(other) for other in options["others"])
    fits = plots.what_fits(plots.open_folder(run), **options)
    if as_json:
        kinds = [{"plot": name, "fits": why is None, "why_not": why} for name, why in fits.items()]
        print_json({"plots": kinds})
        return
    print_table([(name, plots.PLOTS[name].help) for name, why in fits.items() if why is None])
    reasons = dict.fromkeys(why for why in fits.values() if why is not None)
    if reasons:
        click.echo("\nNot of this run:")
    for reason in reasons:
        click.echo(f"  {', '.join(name for name, why in fits.items() if why == reason)}: {reason}")
