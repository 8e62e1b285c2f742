"""`lasermesh attach`: how well guests are connected, by choice, free terminals and time to acquire."""

import click

from lasermesh.cli.common import (
    TOPOLOGY,
    json_option,
    print_json,
    print_table,
    quiet_option,
    set_option,
    warn,
)
from lasermesh.cli.progress import ProgressLine

AS_IT_IS = "topology"
UNPUBLISHED = (
    "Nobody publishes how many hosts have a terminal free for guests: the share is a guess, whoever gives "
    "it, and connected shares hang on it."
)


class Values(click.ParamType):
    """Values with commas between them; None for what stays as the topology says."""

    def __init__(self, kind, name):
        self._kind, self.name = kind, name

    def convert(self, value, param, ctx):
        """The list of values."""
        if not isinstance(value, str):
            return value
        return [self._one(word.strip(), param, ctx) for word in value.split(",")]

    def _one(self, word, param, ctx):
        if self._kind is str:
            return word
        if word == AS_IT_IS:
            return None
        try:
            return self._kind(word)
        except ValueError:
            whole = "whole " if self._kind is int else ""
            self.fail(
                f'must be {whole}numbers with commas between them, or {AS_IT_IS} (got "{word}")', param, ctx
            )


@click.command(name="attach")
@click.argument("topology", type=TOPOLOGY)
@click.option("--start", default=0.0, metavar="S", help="Begin, in s since the topology's epoch (0).")
@click.option("--duration", default=3600.0, metavar="S", help="How long guests are followed, in s (3600).")
@click.option(
    "--warm-up",
    "warm_up_s",
    default=6000.0,
    metavar="S",
    help="Follow guests S seconds before the start, and count from then on (6000, an orbit).",
)
@click.option(
    "--choose",
    type=Values(str, "rules"),
    metavar="C1,C2,...",
    help="How a guest chooses: nearest, random, longest-remaining; absent: as the topology says.",
)
@click.option(
    "--free-share",
    "free_shares",
    type=Values(float, "shares"),
    metavar="X1,X2,...",
    help="Share of hosts with one terminal free, drawn from the seed, without other links; absent: as the "
    "topology and its other rules leave it.",
)
@click.option(
    "--terminals",
    type=Values(int, "counts"),
    metavar="N1,N2,...",
    help="Terminals of each guest; absent: as the topology says.",
)
@click.option(
    "--acquisition",
    "acquisitions_s",
    type=Values(float, "seconds"),
    default="0,12,30,60,100",
    metavar="S1,S2,...",
    help="Seconds that acquiring takes, or topology for what the topology says (0,12,30,60,100).",
)
@click.option(
    "--clients", type=Values(str, "groups"), metavar="GROUP,...", help="Groups of guests; absent: all."
)
@click.option("--seeds", type=click.IntRange(1), default=1, metavar="N", help="N seeds for all chance (1).")
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Runs at once (all processors).")
@click.option("-o", "--output", metavar="FILE", help="Write the table as FILE.csv or FILE.parquet too.")
@set_option
@quiet_option("No progress")
@json_option
def command(topology, start, duration, sets, output, quiet, as_json, **options):
    """How well guests of a mesh are connected, by choice and time to acquire.

    Each group of guests is followed with the links it would have, but without packets: connected share,
    hand-overs, contacts, outages. Every combination of the values given is one row. `lasermesh docs attach`
    explains the columns.

    \b
    Example:
      lasermesh attach attach-study --free-share 0.02 --clients sso700 --duration 600
      lasermesh attach attach-study --duration 300 --terminals 1,2 --acquisition 30 -o guests.csv
    """
    from lasermesh.experiments.attaching import attach, check_file_name, describe_attachment, write_attachment

    if output is not None:
        check_file_name(output)
    line = ProgressLine(quiet)
    try:
        study = attach(
            topology,
            start_s=start,
            duration_s=duration,
            sets=sets,
            on_progress=line.tell,
            warn=warn,
            **options,
        )
    finally:
        line.end()
    if output is not None:
        write_attachment(study, output)
    if as_json:
        print_json(study)
        return
    seeds = "1 seed" if options["seeds"] == 1 else f"{options['seeds']} seeds"
    warm_up = f"guests followed from {options['warm_up_s']:.12g} s before"
    click.echo(f"{study['topology']} from t = {start:.12g} to {start + duration:.12g} s, {warm_up}, {seeds}")
    print_table(describe_attachment(study))
    click.echo(UNPUBLISHED)
    if study["guesses"]:
        click.echo(f"Guesses: {', '.join(study['guesses'])}.")
    if output is not None:
        click.echo(f"{output}: {len(study['rows'])} rows")
