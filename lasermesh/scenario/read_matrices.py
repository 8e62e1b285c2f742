"""Traffic matrices: from a CSV file, as a list or as a square, or by the gravity model."""

import csv
import io
import math

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.finding import read_data_file
from lasermesh.scenario.flows import LEAST_GBPS, MOST_GBPS, MatrixEntry, Pair
from lasermesh.scenario.problems import shown
from lasermesh.scenario.sources import Line
from lasermesh.scenario.tables import csv_lines, read_csv

MOST_NAMED = 5


def read_matrix(name, place, names):
    """The pairs of a traffic matrix with their rates.

    Parameters
    ----------
    name : str
        Of the CSV file.
    place : Place
        Of the name.
    names : NodeNames or None

    Returns
    -------
    pairs : list of (Line, Pair)
        In the order of the file, without those of rate 0 or below 1 kbit/s; BAD if they could not be read.
    """
    opened = read_data_file(name, place, ".csv", "traffic matrix")
    if opened is None:
        return BAD
    text, file = opened
    report = place.source.report
    header = next(csv.reader(io.StringIO(text.lstrip(), newline="")), [])
    is_list = {"from", "to"} <= {cell.strip() for cell in header}
    entries = _read_list(text, file, report) if is_list else _read_square(text, file, report, names)
    if entries is BAD:
        return BAD
    kept = _without_least([entry for entry in entries if entry[1].rate_gbps > 0.0], lambda e: e[1], place)
    if not kept:
        place.report("has no rate of at least 1 kbit/s", name)
        return BAD
    return kept


def _read_list(text, file, report):
    """Entries of the long form, one a row; what leads from a node to itself may be there if it is 0."""
    rows, sound = read_csv(text, file, MatrixEntry, report)
    return [(line, Pair(*row.values())) for line, row in rows] if sound else BAD


def _read_square(text, file, report, names):
    """Entries of the square form, row by row.

    The header's first cell is empty or "from", the others are names; each row begins with one of them.
    """
    lines = list(csv_lines(text, file, report))
    if None in lines:
        return BAD
    number, header = lines[0]
    head = Line(report, file, number)
    if header[0] not in ("", "from"):
        head.report(
            "must be from,to,rate_gbps, or an empty cell or from and then the names of nodes",
            ",".join(header),
        )
        return BAD
    columns = header[1:]
    if not _check_columns(columns, head, names):
        return BAD
    entries, seen, sound = [], {}, True
    for number, cells in lines[1:]:
        line = Line(report, file, number)
        row_name = cells[0]
        if row_name not in columns:
            line.report(f"begins with {shown(row_name)}, which is not in the header", row_name)
            sound = False
        elif row_name in seen:
            line.report(f"{shown(row_name)} has a row already, line {seen[row_name]}", row_name)
            sound = False
        else:
            seen[row_name] = number
            sound &= _read_row(row_name, columns, cells[1:], line, entries)
    for name in dict.fromkeys(columns):
        if name not in seen and name:
            head.report(f"there is no row of {shown(name)}", name)
            sound = False
    return entries if sound else BAD


def _check_columns(columns, line, names):
    """Whether each column has the name of a node, and no two the same."""
    sound = True
    for name in dict.fromkeys(columns):
        if not name:
            line.report("has a column without a name")
            sound = False
        elif columns.count(name) > 1:
            line.report(f"{shown(name)} is there twice", name)
            sound = False
        elif names is not None and names.find(name, line) is BAD:
            sound = False
    return sound


def _read_row(row_name, columns, cells, line, entries):
    """Adds the entries of a row; returns whether all were right."""
    sound = True
    if len(cells) > len(columns):
        line.report(f"has {len(cells)} entries, but the header has {len(columns)} names", len(cells))
        return False
    for index, to_name in enumerate(columns):
        cell = cells[index] if index < len(cells) else ""
        here = line.at(to_name)
        rate_gbps = _rate_of(cell)
        if to_name == row_name:
            if cell and rate_gbps != 0.0:
                here.report(
                    f"must be empty or 0, because no flow ends where it starts (got {shown(cell)})", cell
                )
                sound = False
        elif rate_gbps is None:
            what = f"got {shown(cell)}" if cell else "is empty; 0 is no flow"
            here.report(f"must be a number from 0 to {MOST_GBPS:.15g} ({what})", cell)
            sound = False
        else:
            entries.append((line, Pair(row_name, to_name, rate_gbps)))
    return sound


def _rate_of(cell):
    """The rate that a cell holds, None where it holds none."""
    try:
        rate_gbps = float(cell)
    except ValueError:
        return None
    return rate_gbps if 0.0 <= rate_gbps <= MOST_GBPS else None


def read_gravity(values, place, names, topology):
    """The pairs of sites with rates that go with the product of their populations.

    `total_gbps * p_i * p_j / (sum of p_i * p_j over ordered pairs)`, those of the `largest` rates only where
    that is given, in the order of the sites.

    Returns
    -------
    pairs : list of Pair
        Without those below 1 kbit/s; BAD if they cannot be known, be it that something was reported.
    """
    groups, total_gbps, largest = values["sites"], values["total_gbps"], values["largest"]
    if BAD in (groups, total_gbps, largest) or names is None:
        return BAD
    is_list = not isinstance(groups, str)
    here = place.at("sites")
    chosen = list(groups) if is_list else [groups]
    known = [
        names.check_group(name, here.at(index) if is_list else here, is_ground=True)
        for index, name in enumerate(chosen)
    ]
    values["sites"] = tuple(chosen)
    if not all(known) or topology is None:
        return BAD
    sites = [site for group in topology.ground if group.name in chosen for site in group.sites]
    if not _check_sites(sites, here):
        return BAD
    total = sum(site.population for site in sites)
    products = total**2 - sum(site.population**2 for site in sites)
    pairs = [
        Pair(a.name, b.name, total_gbps * (a.population * b.population / products))
        for a in sites
        for b in sites
        if a is not b
    ]
    if largest is not None and largest < len(pairs):
        least_first = sorted(range(len(pairs)), key=lambda index: -pairs[index].rate_gbps)
        pairs = [pairs[index] for index in sorted(least_first[:largest])]
    kept = _without_least(pairs, lambda pair: pair, place.at("total_gbps"))
    if not kept:
        place.at("total_gbps").report(
            f"leaves less than 1 kbit/s to each pair (got {total_gbps:g})", total_gbps
        )
        return BAD
    return kept


def _check_sites(sites, place):
    """Whether there are two sites at least and all have their population."""
    if len(sites) < 2:
        place.report(f"must have two sites at least (got {len(sites)})", len(sites))
        return False
    without = [site.name for site in sites if site.population is None]
    if without:
        named = ", ".join(shown(name) for name in without[:MOST_NAMED])
        more = f" and {len(without) - MOST_NAMED} more" if len(without) > MOST_NAMED else ""
        place.report(f"{len(without)} of {len(sites)} sites have no population: {named}{more}")
        return False
    return True


def _without_least(entries, pair_of, place):
    """The entries whose rate a flow can have; how many others there are is said."""
    kept = [entry for entry in entries if pair_of(entry).rate_gbps >= LEAST_GBPS]
    left_out = len(entries) - len(kept)
    if left_out and kept:
        total = math.fsum(pair_of(entry).rate_gbps for entry in entries)
        share = 1.0 - math.fsum(pair_of(entry).rate_gbps for entry in kept) / total
        place.warn(
            f"{left_out} of {len(entries)} pairs are left out, because their rates are below 1 kbit/s; "
            f"they have {100.0 * max(share, 0.0):.2g} % of the traffic"
        )
    return kept
