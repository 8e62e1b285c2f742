"""Routing policies: those built in, those of installed packages, and functions in a user's file."""

import difflib
import importlib.util
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from lasermesh.errors import Interrupted, UserError
from lasermesh.routing.churn import churn_averse
from lasermesh.routing.declaring import Policy, declare
from lasermesh.routing.ecmp import ecmp
from lasermesh.routing.explicit import explicit
from lasermesh.routing.geographic import greedy_geographic
from lasermesh.routing.grid_routing import dimension_order
from lasermesh.routing.load_aware import load_aware
from lasermesh.routing.multipath import k_disjoint, k_shortest
from lasermesh.routing.promises import broken_promise
from lasermesh.routing.snapshot import Snapshot
from lasermesh.routing.table import ForwardingTable, TableReport, as_table, check_links, complaint_of, survey
from lasermesh.routing.time_limit import TimeIsUp, call_within
from lasermesh.routing.trees import trees_towards
from lasermesh.routing.valiant import valiant

ENTRY_POINT_GROUP = "lasermesh.routing"
TIME_LIMIT_S = 60.0
"""Longest call of a policy that is not built in, where nobody says otherwise."""


@declare(complete=True, source="E. W. Dijkstra, Numerische Mathematik 1, 1959, at every step", options={})
def shortest_delay(snapshot: Snapshot) -> ForwardingTable:
    """Least propagation delay; ties to the lowest link id."""
    trees = trees_towards(snapshot, with_delays=False)
    return ForwardingTable(trees.link[:, :, np.newaxis], snapshot.label_of_flow)


@declare(complete=True, source="Breadth-first search: E. F. Moore, 1959", options={})
def fewest_hops(snapshot: Snapshot) -> ForwardingTable:
    """Fewest links, and of those paths the least propagation delay; ties to the lowest link id."""
    trees = trees_towards(snapshot, by_hops=True)
    return ForwardingTable(trees.link[:, :, np.newaxis], snapshot.label_of_flow)


POLICIES = {
    "shortest-delay": shortest_delay,
    "fewest-hops": fewest_hops,
    "ecmp": ecmp,
    "k-disjoint": k_disjoint,
    "k-shortest": k_shortest,
    "churn-averse": churn_averse,
    "load-aware": load_aware,
    "valiant": valiant,
    "greedy-geographic": greedy_geographic,
    "dimension-order": dimension_order,
    "explicit": explicit,
}
"""The policies built in; installed packages add theirs through the entry-point group `lasermesh.routing`."""


def load_policy(name: str, folder: str | Path | None = None) -> Policy:
    """The policy of a name, or the function that `file.py:function` names.

    Parameters
    ----------
    name : str
        A name in POLICIES, one that an installed package registers, or `file.py:function`.
    folder : path, optional
        What the file's path is relative to, such as the experiment file's folder; default: the current one.

    Raises
    ------
    UserError
        If there is no such policy, file or function, or the file cannot be imported.
    """
    if not name.strip():
        raise UserError(f"the name of the routing policy is empty; {_choice(POLICIES)}")
    if name in POLICIES:
        return Policy(name, POLICIES[name])
    path, colon, function = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _load_function(name, Path(folder or ".") / path, function)
    installed = _installed()
    if name in installed:
        return _load_installed(installed[name])
    known = policy_names()
    near = difflib.get_close_matches(name, known, 1)
    hint = f'did you mean "{near[0]}"?' if near else _choice(known)
    raise UserError(f'unknown routing policy "{name}"; {hint}')


def policy_names() -> list[str]:
    """Names of the policies built in and of those that installed packages register, in order."""
    return sorted({*POLICIES, *_installed()})


def _installed():
    """The entry points of installed packages by the name of their policy."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def _load_installed(entry):
    """The policy of an installed package."""
    try:
        function = entry.load()
    except (Exception, SystemExit) as error:
        raise UserError(f'routing policy "{entry.name}": {entry.value} cannot be loaded: {error}') from error
    if not callable(function):
        raise UserError(f'routing policy "{entry.name}": {entry.value} is no function')
    return Policy(entry.name, function)


def _choice(names):
    """What may be written instead of a name that is none."""
    return f"write one of {', '.join(sorted(names))}, or file.py:function for one of your own"


def _load_function(name, path, function):
    """A function of a user's Python file, run as a module of its own."""
    if not path.is_file():
        raise UserError(f'routing policy "{name}": there is no file {path}')
    spec = importlib.util.spec_from_file_location(f"lasermesh_policy_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look a class's module up there
    file = Path(spec.origin)
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # so that it can import what stands beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f'routing policy "{name}": {path} cannot be imported: {_say(error, file)}') from error
    found = getattr(module, function, None)
    if not callable(found):
        functions = [
            key for key, value in vars(module).items() if callable(value) and not key.startswith("_")
        ]
        near = difflib.get_close_matches(function, functions, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise UserError(f'routing policy "{name}": {path} has no function "{function}"{hint}')
    return Policy(name, found, file)


def _say(error, path):
    """An exception as one line, with the place in the user's file where it came from."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path
    ]
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    where = f"line {lines[-1]}: " if lines else ""
    message = f": {error}" if str(error) else ""
    return f"{where}{type(error).__name__}{message}"


def compute_table(
    policy, snapshot: Snapshot, time_limit_s: float = TIME_LIMIT_S
) -> tuple[ForwardingTable, TableReport]:
    """What a policy answers for one snapshot, checked, and held to what the policy declares.

    Parameters
    ----------
    policy : Policy, str or callable
        As `load_policy` returns or takes it, or a plain function. It sees the snapshot read-only.
    snapshot : Snapshot
    time_limit_s : float
        Longest wall-clock time of the call. Policies that are built in may take as long as they do, since
        their first call compiles kernels.

    Returns
    -------
    table : ForwardingTable
        int32 arrays; every entry of `link` is NONE or a link that is up and starts at its node.
    report : TableReport
        Which flows can meet a dead end or a loop.

    Raises
    ------
    RunFailed
        If the policy raises or takes too long, its answer is no table for this snapshot, has a loop though
        the policy counts as loop-free, or loses a flow that has a path though it is declared complete. The
        message names the policy, the instant, and where there is one the node or the pair of nodes.
    UserError
        If a name was given and there is no such policy; or raised by the policy, for options or files that
        it cannot use.
    """
    policy = as_policy(policy)
    table, report = answer_of(policy, snapshot, time_limit_s)
    broken = broken_promise(policy.declaration, snapshot, table, report)
    if broken is not None:
        complaint_of(policy.name, snapshot)(broken.message)
    return table, report


def answer_of(
    policy,
    snapshot: Snapshot,
    time_limit_s: float = TIME_LIMIT_S,
    limit_is_set_by: str = "[routing] time_limit_s",
) -> tuple[ForwardingTable, TableReport]:
    """As `compute_table`, but whatever the policy declares, loops and dead ends are counted only."""
    policy = as_policy(policy)
    complain = complaint_of(policy.name, snapshot)
    is_limited = POLICIES.get(policy.name) is not policy.function
    seen = snapshot.read_only()
    try:
        result = call_within(time_limit_s, policy, seen) if is_limited else policy(seen)
    except TimeIsUp as error:
        if not is_limited:
            raise  # the time of the policy that called this one
        complain(f"took longer than {time_limit_s:g} s; {limit_is_set_by} says how long it may take", error)
    except (Interrupted, KeyboardInterrupt, UserError):
        raise
    except BaseException as error:  # a policy must not end the program
        complain(f"raised an error: {_say(error, policy.file)}", error)
    table = as_table(result, snapshot, complain)
    check_links(table, snapshot, complain)
    return table, survey(table, snapshot, policy.name, complain)


def as_policy(policy):
    """A Policy: itself, by its name, or of a plain function."""
    if isinstance(policy, str):
        return load_policy(policy)
    if isinstance(policy, Policy):
        return policy
    return Policy(getattr(policy, "__name__", repr(policy)), policy)
