"""A run with trains beside the same run packet by packet, on a shipped mesh: delivery times within 1 %."""

import numpy as np
import pytest

from tests.experiments.worlds import go

EXPERIMENT = """
topology = "walker-144"
duration_s = 0.2
{fidelity}
[[flows]]
name = "g"
matrix = "gravity"
sites = "cities"
total_gbps = {total_gbps}
largest = {largest}
stop_s = 0.07
"""
TOLERANCE = 0.01
"""What trains promise at moderate load."""
BIN = 0.01
"""A percentile is the upper edge of a bin less than this wide."""


@pytest.mark.compiled_only
@pytest.mark.parametrize(("total_gbps", "largest"), [(200.0, 200), (150.0, 40), (60.0, 800)])
def test_run_with_trains_delivers_within_a_hundredth_of_the_times_of_single_packets(
    tmp_path, total_gbps, largest
):
    """Flows of 0.01 to 4 Gbps, many on each link, whose fullest is far from idle and not overloaded."""
    single, trains = (run_of(tmp_path, name, total_gbps, largest) for name in ("packet", "train"))
    use = max(link["utilisation"] for link in single.summary["links"]["busiest"]) * 0.2 / 0.07
    assert 0.1 < use < 0.95
    total = single.summary["total"]
    assert total["in_flight"] == 0 and total["sent"] > 10_000
    a, b = (each.kept.flows for each in (single, trains))
    assert a["delivered"].equals(b["delivered"])
    for column in ("latency_mean_ms", "latency_max_ms"):
        np.testing.assert_allclose(b[column].to_numpy(), a[column].to_numpy(), rtol=TOLERANCE)
    mean, others = (each.summary["total"]["latency_ms"] for each in (single, trains))
    assert others["mean"] == pytest.approx(mean["mean"], rel=TOLERANCE / 10)
    for percentile in ("p50", "p90", "p99"):
        assert others[percentile] == pytest.approx(mean[percentile], rel=TOLERANCE + BIN)


def run_of(folder, name, total_gbps, largest):
    file = folder / f"{name}.toml"
    text = f'fidelity = "{name}"'
    file.write_text(EXPERIMENT.format(fidelity=text, total_gbps=total_gbps, largest=largest))
    return go(file, folder / name)
