"""Three ways to the same picosecond: ns-3 (devices only), the reference simulator and the engine.

Chains of drop-tail links with cross traffic, every packet of which is given to all three as (time, size).
ns-3 orders what happens at one instant by when it was scheduled, the packet model by rule 1, so the random
chains have no two events of one node at one instant; what a tie does is shown by hand. ns-3 rounds
serialization to the nearest picosecond where rule 4 rounds up, so the random chains have rates at which a
byte takes a whole number of them. Its two bytes of PPP are `framing_bytes`.
"""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from lasermesh.units import PS_PER_MS
from tests.needs import skip_without
from tests.packets.adapter import run_case
from tests.packets.comparing import differences, enough
from tests.reference.case import NONE, UNLIMITED, Case, Flow, Step, Table
from tests.reference.packet_simulator import serialization_ps, simulate

SOURCE = Path(__file__).parent / "ns3" / "chain.cc"
LIBRARIES = ["-lns3-point-to-point", "-lns3-network", "-lns3-stats", "-lns3-core"]
PPP_BYTES = 2
WHOLE_PS_RATES_BPS = (10**9, 10 * 10**9, 25 * 10**9, 40 * 10**9, 100 * 10**9)
N_CHAINS = enough(20, 6)
PACKETS_PER_FLOW = enough(120, 40)


# ---------------------------------------------------------------------------------------------------- ns-3


@pytest.fixture(scope="session")
def ns3_chain(tmp_path_factory):
    """The path of the compiled ns-3 program."""
    missing = [
        name
        for name, found in (
            ("g++", shutil.which("g++")),
            ("ns-3's headers (libns3-dev)", Path("/usr/include/ns3").exists()),
        )
        if not found
    ]
    if missing:
        skip_without(f"{' and '.join(missing)} not installed, so nothing was compared with ns-3")
    program = tmp_path_factory.mktemp("ns3") / "chain"
    command = ["g++", "-O1", "-std=c++17", "-o", str(program), str(SOURCE), *LIBRARIES]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return program


def packets_of(case):
    """(time_ps, flow, sequence, bytes) of all packets of a case, by time, then flow."""
    return sorted(
        (time_ps, row, sequence, size)
        for row, flow in enumerate(case.flows)
        for sequence, (time_ps, size) in enumerate(flow.script)
    )


def run_ns3(program, cases):
    """For each case {(flow, sequence): (outcome, node, time_ps)} of all its packets."""
    lines = []
    for case in cases:
        lines.append(f"{case.n_links} {len(packets_of(case))}")
        rates = [rate_bps for _, _, _, rate_bps in case.changes]
        delays = case.steps[0].delay_start_ps
        lines += [
            f"{rate} {delay} {limit}"
            for rate, delay, limit in zip(rates, delays, case.queue_packets, strict=True)
        ]
        for time_ps, row, _, size in packets_of(case):
            flow = case.flows[row]
            lines.append(f"{time_ps} {flow.source} {flow.destination} {size}")
    done = subprocess.run([str(program)], input="\n".join(lines), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answers = iter(done.stdout.splitlines())
    fates = []
    for case in cases:
        fates.append({})
        for _, row, sequence, _ in packets_of(case):
            outcome, node, time_ps = next(answers).split()
            fates[-1][row, sequence] = (outcome, int(node), int(time_ps))
    assert next(answers, None) is None
    return fates


# --------------------------------------------------------------------------------------------------- cases


def chain_case(rates_bps, delays_ps, queue_packets, flows):
    """A chain of links from node i to node i + 1, and flows given as (source, destination, script)."""
    n_links = len(rates_bps)
    n_nodes = n_links + 1
    last_ps = max(script[-1][0] for _, _, script in flows)
    # Long enough for everything to arrive: each packet alone in service on each link, one after the other.
    sizes = [size for _, _, script in flows for _, size in script]
    end_ps = last_ps + sum(delays_ps) + 1
    for rate in rates_bps:
        end_ps += sum(serialization_ps(size, PPP_BYTES, rate) for size in sizes)
    return Case(
        n_nodes=n_nodes,
        end_ps=end_ps,
        seed=1,
        link_from=list(range(n_links)),
        link_to=list(range(1, n_nodes)),
        queue_packets=list(queue_packets),
        queue_bytes=[UNLIMITED] * n_links,
        framing_bytes=PPP_BYTES,
        on_link_down="drop",
        changes=[(0, link, "start", rate) for link, rate in enumerate(rates_bps)],
        steps=[Step(0, end_ps, list(delays_ps), list(delays_ps))],
        tables=[Table([[link] for link in range(n_links)] + [[NONE]], [0] * n_nodes)],
        flows=[Flow(a, b, "script", script=tuple(script)) for a, b, script in flows],
    )


def script_of(dice, rate_bps, sizes, n_packets):
    """Packets at about a rate: evenly spaced, or with exponential gaps; (time_ps, bytes) each."""
    mean_gap_ps = sum(sizes) / len(sizes) * 8e12 / rate_bps
    evenly = dice.random() < 0.5
    time_ps = dice.randrange(1, round(mean_gap_ps) + 2)
    script = []
    for _ in range(n_packets):
        script.append((time_ps, dice.choice(sizes)))
        time_ps += max(1, round(mean_gap_ps * (1 if evenly else dice.expovariate(1))))
    return script


def random_chain(dice):
    """Two to six links, some overloaded, and up to eight flows that enter and leave anywhere on the chain."""
    n_links = dice.randint(2, 6)
    rates = [dice.choice(WHOLE_PS_RATES_BPS) for _ in range(n_links)]
    delays = [dice.randrange(1, 2 * PS_PER_MS) for _ in range(n_links)]
    limits = [dice.choice((1, 2, 5, 20)) for _ in range(n_links)]
    flows = []
    for _ in range(dice.randint(3, 8)):
        source = dice.randrange(n_links)
        destination = dice.randint(source + 1, n_links)
        sizes = dice.choice(((1500,), (64,), (64, 576, 1500), (41, 1499)))
        rate_bps = round(min(rates[source:destination]) * dice.uniform(0.1, 0.7))
        flows.append((source, destination, script_of(dice, rate_bps, sizes, PACKETS_PER_FLOW)))
    return chain_case(rates, delays, limits, flows)


def has_tie(case, result):
    """Whether two things happen at one instant at one node: a packet comes in, or a last bit leaves."""
    instants = [[] for _ in range(case.n_nodes)]
    for packet in result.packets.values():
        instants[case.flows[packet.flow].source].append(packet.sent_ps)
        for hop in packet.path:
            instants[case.link_from[hop.link]].append(hop.left_ps)
            instants[case.link_to[hop.link]].append(hop.arrival_ps)
    return any(len(set(of_node)) < len(of_node) for of_node in instants)


def chain_without_ties(number):
    """The first chain without ties among those that a seed draws, and what the reference says of it."""
    dice = random.Random(f"ns-3/{number}")
    while True:
        case = random_chain(dice)
        result = simulate(case)
        if not has_tie(case, result):
            return case, result


def fates_with_nodes(result):
    """The fates of a reference simulation as `run_ns3` gives them."""
    return {key: (packet.outcome, packet.node, packet.time_ps) for key, packet in result.packets.items()}


# --------------------------------------------------------------------------------------------------- tests


def test_ns3_reference_and_engine_agree_to_the_picosecond(ns3_chain):
    drawn = [chain_without_ties(number) for number in range(N_CHAINS)]
    outcomes = []
    for number, ((case, result), of_ns3) in enumerate(
        zip(drawn, run_ns3(ns3_chain, [case for case, _ in drawn]), strict=True)
    ):
        expected = fates_with_nodes(result)
        wrong = [(key, of_ns3[key], expected[key]) for key in expected if of_ns3[key] != expected[key]]
        assert not wrong, f"chain {number}, (packet, ns-3, reference): {wrong[:5]} and {len(wrong)} in all"
        engine, fates = run_case(case, threads=1 + number % 2)
        lines = differences(engine, fates, result)
        assert not lines, "\n".join([f"chain {number}:", *lines])
        outcomes += [(outcome, node) for outcome, node, _ in of_ns3.values()]
    dropped = [node for outcome, node in outcomes if outcome == "queue"]
    assert {outcome for outcome, _ in outcomes} == {"delivered", "queue"}
    assert len(outcomes) / 50 < len(dropped) < len(outcomes) / 2
    assert len(set(dropped)) > 2, "drops happened inside the chains, too"


def both_say(program, case, packet):
    """(outcome, node, time_ps) of one packet as ns-3 has it, and as reference and engine agree."""
    result = simulate(case)
    engine, fates = run_case(case)
    assert not differences(engine, fates, result)
    return run_ns3(program, [case])[0][packet], fates_with_nodes(result)[packet]


SIZE = 1500
SERVICE_PS = (SIZE + PPP_BYTES) * 320  # at 25 Gbps
RATE_BPS = 25 * 10**9


def test_a_packet_that_comes_as_the_transmitter_gets_free_finds_room_here_and_none_in_ns3(ns3_chain):
    """Rule 1: last bits leave (a) and the next packet is taken (d) before packets come (e, f).

    The packets enter by events that ns-3 knew before the run, the end of service became known in it, so there
    the third packet still finds the only place taken.
    """
    script = [(0, SIZE), (1, SIZE), (SERVICE_PS, SIZE)]
    case = chain_case([RATE_BPS], [7], [1], [(0, 1, script)])
    of_ns3, of_rule_1 = both_say(ns3_chain, case, (0, 2))
    assert of_ns3 == ("queue", 0, SERVICE_PS)
    assert of_rule_1 == ("delivered", 1, 3 * SERVICE_PS + 7)


def test_of_two_packets_for_the_last_place_the_one_on_its_way_wins_here_and_the_own_one_in_ns3(ns3_chain):
    """Rule 1: arrivals (e) come before own packets (f).

    ns-3 heard of the node's own packet before the run, and of the arrival when the packet was sent.
    """
    arrival_ps = SERVICE_PS + 7
    passing = [(0, SIZE)]
    own = [(arrival_ps - 2, SIZE), (arrival_ps - 1, SIZE), (arrival_ps, SIZE)]
    case = chain_case([RATE_BPS] * 2, [7, 7], [2, 2], [(0, 2, passing), (1, 2, own)])
    passing_in_ns3, passing_by_rule_1 = both_say(ns3_chain, case, (0, 0))
    own_in_ns3, own_by_rule_1 = both_say(ns3_chain, case, (1, 2))
    third_ps = arrival_ps - 2 + 3 * SERVICE_PS + 7
    assert passing_in_ns3 == ("queue", 1, arrival_ps)
    assert own_in_ns3 == ("delivered", 2, third_ps)
    assert passing_by_rule_1 == ("delivered", 2, third_ps)
    assert own_by_rule_1 == ("queue", 1, arrival_ps)


@pytest.mark.parametrize(("size", "later_ps"), [(1500, 1), (1501, 1), (1503, 0), (100, 1), (64, 0)])
def test_a_service_of_broken_picoseconds_is_rounded_up_here_and_to_the_nearest_in_ns3(
    ns3_chain, size, later_ps
):
    """At 7 Gbps a byte takes 8000 / 7 ps: 1503 bytes end on a whole one, 64 above the half."""
    case = chain_case([7 * 10**9], [0], [1], [(0, 1, [(0, size)])])
    of_ns3, of_rule_4 = both_say(ns3_chain, case, (0, 0))
    assert of_ns3 == ("delivered", 1, round((size + PPP_BYTES) * 8000 / 7))
    assert of_rule_4 == ("delivered", 1, of_ns3[2] + later_ps)
