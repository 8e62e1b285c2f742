"""Runs whose policy lays whole paths: packets on their way keep to the path that they set out on."""

import pytest

from lasermesh.routing import POLICIES, LabelKeeper
from tests.experiments.worlds import go

RATE = 1000
"""Packets per second, of 100 bytes."""
AROUND, ACROSS = "A > B > C > D", "A > E > D"
WORLD = """
duration_s = 2.0
[routing]
policy = "explicit"
{routing}
options = {{ file = "paths.csv" }}
[topology]
name = "ways"
step_s = 0.5
[[topology.satellites]]
name = "s"
fixed = ["A", "B", "C", "D", "E"]
[[topology.links]]
rule = "plan"
plan = "plan.csv"
[[flows]]
name = "data"
from = "A"
to = "D"
rate_gbps = 0.0008
packet_bytes = 100
phase_s = 0.0
stop_s = 1.9
"""


def moved(folder, before, after, routing=""):
    """A run in which the file has the flow take another path from 1 s on; every link is 10 ms long."""
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for a, b in ("AB", "BC", "CD", "AE", "ED"):
        rows += [f"{one},{other},0,9,100000000,0.01" for one, other in ((a, b), (b, a))]
    (folder / "plan.csv").write_text("\n".join(rows) + "\n")
    (folder / "paths.csv").write_text(f"from,to,path,start_s,stop_s\nA,D,{before},,1\nA,D,{after},1,\n")
    (folder / "ways.toml").write_text(WORLD.format(routing=routing))
    return go(folder / "ways.toml", folder / "run")


@pytest.mark.parametrize("before, after", [(AROUND, ACROSS), (ACROSS, AROUND)])
def test_packets_on_their_way_keep_to_their_path_when_the_table_changes(tmp_path, before, after):
    flow = moved(tmp_path, before, after).summary["flows"][0]
    assert (flow["sent"], flow["delivered"]) == (1.9 * RATE, 1.9 * RATE)
    hops = (before.count(">") * 1.0 + after.count(">") * 0.9) / 1.9
    assert flow["hops_mean"] == pytest.approx(hops, abs=1e-9)


def test_without_numbers_that_go_on_they_would_be_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(LabelKeeper, "keep", lambda keeper, table, *more: (table, None))
    flow = moved(tmp_path, AROUND, ACROSS).summary["flows"][0]
    assert flow["dropped"]["no_route"] == pytest.approx(0.02 * RATE, abs=2)


def test_a_new_path_can_be_taken_before_the_nodes_along_it_have_their_tables(tmp_path):
    """A has the table at 1.1 s, E, which takes 0.1 s for it, at 1.21 s; the path travels with the packets."""
    routing = "update = 'central'\nupdate_delay_s = 0.1\ncontroller = 'A'\nhop_processing_s = 0.1"
    done = moved(tmp_path, AROUND, ACROSS, routing)
    flow = done.summary["flows"][0]
    assert flow["delivered"] == flow["sent"]
    assert flow["hops_mean"] == pytest.approx((3 * 1.1 + 2 * 0.8) / 1.9, abs=1e-9)
    assert done.kept.outages.num_rows == 0


MOVING = """
topology = "walker-144"
duration_s = 120.0
[routing]
policy = "{policy}"
[[flows]]
name = "data"
pairs = [["Tokyo", "London"], ["Sydney", "Cairo"], ["New York", "Lagos"], ["London", "Tokyo"]]
rate_gbps = 0.002
packet_bytes = 1000
"""


@pytest.mark.compiled_only
@pytest.mark.parametrize("policy", sorted(POLICIES.keys() - {"explicit"}))
def test_whatever_the_policy_nothing_is_lost_while_satellites_move(tmp_path, policy):
    """Links that set are known beforehand, and some twenty packets of each flow are on their way."""
    (tmp_path / "moving.toml").write_text(MOVING.format(policy=policy))
    done = go(tmp_path / "moving.toml", tmp_path / "run", sets=["topology.step_s=10"])
    assert not any(done.summary["drops_total"].values())
    assert done.summary["path_change_count"] > 0
    paths = done.kept.paths.to_pylist()
    for row, flow in enumerate(done.summary["flows"]):
        assert flow["delivered"] > 0.998 * flow["sent"]  # the rest is in flight
        hops = [path["hops"] for path in paths if path["flow"] == row]
        assert min(hops) <= flow["hops_mean"] <= max(hops)  # by the paths that are told
