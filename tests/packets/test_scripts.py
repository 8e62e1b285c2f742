"""Scripts that are written while a run goes on, trains of them, and the ends of watched flows."""

import heapq
import random

import numpy as np
import pytest

from lasermesh.packets import engine as engine_module
from lasermesh.packets import state
from lasermesh.packets.causes import CAUSES
from lasermesh.packets.scripts import MOST_OF_TRAIN
from lasermesh.packets.state import NEVER
from lasermesh.units import PS_PER_MS, PS_PER_US
from tests.packets.adapter import engine_of, fates_of, steps_of, write_script
from tests.packets.comparing import differences, enough
from tests.packets.networks import torus
from tests.reference.case import Flow
from tests.reference.cases import random_case
from tests.reference.packet_simulator import simulate
from tests.reference.results import ends as ends_of_reference
from tests.reference.sources import entries_of_flow
from tests.reference.test_packet_simulator import BYTE_PER_PS, network, script

TWO_THREADS = pytest.param(2, marks=pytest.mark.compiled_only)


class Watcher:
    """Runs an engine as whoever writes its scripts does: to each instant at which something is to be done.

    Attributes
    ----------
    ends : list of (time_ps, flow, sequence, packets, outcome, node)
    """

    def __init__(self, engine, steps):
        self.engine = engine
        self.ends = []
        self._steps = steps
        self._due = []  # heap of (time_ps, order, action, arguments)
        self._fates = []

    def at(self, time_ps, action, *arguments):
        """Have an action called at an instant."""
        heapq.heappush(
            self._due, (time_ps, len(self._fates) + len(self.ends), id(arguments), action, arguments)
        )

    def run(self, on_end=None):
        """To the end; `on_end(end)` is called for each end when it is told of."""
        engine = self.engine
        for end_ps, step in self._steps:
            engine.begin_step(step)
            self._act()
            while engine.clock_ps < end_ps:
                until_ps = min([end_ps, *(due[0] for due in self._due[:1])])
                engine.advance(until_ps)
                self._fates.append(engine.drain_taps())
                self._tell(on_end)
                self._act()
        self._tell(on_end)
        engine.close()
        return fates_of(self._fates)

    def _tell(self, on_end):
        columns = self.engine.drain_ends()
        for time_ps, flow, sequence, packets, cause, node in zip(*(c.tolist() for c in columns), strict=True):
            outcome = "delivered" if cause == state.DELIVERED else CAUSES[cause]
            self.ends.append((time_ps, flow, sequence, packets, outcome, node))
            if on_end is not None:
                on_end(self.ends[-1])

    def _act(self):
        while self._due and not self.engine.unfinished and self._due[0][0] <= self.engine.clock_ps:
            *_, action, arguments = heapq.heappop(self._due)
            action(*arguments)


# ------------------------------------------------------------------------------------------- random cases


def scripted(case, dice):
    """The case with flows of all kinds that need time alone as scripts, made of trains here and there."""
    for row, flow in enumerate(case.flows):
        if flow.kind not in ("constant", "poisson", "script") or flow.pool >= 0:
            continue
        entries = list(entries_of_flow(case, row))
        made = []
        for entry in entries:
            count, tail_ps = entry.count, entry.tail_ps
            if count == 1 and dice.random() < 0.2:
                count = dice.choice((2, 3, 20, MOST_OF_TRAIN))
                tail_ps = entry.time_ps + dice.choice((0, 1, dice.randrange(case.end_ps // 10 + 1)))
            made.append((entry.time_ps, entry.size, count, tail_ps))
        flow.kind, flow.train, flow.rate_bps, flow.sizes, flow.script = "script", 1, 0, ((1, 1),), tuple(made)
    return case


def write_bit_by_bit(watcher, case, dice):
    """Have the scripts of a case written while it runs, each time with entries that are taken back later."""
    engine = watcher.engine
    for row, flow in enumerate(case.flows):
        if flow.kind != "script" or not flow.makes_trains:
            continue
        times = sorted({0, *(dice.randrange(case.end_ps) for _ in range(dice.randint(0, 4)))})
        for now, following in zip(times, [*times[1:], case.end_ps], strict=True):
            entries = [entry for entry in flow.script if now <= entry[0] < following]
            if following < case.end_ps and dice.random() < 0.7:
                entries += [(following + k, 64, 2, following + 5 * k) for k in range(dice.randint(1, 40))]
            if now == 0:
                write_script(engine, row, entries)
            else:
                watcher.at(now, write_script, engine, row, entries)


@pytest.mark.parametrize("flavour", ["trains", "trains, cuts"])
def test_scripts_written_while_they_are_sent_come_out_as_the_reference_says(flavour, monkeypatch):
    for number in range(enough(25, 4)):
        dice = random.Random(f"scripts/{flavour}/{number}")
        case = scripted(random_case(dice, flavour), dice)
        watched = [row for row in range(len(case.flows)) if dice.random() < 0.7]
        monkeypatch.setattr(engine_module, "LITTLE_WORK_PER_WINDOW", 0)
        monkeypatch.setattr(engine_module, "FIRST_TAPS", dice.choice((1, 10, 64)))
        monkeypatch.setattr(engine_module, "MOST_TAPS", dice.choice((16, 1024)))
        options = {"threads": dice.choice((1, 2)), "longest_window_ps": dice.choice((None, 10**6))}
        options["domain_delay_ps"] = dice.choice((0, 10**9))
        engine = engine_of(case, watched=watched, trains=True, **options)
        if dice.random() < 0.5:
            engine.set_stop(np.arange(len(case.flows)), NEVER)
        watcher = Watcher(engine, steps_of(case))
        write_bit_by_bit(watcher, case, dice)
        fates = watcher.run()
        result = simulate(case)
        heading = f"{flavour!r} {number}, {options}:"
        lines = differences(engine, fates, result)
        assert not lines, "\n".join([heading, *lines])
        assert watcher.ends == sorted(watcher.ends, key=lambda end: end[:3]), heading
        assert sorted(watcher.ends) == ends_of_reference(result, watched), heading


ALL_CAUSES = ("codel", "node failures", "bit errors", "loops", "contacts", "bulk, lossy", "requests")


def test_every_end_of_a_watched_flow_is_told_of_whatever_its_kind_and_the_cause():
    causes = set()
    for flavour in ALL_CAUSES:
        for number in range(enough(4, 1)):
            dice = random.Random(f"ends/{flavour}/{number}")
            case = random_case(dice, flavour)
            watched = [row for row in range(len(case.flows)) if dice.random() < 0.7]
            watcher = Watcher(engine_of(case, watched=watched, threads=dice.choice((1, 2))), steps_of(case))
            watcher.run()
            ends = ends_of_reference(simulate(case), watched)
            assert sorted(watcher.ends) == ends, f"{flavour} {number}"
            assert watcher.ends == sorted(watcher.ends, key=lambda end: end[:3])
            causes |= {end[4] for end in ends}
    assert causes >= {"delivered", "queue", "link_down", "early", "hop_limit", "bit_error", "node_down"}


# --------------------------------------------------------------------------------- reactions, many times over


def react_to_ends(threads, longest_window_ps, handling_ps=2 * PS_PER_US):
    """Flows of a mesh each of which sends again a while after each of its packets has ended: all ends."""
    case = torus(
        side=4, n_flows=0, n_destinations=16, delay_ps=20 * PS_PER_US, end_ps=enough(2, 1) * PS_PER_MS
    )
    dice = random.Random(3)
    case.flows = [Flow(*dice.sample(range(16), 2), "script") for _ in range(12)]
    for flow in case.flows:
        flow.label = flow.destination
    case.queue_packets = [6] * case.n_links
    engine = engine_of(
        case, watched=range(12), trains=True, threads=threads, longest_window_ps=longest_window_ps,
        domain_delay_ps=0,
    )  # fmt: skip
    watcher = Watcher(engine, steps_of(case))
    for flow in range(12):
        write_script(engine, flow, [(flow * PS_PER_US, 1500, 8, flow * PS_PER_US + 90_000)])

    def send(now, flow, sequence):
        chosen = random.Random(f"{now}/{flow}/{sequence}")
        entries = [
            (now + chosen.randrange(60 * PS_PER_US), chosen.randint(64, 1500))
            for _ in range(chosen.randint(1, 3))
        ]
        entries.sort()
        last = entries[-1][0]
        write_script(engine, flow, [*entries, (last, 1000, 4, last + chosen.randrange(PS_PER_MS // 10))])

    def on_end(end):
        time_ps, flow, sequence = end[:3]
        assert time_ps < engine.clock_ps
        watcher.at(time_ps + handling_ps, send, time_ps + handling_ps, flow, sequence)

    watcher.run(on_end)
    return watcher.ends


@pytest.mark.parametrize("threads", [1, TWO_THREADS])
def test_what_is_sent_in_answer_to_ends_depends_on_neither_windows_nor_threads(monkeypatch, threads):
    monkeypatch.setattr(engine_module, "LITTLE_WORK_PER_WINDOW", 0)
    expected = react_to_ends(1, 2 * PS_PER_US)
    assert len(expected) > enough(500, 20) and {end[4] for end in expected} == {"delivered", "queue"}
    for longest_window_ps in (PS_PER_US, 333_333) if threads == 1 else (2 * PS_PER_US, 700_001):
        assert react_to_ends(threads, longest_window_ps) == expected


# ------------------------------------------------------------------------------------------------- by pencil


def watched_chain(**options):
    """An engine in which 0 sends to 2 over links of 100 and 5 ps, a byte a picosecond, until 1,000,000 ps."""
    flows = [script(0, 2), script(0, 2)]
    case = network([(0, 1, 100), (1, 2, 5)], flows)
    engine = engine_of(case, **{"watched": [0, 1], "trains": True, **options})
    ((_, step),) = steps_of(case)
    engine.begin_step(step)
    return engine


def told(engine):
    return list(zip(*(column.tolist() for column in engine.drain_ends()), strict=True))


def test_train_of_a_script_ends_with_its_last_packet_and_its_latency_counts_from_there():
    engine = watched_chain()
    # 4 packets of 10 bytes, made from 0 to 60: head 10, 110, 120, 125; last bit 70, 170, 180, 185.
    write_script(engine, 0, [(0, 10, 4, 60)])
    engine.advance(1_000_000)
    assert told(engine) == [(185, 0, 0, 4, state.DELIVERED, 2)]
    counters = engine.flow_counters()
    assert (counters.latency_min_ps[0], counters.latency_sum_ps[0]) == (125, 500)
    assert engine.sent_packets_of([0, 1]).tolist() == [4, 0]


def test_engine_halts_behind_ends_that_matter_and_no_others():
    engine = watched_chain(longest_window_ps=50)
    write_script(engine, 0, [(0, 10), (1000, 10), (5000, 10, 4, 5060)])
    engine.set_stop(0, 1)  # the first packet does not matter
    assert not engine.advance(1_000_000)
    assert 1125 < engine.clock_ps <= 1125 + 50
    assert told(engine) == [(125, 0, 0, 1, -1, 2), (1125, 0, 1, 1, -1, 2)]
    # Of a train it is its last packet that matters, although its end is foreseen when its head arrives.
    assert not engine.advance(1_000_000)
    assert 5185 < engine.clock_ps <= 5185 + 50
    assert told(engine) == [(5185, 0, 2, 4, -1, 2)]
    assert engine.advance(1_000_000)


def test_end_of_a_train_is_told_of_when_the_clock_has_passed_it_and_after_all_before_it():
    engine = watched_chain(longest_window_ps=50)
    write_script(engine, 0, [(0, 10, 4, 2000)])
    write_script(engine, 1, [(1000, 10)])
    engine.set_stop([0, 1], NEVER)
    ends = []
    for until in range(50, 4000, 50):
        assert engine.advance(until)
        ends.append(told(engine))
        assert all(end[0] < until for end in ends[-1])
        assert all(end[0] >= until - 50 for end in ends[-1])
    # The packet has to wait for the train on both links.
    assert [end for each in ends for end in each] == [(2125, 0, 0, 4, -1, 2), (2135, 1, 0, 1, -1, 2)]


def test_ends_and_taps_are_told_of_apart():
    engine = watched_chain(trace=False, taps=state.TAP_OUT, watched=[1])
    write_script(engine, 0, [(0, 10)])
    write_script(engine, 1, [(1000, 10)])
    engine.advance(1_000_000)
    assert told(engine) == [(1125, 1, 0, 1, -1, 2)]
    assert engine.drain_taps()[:, state.T_KIND].tolist() == [state.TAP_OUT] * 4
    engine = watched_chain(trace=True)
    write_script(engine, 0, [(0, 10)])
    engine.advance(1_000_000)
    assert engine.drain_taps()[:, state.T_KIND].tolist() == [state.TAP_DELIVERED]
    assert told(engine) == [(125, 0, 0, 1, -1, 2)] and told(engine) == []


def test_entries_that_have_not_been_sent_are_replaced():
    engine = watched_chain()
    write_script(engine, 0, [(0, 10), (500, 10), (501, 10)])
    engine.advance(400)
    write_script(engine, 0, [(450, 20)])
    engine.advance(600)
    write_script(engine, 0, [])
    engine.advance(1_000_000)
    assert told(engine) == [(125, 0, 0, 1, -1, 2), (450 + 20 + 100 + 20 + 5, 0, 1, 1, -1, 2)]


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([(399, 10)], "399 ps is before the clock, which is at 400 ps"),
        ([(500, 10), (499, 10)], "ascend"),
        ([(500, 0)], "bytes"),
        ([(500, 2**17)], "bytes"),
        ([(500, 10, 0, 500)], "1 to 512 packets"),
        ([(500, 10, 513, 900)], "1 to 512 packets"),
        ([(500, 10, 2, 499)], "tail_ps"),
    ],
)
def test_script_that_cannot_be_sent_is_refused_and_the_old_one_stays(entries, sentence):
    engine = watched_chain()
    write_script(engine, 0, [(500, 10)])
    engine.advance(400)
    with pytest.raises(ValueError, match=sentence):
        write_script(engine, 0, entries)
    engine.advance(1_000_000)
    assert told(engine) == [(625, 0, 0, 1, -1, 2)]


def test_only_scripts_are_written_and_trains_need_an_engine_that_knows_them():
    flows = [script(0, 1), Flow(0, 1, "constant", BYTE_PER_PS // 2, ((10, 1),), label=1)]
    engine = engine_of(network([(0, 1, 100)], flows))
    with pytest.raises(ValueError, match="flow 1 is no script"):
        write_script(engine, 1, [(0, 10)])
    with pytest.raises(ValueError, match="trains=True"):
        write_script(engine, 0, [(0, 10, 2, 5)])


def test_scripts_take_no_more_memory_the_more_often_they_are_written():
    n_flows = 10
    flows = [script(0, 1) for _ in range(n_flows)]
    engine = engine_of(network([(0, 1, 100)], flows), trains=True)
    dice = random.Random(1)
    live, most = dict.fromkeys(range(n_flows), 0), 0
    for _ in range(enough(2000, 300)):
        flow = dice.randrange(n_flows)
        live[flow] = dice.choice((0, 1, 5, 200))
        write_script(engine, flow, [(k, 10) for k in range(live[flow])])
        most = max(most, sum(live.values()))
    assert len(engine._e.mixes) <= 4 * most
    for flow in range(n_flows):
        first, end = engine._e.flows[flow, [state.S_MIX, state.S_MIX_END]]
        assert engine._e.mixes[first:end, state.M_TIME].tolist() == list(range(live[flow]))
