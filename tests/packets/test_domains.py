"""Domains: which nodes are stepped together, and that it changes nothing but the length of windows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasermesh.packets.domains import LONG_ENOUGH_PS, form_domains
from lasermesh.packets.state import NEVER
from lasermesh.units import PS_PER_MS
from tests.packets.adapter import engine_of, fates_of, fates_of_reference, run_case, steps_of
from tests.packets.comparing import FLOW_FIELDS, enough
from tests.packets.networks import N_IN_FORMATION, outcome_of, picoseconds, walker_144
from tests.reference.case import Flow, Step
from tests.reference.packet_simulator import simulate
from tests.reference.test_packet_simulator import network

FORMATION = range(144, 144 + N_IN_FORMATION)


def domains_of(n_nodes, links, **options):
    """Domains over links (from, to, delay_ps), each taken in both directions."""
    start, end, delay = (np.array(column) for column in zip(*links, strict=True)) if links else ([], [], [])
    both = np.concatenate([start, end]).astype(np.int32), np.concatenate([end, start]).astype(np.int32)
    return form_domains(n_nodes, *both, np.concatenate([delay, delay]).astype(np.int64), **options)


def groups(domains):
    """The nodes of each domain, in its own order."""
    return [
        domains.nodes[domains.first[k] : domains.first[k + 1]].tolist() for k in range(len(domains.first) - 1)
    ]


# ------------------------------------------------------------------------------------------------------ rules


def test_nodes_without_links_are_domains_of_their_own():
    domains = domains_of(3, [])
    assert groups(domains) == [[0], [1], [2]]
    assert domains.lookahead_ps == NEVER
    assert domains.window_ps.tolist() == [NEVER] * 3


def test_links_of_half_a_millisecond_part_domains_and_shorter_ones_join_them():
    assert LONG_ENOUGH_PS == PS_PER_MS // 2
    domains = domains_of(4, [(0, 1, LONG_ENOUGH_PS), (1, 2, LONG_ENOUGH_PS - 1), (2, 3, 3 * LONG_ENOUGH_PS)])
    assert groups(domains) == [[0], [1, 2], [3]]
    assert domains.lookahead_ps == LONG_ENOUGH_PS
    assert domains.window_ps.tolist() == [NEVER, LONG_ENOUGH_PS - 1, NEVER]


def test_shortest_links_join_first_until_a_domain_would_hold_too_many():
    # A chain of 40 nodes, each link longer than the one before: 16 nodes are always allowed.
    chain = [(k, k + 1, 10 * (k + 1)) for k in range(39)]
    domains = domains_of(40, chain[::-1], share=4)
    assert groups(domains)[0] == list(range(16))
    assert [len(group) for group in groups(domains)[1:]] == [1] * 24
    assert domains.lookahead_ps == 160


def test_domain_may_hold_a_share_of_the_nodes_where_that_is_more():
    chain = [(k, k + 1, 10 * (k + 1)) for k in range(199)]
    assert len(groups(domains_of(200, chain, share=4))[0]) == 50
    assert len(groups(domains_of(200, chain, share=16))[0]) == 16


def test_nodes_at_no_distance_share_a_domain_however_many_they_are():
    domains = domains_of(50, [(k, k + 1, 0) for k in range(49)])
    assert groups(domains) == [list(range(50))]
    assert domains.window_ps.tolist() == [1]
    domains = domains_of(3, [(0, 1, 0), (1, 2, 5)], long_enough_ps=0)
    assert groups(domains) == [[0, 1], [2]]


def test_direction_with_the_shorter_delay_counts():
    domains = form_domains(2, np.array([0, 1]), np.array([1, 0]), np.array([10 * PS_PER_MS, 7]))
    assert groups(domains) == [[0, 1]]
    assert domains.window_ps.tolist() == [7]


@settings(max_examples=enough(150, 60), derandomize=True, database=None, deadline=None)
@given(st.data())
def test_domains_are_a_partition_and_the_lookahead_is_the_shortest_delay_between_two(data):
    n_nodes = data.draw(st.integers(1, 60))
    node = st.integers(0, n_nodes - 1)
    delay = st.one_of(st.integers(0, 20), st.integers(0, 2 * LONG_ENOUGH_PS))
    links = data.draw(
        st.lists(st.tuples(node, node, delay).filter(lambda link: link[0] != link[1]), max_size=90)
    )
    share = data.draw(st.sampled_from([1, 3, 16]))
    domains = domains_of(n_nodes, links, share=share)
    assert sorted(domains.nodes.tolist()) == list(range(n_nodes))
    for number, group in enumerate(groups(domains)):
        assert group and {int(domains.of_node[k]) for k in group} == {number}
    of = domains.of_node
    outside = [delay for a, b, delay in links if of[a] != of[b]]
    assert domains.lookahead_ps == min(outside, default=NEVER) > 0
    inside = [[d for a, b, d in links if of[a] == of[b] == k] for k in range(len(domains.first) - 1)]
    assert domains.window_ps.tolist() == [max(1, min(delays)) if delays else NEVER for delays in inside]
    # Nobody is together without a chain of links, and beyond the limit only nodes at no distance are.
    limit = max(16, n_nodes // share)
    at_no_distance = groups(domains_of(n_nodes, [link for link in links if link[2] == 0], share=share))
    largest = max(len(group) for group in at_no_distance)
    assert max(len(group) for group in groups(domains)) <= max(limit, largest)


# -------------------------------------------------------------------------------------------------- formation


@pytest.fixture(scope="module")
def cases():
    """walker-144 without and with the formation."""
    options = {"end_ps": 40 * PS_PER_MS, "load": enough(1.0, 0.003)}
    return [walker_144(with_formation=formation, **options) for formation in (False, True)]


@pytest.fixture(scope="module")
def outcomes(cases):
    """What comes out of both, run as they are."""
    with np.errstate(over="ignore"):
        runs = [run_case(case) for case in cases]
        return [(engine.windows, *outcome_of(engine, fates)) for engine, fates in runs]


def begun(case, **options):
    """An engine at the beginning of a case."""
    engine = engine_of(case, **options)
    engine.begin_step(next(steps_of(case))[1])
    return engine


def test_only_a_formation_of_ten_within_walker_144_shares_a_domain(cases):
    engine = begun(cases[1])
    domain = engine.domain_of_node
    assert len({int(domain[node]) for node in FORMATION}) == 1
    alone = np.delete(domain, FORMATION)
    assert len(set(alone.tolist())) == 144
    assert not set(alone.tolist()) & {int(domain[144])}
    assert engine.n_domains == 145


def test_formation_does_not_shorten_the_window_of_the_others(cases):
    without, with_it = (begun(case) for case in cases)
    assert without.lookahead_ps == with_it.lookahead_ps
    shortest = min(min(step.delay_start_ps + step.delay_end_ps) for step in cases[0].steps)
    assert without.lookahead_ps == shortest > 2 * PS_PER_MS
    # One domain for each satellite would make windows as long as light takes for 100 m.
    assert begun(cases[1], domain_delay_ps=0).lookahead_ps == picoseconds(100.0)


def test_formation_adds_no_windows_and_leaves_the_traffic_of_others_alone(cases, outcomes):
    (windows, fates, links, flows, _), (more_windows, more_fates, more_links, more_flows, _) = outcomes
    assert more_windows <= windows + 1
    assert {key: fate for key, fate in more_fates.items() if key[0] < len(flows)} == fates
    assert more_links[: len(links)] == links
    assert more_flows[: len(flows)] == flows
    delivered = [row[FLOW_FIELDS.index("delivered")] for row in more_flows]
    assert min(delivered[len(flows) :]) > enough(1000, 5)
    assert sum(delivered[: len(flows)]) > enough(1000, 5)


ONE_DOMAIN = {"domain_delay_ps": 10**12, "domain_share": 1}


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.compiled_only)])
@pytest.mark.parametrize(
    "options",
    [
        {"domain_delay_ps": 0},
        {"domain_delay_ps": 3 * PS_PER_MS},
        pytest.param(ONE_DOMAIN, marks=pytest.mark.compiled_only),
    ],
)
def test_results_do_not_depend_on_who_shares_a_domain(cases, outcomes, threads, options):
    engine, fates = run_case(cases[1], threads=threads, **options)
    assert outcome_of(engine, fates) == outcomes[1][1:]


def test_packets_between_formation_and_mesh_fare_as_if_all_were_one_domain(cases):
    # Traffic that leaves the formation and comes into it, and crosses links of both kinds.

    case = cases[1]
    flows = [replace(flow, rate_bps=enough(10**9, 4 * 10**6)) for flow in case.flows[:5]]
    for k, node in enumerate(FORMATION):
        flows.append(replace(flows[0], source=node, destination=k * 13, label=k * 13))
        flows.append(replace(flows[0], source=k * 13 + 1, destination=node, label=node))
    case = replace(case, flows=flows)
    engine, fates = run_case(case)
    assert engine.n_domains == 145 and len(fates) > enough(1000, 5)
    one_domain, same = run_case(case, **ONE_DOMAIN)
    assert one_domain.n_domains == 1
    assert outcome_of(engine, fates) == outcome_of(one_domain, same)


def test_domains_follow_a_formation_that_comes_together_and_parts():
    # Nodes 0 and 1 are far apart in the first step, near in the second, far again in the third.

    far, near = 10 * PS_PER_MS, 1000
    edges = [0, 4 * far, 8 * far, 12 * far]
    ranges = [far, near, far]
    steps = [Step(edges[k], edges[k + 1], [ranges[k]] * 2, [ranges[k]] * 2) for k in range(3)]
    flows = [Flow(a, 1 - a, "poisson", rate_bps=10**7, label=1 - a) for a in (0, 1)]
    case = network([(0, 1, 0), (1, 0, 0)], flows, steps=steps, end_ps=12 * far)
    case.changes = [(0, 0, "start", 10**9), (0, 1, "start", 10**9)]
    engine = engine_of(case)
    seen = []
    drained = []
    for end_ps, step in steps_of(case):
        engine.begin_step(step)
        seen.append((engine.n_domains, engine.lookahead_ps))
        assert engine.advance(end_ps)
        drained.append(engine.drain_taps())
    assert seen == [(2, far), (1, NEVER), (2, far)]

    assert fates_of(drained) == fates_of_reference(simulate(case))
