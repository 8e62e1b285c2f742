"""Checking a scenario: all that is wrong with its files, with its policy, and with its satellites."""

from dataclasses import dataclass

from lasermesh.errors import UserError
from lasermesh.experiments.left_out import failures_of, skipped_of
from lasermesh.experiments.policy_of import PolicyReader
from lasermesh.scenario import Experiment, Problem, ScenarioError, load
from lasermesh.scenario.sources import display_name

_MOST_SATELLITES_NAMED = 10


@dataclass(frozen=True)
class CheckReport:
    """What `lasermesh check` found; a scenario with warnings only is good."""

    name: str  # as the user gave it
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    counts: dict[str, int] | None = None  # satellites, flows and so on; None if there are problems
    skipped: tuple[dict, ...] = ()  # satellites left out at loading, and at the epoch by SGP4

    @property
    def ok(self) -> bool:
        """Whether the scenario can be used."""
        return not self.problems

    def __str__(self):
        if self.problems:
            return str(ScenarioError(self.name, self.problems))
        counts = self.counts | ({"left out": len(self.skipped)} if self.skipped else {})
        sizes = ", ".join(f"{what}: {count}" for what, count in counts.items())
        return f"{self.name}: no problems ({sizes})"


def check(name: str, sets=()) -> CheckReport:
    """Everything wrong with a topology or experiment.

    Parameters
    ----------
    name : str
        A file, or the name of a shipped topology or experiment.
    sets : iterable of str
        Changes to the file, each `PATH=VALUE`.
    """
    try:
        scenario = load(name, sets, PolicyReader())
    except ScenarioError as error:
        return CheckReport(error.name, tuple(error.problems))
    is_experiment = isinstance(scenario, Experiment)
    topology = scenario.topology if is_experiment else scenario
    problems, warnings, skipped = [], list(scenario.warnings), []
    for each in _topologies_of(scenario):
        skipped += skipped_of(each)
        crowded = _groups_to_count(each)
        # Patterns always propagate: for one grid on them, neither orbits nor contacts need be compiled.
        if crowded or any(group.element_sets for group in each.satellites):
            ephemeris = _check_satellites(each, problems, warnings)
            if ephemeris is not None:
                skipped += [{**failure, "reason": "sgp4"} for failure in failures_of(ephemeris)]
                _check_terminals(each, crowded, ephemeris, warnings)
    if problems:
        return CheckReport(name, tuple(problems), tuple(warnings), skipped=tuple(skipped))
    counts = {
        "satellites": topology.n_satellites,
        "ground sites": sum(len(group.sites) for group in topology.ground),
    }
    if is_experiment:
        counts["flows"] = len(scenario.expanded_flows) + len(scenario.bundle_flows)
        if scenario.live.hosts:
            counts["live hosts"] = len(scenario.live_rows)
        if scenario.workloads:
            counts["workloads"] = len(scenario.workloads)
        if scenario.alternatives:
            counts["alternatives"] = len(scenario.alternatives)
    return CheckReport(name, (), tuple(warnings), counts, tuple(skipped))


def _topologies_of(scenario):
    """The topology of a scenario, and those of its alternatives that have their own."""
    if not isinstance(scenario, Experiment):
        return [scenario]
    found = {id(scenario.topology): scenario.topology}
    for each in scenario.alternatives:
        found[id(each.experiment.topology)] = each.experiment.topology
    return list(found.values())


def _check_satellites(topology, problems, warnings):
    """Add the satellites that SGP4 refuses at the epoch, as a problem if the topology is to stop there.

    Returns the ephemeris, None after a problem.
    """
    from lasermesh.orbits import build_ephemeris
    from lasermesh.orbits.left_out import warn_of_failures

    try:
        ephemeris = build_ephemeris(topology)
    except UserError as error:
        problems.append(Problem(display_name(topology.file), None, "on_bad_satellite", "stop", str(error)))
        return None
    warn_of_failures(ephemeris, warnings.append)
    return ephemeris


def _groups_to_count(topology):
    """The groups with terminals whose grid links must be made to know how many a satellite has.

    Loading has counted those of one rule on a pattern, where all satellites are alike.
    """
    named = [name for rule in topology.links if rule.rule == "grid" for name in rule.satellites]
    return [
        group
        for group in topology.satellites
        if group.terminals and (named.count(group.name) > 1 or (group.element_sets and group.name in named))
    ]


def _check_terminals(topology, groups, ephemeris, warnings):
    """Add the satellites of these groups that have more grid links than terminals."""
    if not groups:
        return
    from lasermesh.contacts import grid_links_of_nodes

    names, links = topology.node_names, grid_links_of_nodes(topology, ephemeris)
    for group in groups:
        count = sum(use.count for use in group.terminals)
        many = [row for row in topology.group_rows(group.name) if links[row] > count]
        if many:
            named = [f'"{names[row]}" has {links[row]}' for row in many[:_MOST_SATELLITES_NAMED]]
            more = f" and {len(many) - len(named)} more" if len(many) > len(named) else ""
            warnings.append(
                f'grid links outnumber the terminals of satellites of "{group.name}", which have {count}: '
                f"{', '.join(named)}{more}"
            )
