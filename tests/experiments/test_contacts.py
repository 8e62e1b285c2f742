"""The contact plan of a topology, as it is found and written."""

import json

import numpy as np
import pytest

from lasermesh.contacts import LinkEngine
from lasermesh.errors import UserError
from lasermesh.experiments.contacts import describe_contacts, find_contacts, write_contacts
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S
from tests.experiments.skies import NEAREST, quito, shell

PLANNED = """
[[satellites]]
name = "f"
fixed = ["relay"]
[[links]]
rule = "plan"
plan = "plan.csv"
"""


def test_links_are_up_within_contacts_and_down_beside_them(tmp_path):
    topology = shell(tmp_path, quito())
    found = find_contacts(topology, 100.0, 1500.0)
    engine = LinkEngine(topology, build_ephemeris(topology))
    plan = found.plan
    assert plan.size >= 6 and (found.start_s, found.stop_s) == (100.0, 1600.0)

    def is_up(row, t_s):
        graph = engine.graph_at(t_s)
        return bool(((graph.from_node == plan.from_node[row]) & (graph.to_node == plan.to_node[row])).any())

    for row in range(plan.size):
        start_s, stop_s = float(plan.start_s[row]), float(plan.stop_s[row])
        assert is_up(row, start_s + 1e-3) and is_up(row, stop_s - 1e-3)
        assert plan.open_start[row] == (start_s == 100.0) and plan.open_stop[row] == (stop_s == 1600.0)
        if not plan.open_start[row]:
            assert not is_up(row, start_s - 1e-3)
        if not plan.open_stop[row]:
            assert not is_up(row, stop_s + 1e-3)


def test_memory_is_told_and_a_warm_up_moves_its_beginning(tmp_path):
    topology = shell(tmp_path, NEAREST)
    assert find_contacts(topology, 300.0, 10.0).memory == {"from_s": 0.0, "warm_up_s": None}
    warm = find_contacts(topology, 300.0, 10.0, warm_up_s=60.0)
    assert warm.memory == {"from_s": 240.0, "warm_up_s": 60.0}
    assert find_contacts(topology, 0.0, 10.0, potential=True).memory is None


def test_geometry_alone_allows_whatever_is_made(tmp_path):
    topology = shell(tmp_path, NEAREST, terminal="acquisition_s = 10.0")
    made = find_contacts(topology, 0.0, 600.0).plan
    possible = find_contacts(topology, 0.0, 600.0, potential=True).plan
    assert possible.size > made.size
    windows = {}
    for a, b, start_s, stop_s in zip(*possible[:2], *possible[3:5], strict=True):
        windows.setdefault((a, b), []).append((start_s, stop_s))
    for a, b, start_s, stop_s in zip(*made[:2], *made[3:5], strict=True):
        assert any(first <= start_s + 1e-5 and stop_s <= last + 1e-5 for first, last in windows[a, b])


def test_geometry_alone_has_no_memory_whatever_terminals_take_to_acquire(tmp_path):
    slow = "acquisition_s = 40.0\nmean_time_between_losses_s = 100.0"
    found = find_contacts(
        shell(tmp_path, '[[links]]\nrule = "grid"\n', terminal=slow), 3600.0, 10.0, potential=True
    )
    assert found.memory is None and found.plan.size and found.plan.open_start.all()


def test_split_contacts_cover_the_whole_ones_and_hold_their_limit(tmp_path):
    topology = shell(tmp_path, quito())
    whole = find_contacts(topology, 0.0, 1500.0).plan
    pieces = find_contacts(topology, 0.0, 1500.0, split_owlt_ms=1.0).plan
    assert pieces.size > whole.size
    ephemeris = build_ephemeris(topology)
    for row in range(0, pieces.size, 3):
        ends = [int(pieces.from_node[row]), int(pieces.to_node[row])]
        times_s = np.linspace(pieces.start_s[row], pieces.stop_s[row], 9)
        owlt_s = [
            np.linalg.norm(np.diff(ephemeris.state_at(t_s)[0][ends], axis=0)) / SPEED_OF_LIGHT_M_PER_S
            for t_s in times_s
        ]
        assert max(owlt_s) - min(owlt_s) < 1.03e-3
        assert pieces.owlt_s[row] == pytest.approx(owlt_s[4], abs=1e-9)

    def lengths(plan):
        sums = {}
        for a, b, start_s, stop_s in zip(*plan[:2], *plan[3:5], strict=True):
            sums[a, b] = sums.get((a, b), 0.0) + stop_s - start_s
        return sums

    assert lengths(pieces) == pytest.approx(lengths(whole), abs=1e-6)
    assert pieces.open_start.sum() == whole.open_start.sum()


def test_light_times_of_a_plan_file_stay_as_they_are(tmp_path):
    (tmp_path / "plan.csv").write_text(
        "from,to,start_s,stop_s,rate_bps,owlt_s\nrelay,w-0-0,0,600,1000,0.5\nw-0-0,w-3-3,0,600,1000,0.25\n"
    )
    plan = find_contacts(shell(tmp_path, PLANNED), 0.0, 600.0, split_owlt_ms=0.1).plan
    assert sorted(plan.owlt_s.tolist()) == [0.25, 0.5]


@pytest.mark.parametrize("file_format", ["csv", "json", "parquet"])
def test_a_plan_that_was_written_makes_the_same_links_when_it_is_read(tmp_path, file_format):
    topology = shell(tmp_path, quito())
    found = find_contacts(topology, 0.0, 900.0)
    write_contacts(found, file_format, tmp_path / f"plan.{file_format}")
    text = (tmp_path / "shell.toml").read_text()
    text = text[: text.index("[[links]]")] + f'[[links]]\nrule = "plan"\nplan = "plan.{file_format}"\n'
    (tmp_path / "again.toml").write_text(text)
    again = find_contacts(load_topology(tmp_path / "again.toml"), 0.0, 900.0)
    assert again.plan.size == found.plan.size
    for column in ("from_node", "to_node", "rate_bps"):
        assert getattr(again.plan, column).tolist() == getattr(found.plan, column).tolist()
    for column in ("start_s", "stop_s", "owlt_s"):
        assert getattr(again.plan, column) == pytest.approx(getattr(found.plan, column), abs=1e-9)


def test_json_has_the_fields_of_the_contract(tmp_path):
    found = find_contacts(shell(tmp_path, quito()), 0.0, 600.0)
    write_contacts(found, "json", tmp_path / "plan.json")
    written = json.loads((tmp_path / "plan.json").read_text())
    assert list(written) == ["topology", "utc", "start_s", "stop_s", "potential", "memory", "contacts"]
    assert (written["topology"], written["utc"]) == ("shell", "2026-03-20T12:00:00Z")
    fields = "from to kind start_s stop_s rate_bps owlt_s open_start open_stop"
    assert written["contacts"] and all(" ".join(row) == fields for row in written["contacts"])


def test_what_a_format_cannot_hold_is_warned_about(tmp_path):
    found = find_contacts(shell(tmp_path, quito()), 0.0, 600.0)
    warnings = []
    write_contacts(found, "ion", tmp_path / "plan.ionrc", warn=warnings.append)
    assert any("light times are rounded" in warning for warning in warnings)
    del warnings[:]
    write_contacts(found, "ion", tmp_path / "plan.ionrc", fractions=True, warn=warnings.append)
    assert warnings == []


def test_the_description_counts_contacts_and_gaps(tmp_path):
    found = find_contacts(shell(tmp_path, quito()), 0.0, 7200.0)
    plan = found.plan
    rows = [[cell.strip() for cell in row] for row in describe_contacts(found)]
    assert rows[1][:2] == ["satellite links, one way", "0"]
    pairs = set(zip(plan.from_node.tolist(), plan.to_node.tolist(), strict=True))
    assert rows[2][:2] == ["ground links, one way", str(len(pairs))]
    assert rows[3][:2] == ["contacts, s", str(plan.size)]
    cut = plan.open_start | plan.open_stop
    assert rows[4][:2] == ["of these not cut, s", str(int((~cut).sum()))]
    assert rows[5][:2] == ["gaps between them, s", str(plan.size - len(pairs))]
    length_s = plan.stop_s - plan.start_s
    assert [float(cell) for cell in rows[3][2:]] == pytest.approx(
        [length_s.min(), length_s.mean(), length_s.max()], abs=1e-3
    )


def test_a_topology_without_links_has_an_empty_plan(tmp_path):
    found = find_contacts(shell(tmp_path, ""), 0.0, 60.0)
    assert found.plan.size == 0 and found.memory is None
    assert len(describe_contacts(found)) == 3
    write_contacts(found, "csv", tmp_path / "plan.csv")
    assert (tmp_path / "plan.csv").read_text().startswith("from,to,kind")


def test_progress_is_told_until_the_end(tmp_path):
    told = []
    find_contacts(shell(tmp_path, quito()), 50.0, 1300.0, on_progress=told.append)
    assert told == sorted(told) and told[-1] == 1350.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"duration_s": 0.0}, "the duration must be a number of seconds above 0"),
        ({"duration_s": -1.0}, "the duration must be a number of seconds above 0"),
        ({"duration_s": float("nan")}, "the duration must be a number of seconds above 0"),
        ({"start_s": float("inf")}, "the start must be a number of seconds"),
        ({"duration_s": 1e12}, "the end must be within 100 years"),
        ({"split_owlt_ms": 0.0}, "light times can be split at 0.001 to"),
        ({"split_owlt_ms": float("nan")}, "light times can be split at 0.001 to"),
        ({"warm_up_s": -1.0}, "the warm-up must be from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        find_contacts(shell(tmp_path, quito()), **options)


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    found = find_contacts(shell(tmp_path, quito()), 0.0, 60.0)
    with pytest.raises(UserError, match="cannot be written"):
        write_contacts(found, "csv", tmp_path / "no" / "plan.csv")
