"""Round trips over a 72 x 22 shell against a study that varied only phasing and neighbours; and light itself.

Satellites at 550 km and 53 deg, ground links up to 1123 km whatever their elevation, shortest delay, no
transit through the ground; means over 200 s. How the Earth was turned when the study's clock started is not
known, so its means must be among those of seven windows of 200 s in a row.
"""

import numpy as np
import pytest

from lasermesh.experiments.paths import all_pairs, paths
from lasermesh.scenario import load_topology

WINDOW_S = 200.0
WINDOWS = 7
STEP_S = 20.0
# The study's window begins where none of ours does. Another phasing or rule for neighbours moves some mean by
# 8 ms or more, but for F = 1 and 3, or 39 and 45, which differ little.
TOLERANCE_MS = 1.0

TOPOLOGY = """
[[satellites]]
name = "shell"
pattern = "walker-delta"
planes = 72
slots = 22
phasing_factor = {phasing}
altitude_km = 550.0
inclination_deg = 53.0
[[ground]]
name = "cities"
sites = "cities-100"
[[links]]
rule = "grid"
neighbour = "{neighbour}"
rate_gbps = 25.0
[[links]]
rule = "ground"
max_range_km = 1123.0
rate_gbps = 25.0
"""
PAIRS = [
    ("Johannesburg", "Sao Paulo"),
    ("Istanbul", "Nairobi"),
    ("London", "Johannesburg"),
    ("London", "New York"),
    ("Rio de Janeiro", "Saint Petersburg"),
]
ROUND_TRIPS_MS = {
    ('"half-slot"', "same-index"): (101.6, 65.7, 129.2, 43.9, 117.2),
    ('"half-slot"', "nearest-phase"): (175.0, 93.7, 190.2, 42.9, 145.1),  # the consistent diagonal
    ("65", "nearest-phase"): (61.0, 57.5, 93.5, 42.6, 104.8),
    ("39", "nearest-phase"): (69.1, 38.7, 71.3, 42.9, 87.9),
    ("45", "nearest-phase"): (69.5, 38.5, 73.5, 43.3, 88.5),
    ("3", "nearest-phase"): (58.6, 67.6, 116.8, 42.7, 114.5),
    ("1", "nearest-phase"): (57.6, 62.1, 110.5, 42.8, 113.8),
}
# With F = 36 the two satellites nearest in phase in the next plane are equally near, half a slot ahead and
# behind. Which one is taken the study leaves to rounding; here it is the same one everywhere.
TIED_MS = (113.9, 76.0, 159.6, 44.2, 109.7)


def window_means_ms(folder, phasing, neighbour):
    """Mean round trip of each window and pair, where there is a path: (windows, pairs)."""
    file = folder / "shell.toml"
    file.write_text(TOPOLOGY.format(phasing=phasing, neighbour=neighbour))
    result = paths(load_topology(file), PAIRS, duration_s=WINDOWS * WINDOW_S, step_s=STEP_S)
    rtts_ms = [[sample["rtt_ms"] or np.nan for sample in found["samples"]] for found in result["paths"]]
    return np.nanmean(np.reshape(rtts_ms, (len(PAIRS), WINDOWS, -1)), axis=2).T


@pytest.mark.compiled_only
@pytest.mark.parametrize(("phasing", "neighbour"), ROUND_TRIPS_MS)
def test_mean_round_trips_are_those_of_the_study(tmp_path, phasing, neighbour):
    means_ms = window_means_ms(tmp_path, phasing, neighbour)
    expected_ms = np.array(ROUND_TRIPS_MS[phasing, neighbour])
    assert (expected_ms > means_ms.min(axis=0) - TOLERANCE_MS).all(), means_ms.min(axis=0)
    assert (expected_ms < means_ms.max(axis=0) + TOLERANCE_MS).all(), means_ms.max(axis=0)


@pytest.mark.compiled_only
def test_where_neighbours_are_tied_the_study_lies_between_both_choices(tmp_path):
    one_ms, other_ms = (window_means_ms(tmp_path, 36, rule) for rule in ("nearest-phase", "stays-nearest"))
    both_ms = np.concatenate((one_ms, other_ms))
    assert (np.array(TIED_MS) > both_ms.min(axis=0) - TOLERANCE_MS).all()
    assert (np.array(TIED_MS) < both_ms.max(axis=0) + TOLERANCE_MS).all()
    assert (np.abs(one_ms - other_ms)[:, 0] > 50.0).all()  # so that much hangs on the choice


@pytest.mark.compiled_only
@pytest.mark.parametrize(
    "topology", ["walker-144", "starlink-gen1", "kuiper-630", "iridium", "telesat", "oneweb"]
)
def test_no_path_is_faster_than_light_in_vacuum_along_the_chord(topology):
    loaded = load_topology(topology)
    result = paths(loaded, all_pairs(loaded), duration_s=600.0, step_s=200.0)
    compared = 0
    for found in result["paths"]:
        for sample in found["samples"]:
            if sample["reachable"]:
                assert sample["delay_ms"] * 299.792458 >= sample["chord_km"]
                assert found["geodesic_km"] >= sample["chord_km"]
                compared += 1
    assert compared > 100
