"""London to Paris over the real Starlink: whichever satellite both see, and what changing it costs."""

from pathlib import Path

import pytest

from lasermesh.results import format_summary
from tests.experiments.worlds import go

ELEMENTS = Path(__file__).parents[3] / "shared" / "data" / "tle" / "starlink.tle"

EXPERIMENT = """
duration_s = 60.0
[topology]
name = "starlink-today"
epoch = 2026-08-11T12:00:00Z
step_s = 1.0
[[topology.satellites]]
name = "starlink"
elements = "{elements}"
[[topology.ground]]
name = "London"
lat_deg = 51.51
lon_deg = -0.13
[[topology.ground]]
name = "Paris"
lat_deg = 48.85
lon_deg = 2.35
[[topology.links]]
rule = "ground"
mask_deg = 25.0
rate_gbps = 25.0
[[flows]]
name = "video"
kind = "poisson"
from = "London"
to = "Paris"
rate_gbps = 1.0
packet_bytes = 1500
"""

pytestmark = [
    pytest.mark.skipif(not ELEMENTS.is_file(), reason="the real element file is not beside the checkout"),
    pytest.mark.compiled_only,
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "today.toml"
    path.write_text(EXPERIMENT.format(elements=ELEMENTS))
    return path


def test_a_minute_over_whichever_satellite_both_see(file, tmp_path):
    done = go(file, tmp_path / "run")
    flow = done.summary["flows"][0]
    assert flow["sent"] == pytest.approx(60e9 / 12_000, rel=0.01)
    assert flow["delivered"] + sum(flow["dropped"].values()) + flow["in_flight"] == flow["sent"]
    assert flow["delivered"] > 0.99 * flow["sent"] and flow["hops_mean"] == 2
    # Two ranges of at least 300 km and, at 25 deg of elevation, at most 1,300 km.
    assert 2.0 < flow["latency_ms"]["min"] <= flow["latency_ms"]["max"] < 8.8
    handovers, changes = done.summary["handovers"], done.summary["path_changes"]
    assert changes and len(handovers) == 2 * len(changes) == done.summary["handover_count"]
    assert sum(change["dropped"] for change in changes) == flow["dropped"]["link_down"]
    assert all(h["from"].startswith("STARLINK-") and h["to"].startswith("STARLINK-") for h in handovers)
    text = format_summary(done.summary)
    assert f"Hand-overs: {len(handovers)}, which cost" in text and handovers[0]["to"] in text
    paths = done.kept.paths.to_pylist()
    assert all(row["nodes"][0] == "London" and row["nodes"][2] == "Paris" for row in paths)


def test_satellites_that_sgp4_refuses_a_week_later_are_named(file, tmp_path):
    done = go(file, tmp_path / "run", sets=["start_s=604800", "duration_s=5"])
    failed = done.summary["satellites_failed"]
    assert 0 < len(failed) < 200
    assert all(f["name"].startswith("STARLINK-") and f["message"] for f in failed)
    text = " ".join(format_summary(done.summary).split())
    assert f"Satellites that could not be propagated, {len(failed)}: {failed[0]['name']}" in text
    assert done.summary["flows"][0]["delivered"] > 0
    used = {node for row in done.kept.paths.to_pylist() for node in row["nodes"]}
    assert not used & {f["name"] for f in failed}
