"""Steps of training over the packet engine: the closed form on idle links, and a terminal that is lost."""

import pytest

from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.experiments.simulation import Simulation

RING = """
duration_s = 60.0
fidelity = "train"

[topology]
step_s = 1.0

[[topology.satellites]]
name = "dc"
fixed = ["a", "b", "c", "d"]

[[topology.links]]
rule = "plan"
plan = "ring.csv"

[[workloads]]
name = "training"
kind = "collective"
group = "dc"
step_bytes = 100_000_000
compute_s = 0.5
steps = 4
"""
DELAY_S, HANDLING_S, RATE_BPS = 0.002, 0.001, 1e9
NODES = "abcd"


def train(folder, text=RING):
    """Totals of the training."""
    pairs = [(a, b) for k, a in enumerate(NODES) for b in (NODES[k - 3], NODES[k - 1])]
    rows = [f"{a},{b},0,60,{RATE_BPS:.0f},{DELAY_S}" for a, b in pairs]
    (folder / "ring.csv").write_text("\n".join(["from,to,start_s,stop_s,rate_bps,owlt_s", *rows]) + "\n")
    file = folder / "training.toml"
    file.write_text(text)
    experiment, policy = load_with_policy(file, ())
    simulation = Simulation(experiment, 1, None, None, lambda message: None, None, policy)
    simulation.run(folder / "run")
    return simulation.working.work.totals()["workloads"][0]


def test_steps_take_what_a_ring_takes_on_idle_links(tmp_path):
    totals = train(tmp_path)
    rounds_s = 6 * (100_000_000 / 4 * 8 / RATE_BPS + DELAY_S + 2 * HANDLING_S)
    assert totals["steps"] == 4
    assert totals["exchange_s"]["min"] == pytest.approx(rounds_s, rel=0.01)
    assert totals["exchange_s"]["max"] == pytest.approx(rounds_s, rel=0.01)
    assert totals["sent_bytes"] == 4 * 6 * 100_000_000
    assert totals["resent_bytes"] == 0


def test_a_lost_link_costs_one_step_a_repair_and_the_others_a_detour(tmp_path):
    fault = '[[faults]]\nlink = ["b", "c"]\nat_s = 2.3\n'
    totals = train(tmp_path, RING + fault)
    (tmp_path / "plain").mkdir()
    plain_s = train(tmp_path / "plain")["step_s"]["mean"]
    assert totals["steps"] == 4
    assert totals["resent_bytes"] > 0
    # The second step waits for the tables of the next second; later ones go round over three idle links.
    assert plain_s + 0.5 < totals["step_s"]["max"] < plain_s + 1.0
    assert totals["step_s"]["p50"] < plain_s + 6 * 2 * (DELAY_S + HANDLING_S)
