"""What became of bundles, as the program writes it down and as the reference says, to be compared."""

from tests.reference.bundle_parts import FORWARDED, ON_THE_WAY, STORED

BUNDLE_FIELDS = (
    "state", "cause", "finished_ps", "predicted_ps", "hops", "fragments", "reroutes", "sent_bytes",
    "resent_bytes",
)  # fmt: skip
STAY_FIELDS = (
    "n_bytes", "hop", "node", "entered_ps", "next_node", "first_began_ps", "began_ps", "arrived_ps",
    "left_ps", "attempts", "cause",
)  # fmt: skip
OUTCOME_AT_END = {"sending": ON_THE_WAY, "received": FORWARDED}


def fates_of_records(bundles, stays):
    """Of records of `lasermesh.bundles.records`: a list of dicts of bundles, one of stays, sorted."""
    return (
        [fate(row.bundle, row, BUNDLE_FIELDS) for row in sorted(bundles, key=lambda row: row.bundle)],
        sort(stay(row.bundle, row.fragment_first_byte, row, row.outcome) for row in stays),
    )


def fates_of_reference(simulator):
    """The same of a `BundleSimulator` that has run."""
    return (
        [fate(bundle.number, bundle, BUNDLE_FIELDS) for bundle in simulator.bundles],
        sort(
            stay(
                piece.bundle.number,
                piece.first_byte,
                piece,
                piece.outcome or OUTCOME_AT_END.get(piece.place, STORED),
            )
            for piece in simulator.pieces
        ),
    )


def fate(number, row, fields):
    return {"bundle": number} | {name: getattr(row, name) for name in fields}


def stay(number, first_byte, row, outcome):
    return fate(number, row, STAY_FIELDS) | {"first_byte": first_byte, "outcome": outcome}


def sort(stays):
    return sorted(
        stays, key=lambda row: (row["bundle"], row["hop"], row["first_byte"], row["n_bytes"], repr(row))
    )
