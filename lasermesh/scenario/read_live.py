"""Reading `[live]`: which nodes are hosts; and what of an experiment cannot be run live."""

from lasermesh.errors import UserError
from lasermesh.scenario.experiment import TRAIN
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.live import LEAST_HOSTS, MOST_HOSTS, Live
from lasermesh.scenario.problems import shown
from lasermesh.scenario.queues import DROP_TAIL
from lasermesh.scenario.read_queues import rows_of_words
from lasermesh.scenario.reading import read_table


def read_live(table, place, names, topology):
    """A `Live`, or BAD after reporting what is wrong with it.

    `names` (NodeNames) is None where nothing is known of the topology, `topology` where not all of it is.
    """
    if table is BAD or isinstance(table, Live):
        return table
    values = read_table((Live,), table, place)
    values["host_rows"] = ()
    if values["hosts"] not in (BAD, ()):
        values["host_rows"] = _host_rows(values["hosts"], place.at("hosts"), names, topology)
    return BAD if BAD in values.values() else Live(**values)


def _host_rows(hosts, place, names, topology):
    """Rows of the hosts in the order in which they are named; BAD if they are unknown, repeated, too few or
    too many.
    """
    rows, named_by = [], {}
    for index, name in enumerate(hosts):
        found = rows_of_words(name, place.at(index), names, topology)
        if found is BAD:
            rows = BAD
            continue
        again = next((row for row in found if row in named_by), None)
        if again is not None:
            message = f"{shown(names.name_of(again))} is a host already, by {shown(named_by[again])}"
            place.at(index).report(message, name)
            rows = BAD
        named_by |= dict.fromkeys(found, name)
        if rows is not BAD:
            rows += found
    if rows is BAD:
        return BAD
    if not LEAST_HOSTS <= len(rows) <= MOST_HOSTS:
        place.report(f"must name {LEAST_HOSTS} to {MOST_HOSTS} nodes (got {len(rows)})", list(hosts))
        return BAD
    return tuple(rows)


def _refuses_trains(experiment):
    """The first setting of a queue that trains cannot cross, as it is written; None if there is none."""
    for table in (experiment.packets, *experiment.topology.links, *experiment.queues):
        if table.queue not in (None, DROP_TAIL):
            return f"queue = {shown(table.queue)}"
        if table.classes not in (None, 1):
            return f"classes = {table.classes}"
    return None


def refuse_what_live_cannot(experiment):
    """Raises a `UserError` with all that keeps an experiment from being run live, and what would do."""
    problems = []
    if experiment.alternatives:
        problems.append(
            "[[alternatives]] are several runs, and one is run live at a time: leave them out, and what "
            "makes a run one of them goes into its file or into --set"
        )
    if experiment.workloads and not experiment.alternatives:
        problems.append("[[workloads]] are not run live: run them simulated, with lasermesh run")
    if experiment.bundle_flows:
        named = shown(experiment.bundle_flows[0].table.name)
        problems.append(f"[[flows]] of kind bundle, as {named}, are not run live: run them simulated")
    if experiment.fidelity == TRAIN:
        problems.append(
            'fidelity = "train" is of simulated runs: say "packet"; trains of live runs are what '
            "[live] gso says"
        )
    if experiment.live.gso and (given := _refuses_trains(experiment)):
        problems.append(
            f"{given} does not go with trains, which need queues of packets alike (drop-tail, one class): "
            "run it with --no-gso, or say [live] gso = false"
        )
    count = len(experiment.live_rows)
    if not experiment.live.hosts and not LEAST_HOSTS <= count <= MOST_HOSTS:
        whose = "ends of [[flows]]" if experiment.expanded_flows else "ground sites"
        problems.append(
            f"there are {count} {whose}, and a live run has {LEAST_HOSTS} to {MOST_HOSTS} hosts: name them "
            'in the experiment, as [live] hosts = ["Tokyo", "London"]'
        )
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise UserError(f"{experiment.name} cannot be run live:{lines}")
