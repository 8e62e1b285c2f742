"""Stages of scenes: transfers (where to, in which order, when that is chosen again) and computing."""

from collections import defaultdict, deque
from functools import partial
from typing import Protocol

from lasermesh.units import PS_PER_S
from lasermesh.workloads.choices import Chooser
from lasermesh.workloads.items import ATTACH, COMPUTE, DOWNLINK, QUEUE, TRANSFER, WAIT, Item
from lasermesh.workloads.network import ATTACHING, SENDING, WAITING

AHEAD_TRANSFERS = 2
AHEAD_PS = PS_PER_S // 10
"""An outbox hands the mesh this many transfers ahead, and more while they are sent in less than this time: so
that links do not idle from one to the next, and what waits can still go elsewhere at no cost."""


class Stage(Protocol):
    """One stage of one workload, as `scenes.SceneWork` uses it.

    A scene is in one stage at a time. The stage calls `leave` (or `computed`) of the work when it is through,
    `lose` if it cannot be.
    """

    kind: str
    """`transfer` or `compute`."""

    def enter(self, item: Item):
        """Begin with a scene; it may be through, or lost, before this returns."""

    def is_waiting(self, item: Item) -> bool:
        """Whether nothing was sent of a scene, and nobody has begun to work on it."""

    def stop(self, item: Item):
        """Take a scene out of this stage wherever it is, its time accounted."""

    def account(self, item: Item):
        """Count the time of a scene that is still in this stage at the end, and what was sent of it."""


class Outbox:
    """What one node has for one stage of one workload: oldest first."""

    def __init__(self, place):
        self.place = place
        self.waiting = deque()
        self.sending = []  # handed to the mesh, and not there yet


class TransferStage:
    """One stage of one workload that sends.

    Parameters
    ----------
    row : int
        Of the workload.
    workload : Workload
    stage : Stage
    nodes : tuple of int
        Candidates.
    computers : list of Computer or None
        Of each candidate, where the next stage is worked on there.
    around : WorkContext
    work : SceneWork
        Told what has arrived (`leave`), and of acknowledgements.
    """

    kind = "transfer"

    def __init__(self, row, workload, stage, nodes, computers, around, work):
        self._row, self._work = row, work
        self._network, self._agenda = around.network, around.agenda
        self._is_ground = around.is_ground
        self._reconsiders = workload.reconsider and len(nodes) > 1
        self._undecided = {}  # scenes for which no node could be foreseen (dict as ordered set)
        self._waiting_bytes = defaultdict(int)
        self._computers = None if computers is None else dict(zip(nodes, computers, strict=True))
        self._chooser = Chooser(
            stage.choose, nodes, computers, self._network, self._agenda, around.names, self._waiting_bytes
        )
        self._outboxes = {}
        if self._reconsiders:
            self._network.on_news(self._look_again)
        elif len(nodes) > 1:
            self._network.on_news(self._decide)

    def enter(self, item):
        """Choose where a scene goes, and send it as soon as its turn comes."""
        item.attaching_ps = self._network.attaching_ps(item.place)
        compared = self._chooser.compare(item.place, item.n_bytes)
        if not self._reconsiders and not compared.is_any_foreseen and len(compared.candidates) > 1:
            self._undecided[item] = None  # a choice for good should not be a choice in the dark
        else:
            self._put(item, compared)

    def _decide(self):
        """There is news of routes: choose for scenes that can be sent somewhere now."""
        in_the_dark = set()  # places: what holds for one scene there holds for all
        for item in list(self._undecided):
            if item.place in in_the_dark or not self._network.is_attached(item.place):
                continue
            compared = self._chooser.compare(item.place, item.n_bytes)
            if compared.is_any_foreseen:
                del self._undecided[item]
                self._put(item, compared)
            else:
                in_the_dark.add(item.place)

    def _put(self, item, compared):
        """Choose the best node for a scene and have it wait for its turn, or be done where it is."""
        self._choose(item, compared, compared.best)
        if item.to_node == item.place:
            self._retract(item)
            self._work.leave(item)
            return
        # Where choices stay as they are, nobody waits for others that go elsewhere.
        key = item.place, None if self._reconsiders else item.to_node
        if key not in self._outboxes:
            self._outboxes[key] = Outbox(item.place)
        item.outbox = self._outboxes[key]
        item.outbox.waiting.append(item)
        self._waiting_bytes[item.to_node] += item.n_bytes
        self._fill(item.outbox)

    def stop(self, item):
        """Take a scene out of this stage wherever it is, its time accounted."""
        outbox, transfer = item.outbox, item.transfer
        if item in self._undecided:
            del self._undecided[item]
            self._account(item)
            return
        if transfer is None:
            outbox.waiting.remove(item)
            self._waiting_bytes[item.to_node] -= item.n_bytes
            self._account(item)
        else:
            if transfer.complete_ps is None:
                self._network.cancel(transfer)
                self._count_sent(item, transfer)
                self._account(item, transfer)
            else:
                self._arrive(item, transfer)
            outbox.sending.remove(item)
        item.outbox = item.transfer = None
        self._retract(item)
        self._fill(outbox)

    def is_waiting(self, item):
        """Whether nothing has been sent of a scene."""
        return item.transfer is None or self._network.as_of_now(item.transfer).first_ps is None

    def account(self, item):
        """Count the time of a scene that is in this stage at the end, and what was sent of it."""
        if item.transfer is not None:
            self._count_sent(item, self._network.as_of_now(item.transfer))
        self._account(item, item.transfer)

    def _choose(self, item, compared, node):
        item.to_node, item.chosen_ps = node, self._agenda.now_ps
        item.reason = self._chooser.reason(compared, node)
        if self._computers is not None:
            item.announced_ps = self._computers[node].announce(item.n_bytes)

    def _retract(self, item):
        if item.announced_ps is not None:
            self._computers[item.to_node].retract(item.announced_ps)
            item.announced_ps = None

    def _compare_again(self, item):
        """All candidates, the scene itself left out of what is ahead."""
        if self._computers is None:
            return self._chooser.compare(item.place, item.n_bytes, item.to_node)
        self._computers[item.to_node].retract(item.announced_ps)
        compared = self._chooser.compare(item.place, item.n_bytes)
        self._computers[item.to_node].announce(item.n_bytes)
        return compared

    def _change(self, item, compared, node):
        self._retract(item)
        self._choose(item, compared, node)
        item.changes += 1

    def _fill(self, outbox):
        """Hand to the mesh what may be handed over."""
        while outbox.waiting and self._has_room(outbox):
            item = outbox.waiting.popleft()
            self._waiting_bytes[item.to_node] -= item.n_bytes
            if self._reconsiders and item.chosen_ps < self._agenda.now_ps:
                compared = self._compare_again(item)
                if self._should_change(item, compared):
                    self._change(item, compared, compared.best)
            self._account(item)
            self._send(item)
            outbox.sending.append(item)

    def _has_room(self, outbox):
        if len(outbox.sending) < AHEAD_TRANSFERS:
            return True
        last = outbox.sending[-1]
        route = self._network.route(outbox.place, last.to_node)
        ahead_bytes = sum(item.n_bytes for item in outbox.sending)
        return route is not None and ahead_bytes * 8 * PS_PER_S < route.rate_bps * AHEAD_PS

    def _send(self, item):
        item.transfer = self._network.send(
            self._row, item.place, item.to_node, item.n_bytes, partial(self._done, item)
        )
        if item.held is not None and not item.has_left:
            self._network.on_acknowledged(item.transfer, partial(self._acknowledged, item))

    def _done(self, item, transfer):
        if item.transfer is not transfer:
            return  # given up when it was there already
        outbox = item.outbox
        outbox.sending.remove(item)
        item.outbox = item.transfer = None
        self._arrive(item, transfer)
        item.place = item.to_node
        self._retract(item)
        self._work.leave(item)
        self._fill(outbox)

    def _arrive(self, item, transfer):
        """A scene's bytes are all at the other end."""
        self._count_sent(item, transfer)
        if self._is_ground(item.to_node) and not self._is_ground(item.place):
            item.delivered_bytes += item.n_bytes
        self._account(item, transfer)
        self._work.arrived(item)

    @staticmethod
    def _count_sent(item, transfer):
        item.stage_sent_bytes += transfer.sent_bytes
        item.stage_resent_bytes += transfer.resent_bytes

    def _acknowledged(self, item, transfer):
        self._work.forget(item)

    def _account(self, item, transfer=None):
        """Count the time since the last mark: in the outbox, or in the mesh."""
        now_ps = self._agenda.now_ps
        elapsed_ps = now_ps - item.mark_ps
        if transfer is not None and transfer.complete_ps is not None:
            wait_ps, attach_ps = transfer.spent_ps[WAITING], transfer.spent_ps[ATTACHING]
        else:
            attaching_ps = self._network.attaching_ps(item.place)
            sending_ps = 0 if transfer is None else min(transfer.spent_ps[SENDING], elapsed_ps)
            attach_ps = min(attaching_ps - item.attaching_ps, elapsed_ps - sending_ps)
            wait_ps = elapsed_ps - sending_ps - attach_ps
            item.attaching_ps = attaching_ps
        item.spent_ps[WAIT] += wait_ps
        item.spent_ps[ATTACH] += attach_ps
        item.mark_ps += wait_ps + attach_ps
        item.spend(DOWNLINK if self._is_ground(item.to_node) else TRANSFER, now_ps)

    def _look_again(self):
        """There is news of routes: what was not sent may go elsewhere, what cannot go on must."""
        for outbox in self._outboxes.values():
            # Without any link there is no route to compare; the first one that comes brings news.
            if outbox.sending and self._network.is_attached(outbox.place):
                for item in outbox.sending.copy():
                    self._look_at(item)

    def _look_at(self, item):
        transfer = item.transfer
        if transfer.complete_ps is not None:
            return
        has_route = self._network.route(item.place, item.to_node) is not None
        if self._network.as_of_now(transfer).first_ps is None:
            if has_route and item is not item.outbox.sending[0]:
                return  # next in line: comparing all at each news would cost more than it could gain
            compared = self._compare_again(item)
            if self._should_change(item, compared) and self._network.withdraw(transfer):
                self._send_elsewhere(item, compared, compared.best)
        elif not has_route:
            compared = self._compare_again(item)
            node = compared.best_with_route
            if node is not None and node != item.place:
                self._network.cancel(transfer)
                item.stage_sent_bytes += transfer.sent_bytes
                item.stage_resent_bytes += transfer.sent_bytes  # it is all sent again, to the other node
                self._send_elsewhere(item, compared, node)

    def _should_change(self, item, compared):
        return compared.best != item.place and compared.is_bettered(item.to_node)

    def _send_elsewhere(self, item, compared, node):
        self._account(item, item.transfer)
        self._change(item, compared, node)
        self._send(item)


class ComputeStage:
    """One stage of one workload in which a computer works on scenes where they are."""

    kind = "compute"

    def __init__(self, stage, computers, agenda, work):
        self._stage, self._computers, self._agenda, self._work = stage, computers, agenda, work

    def enter(self, item):
        """Ask the computer of the scene's node for a job; the scene is lost if it is refused."""
        computer = self._computer_of(item)
        item.reason = self._stage.compute
        cause = computer.cause_of_refusal(item.n_bytes)
        item.job = computer.submit(item.n_bytes, partial(self._done, item))
        if item.job is None:
            self._work.lose(item, cause)

    def stop(self, item):
        """Take a scene out of this stage wherever it is, its time accounted."""
        if item.job is not None:
            self.account(item)
            self._computer_of(item).withdraw(item.job)
            item.job = None

    def is_waiting(self, item):
        """Whether nobody has begun to work on a scene."""
        return item.job is None or item.job.begun_ps is None

    def account(self, item):
        """Count the time of a scene in this stage up to now."""
        if item.job.begun_ps is not None:
            item.spend(QUEUE, item.job.begun_ps)
        item.spend(QUEUE if item.job.begun_ps is None else COMPUTE, self._agenda.now_ps)

    def _computer_of(self, item):
        return self._computers[self._stage.compute, item.place]

    def _done(self, item, job):
        self.account(item)
        item.job = None
        result_bytes = self._stage.result_bytes
        self._work.computed(item, item.n_bytes if result_bytes is None else result_bytes)
