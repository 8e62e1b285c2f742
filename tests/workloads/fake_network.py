"""A mesh of fixed delays, for tests of work: each pair has a delay, each node a rate, some pairs windows."""

from collections import defaultdict

import numpy as np

from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S
from lasermesh.workloads.network import ATTACHING, SENDING, WAITING, Route, StreamOutcome, Transfer


class FakeNetwork:
    """Delays, rates and windows that stay as they were given.

    A node sends its transfers one after the other at its rate, at each instant the oldest that has a route;
    one whose route goes sends the rest when it is there again. Nothing that travels is lost.

    Parameters
    ----------
    agenda : Agenda
    delay_ps : dict
        (a, b) -> one way, both ways alike; pairs that are not there have no route ever.
    rate_bps : dict or int
        By node, or of all.
    windows : dict
        (a, b) -> [(start_ps, stop_ps), ...] ascending, in which there is a route, both ways; others always.
    clients : set
        Nodes that attach to others: without any route they are attaching.
    unforeseen : set
        (source, destination) whose contacts are not told beforehand.
    """

    def __init__(
        self, agenda, delay_ps, rate_bps=10**9, windows=None, clients=(), unforeseen=(), handling_ps=PS_PER_MS
    ):
        self.agenda, self.handling_ps = agenda, handling_ps
        self._delay_ps = delay_ps | {(b, a): ps for (a, b), ps in delay_ps.items()}
        self._rate_bps = rate_bps
        windows = windows or {}
        self._windows = windows | {(b, a): spans for (a, b), spans in windows.items()}
        self._clients = set(clients)
        self._unforeseen = set(unforeseen)
        self._queues = defaultdict(list)  # of each source, oldest first; those not wholly sent
        self._pending = []  # asked for and not complete
        self._actions = {}  # done and acknowledged, by transfer
        self._sending = {}  # source -> (transfer, since_ps, ticket)
        self._left_bits = {}
        self._accounted = {}  # transfer -> (state, since_ps)
        self._attaching = {}  # client -> [ps so far, since_ps or None]
        self._news = []
        self.n_sent = 0
        edges = {ps for spans in windows.values() for span in spans for ps in span if ps != NEVER}
        for ps in sorted(edges):
            agenda.at(ps, self._change, rank=agenda.CHANGES)
        for client in self._clients:
            self._attaching[client] = [0, None if self.is_attached(client) else 0]

    # What work may ask.

    def send(self, workload, source, destination, n_bytes, on_done):
        transfer = Transfer(source, destination, n_bytes, self.agenda.now_ps)
        assert source != destination and n_bytes > 0
        self.n_sent += 1
        self._pending.append(transfer)
        self._actions[transfer] = [on_done, None]
        self._left_bits[transfer] = n_bytes * 8 * PS_PER_S  # times ps: exact at any rate
        self._accounted[transfer] = (self._waiting_state(source), self.agenda.now_ps)
        self.agenda.at(self.agenda.now_ps + self.handling_ps, self._enqueue, transfer)
        return transfer

    def as_of_now(self, transfer):
        return transfer

    def on_acknowledged(self, transfer, action):
        self._actions[transfer][1] = action

    def withdraw(self, transfer):
        if transfer.first_ps is not None:
            return False
        self.cancel(transfer)
        return True

    def cancel(self, transfer):
        self._account(transfer, WAITING)
        self._actions[transfer] = [None, None]
        self._pending = [each for each in self._pending if each is not transfer]
        queue = self._queues[transfer.source]
        if any(each is transfer for each in queue):
            self._stop(transfer.source)
            self._queues[transfer.source] = [each for each in queue if each is not transfer]
            self._look(transfer.source)

    def post(self, workload, source, destination, times_ps, size_bytes, on_done):
        delay_ps = self._delay_ps[source, destination]
        there = [int(ps) for ps in times_ps if self._is_open(source, destination, int(ps))]
        outcome = StreamOutcome(
            len(there),
            len(times_ps) - len(there),
            there[0] + delay_ps if there else NEVER,
            there[-1] + delay_ps if there else NEVER,
        )
        self.agenda.at(int(times_ps[-1]) + delay_ps + self.handling_ps, on_done, outcome)

    def route(self, source, destination):
        if not self._is_open(source, destination, self.agenda.now_ps):
            return None
        return Route(self._delay_ps[source, destination], self._rate_of(source))

    def is_attached(self, node):
        return any(a == node and self._is_open(a, b, self.agenda.now_ps) for a, b in self._delay_ps)

    def attaching_ps(self, node):
        if node not in self._attaching:
            return 0
        spent_ps, since_ps = self._attaching[node]
        return spent_ps + (self.agenda.now_ps - since_ps if since_ps is not None else 0)

    def terminals_in_use(self, node):
        return sum(a == node and self._is_open(a, b, self.agenda.now_ps) for a, b in self._delay_ps)

    def next_contact_ps(self, source, destinations, from_ps):
        return np.array([self._next(source, int(each), from_ps) for each in destinations], np.int64)

    def pending_bytes(self, source, destination):
        return sum(
            each.n_bytes
            for each in self._pending
            if each.destination == destination and source in (None, each.source)
        )

    def on_news(self, action):
        self._news.append(action)

    # What happens.

    def _rate_of(self, node):
        return self._rate_bps[node] if isinstance(self._rate_bps, dict) else self._rate_bps

    def _is_open(self, source, destination, now_ps):
        if (source, destination) not in self._delay_ps:
            return False
        spans = self._windows.get((source, destination), [(0, NEVER)])
        return any(start <= now_ps < stop for start, stop in spans)

    def _next(self, source, destination, from_ps):
        if (source, destination) not in self._delay_ps:
            return NEVER
        spans = self._windows.get((source, destination), [(0, NEVER)])
        if (source, destination) in self._unforeseen:
            return NEVER
        return min((max(start, from_ps) for start, stop in spans if stop > from_ps), default=NEVER)

    def _waiting_state(self, source):
        return ATTACHING if source in self._clients and not self.is_attached(source) else WAITING

    def _account(self, transfer, state):
        before, since_ps = self._accounted[transfer]
        transfer.spent_ps[before] += self.agenda.now_ps - since_ps
        self._accounted[transfer] = (state, self.agenda.now_ps)

    def _enqueue(self, transfer):
        if self._actions[transfer][0] is not None:
            self._queues[transfer.source].append(transfer)
            self._look(transfer.source)

    def _change(self):
        for client, entry in self._attaching.items():
            entry[:] = [self.attaching_ps(client), None if self.is_attached(client) else self.agenda.now_ps]
        for source in list(self._queues):
            self._stop(source)
            self._look(source)
        for transfer in self._pending:
            if self._accounted[transfer][0] != SENDING:
                self._account(transfer, self._waiting_state(transfer.source))
        for action in self._news:
            action()

    def _stop(self, source):
        if source in self._sending:
            transfer, since_ps, ticket = self._sending.pop(source)
            self.agenda.cancel(ticket)
            sent = (self.agenda.now_ps - since_ps) * self._rate_of(source)
            left = self._left_bits[transfer]
            self._left_bits[transfer] = left = max(left - sent, 0)
            transfer.sent_bytes = transfer.n_bytes - left // (8 * PS_PER_S)
            self._account(transfer, self._waiting_state(source))

    def _look(self, source):
        if source in self._sending:
            return
        for transfer in self._queues[source]:
            if self._is_open(source, transfer.destination, self.agenda.now_ps):
                now_ps = self.agenda.now_ps
                if transfer.first_ps is None:
                    transfer.first_ps = now_ps
                self._account(transfer, SENDING)
                left = max(self._left_bits[transfer], 0)
                ticket = self.agenda.at(
                    now_ps - (-left // self._rate_of(source)), self._sent, transfer, rank=self.agenda.ENDS
                )
                self._sending[source] = (transfer, now_ps, ticket)
                return

    def _sent(self, transfer):
        del self._sending[transfer.source]
        self._queues[transfer.source] = [e for e in self._queues[transfer.source] if e is not transfer]
        transfer.sent_bytes = transfer.n_bytes
        arrival_ps = self.agenda.now_ps + self._delay_ps[transfer.source, transfer.destination]
        self.agenda.at(arrival_ps, self._arrive, transfer, rank=self.agenda.ENDS)
        self._look(transfer.source)

    def _arrive(self, transfer):
        on_done, _ = self._actions[transfer]
        if on_done is None:
            return  # cancelled on its way
        self._account(transfer, SENDING)
        transfer.complete_ps = self.agenda.now_ps
        self._pending = [each for each in self._pending if each is not transfer]
        self.agenda.at(self.agenda.now_ps + self.handling_ps, self._tell, transfer, 0)
        delay_ps = self._delay_ps[transfer.destination, transfer.source]
        self.agenda.at(self.agenda.now_ps + 2 * self.handling_ps + delay_ps, self._tell, transfer, 1)

    def _tell(self, transfer, which):
        action = self._actions[transfer][which]
        if action is not None:
            action(transfer)
