"""Requests to models in orbit: a request goes up reliably, its answer comes back token by token.

Each user asks at exponential gaps. A request is `envelope_bytes` and `context_token_bytes` for each token of
its context; which node gets it is chosen as it is asked. There it is a job of the node's computer: a place in
its batch for context / prefill rate, at the end of which the first token is there, and for the other tokens
at the decode rate. Each token leaves in a packet of its own `handling_ps` after it was made; a lost one is
not sent again.

A request is delivered when its last token has arrived and of all others is known what came of them. If the
last one is dropped it is lost, `incomplete`; if the queue is full where it comes, `refused`.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from lasermesh.random_kernels import CONTEXT_TOKENS, OUTPUT_TOKENS, REQUEST, draw_unit
from lasermesh.scenario.workloads import INFERENCE
from lasermesh.units import NEVER, PS_PER_S, ps_from_s
from lasermesh.workloads import tokens
from lasermesh.workloads.choices import Chooser
from lasermesh.workloads.draws import row_of_names
from lasermesh.workloads.records import DELIVERED, EXPIRED, IN_PROGRESS, INCOMPLETE, LOST, Request
from lasermesh.workloads.spreads import spread_s

LAST_MOMENTS_PS = PS_PER_S // 2
"""What is sent so long before the end of a run has as a rule arrived at it."""


@dataclass(eq=False)
class _OpenRequest:
    """A request that is not over."""

    item: int
    user: int
    asked_ps: int
    context: int
    output: int
    node: int = -1
    reason: str = ""
    work_ps: list = field(default_factory=list, repr=False)  # at full speed until each token is made
    transfer: object = None
    job: object = None
    queue_ps: int | None = None
    prefill_ps: int | None = None
    posted: int = 0  # tokens
    ticket: list | None = field(default=None, repr=False)  # of the next token
    expiry: list | None = field(default=None, repr=False)
    known: int = 0  # tokens of which is known what came of them
    lost_tokens: int = 0
    first_ps: int = NEVER  # arrival of the first token that arrived
    last_ps: int = NEVER  # and of the last one of all


class InferenceWork:
    """One workload of kind "inference"."""

    @staticmethod
    def pairs_of(workload, experiment):
        """Between which rows it ever sends: (source, destination), requests and answers."""
        nodes = _rows_of(workload, experiment)
        ups = [(user, node) for user in workload.user_rows for node in nodes]
        return ups + [(node, user) for user, node in ups]

    def __init__(self, row, workload, around):
        self._row, self._workload, self._around = row, workload, around
        self._network, self._agenda = around.network, around.agenda
        experiment = around.experiment
        # By names, but not that of the workload: runs that differ in how requests are handled draw the same.
        kin = sum(
            other.kind == INFERENCE and other.tokens == workload.tokens
            for other in experiment.workloads[:row]
        )
        self._draw_rows = {
            user: row_of_names(workload.tokens, str(kin), around.names[user]) for user in workload.user_rows
        }
        self._asked = Counter()  # by user
        nodes = _rows_of(workload, experiment)
        self._computers = {node: around.computers[workload.compute, node] for node in nodes}
        self._chooser = Chooser(
            workload.choose,
            nodes,
            list(self._computers.values()),
            self._network,
            self._agenda,
            around.names,
            waiting_bytes=Counter(),
        )
        # Tokens are sent as they are made where something may come between; all at once is cheaper.
        self._one_by_one = set(nodes)
        if workload.expires_s is None:
            self._one_by_one &= {node for power in experiment.power for node in power.rows}
        # Where a request is sent is chosen before anybody knows how long its answer will be.
        self._mean_ps = self._work_ps(
            tokens.CONTEXT[workload.tokens].mean, tokens.OUTPUT[workload.tokens].mean
        )
        self._speeds = {node: computer.speed for node, computer in self._computers.items()}
        self._open = {}  # item -> _OpenRequest
        self._making = {node: {} for node in nodes}  # whose tokens are made one by one: item -> _OpenRequest
        self._next_asks = 0
        self._items = 0
        self._states, self._causes, self._by_node = Counter(), Counter(), Counter()
        self._changes = 0
        self._first_ps, self._last_ps = [], []
        self._network_ps, self._queue_ps, self._prefill_ps = [], [], []  # of first tokens
        self._arrived_tokens = self._lost_tokens = self._resent_bytes = 0

    def begin(self):
        """Put down the first request of each user."""
        for user in self._workload.user_rows:
            self._plan_request(user, 0)
        for node in sorted(self._one_by_one):
            self._computers[node].on_change.append(partial(self._speed_may_have_changed, node))
        if self._workload.reconsider:
            self._network.on_news(self._reconsider)

    @property
    def is_done(self):
        """Whether nobody will ask any more and all answers have come."""
        return not self._next_asks and not self._open

    def close(self):
        """Write down what is in progress, and check that each request has ended in one way."""
        for request in list(self._open.values()):
            self._end(request, IN_PROGRESS)
        if sum(self._states.values()) != self._items or self._open:
            raise RuntimeError(f"requests of {self._workload.name} do not add up")

    # Asking.

    def _draw(self, purpose, user, counter):
        return draw_unit(self._around.seed, purpose, self._draw_rows[user], counter)

    def _plan_request(self, user, now_ps):
        gap_s = -math.log(self._draw(REQUEST, user, self._asked[user])) / self._workload.requests_per_s
        time_ps = now_ps + ps_from_s(gap_s)
        if time_ps < self._around.end_ps:
            self._next_asks += 1
            self._agenda.at(time_ps, self._ask, user)

    def _ask(self, user):
        now_ps, workload = self._agenda.now_ps, self._workload
        self._next_asks -= 1
        number = self._asked[user]
        request = _OpenRequest(
            item=self._items,
            user=user,
            asked_ps=now_ps,
            context=tokens.CONTEXT[workload.tokens].number(self._draw(CONTEXT_TOKENS, user, number)),
            output=tokens.OUTPUT[workload.tokens].number(self._draw(OUTPUT_TOKENS, user, number)),
        )
        request.work_ps = self._work_of(request)
        self._asked[user] += 1
        self._items += 1
        self._open[request.item] = request
        if workload.expires_s is not None:
            request.expiry = self._agenda.at(now_ps + ps_from_s(workload.expires_s), self._expire, request)
        self._send(request, self._compare(request))
        self._plan_request(user, now_ps)

    def _work_of(self, request):
        """Work at full speed until each token is made, as list of int."""
        return [self._work_ps(request.context, token + 1) for token in range(request.output)]

    def _work_ps(self, context, n_tokens):
        """Work at full speed until so many tokens are made."""
        prefill_ps = ps_from_s(context / self._workload.prefill_tokens_per_s)
        return prefill_ps + round((n_tokens - 1) * PS_PER_S / self._workload.decode_tokens_per_s)

    def _size_bytes(self, request):
        return self._workload.envelope_bytes + round(request.context * self._workload.context_token_bytes)

    def _compare(self, request):
        return self._chooser.compare(request.user, self._size_bytes(request))

    def _send(self, request, compared):
        """Send a request to the node that came out best."""
        request.node = compared.best
        request.reason = self._chooser.reason(compared, compared.best)
        self._announce(request)
        request.transfer = self._network.send(
            self._row,
            request.user,
            request.node,
            self._size_bytes(request),
            lambda _: self._arrive(request),
        )

    def _announce(self, request):
        """Have a request on its way counted as work ahead of the node's computer."""
        self._computers[request.node].announce(0, self._mean_ps)

    def _retract(self, request):
        self._computers[request.node].retract(self._mean_ps)

    def _reconsider(self):
        """Choose again for all of which nothing has been sent yet."""
        for request in list(self._open.values()):
            if self._network.as_of_now(request.transfer).first_ps is not None:
                continue
            self._retract(request)
            compared = self._compare(request)
            if compared.is_bettered(request.node) and self._network.withdraw(request.transfer):
                self._changes += 1
                self._send(request, compared)
            else:
                self._announce(request)

    # Answering.

    def _arrive(self, request):
        """What a node does with a request that has come."""
        self._retract(request)
        self._by_node[request.node] += 1
        computer = self._computers[request.node]
        n_bytes = self._size_bytes(request)
        cause = computer.cause_of_refusal(n_bytes)
        job = computer.submit(
            n_bytes,
            lambda _: self._job_done(request),
            lambda job: self._job_begun(request, job),
            service_ps=request.work_ps[-1],
            mean_ps=self._mean_ps,
        )
        if job is None:
            self._end(request, LOST, cause)
        else:
            request.job = job

    def _job_begun(self, request, job):
        request.job = job
        request.queue_ps = job.begun_ps - job.submitted_ps
        if request.node in self._one_by_one:
            self._making[request.node][request.item] = request
            self._plan_token(request)
        else:
            request.prefill_ps = request.work_ps[0]
            self._post(request, job.begun_ps + np.array(request.work_ps, np.int64))

    def _plan_token(self, request):
        """Put the next token down for when it is made at the present speed."""
        computer = self._computers[request.node]
        time_ps = computer.reached_ps(request.job, request.work_ps[request.posted])
        request.ticket = None if time_ps == NEVER else self._agenda.at(time_ps, self._token_made, request)

    def _token_made(self, request, n_tokens=1):
        if request.posted == 0:
            request.prefill_ps = self._agenda.now_ps - request.job.begun_ps
        self._post(request, np.full(n_tokens, self._agenda.now_ps, np.int64))
        if request.posted < request.output:
            self._plan_token(request)

    def _speed_may_have_changed(self, node):
        speed = self._computers[node].speed
        if speed == self._speeds[node]:
            return
        self._speeds[node] = speed
        for request in self._making[node].values():
            self._agenda.cancel(request.ticket)
            self._plan_token(request)

    def _job_done(self, request):
        """All tokens are made, the last one at this instant."""
        if self._making[request.node].pop(request.item, None) is not None:
            self._agenda.cancel(request.ticket)
            self._token_made(request, request.output - request.posted)

    def _post(self, request, made_ps):
        """Send the next tokens; first and last by themselves: of these it is asked when they arrive. Those of
        the run's last moments go by themselves too, so that what became of the others is known at its end.
        """
        first, stop = request.posted, request.posted + len(made_ps)
        request.posted = stop
        late = first + int(np.searchsorted(made_ps, self._around.end_ps - LAST_MOMENTS_PS))
        cuts = [cut for cut in sorted({1, late, request.output - 1}) if first < cut < stop]
        for begin, end in pairwise([first, *cuts, stop]):
            self._network.post(
                self._row,
                request.node,
                request.user,
                made_ps[begin - first : end - first] + self._network.handling_ps,
                self._workload.token_bytes,
                partial(self._tokens_came, request, end == request.output),
            )

    def _tokens_came(self, request, has_last, outcome):
        """What came of some tokens; `has_last` if the last one is among them, which is alone then."""
        if request.item not in self._open:
            return
        request.known += outcome.delivered + outcome.lost
        request.lost_tokens += outcome.lost
        request.first_ps = min(request.first_ps, outcome.first_ps)
        if has_last:
            request.last_ps = outcome.last_ps
        if request.known == request.output:
            if request.last_ps == NEVER:
                self._end(request, LOST, INCOMPLETE)
            else:
                self._end(request, DELIVERED)

    # Ending.

    def _expire(self, request):
        """Give a request up wherever it is; tokens that are on their way arrive for nobody."""
        if request.job is None:
            self._network.cancel(request.transfer)
            self._retract(request)
        elif request.job.done_ps is None:
            self._making[request.node].pop(request.item, None)
            self._agenda.cancel(request.ticket)
            self._computers[request.node].withdraw(request.job)
        self._end(request, LOST, EXPIRED)

    def _end(self, request, state, cause=None):
        """Count and write down what became of a request."""
        del self._open[request.item]
        self._agenda.cancel(request.expiry)
        self._states[state] += 1
        if cause is not None:
            self._causes[cause] += 1
        self._resent_bytes += self._network.as_of_now(request.transfer).resent_bytes
        self._arrived_tokens += request.known - request.lost_tokens
        self._lost_tokens += request.lost_tokens
        first_ps = last_ps = network_ps = None
        if request.first_ps != NEVER:
            first_ps = request.first_ps - request.asked_ps
            network_ps = first_ps - request.queue_ps - request.prefill_ps
            self._first_ps.append(first_ps)
            self._network_ps.append(network_ps)
            self._queue_ps.append(request.queue_ps)
            self._prefill_ps.append(request.prefill_ps)
        if request.last_ps != NEVER:
            last_ps = request.last_ps - request.asked_ps
        if state == DELIVERED:
            self._last_ps.append(last_ps)
        self._around.log.requests.append(
            Request(
                workload=self._workload.name,
                item=request.item,
                user=request.user,
                node=request.node,
                reason=request.reason,
                asked_ps=request.asked_ps,
                context_tokens=request.context,
                output_tokens=request.output,
                state=state,
                cause=cause,
                first_token_ps=first_ps,
                last_token_ps=last_ps,
                network_ps=network_ps,
                queue_ps=request.queue_ps,
                prefill_ps=request.prefill_ps,
                lost_tokens=request.lost_tokens,
            )
        )

    def totals(self):
        """What came of all requests, JSON-ready.

        Times of first tokens are of all requests of which any token arrived, those of last tokens of those
        delivered; the first token's mean is the sum of the means of network, queue and prefill.
        """
        elapsed_s = self._agenda.now_ps / PS_PER_S
        by_node = {
            self._around.names[node]: count
            for node, count in sorted(self._by_node.items(), key=lambda entry: (-entry[1], entry[0]))
        }
        arrived = sum(by_node.values())
        first_ps = sum(self._first_ps)
        delivered = self._states[DELIVERED]
        return {
            "name": self._workload.name,
            "kind": self._workload.kind,
            "requests": self._items,
            "delivered": delivered,
            "lost": dict(sorted(self._causes.items())),
            "in_progress": self._states[IN_PROGRESS],
            # Those that were not delivered would have had the longest times: last tokens are of the others.
            "unfinished_share": 1 - delivered / self._items if self._items else None,
            "changed_choices": self._changes,
            "first_token_s": spread_s(self._first_ps),
            "first_token_network_s": spread_s(self._network_ps),
            "first_token_queue_s": spread_s(self._queue_ps),
            "first_token_prefill_s": spread_s(self._prefill_ps),
            "network_share": sum(self._network_ps) / first_ps if first_ps else None,
            "last_token_s": spread_s(self._last_ps),
            "tokens": self._arrived_tokens,
            "lost_tokens": self._lost_tokens,
            "tokens_per_s": self._arrived_tokens / elapsed_s if elapsed_s else None,
            "resent_bytes": self._resent_bytes,
            "requests_by_node": by_node,
            "busiest_share": max(by_node.values()) / arrived if arrived else None,
            "guesses": list(self._workload.guesses),
        }


def _rows_of(workload, experiment):
    """Nodes that have the computers of a workload."""
    return next(compute.rows for compute in experiment.compute if compute.name == workload.compute)
