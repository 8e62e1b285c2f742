"""What flows did over time adds up to what they did, agrees with traces, and costs the run nothing."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from lasermesh.errors import RunFailed
from lasermesh.experiments import flow_times
from lasermesh.experiments.flow_times import FEWEST_INTERVALS, MOST_INTERVALS, MOST_ROWS, FlowLog, interval_s
from lasermesh.packets.causes import CAUSES
from lasermesh.packets.interval_kernels import fill_changes
from lasermesh.packets.latency_bins import upper_edges_ps
from lasermesh.results import load, tables
from lasermesh.results.statistics import PERCENTS, percentile_ps
from lasermesh.units import PS_PER_MS, PS_PER_S
from tests.experiments.test_alternatives import WORK
from tests.experiments.test_bundles_in_runs import PLAN, line
from tests.experiments.test_runs_cut_short import raising
from tests.experiments.worlds import go

COUNTED = ("sent", "delivered", "bytes_delivered", *(f"dropped_{cause}" for cause in CAUSES))
BUSY = {"kind": "poisson", "rate_gbps": 0.0012}  # more than links of 1 Mbit/s take, which break at 2 s


def observe(every_s, more=""):
    return f"[observe]\nflows_every_s = {every_s}\n{more}"


def check_sums(kept):
    """All that `flow_times` and `latency_bins` say of flows adds up to what `flows` says."""
    sums, bins, total_ms = defaultdict(Counter), defaultdict(Counter), Counter()
    for row in kept.flow_times.to_pylist():
        assert any(row[name] for name in COUNTED)
        sums[row["flow"]].update({name: row[name] for name in COUNTED})
        has_latency = [row[f"latency_{what}_ms"] is not None for what in ("mean", "p50", "p99")]
        assert has_latency == [row["delivered"] > 0] * 3
        if row["delivered"]:
            total_ms[row["flow"]] += row["delivered"] * row["latency_mean_ms"]
    for row in kept.latency_bins.to_pylist():
        bins[row["flow"]][row["up_to_ms"]] += row["delivered"]
    flows = [row for row in kept.flows.to_pylist() if row["counts"] == "packets"]
    for row in flows:
        mine = row["flow"]
        assert {name: sums[mine][name] for name in COUNTED} == {name: row[name] for name in COUNTED}
        assert bins[mine].total() == row["delivered"]
        if row["delivered"]:
            assert total_ms[mine] / row["delivered"] == pytest.approx(row["latency_mean_ms"], rel=1e-12)
            edges_ms, packets = np.array(sorted(bins[mine].items())).T
            for percent in PERCENTS:
                assert (
                    percentile_ps(np.append(packets, 0), edges_ms, row["latency_max_ms"], percent)
                    == (row[f"latency_p{percent}_ms"])
                )
    assert sums.keys() <= {row["flow"] for row in flows}
    assert bins.keys() == total_ms.keys()


@pytest.mark.parametrize("every_s", [0.25, 0.3, 10.0])
def test_intervals_add_up_and_change_nothing_in_the_run(world, every_s):
    plain, series = world(**BUSY), world(more=observe(every_s), **BUSY)
    for table in ("flows", "links", "paths", "contacts", "latency_bins"):
        assert getattr(plain.kept, table).equals(getattr(series.kept, table))
    for kept in (plain.kept, series.kept):
        check_sums(kept)
    times = series.kept.flow_times.select(["t_s", "until_s"]).to_pylist()
    starts = [k * every_s for k in range(100) if k * every_s < 4.0]
    assert [row["t_s"] for row in times] == pytest.approx(starts)
    assert [row["until_s"] for row in times] == [*(row["t_s"] for row in times[1:]), 4.0]
    assert plain.kept.flow_times["until_s"].to_pylist()[:3] == [0.02, 0.04, 0.06]
    assert sum(plain.kept.flows["dropped_link_down"].to_pylist()) > 0


def test_an_interval_says_what_the_packets_in_it_did(world):
    """Counted from the trace; percentiles by the rule of the summary, from all latencies of the interval."""
    kept = world(more=observe(0.5, 'trace_flows = "all"\n'), sets=["start_s=0.25"], **BUSY).kept
    every_ps, edges_ps = PS_PER_S // 2, upper_edges_ps()
    sent, dropped, latencies = defaultdict(set), Counter(), defaultdict(list)
    for row in kept.packets.to_pylist():
        interval = row["time_ps"] // every_ps
        sent[row["created_ps"] // every_ps].add(row["sequence"])
        if row["event"] == "delivered":
            latencies[interval].append(row["time_ps"] - row["created_ps"])
        if row["event"] == "dropped":
            dropped[interval, row["cause"]] += 1
    rows = kept.flow_times.to_pylist()
    assert [(row["t_s"], row["until_s"]) for row in rows] == [
        (0.25 + k / 2, 0.25 + min(4.0, (k + 1) / 2)) for k in range(8)
    ]
    in_queue = kept.flows["sent"][0].as_py() - sum(map(len, sent.values()))  # never left, so without an event
    assert 0 <= in_queue < 50
    longest_ps = 0
    for interval, row in enumerate(rows):
        of_it = latencies[interval]
        assert row["delivered"] == len(of_it)
        assert 0 <= row["sent"] - len(sent[interval]) <= (in_queue if interval == len(rows) - 1 else 0)
        assert {cause: row[f"dropped_{cause}"] for cause in CAUSES} == {
            cause: dropped[interval, cause] for cause in CAUSES
        }
        if of_it:
            longest_ps = max(longest_ps, *of_it)  # so far
            assert row["latency_mean_ms"] == pytest.approx(np.mean(of_it) / PS_PER_MS, rel=1e-12)
            histogram = np.bincount(np.searchsorted(edges_ps, of_it, side="right"), minlength=len(edges_ps))
            for percent in (50, 99):
                upper_ps = percentile_ps(histogram, edges_ps, longest_ps, percent)
                assert row[f"latency_p{percent}_ms"] == upper_ps / PS_PER_MS
    assert sum(map(len, latencies.values())) > 100


def test_flows_of_work_have_the_rows_that_flows_has(world):
    kept = world(more=WORK.split("[[alternatives]]")[0] + observe(0.1)).kept
    assert len(kept.flows) > 1
    check_sums(kept)
    t_s = kept.flow_times["t_s"].to_pylist()
    assert t_s == sorted(t_s) and set(kept.flow_times["flow"].to_pylist()) == set(range(len(kept.flows)))


def test_rows_of_work_are_written_as_they_come_and_numbered_at_the_end(world, monkeypatch):
    """Neither how many wait nor how many are in the file already changes what is in it."""
    work = WORK.split("[[alternatives]]")[0] + observe(0.1)
    usual = world(more=work).kept
    most_waiting = [0]

    def take(log, until_ps, take=FlowLog._take):
        take(log, until_ps)
        most_waiting[0] = max(most_waiting[0], log._n_waiting)

    monkeypatch.setattr(FlowLog, "_take", take)
    monkeypatch.setattr(flow_times, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(tables, "ROW_GROUP", 3)
    small = world(more=work).kept
    assert small.flow_times.equals(usual.flow_times) and len(small.flow_times) > 20
    assert most_waiting[0] < 2 + len(small.flows)
    assert not list(small.path.glob("*.before"))


def test_bundles_are_not_among_them(tmp_path):
    file = tmp_path / "bundles.toml"
    (tmp_path / "plan.csv").write_text(PLAN)
    file.write_text(line(n_bytes=10_000))
    done = go(file, tmp_path / "run")
    assert done.summary["bundles"]["segments"]["delivered"] > 0
    assert len(done.kept.flow_times) == len(done.kept.latency_bins) == 0


def test_a_run_that_fails_has_what_was_done(world, tmp_path):
    with pytest.raises(RunFailed):
        world(output=tmp_path / "run", more=raising(tmp_path, 2.0) + observe(0.75), **BUSY)
    kept = load(tmp_path / "run")
    check_sums(kept)
    assert kept.flow_times["t_s"].to_pylist() == [0.0, 0.75, 1.5]
    assert kept.flow_times["until_s"].to_pylist() == [0.75, 1.5, 2.0]


@pytest.mark.parametrize(
    ("duration_s", "expected_s"),
    [
        *((200.0, 1.0), (200.1, 2.0), (400.0, 2.0), (401.0, 5.0), (1000.0, 5.0), (1001.0, 10.0)),
        *((0.5, 0.005), (2.0, 0.01), (86_400.0, 500.0), (9_158_400.0, 50_000.0), (2e-4, 1e-6), (1e-9, 1e-6)),
    ],
)
def test_a_run_has_two_hundred_intervals_at_most(duration_s, expected_s):
    for n_flows in (0, 1, 1000):
        assert interval_s(duration_s, n_flows) == expected_s
    assert duration_s / expected_s <= MOST_INTERVALS * (1 + 1e-15)


@pytest.mark.parametrize(
    ("n_flows", "duration_s", "expected_s"),
    [
        *(
            (1001, 200.0, 2.0),
            (2000, 200.0, 2.0),
            (2001, 200.0, 5.0),
            (4001, 200.0, 5.0),
            (8001, 200.0, 10.0),
        ),
        *((10_000, 199.0, 5.0), (10_000, 1.0, 0.05), (10**6, 1.0, 0.05), (10**6, 2e-5, 1e-6)),
    ],
)
def test_many_flows_have_fewer_intervals_but_twenty(n_flows, duration_s, expected_s):
    assert interval_s(duration_s, n_flows) == expected_s


def test_rows_stay_within_bounds_or_intervals_are_few():
    rng = np.random.default_rng(5)
    for duration_s, n_flows in zip(10 ** rng.uniform(-3, 6, 500), 10 ** rng.uniform(0, 5, 500), strict=True):
        intervals = duration_s / interval_s(duration_s, int(n_flows))
        assert FEWEST_INTERVALS <= intervals <= MOST_INTERVALS
        assert intervals * int(n_flows) <= MOST_ROWS or intervals < 2.5 * FEWEST_INTERVALS


@pytest.mark.compiled_only
def test_changes_of_flows_are_compiled_once(world):
    world(more=observe(1.0))
    assert len(fill_changes.signatures) == 1
