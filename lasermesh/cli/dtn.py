"""`lasermesh dtn`: store and forward over contact plans."""

import contextlib
import math
from pathlib import Path

import click

from lasermesh import shipped
from lasermesh.cli.common import (
    ShippedName,
    json_option,
    print_json,
    set_option,
    warm_up_option,
    warn,
)
from lasermesh.cli.contacts import FORMATS, WITH_FRACTIONS, format_of
from lasermesh.cli.dtn_text import contacts_text, print_booked, print_profile, print_route, print_routes
from lasermesh.cli.progress import ProgressLine
from lasermesh.files import check_output

_PLAN = ShippedName(shipped.list_plans, shipped.list_topologies)
# As `scenario.bundles.ROUTINGS`, which takes too long to import for `--help`.
_BY_VOLUME_RULES = ("sabr", "sabr-complete", "ion")
_ROUTINGS = ("earliest", *_BY_VOLUME_RULES, "spread")
_WHAT_RULES = (
    "by the volume rules of CCSDS 734.3-B-1: the first candidate (sabr), the best one (sabr-complete), the "
    "first by ION's numbers (ion)"
)


@click.group(name="dtn")
def command():
    """Store and forward: contact-graph routing over contact plans.

    PLAN is a contact plan of ION, HDTN or A-SABR, or one in our CSV, JSON or Parquet; or a topology, whose
    contacts are then computed. Nodes are meant by name, ipn number (`5`, `ipn:5`) or row (`#5`); times count
    from the plan's epoch. `lasermesh docs dtn` has the model, and what differs from other programs.

    \b
    Example:
      lasermesh dtn route tutorial 1 5 --at 0
      lasermesh dtn profile tutorial 1 5
      lasermesh dtn convert tutorial --format hdtn
      lasermesh dtn book tutorial bundles.csv
    """


def _options(*options):
    """Several options as one decorator."""

    def decorate(function):
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_period_options = _options(
    click.option(
        "--start",
        type=float,
        metavar="S",
        help="Of a topology: from when on contacts are computed, in s since its epoch.",
    ),
    click.option(
        "--duration", type=float, metavar="S", help="Of a topology: for how long, in s; absent: a day."
    ),
)
_departure_options = _options(
    click.option(
        "--start", type=float, metavar="S", help="First instant that is looked at, in s since the epoch (0)."
    ),
    click.option(
        "--duration",
        type=float,
        metavar="S",
        help="For how long, in s; absent: a day of a topology, a plan file until its last contact's end.",
    ),
)
_plan_options = _options(
    click.option(
        "--epoch",
        metavar="UTC",
        help="Of a plan file: what t = 0 is, as 2026-01-01T00:00:00Z; absent: what the file says.",
    ),
    warm_up_option,
    set_option,
    json_option,
)
_terms_options = _options(
    click.option(
        "--window-end",
        type=click.Choice(("exclusive", "inclusive")),
        default="exclusive",
        help="Whether a bundle without length may leave at the very end of a contact (exclusive: no).",
    ),
    click.option("--margin", default=0.0, metavar="S", help="Added to the light time of each hop, in s (0)."),
    click.option(
        "--handling",
        default=0.0,
        metavar="S",
        help="From a bundle's arrival at a node until it can be sent on, in s (0).",
    ),
)
_left_out_options = _options(
    click.option(
        "--without-node",
        "without_nodes",
        multiple=True,
        metavar="N",
        help="A node or group that no route passes; may be repeated.",
    ),
    click.option(
        "--without-contact",
        "without_contacts",
        type=int,
        multiple=True,
        metavar="I",
        help="Number of a contact that no route uses, as `dtn route` prints it; may be repeated.",
    ),
)


class _WholeBytes(click.ParamType):
    """A number of bytes; `1_000_000` is one, and `1e6` is told how to be written."""

    name = "integer"

    def convert(self, value, param, ctx):
        try:
            return int(value)
        except ValueError:
            pass
        try:
            hint = f"; write {int(float(value))}" if float(value).is_integer() else ""
        except ValueError:
            hint = ""
        return self.fail(f'must be a whole number of bytes (got "{value}"){hint}', param, ctx)


_bytes_option = click.option(
    "--bytes",
    "n_bytes",
    type=_WholeBytes(),
    default=0,
    metavar="B",
    help="Size of the bundle on the wire (0: how long it takes to send is left out).",
)


@contextlib.contextmanager
def _opened(plan, start, duration, epoch, warm_up, sets):
    """The plan that a command was given; its warnings are printed, and progress while it is computed."""
    from lasermesh.experiments.dtn_plans import DEFAULT_DURATION_S, open_plan

    line = ProgressLine()
    begin_s = 0.0 if start is None else start
    length_s = DEFAULT_DURATION_S if duration is None else duration

    def on_progress(t_s):
        line.tell((t_s - begin_s) / length_s, f"{t_s - begin_s:.0f} of {length_s:g} s looked at")

    try:
        yield open_plan(plan, start, duration, sets, warm_up, _moment(epoch), on_progress, warn)
    finally:
        line.end()


def _check_output(output, *inputs, suffix=".csv"):
    """Refuse, before anything is computed, a file for -o that cannot be written or is one of those read."""
    if output is None:
        return
    check_output(output, None if suffix is None or not Path(output).suffix else (suffix,))
    path = Path(output)
    for name in (f"{each}{ending}" for each in inputs for ending in ("", ".csv")):
        if path.exists() and Path(name).exists() and path.samefile(name):
            raise click.UsageError(f'"{output}" is what is read; give -o another name')


def _moment(text):
    """The instant that --epoch gives, None where it is absent."""
    import datetime

    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter(
            f'must be as 2026-01-01T00:00:00Z, with its offset (got "{text}")', param_hint="--epoch"
        )
    return moment.astimezone(datetime.UTC)


@command.command(name="route")
@click.argument("plan", type=_PLAN)
@click.argument("from_name", metavar="FROM")
@click.argument("to_name", metavar="TO")
@click.option(
    "--at", "at_s", type=float, required=True, metavar="S", help="From when on the bundle can leave, in s."
)
@_bytes_option
@click.option("--k", type=int, metavar="K", help="The K best routes that meet no node twice, best first.")
@click.option("--expires", type=float, metavar="S", help="Arrivals after this instant do not count.")
@_left_out_options
@click.option(
    "--method",
    type=click.Choice(("earliest", *_BY_VOLUME_RULES)),
    default="earliest",
    help=f"Exact (earliest), or {_WHAT_RULES}. Bundles are spread by `dtn book` alone: it takes many.",
)
@_terms_options
@_period_options
@_plan_options
def route(
    plan,
    from_name,
    to_name,
    at_s,
    n_bytes,
    k,
    expires,
    without_nodes,
    without_contacts,
    method,
    window_end,
    margin,
    handling,
    start,
    duration,
    epoch,
    warm_up,
    sets,
    as_json,
):
    """The best route of a bundle, or the K best, hop by hop.

    Routes are ordered by earliest arrival, then fewest contacts, then latest end of the first contact to end,
    then smallest number of the first node behind FROM. Of a topology contacts are computed from --at on.
    Where there is no route the values are null, and the exit code is 0.

    \b
    Example:
      lasermesh dtn route tutorial 1 5 --at 0
      lasermesh dtn route tutorial 1 5 --at 0 --k 7
      lasermesh dtn route tutorial 1 5 --at 0 --bytes 5000 --without-node 2 --json
      lasermesh dtn route walker-144 Tokyo London --at 0 --duration 60 --bytes 1000000
    """
    from lasermesh.experiments.dtn import checked_terms, find_routes
    from lasermesh.experiments.dtn_plans import means_topology

    terms = checked_terms(window_end, margin, handling)
    if start is None and means_topology(plan):
        start = at_s
    asked = from_name, to_name, at_s, n_bytes, k, terms, expires, without_nodes, without_contacts, method
    with _opened(plan, start, duration, epoch, warm_up, sets) as opened:
        found = find_routes(opened, *asked)
    if as_json:
        print_json(found)
    elif k is None:
        print_route(found, handling)
    else:
        print_routes(found)


@command.command(name="profile", short_help="When what is ready at any instant arrives.")
@click.argument("plan", type=_PLAN)
@click.argument("from_name", metavar="FROM")
@click.argument("to_names", metavar="TO")
@_bytes_option
@_left_out_options
@_terms_options
@click.option(
    "--look-ahead",
    type=float,
    metavar="S",
    help="Of a topology: for how long after --duration contacts are computed too, for what is ready late.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the pieces into a CSV file.")
@_departure_options
@_plan_options
def profile(
    plan,
    from_name,
    to_names,
    n_bytes,
    without_nodes,
    without_contacts,
    window_end,
    margin,
    handling,
    look_ahead,
    output,
    start,
    duration,
    epoch,
    warm_up,
    sets,
    as_json,
):
    """When what is ready at FROM at any instant is at TO, and how long that takes on average.

    TO is a node, or several, or groups of a topology, separated by commas: whichever is reached first. Ready
    are instants from --start on, for --duration; absent: as long as the plan goes. Each piece of the answer
    is a time in which either all arrive at once, as a contact has to begin, or all take as long.

    \b
    Example:
      lasermesh dtn profile tutorial 1 5
      lasermesh dtn profile tutorial 1 4,5 --bytes 5000 --start 20 --duration 30 --json
    """
    from lasermesh.experiments.dtn import checked_terms, write_rows
    from lasermesh.experiments.dtn_plans import DEFAULT_DURATION_S, means_topology
    from lasermesh.experiments.dtn_profiles import PIECE_FIELDS, find_profile

    terms = checked_terms(window_end, margin, handling)
    if look_ahead is not None and not 0.0 <= look_ahead < math.inf:
        raise click.UsageError(f"--look-ahead must be a number of seconds from 0 on (got {look_ahead:g})")
    period = None, None
    if means_topology(plan):
        duration = DEFAULT_DURATION_S if duration is None else duration
        period = start, duration + (look_ahead or 0.0)
    elif look_ahead is not None:
        raise click.UsageError("--look-ahead goes with a topology; a plan file is looked at as a whole")
    _check_output(output, plan)
    asked = from_name, to_names, start, duration, n_bytes, terms, without_nodes, without_contacts
    with _opened(plan, *period, epoch, warm_up, sets) as opened:
        found = find_profile(opened, *asked)
    if output is not None:
        write_rows(found["pieces"], PIECE_FIELDS, output)
    if as_json:
        print_json(found)
    else:
        print_profile(found, to_names)
        if output is not None:
            click.echo(f"{output}: {len(found['pieces'])} pieces")


@command.command(name="book", short_help="Routes for many bundles, volume booked.")
@click.argument("plan", type=_PLAN)
@click.argument("bundles", type=click.Path())
@click.option(
    "--method",
    type=click.Choice(_ROUTINGS),
    default="earliest",
    help=f"Exact (earliest), over several neighbours that are nearly as good (spread), or {_WHAT_RULES}.",
)
@click.option("--split", is_flag=True, help="A bundle for which there is no room as a whole goes in parts.")
@click.option(
    "--spread-within",
    default=60.0,
    metavar="S",
    help="With spread: how much later than the best a route may arrive, in s (60).",
)
@click.option(
    "--spread-routes", default=4, metavar="N", help="With spread: over how many neighbours at most (4)."
)
@_terms_options
@click.option("-o", "--output", metavar="FILE", help="Write a line for each bundle into a CSV file.")
@_period_options
@_plan_options
def book(
    plan,
    bundles,
    method,
    split,
    spread_within,
    spread_routes,
    window_end,
    margin,
    handling,
    output,
    start,
    duration,
    epoch,
    warm_up,
    sets,
    as_json,
):
    """Routes for many bundles, each with its volume booked, as a node that knows of all would do it.

    BUNDLES is a CSV file with the columns created_s, from, to, bytes and perhaps priority (bulk, normal,
    expedited) and lifetime_s. Bundles are booked in the order in which they are made; one of higher priority
    takes volume from others, which are routed anew.

    \b
    Example:
      lasermesh dtn book tutorial bundles.csv
      lasermesh dtn book tutorial bundles.csv --method sabr --json
    """
    from lasermesh.experiments.dtn import checked_terms, write_rows
    from lasermesh.experiments.dtn_booking import ROW_FIELDS, book_plan

    terms = checked_terms(window_end, margin, handling)
    _check_output(output, plan, bundles)
    with _opened(plan, start, duration, epoch, warm_up, sets) as opened:
        found = book_plan(opened, bundles, method, terms, split, spread_within, spread_routes)
    if output is not None:
        write_rows(found["bundles"], ROW_FIELDS, output)
    if as_json:
        print_json(found)
    else:
        print_booked(found)
        if output is not None:
            click.echo(f"{output}: {len(found['bundles'])} bundles")


@command.command(name="convert")
@click.argument("plan", type=_PLAN)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    help="What to write, on stdout or with -o; absent: as the file of -o is named.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the plan into a file.")
@click.option(
    "--fractions", is_flag=True, help="With ion or asabr: write fractions, which not every version reads."
)
@_period_options
@_plan_options
def convert(plan, file_format, output, fractions, start, duration, epoch, warm_up, sets, as_json):
    """A contact plan in another format; what that cannot hold is told.

    \b
    Example:
      lasermesh dtn convert tutorial --format hdtn
      lasermesh dtn convert tutorial -o tutorial.csv
    """
    file_format = format_of(file_format, output, as_json)
    if file_format is None and not as_json:
        raise click.UsageError("give --format, or -o FILE with a name that tells it")
    if fractions and file_format not in WITH_FRACTIONS:
        raise click.UsageError(f"--fractions goes with --format {' or '.join(WITH_FRACTIONS)}")
    from lasermesh.experiments.dtn_plans import convert_plan

    _check_output(output, plan, suffix=None)
    with _opened(plan, start, duration, epoch, warm_up, sets) as opened:
        if file_format is not None:
            n_contacts = convert_plan(opened, file_format, output, fractions, warn)
        if as_json and (output is not None or file_format is None):
            convert_plan(opened, "json")
    if output is not None and not as_json:
        click.echo(f"{output}: {contacts_text(n_contacts)} as {file_format}")
