"""Runs in which a link fails between two tables, with and without fast reroute, by pencil.

As in `test_faulty_runs`: a packet every 24 ms, 12 ms onto each link; the left satellite is the nearer one.
"""

import pytest

from lasermesh.results import format_summary
from tests.experiments.test_faulty_runs import drops, drops_at_links, fault, quoted, run_with, sent_between

FAILURE = fault(link=["Quito", "left"], at_s=0.486)  # with the packet of 480 ms in service


def rerouted(world, *sets, **more):
    sets = ["flows.data.phase_s=0", "routing.fast_reroute=true", *sets]
    return run_with(world, FAILURE, sets=sets, **more)


def test_without_it_packets_are_lost_until_the_next_table(world):
    done = run_with(world, FAILURE)
    assert drops(done) == {"link_down": 1 + sent_between(486, 1000)} == {"link_down": 22}


def test_with_it_only_what_the_link_held_is_lost(world):
    done = rerouted(world)
    assert drops(done) == {"link_down": 1}
    assert done.summary["flows"][0]["latency_ms"]["max"] == pytest.approx(2 * (12 + 6), rel=0.01)
    # And nothing where that is handed back, too: the packet starts anew after 6 ms.
    done = rerouted(world, "packets.on_link_down=reroute")
    assert drops(done) == {}
    assert done.summary["flows"][0]["latency_ms"]["max"] == pytest.approx(6 + 2 * (12 + 6), rel=0.01)


def test_until_the_node_knows_packets_are_lost_as_without_it(world):
    done = rerouted(world, "routing.alternate_after_s=0.1")
    assert drops(done) == {"link_down": 1 + sent_between(486, 586)} == {"link_down": 5}
    assert drops_at_links(done) == {("Quito", "left", "link_down"): 5}


def test_what_waits_is_lost_unless_it_is_handed_back(world):
    # A packet every 8 ms until 100 ms: of 13, 8 have left by 100 ms, one is in service and four wait.
    more = {"rate_gbps": 0.0015, "left_stop_s": 1e9}
    sets = ["flows.data.phase_s=0", "flows.data.stop_s=0.1", "packets.queue_packets=100"]
    sets += ["routing.fast_reroute=true"]
    stop = fault(link=["Quito", "left"], at_s=0.1)
    assert drops(run_with(world, stop, sets=sets, **more)) == {"link_down": 5}
    assert drops(run_with(world, stop, sets=[*sets, "packets.on_link_down=reroute"], **more)) == {}


def test_a_failed_satellite_is_gone_round_by_those_who_have_a_link_to_it(world):
    down = fault(nodes=quoted("left"), at_s=0.49)
    without, with_it = (
        drops(run_with(world, down, sets=["flows.data.phase_s=0", f"routing.fast_reroute={way}"]))
        for way in ("false", "true")
    )
    assert without["link_down"] == 1 + sent_between(490, 1000)
    assert with_it["link_down"] == 1
    assert without.get("node_down") == with_it.get("node_down")


def test_the_summary_tells_how_many_hops_have_an_alternate(world):
    """In the first of four tables Quito may go by the right satellite, should the left one or its link fail.

    The left satellite has nobody else but Lima, and from the second table on one way is all there is.
    """
    done = rerouted(world)
    told = done.summary["routing"]["alternates"]
    assert told == {"hops": 4 * 2, "share": 1 / 8, "node_protecting_share": 1 / 4}
    assert "12.5 % of the hops of paths have a" in format_summary(done.summary)
    assert run_with(world, FAILURE).summary["routing"]["alternates"] is None
