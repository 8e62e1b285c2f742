"""`lasermesh report`: one page about a run."""

import click

from lasermesh.cli.common import json_option, print_json


@click.command(name="report")
@click.argument("run", metavar="RUN")
@click.option("-o", "--output", default="report.html", metavar="FILE", help="The page (report.html).")
@click.option("--no-plots", is_flag=True, help='Without plots, which need pip install "lasermesh[plot]".')
@json_option
def command(run, output, no_plots, as_json):
    """One self-contained page about a run: figures, plots, losses, how to repeat it.

    RUN is the folder of a run, or that of the runs of alternatives, which are told side by side. The page
    needs no network and no script, and can be printed. A run that was interrupted, or failed, says so.

    \b
    Example:
      lasermesh report runs/quick
      lasermesh report runs/quick -o quick.html --no-plots --json
    """
    from lasermesh.experiments.showing import report

    written = report(run, output, not no_plots)
    if as_json:
        print_json(written)
    else:
        click.echo(f"{written['file']}: {written['bytes']:,} bytes")
