"""Traffic: who sends what to whom, as columns for the packet engine."""

from lasermesh.traffic.flows import Flows, Pools, flows_from_rows, flows_of_experiment

__all__ = ["Flows", "Pools", "flows_from_rows", "flows_of_experiment"]
