"""What the user wrote: topology and experiment files, checked and with all their problems at once."""

from lasermesh.scenario.describe import describe
from lasermesh.scenario.experiment import Experiment, Flow, FlowSpec, Packets, Pair, Routing
from lasermesh.scenario.loading import load, load_experiment, load_topology
from lasermesh.scenario.problems import Problem, ScenarioError
from lasermesh.scenario.topology import (
    ElementSet,
    GroundGroup,
    LinkRule,
    PlanContact,
    SatelliteGroup,
    Site,
    TerminalType,
    TerminalUse,
    Topology,
)

__all__ = [
    "ElementSet",
    "Experiment",
    "Flow",
    "FlowSpec",
    "GroundGroup",
    "LinkRule",
    "Packets",
    "Pair",
    "PlanContact",
    "Problem",
    "Routing",
    "SatelliteGroup",
    "ScenarioError",
    "Site",
    "TerminalType",
    "TerminalUse",
    "Topology",
    "describe",
    "load",
    "load_experiment",
    "load_topology",
]
