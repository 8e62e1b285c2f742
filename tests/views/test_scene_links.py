import numpy as np
import pytest

from lasermesh.results.link_use import IntervalGrid
from lasermesh.views import scene_links
from lasermesh.views.scene import SceneLinks
from lasermesh.views.scene_links import LinkTimes, LoadBins, pair_up

EVERY_NODE = np.ones(4, bool)


def contacts_of(*rows):
    """Contacts of rows (from, to, kind, start_s, stop_s, rate_bps)."""
    return LinkTimes(*(np.array(column) for column in zip(*rows, strict=True)))


def listed(contacts):
    return [tuple(float(value) for value in row) for row in zip(*contacts, strict=True)]


def test_both_directions_are_one_link_with_a_rate_each():
    found = contacts_of((2, 0, 1, 10.0, 20.0, 5e9), (0, 2, 1, 10.0, 20.0, 7e9), (0, 1, 0, 0.0, 99.0, 1e9))
    links, contacts, left_out = pair_up(found, 0.0, 100.0, 4, EVERY_NODE)
    assert links.a.tolist() == [0, 0] and links.b.tolist() == [1, 2]
    assert links.rate_bps.tolist() == [[1e9, 0.0], [7e9, 5e9]]
    assert links.kind.tolist() == [0, 1]
    assert listed(contacts) == [(0, 0.0, 99.0), (1, 10.0, 20.0)]
    assert left_out == 0


def test_a_change_of_rate_is_no_gap_and_a_gap_is_one():
    found = contacts_of(
        (0, 1, 0, 0.0, 10.0, 1e9),
        (0, 1, 0, 10.0, 20.0, 3e9),
        (0, 1, 0, 21.0, 30.0, 2e9),
        (1, 2, 0, 0.0, 9.0, 1e9),
    )
    links, contacts, _ = pair_up(found, 0.0, 100.0, 4, EVERY_NODE)
    assert links.rate_bps[0].tolist() == [3e9, 0.0]
    assert listed(contacts) == [(0, 0.0, 20.0), (1, 0.0, 9.0), (0, 21.0, 30.0)]


def test_contacts_are_cut_to_the_scene_and_count_from_its_start():
    found = contacts_of((0, 1, 0, 0.0, 10.0, 1), (1, 2, 0, 12.0, 30.0, 1), (2, 3, 0, 30.0, 40.0, 1))
    links, contacts, _ = pair_up(found, 5.0, 20.0, 4, EVERY_NODE)
    assert links.a.tolist() == [0, 1]
    assert listed(contacts) == [(0, 0.0, 5.0), (1, 7.0, 15.0)]


def test_links_of_nodes_that_cannot_be_drawn_are_left_out():
    found = contacts_of((0, 1, 0, 0.0, 10.0, 1), (1, 2, 0, 0.0, 10.0, 1))
    links, contacts, _ = pair_up(found, 0.0, 20.0, 4, np.array([True, True, False, True]))
    assert (links.b.tolist(), len(contacts.link)) == ([1], 1)


def test_of_too_many_contacts_the_shortest_are_left_out(monkeypatch):
    monkeypatch.setattr(scene_links, "MOST_CONTACTS", 2)
    found = contacts_of((0, 1, 0, 0.0, 10.0, 1), (1, 2, 0, 0.0, 1.0, 1), (2, 3, 0, 5.0, 9.0, 1))
    _, contacts, left_out = pair_up(found, 0.0, 20.0, 4, EVERY_NODE)
    assert left_out == 1
    assert listed(contacts) == [(0, 0.0, 10.0), (2, 5.0, 9.0)]


def test_a_scene_without_contacts_has_no_links():
    found = LinkTimes(*(np.zeros(0, int) for _ in LinkTimes._fields))
    links, contacts, left_out = pair_up(found, 0.0, 20.0, 4, EVERY_NODE)
    assert (len(links.a), len(contacts.link), left_out) == (0, 0, 0)
    assert LoadBins(IntervalGrid(0.0, 3.0, 1.0), links, 4).load().first.tolist() == [0, 0, 0, 0]


LINKS = SceneLinks(np.array([0, 1, 1]), np.array([1, 2, 3]), np.ones((3, 2)), np.zeros(3, np.uint8))


def random_rows(n_intervals, seed=3):
    """What links do in each interval of 0.5 s from t = 100 s on: the columns that `LoadBins.add` takes."""
    rng = np.random.default_rng(seed)
    ends = [(0, 1), (1, 0), (1, 2), (3, 1)]
    rows = [
        (100.0 + 0.5 * i, a, b, rng.uniform(0, 0.5), rng.integers(1, 999), rng.integers(3), rng.integers(99))
        for i in range(n_intervals)
        for a, b in ends
        if rng.uniform() < 0.7
    ]
    return [np.array(column) for column in zip(*rows, strict=True)]


def slow_load(columns, first, n_intervals, per_bin):
    """The same, row by row: {(bin, link, direction): [busy_s, bytes, dropped, queue]}."""
    load = {}
    for t_s, a, b, busy_s, n_bytes, dropped, queue in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        interval = round((t_s - 100.0) / 0.5) - first
        if not 0 <= interval < n_intervals:
            continue
        link = [(0, 1), (1, 2), (1, 3)].index((min(a, b), max(a, b)))
        entry = load.setdefault((interval // per_bin, link, int(a > b)), [0.0, 0, 0, 0])
        entry[:] = [entry[0] + busy_s, entry[1] + n_bytes, entry[2] + dropped, max(entry[3], queue)]
    return load


@pytest.mark.parametrize("reduced_at", [1, 10**6])
@pytest.mark.parametrize(("most_bins", "per_bin"), [(240, 1), (10, 4)])
def test_load_is_added_up_by_bins(monkeypatch, reduced_at, most_bins, per_bin):
    monkeypatch.setattr(scene_links, "_REDUCED_AT", reduced_at)
    monkeypatch.setattr(scene_links, "MOST_BINS", most_bins)
    columns = random_rows(50)
    bins = LoadBins(IntervalGrid(102.0, 120.4, 0.5), LINKS, 4)
    for part in range(0, len(columns[0]), 17):
        bins.add(*(column[part : part + 17] for column in columns))
    load = bins.load()  # the run ended 0.1 s before the interval did
    expected = slow_load(columns, 4, 37, per_bin)
    assert bins.intervals_per_bin == per_bin
    assert load.bin_s == 0.5 * per_bin
    found = {}
    for bin_ in range(load.n_bins):
        length_s = min(load.bin_s, 18.4 - bin_ * load.bin_s)
        for row in range(load.first[bin_], load.first[bin_ + 1]):
            for way in range(2):
                if load.bytes[row, way]:
                    busy_s = load.use[row, way] * length_s
                    key = (bin_, int(load.link[row]), way)
                    found[key] = [
                        busy_s,
                        load.bytes[row, way],
                        load.dropped[row, way],
                        load.queue_bytes[row, way],
                    ]
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        length_s = min(load.bin_s, 18.4 - key[0] * load.bin_s)
        assert found[key] == pytest.approx([min(values[0], length_s), *values[1:]])


@pytest.mark.parametrize(
    ("most_bins", "run_stop_s", "last_bin_s"),
    [
        (240, 200.0, 0.5),
        (240, 120.4, 0.4),
        (10, 200.0, 0.5),
        (10, 120.4, 0.4),
        (8, 200.0, 1.0),
        (8, 120.4, 0.9),
    ],
)
def test_the_last_bin_is_as_long_as_its_intervals_were(monkeypatch, most_bins, run_stop_s, last_bin_s):
    """37 intervals of 0.5 s, the last from 120 s on: whole wherever the scene ends, or cut by the run."""
    monkeypatch.setattr(scene_links, "MOST_BINS", most_bins)
    bins = LoadBins(IntervalGrid(100.0, run_stop_s, 0.5).part(102.0, 120.5), LINKS, 4)
    bins.add(*(np.array([value]) for value in (120.0, 0, 1, 0.1, 1000, 0, 0)))
    load = bins.load()
    assert load.last_bin_s == pytest.approx(last_bin_s)
    assert load.use[-1, 0] == pytest.approx(0.1 / last_bin_s)


def test_bins_grow_until_what_they_hold_fits(monkeypatch):
    monkeypatch.setattr(scene_links, "MOST_LOADS", 20)
    bins = LoadBins(IntervalGrid(100.0, 125.0, 0.5), LINKS, 4)
    columns = random_rows(50)
    bins.add(*columns)
    load = bins.load()
    assert bins.intervals_per_bin in (4, 8)
    assert load.bytes.sum() == columns[4].sum()
    assert load.queue_bytes.max() == columns[6].max()
    assert load.use.max() <= 1.0


def test_rows_of_links_that_the_scene_does_not_have_are_passed_over():
    bins = LoadBins(IntervalGrid(0.0, 1.0, 1.0), LINKS, 4)
    bins.add(
        *(np.array(column) for column in ([0.0, 0.0], [2, 3], [3, 2], [0.5, 0.5], [1, 1], [0, 0], [0, 0]))
    )
    assert len(bins.load().link) == 0
