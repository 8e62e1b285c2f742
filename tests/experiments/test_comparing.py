"""Comparing runs: what is refused before anything runs, workers that die, continuing, Ctrl-C."""

import itertools
import json
import os
import signal

import pyarrow.parquet as pq
import pytest

from lasermesh.cli.docs import topics
from lasermesh.errors import UserError
from lasermesh.experiments import comparing, point_worker, points
from lasermesh.experiments.comparing import compare
from lasermesh.experiments.points import make_grid, read_axes, read_baseline
from lasermesh.results import RunFolder, load
from lasermesh.results.figures import FIGURES, value_of
from lasermesh.scenario import ScenarioError
from tests.experiments.worlds import go, write_world

POLICIES = "routing.policy=shortest-delay,fewest-hops"

DEADLY = """
import os, pathlib, signal
from lasermesh.routing import POLICIES

def deadly(snapshot):
    print("what a policy prints is not taken for an answer")
    if not pathlib.Path(__file__).with_name("cured").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return POLICIES["fewest-hops"](snapshot)
"""


def grid_of(vary, file, seeds=None, sets=(), warm_up_s=None):
    return make_grid(file, read_axes(vary, sets), sets, seeds, warm_up_s=warm_up_s)


# -- what is varied ----------------------------------------------------------------------------------------


def test_all_combinations_are_made_and_the_last_key_varies_fastest(tmp_path):
    file = write_world(tmp_path)
    grid = grid_of([POLICIES, "flows.data.rate_gbps=0.1,0.2,0.3"], file, seeds=2, sets=["seed=7"])
    assert [tuple(grid.values(row).values()) for row in range(6)] == list(
        itertools.product(["shortest-delay", "fewest-hops"], [0.1, 0.2, 0.3])
    )
    assert grid.seeds == [7, 8]
    assert grid.texts(1) == ["routing.policy=shortest-delay", "flows.data.rate_gbps=0.2"]
    assert grid.folder(1, 8) == "routing.policy=shortest-delay,flows.data.rate_gbps=0.2,seed=8"
    assert len(set(grid.fingerprints)) == 6


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1,2.5,true", (1, 2.5, True)),
        ("a= x , y", ("x", "y")),
        ('a="x,y",z', ("x,y", "z")),
        ("a='q\"',b", ('q"', "b")),
        (r'a="x\",y",z', ('x",y', "z")),
        ("a=[1, 2],[3]", ([1, 2], [3])),
        ("a={ b = 1, c = [2, 3] },1", ({"b": 1, "c": [2, 3]}, 1)),
        ("links[1].mask_deg=5,10", (5, 10)),
    ],
)
def test_values_are_parted_at_commas_outside_quotes_and_brackets(text, values):
    (axis,) = read_axes([text], [])
    assert axis.values == values


@pytest.mark.parametrize(
    ("vary", "sets", "words"),
    [
        (["routing.policy"], [], "must be PATH=V1,V2,..."),
        (["routing.policy="], [], "must be PATH=V1,V2,..."),
        (["a=1,,2"], [], "a value is empty"),
        (["=1,2"], [], "no path of keys"),
        (["a..b=1,2"], [], "no path of keys"),
        (['a="x,y'], [], "a quote or bracket is not closed"),
        (["a=[1,2"], [], "a quote or bracket is not closed"),
        (["a=1,2,1"], [], "--vary a: the value 1 is given twice"),
        (["a=1,1.0"], [], "--vary a: the value 1.0 is given twice"),
        (["a=1,2", "a=3"], [], "--vary a is given twice"),
        (["a.b=1,2"], ["a.b=3"], "would undo a --set"),
        (["a={b=1},{b=2}"], ["a.b=3"], "would undo a --set"),
    ],
)
def test_a_key_that_is_badly_varied_is_refused(vary, sets, words):
    with pytest.raises(UserError) as raised:
        read_axes(vary, sets)
    assert words in str(raised.value)


def test_true_is_not_one_and_parts_of_a_varied_topology_may_be_set():
    assert read_axes(["a=1,true"], [])[0].values == (1, True)
    assert read_axes(["topology=walker-144,iridium"], ["topology.step_s=0.5"])
    assert read_axes(["a.b=1,2"], ["a={c=1}"])


def test_names_of_folders_are_safe_short_and_distinct(tmp_path):
    file = write_world(tmp_path)
    long = "x" * 300
    grid = grid_of([f"flows.data.name=a/b,a|b,../c,é,{long}1,{long}2"], file, seeds=[1])
    names = [grid.folder(row, 1) for row in range(6)]
    assert len(set(names)) == 6
    assert all(len(name) <= 120 and name.isascii() and "/" not in name for name in names)


def test_ten_million_points_are_refused_without_being_made(tmp_path, monkeypatch):
    file = write_world(tmp_path)
    monkeypatch.setattr(points, "product", None)  # nobody may multiply out
    monkeypatch.setattr(points, "load_to_simulate", None)
    for vary, seeds in (
        ([f"flows.data.k{n}=0,1,2,3,4,5,6,7,8,9" for n in range(7)], None),
        (["a=1,2"], 5_000_000),
    ):
        with pytest.raises(UserError, match=r"10,000,000 points .* are too many; .* may have 10,000"):
            compare(file, vary, seeds=seeds, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seeds", [[1, 2, 1], [-1], [2**63], 0])
def test_seeds_that_are_none_or_come_twice_are_refused(tmp_path, seeds):
    with pytest.raises(UserError, match="seed"):
        grid_of([POLICIES], write_world(tmp_path), seeds)


def test_a_varied_seed_gives_the_seeds(tmp_path):
    grid = grid_of([POLICIES, "seed=3,9"], write_world(tmp_path))
    assert grid.seeds == [3, 9] and len(grid.combinations) == 2
    with pytest.raises(UserError, match="leave one of them out"):
        grid_of(["seed=3,9"], write_world(tmp_path), seeds=2)
    with pytest.raises(UserError, match=r'an integer from 0 to .* \(got "x"\)'):
        grid_of(["seed=3,x"], write_world(tmp_path))
    with pytest.raises(UserError, match="an integer from 0"):  # the last of these would be 2**63
        grid_of([POLICIES], write_world(tmp_path), seeds=2, sets=[f"seed={2**63 - 1}"])


def test_all_that_is_wrong_with_any_combination_is_said_once_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_world(tmp_path, more="[routing]\npolicy = 'fewest-hop'\n")
    vary = ["flows.data.rate_gbps=0.1,fast", "flows.data.rate_gbsp=1,2", "routing.interval_s=1,2,1.5"]
    with pytest.raises(ScenarioError) as raised:
        compare("world.toml", vary, seeds=3)
    text = str(raised.value)
    for words in (
        "--vary flows.data.rate_gbps=fast: flows[0].rate_gbps: must be a number from 1e-06 to 1000000 (got",
        'rate_gbsp=1: flows[0].rate_gbsp: unknown key; did you mean "rate_gbps"? (so with 1 other value)',
    ):
        assert words in text
    assert text.count("--vary routing.interval_s=1.5: ") == 1
    assert list(tmp_path.glob("runs*")) == []
    with pytest.raises(
        ScenarioError, match='unknown routing policy "fewest-hop"; did you mean "fewest-hops"'
    ):
        compare("world.toml", ["seed=1,2"])
    with pytest.raises(ScenarioError, match=r"--vary routing\.policy=x\.py:f: routing\.policy: .* no file"):
        compare("world.toml", ["routing.policy=shortest-delay,x.py:f"])
    with pytest.raises(ScenarioError, match="there is no"):
        compare("world.toml", ["flows.date.rate_gbps=1,2"], ["routing.policy=fewest-hops"])
    assert list(tmp_path.glob("runs*")) == []


def test_a_problem_of_some_combinations_says_of_how_many(tmp_path):
    file = write_world(tmp_path, more="stop_s = 1.0\n")
    with pytest.raises(ScenarioError, match=r"must be after start_s.* \(in 2 of 4 combinations\)"):
        grid_of(["flows.data.start_s=0,2", POLICIES], file)


@pytest.mark.parametrize(
    "vary", [["flows.data.rate_gbps=0.1,0.2", "flows[0].rate_gbps=0.3,0.4"], ["name=one,other"]]
)
def test_one_experiment_under_two_names_is_found_out(tmp_path, vary):
    with pytest.raises(UserError, match=r"come to the same experiment; leave one of them out"):
        grid_of(vary, write_world(tmp_path))


def test_policies_are_varied_together_with_their_options(tmp_path):
    file = write_world(tmp_path, more="[routing]\ninterval_s = 2\n")
    hint = """--vary 'routing={policy="shortest-delay"},{policy="k-disjoint",options={k=3}}'"""
    with pytest.raises(ScenarioError, match=r"has no options \(in 1 of 2 combinations\)") as raised:
        grid_of([POLICIES.replace("fewest-hops", "ecmp")], file, sets=["routing.options.max_choices=3"])
    assert str(raised.value).endswith(f"; to vary options with the policy, write {hint}")
    assert hint in topics()["compare"]
    grid = grid_of([hint.removeprefix("--vary ").strip("'")], file)
    assert list(grid.values(1).values()) == [{"policy": "k-disjoint", "options": {"k": 3}}]
    # The file's other keys of [routing] give way, so that they must be repeated.
    with_interval = ['routing={policy="shortest-delay",interval_s=2},{policy="k-disjoint",interval_s=2}']
    assert grid_of(with_interval, file).fingerprints[0] == grid_of([POLICIES], file).fingerprints[0]
    assert grid.fingerprints[0] != grid_of([POLICIES], file).fingerprints[0]


def test_nothing_to_compare_is_refused(tmp_path):
    with pytest.raises(UserError, match="nothing to compare"):
        compare(write_world(tmp_path), seeds=1)


def test_the_baseline_is_a_value_of_what_is_varied():
    axes = read_axes([POLICIES, "a=1,2", "seed=1,2"], [])
    assert read_baseline([], axes) == {0: 0, 1: 0}
    assert read_baseline(["a=2"], axes) == {1: 1}
    for text, words in [
        ("a=3", "no such value; its values: 1, 2"),
        ("routing.policy=fewest-hop", 'did you mean "fewest-hops"'),
        ("routing.polic=x", 'did you mean "routing.policy"'),
        ("b", "must be PATH=VALUE"),
        ("seed=1", "not varied"),
    ]:
        with pytest.raises(UserError) as raised:
            read_baseline([text], axes)
        assert words in str(raised.value), text
    with pytest.raises(UserError, match="given twice"):
        read_baseline(["a=1", "a=2"], axes)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("goodput_gpbs", 'did you mean "goodput_gbps"'),
        ("x.y", "or a path"),
        ("a..b", "or a path"),
        ("", "or a"),
    ],
)
def test_an_unknown_metric_is_refused_before_anything_runs(tmp_path, metric, words):
    with pytest.raises(UserError) as raised:
        compare(write_world(tmp_path), [POLICIES], metrics=[metric], output=tmp_path / "out")
    assert words in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_fingerprint_changes_with_keys_files_and_the_code_of_a_policy(tmp_path):
    def fingerprint(sets=(), **of_world):
        return grid_of(["duration_s=1,2"], write_world(tmp_path, **of_world), sets=sets).fingerprints[0]

    (tmp_path / "mine.py").write_text(DEADLY)
    mine = ["routing.policy=mine.py:deadly"]
    found = [fingerprint(), fingerprint(rate_gbps=0.1), fingerprint(left_stop_s=1.0), fingerprint(mine)]
    (tmp_path / "mine.py").write_text(DEADLY + "\n")
    found.append(fingerprint(mine))
    found.append(grid_of(["duration_s=1,2"], write_world(tmp_path), warm_up_s=0.5).fingerprints[0])
    assert len(set(found)) == 6
    assert fingerprint() == fingerprint(["seed=5"]) == fingerprint(["name=other"]) == found[0]


# -- running -----------------------------------------------------------------------------------------------


@pytest.fixture
def in_this_process(monkeypatch):
    """Points are run here instead of in processes of their own, which take seconds to start."""

    class Pool:
        def __init__(self, orders, n_workers, threads):
            self.orders = orders

        def events(self):
            for row, order in enumerate(self.orders):
                told = []
                ended = point_worker.run_order(order, lambda told=told, **message: told.append(message))
                yield from ((row, message) for message in (*told, ended))

        def stop(self):
            raise AssertionError("nobody interrupts")

    monkeypatch.setattr(comparing, "WorkerPool", Pool)


def changed_at(folder):
    """When each file of the runs in a folder was last written; what lies beside runs is left out."""
    runs = [manifest.parent for manifest in folder.rglob("manifest.json")]
    return {path: path.stat().st_mtime_ns for run in runs for path in run.iterdir()}


def test_a_killed_worker_costs_its_point_only_and_the_comparison_goes_on(tmp_path, capfd, request):
    file, output, warnings = write_world(tmp_path, kind="poisson"), tmp_path / "out", []
    (tmp_path / "mine.py").write_text(DEADLY)
    vary = ["routing.policy=mine.py:deadly,shortest-delay"]

    def go_on(**more):
        options = {"sets": ["duration_s=0.5"], "workers": 1, "output": output, "warn": warnings.append}
        return compare(file, vary, **options, **more)

    told = []
    result = go_on(on_progress=told.append)
    assert result["status"] == "failed"
    killed, whole = result["points"]
    assert (killed["status"], killed["metrics"], whole["status"]) == ("failed", None, "complete")
    assert "killed by signal 9 (SIGKILL)" in killed["message"]
    assert (told[-1].share, told[-1].done, told[-1].failed) == (1.0, 2, 1)
    assert result["combinations"][0]["metrics"]["goodput_gbps"]["n"] == 0
    assert "not taken for an answer" not in capfd.readouterr().out

    # Each point is the run that `run` makes, whoever ran it and beside what.
    alone = go(file, tmp_path / "alone", sets=["duration_s=0.5"])
    assert whole["metrics"] == {figure.name: value_of(figure, alone.summary) for figure in FIGURES}
    kept = load(output / whole["folder"])
    assert kept.flows.equals(alone.kept.flows) and kept.links.equals(alone.kept.links)

    (tmp_path / "cured").touch()
    request.getfixturevalue("in_this_process")
    before = changed_at(output / whole["folder"])
    again = go_on(seeds=2)
    assert again["status"] == "complete"
    assert [point["reused"] for point in again["points"]] == [False, False, True, False]
    assert changed_at(output / whole["folder"]) == before
    assert warnings == []  # there is no run of the point that failed
    difference = again["combinations"][1]["metrics"]["hops_mean"]["difference"]
    assert (difference["pairs"], difference["mean"], difference["low"]) == (2, 0.0, 0.0)

    # What is complete is not run again, and so says what is written beside it.
    before = changed_at(output)
    third = go_on(seeds=2, metrics=["flows.data.latency_ms.max", "drops_total.queue", "links.nothing"])
    assert changed_at(output) == before and all(point["reused"] for point in third["points"])
    assert warnings == ["--metric links.nothing: no summary has a number of this name"]
    on_disk = json.loads((output / "comparison.json").read_text())
    assert on_disk == third
    assert [metric["unit"] for metric in on_disk["metrics"]] == ["ms", "", ""]
    assert len(pq.read_table(output / "differences.parquet")) == 6
    assert pq.read_table(output / "points.parquet").column("flows.data.latency_ms.max").null_count == 0


@pytest.mark.usefixtures("in_this_process")
def test_a_point_is_run_again_if_its_run_is_not_what_it_would_be_and_the_user_is_told(tmp_path):
    file, output, warnings = write_world(tmp_path), tmp_path / "out", []

    def go_on(*sets, seeds=3):
        sets, seeds = ["duration_s=0.1", *sets], list(range(seeds))
        warnings.clear()
        return compare(file, [], sets, seeds, output=output, warn=warnings.append)

    assert go_on()["status"] == "complete"
    folders = [output / f"seed={seed}" for seed in range(3)]
    (folders[0] / "manifest.json").unlink()  # as after a crash
    (folders[0] / "UNFINISHED.txt").touch()
    (folders[0] / "notes.txt").write_text("of the user")
    with (folders[1] / "summary.json").open("a") as file_of_run:
        file_of_run.write(" ")
    before = changed_at(output)
    again = go_on()
    assert again["status"] == "complete"
    assert [point["reused"] for point in again["points"]] == [False, False, True]
    assert "seed=0 must be run again: it was not finished" in warnings
    assert any("seed=1 must be run again" in text and "damaged" in text for text in warnings)
    assert changed_at(output)[folders[2] / "manifest.json"] == before[folders[2] / "manifest.json"]
    assert (folders[0] / "notes.txt").read_text() == "of the user"
    # Fewer seeds for a while: the others are not forgotten.
    assert go_on(seeds=1)["points"][0]["reused"] and warnings == []
    assert all(point["reused"] for point in go_on()["points"])
    changed = go_on("flows.data.rate_gbps=0.0001", seeds=1)
    assert not changed["points"][0]["reused"]
    assert (
        "seed=0 must be run again: the experiment, one of its files, its policy or --warm-up has changed"
        in warnings
    )
    with pytest.raises(UserError, match='holds a comparison of "world"'):
        go_on("name=other")


def test_a_folder_that_is_not_a_run_is_refused_before_anything_runs(tmp_path):
    file, output = write_world(tmp_path), tmp_path / "out"
    (output / "seed=1").mkdir(parents=True)
    (output / "comparison.json").write_text('{"program": "lasermesh", "points": [], "experiment": "world"}')
    (output / "seed=1" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r'holds other things \("thesis.txt"\)'):
        compare(file, seeds=2, output=output)
    assert not (output / "seed=0").exists()


def test_ctrl_c_ends_the_runs_keeps_what_is_there_and_the_rest_can_be_run_later(tmp_path, request):
    file, output, warnings = write_world(tmp_path), tmp_path / "out", []

    def interrupt(progress):
        if progress.running and progress.done:  # in the second of three points
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    vary = ["duration_s=0.1,100000,0.2"]
    result = compare(file, vary, workers=1, output=output, on_progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert result["status"] == json.loads((output / "comparison.json").read_text())["status"] == "interrupted"
    assert [point["status"] for point in result["points"]] == ["complete", "interrupted", "waiting"]
    assert load(output / result["points"][1]["folder"]).status == "interrupted"
    request.getfixturevalue("in_this_process")
    vary = ["duration_s=0.1,0.2"]
    later = compare(file, vary, output=output, warn=warnings.append)
    assert [point["reused"] for point in later["points"]] == [True, False]
    assert later["status"] == "complete" and warnings == []


def test_nothing_remains_of_a_point_that_was_killed(tmp_path, monkeypatch):
    class Pool:
        def __init__(self, orders, n_workers, threads):
            self._orders = orders

        def events(self):
            RunFolder.create("world", ["a"], self._orders[0]["output"])
            assert any((tmp_path / "out").glob("*/*.txt"))
            yield 0, {"status": "interrupted", "message": None}

    monkeypatch.setattr(comparing, "WorkerPool", Pool)
    result = compare(write_world(tmp_path), seeds=2, output=tmp_path / "out")
    assert [point["status"] for point in result["points"]] == ["interrupted", "waiting"]
    assert not [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
