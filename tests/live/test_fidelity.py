"""The verdict on a live run: what makes it, by cases."""

import pytest

from lasermesh.live.fidelity import DEGRADED, INVALID, OK, FidelityFigures, Lateness, verdict_of

FINE = Lateness(1000, 0.01, 0.05, 0.2)
NONE = Lateness(0, 0.0, 0.0, 0.0)

QUIET = FidelityFigures(
    into=FINE,
    out=FINE,
    answers=NONE,
    shortest_rtt_ms=40.0,
    tun_drops=0,
    buffer_drops=0,
    write_errors=0,
    parked_drops=0,
    gone_hosts=0,
    lost_share=0.001,
    longest_gap_ms=2.0,
    run_s=100.0,
    step_s=1.0,
    standstill_s=0.02,
    longest_standstill_s=0.004,
    late_steps=0,
    late_s=0.0,
    slowest_step_s=0.05,
    slowest_writing_s=0.01,
    longest_lag_s=0.004,
)


def late(p99_ms, p90_ms=0.05, p50_ms=0.01, packets=1000):
    return Lateness(packets, p50_ms, p90_ms, p99_ms)


def stood(total_s, longest_s, late_steps=0, **more):
    """Figures of a mesh that stood still, waiting for its steps if any were late."""
    late_s = total_s if late_steps else 0.0
    more |= {"late_steps": late_steps, "late_s": late_s}
    return {"standstill_s": total_s, "longest_standstill_s": longest_s, **more}


@pytest.mark.parametrize(
    ("figures", "verdict", "words"),
    [
        ({}, OK, []),
        ({"into": NONE, "out": NONE, "shortest_rtt_ms": None}, OK, []),
        ({"tun_drops": 1}, INVALID, ["1 packet was", "packets.scale"]),
        ({"buffer_drops": 2500}, INVALID, ["2,500 packets were", "live.buffer_bytes"]),
        ({"write_errors": 3}, DEGRADED, ["3 packets were"]),
        ({"parked_drops": 3}, DEGRADED, ["3 packets were lost on the way to satellites"]),
        ({"gone_hosts": 1}, DEGRADED, ["1 host was removed"]),
        # A tail of more than a ms, or of more than 2 % of the shortest round trip.
        ({"out": late(0.79)}, OK, []),
        ({"out": late(0.81)}, DEGRADED, ["0.81 ms late", "40 ms", "medians"]),
        ({"into": late(0.81)}, DEGRADED, ["waited 0.81 ms", "40 ms", "medians"]),
        ({"answers": late(0.81)}, DEGRADED, ["answers of satellites came 0.81 ms"]),
        ({"out": late(0.9), "shortest_rtt_ms": 200.0}, OK, []),
        ({"out": late(1.1), "shortest_rtt_ms": 200.0}, DEGRADED, ["1.1 ms", "200 ms"]),
        ({"out": late(0.15), "into": FINE._replace(p99_ms=0.15), "shortest_rtt_ms": 10.0}, OK, []),
        ({"out": late(5.0), "shortest_rtt_ms": None}, DEGRADED, ["5 ms"]),
        # One packet in ten.
        ({"out": late(8.0, 1.1)}, INVALID, ["one in ten of the packets", "1.1 ms"]),
        ({"into": late(8.0, 1.1)}, INVALID, ["one in ten of the packets waited 1.1 ms"]),
        ({"out": late(8.0, 1.1), "shortest_rtt_ms": 140.0}, DEGRADED, ["8 ms"]),
        ({"out": late(8.0, 3.0), "shortest_rtt_ms": 140.0}, INVALID, ["2.8 ms"]),
        # Less than one in ten, but by far.
        ({"out": late(1000.0)}, INVALID, ["one in a hundred", "1e+03 ms"]),
        ({"into": late(99.0)}, DEGRADED, ["99 ms"]),
        # A ping of five packets of which one met a pause of the machine, which may be no longer than that.
        ({"out": late(12.0, 12.0, packets=10)}, DEGRADED, ["12 ms"]),
        ({"out": late(12.0, 12.0, 2.0, packets=10)}, INVALID, ["half of the packets"]),
        ({"out": late(1000.0, 1000.0, packets=10)}, INVALID, ["one in ten", "1e+03 ms"]),
        # Standing still: pauses of a step as they always are, one that is felt, and many.
        (stood(0.0001, 0.0001, late_steps=1, run_s=600.0), OK, []),
        (stood(0.9, 0.01), OK, []),
        (stood(1.1, 0.01), DEGRADED, ["1.1 % of the time", "to go on"]),
        (stood(11.0, 0.01), INVALID, ["11 % of the time", "step_s"]),
        (stood(0.4, 0.4, late_steps=1, slowest_step_s=1.4), DEGRADED, ["once", "step_s = 5"]),
        (stood(0.4, 0.4, late_steps=1, slowest_step_s=1.4, run_s=5.0), DEGRADED, ["once"]),
        (stood(0.4, 0.4, late_steps=1, slowest_step_s=1.4, run_s=2.0), INVALID, ["20 % of the time"]),
        (
            stood(2.0, 0.3, late_steps=9, slowest_step_s=1.2),
            INVALID,
            ["9 times", "2 s in all", "took up to 1.2 s to compute", "topology.step_s = 5"],
        ),
        (
            stood(2.0, 0.3, late_steps=9, slowest_writing_s=1.2),
            INVALID,
            ["took up to 1.2 s to write", "disk"],
        ),
        ({"longest_lag_s": 0.3}, INVALID, ["0.3 s behind the clock"]),
        ({"lost_share": 0.06}, DEGRADED, ["6 % of the time", "2 ms"]),
        ({"lost_share": 0.9}, INVALID, ["90 % of the time"]),
        ({"lost_share": 0.35, "run_s": 0.0025} | stood(0.0005, 0.0005), OK, []),  # of a program like `true`
    ],
)
def test_verdicts_by_cases(figures, verdict, words):
    found, reasons = verdict_of(QUIET._replace(**figures))
    assert found == verdict
    assert (reasons == []) == (verdict == OK)
    for word in words:
        assert word in reasons[0]


def test_the_worst_reason_comes_first_and_none_is_left_out():
    figures = QUIET._replace(lost_share=0.06, out=late(9.0), buffer_drops=1)
    verdict, reasons = verdict_of(figures)
    assert verdict == INVALID and len(reasons) == 3
    assert "memory" in reasons[0]


def test_a_step_that_would_do_is_only_named_if_it_is_longer():
    _, (reason,) = verdict_of(QUIET._replace(**stood(0.4, 0.4, late_steps=1, slowest_step_s=0.2)))
    assert "step_s" not in reason and "fewer satellites" in reason


def test_trains_are_advised_where_there_are_none():
    figures = QUIET._replace(out=late(0.9))
    ((with_trains,), (without,)) = (verdict_of(figures._replace(gso=gso))[1] for gso in (True, False))
    assert with_trains.endswith("a quiet machine, less traffic (packets.scale) or fewer hosts would help")
    assert without.endswith("(packets.scale), fewer hosts or --no-gso left out would help")
