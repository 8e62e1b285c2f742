import numpy as np
import pytest

from lasermesh.results.loading import load
from lasermesh.views import scene_runs
from lasermesh.views.scene_runs import drops_of_run
from tests.views.small_runs import flow, interval, small_run, write_folder


@pytest.fixture
def run(tmp_path):
    """Of 4 s from t = 100 s on, whose flows are told of by intervals of 0.5 s."""
    flow_times = [
        interval(0, 100.0, 100.5, dropped_queue=7),
        interval(1, 100.0, 100.5, dropped_queue=1, dropped_no_route=2),
        interval(0, 101.0, 101.5, dropped_hop_limit=4),
        interval(1, 103.5, 104.0, dropped_link_down=5),
    ]
    flows = [flow(0, "office/Tokyo>London"), flow(1, "office/London>Tokyo")]
    write_folder(small_run(flows=flows, flow_times=flow_times, latency_bins=()), tmp_path / "run")
    return load(tmp_path / "run")


def told(drops):
    """{(bin, cause): packets}."""
    return {
        (int(bin_), drops.causes[cause]): int(drops.dropped[bin_, cause])
        for bin_, cause in np.argwhere(drops.dropped)
    }


def test_drops_of_all_flows_are_added_up_by_interval_and_cause(run):
    drops = drops_of_run(run, 100.0, 104.0)
    assert (drops.start_s, drops.bin_s, drops.stop_s, len(drops.dropped)) == (0.0, 0.5, 4.0, 8)
    assert told(drops) == {
        (0, "queue"): 8,
        (0, "no_route"): 2,
        (2, "hop_limit"): 4,
        (7, "link_down"): 5,
    }


def test_a_part_of_a_run_has_all_intervals_that_it_touches(run):
    drops = drops_of_run(run, 101.25, 103.75)
    assert (drops.start_s, drops.stop_s, len(drops.dropped)) == (-0.25, 2.75, 6)
    assert told(drops) == {(0, "hop_limit"): 4, (5, "link_down"): 5}


def test_many_intervals_share_bins(run, monkeypatch):
    monkeypatch.setattr(scene_runs, "MOST_BINS", 3)
    drops = drops_of_run(run, 100.0, 104.0)
    assert (drops.bin_s, drops.stop_s, len(drops.dropped)) == (1.5, 4.0, 3)
    assert told(drops) == {
        (0, "queue"): 8,
        (0, "no_route"): 2,
        (0, "hop_limit"): 4,
        (2, "link_down"): 5,
    }


def test_a_run_that_did_not_keep_them_has_none(run, monkeypatch):
    monkeypatch.delitem(run.manifest["files"], "flow_times.parquet")
    assert drops_of_run(run, 100.0, 104.0) is None
