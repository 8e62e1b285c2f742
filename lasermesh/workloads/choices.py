"""Which of several nodes something is sent to, and why."""

from typing import NamedTuple

from lasermesh.scenario.workloads import LEAST_LOADED, NEAREST, SOONEST
from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S
from lasermesh.workloads.network import Route

_HERE = Route(0, 0)


class Candidate(NamedTuple):
    """A node that could be chosen, as of one instant."""

    node: int
    route: Route | None
    contact_ps: int  # the next, now if there is a route
    key: tuple  # what it is compared by: the least is the best

    @property
    def has_route(self):
        """Whether it is reached by the tables in force."""
        return self.route is not None


class Compared(NamedTuple):
    """All candidates at one instant; of equally good ones the first is chosen."""

    candidates: tuple  # of Candidate

    @property
    def best(self):
        """The node to choose."""
        return _best(self.candidates).node

    @property
    def best_with_route(self):
        """The best node of those with a route, None if there is none."""
        reached = [candidate for candidate in self.candidates if candidate.has_route]
        return _best(reached).node if reached else None

    @property
    def is_any_foreseen(self):
        """Whether there is a route to any, or a contact foreseen."""
        return any(candidate.contact_ps < NEVER for candidate in self.candidates)

    def key_of(self, node):
        """What a candidate was compared by."""
        return next(candidate.key for candidate in self.candidates if candidate.node == node)

    def is_bettered(self, node):
        """Whether another one is better than a candidate, not only as good."""
        return _best(self.candidates).key < self.key_of(node)

    def runner_up(self, node):
        """The best of all but one, None if there is no other."""
        others = [candidate for candidate in self.candidates if candidate.node != node]
        return _best(others).node if others else None


def _best(candidates):
    return min(candidates, key=lambda candidate: candidate.key)


class Chooser:
    """Compares the candidates of one stage of one workload.

    Parameters
    ----------
    choose : str
        `nearest`: the least delay by the tables in force; if there is no route to any, the soonest contact.
        `least-loaded`: of those with a route (of all, if there is none) the least work ahead; of equal ones
        the nearest. `soonest`: the least predicted end: contact, sending, way, and work.
    nodes : tuple of int
    computers : list of Computer or None
        Of each candidate, where the next stage is worked on there.
    network, agenda : Network, Agenda
    names : sequence of str
        Of all nodes.
    waiting_bytes : mapping
        By candidate: what waits to be sent there beside what the network knows.
    """

    def __init__(self, choose, nodes, computers, network, agenda, names, waiting_bytes):
        self._choose, self._nodes, self._computers = choose, nodes, computers
        self._network, self._agenda, self._names = network, agenda, names
        self._waiting_bytes = waiting_bytes
        self._usual_bps = {}  # of the last route that each sender was seen to have

    def compare(self, place, n_bytes, chosen=None):
        """All candidates for so many bytes at a node, as of now; they count for `chosen` so far, if any."""
        routes = [_HERE if node == place else self._network.route(place, node) for node in self._nodes]
        contacts_ps = self._contacts_ps(place, routes)
        rates_bps = [route.rate_bps for route in routes if route is not None and route is not _HERE]
        if rates_bps:
            self._usual_bps[place] = max(rates_bps)
        found = []
        for index, (node, route, contact_ps) in enumerate(zip(self._nodes, routes, contacts_ps, strict=True)):
            # Those with a route by their delays, before those without by their contacts.
            nearness = (1, contact_ps) if route is None else (0, route.delay_ps)
            if self._choose == NEAREST:
                key = nearness
            elif self._choose == LEAST_LOADED:
                key = nearness[0], self._load(index, n_bytes if node == chosen else 0), nearness[1]
            else:
                key = self._predicted_ps(index, place, n_bytes, route, contact_ps), *nearness
            found.append(Candidate(node, route, contact_ps, key))
        return Compared(tuple(found))

    def reason(self, compared, chosen):
        """A choice as a sentence, with the figures that were compared; at the instant of comparing."""
        told = f"{self._names[chosen]}: {self._figure(compared.key_of(chosen))}"
        other = compared.runner_up(chosen)
        if other is None:
            return f"{told}, the only one"
        return f"{told}, next {self._names[other]}: {self._figure(compared.key_of(other))}"

    def _contacts_ps(self, place, routes):
        """Next contact of each candidate, now of those with a route."""
        now_ps = self._agenda.now_ps
        lacking = [node for node, route in zip(self._nodes, routes, strict=True) if route is None]
        if not lacking:
            return [now_ps] * len(routes)
        found = iter(self._network.next_contact_ps(place, lacking, now_ps))
        return [now_ps if route is not None else int(next(found)) for route in routes]

    def _load(self, index, own_bytes):
        """Work ahead in ps, or bytes on the way where nothing works on them, without what is asked about."""
        if self._computers is not None:
            return self._computers[index].load_ps
        node = self._nodes[index]
        return self._network.pending_bytes(None, node) + self._waiting_bytes[node] - own_bytes

    def _predicted_ps(self, index, place, n_bytes, route, contact_ps):
        """When a candidate would be done, NEVER if its contact is not foreseen."""
        rate_bps = self._usual_bps.get(place) if route is None else route.rate_bps
        sending_ps = -(-n_bytes * 8 * PS_PER_S // rate_bps) if rate_bps else 0
        end_ps = min(contact_ps + sending_ps + (0 if route is None else route.delay_ps), NEVER)
        if self._computers is None:
            return end_ps
        computer = self._computers[index]
        free_ps = min(self._agenda.now_ps + computer.wait_ps, NEVER)
        return min(max(end_ps, free_ps) + computer.expected_ps(n_bytes), NEVER)

    def _figure(self, key):
        if self._choose == SOONEST:
            return "no end foreseen" if key[0] == NEVER else f"done in {self._seconds(key[0])}"
        if self._choose == LEAST_LOADED:
            if self._computers is None:
                figure = f"{key[1]} bytes ahead"
            elif key[1] == NEVER:
                figure = "accelerators stand still"
            else:
                figure = f"{key[1] / PS_PER_S:.3f} s of work ahead"
            return f"{figure}, {self._way(key[0], key[2])}"
        return self._way(*key)

    def _way(self, has_no_route, ps):
        if not has_no_route:
            return f"{ps / PS_PER_MS:.1f} ms"
        return "no contact foreseen" if ps == NEVER else f"contact in {self._seconds(ps)}"

    def _seconds(self, until_ps):
        return f"{(until_ps - self._agenda.now_ps) / PS_PER_S:.1f} s"
