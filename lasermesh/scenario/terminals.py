"""What a topology file says of terminals: what they can do, and how many of which a satellite has."""

# ruff: noqa: RUF009 (the calls beside the fields make dataclass fields)

from dataclasses import dataclass

from lasermesh.scenario.fields import Choice, Either, Integer, ListOf, Number, Row, Table, Text, key

RATE = Number(low=1e-6, high=1e6, unit="Gbps")
RANGE = Number(low=1e-3, high=1e9, unit="km")
SHORTEST_MEAN_S = 1e-3
"""What happens at random more often than this would keep a run busy with nothing else."""

# Axes of the local orbital frame: up from the Earth's centre, fore along the orbit at right angles to it,
# left at right angles to both.
MOUNTS = {
    "fore": (1.0, 0.0, 0.0),
    "aft": (-1.0, 0.0, 0.0),
    "left": (0.0, 1.0, 0.0),
    "right": (0.0, -1.0, 0.0),
    "up": (0.0, 0.0, 1.0),
    "down": (0.0, 0.0, -1.0),
}


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """How long acquiring takes: always the median, or lognormal with this median and 95th percentile."""

    median: float = key(Number(0.0, 86_400.0, unit="s"), help="Half of all acquisitions take less.")
    p95: float = key(Number(0.0, 86_400.0, unit="s"), help="One in twenty takes more.")


@dataclass(frozen=True, kw_only=True)
class TerminalType:
    """A kind of terminal, as `[terminals.mini]`."""

    name: str
    preset: str | None = key(
        Text("the name of a preset in quotes"),
        None,
        help="Values of a known terminal; keys here replace them.",
    )
    rate_gbps: float | None = key(RATE, None, help="Rate of a link; the lesser of its two ends counts.")
    max_range_km: float | None = key(RANGE, None, help="Longest link; the lesser of its two ends counts.")
    reference_range_km: float | None = key(
        RANGE,
        None,
        help="Range at which rate_gbps holds; elsewhere it goes with the inverse square of range.",
    )
    rate_steps_gbps: tuple[float, ...] = key(
        ListOf(RATE, distinct=True),
        (),
        help="Rates that there are; one from the inverse square is rounded down. Needs reference_range_km.",
    )
    acquisition_s: Acquisition | None = key(
        Either((Number(0.0, 86_400.0, unit="s"), Table("a table {median, p95}"))),
        None,
        help="Time from pointing at the other end until bits flow; absent: 0.",
    )
    mount: tuple[float, float, float] | None = key(
        Either(
            (
                Choice(tuple(MOUNTS)),
                Row(("fore", "left", "up"), (Number(-1e6, 1e6), Number(-1e6, 1e6), Number(-1e6, 1e6))),
            )
        ),
        None,
        help="Middle of the directions it can point in; absent: all directions.",
    )
    field_of_regard_deg: float | None = key(
        Number(above=0.0, high=180.0, unit="deg"),
        None,
        help="Largest angle from mount, which must be given; 90 is a hemisphere.",
    )
    slew_deg_per_s: float | None = key(
        Number(above=0.0, high=1e6, unit="deg/s"), None, help="Rate of turning; absent: at once."
    )
    sun_exclusion_deg: float = key(
        Number(0.0, 90.0, unit="deg"), 0.0, help="It cannot look nearer to the Sun than this."
    )
    mean_time_between_losses_s: float | None = key(
        Number(low=SHORTEST_MEAN_S, unit="s"),
        None,
        help="It loses the other end at random, so often on average, and acquires anew; absent: never.",
    )
    guesses: tuple[str, ...] = ()
    """Keys whose value comes from the preset and is published nowhere."""


@dataclass(frozen=True, kw_only=True)
class TerminalUse:
    """How many terminals of one type each satellite of a group has."""

    type: TerminalType = key(Text("the name of a terminal in quotes"), help="Name of a [terminals.NAME].")
    count: int = key(Integer(1, 1000), help="How many of them each satellite has.")
    share: float = key(
        Number(above=0.0, high=1.0), 1.0, help="Share of the satellites that have them, drawn from the seed."
    )
