"""Latencies drawn in a terminal: what the lines, the axes and the bars say."""

import numpy as np
import pytest

from lasermesh.views.latency_line import HEIGHT, WIDEST, latency_plot
from tests.views.series import run_of, rush


def dots_of(plot):
    """The drawing's dots: bool (4 * HEIGHT, 2 * WIDEST)."""
    dots = np.zeros((4 * HEIGHT, 2 * WIDEST), bool)
    for line, text in enumerate(plot.lines[:HEIGHT]):
        for place, character in enumerate(text.partition("┤")[2]):
            for bit, (row, column) in enumerate(
                [*[(r, 0) for r in range(3)], *[(r, 1) for r in range(3)], (3, 0), (3, 1)]
            ):
                dots[4 * line + row, 2 * place + column] |= bool((ord(character) - 0x2800) >> bit & 1)
    return dots


def labels(plot):
    """What stands beside the highest and the lowest row."""
    return [plot.lines[line].partition("┤")[0].strip() for line in (0, HEIGHT - 1)]


def test_the_mean_is_that_of_all_packets_and_the_percentile_the_greatest_of_a_flow():
    plot = latency_plot(run_of([(0, 1, 0, 1, 10.0, 10.0, 0), (0, 1, 1, 3, 20.0, 20.0, 0)], 1.0), 100)
    assert labels(plot) == ["20.00 ms", "17.50 ms"]
    dots = dots_of(plot)
    assert dots[0].all() and dots[-1].all() and not dots[1:-1].any()
    assert plot.title == "Latency over time, 2 flows"
    legend = " ".join(" ".join(plot.legend).split())
    assert "the greatest 99th percentile of a flow, at the most that of f1" in legend


def test_a_percentile_is_never_above_the_longest_latency_of_its_flow():
    rows = [(0, 1, 0, 5, 10.0, 10.5, 0), (1, 2, 0, 5, 20.0, 20.5, 0)]
    assert labels(latency_plot(run_of(rows, 2.0), 100)) == ["20.5 ms", "10.0 ms"]
    assert labels(latency_plot(run_of(rows, 2.0, longest_ms=20.1), 100)) == ["20.1 ms", "10.0 ms"]


def test_intervals_stand_where_they_were_and_gaps_stay_open():
    rows = [
        (10.0, 11.0, 0, 5, 30.0, 30.0, 0),
        (12.0, 13.0, 0, 5, 40.0, 40.0, 0),
        (13.0, 14.0, 0, 5, 30.0, 30.0, 0),
    ]
    plot = latency_plot(run_of(rows, 4.0, start_s=10.0), 100)
    dots, quarter = dots_of(plot), 2 * WIDEST // 4
    assert dots[-1, :quarter].all()
    assert not dots[:, quarter : 2 * quarter].any()
    assert dots[0, 2 * quarter : 3 * quarter].all() and not dots[1:, 2 * quarter : 3 * quarter].any()
    assert dots[1:, 3 * quarter].all()  # down to the next one, by which both are joined
    assert dots[-1, 3 * quarter :].all()
    assert plot.lines[-1].split() == ["10", "s", "14", "s"]
    assert len(plot.lines[-1]) == len("  40.0 ms ┤") + WIDEST


def test_what_lasts_less_than_a_dot_is_seen_all_the_same():
    rows = [(k / 1000, (k + 1) / 1000, 0, 1, 30.0 + (k == 500), 30.0 + (k == 500), 0) for k in range(1000)]
    dots = dots_of(latency_plot(run_of(rows, 1.0), 100))
    (peaks,) = dots[0].nonzero()
    assert peaks.tolist() == [2 * WIDEST // 2]


def test_noise_does_not_look_like_mountains():
    plot = latency_plot(run_of([(0, 1, 0, 9, 100.0, 100.001, 0)], 1.0), 100)
    assert labels(plot) == ["101.00 ms", "99.00 ms"]


def test_losses_are_told_below_with_the_most_in_one_interval():
    plot = latency_plot(rush(), 100)
    bars = plot.lost.partition("┤")[2]
    assert plot.lost.split()[0] == "lost"
    # From 6 to 9 s of 30, more from interval to interval.
    assert bars.index("▂") == round(0.2 * WIDEST) and len(bars) == np.ceil(0.3 * WIDEST)
    assert list(bars.strip()) == sorted(bars.strip()) and bars[-1] == "█"
    assert "lost: at most 1,030 packets within 0.3 s, at t = 8.7 s" in " ".join(map(str.strip, plot.legend))
    calm = latency_plot(run_of([(0, 1, 0, 9, 30.0, 31.0, 0)], 1.0), 100)
    assert calm.lost == "" and "lost" not in " ".join(calm.legend)


@pytest.mark.parametrize("columns", [40, 60, 80, 100])
def test_no_line_is_longer_than_there_are_columns(columns):
    plot = latency_plot(rush(), columns)
    assert max(map(len, [plot.title, *plot.lines, plot.lost, *plot.legend])) <= columns


def test_without_room_or_series_there_is_nothing_to_draw():
    assert latency_plot(rush(), 30) is None
    run = run_of([(0, 1, 0, 0, None, None, 7)], 1.0)
    assert latency_plot(run, 100) is None  # nothing was delivered
    assert latency_plot(run_of([], 1.0), 100) is None
    run.flow_times = None
    assert latency_plot(run, 100) is None  # of an older version
