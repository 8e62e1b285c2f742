"""Whether a routing policy does what it declares, tried out on many small networks and on topologies."""

import copy
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from lasermesh.errors import RunFailed, UserError
from lasermesh.experiments.conformance_cases import random_cases, topology_case
from lasermesh.experiments.mean_delays import mean_delays_s, shortest_delays_s
from lasermesh.routing import (
    ForwardingTable,
    Policy,
    Snapshot,
    TableReport,
    answer_of,
    load_policy,
    options_of,
)
from lasermesh.routing.declaring import Declaration
from lasermesh.routing.policies import TIME_LIMIT_S, as_policy
from lasermesh.routing.promises import broken_promise
from lasermesh.routing.time_limit import TimeIsUp
from lasermesh.scenario import load_topology

TOPOLOGIES = ("walker-144",)
PASS, FAIL, NOT_DECLARED, NOT_TRIED = "pass", "fail", "not declared", "not tried"
HASH_SEED = "4711"
"""PYTHONHASHSEED of the process in which a policy is asked once more: sets come in another order there."""


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    outcome: str  # PASS, FAIL, NOT_DECLARED, or NOT_TRIED where there was no table to look at
    message: str | None = None  # the first counter-example, or what was seen besides


class Answer(NamedTuple):
    """What a policy returned for one snapshot."""

    case: str
    snapshot: Snapshot
    table: ForwardingTable
    report: TableReport


@dataclass
class Trial:
    """A policy while it is tried out: its answers so far, and what was wrong with others."""

    policy: Policy
    options: dict
    time_limit_s: float = TIME_LIMIT_S
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # no table, or a wrong one
    refusals: list[str] = field(default_factory=list)  # cases that the policy does not take
    written: list[str] = field(default_factory=list)  # snapshots that were written to
    delay_s: dict[tuple, np.ndarray] = field(
        default_factory=dict
    )  # of each flow, by case and snapshot's place
    difference: str | None = None  # where it answered otherwise when it was asked once more
    is_given_up: bool = False  # it took too long, and would again
    calls: int = 0
    slowest_call_s: float = 0.0

    def ask(self, snapshot):
        """The table for a snapshot and its report, timed."""
        began = time.perf_counter()
        try:
            return answer_of(self.policy, snapshot, self.time_limit_s, "--time-limit")
        finally:
            self.calls += 1
            self.slowest_call_s = max(self.slowest_call_s, time.perf_counter() - began)

    def lose(self, case, place):
        """Nothing arrives in the snapshots of a case from this one on."""
        for later in range(place, len(case.snapshots)):
            self.delay_s[case.name, later] = np.full(case.snapshots[later].n_flows, np.nan)


def check_policy(
    *policies,
    topologies=TOPOLOGIES,
    options=None,
    seed=0,
    time_limit_s=TIME_LIMIT_S,
    fresh_process=True,
    warn=lambda message: None,
) -> dict:
    """Try out policies on random graphs and on topologies, and compare their paths with the shortest ones.

    Parameters
    ----------
    policies : str, Policy or callable, one or more
        Names, as `load_policy` takes them, or the functions themselves.
    topologies : sequence of str
        Names or files.
    options : mapping, optional
        Those of the policy.
    seed : int
        Of the random graphs, of the pairs of nodes and of what the policy draws.
    time_limit_s : float
        Longest call of a policy that is not built in.
    fresh_process : bool
        Ask once more in a process of its own, where sets are in another order; for policies given by name.
    warn : function of one str

    Returns
    -------
    result : dict
        JSON-ready: `{seed, topologies, cases, conforms, pairs_compared, policies: [{policy, conforms,
        complete, loop_free, source, options, checks: [{name, outcome, message}], stretch: {mean, p95, max} or
        None, reachable_pairs, not_delivered_pairs, unreachable_pairs, refused_cases, calls,
        slowest_call_ms}]}`. A pair of nodes counts once for each snapshot without loads that no policy
        refuses. Stretch is over the same `pairs_compared` for all: those that every policy delivers.
        `not_delivered_pairs` have a path and do not arrive, for some flow hash at least.

    Raises
    ------
    UserError
        If there is no such policy, option or topology.
    """
    loaded = [as_policy(each) for each in policies]
    trials = [Trial(policy, options_of(policy, options or {}), time_limit_s) for policy in loaded]
    graphs = random_cases(seed)
    topologies = list(dict.fromkeys(topologies))
    over_time = [topology_case(load_topology(name), seed, warn) for name in topologies]
    cases = graphs + [case._replace(name=name) for case, name in zip(over_time, topologies, strict=True)]
    for trial in trials:
        for case in cases:
            _try_case(trial, case)
        trial.difference = _ask_again(trial)
    if fresh_process:
        by_name = [trial for trial, given in zip(trials, policies, strict=True) if isinstance(given, str)]
        _ask_elsewhere(
            [trial for trial in by_name if trial.answers and trial.difference is None], graphs, seed
        )
    entries = [_entry(trial) for trial in trials]
    pairs_compared = _add_delays(entries, trials, cases)
    return {
        "seed": seed,
        "topologies": topologies,
        "cases": len(cases),
        "conforms": all(entry["conforms"] for entry in entries),
        "pairs_compared": pairs_compared,
        "policies": entries,
    }


def _with_options(snapshot, options):
    """A snapshot for a policy with these options."""
    return replace(snapshot, options=MappingProxyType(options), folder=Path())


def _try_case(trial, case):
    """Ask for the snapshots of a case, each with the table of the one before, until something is wrong."""
    previous = None
    if trial.is_given_up:
        trial.lose(case, 0)
        return
    for place, snapshot in enumerate(case.snapshots):
        snapshot = _with_options(replace(snapshot, previous=previous), trial.options)
        before = _hash_of(_arrays_of(snapshot))
        try:
            table, report = trial.ask(snapshot)
        except UserError as error:
            trial.refusals.append(f"{case.name}: {error}")
            return
        except RunFailed as error:
            trial.failures.append(f"{case.name}: {error}")
            trial.is_given_up = isinstance(error.__cause__, TimeIsUp)
            trial.lose(case, place)
            return
        finally:
            if _hash_of(_arrays_of(snapshot)) != before:
                trial.written.append(f"{case.name}, t = {snapshot.t_s:g} s: writes to what it is handed")
        trial.answers.append(Answer(case.name, snapshot, table, report))
        trial.delay_s[case.name, place] = mean_delays_s(snapshot, table)
        previous = table


def _ask_again(trial):
    """Where the policy answers otherwise when it is asked in reverse order, for copies; None if nowhere."""
    for answer in reversed(trial.answers):
        arrays = {name: array.copy() for name, array in _arrays_by_name(answer.snapshot).items()}
        snapshot = replace(answer.snapshot, previous=copy.deepcopy(answer.snapshot.previous), **arrays)
        try:
            table, _ = trial.ask(snapshot)
        except (UserError, RunFailed) as error:
            return f"{answer.case}: {error}"
        if _hash_of_table(table) != _hash_of_table(answer.table):
            return f"{answer.case}, t = {snapshot.t_s:g} s: asked once more, it returns another table"
    return None


def _ask_elsewhere(trials, graphs, seed):
    """Note where policies answer otherwise in another process, in which sets are in another order."""
    if not trials:
        return
    questions = [(trial.policy.name, trial.options, trial.time_limit_s) for trial in trials]
    done = subprocess.run(
        [sys.executable, "-c", "from lasermesh.experiments import conformance; conformance.tell_hashes()"],
        input=json.dumps({"seed": seed, "questions": questions}),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": HASH_SEED},
    )
    if done.returncode != 0:
        for trial in trials:
            trial.difference = f"in another process there is no answer: {done.stderr.strip()}"
        return
    names = {case.name for case in graphs}
    told = json.loads(done.stdout.splitlines()[-1])  # what policies print comes before
    for trial, hashes in zip(trials, told, strict=True):
        answers = [answer for answer in trial.answers if answer.case in names]
        trial.difference = _first_difference(answers, hashes)


def _first_difference(answers, hashes):
    """The first answer whose table has another hash; None if there is none."""
    for answer, found in zip(answers, hashes, strict=False):
        if _hash_of_table(answer.table) != found:
            where = f"{answer.case}, t = {answer.snapshot.t_s:g} s"
            return f"{where}: in another process it returns another table; does the order of a set matter?"
    if len(hashes) != len(answers):
        return f"in another process it answers {len(hashes)} times, not {len(answers)}"
    return None


def tell_hashes():
    """Print the hashes of policies' tables for the random graphs; `_ask_elsewhere` has this called."""
    asked = json.load(sys.stdin)
    cases = random_cases(asked["seed"])
    told = []
    for name, options, time_limit_s in asked["questions"]:
        trial = Trial(load_policy(name), options, time_limit_s)
        for case in cases:
            _try_case(trial, case)
        told.append([_hash_of_table(answer.table) for answer in trial.answers])
    print("\n" + json.dumps(told))


def _arrays_by_name(snapshot):
    """The arrays that make up a snapshot."""
    fields = ((name, getattr(snapshot, name)) for name in snapshot.__dataclass_fields__)
    return {name: value for name, value in fields if isinstance(value, np.ndarray)}


def _arrays_of(snapshot):
    """All arrays that a policy gets to see, those of the previous table too."""
    table = snapshot.previous
    before = () if table is None else (table.link, table.label_of_flow, table.next_label)
    return [*_arrays_by_name(snapshot).values(), *before]


def _hash_of_table(table):
    """A hash of what is compared of a table."""
    return _hash_of((table.link, table.label_of_flow, table.next_label))


def _hash_of(arrays):
    """A hash of several arrays, None among them."""
    digest = hashlib.sha256()
    for each in arrays:
        if each is not None:
            digest.update(f"{each.shape} {each.dtype}".encode())
            digest.update(each.tobytes())
    return digest.hexdigest()


# -- what came of it -----------------------------------------------------------------------------------


def _entry(trial):
    """What is said of one policy, its stretch aside."""
    declared = trial.policy.declaration
    checks = [
        _table_check(trial),
        _promise_check(trial, "loop-free", declared.loop_free, Declaration(loop_free=True)),
        _promise_check(trial, "complete", declared.complete, Declaration(complete=True, loop_free=False)),
        _check("deterministic", trial, trial.difference),
        _check("read-only", trial, trial.written[0] if trial.written else None),
    ]
    return {
        "policy": trial.policy.name,
        "conforms": all(check.outcome != FAIL for check in checks),
        "complete": declared.complete,
        "loop_free": declared.loop_free,
        "source": declared.source,
        "options": trial.options,
        "checks": [check._asdict() for check in checks],
        "calls": trial.calls,
        "slowest_call_ms": trial.slowest_call_s * 1e3,
        "refused_cases": len(trial.refusals),
    }


def _check(name, trial, wrong):
    """A check that passes unless something is wrong, the first of which is told."""
    if wrong is not None:
        return Check(name, FAIL, wrong)
    return Check(name, PASS if trial.answers else NOT_TRIED)


def _table_check(trial):
    """Whether there was a well-formed table wherever the policy did not refuse to give one."""
    if trial.failures:
        return Check("table", FAIL, trial.failures[0])
    if not trial.answers:
        return Check("table", FAIL, f"it takes none of the networks: {trial.refusals[0]}")
    seen = f"{len(trial.answers)} tables"
    if trial.refusals:
        seen += f"; it does not take {len(trial.refusals)} of the networks, such as {trial.refusals[0]}"
    return Check("table", PASS, seen)


def _promise_check(trial, name, is_declared, promise):
    """Whether all tables keep a promise; what the first that does not is like, made or not."""
    first, lost, flows = None, 0, 0
    for answer in trial.answers:
        flows += answer.snapshot.n_flows
        broken = broken_promise(promise, answer.snapshot, answer.table, answer.report)
        if broken is not None:
            lost += len(broken.flows)
            first = first or f"{answer.case}, t = {answer.snapshot.t_s:g} s: {broken.message}"
    if is_declared or not flows:
        return _check(name, trial, first)
    what = "can come into a circle" if name == "loop-free" else "have a path and may be lost"
    return Check(name, NOT_DECLARED, f"{lost} of {flows} flows {what}")


def _add_delays(entries, trials, cases):
    """Add to each entry how many pairs arrive, and the stretch over the pairs that all policies deliver.

    Those of snapshots without loads that no policy refuses. Returns how many pairs are compared.
    """
    measured = [
        (case.name, place, snapshot)
        for case in cases
        for place, snapshot in enumerate(case.snapshots)
        if snapshot.load is None and all((case.name, place) in trial.delay_s for trial in trials)
    ]
    shortest_s = np.concatenate([np.empty(0), *(shortest_delays_s(snapshot) for *_, snapshot in measured)])
    delays_s = [
        np.concatenate([np.empty(0), *(trial.delay_s[name, place] for name, place, _ in measured)])
        for trial in trials
    ]
    reachable = np.isfinite(shortest_s)
    compared = reachable & np.isfinite(delays_s).all(axis=0)
    for entry, delay_s in zip(entries, delays_s, strict=True):
        ratio = delay_s[compared] / shortest_s[compared]
        entry["reachable_pairs"] = int(reachable.sum())
        entry["not_delivered_pairs"] = int((reachable & np.isnan(delay_s)).sum())
        entry["unreachable_pairs"] = int((~reachable).sum())
        entry["stretch"] = None
        if len(ratio):
            entry["stretch"] = {
                "mean": float(ratio.mean()),
                "p95": float(np.quantile(ratio, 0.95)),
                "max": float(ratio.max()),
            }
    return int(compared.sum())
