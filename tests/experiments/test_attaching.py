"""The study of guests: figures of one row, what a row varies, and what is refused."""

import dataclasses
import importlib.util
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from lasermesh import attach
from lasermesh.errors import Interrupted, RunFailed, UserError
from lasermesh.experiments import attach_worker, attaching
from lasermesh.experiments.attached import Variation, measure, varied
from lasermesh.experiments.contacts import find_contacts
from lasermesh.experiments.worker_pool import WorkerPool
from lasermesh.scenario import load_topology
from lasermesh.scenario.topology import LinkRule
from tests.experiments.skies import SHELL, shell

GUESTS = """
[terminals.guest]
rate_gbps = 10.0
max_range_km = 5000.0
acquisition_s = 20.0
[[satellites]]
name = "g"
pattern = "walker-delta"
planes = 2
slots = 1
phasing_factor = 0
altitude_km = 700.0
inclination_deg = 80.0
terminals = [{ type = "guest", count = 1 }]
[[satellites]]
name = "other"
pattern = "walker-delta"
planes = 1
slots = 1
phasing_factor = 0
altitude_km = 600.0
inclination_deg = 50.0
terminals = [{ type = "guest", count = 2 }]
[[links]]
rule = "grid"
satellites = "w"
[[links]]
rule = "guest"
clients = ["g", "other"]
hosts = "w"
choose = "nearest"
"""
DURATION_S = 2400.0


@pytest.fixture
def guests(tmp_path):
    """The file of 48 hosts in a grid that takes all their terminals but those at its seams, and guests."""
    text = SHELL.replace("count = 4", "count = 5").replace("step_s = 1.0", "step_s = 10.0")
    path = tmp_path / "guests.toml"
    path.write_text(text.format(terminal="", more=GUESTS))
    return str(path)


def study(topology, **options):
    """The rows of a study in this process."""
    options = {
        "duration_s": DURATION_S,
        "acquisitions_s": [None],
        "clients": ["g"],
        "warm_up_s": 0.0,
        "workers": 1,
    } | options
    return attach(topology, **options)["rows"]


# -- figures -------------------------------------------------------------------------------------------------


def sampled(contacts, guest, duration_s):
    """Connected or not every second, and the hosts in order, by looking through all contacts each time."""
    mine = sorted((start_s, stop_s, host) for of, host, start_s, stop_s in contacts if of == guest)
    up = [any(start_s <= t_s < stop_s for start_s, stop_s, _ in mine) for t_s in np.arange(0.5, duration_s)]
    hosts = [host for _, _, host in mine]
    return up, sum(one != other for one, other in itertools.pairwise(hosts))


def test_a_row_agrees_with_the_contact_plan_looked_through_second_by_second(guests):
    (row,) = study(guests)
    topology = load_topology(guests)
    rule = dataclasses.replace(topology.links[1], clients=("g",))
    topology = dataclasses.replace(topology, links=(topology.links[0], rule))
    plan = find_contacts(topology, 0.0, DURATION_S).plan
    columns = plan.from_node, plan.to_node, plan.start_s, plan.stop_s
    contacts = list(zip(*(column.tolist() for column in columns), strict=True))
    seen = [sampled(contacts, guest, DURATION_S) for guest in topology.group_rows("g")]
    shares = [np.mean(up) for up, _ in seen]
    assert row["guests"] == 2
    assert row["connected_share"] == pytest.approx(np.mean(shares), abs=2e-3)
    assert row["connected_share_least_guest"] == pytest.approx(min(shares), abs=2e-3)
    assert row["handovers_per_h"] == pytest.approx(sum(count for _, count in seen) / 2 / (DURATION_S / 3600))
    changes = [np.diff(np.concatenate(([1], up, [1]))) for up, _ in seen]
    outages = sum((each < 0).sum() for each in changes)
    assert outages > 2 and row["outages_per_h"] == pytest.approx(outages / 2 / (DURATION_S / 3600))
    off_s = sum(len(up) - sum(up) for up, _ in seen)
    assert row["outage_mean_s"] == pytest.approx(off_s / outages, abs=1.0)


def test_each_handover_of_one_terminal_costs_one_acquisition(guests):
    at_once, later = study(guests, acquisitions_s=[0.0, 30.0], free_shares=[1.0], clients=["g"])
    variation = Variation("g", "nearest", 1.0, None, 0.0)
    record = measure(varied(load_topology(guests), variation, 0), "g", 0.0, DURATION_S)
    # What is chosen at the start is up at once; of every later contact the acquisition is lost, or all of it.
    assert record.handovers > 3
    lost_s = 2 * 30.0 - sum(min(length_s, 30.0) for length_s in record.contact_s)
    expected = at_once["connected_share"] + lost_s / (2 * DURATION_S)
    assert later["connected_share"] == pytest.approx(expected, abs=1e-9)


def test_a_second_terminal_makes_the_next_link_before_the_last_one_breaks(guests):
    one, two = study(guests, terminals=[1, 2], free_shares=[1.0], acquisitions_s=[30.0])
    assert one["connected_share"] < 0.97 and one["outages_per_h"] > 3.0
    assert two["connected_share"] > 0.999
    assert two["handovers_per_h"] > 3.0


def test_what_comes_before_the_start_is_followed_but_does_not_count(guests):
    options = {"acquisitions_s": [60.0], "free_shares": [1.0]}
    (whole,), (first,) = study(guests, **options), study(guests, **options, duration_s=1200.0)
    (later,) = study(guests, **options, start_s=1200.0, duration_s=1200.0, warm_up_s=1200.0)
    assert 2.0 * whole["connected_share"] == pytest.approx(
        first["connected_share"] + later["connected_share"]
    )
    (at_once,) = study(guests, **options, start_s=1200.0, duration_s=1200.0)
    assert at_once["connected_share"] != later["connected_share"]
    # Before the epoch as well, and unless something else is asked for.
    (before,) = study(guests, **options, duration_s=1200.0, warm_up_s=attaching.DEFAULT_WARM_UP_S)
    found = attach(guests, duration_s=1200.0, clients=["g"], workers=1, **options)
    assert found["rows"] == [before] and found["warm_up_s"] == attaching.DEFAULT_WARM_UP_S
    assert before["connected_share"] != first["connected_share"]


def test_quantiles_are_times_that_occurred(guests):
    record = measure(
        varied(load_topology(guests), Variation("g", "nearest", 1.0, None, 0.0), 0), "g", 0.0, DURATION_S
    )
    (row,) = study(guests, acquisitions_s=[0.0], free_shares=[1.0])
    ordered = sorted(record.contact_s)
    for percent, key in ((10, "contact_p10_s"), (50, "contact_median_s"), (90, "contact_p90_s")):
        within = [length_s for length_s in ordered if length_s <= row[key]]
        assert row[key] in ordered and 100 * len(within) >= percent * len(ordered) > 100 * (len(within) - 1)


def test_a_guest_without_any_host_is_in_one_long_outage(guests):
    (row,) = study(guests, sets=["terminals.guest.max_range_km=1.0"], free_shares=[1.0])
    assert (row["connected_share"], row["contacts"], row["handovers_per_h"]) == (0.0, 0, 0.0)
    assert (row["outage_longest_s"], row["contact_median_s"]) == (DURATION_S, None)
    assert row["hosts_in_reach_mean"] == 0.0


# -- what is varied ------------------------------------------------------------------------------------------


def test_hosts_without_a_terminal_are_left_out_and_nothing_changes(guests):
    topology = load_topology(guests)
    small = varied(topology, Variation("g", "nearest", 0.5, None, 0.0), 3)
    assert [group.size for group in small.satellites] == [24, 2, 1]
    hosts = dataclasses.replace(
        topology.satellites[0],
        terminals=(dataclasses.replace(topology.satellites[0].terminals[0], count=1, share=0.5),),
    )
    types = [dataclasses.replace(use.type, acquisition_s=None) for use in topology.satellites[1].terminals]
    client = dataclasses.replace(
        topology.satellites[1],
        terminals=(dataclasses.replace(topology.satellites[1].terminals[0], type=types[0]),),
    )
    rule = LinkRule(rule="guest", clients=("g",), hosts=("w",), choose="nearest")
    whole = dataclasses.replace(
        topology, satellites=(hosts, client, topology.satellites[2]), links=(rule,), seed=3
    )
    ours, theirs = (measure(each, "g", 0.0, 1200.0) for each in (small, whole))
    assert ours == theirs
    assert ours.handovers > 0 and max(ours.visible_hosts) < 24


def test_without_a_free_share_other_rules_take_their_terminals_first(guests):
    busy, free = study(guests, duration_s=60.0), study(guests, duration_s=60.0, free_shares=[1.0])
    none = study(guests, duration_s=60.0, sets=["satellites[0].terminals[0].count=4"])
    assert busy[0]["hosts_in_reach_mean"] == free[0]["hosts_in_reach_mean"] > 0.0
    assert none[0]["hosts_in_reach_mean"] == none[0]["connected_share"] == 0.0


def test_every_combination_is_a_row_and_seeds_are_put_together(guests):
    found = attach(
        guests,
        duration_s=30.0,
        choose=["nearest", "random"],
        free_shares=[0.25, 0.5],
        terminals=[1, None],
        acquisitions_s=[0.0],
        seeds=2,
        workers=1,
    )
    keys = ("clients", "choose", "free_share", "terminals")
    rows = [tuple(row[key] for key in keys) for row in found["rows"]]
    assert len(set(rows)) == len(rows) == 2 * 2 * 2 * 2
    assert rows[:3] == [("g", "nearest", 0.25, 1), ("g", "nearest", 0.25, None), ("g", "nearest", 0.5, 1)]
    assert found["seeds"] == [0, 1] and found["guesses"] == ["free_share"]
    row = found["rows"][0]
    assert row["connected_share_least_seed"] <= row["connected_share"] <= row["connected_share_greatest_seed"]


def test_shares_of_hosts_are_told_as_guesses_whoever_gives_them(guests):
    options = {"clients": ["g"], "duration_s": 30.0, "warm_up_s": 0.0, "acquisitions_s": [0.0], "workers": 1}
    share = "satellites[0].terminals[0].share"
    assert attach(guests, **options)["guesses"] == []
    assert attach(guests, **options, sets=[f"{share}=0.5"])["guesses"] == [share]
    assert attach(guests, **options, sets=[f"{share}=0.5"], free_shares=[None, 0.2])["guesses"] == [
        share,
        "free_share",
    ]


def test_runs_in_other_processes_find_the_same(guests, monkeypatch):
    class Pool:  # without the seconds that processes take to start
        def __init__(self, orders, *others):
            self.orders = json.loads(json.dumps(orders))

        def events(self):
            for row, order in enumerate(self.orders):
                told = []
                ended = attach_worker.run_order(order, lambda told=told, **message: told.append(message))
                yield from ((row, json.loads(json.dumps(message))) for message in (*told, ended))

    monkeypatch.setattr(attaching, "WorkerPool", Pool)
    options, shares = {"free_shares": [0.5], "seeds": 2, "duration_s": 300.0}, []
    rows = study(guests, **options, workers=2, on_progress=lambda share, text: shares.append((share, text)))
    assert rows == study(guests, **options, workers=1)
    assert shares == sorted(shares) and shares[-1] == (1.0, "2 of 2 runs")


def test_a_process_tells_why_it_cannot_run_an_order():
    order = {"topology": "nowhere", "sets": [], "variation": ["g", "nearest", 0.5, 1, 0.0], "seed": 0}
    pool = WorkerPool([order], 1, 1, "lasermesh.experiments.attach_worker")
    ((row, message),) = pool.events()
    assert (row, message["status"]) == (0, "failed")
    assert 'no topology is named "nowhere"' in message["message"], message


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"choose": ["nearst"]}, 'longest-remaining (got "nearst"); did you mean "nearest"?'),
        ({"choose": ["random", "random"]}, "choose: random is given twice"),
        ({"free_shares": [0.0]}, "free share: must be above 0 and at most 1 (got 0)"),
        ({"free_shares": [1.5]}, "free share: must be above 0 and at most 1 (got 1.5)"),
        ({"free_shares": [float("nan")]}, "(got nan)"),
        ({"terminals": [0]}, "terminals: must be from 1 to 1000 (got 0)"),
        ({"acquisitions_s": [-1.0]}, "acquisition: must be from 0 to 86400 s (got -1)"),
        ({"acquisitions_s": []}, "acquisition: none is given"),
        ({"clients": ["h"]}, 'clients: "h" is no group of guests of guests, but g, other'),
        ({"warm_up_s": -1.0}, "the warm-up must be from 0 to"),
        ({"duration_s": 0.0}, "the duration must be a number of seconds above 0 (got 0)"),
        ({"seeds": 0}, "seeds: must be at least 1 (got 0)"),
        ({"seeds": 6000, "terminals": [1, 2]}, "2 combinations with 6,000 seeds are too many"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(guests, options, words):
    with pytest.raises(UserError) as raised:
        study(guests, **options)
    assert words in str(raised.value)


def test_a_topology_without_guests_is_refused(tmp_path):
    shell(tmp_path)
    with pytest.raises(UserError, match="shell has no guests; a topology with a rule guest is wanted"):
        attach(str(tmp_path / "shell.toml"))


@pytest.mark.parametrize(("status", "error"), [("failed", RunFailed), ("interrupted", Interrupted)])
def test_a_run_that_fails_or_is_interrupted_ends_the_study(guests, monkeypatch, status, error):
    class Pool:
        def __init__(self, orders, *others):
            self.orders = orders

        def events(self):
            yield 0, {"share": 0.5}
            yield 0, {"status": status, "message": f"it was {status}"}

    monkeypatch.setattr(attaching, "WorkerPool", Pool)
    with pytest.raises(error, match=status):
        study(guests, workers=2, seeds=2)


# -- the reference -------------------------------------------------------------------------------------------


@pytest.mark.compiled_only
@pytest.mark.parametrize("policy", ["nearest", "longest-remaining"])
def test_guests_of_the_shells_of_2026_are_connected_as_in_the_reference(policy):
    """Within five points, of which the reference's own draws differ; `bench/studies.py` has all rows."""
    path = Path(__file__).parents[2] / "bench" / "studies.py"
    spec = importlib.util.spec_from_file_location("studies", path)
    studies = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(studies)
    (guest,) = (each for each in studies.GUESTS if each[:3] == ("sso700", policy, 0.02))
    (row,) = studies.attached(guest, seeds=1, acquisitions_s=[100.0], workers=1, sets=["step_s=10"])
    difference = 100.0 * row["connected_share_median_guest"] - guest.connected_percent[-1]
    assert abs(difference) <= studies.POINTS
