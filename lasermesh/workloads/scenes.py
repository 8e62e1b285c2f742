"""Workloads of scenes: taken by a sensor, sent, worked on, and brought to the ground, in stages."""

from itertools import pairwise

from lasermesh.units import ps_from_s
from lasermesh.workloads.items import Item
from lasermesh.workloads.records import DELIVERED, EXPIRED, IN_PROGRESS, LOST, NO_ROOM, Scene, StageDone
from lasermesh.workloads.scene_totals import SceneTotals
from lasermesh.workloads.sensors import scene_instants
from lasermesh.workloads.stages import ComputeStage, TransferStage


class SceneWork:
    """All scenes of one workload."""

    def __init__(self, row, workload, around):
        self._workload, self._around, self._agenda = workload, around, around.agenda
        experiment = around.experiment
        self._sensor = _named(experiment.sensors, workload.source)
        self._stages = []
        for step, stage in enumerate(workload.plan):
            if stage.compute is not None:
                self._stages.append(ComputeStage(stage, around.computers, self._agenda, self))
                continue
            nodes, computers = stage.rows, None
            following = workload.plan[step + 1 : step + 2]
            if following and following[0].compute is not None:
                computers = [around.computers[following[0].compute, node] for node in nodes]
            self._stages.append(TransferStage(row, workload, stage, nodes, computers, around, self))
        self._coming = 0  # nodes that will take another scene
        self._unacknowledged = 0
        self._items = {}  # in progress, by identity, in order
        self._totals = SceneTotals()

    @staticmethod
    def pairs_of(workload, experiment):
        """(Source, destination) of all transfers that may be."""
        pairs = set()
        for places, following in pairwise(_places_of(workload, experiment)):
            pairs |= {(place, node) for place in places for node in following if place != node}
        return pairs

    @property
    def is_done(self):
        """Whether nothing is in progress, or will ever be."""
        return not self._coming and not self._items and not self._unacknowledged

    def begin(self):
        """Put down the first scene of each node."""
        for node in self._sensor.rows:
            instants = scene_instants(
                self._sensor, node, self._around.names[node], self._around.seed, self._around.orbit_period_s
            )
            self._coming += 1
            self._expect(node, instants)

    def is_waiting(self, item):
        """Whether nothing was sent of a scene in its present stage, and nobody has begun to work on it."""
        return self._stages[item.step].is_waiting(item)

    def leave(self, item):
        """A scene is through a stage: write that down, and go on with the next."""
        self._write_stage(item, self._agenda.now_ps)
        item.step += 1
        if item.step == len(self._stages):
            self._finish(item, DELIVERED, None)
        else:
            self._enter(item)

    def lose(self, item, cause):
        """A scene is lost: taken out of wherever it is."""
        self._stages[item.step].stop(item)
        self._write_stage(item, None)
        self._finish(item, LOST, cause)

    def arrived(self, item):
        """A first transfer is at its end; the storage keeps the scene until that is acknowledged."""
        if item.held is not None and not item.has_left:
            self._unacknowledged += 1
        item.has_left = True

    def computed(self, item, n_bytes):
        """What a computer made of a scene replaces it, in its node's storage too."""
        item.n_bytes = n_bytes
        if not item.has_left:
            item.held = self._storage_of(item).replace(item.held, n_bytes, item)
            if item.held is None:
                self.lose(item, NO_ROOM)
                return
        self.leave(item)

    def forget(self, item):
        """The other end has everything: its place in the storage is free."""
        self._unacknowledged -= 1  # `arrived` came first: a report leaves when its receiver has acted
        self._storage_of(item).release(item.held)
        item.held = None

    def close(self):
        """Write down what is in progress, and check that every scene is in exactly one state."""
        for item in self._items:
            self._stages[item.step].account(item)
            self._write_stage(item, None)
            self._write_scene(item, IN_PROGRESS, None, None)
        self._totals.check(len(self._items))

    def totals(self):
        """What came of all scenes, JSON-ready."""
        workload, totals = self._workload, self._totals.to_dict()
        *_, last_places = _places_of(workload, self._around.experiment)
        if not all(map(self._around.is_ground, last_places)):
            totals["saved_share"] = None  # what did not come down at all was not saved by working on it
        return {"name": workload.name, "kind": workload.kind, **totals, "guesses": list(workload.guesses)}

    def _expect(self, node, instants):
        time_ps = next(instants)
        stop_s = self._sensor.stop_s
        stop_ps = self._around.end_ps if stop_s is None else min(ps_from_s(stop_s), self._around.end_ps)
        if time_ps < stop_ps:
            self._agenda.at(time_ps, self._capture, node, instants)
        else:
            self._coming -= 1

    def _capture(self, node, instants):
        now_ps, n_bytes = self._agenda.now_ps, self._sensor.scene_bytes
        item = Item(self, self._totals.scenes, node, now_ps, n_bytes, n_bytes, node, mark_ps=now_ps)
        self._totals.scenes += 1
        self._totals.captured_bytes += n_bytes
        self._items[item] = None
        item.held = self._storage_of(item).put(n_bytes, item)
        if item.held is None:
            self._finish(item, LOST, NO_ROOM)
        else:
            if self._workload.expires_s is not None:
                # After all else of that instant: what arrives just then has arrived.
                expiry_ps = now_ps + ps_from_s(self._workload.expires_s)
                item.expiry = self._agenda.at(expiry_ps, self.lose, item, EXPIRED, rank=self._agenda.LOOKS)
            self._enter(item)
        self._expect(node, instants)

    def _enter(self, item):
        item.began_ps = self._agenda.now_ps
        item.from_node = item.to_node = item.place
        item.reason, item.changes = "", 0
        item.stage_bytes, item.stage_sent_bytes, item.stage_resent_bytes = item.n_bytes, 0, 0
        self._stages[item.step].enter(item)

    def _finish(self, item, state, cause):
        self._agenda.cancel(item.expiry)
        if item.held is not None and not item.has_left:
            storage = self._storage_of(item)
            (storage.release if state == DELIVERED else storage.lose)(item.held)
            item.held = None
        del self._items[item]
        self._write_scene(item, state, cause, self._agenda.now_ps)

    def _storage_of(self, item):
        return self._around.storages[self._sensor.name, item.node]

    def _write_stage(self, item, ended_ps):
        item.sent_bytes += item.stage_sent_bytes
        stage = StageDone(
            self._workload.name,
            item.number,
            item.step,
            self._stages[item.step].kind,
            item.from_node,
            item.to_node,
            item.reason,
            item.changes,
            item.began_ps,
            ended_ps,
            item.stage_bytes,
            item.stage_sent_bytes,
            item.stage_resent_bytes,
        )
        self._around.log.stages.append(stage)
        self._totals.add_stage(stage)

    def _write_scene(self, item, state, cause, finished_ps):
        scene = Scene(
            self._workload.name,
            item.number,
            item.node,
            item.captured_ps,
            item.size_bytes,
            state,
            cause,
            finished_ps,
            tuple(item.spent_ps),
            item.delivered_bytes,
            item.sent_bytes,
        )
        self._around.log.scenes.append(scene)
        self._totals.add(scene)


def _places_of(workload, experiment):
    """Nodes on which scenes may be: where they are taken, then behind each transfer; a list."""
    transfers = [stage.rows for stage in workload.plan if stage.compute is None]
    return [_named(experiment.sensors, workload.source).rows, *transfers]


def _named(tables, name):
    """The table of that name."""
    return next(table for table in tables if table.name == name)
