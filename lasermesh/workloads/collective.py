"""Nodes that train a model together: steps of computing, exchanges of gradients, checkpoints.

All nodes begin a step together, compute for `compute_s`, and in every `exchange_every`-th step then sum up
`step_bytes` by one of the patterns of `exchanges`; the step ends when the last node has everything. After
every `checkpoint_every`-th step the group's first node sends a checkpoint away in the background: nobody
waits for it, but it shares links with the exchanges that follow.
"""

from collections import Counter
from functools import partial

from lasermesh.scenario.workloads import NEAREST
from lasermesh.units import PS_PER_S, ps_from_s
from lasermesh.workloads.choices import Chooser
from lasermesh.workloads.exchanges import EXCHANGES
from lasermesh.workloads.records import TrainingStep
from lasermesh.workloads.spreads import spread_s

STEP, EXCHANGE, CHECKPOINT = "step", "exchange", "checkpoint"


class CollectiveWork:
    """One workload of kind "collective"."""

    @staticmethod
    def pairs_of(workload, experiment):
        """Between which rows it ever sends: (source, destination)."""
        group = workload.group_rows
        pairs = [(group[i], group[j]) for i, j in EXCHANGES[workload.pattern].pairs(len(group))]
        if workload.checkpoint_bytes is not None:
            pairs += [(group[0], target) for target in _targets(workload)]
        return pairs

    def __init__(self, row, workload, around):
        self._row = row
        self._workload = workload
        self._network = around.network
        self._agenda = around.agenda
        self._log = around.log
        self._group = workload.group_rows
        self._chooser = Chooser(
            NEAREST, _targets(workload), None, around.network, around.agenda, around.names, Counter()
        )
        self._compute_ps = ps_from_s(workload.compute_s)
        self._step = 0
        self._began_ps = 0
        self._computed_ps = None
        self._transfers = []
        self._checkpoints = {}  # those under way: transfer by step
        self._step_ps = []
        self._communication_ps = []  # of steps with an exchange
        self._checkpoint_ps = []
        self._sent_bytes = self._resent_bytes = 0

    def begin(self):
        """Begin the first step."""
        self._agenda.at(0, self._begin_step)

    @property
    def is_done(self):
        """Whether all steps are over and all checkpoints have come."""
        return self._is_over and not self._checkpoints

    @property
    def _is_over(self):
        return self._workload.steps is not None and self._step >= self._workload.steps

    @property
    def _has_exchange(self):
        return (self._step + 1) % self._workload.exchange_every == 0

    def _begin_step(self):
        self._began_ps = self._agenda.now_ps
        self._computed_ps = None
        self._agenda.at(self._began_ps + self._compute_ps, self._compute_done, rank=self._agenda.ENDS)

    def _compute_done(self):
        self._computed_ps = self._agenda.now_ps
        if not self._has_exchange:
            self._end_step()
            return
        EXCHANGES[self._workload.pattern](
            len(self._group), self._workload.step_bytes, self._send, self._end_exchange
        ).begin()

    def _send(self, source, destination, n_bytes, action):
        """Send between two positions of the group; what has no bytes is there at once."""
        if n_bytes == 0:
            self._agenda.at(self._agenda.now_ps, action)
            return
        self._transfers.append(
            self._network.send(
                self._row,
                self._group[source],
                self._group[destination],
                n_bytes,
                lambda transfer: action(),
            )
        )

    def _end_exchange(self):
        self._communication_ps.append(self._agenda.now_ps - self._computed_ps)
        self._end_step()

    def _end_step(self):
        now_ps = self._agenda.now_ps
        self._step_ps.append(now_ps - self._began_ps)
        self._write_step(now_ps)
        self._step += 1
        self._transfers = []
        if self._workload.checkpoint_bytes and self._step % self._workload.checkpoint_every == 0:
            self._push_checkpoint()
        if not self._is_over:
            self._begin_step()

    def _push_checkpoint(self):
        """Send a checkpoint to the node that is nearest now; it counts as of the step that ended last."""
        source = self._group[0]
        target = self._chooser.compare(source, self._workload.checkpoint_bytes).best
        step = self._step - 1
        self._checkpoints[step] = self._network.send(
            self._row,
            source,
            target,
            self._workload.checkpoint_bytes,
            partial(self._checkpoint_came, step),
        )

    def _checkpoint_came(self, step, transfer):
        del self._checkpoints[step]
        now_ps = self._agenda.now_ps
        self._checkpoint_ps.append(now_ps - transfer.asked_ps)
        self._write(CHECKPOINT, step, transfer.asked_ps, transfer.asked_ps, now_ps, [transfer])

    def close(self):
        """Write down what is not done at the run's end."""
        if not self._is_over:
            self._write_step(None)
        for step, transfer in self._checkpoints.items():
            self._write(CHECKPOINT, step, transfer.asked_ps, transfer.asked_ps, None, [transfer])

    def _write_step(self, ended_ps):
        kind = EXCHANGE if self._has_exchange else STEP
        self._write(kind, self._step, self._began_ps, self._computed_ps, ended_ps, self._transfers)

    def _write(self, kind, step, began_ps, computed_ps, ended_ps, transfers):
        """Count and write down what was sent for a step or a checkpoint."""
        transfers = [self._network.as_of_now(transfer) for transfer in transfers]
        sent = sum(transfer.sent_bytes for transfer in transfers)
        resent = sum(transfer.resent_bytes for transfer in transfers)
        self._sent_bytes += sent
        self._resent_bytes += resent
        self._log.steps.append(
            TrainingStep(self._workload.name, kind, step, began_ps, computed_ps, ended_ps, sent, resent)
        )

    def totals(self):
        """What came of it, JSON-ready; times are of steps that ended.

        `bus_rate_gbps` is what each of n nodes sends by ring in an exchange, 2(n - 1)/n of the bytes, over
        what exchanges took: on idle links the rate of a link (NCCL calls it bus bandwidth).
        """
        n_exchanges, exchange_ps = len(self._communication_ps), sum(self._communication_ps)
        n_nodes, step_ps = len(self._group), sum(self._step_ps)
        each_bits = 2 * (n_nodes - 1) / n_nodes * self._workload.step_bytes * 8
        return {
            "name": self._workload.name,
            "kind": self._workload.kind,
            "pattern": self._workload.pattern,
            "nodes": n_nodes,
            "steps": len(self._step_ps),
            "exchanges": n_exchanges,
            "in_progress": int(not self._is_over),
            "step_s": spread_s(self._step_ps),
            "exchange_s": spread_s(self._communication_ps),
            "communication_share": exchange_ps / step_ps if step_ps else None,
            "steps_per_s": len(self._step_ps) * PS_PER_S / step_ps if step_ps else None,
            "bus_rate_gbps": each_bits * n_exchanges * PS_PER_S / exchange_ps / 1e9 if exchange_ps else None,
            "sent_bytes": self._sent_bytes,
            "resent_bytes": self._resent_bytes,
            "checkpoints": len(self._checkpoint_ps),
            "checkpoints_in_progress": len(self._checkpoints),
            "checkpoint_s": spread_s(self._checkpoint_ps),
            "guesses": list(self._workload.guesses),
        }


def _targets(workload):
    """Where checkpoints may go: not where they come from."""
    return tuple(row for row in workload.checkpoint_rows if row != workload.group_rows[0])
