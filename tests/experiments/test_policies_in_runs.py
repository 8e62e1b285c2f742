"""Policies that go wrong in the midst of a run: what is said, and what is kept; and options in files."""

import signal

import pytest

from lasermesh.errors import RunFailed, UserError
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.results import load
from tests.experiments.worlds import plan, write_world

# Both satellites see both sites, and each other; the left one is gone from t = 2 s on.
PLAN = plan() + "left,right,0,1e9,1000000,0.001\nright,left,0,1e9,1000000,0.001\n"

GOES_WRONG = """
import numpy as np
from lasermesh.routing import POLICIES, declare

LEFT, RIGHT, QUITO, LIMA = range(4)


def between(snapshot, start, end):
    (row,) = np.flatnonzero((snapshot.from_node == start) & (snapshot.to_node == end))
    return snapshot.link[row]


{declared}
def mine(snapshot):
    link = POLICIES["shortest-delay"](snapshot).link[:, :, 0].copy()
    if snapshot.t_s >= 2.0:
        {wrong}
    return link
"""


@pytest.mark.parametrize(
    ("wrong", "declared", "words"),
    [
        ("1 / 0", "", "raised an error: line 17: ZeroDivisionError: division by zero"),
        ("link = link[:2]", "", "returned an array of shape (2, 1); must be (4, 1) or (4, 1, 1)"),
        (
            "link = np.where(link == link[QUITO], np.nan, link)",
            "",
            'returned a link array with NaN at node "Quito", label 0 (towards "Lima")',
        ),
        (
            "link[QUITO] = snapshot.previous.link[QUITO, 0]",
            "",
            'at node "Quito", label 0 (towards "Lima"), which is down',
        ),
        (
            "link[QUITO] = link[RIGHT]",
            "",
            'at node "Quito", label 0 (towards "Lima"), which starts elsewhere: it goes from "right" to',
        ),
        (
            "link[RIGHT], link[LEFT] = between(snapshot, RIGHT, LEFT), between(snapshot, LEFT, RIGHT)",
            "",
            'leads the flow from "Quito" to "Lima" in a circle, right > left > right (1 of 1 flow)',
        ),
        (
            "link[RIGHT] = -1",
            "@declare(complete=True)",
            'leads the flow from "Quito" to "Lima", which has a path, to a dead end at "right"',
        ),
        ("exec('while True: pass')", "", "took longer than 0.5 s; [routing] time_limit_s says"),
    ],
)
def test_a_policy_that_goes_wrong_is_named_with_step_and_pair_and_two_steps_are_kept(
    world, tmp_path, wrong, declared, words
):
    (tmp_path / "mine.py").write_text(GOES_WRONG.format(wrong=wrong, declared=declared))
    routing = '[routing]\npolicy = "mine.py:mine"\ntime_limit_s = 0.5\n'
    with pytest.raises(RunFailed) as raised:
        world(output=tmp_path / "run", plan_text=PLAN, more=routing)
    message = str(raised.value)
    assert message.startswith('routing policy "mine.py:mine" at t = 2 s ') and words in message
    kept = load(tmp_path / "run")
    assert (kept.status, kept.summary["simulated_s"]) == ("failed", 2.0)
    assert message.startswith(kept.manifest["failure"])
    assert kept.flows["delivered"][0].as_py() > 0


def test_of_a_run_whose_first_table_is_wrong_the_folder_says_that_it_failed(world, tmp_path):
    (tmp_path / "mine.py").write_text("def mine(snapshot):\n    return 1 / 0\n")
    with pytest.raises(RunFailed, match="at t = 0 s raised an error"):
        world(output=tmp_path / "run", more='[routing]\npolicy = "mine.py:mine"\n')
    kept = load(tmp_path / "run")
    assert (kept.status, kept.summary["simulated_s"]) == ("failed", 0.0)
    assert kept.flows["sent"].to_pylist() == [0]


def test_circles_of_a_policy_that_is_not_loop_free_are_run_and_told(world, tmp_path):
    wrong = "link[RIGHT], link[LEFT] = between(snapshot, RIGHT, LEFT), between(snapshot, LEFT, RIGHT)"
    text = GOES_WRONG.format(wrong=wrong, declared="@declare(loop_free=False)").replace("2.0", "0.0")
    (tmp_path / "mine.py").write_text(text)
    done = world(plan_text=PLAN, more='[routing]\npolicy = "mine.py:mine"\n', sets=["packets.hop_limit=4"])
    assert done.warnings == ['routing policy "mine.py:mine" leads 1 flows in a circle']
    assert done.summary["flows"][0]["dropped"]["hop_limit"] > 0


def test_ctrl_c_leaves_a_policy_that_hangs_and_keeps_what_was_computed(world, tmp_path):
    ctrl_c = "import os, signal; os.kill(os.getpid(), signal.SIGINT); exec('while True: pass')"
    (tmp_path / "mine.py").write_text(GOES_WRONG.format(wrong=ctrl_c, declared=""))
    done = world(plan_text=PLAN, more='[routing]\npolicy = "mine.py:mine"\n')
    assert (done.summary["status"], done.summary["simulated_s"]) == ("interrupted", 2.0)


STUBBORN = """
import os, signal
for _ in range(3):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        exec('while True: pass')
    except BaseException:
        pass
"""


def test_the_third_ctrl_c_ends_the_process_even_if_a_policy_swallows_the_others(world, tmp_path, monkeypatch):
    raised = []

    def raise_signal(number):  # which would end the tests
        raised.append((number, signal.getsignal(number)))
        raise KeyboardInterrupt

    monkeypatch.setattr(signal, "raise_signal", raise_signal)
    (tmp_path / "mine.py").write_text(GOES_WRONG.format(wrong=f"exec({STUBBORN!r})", declared=""))
    done = world(plan_text=PLAN, more='[routing]\npolicy = "mine.py:mine"\n')
    assert raised[0] == (signal.SIGINT, signal.SIG_DFL)
    assert done.summary["status"] == "interrupted"


WITH_OPTIONS = """
from lasermesh.routing import POLICIES, Option, declare


@declare(
    options={
        "k": Option(int, 2, "how many paths", 1, 8),
        "cost": Option(str, "hops", "what is least", choices=("hops", "delay")),
    }
)
def mine(snapshot):
    assert dict(snapshot.options) == {"k": 3, "cost": "hops"}, snapshot.options
    return POLICIES["shortest-delay"](snapshot)
"""


def test_a_policy_sees_its_options_with_the_defaults_of_those_that_are_absent(world, tmp_path):
    (tmp_path / "mine.py").write_text(WITH_OPTIONS)
    routing = '[routing]\npolicy = "mine.py:mine"\n[routing.options]\nk = 3\n'
    done = world(more=routing, sets=["duration_s=1"])
    assert done.kept.manifest["scenario"]["routing"]["options"] == {"k": 3, "cost": "hops"}


def test_options_and_policy_are_checked_with_the_file_before_anything_runs(world, tmp_path):
    (tmp_path / "mine.py").write_text(WITH_OPTIONS)
    routing = '[routing]\npolicy = "mine.py:mine"\ninterval_s = 0\n[routing.options]\nk = 9\ncots = "hops"\n'
    file = write_world(tmp_path, more=routing)
    first = file.read_text().splitlines().index("interval_s = 0") + 1
    with pytest.raises(UserError) as refused:
        world(output=tmp_path / "run", more=routing, sets=["routing.options.x=1"])
    assert [line.strip().removeprefix(f"{file}:") for line in str(refused.value).splitlines()[1:]] == [
        "--set routing.options.x=1: routing.options.x: unknown key; the keys here are k, cost",
        f"{first}: routing.interval_s: must be a number above 0 and at most 9158400 (got 0)",
        f"{first + 2}: routing.options.k: must be an integer from 1 to 8 (got 9)",
        f'{first + 3}: routing.options.cots: unknown key; did you mean "cost"?',
    ]
    assert not (tmp_path / "run").exists()


def test_an_unknown_policy_has_file_and_line_too(tmp_path):
    file = write_world(tmp_path, more='[routing]\npolicy = "shortest-dely"\n')
    line = file.read_text().splitlines().index('policy = "shortest-dely"') + 1
    with pytest.raises(UserError, match=rf'world\.toml:{line}: routing\.policy: unknown .*"shortest-delay"'):
        load_with_policy(file)


def test_an_experiment_without_routing_has_its_default_policy(tmp_path):
    experiment, policy = load_with_policy(write_world(tmp_path))
    assert (policy.name, experiment.routing.options) == ("shortest-delay", {})
    with pytest.raises(UserError, match="the policy shortest-delay has no options"):
        load_with_policy(write_world(tmp_path), ["routing.options.k=3"])
