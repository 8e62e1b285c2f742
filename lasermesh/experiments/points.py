"""The points of a comparison: every combination of what is varied with every seed, all checked at once."""

import hashlib
import math
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import lasermesh
from lasermesh.errors import UserError
from lasermesh.experiments.alternatives import only_alternative
from lasermesh.experiments.policy_of import load_to_simulate
from lasermesh.results.json_text import to_json
from lasermesh.scenario import ScenarioError
from lasermesh.scenario.options import options_of_sets, parse_option
from lasermesh.scenario.problems import Report, did_you_mean, shown

MOST_POINTS = 10_000
"""Of more, one comparison would take weeks; so many are a slip of the hand."""

LARGEST_SEED = 2**63 - 1
LONGEST_FOLDER_NAME = 120
SEED = ("seed",)
_POLICY = ("routing", "policy")
_POLICIES_WITH_OPTIONS = """--vary 'routing={policy="shortest-delay"},{policy="k-disjoint",options={k=3}}'"""
_CLOSING = {"[": "]", "{": "}"}


class Axis(NamedTuple):
    """One key that is varied; item i of `texts`, `values` and `labels` is its i-th value."""

    path: str  # as given
    steps: tuple  # keys and indices
    texts: tuple[str, ...]  # PATH=VALUE, as `--set` takes it
    values: tuple
    labels: tuple[str, ...]  # the value as people read it


class Grid(NamedTuple):
    """What is to be run: every combination of the values with every seed."""

    axes: tuple[Axis, ...]
    combinations: list[tuple[int, ...]]  # which value of each axis; the last axis varies fastest
    seeds: list[int]
    fingerprints: list[str]  # of each combination: what the result depends on besides the seed
    name: str  # of the experiment
    workloads: dict = MappingProxyType({})  # kinds that there are of each name, over all combinations
    has_packets: bool = True  # whether anything but bundles is sent in any of them
    has_bundles: bool = False  # and whether bundles are

    def values(self, row):
        """Value of every varied key in a combination."""
        return {
            axis.path: axis.values[index]
            for axis, index in zip(self.axes, self.combinations[row], strict=True)
        }

    def texts(self, row):
        """A combination as `--set` takes it."""
        return [axis.texts[index] for axis, index in zip(self.axes, self.combinations[row], strict=True)]

    def folder(self, row, seed):
        """Name of the run folder of a point, the same however the rest of the comparison looks."""
        labels = zip(self.axes, self.combinations[row], strict=True)
        parts = [f"{axis.path}={axis.labels[index]}" for axis, index in labels]
        return _file_name(",".join([*parts, f"seed={seed}"]))


def read_axes(vary, sets):
    """The keys that are varied, and their values.

    Parameters
    ----------
    vary : sequence of str
        Each `PATH=V1,V2,...`; commas within quotes and brackets do not part values.
    sets : sequence of str
        Each `PATH=VALUE`, for all points.

    Returns
    -------
    axes : list of Axis

    Raises
    ------
    UserError
        If one is not written so, repeats a value or a key, or is fixed by `sets` at the same time.
    """
    axes, report = [], Report()
    fixed = [option.path for option in options_of_sets(sets, report)]
    for text in vary:
        axis = _read_axis(text)
        if axis.steps in [other.steps for other in axes]:
            raise UserError(
                f"--vary {axis.path} is given twice; write all its values once, as {axis.path}=V1,V2"
            )
        for path in fixed:
            # Whichever topology it is, parts of it may be set; else the whole would undo the part.
            if path == axis.steps or (path[: len(axis.steps)] == axis.steps and axis.steps != ("topology",)):
                raise UserError(
                    f"--vary {axis.path} would undo a --set of the same key; leave one of them out"
                )
        axes.append(axis)
    return axes


def _read_axis(text):
    """The `Axis` of `PATH=V1,V2,...`."""
    path, equals, values_text = text.partition("=")
    path = path.strip()
    words = _split(values_text) if equals else []
    if words is None:
        raise UserError(f"--vary {text}: a quote or bracket is not closed")
    if not words or not all(words):
        raise UserError(
            f"--vary {text}: must be PATH=V1,V2,..., as routing.policy=shortest-delay,fewest-hops"
            + ("; a value is empty" if any(words) else "")
        )
    report, options = Report(), []
    for word in words:
        options.append(parse_option(f"{path}={word}", report))
    if report.problems:
        raise UserError(f"--vary {text}: {path or 'it'} is no path of keys, as links[1].mask_deg or seed")
    values = [option.value for option in options]
    for row, value in enumerate(values):
        if any(
            value == other and isinstance(value, bool) == isinstance(other, bool) for other in values[:row]
        ):
            raise UserError(f"--vary {path}: the value {words[row]} is given twice")
    labels = [value if isinstance(value, str) else word for value, word in zip(values, words, strict=True)]
    return Axis(
        path, options[0].path, tuple(f"{path}={word}" for word in words), tuple(values), tuple(labels)
    )


def _split(text):
    """The text parted at commas that stand neither in quotes nor in brackets; None if some do not close."""
    parts, begin, quote, open_brackets, escaped = [], 0, None, [], False
    for place, character in enumerate(text):
        if quote is not None:
            closes = character == quote and not escaped
            escaped = character == "\\" and quote == '"' and not escaped
            quote = None if closes else quote
        elif character in "\"'":
            quote = character
        elif character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
        elif character == "," and not open_brackets:
            parts.append(text[begin:place])
            begin = place + 1
    return None if quote or open_brackets else [part.strip() for part in [*parts, text[begin:]]]


def make_grid(
    name,
    axes,
    sets=(),
    seeds=None,
    on_checked=None,
    warn=lambda message: None,
    warm_up_s=None,
    alternative=None,
):
    """Every combination with every seed, after all of them have been checked.

    Parameters
    ----------
    name : str or path
        The experiment.
    axes : sequence of Axis
    sets : sequence of str
        Each `PATH=VALUE`, for all points.
    seeds : int or sequence of int, optional
        How many, from the experiment's own on, or which; absent: the experiment's. A varied key `seed`
        gives them too.
    on_checked : function of (int, int), optional
        Is told how many combinations of all have been checked.
    warn : function of str
    warm_up_s : float, optional
        As for `run`.
    alternative : str, optional
        Which one, of an experiment that has alternatives.

    Returns
    -------
    grid : Grid

    Raises
    ------
    UserError
        If there are too many points, which is known before any is made, seeds are wrong, or two combinations
        come to the same. A ScenarioError has the problems of all combinations, each problem once.
    """
    axes, seeds = _seeds_apart(axes, seeds)
    _check_seeds(seeds)
    n_combinations = math.prod(len(axis.texts) for axis in axes)
    n_seeds = seeds if isinstance(seeds, int) else len(seeds or [None])
    if n_combinations * n_seeds > MOST_POINTS:
        raise UserError(
            f"{n_combinations * n_seeds:,} points ({n_combinations:,} combinations, {n_seeds:,} seeds) are "
            f"too many; one comparison may have {MOST_POINTS:,}"
        )
    grid = Grid(tuple(axes), list(product(*(range(len(axis.texts)) for axis in axes))), [], [], "")
    experiment, fingerprints, sent = _check_all(name, grid, sets, on_checked, warn, warm_up_s, alternative)
    rows = {}
    for row, fingerprint in enumerate(fingerprints):
        if (first := rows.setdefault(fingerprint, row)) < row:
            one, other = (", ".join(grid.texts(each)) for each in (first, row))
            raise UserError(f"{one} and {other} come to the same experiment; leave one of them out")
    if seeds is None or isinstance(seeds, int):
        seeds = [experiment.seed + number for number in range(seeds or 1)]
        _check_seeds(seeds)
    return grid._replace(
        seeds=list(seeds),
        fingerprints=fingerprints,
        name=experiment.name,
        **sent,
    )


def _seeds_apart(axes, seeds):
    """The axes without the key `seed`, and the seeds, which it may give."""
    given = [axis for axis in axes if axis.steps == SEED]
    if not given:
        return list(axes), seeds
    if seeds is not None:
        raise UserError("--vary seed and --seeds or --seed are given; leave one of them out")
    return [axis for axis in axes if axis.steps != SEED], list(given[0].values)


def _check_seeds(seeds):
    """Refuse what is no seed, and a seed that is given twice."""
    if seeds is None or isinstance(seeds, int):
        if seeds is not None and seeds < 1:
            raise UserError(f"the number of seeds must be at least 1 (got {seeds})")
        return
    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
            raise UserError(f"a seed must be an integer from 0 to {LARGEST_SEED} (got {shown(seed)})")
    if len(set(seeds)) < len(seeds):
        twice = next(seed for row, seed in enumerate(seeds) if seed in seeds[:row])
        raise UserError(f"the seed {twice} is given twice")


def _check_all(name, grid, sets, on_checked, warn, warm_up_s, alternative):
    """Load every combination: the first experiment, all fingerprints, and what `Grid` tells of what is sent.

    ScenarioError if any is wrong.
    """
    found, fingerprints, first, title = {}, [], None, str(name)
    sent = {"workloads": {}, "has_packets": False, "has_bundles": False}
    varied = {f"--set {text}": axis.path for axis in grid.axes for text in axis.texts}
    for row in range(len(grid.combinations)):
        options = [*sets, *grid.texts(row)]
        try:
            experiment, policy = load_to_simulate(name, options)
            experiment = only_alternative(experiment, alternative)
            first = first or experiment
            fingerprints.append(_fingerprint(experiment, policy, warm_up_s))
            for work in experiment.workloads:
                sent["workloads"].setdefault(work.name, set()).add(work.kind)
            sent["has_packets"] |= bool(experiment.expanded_flows or experiment.workloads)
            sent["has_bundles"] |= bool(experiment.bundle_flows)
            for warning in experiment.warnings:
                warn(warning)
        except ScenarioError as error:
            title = error.name
            for problem in error.problems:
                key = varied.get(problem.file) or problem.file, problem.line, problem.key, problem.message
                found.setdefault(key, []).append(problem)
        if on_checked is not None:
            on_checked(row + 1, len(grid.combinations))
    if found:
        raise ScenarioError(title, [_joined(problems, varied, grid) for problems in found.values()])
    return first, fingerprints, sent


def _joined(problems, varied, grid):
    """One problem for all combinations that have it; it says of how many where that is not plain."""
    first, n = problems[0], len(grid.combinations)
    if first.file in varied:
        others = len({problem.file for problem in problems}) - 1
        more = f" (so with {others:,} other value{'s' * (others != 1)})" if others else ""
        file = first.file.replace("--set", "--vary", 1)
    else:
        more = f" (in {len(problems):,} of {n:,} combinations)" if len(problems) < n else ""
        file = first.file
    if str(first.key).startswith("routing.options.") and _POLICY in [axis.steps for axis in grid.axes]:
        more += f"; to vary options with the policy, write {_POLICIES_WITH_OPTIONS}"
    return replace(first, file=file, message=first.message + more)


def _folder_of(experiment):
    return experiment.file.parent if experiment.file else Path()


def _fingerprint(experiment, policy, warm_up_s):
    """SHA-256 of all that a run depends on besides its seed: keys, files, the policy's code, this version.

    Files that options of the policy name count too, but not what a policy's code itself imports or opens, nor
    the experiment's name.
    """
    scenario = experiment.to_dict() | {"seed": None, "name": None, "files": sorted(experiment.files.values())}
    named = [
        _folder_of(experiment) / value for value in experiment.routing.options.values() if _is_word(value)
    ]
    beside = [path for path in [policy.file, *named] if path is not None and path.is_file()]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in beside]
    text = to_json([lasermesh.__version__, scenario, warm_up_s, digests], indent=None)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_word(value):
    """Whether an option can be the name of a file."""
    return isinstance(value, str) and 0 < len(value) < 256 and "\0" not in value


def _file_name(text):
    """The text as a file name; what had to be changed for that is made up for by a hash."""
    safe = re.sub(r"[^\w.=,+-]", "-", text, flags=re.ASCII)
    if safe == text and len(text) <= LONGEST_FOLDER_NAME:
        return text
    return f"{safe[: LONGEST_FOLDER_NAME - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def read_baseline(texts, axes):
    """The values of the baseline: for some axes, which of their values; all, the first one, without texts.

    Parameters
    ----------
    texts : sequence of str
        Each `PATH=VALUE`, with a value that `axes` has.
    axes : sequence of Axis

    Returns
    -------
    baseline : dict
        Index of the value by index of the axis.

    Raises
    ------
    UserError
        If a key is not varied, does not take the value, or is given twice.
    """
    axes = [axis for axis in axes if axis.steps != SEED]
    if not texts:
        return dict.fromkeys(range(len(axes)), 0)
    baseline, report = {}, Report()
    for text in texts:
        option = parse_option(text, report)
        if option is None:
            raise UserError(f"--baseline {text}: must be PATH=VALUE, as routing.policy=shortest-delay")
        paths = [axis.steps for axis in axes]
        if option.path not in paths:
            known = [axis.path for axis in axes]
            hint = did_you_mean(text.partition("=")[0], known) or f"; varied: {', '.join(known) or 'nothing'}"
            raise UserError(f"--baseline {text}: that key is not varied{hint}")
        number = paths.index(option.path)
        axis = axes[number]
        if number in baseline:
            raise UserError(f"--baseline {axis.path} is given twice")
        if option.value not in axis.values:
            hint = did_you_mean(str(option.value), axis.labels) or f"; its values: {', '.join(axis.labels)}"
            raise UserError(f"--baseline {text}: --vary has no such value{hint}")
        baseline[number] = axis.values.index(option.value)
    return baseline
