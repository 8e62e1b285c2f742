"""Arrival as a function of departure."""

import numpy as np
import pytest

from lasermesh.contacts.plan_table import contact_plan_of
from lasermesh.dtn import Terms, graph_of, profile, profile_kernels, profile_to
from lasermesh.units import NEVER
from tests.reference.profiles import earliest_arrival

END_NS = 200


def graph_with(contacts, n_nodes, transit=None):
    """A graph of contacts (from, to, start_ns, stop_ns, rate_bps, owlt_ns); owlt_ns -1: no range."""
    rows = np.array(contacts, np.float64).reshape(-1, 6)
    nothing = np.zeros(len(rows))
    owlt_s = np.where(rows[:, 5] < 0, np.nan, rows[:, 5] / 1e9)
    plan = contact_plan_of(
        rows[:, 0],
        rows[:, 1],
        nothing,
        rows[:, 2] / 1e9,
        rows[:, 3] / 1e9,
        rows[:, 4],
        owlt_s,
        nothing,
        nothing,
    )
    return graph_of(plan, n_nodes, transit)


def random_contacts(generator, n_nodes, n_contacts):
    """Contacts that overlap, have no length, no range or their ends exchanged; times of few ns, many ties."""
    contacts = []
    for _ in range(n_contacts):
        sender, receiver = generator.choice(n_nodes, 2, replace=False).tolist()
        start = int(generator.integers(0, END_NS))
        length = int(generator.choice([0, 1, 3, 10, 30, 150, -5], p=[0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05]))
        owlt = int(generator.choice([-1, 0, 1, 2, 7, 40], p=[0.05, 0.15, 0.2, 0.3, 0.2, 0.1]))
        rate = int(generator.choice([1_000_000_000, 3_000_000_000, 8_000_000_000]))
        contacts.append((sender, receiver, start, start + length, rate, owlt))
    return contacts


def ask(generator, seed):
    """A random question, and how a reference answers it at an instant."""
    n_nodes = int(generator.integers(2, 8))
    contacts = random_contacts(generator, n_nodes, int(generator.integers(1, 40)))
    transit = (generator.random(n_nodes) < 0.8).tolist()
    terms = Terms(bool(seed % 2), int(generator.choice([0, 0, 3])), int(generator.choice([0, 0, 4])))
    n_bytes = int(generator.choice([0, 0, 1, 5]))
    destinations = generator.choice(n_nodes, int(generator.integers(1, min(3, n_nodes))), replace=False)
    without_nodes = np.zeros(n_nodes, bool)
    without_contacts = np.zeros(len(contacts), bool)
    if seed % 3 == 0:
        without_nodes[:] = generator.random(n_nodes) < 0.2
        without_nodes[destinations] = False
        without_contacts[:] = generator.random(len(contacts)) < 0.1

    def reference(source, t_ns):
        excluded = np.flatnonzero(without_nodes).tolist(), np.flatnonzero(without_contacts).tolist()
        ends = set(destinations.tolist())
        return earliest_arrival(contacts, transit, source, ends, t_ns, n_bytes, terms, *excluded)

    named = {"n_bytes": n_bytes, "terms": terms}
    named |= {"without_nodes": without_nodes, "without_contacts": without_contacts}
    return graph_with(contacts, n_nodes, transit), destinations, named, reference


@pytest.mark.parametrize("seed", range(60))
def test_arrivals_are_those_of_a_search_at_every_instant(seed):
    generator = np.random.default_rng(seed)
    graph, destinations, named, reference = ask(generator, seed)
    from_ns, until_ns = (0, END_NS + 20) if seed % 4 else (37, 90)
    together = profile_to(graph, destinations, from_ns, until_ns, **named)
    times_ns = np.arange(from_ns, until_ns, 1 if seed < 10 else 3)
    for node in np.flatnonzero(~named["without_nodes"]).tolist():
        alone = profile_to(graph, destinations, from_ns, until_ns, sources=node, **named)
        for each in together, alone:
            pieces = each.pieces(node)
            edges = np.concatenate((pieces.from_ns, pieces.to_ns))
            instants = np.unique(np.concatenate((times_ns, edges - 1, edges)))
            instants = instants[(instants >= from_ns) & (instants < until_ns)]
            expected = [reference(node, t_ns) for t_ns in instants.tolist()]
            assert each.arrival_ns(node, instants).tolist() == expected
            assert (pieces.from_ns < pieces.to_ns).all() and (pieces.from_ns[1:] >= pieces.to_ns[:-1]).all()


def mesh_of(generator):
    """A ring that is always up, and a site that its nodes see at times: delays change all the while."""
    n_ring = 6
    contacts = []
    for node in range(n_ring):
        for other in (node + 1) % n_ring, (node - 1) % n_ring:
            contacts.append((node, other, 0, 3000, 8_000_000_000, int(generator.integers(0, 9))))
    for _ in range(120):
        start = int(generator.integers(0, 3000))
        stop = start + int(generator.choice([2, 30, 100]))
        owlt = int(generator.integers(0, 60))
        contacts.append((int(generator.integers(n_ring)), n_ring, start, stop, 8_000_000_000, owlt))
    return contacts, n_ring


@pytest.mark.parametrize("capacity", [profile._CAPACITY, 4])
def test_a_mesh_whose_delays_change_all_the_while_has_the_arrivals_of_a_search(capacity, monkeypatch):
    monkeypatch.setattr(profile, "_CAPACITY", capacity)
    generator = np.random.default_rng(5)
    contacts, site = mesh_of(generator)
    graph = graph_with(contacts, site + 1)
    together = profile_to(graph, site, 0, 3000, n_bytes=2)
    for node in range(site):
        pieces = together.pieces(node)
        assert len(pieces.from_ns) > 4 * profile_kernels._SHORT  # so that they lie in buckets
        edges = np.concatenate((pieces.from_ns, pieces.to_ns - 1))
        instants = np.concatenate((generator.choice(edges, 12), generator.integers(0, 3000, 3)))
        found = together.arrival_ns(node, instants).tolist()
        terms = False, 0, 0
        transit = [True] * (site + 1)
        assert found == [
            earliest_arrival(contacts, transit, node, {site}, t_ns, 2, terms) for t_ns in instants.tolist()
        ]
        alone = profile_to(graph, site, 0, 3000, n_bytes=2, sources=[node])
        for column, same in zip(alone.pieces(node), pieces, strict=True):
            np.testing.assert_array_equal(column, same)


def rows_of(pieces):
    return list(zip(*(column.tolist() for column in pieces), strict=True))


def test_pieces_by_pencil():
    # Node 0 sees the relay twice, which sees the ground between, and soon after the second time begins.
    contacts = [
        (0, 1, 10, 20, 10**9, 1),
        (0, 1, 60, 70, 10**9, 1),
        (1, 2, 40, 50, 10**9, 2),
        (1, 2, 65, 80, 10**9, 2),
    ]
    found = profile_to(graph_with(contacts, 3), 2, 0, 100)
    assert rows_of(found.pieces(0)) == [
        (0, 20, 42, True),  # waits for the first contact, then at the relay until 40
        (20, 64, 67, True),  # for the second, and until 65
        (64, 70, 67, False),  # straight through
    ]
    assert rows_of(found.pieces(1)) == [
        (0, 40, 42, True),
        (40, 50, 42, False),
        (50, 65, 67, True),
        (65, 80, 67, False),
    ]
    assert rows_of(found.pieces(2)) == [(0, 100, 0, False)]
    assert found.arrival_ns(0, [0, 19, 20, 69, 70]).tolist() == [42, 42, 67, 72, NEVER]


def test_who_leaves_last_over_the_faster_of_two_contacts_may_still_wait_at_its_other_end():
    # The slower one ends first, but what it takes is there later, when the relay can send at once.
    contacts = [(0, 1, 0, 10, 10**9, 50), (0, 1, 5, 20, 10**9, 5), (1, 2, 40, 60, 10**9, 0)]
    found = profile_to(graph_with(contacts, 3), 2, 0, 30)
    assert rows_of(found.pieces(0)) == [(0, 20, 40, True)]


def test_the_last_byte_must_be_out_before_a_contact_ends():
    graph = graph_with([(0, 1, 10, 20, 8 * 10**9, 3)], 2)
    assert rows_of(profile_to(graph, 1, 0, 30, n_bytes=4).pieces(0)) == [
        (0, 10, 17, True),
        (10, 17, 17, False),
    ]
    assert rows_of(profile_to(graph, 1, 0, 30, n_bytes=11).pieces(0)) == []


def test_of_a_group_of_destinations_the_first_that_is_reached_counts():
    graph = graph_with([(0, 1, 10, 20, 10**9, 3), (0, 2, 15, 30, 10**9, 1)], 3)
    found = profile_to(graph, [2, 1], 0, 30, sources=0)
    assert rows_of(found.pieces(0)) == [
        (0, 10, 13, True),
        (10, 13, 13, False),
        (13, 15, 16, True),
        (15, 30, 16, False),
    ]


def test_percentiles_of_delays_by_pencil():
    # Ready at t < 10: delay 12 - t, from 12 down to 2; from 10 to 30: 2; then nothing.
    found = profile_to(graph_with([(0, 1, 10, 30, 10**9, 2)], 2), 1, 0, 40)
    statistics = found.statistics(0)
    assert statistics.never_share == pytest.approx(0.25)
    assert statistics.mean_s * 1e9 == pytest.approx((10 * 7 + 20 * 2) / 30)
    assert (statistics.p50_s * 1e9, statistics.max_s * 1e9) == pytest.approx((2.0, 12.0))
    assert (statistics.p90_s * 1e9, statistics.p99_s * 1e9) == pytest.approx((9.0, 11.7))
    assert found.statistics(1) == (0.0,) * 6
    assert profile_to(graph_with([], 2), 1, 0, 40).statistics(0) == (1.0, *[None] * 5)


def test_percentiles_are_those_of_samples():
    generator = np.random.default_rng(8)
    contacts, site = mesh_of(generator)
    found = profile_to(graph_with(contacts, site + 1), site, 0, 3000)
    instants = np.arange(3000)
    arrival_ns = found.arrival_ns(2, instants)
    delay_s = (arrival_ns - instants)[arrival_ns < NEVER] / 1e9
    statistics = found.statistics(2)
    assert statistics.never_share == pytest.approx(np.mean(arrival_ns == NEVER))
    # Samples are a ns apart, and a delay between two of them lies up to one below.
    assert statistics.mean_s == pytest.approx(delay_s.mean(), abs=1e-9)
    for share, quantile_s in (0.5, statistics.p50_s), (0.9, statistics.p90_s), (0.99, statistics.p99_s):
        assert quantile_s == pytest.approx(np.quantile(delay_s, share), abs=2e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"destinations": 3}, "destinations must be rows"),
        ({"destinations": []}, "destinations must be rows"),
        ({"sources": -1}, "sources must be rows"),
        ({"until_ns": 0}, "must be before until_ns"),
        ({"without_nodes": [False, False, True]}, "can be excluded"),
        ({"without_nodes": [True, False, False], "sources": 0}, "can be excluded"),
        ({"without_nodes": [False]}, "without_nodes must be of shape"),
        ({"without_contacts": [False] * 2}, "without_contacts must be of shape"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    graph = graph_with([(0, 2, 10, 20, 10**9, 1)], 3)
    with pytest.raises(ValueError, match=words):
        profile_to(graph, **({"destinations": 2, "from_ns": 0, "until_ns": 30} | arguments))


def test_instants_and_nodes_that_were_not_asked_for_are_refused():
    found = profile_to(graph_with([(0, 1, 10, 20, 10**9, 1)], 2), 1, 5, 30, sources=0)
    for t_ns in (4, 30):
        with pytest.raises(ValueError, match="from 5 to before 30"):
            found.arrival_ns(0, t_ns)
    with pytest.raises(KeyError):
        found.pieces(1)


@pytest.mark.compiled_only
def test_each_kernel_compiles_once():
    for t in (False, True):
        profile_to(
            graph_with([(0, 1, 10, 20, 10**9, 1)], 2, [t, True]), np.int32(1), np.int64(5), 30.0, sources=0
        )
        profile_to(graph_with([], 2), [1], 5, 30, n_bytes=np.int64(3))
    names = "fill_openings", "fill_least_delays", "settle_all", "fill_pieces"
    assert [len(getattr(profile_kernels, name).signatures) for name in names] == [1] * 4


def test_what_takes_longer_than_time_lasts_never_arrives_by_that_contact():
    """A sending time beyond int64 must not come round to before the contact."""
    s = 10**9
    graph = graph_with([(0, 1, -100 * s, -10 * s, 1, s // 10), (0, 1, 0, 100 * s, 10**12, s // 10)], 2)
    found = profile_to(graph, 1, -90 * s, -40 * s, n_bytes=3 * s)
    assert found.arrival_ns(0, np.array([-90 * s])).tolist() == [124_000_000]
