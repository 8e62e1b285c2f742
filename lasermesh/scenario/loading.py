"""Loading a scenario by name or file: the way in, where all problems are raised at once."""

import dataclasses
from pathlib import Path

from lasermesh import shipped
from lasermesh.scenario.finding import find_file
from lasermesh.scenario.options import apply_option, parse_option
from lasermesh.scenario.problems import Report, ScenarioError, shown
from lasermesh.scenario.read_experiment import read_experiment
from lasermesh.scenario.read_topology import read_topology
from lasermesh.scenario.sources import FileFault, Place, display_name, open_toml

_EXPERIMENT_KEYS = {"topology", "duration_s", "flows", "routing", "packets"}
_A = {"topology": "a topology", "experiment": "an experiment"}


def load_topology(name_or_path, sets=()):
    """A topology from its file, or from a name: looked up here, then among the shipped ones.

    Parameters
    ----------
    name_or_path : str or Path
    sets : sequence of str
        `PATH=VALUE` each, which replace what the file says, as `--set` does.

    Returns
    -------
    topology : Topology

    Raises
    ------
    ScenarioError
        With all problems of all files.
    """
    return _load(name_or_path, sets, "topology")


def load_experiment(name_or_path, sets=()):
    """An experiment with its topology; parameters and errors as for `load_topology`."""
    return _load(name_or_path, sets, "experiment")


def load(name_or_path, sets=()):
    """An `Experiment` or a `Topology`, whichever the file holds; otherwise as `load_topology`."""
    return _load(name_or_path, sets, None)


def check_file(path, sets=()):
    """All problems and warnings of a scenario file.

    Returns
    -------
    problems : list of Problem
        Empty for a scenario that can be used.
    warnings : list of str
    """
    report = Report()
    _read(path, sets, None, report)
    return report.problems, report.warnings


def _load(name_or_path, sets, wanted):
    report = Report()
    scenario = _read(name_or_path, sets, wanted, report)
    if report.problems:
        raise ScenarioError(_title(name_or_path), report.problems)
    return scenario


def _title(name_or_path):
    return display_name(name_or_path) if isinstance(name_or_path, Path) else name_or_path


def _read(name_or_path, sets, wanted, report):
    """The scenario; None if a part could not be read, and to be used only if nothing was reported."""
    options = [option for text in sets if (option := parse_option(text, report)) is not None]
    try:
        source = open_toml(_path_of(name_or_path, wanted), report)
    except FileFault as fault:
        report.add(_title(name_or_path), None, None, str(fault))
        return None
    if source is None:
        return None
    found = "experiment" if _EXPERIMENT_KEYS & source.data.keys() else "topology"
    if wanted not in (None, found):
        report.add(source.file, None, None, f"holds {_A[found]}, but {_A[wanted]} is wanted")
        return None
    default_name = source.path.stem
    if found == "topology":
        for option in options:
            apply_option(_below_topology(option), source)
        scenario = read_topology(source.data, Place(source), default_name).topology
    else:
        scenario = _read_experiment(source, options, default_name)
    if scenario is None:
        return None
    return dataclasses.replace(
        scenario, file=source.path, files=report.sha256, warnings=tuple(report.warnings)
    )


def _path_of(name_or_path, wanted):
    if isinstance(name_or_path, Path):
        return name_or_path

    def find_any(name):
        return shipped.find_experiment(name) or shipped.find_topology(name)

    finders = {"topology": shipped.find_topology, "experiment": shipped.find_experiment, None: find_any}
    names = {"topology": shipped.list_topologies, "experiment": shipped.list_experiments}
    known = [name for what, list_names in names.items() if wanted in (None, what) for name in list_names()]
    return find_file(name_or_path, Path(), ".toml", wanted or "scenario", finders[wanted], known)


def _below_topology(option):
    """The option without a leading `topology.`: the same one works for an experiment and its topology."""
    is_below = len(option.path) > 1 and option.path[0] == "topology"
    return option._replace(path=option.path[1:]) if is_below else option


def _read_experiment(source, options, default_name):
    """The experiment in a source, with its topology from there or from a file of its own."""
    for_topology = [option for option in options if _below_topology(option) is not option]
    for option in options:
        if option not in for_topology:
            apply_option(option, source)
    if isinstance(source.data.get("topology"), dict):
        for option in for_topology:
            apply_option(option, source)

    def outline_of(value, place, name):
        if isinstance(value, dict):
            return read_topology(value, place, name)
        return _outline_of_named(value, place, for_topology)

    return read_experiment(source.data, Place(source), default_name, outline_of)


def _outline_of_named(name, place, options):
    """The outline of the topology that an experiment names; None after reporting that there is none."""
    report = place.source.report
    folder = place.source.path.parent
    try:
        source = open_toml(
            find_file(name, folder, ".toml", "topology", shipped.find_topology, shipped.list_topologies()),
            report,
        )
    except FileFault as fault:
        place.report(str(fault), name)
        return None
    if source is None:
        return None
    if _EXPERIMENT_KEYS & source.data.keys():
        place.report(f"{shown(name)} holds an experiment, but a topology is wanted", name)
        return None
    for option in options:
        apply_option(_below_topology(option), source)
    outline = read_topology(source.data, Place(source), source.path.stem)
    if outline.topology is None:
        return outline
    return outline._replace(topology=dataclasses.replace(outline.topology, file=source.path))
