"""The contact graph as a ledger sees it: the plan's windows, and in their place what is free of some.

Searches want arrays, ledgers change a few edges at a time, and each node may have a ledger of its own. So the
arrays are kept once (a `Board`) and show whichever ledger asks; only edges that differ are written.
"""

from bisect import bisect_left, bisect_right, insort
from itertools import accumulate

import numpy as np

from lasermesh.units import NEVER

# Places for windows behind those that an edge has, so that the next ones find room.
_SPARE = 6
_WINDOW_FIELDS = ("start_ns", "stop_ns", "latest_ns", "contact", "rate_bps", "owlt_ns")


def edge_of_contacts(graph):
    """The edge that each contact belongs to: int64 (n_contacts,)."""
    edges = np.zeros(graph.n_contacts, np.int64)
    counts = graph.window_end - graph.window_first
    windows = np.repeat(graph.window_first, counts) + _within(counts)
    edges[graph.contact[windows]] = np.repeat(np.arange(len(counts)), counts)
    return edges


class Level:
    """What is free of a plan's contacts for one priority; only edges that bookings have changed are kept.

    `busy_ns`: edges on which something is being sent, and until when; before that nothing is free there.
    """

    def __init__(self, graph, busy_ns):
        self.plan = graph
        self.windows = {}  # edge -> [(start_ns, stop_ns, contact)], sorted
        self.busy_ns = busy_ns
        self.changed = set()  # edges since a board has shown it last

    @property
    def edges(self):
        """Those of which not all that the plan has is free: a set."""
        return self.windows.keys() | self.busy_ns.keys()

    def take(self, edge, contact, first_ns, last_ns):
        """Take [first, last) out of the window of a contact that holds it."""
        windows = self._windows_to_change(edge)
        place = bisect_right(windows, (first_ns, NEVER, NEVER)) - 1
        # Windows of one contact are disjoint, but contacts of a pair may overlap.
        while windows[place][2] != contact:
            place -= 1
        start_ns, stop_ns, _ = windows.pop(place)
        for piece in ((start_ns, first_ns), (last_ns, stop_ns)):
            if piece[0] < piece[1]:
                insort(windows, (*piece, contact))

    def give(self, edge, contact, first_ns, last_ns):
        """Make [first, last) free again, joined with what is free of the contact beside it."""
        windows = self._windows_to_change(edge)
        begins_ns = int(self.plan.contact_start_ns[contact])
        place = bisect_left(windows, (first_ns,)) - 1
        while place >= 0 and windows[place][0] >= begins_ns:
            start_ns, stop_ns, owner = windows[place]
            if owner == contact:
                if stop_ns == first_ns:
                    del windows[place]
                    first_ns = start_ns
                break
            place -= 1
        place = bisect_left(windows, (last_ns,))
        while place < len(windows) and windows[place][0] == last_ns:
            if windows[place][2] == contact:
                last_ns = windows.pop(place)[1]
                break
            place += 1
        insort(windows, (first_ns, last_ns, contact))

    def forget_all_but(self, edges):
        """All other edges have the plan's windows again."""
        for edge in [edge for edge in self.windows if edge not in edges]:
            del self.windows[edge]
            self.changed.add(edge)

    def forget_past(self, before_ns):
        """Show no windows any more that ended by an instant, but those of the plan."""
        for edge, windows in self.windows.items():
            left = [window for window in windows if window[1] > before_ns]
            if len(left) < len(windows):
                self.windows[edge] = left
                self.changed.add(edge)

    def of_edge(self, edge):
        """Windows of an edge as (start_ns, stop_ns, contact), sorted; not to be changed."""
        windows = self.windows[edge] if edge in self.windows else self._of_plan(edge)
        if edge not in self.busy_ns:
            return windows
        until_ns = self.busy_ns[edge]
        return sorted(
            (max(start_ns, until_ns), *window) for start_ns, *window in windows if window[0] > until_ns
        )

    def _windows_to_change(self, edge):
        if edge not in self.windows:
            self.windows[edge] = self._of_plan(edge)
        self.changed.add(edge)
        return self.windows[edge]

    def _of_plan(self, edge):
        plan = self.plan
        rows = slice(plan.window_first[edge], plan.window_end[edge])
        columns = (plan.start_ns[rows], plan.stop_ns[rows], plan.contact[rows])
        return list(zip(*(column.tolist() for column in columns), strict=True))


def set_busy(busy_ns, edge, until_ns, levels):
    """Have an edge busy until an instant (None: not) in the dictionary that some levels share."""
    if until_ns is None:
        busy_ns.pop(edge, None)
    else:
        busy_ns[edge] = until_ns
    for level in levels:
        level.changed.add(edge)


class Board:
    """A contact graph whose windows are those of the level that is shown.

    The plan's own windows stay in front; edges that differ have theirs behind, and `window_first` and
    `window_end` of the edge lead there.
    """

    def __init__(self, graph):
        self.graph = None  # until a level is shown
        self._plan = graph
        self._level = None
        self._room = {}  # edge -> (first place, places)
        self._end = len(graph.start_ns)

    def show(self, level):
        """The graph with the windows of a level; valid until the next call."""
        if self.graph is None:
            self._make(2 * self._end + 64)
        if level is self._level:
            edges = level.changed
        else:
            edges = level.edges | self._room.keys()
            self._level, self._room, self._end = level, {}, len(self._plan.start_ns)
        if edges:
            self._write(edges)
            level.changed.clear()
        return self.graph

    def _write(self, edges):
        graph, level = self.graph, self._level
        places, rows, latest = [], [], []
        for edge in edges:
            if edge not in level.windows and edge not in level.busy_ns:
                self._room.pop(edge, None)
                graph.window_first[edge] = self._plan.window_first[edge]
                graph.window_end[edge] = self._plan.window_end[edge]
                continue
            windows = level.of_edge(edge)
            first = self._place(edge, len(windows))
            if first is None:
                self._grow()
                return
            graph.window_first[edge], graph.window_end[edge] = first, first + len(windows)
            places.extend(range(first, first + len(windows)))
            rows.extend(windows)
            latest.extend(accumulate((window[1] for window in windows), max))
        if places:
            places = np.array(places)
            start_ns, stop_ns, contact = np.array(rows, np.int64).T
            graph.start_ns[places] = start_ns
            graph.stop_ns[places] = stop_ns
            graph.latest_ns[places] = latest
            graph.contact[places] = contact
            graph.rate_bps[places] = graph.contact_rate_bps[contact]
            graph.owlt_ns[places] = graph.contact_owlt_ns[contact]

    def _place(self, edge, n_windows):
        """First place of an edge with room for its windows, None if there is no room any more."""
        first, room = self._room.get(edge, (0, -1))
        if n_windows > room:
            first, room = self._end, 2 * n_windows + _SPARE
            if first + room > len(self.graph.start_ns):
                return None
            self._room[edge] = first, room
            self._end += room
        return first

    def _grow(self):
        """Write all edges of the level anew, with more room."""
        level = self._level
        needed = sum(2 * len(level.of_edge(edge)) + _SPARE for edge in level.edges)
        n_plan = len(self._plan.start_ns)
        self._make(n_plan + 2 * max(needed, len(self.graph.start_ns) - n_plan))
        self._room, self._end = {}, n_plan
        self._write(level.edges)

    def _make(self, n_places):
        plan = self._plan
        columns = {}
        for name in _WINDOW_FIELDS:
            column = getattr(plan, name)
            columns[name] = np.zeros(n_places, column.dtype)
            columns[name][: len(column)] = column
        self.graph = plan._replace(
            window_first=plan.window_first.copy(), window_end=plan.window_end.copy(), **columns
        )


def _within(counts):
    """0 to count - 1 for each of some counts, one behind the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
