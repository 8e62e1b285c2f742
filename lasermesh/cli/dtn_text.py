"""What `lasermesh dtn` prints where no JSON is asked for."""

import math

import click

from lasermesh.cli.common import print_table
from lasermesh.results.layout import LINE, cut

MOST_LINES_SHOWN = 40
"""Of a long answer; a day's profile over a mesh has tens of thousands."""

REASONS = {
    "no_route": "no route",
    "too_large": "too large: {largest_bytes:,} bytes go",
    "expired": "too late for its expiry",
    "no_volume": "no volume left",
}
"""Why a bundle has no route, in words."""


def print_route(found, handling_s):
    """Print one route, a line for each contact; what a node still handles does not wait yet."""
    if not found["contacts"]:
        _print_no_route(found)
        return
    click.echo(
        f"{_heading(found)}: arrives at {found['arrival_s']:.12g} s, after "
        f"{found['arrival_s'] - found['at_s']:.9g} s; {contacts_text(found['hops'])}, the route ends at "
        f"{found['termination_s']:.12g} s"
    )
    hops = found["contacts"]
    ready_s = [found["at_s"], *(hop["arrival_s"] + handling_s for hop in hops[:-1])]
    waits_s = [hop["first_tx_s"] - since_s for hop, since_s in zip(hops, ready_s, strict=True)]
    keys = "first_tx_s", "last_tx_s", "owlt_s", "arrival_s", "stop_s"
    times = [_column(waits_s), *(_column([hop[key] for hop in hops]) for key in keys)]
    rows = [("contact", "from", "to", "waits_s", *keys[:-1], "until_s")]
    for hop, *cells in zip(hops, *times, strict=True):
        rows.append((str(hop["contact"]), hop["from"], hop["to"], *cells))
    print_table(rows)


def _column(times_s, digits=9):
    """Times with as many decimals as one of them needs, as far as the greatest has so many digits then."""
    needed = max((len(f"{time_s:.9f}".rstrip("0").partition(".")[2]) for time_s in times_s), default=0)
    whole = len(f"{max(map(abs, times_s), default=0.0):.0f}")
    return [f"{time_s:.{max(0, min(needed, digits - whole))}f}" for time_s in times_s]


def _heading(found):
    return f"{found['from']} to {found['to']} from t = {found['at_s']:.12g} s{_size(found)}"


def _size(found):
    return f", {found['bytes']:,} bytes" if found["bytes"] else ""


def contacts_text(number):
    """`1 contact`, `3 contacts`."""
    return f"{number} contact{'' if number == 1 else 's'}"


def print_routes(found):
    """Print several routes, a line for each."""
    if not found["routes"]:
        _print_no_route(found)
        return
    click.echo(_heading(found))
    rows = [("arrival_s", "hops", "termination_s", "contacts", "path")]
    times = (_column([each[key] for each in found["routes"]], 12) for key in ("arrival_s", "termination_s"))
    for each, arrival, termination in zip(found["routes"], *times, strict=True):
        path = [found["from"], *(hop["to"] for hop in each["contacts"])]
        rows.append(
            (
                arrival,
                str(each["hops"]),
                termination,
                " ".join(str(hop["contact"]) for hop in each["contacts"]),
                " > ".join(path),
            )
        )
    room = max(LINE - sum(max(len(row[column]) + 2 for row in rows) for column in range(4)), len("path"))
    print_table([(*row[:4], cut(row[4], room)) for row in rows])


def _print_no_route(found):
    """Print that there is no route, and what is known of the reason."""
    if found["late_arrival_s"] is not None:
        why = f"in time; without its expiry it would arrive at {found['late_arrival_s']:.12g} s"
    elif found["largest_bytes"] is not None:
        why = f"for it; {_largest(found)}"
    else:
        why = "from then on, whatever the size"
    click.echo(f"{_heading(found)}: no route {why}")


def _largest(found):
    return f"the largest bundle that has one has {found['largest_bytes']:,} bytes"


def print_profile(found, to_names):
    """Print how long it takes over the time looked at, and the first pieces.

    `to_names`: the destinations as they were asked for, which are many if groups are among them.
    """
    to = ", ".join(found["to"])
    if len(found["to"]) > 3:
        to = f"{to_names} ({len(found['to'])} nodes)"
    until_s = found["start_s"] + found["duration_s"]
    click.echo(
        f"{found['from']} to {to}, ready from t = {found['start_s']:.12g} to "
        f"{until_s:.12g} s{_size(found)}: never arrives in {100.0 * found['never_share']:.4g} % of the time"
    )
    pieces, error_s = found["pieces"], found["light_time_error_ms"] / 1e3
    if not pieces:
        if found["largest_bytes"] is not None:
            click.echo(f"no route for it; {_largest(found)}")
        return
    delay_s = found["delay_s"]
    print_table([("", *delay_s), ("delay_s", *(_rounded([value], error_s)[0] for value in delay_s.values()))])
    shown, keys = pieces[:MOST_LINES_SHOWN], ("from_s", "to_s", "arrival_s", "delay_s")
    times = (_rounded([piece[key] for piece in shown], error_s) for key in keys)
    how = ("all arrive then" if piece["waits"] else "all take as long" for piece in shown)
    print_table([(*keys, ""), *zip(*times, how, strict=True)])
    _print_left_out(len(pieces))
    if error_s:
        click.echo(
            f"light times are those of each contact's middle, off by at most {1e3 * error_s:.2g} ms a hop;\n"
            "dtn route follows them, as does a profile over a plan of contacts --split-owlt"
        )


def _rounded(times_s, error_s):
    """Times with no more decimals than what they are off by for each hop deserves."""
    if not error_s:
        return _column(times_s, 12)
    return [f"{time_s:.{max(0, -math.floor(math.log10(error_s)))}f}" for time_s in times_s]


def _print_left_out(n_lines):
    """Say how many lines of an answer are not printed."""
    if n_lines > MOST_LINES_SHOWN:
        click.echo(f"... and {n_lines - MOST_LINES_SHOWN} more; --json or -o FILE has all")


def print_booked(found):
    """Print a line for each of the first bundles."""
    rows = [("line", "from", "to", "created_s", "bytes", "priority", "arrival_s", "delay_s", "contacts")]
    shown = found["bundles"][:MOST_LINES_SHOWN]
    booked = [row for row in shown if row["reason"] is None]
    times = zip(*(_column([row[key] for row in booked]) for key in ("arrival_s", "delay_s")), strict=True)
    for row, created in zip(shown, _column([row["created_s"] for row in shown]), strict=True):
        cells = [str(row[key]) for key in ("line", "from", "to")]
        cells += [created, f"{row['bytes']:,}", row["priority"]]
        if row["reason"] is None:
            ways = (" ".join(str(hop["contact"]) for hop in part["contacts"]) for part in row["parts"])
            cells += [*next(times), " + ".join(ways)]
        else:
            cells += ["", "", REASONS[row["reason"]].format(**row)]
        rows.append(cells)
    print_table(rows)
    _print_left_out(len(found["bundles"]))
    refused = sum(found["refused"].values())
    displaced = sum(row["displaced"] > 0 for row in found["bundles"])
    anew = f"; {displaced} lost volume to higher priorities and had to be routed anew" if displaced else ""
    click.echo(f"{found['booked']} of {found['booked'] + refused} bundles have a route{anew}")
