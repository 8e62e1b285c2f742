"""Reading `[[alternatives]]`: which workloads run beside each other, on which topology, with what changed."""

import dataclasses
from typing import NamedTuple

from lasermesh.scenario.fields import BAD, name_fault
from lasermesh.scenario.options import parse_change
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.read_equipment import as_tuple
from lasermesh.scenario.reading import read_table, read_tables
from lasermesh.scenario.workloads import Alternative

_NO_FOLDER = (".", "..")
_ENDINGS_OF_FILES = (".json", ".txt", ".parquet", ".pcapng", ".part")
_NOT_TO_SET = {
    "name": "a run has the name of its alternative",
    "seed": "all alternatives have the same one",
    "topology": "write it as the alternative's own key topology",
    "workloads": "name those of the run in the alternative's own key workloads",
    "alternatives": "an alternative has none",
}
"""What an alternative does not change as a whole, and why."""


class Variant(NamedTuple):
    """A way of reading the experiment: with a topology instead of its own, and with changes."""

    topology: str | None
    sets: tuple  # of texts PATH=VALUE


PLAIN = Variant(None, ())


def read_alternatives(items, place, values):
    """The entries of `[[alternatives]]` without their experiments, BAD in place of one that is wrong.

    Parameters
    ----------
    items : list, tuple or BAD
        The value of the key `alternatives`.
    place : Place
        Of the experiment.
    values : dict
        Of its keys.

    Returns
    -------
    alternatives : tuple of Alternative
    changes : dict
        The `Option`s of each `sets` among them; where several have the same, those of the first.
    """
    known = names_of(values["workloads"])
    alternatives, places, runs, changes = [], {}, {}, {}
    for item, here in read_tables("alternatives", items, place):
        given = read_table((Alternative,), item, here)
        name, sets = given["name"], given.pop("set")
        if name is not BAD:
            _check_name(name, here.at("name"), places)
        given["workloads"] = _find_workloads(given["workloads"], here.at("workloads"), known, values)
        options = BAD if sets is BAD else _read_changes(sets, here.at("set"))
        if options is BAD or BAD in given.values():
            alternatives.append(BAD)
            continue
        alternative = Alternative(sets=as_tuple(sets), **given)
        alternatives.append(alternative)
        changes.setdefault(alternative.sets, options)
        run = repr(
            (
                sorted(alternative.workloads),
                alternative.topology or values["topology"],
                [(option.path, option.value) for option in options],
            )
        )
        if (first := runs.setdefault(run, here)) is not here:
            here.report(f"comes to the same run as {first}")
    if items == []:
        place.at("alternatives").report("must be two at least")
    elif len(alternatives) == 1:
        place.at("alternatives", 0).report("must be two at least; this is the only one")
    return tuple(alternatives), changes


def _find_workloads(named, place, known, values):
    """The names as several, after a look whether there are such workloads."""
    if named is BAD:
        return BAD
    for index, each in enumerate(as_tuple(named)):
        if each not in known and values["workloads"] is not BAD:
            where = place if isinstance(named, str) else place.at(index)
            where.report(f"no workload is named {shown(each)}{did_you_mean(each, known)}", each)
    return as_tuple(named)


def _read_changes(sets, place):
    """The `Option` of each change; BAD if one could not be read."""
    options = []
    for index, text in enumerate(as_tuple(sets)):
        here = place if isinstance(sets, str) else place.at(index)
        option = parse_change(text, here)
        if option is None:
            return BAD
        path = option.path
        renames = len(path) == 3 and path[::2] == ("workloads", "name")
        if path[0] == "alternatives" or renames or (len(path) == 1 and path[0] in _NOT_TO_SET):
            why = "alternatives find workloads by their names" if renames else _NOT_TO_SET[path[0]]
            here.report(f"cannot be set here: {why}", text)
            return BAD
        options.append(option)
    return tuple(options)


def _check_name(name, place, places):
    """Results of an alternative lie in a folder of its name."""
    fault = name_fault(name, forbidden="/\\")
    if fault is not None or name in _NO_FOLDER:
        place.report(fault or f"cannot be the name of a folder (got {shown(name)})", name)
    elif name.casefold().endswith(_ENDINGS_OF_FILES):
        place.report(f"could be the name of a file among the results (got {shown(name)})", name)
    first = places.setdefault(name.casefold(), place)
    if first is not place:
        place.report(f"{shown(name)} stands already at {first}", name)


def names_of(items):
    """Names of tables as far as they are given, in order."""
    return [item["name"] for item in (() if items is BAD else items) if _is_named(item)]


def _is_named(item):
    return isinstance(item, dict) and isinstance(item.get("name"), str)


class Selection:
    """Which workloads are read with which variant of the experiment."""

    def __init__(self, workloads, alternatives):
        self._alternatives = {index: each for index, each in enumerate(alternatives) if each is not BAD}
        self._names = names_of(workloads)
        named = {name for each in self._alternatives.values() for name in each.workloads}
        self._common = {name for name in self._names if name not in named}

    @property
    def variants(self):
        """Those of the alternatives: the index of the first that has it by `Variant`."""
        found = {}
        for index, each in self._alternatives.items():
            found.setdefault(_variant_of(each), index)
        return found

    def names(self, variant):
        """Workloads that run in a variant."""
        runs = (each.workloads for each in self._alternatives.values() if _variant_of(each) == variant)
        return self._common.union(*runs)

    def resolve(self, experiments, tables, place):
        """The experiment with all workloads, and with its alternatives, each with an experiment of its own.

        Parameters
        ----------
        experiments : dict
            An `Experiment` by `Variant`, the plain one first, with the workloads that run in it.
        tables : dict
            Names of the tables of nodes that there are at all, in order, by key (`sensors` and so on).
        place : Place
            Of the experiment.
        """
        experiment = experiments[PLAIN]
        names = {**tables, "workloads": self._names}
        whole = {key: _from_first(experiments.values(), key, names[key]) for key in names}
        alternatives = []
        for index, each in self._alternatives.items():
            there = experiments[_variant_of(each)]
            wanted = self._common | set(each.workloads)
            own = dataclasses.replace(
                there,
                name=f"{experiment.name}/{each.name}",
                workloads=tuple(work for work in there.workloads if work.name in wanted),
            )
            if not own.flows and not own.workloads:
                place.at("alternatives", index, "workloads").report(
                    "missing; without [[flows]], and with all workloads named elsewhere, nothing is sent"
                )
            alternatives.append(dataclasses.replace(each, experiment=own))
        return dataclasses.replace(experiment, **whole, alternatives=tuple(alternatives))


def _variant_of(alternative):
    return Variant(alternative.topology, alternative.sets)


def _from_first(experiments, key, names):
    """Each of the named things from the first experiment that has it under this key."""
    found = {}
    for each in experiments:
        for thing in getattr(each, key):
            found.setdefault(thing.name, thing)
    return tuple(found[name] for name in names)
