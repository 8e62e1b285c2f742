"""Fragments that wait at their nodes for a route, and when they are tried again (bundle model, rule 2)."""

from lasermesh.bundles.fragments import WAITING
from lasermesh.workloads.agenda import Agenda


class Waiting:
    """Those without a route, by node.

    Parameters
    ----------
    n_nodes : int
    agenda : Agenda
    route : function of (Fragment)
        Has one that waits no more routed anew; it may be back afterwards.
    """

    def __init__(self, n_nodes, agenda, route):
        self._fragments = [{} for _ in range(n_nodes)]  # as keys
        self._tickets = [None] * n_nodes  # when those of each node are tried again
        self._agenda, self._route = agenda, route
        self._hopeless = {}  # latest arrival by what else makes a request: what has just been asked in vain

    def put(self, fragment):
        """A fragment has no route."""
        fragment.place = WAITING
        self._fragments[fragment.node][fragment] = None

    def take_out(self, fragment):
        """A fragment that waits does so no more."""
        del self._fragments[fragment.node][fragment]

    def ask(self, node, time_ps):
        """Have those that wait at a node tried again at an instant, or sooner."""
        ticket = self._tickets[node]
        is_due = ticket is not None and ticket.is_due
        if not self._fragments[node] or (is_due and ticket.time_ps <= time_ps):
            return
        Agenda.cancel(ticket)
        self._tickets[node] = self._agenda.at(time_ps, self._try_again, node)

    def hope(self):
        """Volume has become free: what was asked in vain may be asked again."""
        self._hopeless.clear()

    def _try_again(self, node):
        """Try those of a node; not what is no easier to send than what has just failed."""
        hopeless = self._hopeless
        hopeless.clear()
        for fragment in sorted(self._fragments[node], key=_turn):
            if fragment.place != WAITING:
                continue
            bundle = fragment.bundle
            missing = None if fragment.kept_at is None else id(fragment)
            sizes = fragment.n_bytes, bundle.segment_bytes
            # One that expires sooner may be allowed back to where it has been, where this one has to wait.
            onward = fragment.visited and (fragment.visited, bundle.latest_ns)
            kind = bundle.destination, bundle.priority, sizes, missing, fragment.without, onward
            if hopeless.get(kind, -1) >= bundle.latest_ns:
                continue
            self._route(fragment)
            if fragment.place == WAITING:
                hopeless[kind] = bundle.latest_ns


def _turn(fragment):
    """The order in which those that wait for a route are tried again."""
    return -fragment.bundle.priority, fragment.bundle.number, fragment.first_byte
