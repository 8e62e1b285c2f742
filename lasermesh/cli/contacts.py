"""`lasermesh contacts`: the contact plan of a topology."""

import click

from lasermesh.cli.common import (
    TOPOLOGY,
    json_option,
    load_and_warn,
    print_memory,
    print_table,
    quiet_option,
    set_option,
    warm_up_option,
    warn,
)
from lasermesh.cli.progress import ProgressLine

FORMATS = ("csv", "json", "ion", "hdtn", "asabr", "parquet")
WITH_FRACTIONS = ("ion", "asabr")
SUFFIXES = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".ionrc": "ion"}


@click.command(name="contacts")
@click.argument("topology", type=TOPOLOGY)
@click.option(
    "--start", default=0.0, metavar="S", help="Begin of the plan, in s since the topology's epoch (0)."
)
@click.option("--duration", default=3600.0, metavar="S", help="How long the plan is, in s (3600).")
@click.option(
    "--potential",
    is_flag=True,
    help="What geometry allows, whatever terminals, clouds and choices make of it.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    help="Write the plan so, on stdout or with -o; absent: a few numbers, or as the file of -o is named.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the plan into a file.")
@click.option(
    "--split-owlt",
    type=float,
    metavar="MS",
    help="Cut contacts so that the light time moves by at most so many ms in each.",
)
@click.option(
    "--fractions", is_flag=True, help="With ion or asabr: write fractions, which not every version reads."
)
@warm_up_option
@set_option
@quiet_option("No progress")
@json_option
def command(
    topology,
    start,
    duration,
    potential,
    file_format,
    output,
    split_owlt,
    fractions,
    warm_up,
    sets,
    quiet,
    as_json,
):
    """The contact plan: who can send to whom, from when to when.

    A contact is one direction of a link, uninterrupted and at one rate; its edges are exact. `lasermesh docs
    contacts` tells what each format can hold.

    \b
    Example:
      lasermesh contacts walker-144 --duration 600
      lasermesh contacts walker-144 --duration 600 --potential -o plan.csv
      lasermesh contacts walker-144 --duration 600 --format ion --split-owlt 5
    """
    file_format = format_of(file_format, output, as_json)
    if fractions and file_format not in WITH_FRACTIONS:
        raise click.UsageError(f"--fractions goes with --format {' or '.join(WITH_FRACTIONS)}")
    from lasermesh.experiments.contacts import find_contacts, write_contacts

    loaded = load_and_warn(topology, sets)
    line = ProgressLine(quiet)

    def on_progress(t_s):
        line.tell((t_s - start) / duration, f"{t_s - start:.0f} of {duration:g} s looked at")

    try:
        found = find_contacts(loaded, start, duration, potential, split_owlt, warm_up, on_progress, warn)
    finally:
        line.end()
    if file_format is not None:
        write_contacts(found, file_format, output, fractions, warn)
    if output is not None and not as_json:
        click.echo(f"{output}: {found.plan.size} contacts as {file_format}")
        print_memory(found.memory)
    elif as_json and (output is not None or file_format is None):
        write_contacts(found, "json", None, warn=warn)
    elif file_format is None:
        _print_text(found)


def format_of(file_format, output, as_json):
    """The format to write in, None for none; UsageError if the options do not go together."""
    if output is None:
        if as_json and file_format not in (None, "json"):
            raise click.UsageError(f"give --json or --format {file_format}, or -o FILE for the latter")
        if file_format == "parquet":
            raise click.UsageError("--format parquet needs -o FILE: it is no text")
        return file_format
    if not output.strip():
        raise click.UsageError("the name of the file for -o is empty")
    if file_format is None:
        from pathlib import Path

        file_format = SUFFIXES.get(Path(output).suffix.lower())
        if file_format is None:
            raise click.UsageError(f'the name "{output}" does not tell the format; give --format')
    return file_format


def _print_text(found):
    """Print a few numbers of a contact plan."""
    from lasermesh.experiments.contacts import describe_contacts

    what = "what geometry allows" if found.potential else "links as the rules make them"
    click.echo(f"{found.topology.name} from t = {found.start_s:.12g} to {found.stop_s:.12g} s, {what}")
    print_table(describe_contacts(found))
    print_memory(found.memory)
