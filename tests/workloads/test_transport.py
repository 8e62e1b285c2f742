"""Transfers over a network of one link per channel: rounds, reports, timers, pauses."""

import random

import pytest

from lasermesh.units import NEVER, PS_PER_MS, PS_PER_S
from lasermesh.workloads.channels import PORTION_ENTRIES
from lasermesh.workloads.network import WAITING
from tests.workloads.fake_port import Bench

PAIR = (0, 0, 1)
HUNDRED = 100_000  # bytes: 8 ms at the 100 Mbit/s of the bench


def lose(packets):
    """Lose these (channel, sequence)."""
    return lambda channel, sequence, time_ps: (channel, sequence) in packets


def send(bench, n_bytes=HUNDRED, pair=PAIR):
    """Begin a transfer; it, and a list of the instants at which it was said to be done and acknowledged."""
    said = []
    transfer = bench.transport.send(*pair, n_bytes, lambda done: said.append(bench.agenda.now_ps))
    bench.transport.on_acknowledged(transfer, lambda done: said.append(bench.agenda.now_ps))
    return transfer, said


def ms(time_ps):
    return time_ps / PS_PER_MS


@pytest.mark.parametrize("train_packets", [1, 16, 512])
def test_an_idle_way_takes_size_over_rate_and_the_light_time(train_packets):
    bench = Bench([PAIR], train_packets=train_packets)
    transfer, _ = send(bench)
    bench.run(PS_PER_S)
    assert ms(transfer.first_ps) == 1
    assert ms(transfer.complete_ps) == pytest.approx(1 + 8 + 3, rel=1e-6)


def test_the_receiver_acts_handling_later_and_the_sender_a_report_later():
    bench = Bench([PAIR])
    transfer, said = send(bench)
    bench.run(PS_PER_S)
    report_ms = 64 * 8 / 1e8 * 1e3
    assert [ms(each) for each in said] == pytest.approx([13, 13 + report_ms + 3 + 1], rel=1e-6)
    assert transfer.spent_ps == [PS_PER_MS, 0, transfer.complete_ps - PS_PER_MS]


def test_what_was_lost_is_sent_again_after_a_report():
    bench = Bench([PAIR], is_lost=lose({(0, 3), (0, 4), (0, 20)}))
    transfer, _ = send(bench)
    bench.run(PS_PER_S)
    round_trip_ms = 3 + 1 + 64 * 8 / 1e5 + 3 + 1
    assert ms(transfer.complete_ps) == pytest.approx(12 + round_trip_ms + 3 * 0.12, rel=1e-4)
    assert transfer.sent_bytes == HUNDRED + 3 * 1500
    assert transfer.lost_bytes == 3 * 1500
    assert transfer.resent_bytes == 3 * 1500


def test_a_lost_checkpoint_is_sent_again_when_the_report_is_late():
    bench = Bench([PAIR], is_lost=lose({(0, 66)}))
    transfer, _ = send(bench)
    bench.run(5 * PS_PER_S)
    last_ms, report_ms = 1000 * 8 / 1e5, 64 * 8 / 1e5
    late_ms = 1 + 66 * 0.12 + last_ms + 3 + 1 + report_ms + 3 + 500
    assert ms(transfer.complete_ps) == pytest.approx(late_ms + last_ms + 3, rel=1e-6)
    assert transfer.resent_bytes == 1000


def test_a_lost_report_delays_what_the_sender_knows_and_nothing_else():
    bench = Bench([PAIR], is_lost=lose({(1, 0)}))
    transfer, said = send(bench)
    bench.run(5 * PS_PER_S)
    assert ms(transfer.complete_ps) == pytest.approx(12, rel=1e-6)
    assert 500 < ms(said[1]) < 530
    assert transfer.sent_bytes == HUNDRED + 1000  # the checkpoint once more


def test_time_outs_double():
    bench = Bench([PAIR])
    bench.mesh.shut.add(1)  # nothing comes back
    bench.port.is_lost = lambda channel, sequence, time_ps: channel == 1
    transfer, said = send(bench)
    bench.run(20 * PS_PER_S)
    assert len(said) == 1  # done, not acknowledged
    assert transfer.resent_bytes == 5 * 1000  # checkpoints after 0.5 + 1 + 2 + 4 + 8 = 15.5 s


@pytest.mark.parametrize("over_bytes", [1, 2, 13, 26, 27, 28, 29])
def test_what_a_last_packet_is_filled_up_with_is_sent_but_not_sent_again(over_bytes):
    # One packet is lost, and the last one, the checkpoint, twice.
    bench = Bench([PAIR], is_lost=lose({(0, 1), (0, 2), (0, 3)}))
    transfer, _ = send(bench, 2 * 1500 + over_bytes)
    bench.run(10 * PS_PER_S)
    bench.transport.close(bench.port.clock_ps)
    last_bytes = max(over_bytes, 28)
    assert transfer.is_acknowledged
    assert transfer.sent_bytes - transfer.resent_bytes == 2 * 1500 + last_bytes
    assert transfer.resent_bytes == transfer.lost_bytes == 1500 + 2 * last_bytes
    assert transfer.delivered_bytes == 2 * 1500 + last_bytes


def test_two_transfers_of_a_pair_follow_one_another_without_a_pause():
    bench = Bench([PAIR])
    first, second = (send(bench)[0] for _ in range(2))
    bench.run(PS_PER_S)
    assert ms(first.complete_ps) == pytest.approx(12, rel=1e-5)
    assert ms(second.complete_ps) == pytest.approx(20, rel=1e-5)
    assert ms(second.spent_ps[WAITING]) == pytest.approx(9, rel=1e-5)


def test_two_senders_over_one_link_have_half_each():
    pairs = [(0, 0, 1), (1, 0, 1)]
    bench = Bench(pairs, link_of=[0, 0, 1, 1])
    one, other = send(bench, HUNDRED, pairs[0])[0], send(bench, 2 * HUNDRED, pairs[1])[0]
    bench.run(PS_PER_S)
    # Half the rate until the first is done, and until that is known.
    assert ms(one.complete_ps) == pytest.approx(1 + 16 + 3, rel=0.01)
    assert ms(other.complete_ps) == pytest.approx(1 + 24 + 0.5 + 3, rel=0.01)


def test_a_repair_goes_ahead_of_what_is_new():
    bench = Bench([PAIR], is_lost=lose({(0, 5)}))
    first, second = send(bench)[0], send(bench, 10 * HUNDRED)[0]
    bench.run(PS_PER_S)
    assert ms(first.complete_ps) == pytest.approx(12 + 8.1, rel=0.02)
    assert ms(second.complete_ps) == pytest.approx(1 + 8 + 80 + 0.12 + 3, rel=1e-4)


def test_a_sender_without_a_way_waits_and_goes_on_where_it_was():
    bench = Bench([PAIR])
    transfer, _ = send(bench)

    def shut(channels):
        bench.mesh.shut = channels
        bench.transport.tables_changed()

    bench.agenda.at(5 * PS_PER_MS, shut, {0})
    bench.agenda.at(105 * PS_PER_MS, shut, set())
    bench.run(PS_PER_S)
    # Its pace is made anew a millisecond after the way is back; the packet that was cut short counts whole.
    assert ms(transfer.complete_ps) == pytest.approx(12 + 101, rel=2e-3)
    assert ms(transfer.spent_ps[WAITING]) == pytest.approx(1 + 101, rel=1e-9)
    assert transfer.sent_bytes == HUNDRED


def test_a_guest_without_a_link_is_attaching():
    bench = Bench([PAIR])
    bench.mesh.shut, bench.mesh.attaching = {0}, {0}
    transfer, _ = send(bench)

    def attach():
        bench.mesh.shut, bench.mesh.attaching = set(), set()
        bench.transport.links_changed([0], {0})
        bench.transport.tables_changed()

    bench.agenda.at(30 * PS_PER_MS, attach)
    bench.run(PS_PER_S)
    assert [ms(part) for part in transfer.spent_ps] == pytest.approx([1, 30, 11], rel=1e-5)


def test_a_run_is_not_stopped_for_packets_before_a_checkpoint():
    bench = Bench([PAIR], rate_bps=10**10)
    send(bench, 1500 * (PORTION_ENTRIES + 10))
    bench.run(PS_PER_MS)
    assert bench.port.stops[0] == NEVER  # the checkpoint is not handed over yet
    bench.run(PS_PER_MS + PORTION_ENTRIES * 1_200_000)
    assert bench.port.stops[0] == PORTION_ENTRIES + 9


def test_as_of_now_a_transfer_says_what_was_sent_whoever_looked_at_packets_meanwhile():
    bench = Bench([PAIR])
    transfer, _ = send(bench)
    bench.run(5 * PS_PER_MS)
    assert bench.transport.as_of_now(transfer) is transfer
    assert transfer.first_ps == PS_PER_MS
    assert transfer.sent_bytes == pytest.approx(HUNDRED / 2, abs=1500)


def test_what_was_not_begun_can_be_taken_back():
    bench = Bench([PAIR])
    first, second = (send(bench) for _ in range(2))
    assert bench.transport.pending_bytes(None, 1) == bench.transport.pending_bytes(0, 1) == 2 * HUNDRED
    bench.run(3 * PS_PER_MS)
    assert not bench.transport.withdraw(first[0])
    assert bench.transport.withdraw(second[0])
    bench.run(PS_PER_S)
    assert first[0].complete_ps is not None and second[0].complete_ps is None
    assert second[1] == []
    assert bench.transport.pending_bytes(None, 1) == 0


def test_what_is_cancelled_leaves_its_place_to_the_next():
    bench = Bench([PAIR])
    (first, said), (second, _) = send(bench, 10 * HUNDRED), send(bench)
    bench.agenda.at(5 * PS_PER_MS, bench.transport.cancel, first)
    bench.run(PS_PER_S)
    bench.transport.close(PS_PER_S)
    assert said == []
    assert ms(second.complete_ps) == pytest.approx(5 + 8 + 3, rel=0.02)
    assert first.sent_bytes == first.delivered_bytes < HUNDRED


def test_a_stream_keeps_its_times_beside_a_transfer():
    bench = Bench([PAIR], is_lost=lambda channel, sequence, time_ps: time_ps == 4 * PS_PER_MS + 1)
    transfer, _ = send(bench)
    outcomes = []
    times_ps = [2 * PS_PER_MS + 1, 3 * PS_PER_MS + 1, 4 * PS_PER_MS + 1, 5 * PS_PER_MS + 1]
    bench.transport.post(
        *PAIR, times_ps, 200, lambda outcome: outcomes.append((bench.agenda.now_ps, outcome))
    )
    bench.run(PS_PER_S)
    ((now_ps, outcome),) = outcomes
    assert (outcome.delivered, outcome.lost) == (3, 1)
    assert ms(outcome.first_ps) == pytest.approx(2 + 3, abs=0.2)
    assert ms(outcome.last_ps) == pytest.approx(5 + 3, abs=0.2)
    assert now_ps == outcome.last_ps + PS_PER_MS
    assert transfer.complete_ps is not None


def test_a_stream_of_which_all_is_lost_is_told_of():
    bench = Bench([PAIR], is_lost=lambda *_: True)
    outcomes = []
    bench.transport.post(*PAIR, [0, 0, 5 * PS_PER_MS], 200, outcomes.append)
    bench.run(PS_PER_S)
    assert outcomes == [(0, 3, NEVER, NEVER)]


def random_run(seed, window_ps, train_packets):
    """Transfers of random sizes at random times over lossy ways that come and go; what came of them."""
    draw = random.Random(seed)
    pairs = [(0, 0, 1), (0, 1, 0), (1, 0, 1), (0, 2, 1)]
    fate = random.Random(seed + 1)
    lost = {(channel, sequence) for channel in range(6) for sequence in range(3000) if fate.random() < 0.05}
    bench = Bench(
        *(pairs, 10**8, 3 * PS_PER_MS, window_ps),
        is_lost=lose(lost),
        train_packets=train_packets,
        link_of=[0, 1, 0, 2, 3, 3][: len(set(pairs) | {(w, b, a) for w, a, b in pairs})],
    )
    transfers, streams = [], []

    def begin():
        pair = draw.choice(pairs)
        transfers.append(bench.transport.send(*pair, draw.randint(1, 200_000), lambda transfer: None))
        bench.transport.post(*pair, [bench.agenda.now_ps + 7_000_001], 100, streams.append)
        if draw.random() < 0.2:
            bench.transport.cancel(draw.choice(transfers))

    def news():
        bench.mesh.shut = {channel for channel in range(6) if draw.random() < 0.3}
        bench.transport.tables_changed()

    for _ in range(25):
        bench.agenda.at(draw.randrange(PS_PER_S // 2), begin)
    for _ in range(10):
        bench.agenda.at(draw.randrange(PS_PER_S), news)
    bench.agenda.at(PS_PER_S, lambda: (bench.mesh.shut.clear(), bench.transport.tables_changed()))
    bench.run(60 * PS_PER_S)
    bench.transport.close(bench.port.clock_ps)
    for transfer in transfers:
        assert transfer.sent_bytes == transfer.delivered_bytes + transfer.lost_bytes
        spent_ps = sum(transfer.spent_ps)
        if not transfer.is_cancelled:
            assert transfer.is_acknowledged
            assert spent_ps == transfer.complete_ps - transfer.asked_ps
            assert transfer.delivered_bytes >= transfer.n_bytes
        assert all(part >= 0 for part in transfer.spent_ps)
    assert bench.transport.pending_bytes(None, 0) == bench.transport.pending_bytes(None, 1) == 0
    return [(t.first_ps, t.complete_ps, *t.spent_ps, t.sent_bytes, t.lost_bytes) for t in transfers], streams


@pytest.mark.parametrize("train_packets", [1, 32])
@pytest.mark.parametrize("seed", range(4))
def test_everything_arrives_and_adds_up_whatever_the_windows(seed, train_packets):
    expected = random_run(seed, PS_PER_MS, train_packets)
    assert random_run(seed, PS_PER_MS // 3, train_packets) == expected
