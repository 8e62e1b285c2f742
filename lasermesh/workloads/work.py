"""All work of a run: which parts there are, what they share, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from lasermesh.scenario.experiment import Experiment
from lasermesh.scenario.workloads import COLLECTIVE, INFERENCE
from lasermesh.units import ps_from_s
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.collective import CollectiveWork
from lasermesh.workloads.computers import Computer
from lasermesh.workloads.inference import InferenceWork
from lasermesh.workloads.log import Log
from lasermesh.workloads.network import Network
from lasermesh.workloads.power import PowerSupply
from lasermesh.workloads.scenes import SceneWork
from lasermesh.workloads.storages import Storage

_PARTS = {INFERENCE: InferenceWork, COLLECTIVE: CollectiveWork}  # all other kinds are of scenes


@dataclass(frozen=True)
class WorkContext:
    """What the parts of the work share."""

    experiment: Experiment
    network: Network
    agenda: Agenda
    log: Log
    computers: dict[tuple[str, int], Computer]  # by name of the table and node
    storages: dict[tuple[str, int], Storage]  # of sensors, alike
    seed: int
    end_ps: int
    orbit_period_s: Callable | None = None  # of a node's row
    sunlight: object | None = None

    @cached_property
    def names(self):
        """Names of the nodes."""
        return self.experiment.topology.node_names

    def is_ground(self, node):
        """Whether a node stands on the Earth."""
        return self.experiment.topology.is_ground(node)


class Work:
    """Workloads, computers, storages and power of a run.

    Parameters
    ----------
    experiment : Experiment
    network, agenda, log : Network, Agenda, Log
    orbit_period_s : callable, optional
        Period of a node's orbit by its row; for sensors whose duty has no period of its own.
    sunlight : object, optional
        When satellites enter and leave the Earth's shadow; for `[power]`.

    Attributes
    ----------
    computers : dict
        `Computer` by (name of the table, node).
    """

    def __init__(self, experiment, network, agenda, log, orbit_period_s=None, sunlight=None):
        seed = experiment.seed
        names = experiment.topology.node_names
        computers = {
            (compute.name, node): Computer(compute, node, names[node], agenda, log, seed)
            for compute in experiment.compute
            for node in compute.rows
        }
        storages = {
            (sensor.name, node): Storage(sensor, node, agenda, log)
            for sensor in experiment.sensors
            for node in sensor.rows
        }
        self.computers = computers
        end_ps = ps_from_s(experiment.duration_s)
        self._around = WorkContext(
            experiment, network, agenda, log, computers, storages, seed, end_ps, orbit_period_s, sunlight
        )
        self._workloads = [
            part_of(workload)(row, workload, self._around)
            for row, workload in enumerate(experiment.workloads)
        ]
        self._power = [PowerSupply(power, self._around) for power in experiment.power]

    @property
    def is_done(self):
        """Whether nothing will ever happen any more that a workload wants."""
        return all(part.is_done for part in self._workloads)

    def begin(self):
        """Put down what happens first; once, at the run's start."""
        for part in self._power + self._workloads:
            part.begin()

    def close(self):
        """Write down what is in progress, and check that everything adds up."""
        for part in self._workloads + self._power:
            part.close()
        for storage in self._around.storages.values():
            storage.close()

    def totals(self):
        """What came of everything, JSON-ready: `workloads`, `computers`, `storages` and `power`, lists."""
        around = self._around
        return {
            "workloads": [part.totals() for part in self._workloads],
            "computers": [
                {"name": name, "node": around.names[node]} | computer.totals()
                for (name, node), computer in around.computers.items()
            ],
            "storages": [
                {"name": name, "node": around.names[node]} | storage.totals()
                for (name, node), storage in around.storages.items()
            ],
            "power": [part.totals() for part in self._power],
        }


def pairs_of(experiment):
    """All (workload's row, source, destination) between which something may be sent: a sorted list."""
    return sorted(
        {
            (row, source, destination)
            for row, workload in enumerate(experiment.workloads)
            for source, destination in part_of(workload).pairs_of(workload, experiment)
        }
    )


def part_of(workload):
    """The class that does a workload."""
    return _PARTS.get(workload.kind, SceneWork)
