"""Power in a run from its file: light by the run's own clock, loads by its jobs and links."""

import pytest

from lasermesh.experiments.simulation import Simulation
from lasermesh.orbits import UMBRA, build_ephemeris
from lasermesh.scenario import load_experiment

EXPERIMENT = """
duration_s = 120
start_s = 1500

[topology]
name = "ring"
epoch = 2026-03-20T12:00:00Z
step_s = 20
[topology.terminals.laser]
rate_gbps = 1.0
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 1
slots = 12
phasing_factor = 0
altitude_km = 1400.0
inclination_deg = 60.0
terminals = [{ type = "laser", count = 2 }]
[[topology.ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
[[topology.links]]
rule = "grid"
[[topology.links]]
rule = "ground"
rate_gbps = 1.0

[sensors.camera]
on = "w"
scene_bytes = 10_000
every_s = 20
phase_s = 5

[compute.gpu]
on = "w"
service_s = 2.0

[power.bus]
on = "w"
array_w = 900.0
battery_wh = 20.0
start_charge = 0.5
bus_w = 300.0
terminal_w = 25.0
accelerator_w = 200.0

[[workloads]]
name = "look"
kind = "on-board"
source = "camera"
compute = "gpu"
stations = "Quito"
result_bytes = 500
"""


@pytest.mark.compiled_only
def test_satellites_in_the_shadow_live_on_their_batteries(tmp_path):
    file = tmp_path / "power.toml"
    file.write_text(EXPERIMENT)
    experiment = load_experiment(file)
    simulation = Simulation(experiment, threads=1)
    simulation.run(tmp_path / "run")
    (power,) = simulation.working.work.totals()["power"]
    ephemeris = build_ephemeris(experiment.topology)
    dark = [ephemeris.illumination_at(1500.0 + t_s + 0.5) == UMBRA for t_s in range(120)]
    in_shadow = sum(map(sum, dark))
    assert 0 < in_shadow < 12 * 120 and len({*map(tuple, dark)}) > 1  # somebody enters or leaves
    assert power["umbra_s"] == pytest.approx(in_shadow, abs=12)
    # From 36,000 J to the floor at 14,400: 350 W for bus and terminals, and three jobs of 400 J.
    # Who is in the dark for so long does not come back to 18,000 J before the end.
    floor_s = (36_000.0 - 14_400.0 - 3 * 400.0) / 350.0
    long_dark = sum(map(all, zip(*dark[:100], strict=True)))
    assert power["throttled_satellites"] == long_dark > 0
    assert power["throttled_s"] == pytest.approx(long_dark * (120.0 - floor_s))
    assert power["accelerators_j"] == pytest.approx((12 * 6 - long_dark * 3) * 400.0)
    assert power["terminals_j"] == pytest.approx(12 * 120 * 2 * 25.0)
    assert power["bus_j"] == pytest.approx(12 * 120 * 300.0)
    came = power["start_j"] + power["generated_j"]
    assert came == pytest.approx(power["used_j"] + power["spilled_j"] + power["end_j"])
