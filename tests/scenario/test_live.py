"""`[live]`: which nodes are hosts, how a live run is set up, and what cannot be run live."""

import pytest

from lasermesh.errors import UserError
from lasermesh.scenario import load_experiment, refuse_what_live_cannot
from tests.scenario.scenes import BARE, FLOW, TABLES, problems_of, write

TOP = "duration_s = 10.0\n"
SITES = '[[topology.ground]]\nname = "towns"\nsites = "sites.csv"\n'
ROWS = "name,lat_deg,lon_deg\nTokyo,35.7,139.7\nLondon,51.5,-0.1\nNew York,40.7,-74.0\n"


def experiment_of(folder, text, sets=()):
    """With the nodes a, b, c (0, 1, 2) and the group towns: Tokyo, London, New York (3, 4, 5)."""
    (folder / "sites.csv").write_text(ROWS)
    return load_experiment(write(folder, TOP + BARE + SITES + text), sets)


def test_the_example_says_all_there_is():
    live = load_experiment(TABLES / "live.toml").live
    assert (live.hosts, live.host_rows, live.mtu_bytes, live.gso) == (("a", "c"), (0, 2), 9000, False)
    assert (live.congestion_control, live.tcp_buffer_bytes, live.unreachable) == ("cubic", 8_000_000, True)
    assert (live.buffer_bytes, live.spin_us) == (10_000_000, 20.0)


def test_defaults_are_those_of_the_docs(tmp_path):
    live = experiment_of(tmp_path, FLOW).live
    assert (live.hosts, live.host_rows, live.mtu_bytes, live.gso) == ((), (), 1500, True)
    assert (live.congestion_control, live.tcp_buffer_bytes, live.unreachable) == (None, None, False)
    assert (live.buffer_bytes, live.spin_us) == (134_217_728, 50.0)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (FLOW + '[live]\nhosts = ["London", "a"]\n', (4, 0)),
        (FLOW + '[live]\nhosts = ["c", "towns", "#1"]\n', (2, 3, 4, 5, 1)),
        (FLOW.replace('"a"', '"c"') + "[live]\n", (2, 1)),
        (FLOW, (0, 1)),
        ("[live]\n", (3, 4, 5)),
    ],
    ids=["named", "groups", "flows", "flows without [live]", "all ground sites"],
)
def test_hosts_are_as_named_else_ends_of_flows_else_ground_sites(tmp_path, text, rows):
    experiment = experiment_of(tmp_path, text)
    assert experiment.live_rows == rows
    refuse_what_live_cannot(experiment)


@pytest.mark.parametrize(
    ("live", "problem"),
    [
        (
            'hosts = ["a", "Tokio"]',
            'hosts[1]: no node or group is named "Tokio" in topology "x"; did you mean "Tokyo"?',
        ),
        ('hosts = ["a"]', "hosts: must name 2 to 1000 nodes (got 1)"),
        ('hosts = ["a", "a"]', 'hosts[1]: "a" stands already at live.hosts[0] (x.toml:17)'),
        ('hosts = ["towns", "London"]', 'hosts[1]: "London" is a host already, by "towns"'),
        ('hosts = "towns"', 'hosts: must be a list, each item the name of a node or group (got "towns")'),
        ("mtu_bytes = 1279", "mtu_bytes: must be an integer from 1280 to 9000 (got 1279)"),
        ("mtu = 1500", 'mtu: unknown key; did you mean "mtu_bytes"?'),
        ("buffer_bytes = 1000", "buffer_bytes: must be an integer from 1048576 to 68719476736 (got 1000)"),
    ],
)
def test_what_is_wrong_with_live_is_said(tmp_path, live, problem):
    (tmp_path / "sites.csv").write_text(ROWS)
    text = f"{TOP}{BARE}{SITES}{FLOW}[live]\n{live}\n"
    assert problems_of(tmp_path, text) == [f"x.toml:{len(text.splitlines())}: live.{problem}"]


def test_more_than_a_thousand_hosts_are_refused(tmp_path):
    (tmp_path / "sites.csv").write_text("name,lat_deg,lon_deg\n" + "".join(f"{i},0,0\n" for i in range(1001)))
    text = f'{TOP}{BARE}{SITES}[live]\nhosts = ["towns"]\n'
    (problem,) = problems_of(tmp_path, text)
    assert "live.hosts: must name 2 to 1000 nodes (got 1001)" in problem
    with pytest.raises(UserError, match=r"there are 1001 ground sites, and a live run has 2 to 1000 hosts"):
        refuse_what_live_cannot(load_experiment(write(tmp_path, f"{TOP}{BARE}{SITES}[live]\n")))


def test_live_can_be_set_by_options_alone(tmp_path):
    sets = ["live.gso=false", "live.mtu_bytes=9000", "live.hosts=['a', 'Tokyo']"]
    experiment = experiment_of(tmp_path, FLOW, sets)
    assert (experiment.live.gso, experiment.live.mtu_bytes) == (False, 9000)
    assert experiment.live_rows == (0, 3)
    with pytest.raises(UserError, match=r"live\.mtu_bytes: must be an integer from 1280 to 9000"):
        experiment_of(tmp_path, FLOW, ["live.mtu_bytes=9001"])
    with pytest.raises(UserError, match=r'live\.hosts\[1\]: "a" stands already at live\.hosts\[0\]$'):
        experiment_of(tmp_path, FLOW, ["live.hosts=['a', 'a']"])


def test_all_that_cannot_be_run_live_is_said_at_once():
    with pytest.raises(UserError) as caught:
        refuse_what_live_cannot(load_experiment(TABLES / "bundles.toml", ["fidelity=train"]))
    assert "cannot be run live:\n" in str(caught.value)
    assert "of kind bundle" in str(caught.value)
    assert 'say "packet"' in str(caught.value)


@pytest.mark.parametrize(
    ("queues", "word"),
    [
        ("[packets]\nqueue = 'codel'\n", 'queue = "codel"'),
        ("[packets]\nclasses = 2\n", "classes = 2"),
        ("[[queues]]\nkind = 'isl'\nqueue = 'codel'\n", 'queue = "codel"'),
    ],
)
def test_queues_that_trains_cannot_cross_need_no_gso(tmp_path, queues, word):
    with pytest.raises(UserError, match=f"{word} does not go with trains.*--no-gso"):
        refuse_what_live_cannot(experiment_of(tmp_path, FLOW + queues))
    refuse_what_live_cannot(experiment_of(tmp_path, FLOW + queues, ["live.gso=false"]))


@pytest.mark.parametrize(("file", "word"), [("work.toml", "[[alternatives]]"), ("transfers.toml", "[[work")])
def test_work_and_alternatives_are_not_run_live(file, word):
    with pytest.raises(UserError) as caught:
        refuse_what_live_cannot(load_experiment(TABLES / file))
    assert word in str(caught.value)


def test_flows_of_a_live_run_go_on_until_it_ends_unless_they_say_when_they_stop(tmp_path):
    experiment = experiment_of(tmp_path, FLOW)
    assert {flow.stop_s for flow in experiment.expanded_flows} == {experiment.duration_s}
    assert {flow.stop_s for flow in experiment.lasting(9e3).expanded_flows} == {9e3}
    stopped = experiment_of(tmp_path, FLOW + "stop_s = 0.5\n")
    assert {flow.stop_s for flow in stopped.lasting(9e3).expanded_flows} == {0.5}
