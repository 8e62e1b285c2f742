"""The intervals of a run's table of links, and what links did in the whole run."""

import numpy as np
import pytest

from lasermesh.results.link_use import IntervalGrid, count_intervals, interval_of
from tests.results.test_html import kept


@pytest.mark.parametrize("start_s", [0.0, 0.5, 86_399.7, 1e7 + 0.1])
@pytest.mark.parametrize("interval_s", [1.0, 0.1, 0.01, 1e-3])
def test_every_interval_begins_in_itself_wherever_the_run_begins(start_s, interval_s):
    grid = IntervalGrid(start_s, start_s + 2.5 * 10 * interval_s, interval_s)
    starts_s = start_s + interval_s * np.arange(25)
    assert grid.n_intervals == 25
    assert grid.number_of(starts_s).tolist() == list(range(25))
    assert grid.number_of(starts_s + 0.9 * interval_s).tolist() == list(range(25))
    assert grid.edges_s.tolist() == [*starts_s.tolist(), grid.stop_s]


def test_the_end_of_a_run_cuts_the_last_interval_and_is_in_it():
    grid = IntervalGrid(100.5, 102.75, 1.0)
    assert grid.edges_s.tolist() == [100.5, 101.5, 102.5, 102.75]
    assert grid.number_of([100.5, 102.5, 102.75]).tolist() == [0, 2, 2]
    assert IntervalGrid(100.5, 102.5, 1.0).number_of(102.5) == 1
    assert count_intervals(0.0, 1.0) == 1
    assert interval_of(99.0, 100.0, 0.5) == -2  # before all that is looked at


def test_use_adds_up_to_what_the_table_says(tmp_path):
    run = kept(tmp_path / "run")
    run.manifest["scenario"] |= {"start_s": 0.0, "observe": {"links_every_s": 1.0}}
    use, table = run.link_use, run.links.to_pylist()
    assert len(table) > 0
    assert dict(zip(use.link.tolist(), use.ends, strict=True)) == {
        row["link"]: (row["from"], row["to"]) for row in table
    }
    for link, busy_s, queue_bytes in zip(use.link, use.busy_s, use.queue_max_bytes, strict=True):
        rows = [row for row in table if row["link"] == link]
        assert busy_s == pytest.approx(sum(row["busy_s"] for row in rows))
        assert queue_bytes == max(row["queue_max_bytes"] for row in rows)
    assert use.busy_s_of_intervals.sum() == pytest.approx(sum(row["busy_s"] for row in table))
