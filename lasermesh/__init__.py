"""lasermesh: a laser mesh network emulator with packet-level routing.

What the commands call is here too, imported when it is first used: `lasermesh.run("quick")`,
`lasermesh.load("runs/quick")`, `lasermesh.paths(...)`, `lasermesh.load_topology("walker-144")`.
"""

from importlib import import_module

__version__ = "0.1.0"

_API = {
    "attach": "lasermesh.experiments.attaching",
    "book_plan": "lasermesh.experiments.dtn_booking",
    "check": "lasermesh.experiments.checking",
    "compare": "lasermesh.experiments.comparing",
    "check_policy": "lasermesh.experiments.conformance",
    "convert_plan": "lasermesh.experiments.dtn_plans",
    "explain": "lasermesh.experiments.explaining",
    "find_contacts": "lasermesh.experiments.contacts",
    "find_profile": "lasermesh.experiments.dtn_profiles",
    "find_routes": "lasermesh.experiments.dtn",
    "graph": "lasermesh.experiments.graphs",
    "load": "lasermesh.results",
    "load_experiment": "lasermesh.scenario",
    "load_topology": "lasermesh.scenario",
    "next_hop_changes": "lasermesh.experiments.forwarding",
    "open_plan": "lasermesh.experiments.dtn_plans",
    "path_changes": "lasermesh.experiments.path_changes",
    "paths": "lasermesh.experiments.paths",
    "run": "lasermesh.experiments.running",
    "throughput": "lasermesh.experiments.throughput",
}

__all__ = ["__version__", *_API]


def __getattr__(name):
    if name in _API:
        return getattr(import_module(_API[name]), name)
    raise AttributeError(f"module 'lasermesh' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
