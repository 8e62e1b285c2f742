"""lasermesh: a laser mesh network emulator with packet-level routing.

What the commands call is here too, imported when it is first used:

    import lasermesh as lm

    run = lm.run("quick")                 # or lm.load("runs/quick"), what was run before
    run.flows                             # a pyarrow table, as run.links, run.paths, ...
    mesh = lm.topology("walker-144")
    mesh.graph(at=60.0).to_networkx()     # who is linked to whom
    mesh.path("Tokyo", "London", at=60.0)
    lm.view(run, "globe.html"), lm.report(run, "report.html"), lm.plot(run, "latency", output="latency.pdf")

`lasermesh docs python` tells more.
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
    "draw": "lasermesh.views.plots",
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
    "plot": "lasermesh.experiments.showing",
    "report": "lasermesh.experiments.showing",
    "run": "lasermesh.experiments.running",
    "throughput": "lasermesh.experiments.throughput",
    "topology": "lasermesh.experiments.meshes",
    "trace": "lasermesh.experiments.showing",
    "view": "lasermesh.experiments.showing",
}

__all__ = ["__version__", *_API]


def __getattr__(name):
    if name in _API:
        return getattr(import_module(_API[name]), name)
    raise AttributeError(f"module 'lasermesh' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
