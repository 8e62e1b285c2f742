"""`[[alternatives]]`: each is an experiment of its own, perhaps on another topology or with changes."""

import pytest

from lasermesh.scenario import load_experiment
from tests.scenario.scenes import FLOW, problems_of, warnings_of, write
from tests.scenario.work_scenes import CAMERA, GPU, IN_ORBIT, RAW, SKY, TRAINING

WORK = CAMERA + GPU + RAW + IN_ORBIT.replace('"raw"', '"orbit"') + TRAINING
ONE = '[[alternatives]]\nname = "one"\nworkloads = "raw"\n'
TWO = '[[alternatives]]\nname = "two"\nworkloads = ["orbit"]\n'
# Another sky: no bare nodes, and Troll comes before Tokyo.
OTHER = """step_s = 2.0
[[satellites]]
name = "eo"
pattern = "walker-delta"
planes = 1
slots = 3
phasing_factor = 0
altitude_km = 500.0
inclination_deg = 97.8
[[satellites]]
name = "dc"
pattern = "walker-delta"
planes = 1
slots = 4
phasing_factor = 0
altitude_km = 1200.0
inclination_deg = 53.0
[[ground]]
name = "Troll"
lat_deg = -72.0
lon_deg = 2.5
[[ground]]
name = "Tokyo"
lat_deg = 35.7
lon_deg = 139.7
[[links]]
rule = "ground"
rate_gbps = 1.0
"""
ELSEWHERE = TWO + 'topology = "other"\n'


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, OTHER, "other.toml")
    return tmp_path


def alternatives_of(folder, text, sets=()):
    return load_experiment(write(folder, text), sets).alternatives


def test_each_alternative_has_its_workloads_and_those_that_none_names(folder):
    experiment = load_experiment(write(folder, SKY + WORK + ONE + TWO))
    assert [each.name for each in experiment.workloads] == ["raw", "orbit", "training"]
    names = {
        each.name: (each.experiment.name, [work.name for work in each.experiment.workloads])
        for each in experiment.alternatives
    }
    assert names == {"one": ("x/one", ["raw", "training"]), "two": ("x/two", ["orbit", "training"])}
    for each in experiment.alternatives:
        assert each.experiment.topology is experiment.topology
        assert each.experiment.alternatives == ()
        assert each.experiment.files == experiment.files
        assert each.experiment.file == experiment.file
    assert experiment.to_dict()["alternatives"] == [
        {"name": "one", "workloads": ["raw"], "topology": None, "set": []},
        {"name": "two", "workloads": ["orbit"], "topology": None, "set": []},
    ]


def test_a_workload_may_be_in_several_alternatives(folder):
    one, two = alternatives_of(folder, SKY + WORK + ONE + TWO.replace('["orbit"]', '["orbit", "raw"]'))
    assert [work.name for work in one.experiment.workloads] == ["raw", "training"]
    assert [work.name for work in two.experiment.workloads] == ["raw", "orbit", "training"]


def test_on_another_topology_nodes_have_their_rows_there(folder):
    experiment = load_experiment(write(folder, SKY + WORK + ONE + ELSEWHERE))
    one, two = (each.experiment for each in experiment.alternatives)
    assert (one.topology, two.topology.name) == (experiment.topology, "other")
    assert (one.sensors[0].rows, two.sensors[0].rows) == ((0, 1), (0, 1, 2))
    (orbit, training) = two.workloads
    assert [stage.rows for stage in orbit.plan] == [(3, 4, 5, 6), (), (7, 8)]
    assert (training.group_rows, one.workloads[1].group_rows) == ((3, 4, 5, 6), (2, 3, 4, 5))
    assert {"x.toml", "other.toml"} == {name.rpartition("/")[2] for name in one.files}


def test_a_workload_needs_its_nodes_where_it_runs_alone(folder):
    """The bare node a is in the experiment's own topology, Osaka in the other."""
    write(folder, OTHER + '[[ground]]\nname = "Osaka"\nlat_deg = 34.7\nlon_deg = 135.5\n', "other.toml")
    work = WORK.replace("Troll", "Osaka").replace('["Tokyo", "Osaka"]', '"Tokyo"', 1)
    own = '[[workloads]]\nname = "own"\nsource = "camera"\nstages = [{ transfer_to = "a" }]\n'
    text = SKY + work + own + ONE.replace('"raw"', '["raw", "own"]') + ELSEWHERE
    experiment = load_experiment(write(folder, text))
    one, two = (each.experiment for each in experiment.alternatives)
    assert [work.name for work in one.workloads] == ["raw", "training", "own"]
    assert two.workloads[0].plan[-1].rows == (8, 9)
    assert [work.name for work in experiment.workloads] == ["raw", "orbit", "training", "own"]


BARE = GPU.replace("gpu", "bare").replace('"dc"', '["a", "b"]')
OSAKA = GPU.replace("gpu", "osaka").replace('"dc"', '"Osaka"')
POWER_OF_A = '[power.bus]\non = "a"\narray_w = 1.0\nbattery_wh = 1.0\n'
OWN = """[[workloads]]
name = "own"
source = "camera"
stages = [{ transfer_to = "b" }, { compute = "bare" }, { transfer_to = "Tokyo" }]
"""


def test_tables_of_nodes_that_a_topology_lacks_are_left_out_there(folder):
    write(folder, OTHER + '[[ground]]\nname = "Osaka"\nlat_deg = 34.7\nlon_deg = 135.5\n', "other.toml")
    work = WORK.replace('"orbit"', '"orbit"\nexpires_s = 9.0') + BARE + POWER_OF_A + OSAKA + OWN
    text = SKY + work + ONE.replace('"raw"', '["raw", "own"]') + ELSEWHERE
    experiment = load_experiment(write(folder, text))
    one, two = (each.experiment for each in experiment.alternatives)
    for each, computers, power in (
        (one, ["gpu", "bare"], 1),
        (two, ["gpu", "osaka"], 0),
        (experiment, ["gpu", "bare", "osaka"], 1),
    ):
        assert ([table.name for table in each.compute], len(each.power)) == (computers, power)


def test_work_that_needs_such_a_table_is_refused(folder):
    text = SKY + WORK + BARE + OWN + ONE + ELSEWHERE.replace('["orbit"]', '["own"]')
    problems = problems_of(folder, text)
    wrong = 'workloads[3].stages[1].compute: [compute.bare] is on nodes that topology "other" does not have'
    assert [each.partition(": ")[2] for each in problems if "compute" in each] == [wrong]


def test_a_table_of_nodes_that_no_topology_has_is_refused(folder):
    problems = problems_of(folder, SKY + WORK + OSAKA + ONE + ELSEWHERE)
    assert len(problems) == 2
    for name, problem in zip(("x", "other"), problems, strict=True):
        assert f'compute.osaka.on: no node or group is named "Osaka" in topology "{name}"' in problem


def test_a_change_of_a_value_reaches_all_alternatives(folder):
    sets = ["sensors.camera.every_s=5", "workloads.orbit.choose=soonest", "topology.step_s=3", "seed=9"]
    one, two = (each.experiment for each in alternatives_of(folder, SKY + WORK + ONE + ELSEWHERE, sets))
    for each in one, two:
        assert (each.sensors[0].every_s, each.topology.step_s, each.seed) == (5.0, 3.0, 9)
    assert two.workloads[0].plan[0].choose == "soonest"
    moved = alternatives_of(folder, SKY + WORK + ONE + TWO, ["alternatives.one.topology=other"])
    assert [each.experiment.topology.name for each in moved] == ["other", "x"]


def test_tables_that_are_absent_can_be_set(folder):
    experiment = load_experiment(write(folder, SKY + WORK), ["transfers.handling_s=0.5"])
    assert experiment.transfers.handling_s == 0.5


@pytest.mark.parametrize(
    ("alternatives", "problem"),
    [
        (ONE, "alternatives[0]: must be two at least; this is the only one"),
        (
            ONE + TWO.replace('"orbit"', '"orbital"'),
            'alternatives[1].workloads[0]: no workload is named "orbital"; did you mean "orbit"?',
        ),
        (
            ONE.replace('"raw"', '"row"') + TWO,
            'alternatives[0].workloads: no workload is named "row"; did you mean "raw"?',
        ),
        (
            ONE + TWO.replace("two", "ONE"),
            'alternatives[1].name: "ONE" stands already at alternatives[0]',
        ),
        (ONE + TWO.replace("two", "a/b"), 'alternatives[1].name: a name must not contain "/" (got "a/b")'),
        (
            ONE + TWO.replace("two", "Summary.json"),
            'alternatives[1].name: could be the name of a file among the results (got "Summary.json")',
        ),
        (ONE + TWO.replace("two", ".."), 'alternatives[1].name: cannot be the name of a folder (got "..")'),
        (
            ONE + ELSEWHERE.replace("other", "othr"),
            'alternatives[1].topology: no topology is named "othr"',
        ),
        ("alternatives = []\n", "alternatives: must be two at least"),
    ],
)
def test_alternatives_that_cannot_be_are_refused(folder, alternatives, problem):
    text = alternatives + SKY + WORK if alternatives[0] == "a" else SKY + WORK + alternatives
    (found,) = problems_of(folder, text)
    assert problem in found


def test_what_another_topology_lacks_is_said_with_its_name(folder):
    write(folder, OTHER.replace('"Tokyo"', '"Kyoto"'), "other.toml")
    (problem,) = problems_of(folder, SKY + WORK + ONE + ELSEWHERE)
    assert 'workloads[1].stations[0]: no node or group is named "Tokyo" in topology "other"' in problem


def test_what_is_wrong_in_another_topology_is_said_in_its_file(folder):
    write(folder, OTHER.replace("500.0", "-500.0"), "other.toml")
    (problem,) = problems_of(folder, SKY + WORK + ONE + ELSEWHERE)
    assert problem.startswith("other.toml:8: satellites[0].altitude_km: must be")


def test_what_is_read_with_each_topology_is_said_once(folder):
    text = SKY + WORK + GPU.replace("gpu", "idle") + ONE + ELSEWHERE
    assert len(warnings_of(folder, text)) == 1
    wrong = text.replace("every_s = 60.0", "every_s = -1") + "[packets]\nhop_limit = 0\n"
    assert len(problems_of(folder, wrong)) == 2


NEWS = '[routing]\nupdate = "link-state"\nhold_s = 0.25\n'
LATE = '[[alternatives]]\nname = "late"\nset = ["routing.detection_s=3.0", "flows.data.rate_gbps=0.2"]\n'
CENTRAL = '[[alternatives]]\nname = "central"\nset = "routing={update=\\"central\\"}"\n'
TRAFFIC = SKY + NEWS + FLOW + '[[alternatives]]\nname = "plain"\n'


def test_changes_are_those_of_one_alternative_alone(folder):
    experiment = load_experiment(write(folder, TRAFFIC + LATE + CENTRAL))
    found = {
        each.name: (
            each.experiment.routing.update,
            each.experiment.routing.detection_s,
            each.experiment.routing.hold_s,
            [flow.rate_gbps for flow in each.experiment.flows],
        )
        for each in experiment.alternatives
    }
    assert found == {
        "plain": ("link-state", 0.15, 0.25, [0.1]),
        "late": ("link-state", 3.0, 0.25, [0.2]),
        "central": ("central", 0.15, 0.05, [0.1]),
    }
    assert (experiment.routing.detection_s, experiment.flows[0].rate_gbps) == (0.15, 0.1)
    assert [each.experiment.topology for each in experiment.alternatives] == [experiment.topology] * 3
    assert [each["set"] for each in experiment.to_dict()["alternatives"]] == [
        [],
        ["routing.detection_s=3.0", "flows.data.rate_gbps=0.2"],
        ['routing={update="central"}'],
    ]


def test_a_set_of_the_command_line_comes_after_those_of_alternatives(folder):
    sets = ["routing.detection_s=2", "routing.hold_s=0.5", "alternatives.late.set=packets.hop_limit=9"]
    plain, late = alternatives_of(folder, TRAFFIC + LATE, sets[:2])
    assert (plain.experiment.routing, plain.experiment.routing.detection_s) == (late.experiment.routing, 2.0)
    assert (late.experiment.flows[0].rate_gbps, late.experiment.routing.hold_s) == (0.2, 0.5)
    plain, late = alternatives_of(folder, TRAFFIC + LATE, sets[1:])
    assert (late.experiment.flows, late.experiment.packets.hop_limit) == (plain.experiment.flows, 9)


def test_changes_reach_the_topology_whether_it_has_a_file_or_not(folder):
    text = SKY + WORK + ONE + TWO + 'set = "topology.step_s=3"\n' + ELSEWHERE.replace("two", "three")
    text += (
        ELSEWHERE.replace("two", "four") + 'set = ["topology.step_s=4", "workloads.orbit.choose=soonest"]\n'
    )
    experiment = load_experiment(write(folder, text))
    own, changed, other, both = (each.experiment for each in experiment.alternatives)
    assert [each.topology.step_s for each in (own, changed, other, both)] == [1.0, 3.0, 2.0, 4.0]
    assert own.topology is experiment.topology
    assert both.workloads[0].plan[0].choose == "soonest" != changed.workloads[0].plan[0].choose
    assert [work.name for work in experiment.workloads] == ["raw", "orbit", "training"]
    both = load_experiment(folder / "x.toml", ["topology.step_s=6"]).alternatives[3].experiment
    assert both.topology.step_s == 6.0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("routing.detection_s=-1", "routing.detection_s: must be a number from 0 to 60 (got -1)"),
        ("routing.detecton_s=1", 'routing.detecton_s: unknown key; did you mean "detection_s"?'),
        ("routing.update=centrall", 'routing.update: must be "instant", "central", "link-state" or'),
        ("rooting.update=central", 'alternatives[1].set[1]: there is no "rooting"; did you mean "routing"?'),
        ("topology.step=1", 'topology.step: unknown key; did you mean "step_s"?'),
        ("flows.dada.rate_gbps=1", 'alternatives[1].set[1]: there is no "dada" in flows; did you mean'),
        ("routing.update", "alternatives[1].set[1]: must be PATH=VALUE, as routing.interval_s=2"),
        ("seed=2", "alternatives[1].set[1]: cannot be set here: all alternatives have the same one"),
        ("topology=other", "alternatives[1].set[1]: cannot be set here: write it as the alternative's own"),
        ("alternatives.plain.name=x", "alternatives[1].set[1]: cannot be set here: an alternative has none"),
    ],
)
def test_what_is_wrong_with_a_change_is_said_at_its_line(folder, change, problem):
    late = LATE.replace('"flows.data.rate_gbps=0.2"', f"\n'{change}'")
    text = TRAFFIC + late
    (found,) = problems_of(folder, text)
    line = 1 + text[: text.index(f"'{change}'")].count("\n")
    assert found.startswith(f"x.toml:{line}: {problem}")


def test_what_is_right_without_a_change_and_wrong_with_it_names_the_alternative(folder):
    central = CENTRAL.replace('{update=\\"central\\"}', "").replace("routing=", "routing.update=central")
    text = TRAFFIC + central
    (found,) = problems_of(folder, text)
    line, by = (
        1 + text[: text.index(words)].count("\n") for words in ("hold_s", '[[alternatives]]\nname = "c')
    )
    assert found.startswith(
        f'x.toml:{line}: routing.hold_s: goes with update = "link-state" or "predicted", not'
    )
    assert found.endswith(f", with the changes of alternatives[1] (x.toml:{by})")
    (found, *_) = problems_of(folder, TRAFFIC.replace("hold_s = 0.25", "") + central, ["routing.hold_s=1"])
    assert found.startswith("--set routing.hold_s=1: routing.hold_s: goes with update =")
    assert found.endswith(f", with the changes of alternatives[1] (x.toml:{by})")


def test_alternatives_that_come_to_the_same_run_are_refused(folder):
    again = LATE.replace('"late"', '"again"').replace("detection_s=", "detection_s = ")
    (problem,) = problems_of(folder, TRAFFIC + LATE + again)
    assert "alternatives[2]: comes to the same run as alternatives[1] (" in problem
    (problem,) = problems_of(folder, SKY + WORK + ONE + TWO.replace("orbit", "raw"))
    assert "alternatives[1]: comes to the same run as alternatives[0] (" in problem


def test_an_alternative_without_anything_to_do_is_refused(folder):
    nothing = '[[alternatives]]\nname = "nothing"\n'
    work = WORK.replace(TRAINING, "")
    (problem,) = problems_of(folder, SKY + work + ONE + TWO + nothing)
    assert "alternatives[2].workloads: missing; without [[flows]], and with all workloads" in problem
    assert problems_of(folder, SKY + WORK + ONE + TWO + nothing) == []
