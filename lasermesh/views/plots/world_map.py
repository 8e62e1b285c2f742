"""Links on a map of the Earth."""

import numpy as np

from lasermesh.errors import UserError
from lasermesh.orbits import build_ephemeris, geodetic_from_ecef
from lasermesh.results.link_use import link_intervals_of
from lasermesh.views.coastlines import coastlines
from lasermesh.views.plots.choice import column, whose, why_not_on_earth
from lasermesh.views.plots.latency import is_narrow
from lasermesh.views.plots.style import INK, frame, heat_scale, legend_below, scale_beside
from lasermesh.views.plots.window import Window, grid_of, span

_POINTS = 24
"""Of the line of one link; enough for the longest to look round."""

_MOST_NAMED = 40
_MANY = 1000
"""Idle links, or satellites, from which on they are pixels in SVG and PDF, which else are slow to show."""

COAST, WATER, LINK = "#9c9c92", "#f7f8fa", "#c3c9d1"


def why_not(run):
    """Why nothing can be drawn; None if it can."""
    return why_not_on_earth(run) if run.contacts.num_rows else "there was no contact"


def busiest_interval(run):
    """The interval (from, until) that is drawn in which links sent longest; the first if none sent."""
    grid, whole = grid_of(run), link_intervals_of(run)
    first = int(whole.number_of(grid.start_s))
    busy_s = run.link_use.busy_s_of_intervals[first : first + grid.n_intervals]
    at = int((busy_s / np.diff(grid.edges_s)).argmax())
    return grid.edges_s[at], grid.edges_s[at + 1]


def interval_at(run, at_s):
    """The interval (from, until) in which an instant lies.

    Raises
    ------
    UserError
        If it is not within the run.
    """
    start_s, stop_s = span(run)
    if not start_s <= at_s <= stop_s:
        what = "what is drawn" if isinstance(run, Window) else "the run"
        raise UserError(f"the instant {at_s:g} s is not within {what}, {start_s:.10g} to {stop_s:.10g} s")
    grid = link_intervals_of(run)
    at = int(grid.number_of(at_s))
    return grid.edges_s[at], grid.edges_s[at + 1]


def pairs_at(run, from_s, until_s):
    """Pairs of nodes with a link up in the middle of an interval, and how busy the busier direction was.

    Returns
    -------
    shares : dict
        Share of the interval spent sending by (node, other node), in alphabetical order.
    """
    middle_s = (from_s + until_s) / 2
    up = (column(run.contacts, "start_s") <= middle_s) & (middle_s < column(run.contacts, "stop_s"))
    table = run.contacts.filter(_mask(up))
    ends = zip(table["from"].to_pylist(), table["to"].to_pylist(), strict=True)
    shares = dict.fromkeys((tuple(sorted(each)) for each in ends), 0.0)
    half_s = link_intervals_of(run).interval_s / 2
    of_interval = [("t_s", ">", from_s - half_s), ("t_s", "<", from_s + half_s)]
    rows = run.part("links", ["t_s", "from", "to", "busy_s"], of_interval)
    ends = zip(rows["from"].to_pylist(), rows["to"].to_pylist(), strict=True)
    for link, busy_s in zip(ends, rows["busy_s"].to_pylist(), strict=True):
        pair = tuple(sorted(link))
        if pair in shares:  # else it went down before the middle
            shares[pair] = max(shares[pair], min(1.0, busy_s / (until_s - from_s)))
    return shares


def _mask(flags):
    import pyarrow as pa

    return pa.array(flags)


def ground_lines(from_m, to_m):
    """What lies below straight lines through space, cut where they cross the meridian of 180 degrees.

    Parameters
    ----------
    from_m, to_m : float64 arrays, shape (n, 3)
        Ends of the lines, Earth-fixed.

    Returns
    -------
    lines : list of float64 array, shape (n_points, 2)
        Longitude and latitude in degrees.
    owner : list of int
        Row of the link that each belongs to.
    """
    along = np.linspace(0.0, 1.0, _POINTS)[None, :, None]
    points = from_m[:, None] + along * (to_m - from_m)[:, None]
    latitude, longitude, _ = geodetic_from_ecef(points)
    lines, owner = [], []
    for row, line in enumerate(np.degrees(np.stack([longitude, latitude], axis=-1))):
        parts = _cut(line)
        lines += parts
        owner += [row] * len(parts)
    return lines, owner


def _cut(line):
    """The parts of a line on the two sides of the meridian of 180 degrees."""
    jumps = np.flatnonzero(np.abs(np.diff(line[:, 0])) > 180.0)
    parts, first = [], line[:0]
    begin = 0
    for at in jumps:
        (lon, lat), (next_lon, next_lat) = line[at], line[at + 1]
        side = 180.0 if lon > 0 else -180.0
        unwrapped = next_lon + 2 * side
        crossing = lat + (next_lat - lat) * (side - lon) / (unwrapped - lon) if unwrapped != lon else lat
        parts.append(np.concatenate([first, line[begin : at + 1], [[side, crossing]]]))
        first, begin = np.array([[-side, crossing]]), at + 1
    return [*parts, np.concatenate([first, line[begin:]])]


def draw(run, options):
    """Every link that was up, coloured by how busy it was; satellites, ground sites, coastlines."""
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    from_s, until_s = busiest_interval(run) if options.at_s is None else interval_at(run, options.at_s)
    topology, narrow = run.topology, is_narrow(options.width_cm)
    position_m = build_ephemeris(topology).state_at((from_s + until_s) / 2)[0]
    shares = {
        pair: share
        for pair, share in pairs_at(run, from_s, until_s).items()
        if np.isfinite(position_m[[topology.row_of(name) for name in pair]]).all()
    }
    ends = np.array([[topology.row_of(name) for name in pair] for pair in shares], int).reshape(-1, 2)
    share = np.array(list(shares.values()))
    why = "in which links sent most" if options.at_s is None else f"around t = {options.at_s:.10g} s"
    top, used_at_all = share.max(initial=0.0), bool((share > 0).any())
    colors, scale, ends_at = heat_scale(top, options.scale_to_percent)
    figure = frame(
        run.manifest["experiment"],
        "Links on the map",
        f"{whose(run)}; the interval {from_s:.10g} to {until_s:.10g} s, {why}",
        (
            f"{len(shares):,} pairs of nodes with a link, of which {int((share > 0).sum()):,} carried "
            "something; the busier direction counts. Lines show what lies below the straight path of light.",
            "Coastlines: Natural Earth.",
            _note_on_names(run, topology),
            ends_at if used_at_all else "",
        ),
        options,
        0.5 * (options.width_cm - (1.6 if narrow else 3.6)) + (3.9 if narrow else 2.3),
    )
    axes = figure.subplots()
    axes.set_facecolor(WATER)
    axes.add_collection(LineCollection(coastlines(), colors=COAST, linewidths=0.6, zorder=2.5))
    lines, owner = ground_lines(position_m[ends[:, 0]], position_m[ends[:, 1]])
    values = share[owner]
    idle = [line for line, value in zip(lines, values, strict=True) if value == 0]
    many = len(idle) > _MANY
    axes.add_collection(
        LineCollection(idle, colors=LINK, linewidths=0.25 if many else 0.4, zorder=2, rasterized=many)
    )
    order = [number for number in np.argsort(values, kind="stable") if values[number] > 0]
    used = LineCollection(
        [lines[number] for number in order],
        array=values[order],
        cmap=colors,
        norm=scale,
        linewidths=1.0 + 1.6 * np.minimum(values[order] / scale.vmax, 1.0),
        capstyle="round",
        zorder=3,
    )
    axes.add_collection(used)
    handles = _draw_nodes(axes, run, topology, position_m, 5.0 if narrow else 6.5)
    if idle:
        handles["link on which nothing was sent"] = Line2D([], [], color=LINK, linewidth=1.0)
    axes.set_xlim(-180, 180)
    axes.set_ylim(-90, 90)
    axes.set_aspect("equal")
    axes.set_xticks(range(-180, 181, 60))
    axes.set_yticks(range(-90, 91, 30))
    axes.set_xlabel("longitude (degrees east)")
    axes.set_ylabel("latitude (degrees north)")
    if used_at_all:
        scale_beside(figure, axes, used, "time spent sending", below=narrow)
    legend_below(figure, list(handles.values()), list(handles))
    figure.get_layout_engine().execute(
        figure
    )  # axes of a fixed shape come to rest the second time, in saving
    return figure


def _draw_nodes(axes, run, topology, position_m, letters_pt):
    """Satellites as dots, sites as squares, those where flows begin or end with names; their handles."""
    latitude, longitude, _ = geodetic_from_ecef(np.nan_to_num(position_m, nan=1e7))
    seen = np.isfinite(position_m).all(axis=1)
    lon, lat = np.degrees(longitude), np.degrees(latitude)
    satellite = seen & (np.arange(len(seen)) < topology.n_satellites)
    handles = {}
    (handles["satellite"],) = axes.plot(
        *(lon[satellite], lat[satellite], "."),
        color="#7f8a96",
        markersize=1.0 if satellite.sum() > _MANY else 2.2,
        zorder=4,
        rasterized=satellite.sum() > _MANY,
    )
    site = seen & ~satellite
    (others,) = axes.plot(
        lon[site], lat[site], "s", color="white", markeredgecolor=INK, markersize=0.4 * letters_pt, zorder=5
    )
    named = _sites_of_flows(run, topology)
    (ends,) = axes.plot(
        lon[named], lat[named], "s", color=INK, markeredgecolor=INK, markersize=0.52 * letters_pt, zorder=6
    )
    for row, (side, up) in _places_of_names(lon, lat, named[:_MOST_NAMED]).items():
        axes.annotate(
            topology.node_names[row],
            (lon[row], lat[row]),
            xytext=(side * 4, up * 5),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            size=letters_pt,
            zorder=7,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
        )
    if named:
        handles["site where flows begin or end"] = ends
    if site.sum() > len(named):
        handles["other site"] = others
    return handles


def _sites_of_flows(run, topology):
    """Rows of the ground sites where flows begin or end, in order of the flows."""
    ends = dict.fromkeys([*run.flows["from"].to_pylist(), *run.flows["to"].to_pylist()])
    rows = [topology.row_of(name) for name in ends]
    return [row for row in rows if topology.is_ground(row)]


def _note_on_names(run, topology):
    """A sentence if not all sites of flows are named."""
    n = len(_sites_of_flows(run, topology))
    return f"Named are {_MOST_NAMED} of the {n:,} sites where flows begin or end." if n > _MOST_NAMED else ""


def _places_of_names(lon, lat, rows):
    """On which side of its site each name stands: where the fewest other sites and edges are."""
    places = {}
    for row in rows:
        best = None
        for place in ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            x, y = lon[row] + 14 * place[0], lat[row] + 5 * place[1]
            crowd = sum(
                abs(lon[other] - x) < 15 and abs(lat[other] - y) < 5 for other in rows if other != row
            )
            crowd += sum(
                abs(lon[other] + 14 * there[0] - x) < 27 and abs(lat[other] + 5 * there[1] - y) < 5
                for other, there in places.items()
            )
            crowd += 10 * (abs(x) > 166)
            if best is None or crowd < best[0]:
                best = (crowd, place)
        places[row] = best[1]
    return places
