"""`lasermesh check`: what it says, where it says it, and how it ends."""

import json
import subprocess
import sys

import pytest

from lasermesh import shipped

EXPERIMENT = """\
topology = "walker-144"
duration_s = 1.0

[routing]
policy = "shortest-delay"

[[flows]]
name = "one"
from = "Tokyo"
to = "London"
rate_gbps = 1.0
"""


def element_set(name, number, bstar):
    """A two-line element set of epoch 2000-01-01 at 550 km, as a file has it, drag term as given."""
    line1 = f"1 {number:05d}U 00000A   00001.00000000  .00000000  00000-0 {bstar} 0    0"
    line2 = f"2 {number:05d}  53.0000   0.0000 0000001   0.0000   0.0000 15.05500000    0"
    lines = [
        line + str(sum(int(c) if c.isdigit() else c == "-" for c in line) % 10) for line in (line1, line2)
    ]
    return "\n".join([name, *lines]) + "\n"


@pytest.mark.parametrize("name", [*shipped.list_topologies(), *shipped.list_experiments()])
def test_what_is_shipped_has_no_problems(run_command, name):
    done = run_command("check", name)
    assert done.out.startswith(f"{name}: no problems (")
    assert (done.code, done.err) == (0, "")


def test_a_good_file_gets_one_line_with_its_sizes(run_command, tmp_path):
    (tmp_path / "a.toml").write_text(EXPERIMENT)
    done = run_command("check", "a.toml")
    assert done == (0, "a.toml: no problems (satellites: 144, ground sites: 30, flows: 1)\n", "")
    assert json.loads(run_command("check", "a.toml", "--json").out) == {
        "ok": True,
        "problems": [],
        "warnings": [],
    }


def test_a_wrong_file_gets_all_its_problems_on_stdout_and_exit_code_2(run_command, tmp_path):
    text = EXPERIMENT.replace("duration_s", "durations_s").replace("London", "Londn")
    (tmp_path / "a.toml").write_text(text)
    done = run_command("check", "a.toml")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (2, "")
    assert lines[0].startswith("a.toml: ") and lines[0].endswith(" problems")
    assert any('a.toml:2: durations_s: unknown key; did you mean "duration_s"?' in line for line in lines)
    assert any("a.toml:10: flows[0].to:" in line and 'did you mean "London"?' in line for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


def test_json_of_a_wrong_file_has_file_line_key_given_and_message(run_command, tmp_path):
    (tmp_path / "a.toml").write_text(EXPERIMENT.replace("1.0\n", '"1.0"\n', 1))
    done = run_command("check", "a.toml", "--json")
    report = json.loads(done.out)
    assert (done.code, done.err, report["ok"]) == (2, "", False)
    (problem,) = report["problems"]
    assert set(problem) == {"file", "line", "key", "given", "message"}
    assert (problem["file"], problem["line"], problem["key"], problem["given"]) == (
        "a.toml",
        2,
        "duration_s",
        "1.0",
    )


def test_set_changes_a_value_and_is_checked_like_the_file(run_command):
    assert run_command("check", "walker-144", "--set", "step_s=0.5").code == 0
    done = run_command("check", "walker-144", "--set", "step_s=-1", "--set", "satellites.w.planes=0")
    assert done.code == 2
    assert "step_s" in done.out and "satellites[0].planes" in done.out


def test_an_unknown_policy_is_a_problem(run_command, tmp_path):
    (tmp_path / "a.toml").write_text(EXPERIMENT.replace("shortest-delay", "shortest-dely"))
    done = run_command("check", "a.toml", "--json")
    (problem,) = json.loads(done.out)["problems"]
    assert done.code == 2
    assert (problem["file"], problem["line"], problem["key"]) == ("a.toml", 5, "routing.policy")
    assert 'did you mean "shortest-delay"?' in problem["message"]


def test_a_policy_in_a_file_is_looked_up_beside_the_experiment(run_command, tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "mine.py").write_text("def policy(snapshot): ...\n")
    (tmp_path / "inner" / "a.toml").write_text(EXPERIMENT.replace("shortest-delay", "mine.py:policy"))
    assert run_command("check", "inner/a.toml").code == 0
    done = run_command("check", "inner/a.toml", "--set", "routing.policy=mine.py:other")
    assert done.code == 2
    assert 'no function "other"' in done.out


@pytest.fixture
def decayed(tmp_path):
    """A topology with one satellite that still flies in 2026 and one whose drag has long brought it down."""
    sets = element_set("STAYS", 1, " 00000+0") + element_set("FALLS", 2, " 10000+0")
    (tmp_path / "sets.tle").write_text(sets)
    (tmp_path / "a.toml").write_text(
        'epoch = 2026-01-01T00:00:00Z\n[[satellites]]\nname = "g"\nelements = "sets.tle"\n'
    )


@pytest.mark.usefixtures("decayed")
def test_a_satellite_that_sgp4_refuses_is_a_warning_by_name(run_command):
    done = run_command("check", "a.toml")
    assert done.code == 0
    assert 'warning: satellite "FALLS" is left out: ' in done.err and "STAYS" not in done.err
    report = json.loads(run_command("check", "a.toml", "--json").out)
    assert report["ok"]
    assert [warning for warning in report["warnings"] if 'satellite "FALLS" is left out: ' in warning]


@pytest.mark.usefixtures("decayed")
def test_a_satellite_that_sgp4_refuses_is_a_problem_where_the_file_says_stop(run_command):
    done = run_command("check", "a.toml", "--set", "on_bad_satellite=stop")
    assert done.code == 2
    assert "FALLS" in done.out


def test_a_missing_file_and_no_file_at_all_are_refused(run_command):
    assert run_command("check", "no-such-file.toml").code == 2
    assert run_command("check", "quik").code == 2
    done = run_command("check")
    assert (done.code, done.out) == (2, "")
    assert "give a FILE" in done.err


def test_describe_prints_the_schema(run_command):
    text = run_command("check", "--describe").out
    for key in ("phasing_factor", "grazing_altitude_km", "queue_bytes", "packet_mix"):
        assert key in text
    assert json.loads(run_command("check", "--describe", "--json").out)


def test_checking_a_pattern_compiles_nothing():
    script = (
        "import sys; from lasermesh.cli import main; code = main(['check', 'walker-144']);"
        "print('numba' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "False\n")
