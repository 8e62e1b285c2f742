"""What experiments with work in orbit, which are shipped, owe those who quote their figures."""

import pytest

from lasermesh import shipped
from lasermesh.scenario import load_experiment, refuse_what_live_cannot

LARGE_NETWORK = 27  # stations: the commercial network that a mesh has to beat


@pytest.fixture(scope="module")
def with_work():
    """Those that have workloads."""
    found = [load_experiment(name) for name in shipped.list_experiments()]
    found = [experiment for experiment in found if experiment.workloads]
    assert {"orbital-datacentre", "wildfire"} <= {experiment.name for experiment in found}
    return found


def test_all_work_names_the_guesses_that_it_rests_on(with_work):
    for experiment in with_work:
        for workload in experiment.workloads:
            assert workload.guesses, f"{experiment.name}: {workload.name}"


def test_a_bent_pipe_is_given_for_a_large_network_of_stations_too(with_work):
    for experiment in with_work:
        stations = [
            len(stage.rows)
            for each in experiment.alternatives
            for workload in each.experiment.workloads
            if workload.kind == "bent-pipe"
            for stage in workload.plan[:1]
        ]
        assert not stations or max(stations) >= LARGE_NETWORK, experiment.name


def test_ways_of_handling_the_same_scenes_are_runs_of_their_own_with_one_seed(with_work):
    for experiment in with_work:
        for run in [each.experiment for each in experiment.alternatives] or [experiment]:
            sources = [workload.source for workload in run.workloads if workload.source is not None]
            assert len(set(sources)) == len(sources), run.name
            assert run.seed == experiment.seed


@pytest.mark.parametrize(
    ("name", "first", "kinds"), [("live", "Tokyo", {True}), ("live-orbit", "eo-0-0", {True, False})]
)
def test_what_is_shipped_to_be_run_live_can_be(name, first, kinds):
    """Commands run on the first host; hosts are on the ground and, of `live-orbit`, in orbit."""
    experiment = load_experiment(name)
    refuse_what_live_cannot(experiment)
    topology = experiment.topology
    assert topology.node_names[experiment.live_rows[0]] == first
    assert {topology.is_ground(row) for row in experiment.live_rows} == kinds
    assert experiment.warnings == () and experiment.expanded_flows
