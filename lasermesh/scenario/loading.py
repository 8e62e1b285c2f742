"""Loading a scenario by name or file: the way in, where all problems are raised at once."""

import dataclasses
from pathlib import Path

from lasermesh import shipped
from lasermesh.scenario.finding import find_file
from lasermesh.scenario.options import apply_option, options_of_sets
from lasermesh.scenario.plan_reading import looks_like_plan
from lasermesh.scenario.problems import Report, ScenarioError, shown
from lasermesh.scenario.read_experiment import read_experiment
from lasermesh.scenario.read_topology import read_topology
from lasermesh.scenario.sources import (
    MOST_DATA_BYTES,
    FileFault,
    Place,
    Source,
    display_name,
    open_toml,
    read_bytes,
)

_EXPERIMENT_KEYS = {
    *("topology", "duration_s", "flows", "routing", "packets"),
    *("sensors", "compute", "power", "transfers", "workloads", "alternatives"),
}


def load_topology(name_or_path, sets=()):
    """A topology from its file, or from a name: looked up here, then among the shipped ones.

    Parameters
    ----------
    name_or_path : str or Path
        Of an experiment, the topology is taken; all of the experiment is checked.
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


def load_experiment(name_or_path, sets=(), read_policy=None):
    """An experiment with its topology; parameters and errors as for `load_topology`.

    What policies there are is not known here: `read_policy`, a function of `policy` and `options` of
    `[routing]` and of the `Place` of that table, may report what is wrong, and returns the options to use.
    """
    return _load(name_or_path, sets, "experiment", read_policy)


def load(name_or_path, sets=(), read_policy=None):
    """An `Experiment` or a `Topology`, whichever the file holds; otherwise as `load_experiment`."""
    return _load(name_or_path, sets, None, read_policy)


def load_made(table, sets=(), read_policy=None):
    """The experiment in a table made by a program, as `load_experiment` reads it from a file.

    Parameters
    ----------
    table : dict
        As the file would be, `name` and `topology` included; names of files are relative to the working
        directory.
    sets : sequence of str
    read_policy : function, optional
        As for `load_experiment`.

    Raises
    ------
    ScenarioError
        With all problems, under the experiment's name.
    """
    report = Report()
    options = options_of_sets(sets, report)
    experiment = _read_experiment(
        Source(Path(table["name"]), report, table, {}), options, table["name"], read_policy
    )
    if report.problems:
        raise ScenarioError(table["name"], report.problems)
    return _with_sources(experiment, report)


def _load(name_or_path, sets, wanted, read_policy=None):
    report = Report()
    scenario = _read(name_or_path, sets, wanted, report, read_policy)
    if report.problems:
        raise ScenarioError(_title(name_or_path), report.problems)
    return scenario


def _title(name_or_path):
    return display_name(name_or_path) if isinstance(name_or_path, Path) else name_or_path


def _read(name_or_path, sets, wanted, report, read_policy):
    """The scenario; None if a part could not be read, and to be used only if nothing was reported."""
    options = options_of_sets(sets, report)
    try:
        source = _open(_path_of(name_or_path, wanted), _title(name_or_path), report)
    except FileFault as fault:
        report.add(_title(name_or_path), None, None, str(fault))
        return None
    if source is None:
        return None
    found = "experiment" if _EXPERIMENT_KEYS & source.data.keys() else "topology"
    if (wanted, found) == ("experiment", "topology"):
        report.add(source.file, None, None, "holds a topology, but an experiment is wanted")
        return None
    default_name = source.path.stem
    if found == "topology":
        for option in options:
            apply_option(_below_topology(option), source)
        scenario = read_topology(source.data, Place(source), default_name).topology
    else:
        scenario = _read_experiment(source, options, default_name, read_policy)
    if scenario is None:
        return None
    file = source.path
    if (wanted, found) == ("topology", "experiment"):
        scenario = scenario.topology
        file = scenario.file
    return _with_sources(scenario, report, file=file)


def _with_sources(scenario, report, **changes):
    """The scenario knowing what it was read from, and so the experiments of its alternatives."""
    changes |= {"files": report.sha256, "warnings": tuple(report.warnings)}
    if getattr(scenario, "alternatives", ()):
        changes["alternatives"] = tuple(
            dataclasses.replace(each, experiment=_with_sources(each.experiment, report, **changes))
            for each in scenario.alternatives
        )
    return dataclasses.replace(scenario, **changes)


def _open(path, name, report):
    """The `Source` of a scenario's file, which the user calls `name`; as `open_toml`.

    Raises
    ------
    FileFault
        If the file cannot be read, or is a contact plan.
    """
    if looks_like_plan(read_bytes(path, MOST_DATA_BYTES, Report())):
        plan = shown(name)
        raise FileFault(
            f"{plan} is a contact plan; an experiment over it has topology = {{ satellites = "
            f'[{{ name = "nodes", fixed = {plan} }}], links = [{{ rule = "plan", plan = {plan} }}] }} '
            '(see "Over a contact plan" in `lasermesh docs bundles`)'
        )
    return open_toml(path, report)


def _path_of(name_or_path, wanted):
    if isinstance(name_or_path, Path):
        return name_or_path

    # An experiment will do where a topology is wanted, but not the other way round.
    # A contact plan is found to say what it is.
    finders, known = [shipped.find_experiment, shipped.find_plan], shipped.list_experiments()
    if wanted != "experiment":
        finders.insert(0 if wanted == "topology" else 1, shipped.find_topology)
        known = shipped.list_topologies() + known

    def find_shipped(name):
        return next((path for find in finders if (path := find(name)) is not None), None)

    return find_file(name_or_path, Path(), ".toml", wanted or "scenario", find_shipped, known)


def _below_topology(option):
    """The option without a leading `topology.`: the same one works for an experiment and its topology."""
    is_below = len(option.path) > 1 and option.path[0] == "topology"
    return option._replace(path=option.path[1:]) if is_below else option


def _read_experiment(source, options, default_name, read_policy):
    """The experiment in a source, with its topology from there or from a file of its own."""
    outlines = {}

    def changed(changes, by):
        return dataclasses.replace(_with_options(source, [*changes, *options]), changed_by=by)

    def outline_of(value, place, name, changes=()):
        changes = _for_topology(changes)
        is_here = isinstance(value, dict)
        key = (None if is_here else value, repr(changes))
        if key not in outlines:  # several alternatives may have the same, which takes long if it is large
            if is_here:
                outlines[key] = _in_file(read_topology(value, place, name), place.source)
            else:
                outlines[key] = _outline_of_named(value, place, [*changes, *_for_topology(options)])
        return outlines[key]

    return read_experiment(_with_options(source, options), default_name, changed, outline_of, read_policy)


def _for_topology(options):
    return [option for option in options if _below_topology(option) is not option]


def _with_options(source, options):
    """The source with options applied; those for the topology only where it stands in there."""
    if not options:
        return source
    source = source.copy()
    for_topology = _for_topology(options)
    for option in options:
        if option not in for_topology:
            apply_option(option, source)
    if isinstance(source.data.get("topology"), dict):
        for option in for_topology:
            apply_option(option, source)
    return source


def _find_topology_or_plan(name):
    """The shipped file of a topology, else of a contact plan, which is found to say what it is."""
    return shipped.find_topology(name) or shipped.find_plan(name)


def _outline_of_named(name, place, options):
    """The outline of the topology that an experiment names; None after reporting that there is none."""
    report = place.source.report
    folder = place.source.path.parent
    try:
        source = _open(
            find_file(name, folder, ".toml", "topology", _find_topology_or_plan, shipped.list_topologies()),
            name,
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
    return _in_file(read_topology(source.data, Place(source), source.path.stem), source)


def _in_file(outline, source):
    """The outline with its topology, if there is one, knowing the file it came from."""
    if outline.topology is None:
        return outline
    return outline._replace(topology=dataclasses.replace(outline.topology, file=source.path))
