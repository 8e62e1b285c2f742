"""Small runs of work on a mesh of fixed delays."""

from itertools import combinations
from types import SimpleNamespace

from lasermesh.scenario.workloads import Compute, Sensor, Stage, Workload
from lasermesh.units import PS_PER_S, ps_from_s
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.log import Log
from lasermesh.workloads.work import Work
from tests.workloads.fake_network import FakeNetwork

MS = 10**9
S = PS_PER_S


def a_sensor(rows, name="camera", **keys):
    return Sensor(name=name, on=("all",), rows=tuple(rows), **{"scene_bytes": 1_000_000} | keys)


def a_compute(rows, name="gpu", **keys):
    return Compute(name=name, on=("all",), rows=tuple(rows), **keys)


def to(*rows, choose="nearest"):
    return Stage(transfer_to=("all",), choose=choose, rows=rows)


def work_on(compute="gpu", result_bytes=None):
    return Stage(compute=compute, result_bytes=result_bytes)


def a_workload(*plan, name="scenes", source="camera", **keys):
    return Workload(name=name, kind="stages", source=source, plan=plan, **keys)


def an_experiment(
    satellites,
    sites,
    *,
    sensors=(),
    compute=(),
    power=(),
    workloads=(),
    duration_s=100.0,
    seed=1,
    names=None,
):
    """What work reads of an experiment; nodes are s0, s1, ... and behind them g0, g1, ..."""
    names = names or [f"s{row}" for row in range(satellites)] + [f"g{row}" for row in range(sites)]
    topology = SimpleNamespace(node_names=tuple(names), is_ground=lambda row: row >= satellites)
    return SimpleNamespace(
        topology=topology,
        sensors=tuple(sensors),
        compute=tuple(compute),
        power=tuple(power),
        workloads=tuple(workloads),
        duration_s=duration_s,
        seed=seed,
    )


class Prepared:
    """A run that has not begun.

    Parameters
    ----------
    experiment : SimpleNamespace
    delay_ps : dict
        (a, b) -> one way.
    """

    def __init__(self, experiment, delay_ps, orbit_period_s=None, network=FakeNetwork, **keys):
        self.agenda, self.log = Agenda(), Log()
        self.network = network(self.agenda, delay_ps, **keys)
        self.work = Work(experiment, self.network, self.agenda, self.log, orbit_period_s)
        self.end_ps = ps_from_s(experiment.duration_s)

    def go(self):
        """Run to the end, and the totals of the workloads."""
        self.work.begin()
        self.agenda.run_until(self.end_ps)
        self.is_done = self.work.is_done
        self.work.close()
        self.totals = self.work.totals()
        return self.totals["workloads"]


class Run(Prepared):
    """A run that is over: its log, its totals, and its parts."""

    def __init__(self, experiment, delay_ps, orbit_period_s=None, before=None, **keys):
        super().__init__(experiment, delay_ps, orbit_period_s, **keys)
        if before is not None:
            before(self.work)
        self.go()
        self.scenes = sorted(self.log.scenes, key=lambda scene: (scene.workload, scene.item))
        self.stages = self.log.stages


def on_a_mesh(workloads, n_nodes, delay_ps, duration_s, compute=(), power=(), seed=0, names=None, **keys):
    """A `Prepared` run on satellites that are all linked with each other.

    `delay_ps` may be that of all pairs; further keys are those of `Prepared`.
    """
    experiment = an_experiment(
        n_nodes,
        0,
        workloads=workloads,
        compute=compute,
        power=power,
        duration_s=duration_s,
        seed=seed,
        names=names,
    )
    if isinstance(delay_ps, int):
        delay_ps = dict.fromkeys(combinations(range(n_nodes), 2), delay_ps)
    return Prepared(experiment, delay_ps, **keys)
