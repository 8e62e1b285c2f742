"""When what leaves a node at any instant arrives: the earliest arrival as a function of the departure."""

from typing import NamedTuple

import numpy as np

from lasermesh.dtn import profile_kernels as kernels
from lasermesh.dtn.graph import NS_PER_S
from lasermesh.dtn.routes import Terms
from lasermesh.units import NEVER, NONE

_CAPACITY = 2**18
"""Segments and labels for which there is room at first; memory that is not used is not taken."""

_MORE = 8


class Pieces(NamedTuple):
    """An arrival function, ascending and without overlap; nothing between two pieces ever arrives.

    All arrays have shape (n_pieces,).
    """

    from_ns: np.ndarray  # int64  first departure
    to_ns: np.ndarray  # int64  and the first instant after
    arrival_ns: np.ndarray  # int64  of the first departure
    waits: np.ndarray  # bool  True: all arrive at once, for a contact has to begin; False: all take as long


class DelayStatistics(NamedTuple):
    """Delays over all instants of departure, each as likely as another."""

    never_share: float  # of the time for which nothing arrives; what follows is about the rest, None without
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    max_s: float | None


class Profiles(NamedTuple):
    """Arrival functions of some nodes towards a destination, or a group of which the first counts."""

    nodes: np.ndarray  # int64 (n,)  rows
    from_ns: int  # departures that were asked for
    until_ns: int  # and the first instant after
    first: np.ndarray  # int64 (n + 1,)  pieces of nodes[i] are rows first[i] to first[i + 1]
    all_pieces: Pieces

    def pieces(self, node) -> Pieces:
        """The pieces of a node's arrival function; KeyError if it is not among `nodes`."""
        place = np.flatnonzero(self.nodes == node)
        if not len(place):
            raise KeyError(node)
        rows = slice(self.first[place[0]], self.first[place[0] + 1])
        return Pieces(*(column[rows] for column in self.all_pieces))

    def arrival_ns(self, node, t_ns):
        """The earliest arrival of what is ready to leave a node at some instants.

        Parameters
        ----------
        node : int
            KeyError if it is not among `nodes`.
        t_ns : array_like of int
            From `from_ns` on, before `until_ns`.

        Returns
        -------
        arrival_ns : int64 array, shape of `t_ns`
            NEVER where nothing arrives.

        Raises
        ------
        ValueError
            If an instant is outside of what was asked for.
        """
        t_ns = np.asarray(t_ns, np.int64)
        if ((t_ns < self.from_ns) | (t_ns >= self.until_ns)).any():
            raise ValueError(f"t_ns must be from {self.from_ns} to before {self.until_ns}")
        pieces = self.pieces(node)
        if not len(pieces.from_ns):
            return np.full(t_ns.shape, NEVER)
        row = np.searchsorted(pieces.from_ns, t_ns, side="right") - 1
        holds = (row >= 0) & (t_ns < pieces.to_ns[row])
        later = np.where(pieces.waits[row], 0, t_ns - pieces.from_ns[row])
        return np.where(holds, pieces.arrival_ns[row] + later, NEVER)

    def statistics(self, node) -> DelayStatistics:
        """Mean and percentiles of the delay of a node over the time asked for, by its pieces: exact."""
        pieces = self.pieces(node)
        length_ns = (pieces.to_ns - pieces.from_ns).astype(np.float64)
        most_ns = (pieces.arrival_ns - pieces.from_ns).astype(np.float64)
        least_ns = most_ns - np.where(pieces.waits, length_ns, 0.0)
        total_ns = length_ns.sum()
        never = float(1.0 - total_ns / (self.until_ns - self.from_ns))
        if not total_ns:
            return DelayStatistics(1.0, *(None,) * 5)
        mean_ns = (length_ns * 0.5 * (least_ns + most_ns)).sum() / total_ns
        found_ns = _quantiles(length_ns, least_ns, most_ns, (0.5, 0.9, 0.99))
        return DelayStatistics(
            max(never, 0.0), *(float(each) / NS_PER_S for each in (mean_ns, *found_ns, most_ns.max()))
        )


def _quantiles(length, least, most, shares):
    """Quantiles of what lasts `length` in each piece, its value even between `least` and `most`."""
    edges = np.unique(np.concatenate((least, most)))
    # How long the value is below each edge: jumps where a piece has one value, else one more per unit.
    jump = np.bincount(np.searchsorted(edges, most), np.where(least == most, length, 0.0), len(edges))
    spread = least < most
    density = np.cumsum(
        np.bincount(np.searchsorted(edges, least[spread]), minlength=len(edges))
        - np.bincount(np.searchsorted(edges, most[spread]), minlength=len(edges))
    )
    before = np.concatenate(([0.0], np.cumsum(density[:-1] * np.diff(edges) + jump[:-1])))
    found = []
    for share in shares:
        wanted = share * length.sum()
        row = int(np.searchsorted(before + jump, wanted))
        if row == len(edges):  # by rounding alone
            found.append(edges[-1])
        elif wanted >= before[row]:
            found.append(edges[row])
        else:
            found.append(edges[row] - (before[row] - wanted) / density[row - 1])
    return found


def profile_to(
    graph,
    destinations,
    from_ns,
    until_ns,
    n_bytes=0,
    terms=Terms(),  # noqa: B008 (it cannot change)
    without_nodes=None,
    without_contacts=None,
    sources=None,
) -> Profiles:
    """Earliest arrival as a function of the departure, for nodes of a contact graph, by one search backwards.

    Parameters
    ----------
    graph : ContactGraph
        A contact's light time is `contact_owlt_ns` all the time, knots or not; `light_time_spread_ns` tells
        how far off that is for each hop.
    destinations : int or sequence of int
        Rows; of several the one that is reached first counts.
    from_ns, until_ns : int
        Departures that matter. Contacts count for as long as the plan goes.
    n_bytes : int
        Of a bundle on the wire.
    terms : Terms
    without_nodes : bool array, shape (n_nodes,), optional
        Nodes that are neither passed nor entered.
    without_contacts : bool array, shape (n_contacts,), optional
    sources : int or sequence of int, optional
        Rows of the nodes wanted; absent: all. One alone is found much faster than all.

    Returns
    -------
    profiles : Profiles

    Raises
    ------
    ValueError
        If there is no destination or no time, a row is none, an array has not one entry for each node or
        contact, or a destination or a source is excluded.
    """
    destinations, sources = _rows(graph, destinations, sources)
    is_destination = np.zeros(graph.n_nodes, bool)
    is_destination[destinations] = True
    without_nodes = _flags(without_nodes, graph.n_nodes, "without_nodes")
    without_contacts = _flags(without_contacts, graph.n_contacts, "without_contacts")
    if without_nodes[destinations].any() or (sources is not None and without_nodes[sources].any()):
        raise ValueError("neither a destination nor a source can be excluded")
    from_ns, until_ns = int(from_ns), int(until_ns)
    if not from_ns < until_ns:
        raise ValueError(f"from_ns must be before until_ns (got {from_ns} and {until_ns})")
    openings = _openings(graph, is_destination, without_nodes, without_contacts, int(n_bytes), terms, from_ns)
    may_pass = graph.transit & ~without_nodes & ~is_destination
    source = NONE
    least_ns = np.zeros(graph.n_nodes, np.int64)
    if sources is not None and len(sources) == 1 and not is_destination[sources[0]]:
        source = int(sources[0])
        kernels.fill_least_delays(openings, may_pass, source, least_ns)
    question = kernels.Question(is_destination, may_pass, least_ns, source, from_ns, until_ns)
    segments = _settled(question, openings, graph.n_nodes)
    nodes = np.arange(graph.n_nodes) if sources is None else sources
    return _profiles(question, segments, nodes)


def _rows(graph, destinations, sources):
    """Rows of destinations and sources, checked: int64 arrays, None for all sources."""
    found = []
    for rows, what in ((destinations, "destinations"), (sources, "sources")):
        if rows is not None:
            rows = np.atleast_1d(np.asarray(rows, np.int64))
            if not len(rows) or rows.min() < 0 or rows.max() >= graph.n_nodes:
                raise ValueError(f"{what} must be rows of nodes, 0 to {graph.n_nodes - 1}, at least one")
        found.append(rows)
    return found


def _flags(flags, n, what):
    """One flag each, all False where none are given."""
    flags = np.zeros(n, bool) if flags is None else np.ascontiguousarray(flags, bool)
    if flags.shape != (n,):
        raise ValueError(f"{what} must be of shape ({n},) (got {flags.shape})")
    return flags


def _openings(graph, is_destination, without_nodes, without_contacts, n_bytes, terms, from_ns):
    """When bundles can leave over each edge."""
    n_edges, n_windows = len(graph.edge_to), len(graph.start_ns)
    openings = kernels.Openings(
        graph.in_first,
        np.empty(n_edges, np.int32),
        np.empty(n_edges, np.int64),
        np.empty(n_edges + 1, np.int64),
        *np.empty((5, n_windows), np.int64),
    )
    numbers = n_bytes, int(terms.inclusive_end), int(terms.margin_ns), int(terms.handling_ns), from_ns
    kernels.fill_openings(
        (graph.edge_from, graph.edge_to, graph.in_edge, graph.window_first, graph.window_end),
        (graph.start_ns, graph.stop_ns, graph.contact, graph.rate_bps, graph.owlt_ns),
        is_destination,
        without_nodes,
        without_contacts,
        np.array(numbers, np.int64),
        openings,
    )
    return openings


def _settled(question, openings, n_nodes):
    """The segments of all nodes, in as much memory as they take."""
    n_openings = int(openings.first[-1])
    last_ns = int(openings.end_ns[:n_openings].max(initial=question.from_ns))
    width_ns = (last_ns - question.from_ns) // kernels.N_BUCKETS + 1
    capacity = _CAPACITY
    while True:
        ends = np.full((2, n_nodes, kernels.N_BUCKETS), NONE, np.int32)
        segments = kernels.Segments(
            *np.empty((3, capacity), np.int64),
            np.empty(capacity, np.int32),
            np.full(n_nodes, NONE, np.int32),
            np.zeros(n_nodes, np.int64),
            *ends,
            np.array([question.from_ns, width_ns]),
            np.zeros(1, np.int64),
        )
        labels = kernels.Labels(
            np.empty(capacity, np.int64),
            np.empty(capacity, np.uint32),
            np.empty(capacity, np.int32),
            *np.empty((3, capacity), np.int64),
            np.empty(capacity, np.int32),
            np.zeros(3, np.int64),
        )
        point_arrival_ns = np.full(n_openings, NEVER)
        if kernels.settle_all(question, openings, point_arrival_ns, segments, labels) == kernels.DONE:
            return segments
        capacity *= _MORE


def _profiles(question, segments, nodes):
    """Arrival functions from segments."""
    from_ns, until_ns = question.from_ns, question.until_ns
    parts, n_pieces = [], []
    for node in nodes.tolist():
        if question.is_destination[node]:
            part = Pieces(*(np.array([each]) for each in (from_ns, until_ns, from_ns, False)))
        else:
            room = 2 * int(segments.count[node])
            columns = *np.empty((3, room), np.int64), np.empty(room, bool)
            n = kernels.fill_pieces(segments, node, from_ns, until_ns, *columns)
            part = Pieces(*(column[:n] for column in columns))
        parts.append(part)
        n_pieces.append(len(part.from_ns))
    first = np.concatenate(([0], np.cumsum(n_pieces)))
    return Profiles(nodes, from_ns, until_ns, first, Pieces(*map(np.concatenate, zip(*parts, strict=True))))
