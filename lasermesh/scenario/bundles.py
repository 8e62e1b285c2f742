"""What an experiment file says of bundles, checked: how nodes store, route and send them."""

from dataclasses import dataclass

from lasermesh.scenario.fields import Choice, Either, Flag, Integer, Number, bulky, key
from lasermesh.scenario.topology import GROUPS, NODE

LONGEST_S = 106 * 86_400.0
"""The packet engine counts int64 picoseconds, which end after 106.75 days."""

PERIOD = Number(above=0.0, high=LONGEST_S, unit="s")

PRIORITIES = BULK, NORMAL, EXPEDITED = "bulk", "normal", "expedited"
"""By number (CCSDS 734.3-B-1, 2.4)."""

BUNDLE_BYTES = Integer(1, 2**50, unit="bytes")
MOST_BUNDLES = 10**7
"""Of one pair; each takes some hundred bytes of memory and a row of the results."""

ROUTINGS = EARLIEST, SABR, SABR_COMPLETE, ION, SPREAD = (
    "earliest",
    "sabr",
    "sabr-complete",
    "ion",
    "spread",
)
OWN, SHARED, NO_BOOKING = "own", "shared", "none"
RESEND, SPLIT = "resend", "split"
REFUSE, DROP_OLDEST, DROP_LOWEST = "refuse", "drop-oldest", "drop-lowest"
EXCLUSIVE, INCLUSIVE = "exclusive", "inclusive"

STORE_BYTES = Integer(1, 2**53, unit="bytes")
WHEN_FULL = Choice((REFUSE, DROP_OLDEST, DROP_LOWEST))


@dataclass(frozen=True, kw_only=True)
class Bundles:
    """How nodes handle bundles, as `[bundles]`."""

    routing: str = key(
        Choice(ROUTINGS),
        EARLIEST,
        help="How a contact is chosen: by the earliest arrival with exact volumes; by the volume rules of "
        "CCSDS 734.3-B-1, the first candidate or the best; by these with ION's numbers; or spread over "
        "neighbours that are nearly as good.",
    )
    spread_within_s: float = key(
        Number(0.0, 1e9, unit="s"),
        60.0,
        help='With routing = "spread": how much later than the earliest a route may arrive to be used '
        "as well.",
    )
    spread_routes: int = key(Integer(2, 64), 4, help="Likewise: most neighbours that are used side by side.")
    booking: str = key(
        Choice((OWN, SHARED, NO_BOOKING)),
        OWN,
        help="Who knows of volume that is promised to bundles: each node of its own promises, all of all, "
        "or nobody.",
    )
    window_end: str = key(
        Choice((EXCLUSIVE, INCLUSIVE)), EXCLUSIVE, help="Whether a contact's end belongs to it."
    )
    margin_s: float = key(Number(0.0, 1e6, unit="s"), 0.0, help="Added to the light time of each hop.")
    handling_s: float = key(
        Number(1e-6, 60.0, unit="s"), 0.001, help="From a bundle's arrival until its node acts on it."
    )
    when_cut: str = key(
        Choice((RESEND, SPLIT)),
        RESEND,
        help="What becomes of a bundle that the end of a contact cuts: what is missing is sent again, or it "
        "goes on in parts.",
    )
    retransmit: bool = key(
        Flag(), True, help="Whether segments that are dropped on a hop are sent again over it."
    )
    store_bytes: int | None = key(STORE_BYTES, None, help="What each node can store; absent: no limit.")
    when_full: str = key(WHEN_FULL, REFUSE, help="Who must go when a bundle comes and there is no room.")
    horizon_s: float | None = key(
        PERIOD,
        None,
        help="How far contacts are predicted, from the run's start; absent: to its end.",
    )


@dataclass(frozen=True, kw_only=True)
class Store:
    """What some nodes can store, as `[[stores]]`; of several that name a node the last counts."""

    on: tuple[str, ...] = key(GROUPS, help="Nodes, a group or a list.")
    store_bytes: int | None = key(STORE_BYTES, None, help="What each of them can store; absent: no limit.")
    when_full: str | None = key(WHEN_FULL, None, help="Who must go; absent: as [bundles] says.")

    rows: tuple[int, ...] = bulky()


@dataclass(frozen=True)
class ListedBundle:
    """A bundle; a row of a CSV file of bundles."""

    created_s: float = key(Number(0.0, LONGEST_S, unit="s"), help="When it is made, from the run's start.")
    from_name: str = key(NODE, name="from", help="Node that makes it.")
    to_name: str = key(NODE, name="to", help="Node that it is for.")
    n_bytes: int = key(BUNDLE_BYTES, name="bytes", help="Its size.")
    priority: str | int | None = key(
        Either((Choice(PRIORITIES), Integer(0, len(PRIORITIES) - 1))),
        None,
        help="Which bundles go first, by word or by number: bulk 0, normal 1, expedited 2; absent: as "
        "[[flows]] says.",
    )
    lifetime_s: float | None = key(
        PERIOD, None, help="How long after its making it is worth something; absent: as [[flows]] says."
    )


LONGEST_PLAN_S = 4.6e9
"""Times of a contact plan lie so many seconds around its epoch, so that they fit into ns (146 years)."""


@dataclass(frozen=True)
class PlannedBundle(ListedBundle):
    """The same in a file of bundles for a contact plan, which may be far longer than a run."""

    created_s: float = key(
        Number(-LONGEST_PLAN_S, LONGEST_PLAN_S, unit="s"), help="When it is made, from the plan's epoch."
    )
    lifetime_s: float | None = key(
        Number(above=0.0, high=LONGEST_PLAN_S, unit="s"),
        None,
        help="How long after its making it is worth something; absent: it does not expire.",
    )


@dataclass(frozen=True, eq=False)
class BundleList:
    """Bundles of one flow in order of making, then as in the file; row i of every array is one."""

    created_ps: object  # int64 (n,)  since the run's start
    n_bytes: object  # int64 (n,)
    priority: object  # int64 (n,)  row of PRIORITIES
    lifetime_ps: object  # int64 (n,)  NEVER: it does not expire


@dataclass(frozen=True)
class BundleFlow:
    """Bundles from one node to another, with rows in place of names; not among `expanded_flows`."""

    name: str
    from_name: str
    to_name: str
    from_row: int
    to_row: int
    table: object  # Flow, where all the rest stands
    table_index: int  # among [[flows]]
    listed: BundleList | None  # of a file; None: made at the times that the table says
