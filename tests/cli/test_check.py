"""`lasermesh check`: what it says, where it says it, and how it ends."""

import json
import subprocess
import sys

import pytest

from lasermesh import shipped
from tests.scenario.work_scenes import CAMERA, GPU, IN_ORBIT, POWER, RAW, SKY, TRAINING

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


def element_set(name, number, bstar, anomaly_deg=0.0):
    """A two-line element set of epoch 2000-01-01 at 550 km, as a file has it, drag term as given."""
    line1 = f"1 {number:05d}U 00000A   00001.00000000  .00000000  00000-0 {bstar} 0    0"
    line2 = f"2 {number:05d}  53.0000   0.0000 0000001   0.0000 {anomaly_deg:8.4f} 15.05500000    0"
    lines = [
        line + str(sum(int(c) if c.isdigit() else c == "-" for c in line) % 10) for line in (line1, line2)
    ]
    return "\n".join([name, *lines]) + "\n"


WORK = """topology = "walker-144"
duration_s = 60.0
[sensors.camera]
on = "w-00-00"
scene_bytes = 1_000_000
every_s = 10.0
[[workloads]]
name = "near"
kind = "bent-pipe"
source = "camera"
stations = "Tokyo"
[[workloads]]
name = "far"
kind = "mesh-relay"
source = "camera"
stations = "London"
[[alternatives]]
name = "near"
workloads = "near"
[[alternatives]]
name = "far"
workloads = "far"
topology = "other"
"""

WRONG_WORK = (
    SKY
    + CAMERA
    + CAMERA.replace("camera", "radar").replace("every_s = 60.0", "rate_gbps = -2.0\nduty = 0.5")
    + GPU.replace("gpu", "small")
    + "storage_bytes = 1000\n"
    + POWER
    + "start_charge = 0\n"
    + IN_ORBIT.replace('"gpu"', '"small"')
    + RAW.replace("raw", "other").replace('["Tokyo", "Troll"]', '"Tokio"')
    + TRAINING.replace('"dc"', '["dc-0-1"]')
)


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
        "skipped": [],
    }


def test_work_and_alternatives_are_counted_too(run_command, tmp_path):
    write_work(tmp_path, mask_deg=10.0)
    assert run_command("check", "work.toml").out == (
        "work.toml: no problems "
        "(satellites: 144, ground sites: 30, flows: 0, workloads: 2, alternatives: 2)\n"
    )


def test_what_is_wrong_with_an_alternative_ends_with_exit_code_2(run_command, tmp_path):
    write_work(tmp_path, mask_deg=100.0)
    done = run_command("check", "work.toml")
    assert (done.code, done.out.splitlines()[0]) == (2, "work.toml: 1 problem")
    assert "other.toml:" in done.out and "links[1].mask_deg: must be" in done.out


def write_work(folder, mask_deg):
    """An experiment, and the topology of one of its alternatives."""
    (folder / "work.toml").write_text(WORK)
    topology = shipped.find_topology("walker-144").read_text()
    assert "mask_deg = 10.0" in topology
    (folder / "other.toml").write_text(topology.replace("mask_deg = 10.0", f"mask_deg = {mask_deg}"))


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


@pytest.mark.parametrize("command", ["check", "run"])
def test_work_that_cannot_be_done_is_told_by_line_with_exit_code_2(run_command, tmp_path, command):
    wrong = {
        "sensors.radar.rate_gbps: must be a number from 1e-06 to 1000000 (got -2.0)": "rate_gbps = -2.0",
        "power.bus.start_charge: must be a number above 0 and at most 1 (got 0)": "start_charge = 0",
        "does not fit into the storage of [compute.small], which holds 1000 bytes": 'compute = "small"',
        'no node or group is named "Tokio"': 'stations = "Tokio"',
        'must be two nodes at least, and ["dc-0-1"] is one': 'group = ["dc-0-1"]',
    }
    (tmp_path / "a.toml").write_text(WRONG_WORK)
    done = run_command(command, "a.toml")
    assert done.code == 2
    problems = (done.out + done.err).splitlines()
    for problem, given in wrong.items():
        number = WRONG_WORK.splitlines().index(given) + 1
        assert any(line.strip().startswith(f"a.toml:{number}: ") and problem in line for line in problems), (
            problem,
            problems,
        )


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
        'epoch = 2026-01-01T00:00:00Z\n[[satellites]]\nname = "g"\nelements = "sets.tle"\nmax_age_h = 1e6\n'
    )


@pytest.mark.usefixtures("decayed")
def test_a_satellite_that_sgp4_refuses_is_a_warning_by_name(run_command):
    done = run_command("check", "a.toml")
    assert done.code == 0
    assert 'warning: satellite "FALLS" (2) is left out: ' in done.err and "STAYS" not in done.err
    report = json.loads(run_command("check", "a.toml", "--json").out)
    assert report["ok"]
    assert [warning for warning in report["warnings"] if 'satellite "FALLS" (2) is left out: ' in warning]
    (failed,) = report["skipped"]
    assert (failed["name"], failed["catalog_number"], failed["reason"], failed["t_s"]) == (
        "FALLS",
        2,
        "sgp4",
        0,
    )
    assert done.out == "a.toml: no problems (satellites: 2, ground sites: 0, left out: 1)\n"


@pytest.mark.usefixtures("decayed")
def test_element_sets_that_are_left_out_are_listed_with_the_reason(run_command, tmp_path):
    text = (tmp_path / "sets.tle").read_text()
    (tmp_path / "sets.tle").write_text(text + element_set("AGAIN", 1, " 00000+0"))
    done = run_command("check", "a.toml", "--json")
    skipped = {each["name"]: each for each in json.loads(done.out)["skipped"]}
    assert done.code == 0 and set(skipped) == {"AGAIN", "FALLS"}
    again = skipped["AGAIN"]
    assert list(again) == ["name", "catalog_number", "file", "line", "reason", "message"]
    assert (again["catalog_number"], again["line"], again["reason"]) == (1, 7, "duplicate")
    assert again["file"].endswith("sets.tle")
    assert run_command("check", "a.toml").out.endswith(", left out: 2)\n")


@pytest.mark.usefixtures("decayed")
def test_a_satellite_that_sgp4_refuses_is_a_problem_where_the_file_says_stop(run_command):
    done = run_command("check", "a.toml", "--set", "on_bad_satellite=stop")
    assert done.code == 2
    assert "FALLS" in done.out


def test_a_one_file_scenario_that_is_to_stop_at_a_bad_satellite_is_reported_by_its_own_name(
    run_command, decayed, tmp_path
):
    topology = (tmp_path / "a.toml").read_text().replace("[[", "[[topology.")
    flow = '[[flows]]\nname = "f"\nfrom = "STAYS"\nto = "FALLS"\nrate_gbps = 1\n'
    (tmp_path / "one.toml").write_text(f"duration_s = 1\n[topology]\n{topology}{flow}")
    done = run_command("check", "one.toml", "--set", "topology.on_bad_satellite=stop")
    assert done.code == 2
    assert "one.toml: on_bad_satellite: " in done.out and "FALLS" in done.out


def grid_of_elements(folder, count):
    """A topology of two planes, the second bunched, so that two satellites of it have four links."""
    sets = [element_set(f"S{i}", i + 1, " 00000+0", (i % 4) * (90 if i < 4 else 10)) for i in range(8)]
    (folder / "sets.tle").write_text("2 4\n" + "".join(sets))
    (folder / "a.toml").write_text(
        "epoch = 2000-01-01T00:00:00Z\n[terminals.mini]\nrate_gbps = 25\n"
        '[[satellites]]\nname = "g"\nelements = "sets.tle"\n'
        f'terminals = [{{ type = "mini", count = {count} }}]\n'
        '[[links]]\nrule = "grid"\nwrap = false\n'
    )


def test_satellites_with_more_links_than_terminals_are_named(run_command, tmp_path):
    grid_of_elements(tmp_path, 3)
    done = run_command("check", "a.toml")
    assert (done.code, done.err) == (
        0,
        'warning: grid links outnumber the terminals of satellites of "g", which have 3: '
        '"S4" has 4, "S7" has 4\n',
    )
    grid_of_elements(tmp_path, 4)
    assert run_command("check", "a.toml").err == ""


def test_links_of_rules_with_different_neighbours_are_counted(run_command):
    # Across planes, the neighbour nearest in phase and that of the same index: 2 in the plane, 2 + 2 across.
    same_index = '{rule="grid", neighbour="same-index", offsets=[[1, 0]]}'
    nearest = '{rule="grid", neighbour="nearest-phase"}'
    changes = f"links=[{nearest}, {same_index}]", "satellites.w.phasing_factor=11"
    done = run_command("check", "walker-144", *(part for change in changes for part in ("--set", change)))
    assert done.code == 0
    assert '"w-00-00" has 6, ' in done.err and " and 134 more" in done.err


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
