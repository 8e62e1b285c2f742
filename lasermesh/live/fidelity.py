"""Whether what applications saw in a live run was the mesh, or the machine that it ran on."""

from typing import NamedTuple

OK, DEGRADED, INVALID = "OK", "DEGRADED", "INVALID"

FELT_MS = 1.0
"""Lateness that matters on any path: jitter of a ms is what good access networks have, and TCP's smallest
timers are some hundred times longer."""

FELT_SHARE = 0.02
"""Of the shortest round trip in use: what it takes for a latency measured to be wrong by 2 %."""

SEEN_MS = 0.1
"""Below it no lateness can be told from what calibration leaves over, however short the paths are."""

FAR_TOO_LATE_MS = 100.0
"""However few packets are: no machine that can be used pauses for so long, and TCP's timers (200 ms at least,
RFC 6298 as Linux has it) are near."""

FEW_PACKETS = 20
"""Of fewer packets the ninth decile is one or two of them: a single pause of the machine makes no verdict."""

MOST_LOST_SHARE = 0.05
"""Of the time in which the datapath wanted to run and did not: beyond it every twentieth packet waits."""

FAR_TOO_MUCH_LOST_SHARE = 0.25

LONG_STANDSTILL_S = 0.1
"""As FAR_TOO_LATE_MS: applications feel each of these by itself."""

STANDSTILL_SHARE = 0.01
"""Of the time: every hundredth packet meets a standstill, so that tails are wrong; if long ones are among
them, and it is not one alone, connections have stalled for reasons that are not the mesh's."""

MOST_STANDSTILL_SHARE = 0.1
"""Of the time, in standstills however short: one packet in ten."""

SHORTEST_RUN_S = 1.0
"""Shares are of so long a time at least: a program that ends within ms is not judged by one pause."""

OVERLOADED_S = 0.1
"""The datapath gets this far behind the clock by nothing but too much to do: machines that can be used at all
pause for some 20 ms at most."""


class Lateness(NamedTuple):
    """How late some packets were."""

    packets: int
    p50_ms: float
    p90_ms: float
    p99_ms: float


class FidelityFigures(NamedTuple):
    """What a verdict rests on."""

    into: Lateness  # for how long packets of hosts waited, at most, before they entered the mesh
    out: Lateness  # how much later than due packets were handed to hosts
    answers: Lateness  # how late answers of nodes within the mesh entered it
    shortest_rtt_ms: float | None  # of paths in use, None if nothing was sent
    tun_drops: int  # packets of hosts for which interfaces had no room
    buffer_drops: int  # that found no memory
    write_errors: int  # that a host did not take
    parked_drops: int  # to satellites that nothing could yet be sent to
    gone_hosts: int  # whose interfaces were removed
    lost_share: float  # of the time, in which the datapath wanted to run and did not
    longest_gap_ms: float
    run_s: float
    step_s: float
    standstill_s: float  # in which no packet was moved, for whatever reason
    longest_standstill_s: float
    late_steps: int  # that were not computed in time
    late_s: float  # of the standstill, waiting for them
    slowest_step_s: float  # that computing one took
    slowest_writing_s: float  # that went to writing what became of one
    longest_lag_s: float  # by which the end of a step was reached late, with all that was to be moved
    gso: bool = True  # whether TCP comes in trains


class Finding(NamedTuple):
    """A reason not to trust a run."""

    verdict: str
    text: str


def verdict_of(figures):
    """The verdict on a live run, and why.

    Parameters
    ----------
    figures : FidelityFigures

    Returns
    -------
    verdict : str
        OK, DEGRADED (medians can be used, tails cannot) or INVALID.
    reasons : list of str
        Sentences with figures and what would help, the worst first; none where it is OK.
    """
    found = [*_losses(figures), *_lateness(figures), *_standstills(figures), *_gaps(figures)]
    found.sort(key=lambda finding: finding.verdict != INVALID)
    verdict = found[0].verdict if found else OK
    return verdict, [finding.text for finding in found]


def _losses(figures):
    """Applications take for losses of the mesh what the machine loses; one may stall a connection."""
    if figures.tun_drops > 0:
        yield Finding(
            INVALID,
            f"{_packets(figures.tun_drops)} of hosts lost before the mesh, as this machine does not keep up "
            "with what they send; fewer packets, or lower rates with packets.scale, would do",
        )
    if figures.buffer_drops > 0:
        yield Finding(
            INVALID,
            f"{_packets(figures.buffer_drops)} lost for want of memory; a larger live.buffer_bytes would do",
        )
    if figures.write_errors > 0:
        yield Finding(
            DEGRADED,
            f"{_packets(figures.write_errors)} not taken by the host after crossing the mesh, as when its "
            "interface is down",
        )

    if figures.gone_hosts > 0:
        hosts = "1 host was" if figures.gone_hosts == 1 else f"{figures.gone_hosts:,} hosts were"
        yield Finding(DEGRADED, f"the interface of {hosts} removed while the run went on")
    if figures.parked_drops > 0:
        yield Finding(
            DEGRADED,
            f"{_packets(figures.parked_drops)} lost on the way to satellites while their routes were "
            "computed, or as more satellites were sent to at a time than there is room for",
        )


def _lateness(figures):
    rtt_ms = figures.shortest_rtt_ms
    felt_ms = FELT_MS if rtt_ms is None else max(FELT_MS, FELT_SHARE * rtt_ms)
    fine_ms = FELT_MS if rtt_ms is None else min(FELT_MS, max(SEEN_MS, FELT_SHARE * rtt_ms))
    path = "" if rtt_ms is None else f", where the shortest round trip in use is {rtt_ms:.3g} ms"
    less = "less traffic (packets.scale) or fewer hosts"
    if not figures.gso:
        less = "less traffic (packets.scale), fewer hosts or --no-gso left out"
    help_ = f"a quiet machine, {less} would help"
    for late, what, did in (
        (figures.into, "packets", "waited {} ms or more before they entered the mesh"),
        (figures.out, "packets", "came out {} ms late or more"),
        (figures.answers, "answers of satellites", "came {} ms late or more"),
    ):
        if late.packets == 0:
            continue
        of_ten, ten_ms = f"one in ten of the {what}", late.p90_ms
        if late.packets < FEW_PACKETS and late.p90_ms <= FAR_TOO_LATE_MS:
            of_ten, ten_ms = f"half of the {what}", late.p50_ms
        allowed = f", of which {felt_ms:.3g} ms are allowed{path}; {help_}"
        of_hundred = f"one in a hundred of the {what}"
        if ten_ms > felt_ms:
            yield Finding(INVALID, f"{of_ten} {did.format(f'{ten_ms:.3g}')}{allowed}")
        elif late.p99_ms > max(felt_ms, FAR_TOO_LATE_MS):
            yield Finding(INVALID, f"{of_hundred} {did.format(f'{late.p99_ms:.3g}')}{allowed}")
        elif late.p99_ms > fine_ms:
            yield Finding(
                DEGRADED,
                f"{of_hundred} {did.format(f'{late.p99_ms:.3g}')}{path}: medians can be used, the slowest "
                f"packets cannot; {help_}",
            )


def _standstills(figures):
    if figures.longest_lag_s > OVERLOADED_S:
        yield Finding(
            INVALID,
            f"the mesh was up to {figures.longest_lag_s:.3g} s behind the clock, with more to move than this "
            "machine can; less traffic, real or simulated, or lower rates with packets.scale would do",
        )
    stood_s, longest_s = figures.standstill_s, figures.longest_standstill_s
    run_s = max(figures.run_s, SHORTEST_RUN_S)
    is_long = longest_s > LONG_STANDSTILL_S
    if not is_long and stood_s <= STANDSTILL_SHARE * run_s:
        return
    is_often = is_long and stood_s - longest_s > STANDSTILL_SHARE * run_s
    is_invalid = is_often or stood_s > MOST_STANDSTILL_SHARE * run_s
    share = f" ({100 * min(stood_s / run_s, 1.0):.3g} % of the time)"
    yield Finding(
        INVALID if is_invalid else DEGRADED,
        f"the mesh stood still for {stood_s:.3g} s in all{share}, up to {longest_s:.3g} s at once, "
        f"{_cause_of_standstills(figures)}",
    )


def _cause_of_standstills(figures):
    """What the mesh stood still for most of the time, and what would help."""
    step = f"a step of {figures.step_s:g} s"
    if figures.late_s <= figures.standstill_s / 2:
        return (
            f"to go on from {step} to the next or to read what was counted; longer steps (topology.step_s), "
            "longer intervals of [observe] or a machine with a processor to spare would help"
        )
    times = "once" if figures.late_steps == 1 else f"{figures.late_steps:,} times"
    if figures.slowest_writing_s > figures.slowest_step_s:
        return (
            f"{times} waiting for the next step, as this machine took up to "
            f"{figures.slowest_writing_s:.3g} s to write what became of {step}; a faster disk "
            "or less to [observe] would do"
        )
    good_s = _good_step_s(figures.slowest_step_s)
    remedy = "fewer satellites or hosts"
    if good_s > figures.step_s:
        remedy = f"topology.step_s = {good_s:g}, {remedy}"
    return (
        f"{times} waiting for the next step, as this machine took up to {figures.slowest_step_s:.3g} s to "
        f"compute {step}; {remedy} would do"
    )


def _gaps(figures):
    lost_share = figures.lost_share * min(figures.run_s / SHORTEST_RUN_S, 1.0)
    if lost_share > MOST_LOST_SHARE:
        yield Finding(
            INVALID if lost_share > FAR_TOO_MUCH_LOST_SHARE else DEGRADED,
            f"this machine did something else for {100 * figures.lost_share:.0f} % of the time, up to "
            f"{figures.longest_gap_ms:.3g} ms at once; one with a processor to spare would help",
        )


def _good_step_s(slowest_step_s):
    """A step that takes half its time to compute: 1, 2 or 5 times a power of ten."""
    step_s = 0.001
    while True:
        for factor in (1, 2, 5):
            if factor * step_s >= 2 * slowest_step_s:
                return round(factor * step_s, 6)
        step_s *= 10


def _packets(count):
    return "1 packet was" if count == 1 else f"{count:,} packets were"
