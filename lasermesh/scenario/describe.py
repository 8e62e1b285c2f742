"""The schema of scenario files, as text and as a structure, from the metadata beside the fields."""

from lasermesh.scenario.bundles import Bundles, ListedBundle, Store
from lasermesh.scenario.experiment import Experiment, Observe, Packets, Routing
from lasermesh.scenario.faults import Fault
from lasermesh.scenario.fields import REQUIRED, as_plain, keys_of
from lasermesh.scenario.flows import Flow, MatrixEntry, Pair, TracePacket
from lasermesh.scenario.live import Live
from lasermesh.scenario.problems import shown
from lasermesh.scenario.queues import QueueRule
from lasermesh.scenario.terminals import Acquisition
from lasermesh.scenario.topology import (
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

_TABLES = (
    ("Topology file, top level", (Topology,)),
    ("[terminals.NAME]", (TerminalType,)),
    ("[terminals.NAME] acquisition_s = { ... }", (Acquisition,)),
    ("[[satellites]]", (SatelliteGroup,)),
    ("[[satellites]] terminals = [{ ... }]", (TerminalUse,)),
    ("[[ground]]", (Site, GroundGroup)),
    ("[[links]]", (LinkRule,)),
    ("Experiment file, top level", (Experiment,)),
    ("[routing]", (Routing,)),
    ("[packets]", (Packets,)),
    ("[[queues]]", (QueueRule,)),
    ("[[flows]]", (Flow,)),
    ("[bundles]", (Bundles,)),
    ("[[stores]]", (Store,)),
    ("[[faults]]", (Fault,)),
    ("[observe]", (Observe,)),
    ("[live]", (Live,)),
    ("[sensors.NAME]", (Sensor,)),
    ("[compute.NAME]", (Compute,)),
    ("[power.NAME]", (Power,)),
    ("[transfers]", (Transfers,)),
    ("[[workloads]]", (Workload,)),
    ("[[workloads]] stages = [{ ... }]", (Stage,)),
    ("[[alternatives]]", (Alternative,)),
    ("CSV file of sites", (Site,)),
    ("CSV file of pairs", (Pair,)),
    ("CSV file of a traffic matrix", (MatrixEntry,)),
    ("CSV file of a trace", (TracePacket,)),
    ("CSV file of bundles", (ListedBundle,)),
    ("CSV file of a contact plan", (PlanContact,)),
)


def describe():
    """What scenario files may contain.

    Returns
    -------
    text : str
    structure : dict
        JSON-ready: a list of tables, each with its keys.
    """
    structure = {"tables": [_table(title, classes) for title, classes in _TABLES]}
    text = "\n\n".join(_table_text(table) for table in structure["tables"])
    return text, structure


def _table(title, classes):
    keys = [_key(key) for key in keys_of(*classes).values()]
    if title.startswith("CSV"):
        keys = [key | {"goes_with": []} for key in keys]  # these limits are about tables
    return {"table": title, "keys": keys}


def _key(key):
    kind = key.kind
    required = key.default is REQUIRED
    beside = () if key.beside is None else (key.beside_words,)
    return {
        "name": key.name,
        "required": required or [*key.required_with, *([key.needed_words] if key.needed else [])],
        "default": None if required or _is_table(key.default) else as_plain(key.default),
        "unit": unit_of(kind),
        "low": getattr(kind, "low", None),
        "above": getattr(kind, "above", None),
        "high": getattr(kind, "high", None),
        "below": getattr(kind, "below", None),
        "choices": list(getattr(kind, "choices", ())),
        "goes_with": [*key.only, *beside],
        "is": kind.words(),
        "help": key.help,
    }


def unit_of(kind):
    """Unit of a kind of values, or of the numbers in it; None if they have none."""
    inner = (
        getattr(kind, "item", None),
        getattr(kind, "row", None),
        *getattr(kind, "items", ()),
        *getattr(kind, "kinds", ()),
    )
    units = [getattr(kind, "unit", None), *(unit_of(each) for each in inner if each is not None)]
    return next((unit for unit in reversed(units) if unit), None)


def _is_table(default):
    return hasattr(default, "__dataclass_fields__")


def _table_text(table):
    lines = [table["table"]]
    for key in table["keys"]:
        lines.append(f"  {key['name']}: {key['is']}{_conditions(key)}")
        lines.append(f"      {key['help']}")
    return "\n".join(lines)


def _conditions(key):
    """Unit, default, and where a key is needed or allowed, in brackets."""
    conditions = []
    if key["unit"]:
        conditions.append(f"in {key['unit']}")
    if key["required"] is True:
        conditions.append("required")
    elif key["required"]:
        conditions.append("required with " + " or ".join(key["required"]))
    elif key["default"] not in (None, [], {}):
        conditions.append(f"default {shown(key['default'])}")
    if key["goes_with"] and key["goes_with"] != key["required"]:
        conditions.append("only with " + " or ".join(key["goes_with"]))
    return f" ({'; '.join(conditions)})" if conditions else ""
