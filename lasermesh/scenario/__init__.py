"""What the user wrote: topology and experiment files, checked and with all their problems at once."""

from lasermesh.scenario.bundles import BundleFlow, BundleList, Bundles, Store
from lasermesh.scenario.describe import describe
from lasermesh.scenario.experiment import Experiment, Observe, Packets, Routing
from lasermesh.scenario.faults import Fault
from lasermesh.scenario.flows import Flow, FlowSpec, Pair, Trace
from lasermesh.scenario.live import Live
from lasermesh.scenario.loading import load, load_experiment, load_topology
from lasermesh.scenario.problems import Problem, ScenarioError
from lasermesh.scenario.queues import QueueKeys, QueueRule, QueueSettings, QueuesOfLinks
from lasermesh.scenario.read_live import refuse_what_live_cannot
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
from lasermesh.scenario.workloads import (
    Alternative,
    Compute,
    Power,
    Sensor,
    Stage,
    Transfers,
    Workload,
)

__all__ = [
    "Alternative",
    "BundleFlow",
    "BundleList",
    "Bundles",
    "Compute",
    "ElementSet",
    "Experiment",
    "Fault",
    "Flow",
    "FlowSpec",
    "GroundGroup",
    "LinkRule",
    "Live",
    "Observe",
    "Packets",
    "Pair",
    "PlanContact",
    "Power",
    "Problem",
    "QueueKeys",
    "QueueRule",
    "QueueSettings",
    "QueuesOfLinks",
    "Routing",
    "SatelliteGroup",
    "ScenarioError",
    "Sensor",
    "Site",
    "Stage",
    "Store",
    "TerminalType",
    "TerminalUse",
    "Topology",
    "Trace",
    "Transfers",
    "Workload",
    "describe",
    "load",
    "load_experiment",
    "load_topology",
    "refuse_what_live_cannot",
]
