"""`[[workloads]]`: what kinds come to, stage by stage, and what is refused."""

import pytest

from lasermesh.scenario import load_experiment
from tests.scenario.scenes import TABLES, problems_of, warnings_of, write
from tests.scenario.work_scenes import (
    CAMERA,
    CHAT,
    CHIP,
    GPU,
    HALL,
    IN_ORBIT,
    LAST,
    POWER,
    RAW,
    SKY,
    TRAINING,
    staged,
)


def line_of(text, start):
    """Line of the last line of a text that starts so."""
    return max(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def plan_of(folder, text):
    (workload,) = load_experiment(write(folder, SKY + CAMERA + text)).workloads
    return [(stage.compute or stage.rows, stage.choose, stage.result_bytes) for stage in workload.plan]


def test_experiments_without_work_have_empty_tables():
    experiment = load_experiment(TABLES / "flows.toml")
    tables = experiment.sensors, experiment.compute, experiment.power, experiment.workloads
    assert (tables, experiment.alternatives) == (((), (), (), ()), ())
    assert experiment.transfers.packet_bytes == 1500


def test_work_needs_no_flows(tmp_path):
    assert load_experiment(write(tmp_path, SKY + CAMERA + RAW)).expanded_flows == ()


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        (RAW, [((9, 10), "nearest", None)]),
        (RAW + 'choose = "soonest"\n', [((9, 10), "soonest", None)]),
        (
            HALL + RAW + 'compute = "hall"\nresult_bytes = 9\n',
            [((9,), "nearest", None), ("hall", "nearest", 9)],
        ),
        (RAW.replace("bent-pipe", "mesh-relay"), [((9, 10), "nearest", None)]),
        (
            GPU + IN_ORBIT + 'choose = "soonest"\nresult_bytes = 9\n',
            [((2, 3, 4, 5), "soonest", None), ("gpu", "nearest", 9), ((9, 10), "nearest", None)],
        ),
        (
            CHIP + RAW.replace("bent-pipe", "on-board") + 'compute = "chip"\nchoose = "soonest"\n',
            [("chip", "nearest", None), ((9, 10), "soonest", None)],
        ),
        (
            GPU + staged('{ transfer_to = "dc-0-1", choose = "least-loaded" }', '{ compute = "gpu" }', LAST),
            [((3,), "least-loaded", None), ("gpu", "nearest", None), ((9,), "nearest", None)],
        ),
        # Of the targets, those that have all that works on it until it goes on.
        (
            GPU + staged('{ transfer_to = ["b", "dc", "a"] }', '{ compute = "gpu" }', LAST),
            [((2, 3, 4, 5), "nearest", None), ("gpu", "nearest", None), ((9,), "nearest", None)],
        ),
        (
            GPU
            + '[compute.next]\non = ["dc-0-3", "a"]\nservice_s = 1.0\n'
            + staged('{ transfer_to = ["dc"] }', '{ compute = "gpu" }', '{ compute = "next" }', LAST),
            [
                ((5,), "nearest", None),
                ("gpu", "nearest", None),
                ("next", "nearest", None),
                ((9,), "nearest", None),
            ],
        ),
    ],
)
def test_kinds_come_to_stages(tmp_path, text, plan):
    assert plan_of(tmp_path, text) == plan


def test_a_ring_goes_in_the_order_of_the_file(tmp_path):
    text = SKY + TRAINING.replace('"dc"', '["dc-0-2", "b", "dc-0-0"]')
    (workload,) = load_experiment(write(tmp_path, text)).workloads
    assert workload.group_rows == (4, 7, 2)


def test_requests_expire_and_may_keep_their_choice(tmp_path):
    text = SKY + GPU + CHAT + "expires_s = 9.0\nreconsider = false\n"
    (workload,) = load_experiment(write(tmp_path, text)).workloads
    assert (workload.expires_s, workload.reconsider) == (9.0, False)


def test_a_node_that_several_names_mean_counts_once(tmp_path):
    text = SKY + TRAINING.replace('"dc"', '["dc-0-1", "dc", "dc-0-3"]')
    (workload,) = load_experiment(write(tmp_path, text)).workloads
    assert workload.group_rows == (3, 2, 4, 5)


def test_users_and_checkpoints_have_rows():
    workloads = {each.name: each for each in load_experiment(TABLES / "work.toml").workloads}
    assert workloads["chat"].user_rows == workloads["training"].checkpoint_rows == (10, 11)
    assert workloads["chat"].plan == ()


@pytest.mark.parametrize(
    ("work", "at", "problem"),
    [
        (
            RAW.replace('"raw"', '"raw/a"'),
            "name",
            'workloads[0].name: a name must not contain "/" (got "raw/a")',
        ),
        (
            '[[flows]]\nname = "raw"\nfrom = "a"\nto = "b"\nrate_gbps = 1.0\n' + RAW,
            "name",
            'workloads[0].name: "raw" is already the name of a flow',
        ),
        (
            RAW.replace('["Tokyo", "Troll"]', "[]"),
            "stations",
            "workloads[0].stations: must be a list, each item the name of a node or group, and not empty",
        ),
        (
            TRAINING.replace('"dc"', "[]"),
            "group",
            "workloads[0].group: must be a list, each item the name of a node or group, and of two nodes at "
            "least (got [])",
        ),
        (
            RAW.replace("bent-pipe", "stages").replace('stations = ["Tokyo", "Troll"]', 'stages = "x"'),
            "stages",
            "workloads[0].stages: must be an array of tables, written as stages = [{ ... }, { ... }] (got",
        ),
        (RAW + RAW, "name", 'workloads[1].name: "raw" is already the name of workloads[0]'),
        (
            RAW.replace('"camera"', '"kamera"'),
            "source",
            'workloads[0].source: no [sensors] table is named "kamera"; did you mean "camera"?',
        ),
        (
            RAW.replace('"camera"', '"zzz"'),
            "source",
            'workloads[0].source: no [sensors] table is named "zzz"; there is "camera"',
        ),
        (
            RAW + 'compute = "gpux"\n',
            "compute",
            'workloads[0].compute: no [compute] table is named "gpux"; did you mean "gpu"?',
        ),
        (
            RAW.replace('source = "camera"\n', ""),
            "[[workl",
            "workloads[0].source: missing; must be the name of",
        ),
        (
            RAW.replace('stations = ["Tokyo", "Troll"]\n', ""),
            "[[workl",
            "workloads[0].stations: missing; must be the name of a node or group in quotes or a list",
        ),
        (
            RAW.replace("bent-pipe", "on-board"),
            "[[workl",
            "workloads[0].compute: missing; must be the name of a [compute] table, with kind = ",
        ),
        (
            RAW.replace("bent-pipe", "in-orbit"),
            "[[workl",
            'workloads[0].compute: missing; must be the name of a [compute] table, with kind = "in-orbit"',
        ),
        (
            RAW + "stages = [{ transfer_to = 'Tokyo' }]\n",
            "stages",
            'workloads[0].stages: goes with kind = "stages", not with kind = "bent-pipe"',
        ),
        (
            RAW + "requests_per_s = 1.0\n",
            "requests_per_s",
            'workloads[0].requests_per_s: goes with kind = "inference", not with kind = "bent-pipe"',
        ),
        (
            staged(LAST) + 'choose = "soonest"\n',
            "choose",
            'workloads[0].choose: goes with kind = "bent-pipe", "mesh-relay", "in-orbit", "on-board" or',
        ),
        (
            RAW.replace('"Troll"]', '"dc-0-1"]'),
            "stations",
            'workloads[0].stations: "dc-0-1" is a satellite; here ground sites are wanted',
        ),
        (
            RAW.replace('"Troll"', '"Trol"'),
            "stations",
            'workloads[0].stations[1]: no node or group is named "Trol" in topology "x"; did you',
        ),
        (
            RAW + "result_bytes = 5\n",
            "result_bytes",
            "workloads[0].result_bytes: goes with compute, which makes",
        ),
        (
            RAW + "expires_s = 0\n",
            "expires_s",
            "workloads[0].expires_s: must be a number above 0 and at most",
        ),
        (
            RAW + 'compute = "gpu"\n',
            "compute",
            'workloads[0].compute: [compute.gpu] is on "dc", but workloads[0].stations before '
            'leads to "Tokyo", "Troll"',
        ),
        (
            IN_ORBIT.replace('"gpu"', '"hall"'),
            "compute",
            'workloads[0].compute: [compute.hall] is on "Tokyo", a ground site; with kind =',
        ),
        (
            RAW.replace("bent-pipe", "on-board") + 'compute = "gpu"\n',
            "compute",
            'workloads[0].compute: scenes of [sensors.camera] are on "eo-0-0", which has no [compute.gpu]; '
            'it is on "dc"',
        ),
        (
            staged('{ compute = "gpu" }', LAST),
            "stages",
            'workloads[0].stages[0].compute: scenes of [sensors.camera] are on "eo-0-0", which has no',
        ),
        (
            staged('{ transfer_to = ["a", "b"] }', '{ compute = "gpu" }', LAST),
            "stages",
            'workloads[0].stages[1].compute: [compute.gpu] is on "dc", but workloads[0].stages[0].'
            'transfer_to before leads to "a", "b"',
        ),
        (
            staged("{ choose = 'soonest' }", LAST),
            "stages",
            "workloads[0].stages[0]: must have transfer_to or compute, and has neither",
        ),
        (
            staged("{ transfer_to = 'a', compute = 'gpu' }", LAST),
            "stages",
            "workloads[0].stages[0]: must have transfer_to or compute, and has both",
        ),
        (
            staged("{ transfer_to = 'dc', result_bytes = 5 }", LAST),
            "stages",
            "workloads[0].stages[0].result_bytes: goes with compute",
        ),
        (
            staged("{ transfer_to = 'dc' }", "{ compute = 'gpu', choose = 'nearest' }", LAST),
            "stages",
            "workloads[0].stages[1].choose: goes with transfer_to",
        ),
        (
            staged('{ transfer_to = "" }'),
            "stages",
            'workloads[0].stages[0].transfer_to: must be the name of a node or group in quotes (got "")',
        ),
        (
            staged("{ transfer_to = [] }"),
            "stages",
            "workloads[0].stages[0].transfer_to: must be a list, each",
        ),
        (staged(), "stages", "workloads[0].stages: must have at least one stage"),
        (staged("5"), "stages", "workloads[0].stages[0]: must be a table (got 5)"),
        (
            staged('{ transfer_to = "a" }', '{ transfer_to = "#6" }'),
            "stages",
            'workloads[0].stages[1].transfer_to: leads from "a" to itself; a transfer needs two nodes',
        ),
        (
            IN_ORBIT.replace('"gpu"', '"small"'),
            "compute",
            "workloads[0].compute: a job of 1000000 bytes does not fit into the storage of [compute.small], "
            "which holds 1000 bytes",
        ),
        (
            staged(
                '{ transfer_to = "dc" }', '{ compute = "gpu", result_bytes = 1001 }', '{ compute = "small" }'
            ),
            "stages",
            "workloads[0].stages[2].compute: a job of 1001 bytes does not fit into the storage of",
        ),
        (
            RAW.replace("bent-pipe", "on-board") + 'compute = "chip"\nresult_bytes = 3_000_000\n',
            "compute",
            "workloads[0].compute: a result of 3000000 bytes does not fit into the storage of "
            "[sensors.camera], which holds 2000000 bytes",
        ),
        (
            CHAT.replace('users = "Tokyo"\n', ""),
            "[[workl",
            "workloads[0].users: missing; must be the name of a",
        ),
        (
            CHAT.replace("1.0", "-1.0"),
            "requests_per_s",
            "workloads[0].requests_per_s: must be a number above 0",
        ),
        (
            CHAT.replace('"Tokyo"', '["Tokyo", "dc-0-2"]'),
            "users",
            'workloads[0].users: "dc-0-2" has [compute.gpu] itself; only nodes without it can ask',
        ),
        (
            TRAINING.replace('"dc"', '["dc-0-1"]'),
            "group",
            'workloads[0].group: must be two nodes at least, and ["dc-0-1"] is one',
        ),
        (
            TRAINING.replace('"dc"', '"Tokyo"'),
            "group",
            'workloads[0].group: must be two nodes at least, and "Tokyo" is one',
        ),
        (
            TRAINING.replace("step_bytes = 1_000_000\n", ""),
            "[[workl",
            "workloads[0].step_bytes: missing; must be an integer from 1 to",
        ),
        (
            TRAINING + "checkpoint_bytes = 5\n",
            "[[workl",
            "workloads[0].checkpoint_to: missing; it goes together with checkpoint_bytes",
        ),
        (
            TRAINING + 'checkpoint_to = "a"\n',
            "[[workl",
            "workloads[0].checkpoint_bytes: missing; it goes together with checkpoint_to",
        ),
        (
            TRAINING + "checkpoint_every = 5\n",
            "checkpoint_every",
            "workloads[0].checkpoint_every: goes with checkpoint_bytes and checkpoint_to",
        ),
        (
            TRAINING + "exchange_every = 500\n",
            "exchange_every",
            "workloads[0].exchange_every: needs compute_s above 0",
        ),
        (
            TRAINING + 'checkpoint_bytes = 5\ncheckpoint_to = "dc-0-0"\n',
            "checkpoint_to",
            "workloads[0].checkpoint_to: leads from the first node of group",
        ),
    ],
)
def test_work_that_cannot_be_done_is_refused(tmp_path, work, at, problem):
    small = GPU.replace("gpu", "small") + "storage_bytes = 1000\n"
    camera = CAMERA + "storage_bytes = 2_000_000\n"
    text = SKY + camera + GPU + CHIP + HALL + small + work
    (found,) = problems_of(tmp_path, text)
    assert found.startswith(f"x.toml:{line_of(text, at)}: {problem}")


def test_all_problems_are_said_at_once(tmp_path):
    wrong = CAMERA.replace("60.0", "-1") + GPU.replace('"dc"', '"cd"') + RAW.replace("Tokyo", "Tokio")
    assert len(problems_of(tmp_path, SKY + wrong + TRAINING.replace('"dc"', '["a"]'))) == 4


def test_what_refers_to_a_wrong_table_is_not_said_too(tmp_path):
    wrong = CAMERA.replace("60.0", "-1") + GPU.replace("1.0", "-1") + IN_ORBIT
    assert len(problems_of(tmp_path, SKY + wrong)) == 2


def test_what_refers_to_tables_that_are_none_is_not_said_too(tmp_path):
    text = 'sensors = 5\ncompute = "gpu"\n' + SKY + IN_ORBIT
    assert [problem.partition(": must")[0] for problem in problems_of(tmp_path, text)] == [
        "x.toml:1: sensors",
        "x.toml:2: compute",
    ]


def test_work_does_not_go_with_scaled_rates(tmp_path):
    (problem,) = problems_of(tmp_path, SKY + "[packets]\nscale = 0.5\n" + CAMERA + RAW)
    assert "packets.scale: other than 1 does not go with [[workloads]]" in problem


def test_trains_go_with_work(tmp_path):
    assert warnings_of(tmp_path, 'fidelity = "train"\n' + SKY + CAMERA + RAW) == []


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (CAMERA + TRAINING, "sensors.camera: no workload takes its scenes"),
        (
            CAMERA.replace('"eo"', '["a", "Tokyo"]') + RAW,
            'sensors.camera.on: "Tokyo" stands on the ground, where scenes need no way down',
        ),
        (
            CAMERA.replace("60.0", "1e-4") + RAW,
            "sensors.camera: takes some 1.2e+07 scenes, more than",
        ),
        (
            '[[topology.links]]\nrule = "grid"\nsatellites = "eo"\nrate_gbps = 1.0\n' + CAMERA + RAW,
            'workloads[0].kind: nodes of [sensors.camera] have links by a rule "grid", so stations may be',
        ),
        (GPU + TRAINING, "compute.gpu: no workload uses it"),
        (
            CAMERA + GPU.replace("service_s = 1.0\n", "") + IN_ORBIT,
            "compute.gpu: has neither service_s nor rate_gbps, so its jobs take no time",
        ),
        (
            CAMERA + staged('{ transfer_to = "dc" }'),
            "workloads[0].stages: the last stage does not end at ground sites alone",
        ),
        (
            CAMERA + "start_s = 600.0\n" + RAW,
            "sensors.camera.start_s: the run ends after 600 s, before anything",
        ),
        (
            POWER + "start_charge = 0.1\n" + TRAINING,
            "power.bus.start_charge: is below floor, which is 0.2: accelerators begin throttled",
        ),
    ],
)
def test_what_may_be_a_slip_is_warned_of(tmp_path, text, warning):
    (found,) = warnings_of(tmp_path, SKY + text)
    assert warning in found


@pytest.mark.parametrize(
    "text",
    [GPU.replace("service_s = 1.0\n", "") + CHAT, POWER.replace("500.0", "0.0") + TRAINING],
    ids=["a model takes the time of its tokens", "no battery"],
)
def test_these_are_good_as_they_are(tmp_path, text):
    assert warnings_of(tmp_path, SKY + text) == []
