"""The shipped experiment `failure-storm`, three seconds of it with ten times as many failures."""

import pytest

from lasermesh import shipped
from lasermesh.experiments.running import run
from lasermesh.scenario import load_experiment

SHORT = ("duration_s=3.0", "faults[0].mtbf_s=60.0")
FROM_WORST_TO_BEST = ["three-hellos", "central", "link-state", "predicted", "fast-reroute"]
"""Those with slow and fast news and with foretold tables as OSPF-SUR has them, which the file cites."""


def test_it_sends_between_all_of_ten_cities_that_the_shell_serves():
    experiment = load_experiment(shipped.find_experiment("failure-storm"))
    pairs = {(flow.from_row, flow.to_row) for flow in experiment.expanded_flows}
    ends = {row for pair in pairs for row in pair}
    assert (len(ends), len(pairs), len(experiment.expanded_flows)) == (10, 90, 90)
    n_satellites = sum(group.size for group in experiment.topology.satellites)
    sites = [site for group in experiment.topology.ground for site in group.sites]
    assert all(abs(sites[row - n_satellites].lat_deg) <= 45.0 for row in ends)
    assert [each.name for each in experiment.alternatives] == FROM_WORST_TO_BEST
    assert {each.experiment.topology is experiment.topology for each in experiment.alternatives} == {True}


@pytest.mark.compiled_only
def test_the_sooner_nodes_know_the_less_is_lost(tmp_path):
    lost, faults = [], []
    for name in FROM_WORST_TO_BEST:
        summary = run("failure-storm", SHORT, tmp_path / name, alternatives=[name]).summary
        total = summary["total"]
        lost.append(sum(total["dropped"].values()))
        faults.append(summary["faults"])
        assert total["sent"] == 45_000 == total["delivered"] + lost[-1] + total["in_flight"]
    assert lost == sorted(lost, reverse=True) and len(set(lost)) == len(lost)
    assert lost[1] > 3 * lost[2] > 3 * lost[4] > 0
    # All have met the same failures.
    assert [each == faults[0] and each["nodes"]["failures"] > 100 for each in faults] == [True] * 5
