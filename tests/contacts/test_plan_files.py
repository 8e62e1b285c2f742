"""Contact plans written and read again, what rounding says, and cutting by light time."""

import datetime
import io
import itertools
import json
import math
import os
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lasermesh.contacts import plan_files
from lasermesh.contacts.plan_files import (
    WRITERS,
    PlanNodes,
    nodes_of,
    write_asabr,
    write_csv,
    write_hdtn,
    write_ion,
    write_json,
    write_parquet,
)
from lasermesh.contacts.plan_splitting import split_owlt
from lasermesh.contacts.plan_table import contact_plan_of
from lasermesh.contacts.skies import Skies
from lasermesh.errors import UserError
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from lasermesh.units import SPEED_OF_LIGHT_M_PER_S
from tests.orbits.scenes import random_sites, topology, walker

NAMES = ("a", "New York", "c#1", "東京")
EPOCH = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)
NODES = PlanNodes(NAMES, np.array([1, 2, 3, 4]), EPOCH)
SCENE = """
epoch = 2026-03-20T12:00:00Z
[[satellites]]
name = "n"
fixed = ["a", "New York", "c#1", "東京"]
[[links]]
rule = "plan"
plan = "plan"
"""
EXACT = [
    (write_csv, {}),
    (write_json, {}),
    (write_parquet, {}),
    (write_ion, {"fractions": True}),
    (write_asabr, {"fractions": True}),
]


def plan_of(*rows):
    """A plan of (from, to, start, stop, rate, light time)."""
    a, b, start_s, stop_s, rate_bps, owlt_s = zip(*rows, strict=True) if rows else [()] * 6
    n = len(rows)
    return contact_plan_of(a, b, [0] * n, start_s, stop_s, rate_bps, owlt_s, [False] * n, [True] * n)


def read_again(folder):
    """(from, to, start, stop, rate, light time) of each contact in the file `plan`, by row."""
    (folder / "scene.toml").write_text(SCENE, encoding="utf-8")
    topology = load_topology(folder / "scene.toml")
    assert topology.warnings == ()
    return [
        (
            topology.row_of(c.from_name),
            topology.row_of(c.to_name),
            c.start_s,
            c.stop_s,
            c.rate_bps,
            c.owlt_s,
        )
        for c in topology.links[0].plan_contacts
    ]


def rows_of(plan):
    columns = (plan.from_node, plan.to_node, plan.start_s, plan.stop_s, plan.rate_bps, plan.owlt_s)
    return list(zip(*(column.tolist() for column in columns), strict=True))


THREE = plan_of(
    (0, 1, 0.0, 60.0, 10**9, 0.004),
    (1, 0, 0.25, 61.5, 8 * 10**8, 0.0041),
    (0, 2, 5.0, 9.123456789, 12345, 2.5),
    (2, 3, 1e-7, 0.1 + 0.2, 1, 1e-9),
    (2, 3, 0.1 + 0.2, 7.0, 8, 1e-9),
).sorted()


@pytest.mark.parametrize(("writer", "options"), EXACT)
def test_what_is_written_exactly_is_read_again(tmp_path, writer, options):
    said = []
    writer(tmp_path / "plan", THREE, NODES, said.append, **options)
    assert read_again(tmp_path) == rows_of(THREE)
    assert [message for message in said if "A-SABR cannot read" not in message] == []


# Disjoint contacts of some pairs, with gaps or none, in multiples of awkward numbers.
PIECES = st.lists(
    st.tuples(st.floats(0.0, 50.0), st.floats(0.001, 1e4), st.integers(8, 10**12), st.floats(0.0, 3.0)),
    min_size=1,
    max_size=4,
)


@given(
    pairs=st.dictionaries(
        st.sampled_from([(0, 1), (1, 0), (0, 2), (3, 2), (2, 3)]), PIECES, min_size=1, max_size=5
    ),
    before_s=st.sampled_from([0.0, 100.25]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_plan_is_read_again(tmp_path, pairs, before_s):
    rows = []
    for (a, b), pieces in pairs.items():
        at = 0.0
        for gap_s, length_s, rate, owlt_s in pieces:
            at += gap_s
            if rows and rows[-1][:2] == (a, b) and rows[-1][3] == at and rows[-1][4:] == (rate, owlt_s):
                at += 1.0  # the same contact would go on
            rows.append((a, b, at, at + length_s, rate, owlt_s))
            at += length_s
    plan = plan_of(*rows).sorted()
    for writer, options in EXACT:
        writer(tmp_path / "plan", plan, NODES, None, **options)
        assert read_again(tmp_path) == rows_of(plan), writer.__name__
    shifted = plan._replace(start_s=plan.start_s - before_s, stop_s=plan.stop_s - before_s)
    write_ion(tmp_path / "plan", shifted, NODES, None, fractions=True)
    found = read_again(tmp_path)
    assert [row[:2] for row in found] == [row[:2] for row in rows_of(shifted)]
    assert np.array([row[2:4] for row in found]) == pytest.approx(
        np.array([row[2:4] for row in rows_of(shifted)]), abs=1e-6
    )


# Times and light times in whole seconds.

LEO = plan_of((0, 1, 0.25, 100.5, 10**9, 0.0133), (1, 0, 99.4, 101.45, 10**9 + 4, 0.6))


def whole_numbers(text):
    return [
        [int(word) for word in line.replace("+", "").split()[2:]]
        for line in text.splitlines()
        if line[0] == "a"
    ]


def test_ion_gets_whole_seconds_and_bytes_and_says_what_that_changes(tmp_path):
    said = []
    write_ion(tmp_path / "plan", LEO, NODES, said.append)
    lines = [line for line in (tmp_path / "plan").read_text().splitlines() if not line.startswith("#")]
    assert lines == [
        "a range +1 +100 1 2 0",
        "a contact +1 +100 1 2 125000000",
        "a range +100 +101 2 1 1",
        "a contact +100 +101 2 1 125000001",
    ]
    hint = "; fractions can be asked for, where the reader knows them"
    assert said == [
        f"2 of 2 contacts have times rounded inwards to whole seconds, by at most 0.75 s{hint}",
        "1 of 2 rates are rounded to whole bytes/s",
        f"2 of 2 light times are rounded to whole seconds, 1 of them to 0, by at most 0.4 s{hint}",
    ]


def test_contacts_that_no_whole_second_is_left_of_are_counted(tmp_path):
    plan = plan_of((0, 1, 0.6, 1.4, 8, 1.0), (0, 1, 5.0, 6.0, 8, 1.0))
    for writer in (write_ion, write_hdtn, write_asabr):
        said = []
        writer(tmp_path / "plan", plan, NODES, said.append)
        assert any("1 of 2 contacts are left out: the longest of them lasts 0.800 s" in each for each in said)
        assert len(read_again(tmp_path)) == 1


def test_rounded_contacts_of_a_pair_never_overlap(tmp_path):
    rng = np.random.default_rng(5)
    edges = np.sort(rng.uniform(0, 60, 40)).tolist()
    plan = plan_of(*((0, 1, s, e, 8 * k, 1.0) for k, (s, e) in enumerate(itertools.pairwise(edges), 1)))
    for writer in (write_ion, write_hdtn, write_asabr):
        writer(tmp_path / "plan", plan, NODES)
        found = read_again(tmp_path)
        assert len(found) > 10
        assert all(one[3] <= two[2] for one, two in itertools.pairwise(found))
        # Those that follow one another leave no gap, and nothing is planned before or after them.
        assert sum(row[3] - row[2] for row in found) == math.floor(edges[-1]) - math.ceil(edges[0])


def test_ion_has_ranges_in_both_directions_one_while_the_light_time_stays(tmp_path):
    plan = plan_of(
        (0, 1, 0, 10, 8, 1.0), (0, 1, 20, 30, 8, 1.0), (0, 1, 40, 50, 8, 2.0), (3, 2, 0, 5, 8, 1.0)
    )
    write_ion(tmp_path / "plan", plan, NODES)
    ranges = [line for line in (tmp_path / "plan").read_text().splitlines() if line.startswith("a range")]
    assert sorted(ranges) == [
        "a range +0 +30 1 2 1",
        "a range +0 +30 2 1 1",
        "a range +0 +5 3 4 1",
        "a range +0 +5 4 3 1",
        "a range +40 +50 1 2 2",
        "a range +40 +50 2 1 2",
    ]
    assert read_again(tmp_path) == rows_of(plan)


def test_ion_lines_stand_in_the_order_of_time(tmp_path):
    write_ion(tmp_path / "plan", THREE, NODES)
    starts = [row[0] for row in whole_numbers((tmp_path / "plan").read_text())]
    assert starts == sorted(starts)


def test_ion_times_before_the_epoch_are_absolute(tmp_path):
    write_ion(tmp_path / "plan", plan_of((0, 1, -0.5, 10.25, 8, 1.0)), NODES, fractions=True)
    assert "a contact 2026/03/20-11:59:59.5 2026/03/20-12:00:10.25 1 2 1\n" in (tmp_path / "plan").read_text()
    assert read_again(tmp_path) == [(0, 1, -0.5, 10.25, 8, 1.0)]


def test_hdtn_gets_bits_and_integers_alone(tmp_path):
    said = []
    write_hdtn(tmp_path / "plan", LEO, NODES, said.append)
    first, second = json.loads((tmp_path / "plan").read_text())["contacts"]
    assert first == {
        "contact": 0,
        "source": 1,
        "dest": 2,
        "startTime": 1,
        "endTime": 100,
        "rateBitsPerSec": 10**9,
        "owlt": 0,
    }
    assert second["rateBitsPerSec"] == 10**9 + 4
    assert all(type(value) is int for value in [*first.values(), *second.values()])
    assert said == [
        "2 of 2 contacts have times rounded inwards to whole seconds, by at most 0.75 s",
        "2 of 2 light times are rounded to whole seconds, 1 of them to 0, by at most 0.4 s",
    ]


def test_asabr_gets_dense_ids_and_names_it_can_read(tmp_path):
    said = []
    plan = plan_of((3, 1, 0, 5, 80, 1.0), (1, 2, 2, 5, 80, 1.0))
    write_asabr(tmp_path / "plan", plan, NODES, said.append)
    assert (tmp_path / "plan").read_text() == (
        "# Contact plan: bytes/s and seconds; 0 is 2026-03-20T12:00:00Z\n"
        "# New York\nnode 0 ipn:2\n# c#1\nnode 1 ipn:3\nnode 2 東京\n"
        "contact 2 0 0 5 10 1\ncontact 0 1 2 5 10 1\n"
    )
    assert said == ["names with characters that A-SABR cannot read: 2, written as ipn:NUMBER"]


def test_numbers_of_the_ipn_scheme_are_those_of_the_topology(tmp_path):
    scene = SCENE.replace("fixed", "ipn_first = 70\nfixed").replace('rule = "plan"\nplan = "plan"', "")
    (tmp_path / "x.toml").write_text(scene.replace("[[links]]", ""), encoding="utf-8")
    nodes = nodes_of(load_topology(tmp_path / "x.toml"))
    write_ion(tmp_path / "plan", plan_of((0, 3, 0, 5, 8, 1.0)), nodes)
    assert "a contact +0 +5 70 73 1\n" in (tmp_path / "plan").read_text()


def test_a_light_time_that_is_not_known_is_said_or_left_empty(tmp_path):
    plan = plan_of((0, 1, 0, 5, 8, math.nan))
    for name, writer in WRITERS.items():
        said = []
        writer(tmp_path / "plan", plan, NODES, said.append)
        assert bool(said) == (name in ("ion", "hdtn", "asabr")), said
    write_json(tmp_path / "plan", plan, NODES)
    assert json.loads((tmp_path / "plan").read_text())["contacts"][0]["owlt_s"] is None
    write_parquet(tmp_path / "plan", plan, NODES)
    assert pq.read_table(tmp_path / "plan").column("owlt_s").to_pylist() == [None]
    write_csv(tmp_path / "plan", plan, NODES)
    assert (tmp_path / "plan").read_text().splitlines()[1] == "a,New York,isl,0.0,5.0,8,,false,true"


def test_json_holds_what_else_is_to_be_said_before_the_contacts(tmp_path):
    write_json(tmp_path / "plan", THREE, NODES, more={"memory_from_s": 0.0})
    assert list(json.loads((tmp_path / "plan").read_text())) == ["memory_from_s", "contacts"]


@pytest.mark.parametrize("name", WRITERS)
def test_an_empty_plan_can_be_written(tmp_path, name):
    WRITERS[name](tmp_path / "plan", plan_of(), NODES)
    content = (tmp_path / "plan").read_bytes()
    if name in ("json", "hdtn"):
        assert json.loads(content) == {"contacts": []}
    assert content


# All of the file or what was there before.


def test_nothing_is_left_of_a_file_that_could_not_be_written_to_its_end(tmp_path, monkeypatch):
    def fail(plan, nodes):
        yield []
        raise KeyboardInterrupt

    (tmp_path / "plan").write_text("before")
    monkeypatch.setattr(plan_files, "_row_chunks", fail)
    with pytest.raises(KeyboardInterrupt):
        write_csv(tmp_path / "plan", THREE, NODES)
    assert (tmp_path / "plan").read_text() == "before"
    assert os.listdir(tmp_path) == ["plan"]


def test_a_file_that_cannot_be_written_is_an_error_of_the_user(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        write_csv(tmp_path / "none" / "plan", THREE, NODES)
    with pytest.raises(UserError, match="cannot be written"):
        write_csv(tmp_path, THREE, NODES)
    assert os.listdir(tmp_path) == []


def test_links_and_permissions_of_a_file_stay(tmp_path):
    (tmp_path / "plan").write_text("before")
    (tmp_path / "plan").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "plan")
    write_csv(tmp_path / "link", THREE, NODES)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "plan").stat().st_mode & 0o777 == 0o600
    assert read_again(tmp_path) == rows_of(THREE)


@pytest.mark.parametrize("name", WRITERS)
def test_without_a_path_it_goes_to_standard_output(tmp_path, name, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    monkeypatch.setattr(sys, "stdout", out)
    WRITERS[name](None, THREE, NODES)
    out.flush()
    WRITERS[name](tmp_path / "plan", THREE, NODES)
    assert out.buffer.getvalue() == (tmp_path / "plan").read_bytes()


# Cutting where the light time moves.


def parabola(a, b, t_s):
    """A range that falls and rises again, as of satellites that pass each other at t = 300."""
    return np.sqrt(5e5**2 + (7000.0 * (np.asarray(t_s) - 300.0)) ** 2)


@pytest.mark.parametrize("limit_s", [1e-3, 1e-4, 1e-5])
def test_pieces_cover_the_contact_and_the_light_time_moves_within_the_limit(limit_s):
    plan = plan_of((0, 1, 0.0, 700.0, 8, 1.0), (1, 0, 290.0, 310.0, 16, 1.0))
    plan = plan._replace(open_start=np.array([True, False]))
    cut = split_owlt(plan, limit_s, parabola)
    assert cut.size > 3
    for row in range(2):
        piece = cut.take(cut.rate_bps == plan.rate_bps[row])
        assert piece.start_s[0] == plan.start_s[row] and piece.stop_s[-1] == plan.stop_s[row]
        assert piece.start_s[1:].tolist() == piece.stop_s[:-1].tolist()
        assert (piece.stop_s > piece.start_s).all()
        assert piece.open_start.tolist() == [row == 0] + [False] * (piece.size - 1)
        assert piece.open_stop.tolist() == [False] * (piece.size - 1) + [True]
        for start_s, stop_s, owlt_s in zip(piece.start_s, piece.stop_s, piece.owlt_s, strict=True):
            light_s = parabola(0, 1, np.linspace(start_s, stop_s, 50)) / SPEED_OF_LIGHT_M_PER_S
            assert np.ptp(light_s) <= limit_s * 1.03
            if piece.size > 1:
                middle = parabola(0, 1, 0.5 * (start_s + stop_s)) / SPEED_OF_LIGHT_M_PER_S
                assert owlt_s == pytest.approx(middle, abs=1e-12)


def test_a_contact_whose_light_time_hardly_moves_or_is_not_known_stays_as_it_is():
    plan = plan_of((0, 1, 0.0, 700.0, 8, 0.25), (1, 0, 0.0, 5.0, 8, 0.5))
    for range_at in (lambda a, b, t: np.full(len(t), 1e6), lambda a, b, t: np.full(len(t), math.nan)):
        cut = split_owlt(plan, 1e-3, range_at)
        assert rows_of(cut) == rows_of(plan)
    assert split_owlt(plan_of(), 1e-3, parabola).size == 0
    with pytest.raises(ValueError, match="must be above 0"):
        split_owlt(plan, 0.0, parabola)


@pytest.mark.parametrize(("first_s", "last_s"), [(-1.0, 150.0), (100.0, 200.0), (500.0, 900.0)])
def test_a_light_time_that_is_not_known_for_a_while_does_no_harm(first_s, last_s):
    def jumps(a, b, t_s):
        t_s = np.asarray(t_s)
        unknown = (first_s <= t_s) & (t_s < last_s)
        return np.where(unknown, math.nan, np.where(t_s < 150.0, 1e6, 5e8 + t_s))

    plan = plan_of((0, 1, 0.0, 700.0, 8, 0.25), (1, 0, 0.0, 700.0, 8, 0.25))
    cut = split_owlt(plan, 1e-4, jumps)
    there = cut.take(cut.from_node == 0)
    assert there.start_s[0] == 0.0 and there.stop_s[-1] == 700.0
    assert there.start_s[1:].tolist() == there.stop_s[:-1].tolist()
    assert there.start_s.tolist() == cut.take(cut.from_node == 1).start_s.tolist()
    assert there.size == 1 if first_s < 0.0 else there.size > 10_000


def test_ranges_between_pairs_are_those_of_the_states_at_each_instant():
    ephemeris = build_ephemeris(topology(walker(), where=[random_sites(3)]))
    from_node, to_node = np.array([0, 5, 49, 3], np.int32), np.array([1, 50, 2, 40], np.int32)
    t_s = np.array([0.0, 1234.5, -17.25, 30.0])
    found_m = Skies(ephemeris).ranges_between(from_node, to_node, t_s)
    for a, b, t, range_m in zip(from_node, to_node, t_s, found_m, strict=True):
        position_m, _ = ephemeris.state_at(t)
        assert range_m == pytest.approx(math.dist(position_m[a], position_m[b]), abs=1e-6)


def test_cutting_in_parts_gives_the_same(monkeypatch):
    plan = plan_of(*((0, 1, t, t + 90.0, 8, 1.0) for t in range(0, 700, 100)))
    whole = split_owlt(plan, 1e-4, parabola)
    monkeypatch.setattr("lasermesh.contacts.plan_splitting.SAMPLES_AT_A_TIME", 10)
    assert rows_of(split_owlt(plan, 1e-4, parabola)) == rows_of(whole)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="of one length"):
        contact_plan_of([1, 2], [2], [0], [0], [1], [8], [0], [0], [0])
