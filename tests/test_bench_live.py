"""The benchmark of live runs: what it counts has crossed, and its peers carry the same programs."""

import pytest

from bench import live
from tests.needs import needs_network_namespaces

pytestmark = [pytest.mark.compiled_only, pytest.mark.alone]
SECONDS = 0.1


@pytest.fixture(autouse=True)
def rights():
    needs_network_namespaces()


@pytest.mark.parametrize("traffic", [live.TRAFFIC[0], live.TRAFFIC[2]], ids=lambda each: each.kind)
def test_all_ways_between_two_hosts_carry_packets(traffic):
    rounds = [live.through_the_datapath(traffic, 3, SECONDS), live.through_select(traffic, SECONDS)]
    rounds.append(live.through_veth(traffic, SECONDS))
    for figures in rounds:
        assert figures is None or all(value > 0 for value in figures.values()), rounds


def test_every_host_pings_the_next_and_is_answered():
    arguments = live.parse(
        ["--hosts", "3", "--seconds", "0.3", "--hops", "2", "--pings", "5", "--rounds", "1"]
    )
    (row,) = live.run_hosts(arguments)["rows"]
    assert row["answered"] == row["pings"] > 0
    (row,) = live.run_accuracy(arguments)["rows"]
    assert abs(row["error_us"]) < 5000
