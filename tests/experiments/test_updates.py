"""Tables that come late: black holes and micro-loops by pencil, what is plausible, what is refused."""

import re

import pytest

from lasermesh.cli.docs import topics
from lasermesh.errors import UserError
from lasermesh.experiments.running import run
from lasermesh.results import format_summary
from lasermesh.results.tables import OUTAGE_COLUMNS
from tests.experiments.worlds import go, write_moving

RATE = 75.0
"""Packets per second of the worlds' flow: 1500 bytes at 0.9 Mbit/s."""

LEARNT = """
[routing]
update = "{update}"
detection_s = 0.2
hop_processing_s = 0
hold_s = 0.05
compute_s = 0.01
"""


def outages_of(done):
    rows = done.kept.outages.to_pylist()
    return [
        (round(row["t_s"], 9), row["kind"], row["cause"], round(row["duration_s"], 9), row["node"])
        for row in rows
    ]


def lost_by(done, cause):
    return done.summary["drops_total"][cause]


# -------------------------------------------------------------------------- two ways between two sites


def test_tables_at_once_that_cannot_know_leave_a_black_hole_until_the_next(world):
    """The fault at 1.25 s is seen at 2 s."""
    fault = "[[faults]]\nlink = ['Quito', 'left']\nat_s = 1.25\n"
    done = world(left_stop_s=1e9, more=fault)
    assert outages_of(done) == [(1.25, "black-hole", "link_down", 0.75, "Quito")]
    assert lost_by(done, "link_down") == pytest.approx(0.75 * RATE, abs=2)
    assert done.summary["routing"]["update"] == "instant"
    assert done.summary["routing"]["convergence_s"] is None
    assert (done.summary["routing"]["tables"], done.summary["routing"]["switches"]) == (4, 16)


def test_central_tables_come_one_delay_after_the_controller_looked(world):
    """The left satellite sets at 1.25 s, which nobody foresees; the controller looks at 2 s."""
    done = world(left_stop_s=1.25, more="[routing]\nupdate = 'central'\nupdate_delay_s = 0.5\n")
    assert outages_of(done) == [(1.25, "black-hole", "link_down", 1.25, "Quito")]
    lost = lost_by(done, "link_down")
    assert lost == pytest.approx(1.25 * RATE, abs=2)
    holes = done.summary["routing"]["black_holes"]
    assert holes["link_down"] == {"count": 1, "total_s": 1.25, "longest_s": 1.25, "dropped": lost}
    assert done.summary["routing"]["convergence_s"] == {"mean": 0.5, "max": 0.5}
    (change,) = done.summary["path_changes"]
    assert (change["t_s"], change["dropped"]) == (2.5, lost)
    assert "Black holes" in format_summary(done.summary)


def test_from_a_node_tables_take_the_light_time_and_the_processing(world):
    """From Lima by way of the right satellite: two links of 6 ms, each with 1 ms behind it."""
    keys = "update_delay_s = 0.5\ncontroller = 'Lima'\nhop_processing_s = 0.001\n"
    done = world(left_stop_s=1.25, more=f"[routing]\nupdate = 'central'\n{keys}")
    assert outages_of(done) == [(1.25, "black-hole", "link_down", pytest.approx(1.25 + 0.014), "Quito")]
    # The left satellite, to which no link leads any more, keeps the table that it has.
    assert done.summary["routing"]["switches"] == 4 + 4 + 3 + 3
    assert done.summary["routing"]["convergence_s"]["max"] == pytest.approx(0.514)


def test_news_puts_tables_in_force_after_detection_hold_and_computing(world):
    """Quito finds its own link down, and has heard of the other one before its hold is over."""
    done = world(left_stop_s=1.25, more=LEARNT.format(update="link-state"))
    assert outages_of(done) == [(1.25, "black-hole", "link_down", 0.26, "Quito")]
    assert lost_by(done, "link_down") == pytest.approx(0.26 * RATE, abs=2)
    assert done.summary["routing"]["tables"] == 5  # one of every second, and that of the update


def test_a_hold_shorter_than_the_way_of_the_news_waits_for_all_of_it(world):
    """Of the left satellite's other link Quito hears from Lima, over twice 6 ms."""
    more = LEARNT.format(update="link-state").replace("hold_s = 0.05", "hold_s = 0")
    done = world(left_stop_s=1.25, more=more)
    assert outages_of(done) == [(1.25, "black-hole", "link_down", 0.222, "Quito")]


def test_an_update_in_the_midst_of_a_routing_interval_waits_for_no_interval(world):
    more = LEARNT.format(update="link-state") + "interval_s = 4.0\n"
    done = world(left_stop_s=1.9, more=more)  # the hold is over in the step behind
    assert outages_of(done) == [(1.9, "black-hole", "link_down", 0.26, "Quito")]
    assert done.summary["routing"]["tables"] == 2


@pytest.mark.parametrize("stop_s", [1.25, 2.0, 2.05])
def test_what_is_foretold_costs_nothing_and_what_fails_is_learnt(world, stop_s):
    more = LEARNT.format(update="predicted") + "interval_s = 2.0\n"
    done = world(left_stop_s=stop_s, more=more)
    assert outages_of(done) == [] and sum(done.summary["drops_total"].values()) == 0
    (change,) = done.summary["path_changes"]
    assert change["t_s"] == pytest.approx(stop_s - 0.1)

    fault = "[[faults]]\nlink = ['Quito', 'left']\nat_s = 1.25\n"
    done = world(left_stop_s=1e9, more=more + fault)
    assert outages_of(done) == [(1.25, "black-hole", "link_down", 0.26, "Quito")]


def test_a_link_is_left_a_lead_before_it_ends_and_what_waits_gets_through(world):
    """More than a link carries is sent: a queue of 50 ms is there when the left satellite sets."""
    make, break_ = (
        world(rate_gbps=0.0012, more=f"[routing]\nupdate = 'predicted'\nhandover = '{handover}'\n")
        for handover in ("make-before-break", "break-before-make")
    )
    assert lost_by(make, "link_down") == 0
    assert 4 <= lost_by(break_, "link_down") <= 6  # 50 ms at 1 Mbit/s, one in service, one on its way
    assert [change["t_s"] for change in make.summary["path_changes"]] == [1.9]
    assert [change["t_s"] for change in break_.summary["path_changes"]] == [2.0]
    assert outages_of(make) == outages_of(break_) == []


def test_the_last_way_is_kept_until_it_ends(world):
    """Both satellites set at 2 s; to leave them 0.5 s before would gain nothing."""
    done = world(right_stop_s=2.0, more="[routing]\nupdate = 'predicted'\nlead_s = 0.5\n")
    assert outages_of(done) == [(2.0, "black-hole", "no_route", 2.0, "Quito")]
    assert done.kept.outages.to_pylist()[0]["open_end"] is True
    assert done.summary["routing"]["black_holes"]["no_route"]["dropped"] == lost_by(done, "no_route") > 0


def test_a_failed_source_is_a_black_hole_of_its_own(world):
    done = world(left_stop_s=1e9, more="[[faults]]\nnodes = 'Quito'\nat_s = 1.5\nrepair_s = 2.5\n")
    assert outages_of(done) == [
        (1.5, "black-hole", "node_down", 1.0, "Quito"),
        (2.5, "black-hole", "no_route", 0.5, "Quito"),  # the table of 2 s knows no link of it
    ]


# -------------------------------------------------------------------------------------- four in a ring

RING = """
duration_s = 3.0
[topology]
name = "ring"
step_s = 1.0
[[topology.satellites]]
name = "s"
fixed = ["a", "b", "c", "d"]
[[topology.links]]
rule = "plan"
plan = "ring.csv"
[routing]
update = "link-state"
detection_s = 0.2
hop_processing_s = {hop_s}
hold_s = 0.0
compute_s = 0.01
[packets]
hop_limit = 8
[[flows]]
name = "data"
from = "{source}"
to = "d"
rate_gbps = 0.0012
packet_bytes = 150
phase_s = 0.0
"""
RING_LINKS = [("a", "b", 0.004), ("b", "d", 0.004), ("a", "c", 0.02), ("c", "d", 0.02)]


def ring(folder, hop_s, source="b", stop_s=1.3):
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for one, other, owlt_s in RING_LINKS:
        end_s = stop_s if (one, other) == ("b", "d") else 1e9
        rows += [f"{a},{b},0,{end_s},10000000,{owlt_s}" for a, b in ((one, other), (other, one))]
    (folder / "ring.csv").write_text("\n".join(rows) + "\n")
    (folder / "ring.toml").write_text(RING.format(hop_s=hop_s, source=source))
    return go(folder / "ring.toml", folder / "run")


def test_two_neighbours_point_at_each_other_until_news_has_crossed_their_link(tmp_path):
    """b turns to a at 1.51 s; a, which sends to d by way of b, learns of it 4 ms + 0.5 s later."""
    done = ring(tmp_path, hop_s=0.5)
    loop_s = 0.504
    assert outages_of(done) == [
        (1.3, "black-hole", "link_down", 0.21, "b"),
        (1.51, "micro-loop", None, loop_s, "b"),
    ]
    assert lost_by(done, "link_down") == pytest.approx(0.21 * 1000, abs=1)
    # A packet is at a after 1, 3, 5 and 7 links, from where it needs two more: with at most eight it is saved
    # if a turns round before it has crossed five.
    link_s = 0.004 + 150 * 8 / 1e7
    assert lost_by(done, "hop_limit") == pytest.approx(1000 * (loop_s - 5 * link_s), abs=1)
    loops = done.summary["routing"]["micro_loops"]
    assert loops == {
        "count": 1,
        "total_s": pytest.approx(loop_s),
        "longest_s": pytest.approx(loop_s),
        "dropped": lost_by(done, "hop_limit"),
    }
    assert "Micro-loops" in format_summary(done.summary)


def test_packets_caught_in_a_short_loop_come_late(tmp_path):
    """Without processing the loop lasts 4 ms; what a has sent to b until then comes back, and goes by c."""
    done = ring(tmp_path, hop_s=0.0, source="a")
    assert outages_of(done)[1] == (1.51, "micro-loop", None, 0.004, "a")
    assert lost_by(done, "hop_limit") == 0
    assert lost_by(done, "link_down") == pytest.approx(210, abs=1)
    longest_s = done.summary["flows"][0]["latency_ms"]["max"] / 1e3
    link_s = 0.004 + 150 * 8 / 1e7
    assert longest_s == pytest.approx(2 * link_s + 2 * (0.016 + link_s), rel=1e-9)


def test_a_node_that_no_news_reaches_keeps_its_table_until_it_is_linked_again(world):
    """Quito loses both satellites at 1.2 s; the right one is back at 1.7 s, and the news of that with it."""
    faults = "[[faults]]\nlink = ['Quito', 'left']\nat_s = 1.2\n"
    faults += "[[faults]]\nlink = ['Quito', 'right']\nat_s = 1.2\nrepair_s = 1.7\n"
    done = world(left_stop_s=1e9, more=LEARNT.format(update="link-state") + faults)
    assert outages_of(done) == [
        (1.2, "black-hole", "link_down", 0.26, "Quito"),
        (1.46, "black-hole", "no_route", 0.5, "Quito"),
    ]


# ---------------------------------------------------------------------------------------- plausibility


BREATHING = """
duration_s = 60.0
[topology]
name = "breathing"
epoch = 2026-03-20T12:00:00Z
step_s = 5.0
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 12
slots = 12
phasing_factor = 7
altitude_km = 550.0
inclination_deg = 53.0
[[topology.links]]
rule = "grid"
offsets = [[0, 1]]
rate_gbps = 0.01
[[topology.links]]
rule = "grid"
offsets = [[1, 0]]
max_range_km = 1000.0
rate_gbps = 0.01
[[flows]]
name = "data"
pairs = [["w-00-00", "w-03-05"], ["w-01-03", "w-05-02"], ["w-02-06", "w-06-10"], ["w-04-01", "w-07-07"],
  ["w-05-05", "w-09-08"], ["w-08-02", "w-11-05"], ["w-10-10", "w-02-02"], ["w-11-00", "w-04-08"]]
rate_gbps = 0.00005
packet_bytes = 125
"""


@pytest.mark.compiled_only
def test_foretold_tables_lose_least_and_slow_detection_most(tmp_path):
    """OSPF-SUR loses 90.5 % less at hand-overs of ISLs than OSPF with three hellos, and 61.3 % less than OSPF
    that sees the interface go down (reference figures, section 7). Here links to the next plane end beyond
    1,000 km, and shortest paths change at the poles of the shell.
    """
    (tmp_path / "breathing.toml").write_text(BREATHING)
    lost = {}
    for name, *sets in (
        ("make", "update=predicted"),
        ("break", "update=predicted", "handover=break-before-make"),
        ("interface", "update=link-state", "detection_s=0.05"),
        ("hellos", "update=link-state", "detection_s=3.0"),
    ):
        done = go(tmp_path / "breathing.toml", tmp_path / name, sets=[f"routing.{each}" for each in sets])
        lost[name] = sum(done.summary["drops_total"].values())
    assert 10 < lost["interface"] < (1 - 0.905) / (1 - 0.613) * lost["hellos"]
    assert lost["make"] <= lost["break"] <= (1 - 0.613) * lost["interface"]
    assert lost["make"] <= (1 - 0.905) * lost["hellos"]
    assert lost["make"] == 0


# ----------------------------------------------------------------------------------------- wrong files


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("update = 'often'", 'routing.update: must be "instant", "central", "link-state" or "predicted"'),
        (
            "detection_s = 0.1",
            'routing.detection_s: goes with update = "link-state" or "predicted", not with',
        ),
        ("update = 'central'\ncontroller = 'Lyma'", 'routing.controller: no node is named "Lyma"'),
        (
            "update = 'central'\nupdate_delay_s = 101",
            "routing.update_delay_s: must be at most 100, 100 times",
        ),
        ("update = 'link-state'\nhold_s = -1", "routing.hold_s: must be a number from 0 to 60"),
        ("update = 'link-state'\nlead_s = 1", 'routing.lead_s: goes with update = "predicted", not with'),
        (
            "update = 'predicted'\nhandover = 'break-before-make'\nlead_s = 1",
            'routing.lead_s: cannot stand beside handover = "break-before-make"',
        ),
    ],
)
def test_keys_that_do_not_go_together_are_refused(tmp_path, world, lines, message):
    with pytest.raises(UserError) as refused:
        world(more=f"[routing]\n{lines}\n")
    assert message in str(refused.value)


def test_the_documentation_names_the_columns_of_outages():
    named = re.findall(
        r"^\| (`.*?`) \| [^|]* \|$", topics()["updates"].split("## What is counted")[1], re.MULTILINE
    )
    assert [column for cell in named for column in re.findall(r"`(\w+)`", cell)] == [
        column.name for column in OUTAGE_COLUMNS
    ]


def test_a_run_does_not_depend_on_threads(tmp_path):
    file = write_moving(tmp_path, duration_s=30.0, step_s=10.0)
    one, two = (
        run(file, sets=["routing.update=link-state"], threads=threads, output=tmp_path / str(threads))
        for threads in (1, 2)
    )
    assert one.summary["routing"] == two.summary["routing"]
    assert one.summary["flows"] == two.summary["flows"]
