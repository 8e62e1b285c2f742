"""Queue keys of `[packets]`, `[[links]]` and `[[queues]]`, and what they come to for each link."""

import itertools

import numpy as np
import pytest

from lasermesh.scenario import QueueSettings, QueuesOfLinks, load_experiment
from tests.scenario.scenes import TABLES, problems_of, warnings_of, write

# Rows: w-0-0 .. w-0-7 (0 to 7), a, b (8, 9), Tokyo (10).
TOPOLOGY = """[topology]
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 1
slots = 8
phasing_factor = 0
altitude_km = 1200.0
inclination_deg = 53.0
[[topology.satellites]]
name = "bare"
fixed = ["a", "b"]
[[topology.ground]]
name = "Tokyo"
lat_deg = 35.7
lon_deg = 139.7
[[topology.links]]
rule = "grid"
satellites = "w"
rate_gbps = 10
[[topology.links]]
rule = "ground"
satellites = "w"
rate_gbps = 1
{rule}
[[flows]]
name = "data"
from = "w-0-0"
to = "w-0-4"
rate_gbps = 0.1
"""


def text_of(packets="", rule="", queues="", top=""):
    return f"duration_s = 10\n{top}\n[packets]\n{packets}\n{TOPOLOGY.format(rule=rule)}\n{queues}\n"


def settings_of(folder, *links, **parts):
    """Queue settings of links, each (from row, to row, index of the rule)."""
    queues = QueuesOfLinks(load_experiment(write(folder, text_of(**parts))))
    return [queues.settings[index] for index in queues.of_links(*np.array(links).T).tolist()]


ISL, BACK, UP, DOWN = (0, 1, 0), (1, 0, 0), (10, 0, 1), (0, 10, 1)


def test_without_keys_links_have_the_defaults(tmp_path):
    assert settings_of(tmp_path, ISL, UP) == [QueueSettings()] * 2
    plain = QueueSettings()
    assert (plain.queue_packets, plain.queue_bytes, plain.queue, plain.classes) == (
        None,
        None,
        "drop-tail",
        1,
    )
    assert (plain.ecn_threshold_packets, plain.ecn_threshold_bytes) == (None, None)
    assert (plain.codel_target_s, plain.codel_interval_s, plain.codel_min_bytes) == (0.005, 0.1, 1500)
    assert plain.bit_error_rate == 0.0


def test_no_links_have_no_settings(tmp_path):
    queues = QueuesOfLinks(load_experiment(write(tmp_path, text_of())))
    assert queues.of_links([], [], []).tolist() == []


def test_a_rule_comes_before_packets_and_an_entry_of_queues_before_both(tmp_path):
    found = settings_of(
        tmp_path,
        ISL,
        UP,
        (0, 2, 0),
        packets="classes = 2\nbit_error_rate = 1e-9",
        rule="classes = 3",
        queues='[[queues]]\nto = "w-0-1"\nclasses = 4',
    )
    assert [each.classes for each in found] == [4, 3, 2]
    assert [each.bit_error_rate for each in found] == [1e-9] * 3


def test_of_several_entries_the_last_one_counts(tmp_path):
    queues = '[[queues]]\nclasses = 2\nbit_error_rate = 1e-6\n[[queues]]\nkind = "isl"\nclasses = 5'
    isl, up = settings_of(tmp_path, ISL, UP, queues=queues)
    assert (isl.classes, isl.bit_error_rate) == (5, 1e-6)
    assert (up.classes, up.bit_error_rate) == (2, 1e-6)


def test_the_two_limits_go_together(tmp_path):
    isl, up = settings_of(tmp_path, ISL, UP, packets="queue_bytes = 1000", rule="queue_packets = 7")
    assert (isl.queue_packets, isl.queue_bytes) == (None, 1000)
    assert (up.queue_packets, up.queue_bytes) == (7, None)


def test_the_keys_of_a_discipline_go_with_it(tmp_path):
    isl, up = settings_of(
        tmp_path,
        ISL,
        UP,
        packets='queue = "codel"\ncodel_target_s = 0.001\ncodel_min_bytes = 3000',
        rule='queue = "codel"\ncodel_interval_s = 0.2',
    )
    assert (isl.codel_target_s, isl.codel_interval_s, isl.codel_min_bytes) == (0.001, 0.1, 3000)
    assert (up.codel_target_s, up.codel_interval_s, up.codel_min_bytes) == (0.005, 0.2, 1500)


def test_another_discipline_forgets_the_keys_of_the_one_before(tmp_path):
    _, up = settings_of(
        tmp_path,
        ISL,
        UP,
        packets='queue = "ecn-threshold"\necn_threshold_packets = 5',
        queues='[[queues]]\nkind = "gsl"\nqueue = "drop-tail"',
    )
    assert up == QueueSettings()


# What each choice of links means among all of these.
LINKS = {"isl": ISL, "back": BACK, "up": UP, "down": DOWN, "other": (2, 3, 0)}


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("", "isl back up down other"),
        ('kind = "isl"', "isl back other"),
        ('kind = "gsl"', "up down"),
        ("rule = 0", "isl back other"),
        ("rule = 1", "up down"),
        ('rule = 1\nkind = "isl"', ""),
        ('from = "w-0-0"', "isl back up down"),
        ('to = "w-0-0"', "isl back up down"),
        ('from = "w-0-0"\nboth_ways = false', "isl down"),
        ('to = "w-0-0"\nboth_ways = false', "back up"),
        ('from = "w-0-0"\nto = "w-0-1"', "isl back"),
        ('from = "w-0-0"\nto = "w-0-1"\nboth_ways = false', "isl"),
        ('from = "w"\nto = "Tokyo"\nboth_ways = false', "down"),
        ('from = ["Tokyo", "#2"]', "up down other"),
        ('from = "w-0-0"\nkind = "gsl"', "up down"),
        ('from = "bare"', ""),
    ],
)
def test_an_entry_means_the_links_for_which_all_that_it_says_holds(tmp_path, choice, meant):
    found = settings_of(tmp_path, *LINKS.values(), queues=f"[[queues]]\n{choice}\nclasses = 8")
    assert " ".join(name for name, each in zip(LINKS, found, strict=True) if each.classes == 8) == meant


def test_a_node_without_position_is_linked_as_satellites_are(tmp_path):
    (found,) = settings_of(tmp_path, (8, 9, 0), queues='[[queues]]\nkind = "isl"\nclasses = 8')
    assert found.classes == 8


def test_settings_are_told_apart_and_kept(tmp_path):
    experiment = load_experiment(write(tmp_path, text_of(queues='[[queues]]\nkind = "gsl"\nclasses = 2')))
    queues = QueuesOfLinks(experiment)
    first = queues.of_links([0, 10], [1, 0], [0, 1]).tolist()
    again = queues.of_links([10, 3, 0], [5, 4, 10], [1, 0, 1]).tolist()
    assert (first, again) == ([0, 1], [1, 0, 1])
    assert [each.classes for each in queues.settings] == [1, 2]


def test_an_entry_of_the_examples_has_its_rows():
    first, second = load_experiment(TABLES / "queues.toml").queues
    assert (first.from_names, first.to_names) == (("a",), ("b", "bare"))
    assert (first.from_rows, first.to_rows, first.both_ways) == ((0,), (0, 1, 2), False)
    assert (second.from_rows, second.to_rows, second.both_ways) == (None, None, True)


WHERE = {"packets": "packets", "rule": "topology.links[1]", "queues": "queues[0]"}


@pytest.mark.parametrize(
    ("where", "keys", "problem"),
    [
        (where, keys, problem)
        for where, (keys, problem) in itertools.product(
            WHERE,
            [
                (
                    "codel_target_s = 0.01",
                    'codel_target_s: goes with queue = "codel", and there is no queue here',
                ),
                (
                    'queue = "drop-tail"\ncodel_min_bytes = 1',
                    'codel_min_bytes: goes with queue = "codel", not with queue = "drop-tail"',
                ),
                (
                    'queue = "codel"\necn_threshold_bytes = 1',
                    'ecn_threshold_bytes: goes with queue = "ecn-threshold", not with queue = "codel"',
                ),
                (
                    'queue = "ecn-threshold"',
                    'queue: "ecn-threshold" needs ecn_threshold_packets, ecn_threshold_bytes or both',
                ),
                ('queue = "red"', 'queue: must be "drop-tail", "ecn-threshold" or "codel" (got "red")'),
                ("classes = 9", "classes: must be an integer from 1 to 8 (got 9)"),
                (
                    "bit_error_rate = 1.0",
                    "bit_error_rate: must be a number of at least 0 and below 1 (got 1.0)",
                ),
            ],
        )
    ],
)
def test_what_is_wrong_with_queue_keys_is_said_wherever_they_stand(tmp_path, where, keys, problem):
    spoilt = f"[[queues]]\n{keys}" if where == "queues" else keys
    (found,) = problems_of(tmp_path, text_of(**{where: spoilt}))
    assert found.split(": ", 1)[1] == f"{WHERE[where]}.{problem}"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            'kind = "isl"',
            "queues[0]: says nothing about queues, as queue_bytes, queue, classes or bit_error_rate would",
        ),
        (
            'kind = "ils"\nclasses = 2',
            'queues[0].kind: must be "isl" or "gsl" (got "ils"); did you mean "isl"?',
        ),
        ("rule = 2\nclasses = 2", "queues[0].rule: there is no rule 2 in [[links]]; rules go from 0 to 1"),
        (
            'from = "w-0-9"\nclasses = 2',
            'queues[0].from: no node or group is named "w-0-9" in topology "x"; did you mean "w-0-7"?',
        ),
        (
            'to = ["w-0-1", "bear"]\nclasses = 2',
            'queues[0].to[1]: no node or group is named "bear" in topology "x"; did you mean "bare"?',
        ),
        ('to = "#11"\nclasses = 2', "queues[0].to: there is no row 11; rows go from 0 to 10"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(tmp_path, entry, problem):
    (found,) = problems_of(tmp_path, text_of(queues=f"[[queues]]\n{entry}"))
    assert found.split(": ", 1)[1] == problem


def test_names_in_an_entry_are_not_reported_where_their_group_is_wrong(tmp_path):
    text = text_of(queues='[[queues]]\nfrom = ["w", "w-0-3"]\nclasses = 2').replace("slots = 8", "slots = 0")
    assert problems_of(tmp_path, text) == [
        "x.toml:10: topology.satellites[0].slots: must be an integer of at least 1 (got 0)"
    ]


# ------------------------------------------------------------------------------------------------- trains

TRAIN = 'fidelity = "train"'


def test_trains_are_as_long_as_asked_for(tmp_path):
    assert load_experiment(write(tmp_path, text_of(top=TRAIN))).train_packets == 32
    assert load_experiment(write(tmp_path, text_of(top=f"{TRAIN}\ntrain_packets = 8"))).train_packets == 8


def test_a_train_where_exactness_was_asked_is_refused(tmp_path):
    for top in ('fidelity = "packet"\ntrain_packets = 8', "train_packets = 8"):
        (problem,) = problems_of(tmp_path, text_of(top=top))
        assert problem.endswith('train_packets: goes with fidelity = "train", not with fidelity = "packet"')


@pytest.mark.parametrize("where", WHERE)
def test_trains_are_refused_on_links_that_look_at_single_packets(tmp_path, where):
    keys = 'queue = "codel"\nclasses = 2'
    keys = f"[[queues]]\n{keys}" if where == "queues" else keys
    found = problems_of(tmp_path, text_of(top=TRAIN, **{where: keys}))
    assert [each.split(": ", 1)[1] for each in found] == [
        f'{WHERE[where]}.queue: trains need queues of packets alike, queue = "drop-tail" (got "codel"); '
        'fidelity = "packet" would do',
        f"{WHERE[where]}.classes: trains need queues of packets alike, classes = 1 (got 2); "
        'fidelity = "packet" would do',
    ]


def test_trains_refused_by_the_rule_of_another_file_name_that_file(tmp_path):
    topology = text_of(rule="classes = 2").split("[[flows]]")[0].split("[topology]\n")[1]
    write(tmp_path, topology.replace("topology.", ""), "t.toml")
    flows = '[[flows]]\nname = "f"\nfrom = "a"\nto = "b"\nrate_gbps = 1\n'
    (problem,) = problems_of(tmp_path, f'topology = "t"\nduration_s = 1\nfidelity = "train"\n{flows}')
    assert problem.startswith("t.toml:24: links[1].classes: trains need")


def test_flows_that_go_packet_by_packet_all_the_same_are_named(tmp_path):
    flow = '[[flows]]\nname = "f{}"\nfrom = "a"\nto = "b"\nrate_gbps = 1\n'
    poisson = "".join(flow.format(number) + 'kind = "poisson"\n' for number in range(6))
    text = text_of(top=TRAIN, queues=poisson + flow.format("mix") + 'packet_mix = "imix"')
    assert warnings_of(tmp_path, text) == [
        "x.toml:2: fidelity: only constant flows of one packet size make trains; packet by packet go "
        '"f0", "f1", "f2", "f3", "f4" and 2 more'
    ]
    assert warnings_of(tmp_path, text_of(top=TRAIN)) == []
