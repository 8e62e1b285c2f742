"""What is told of bundles and of the packets that carry them; times in ps since the run began.

In rows that are written down, None stands where there is none.
"""

from typing import NamedTuple

import numpy as np

DELIVERED, LOST, STORED, ON_THE_WAY = "delivered", "lost", "stored", "on_the_way"
"""States of a bundle; the last two when the run ends: at a node, or being sent."""


class BundleDone(NamedTuple):
    """A bundle from its making to its end, or to that of the run."""

    bundle: int  # number, in the order of making
    flow: str  # name of its flow
    from_node: int
    to_node: int
    created_ps: int
    n_bytes: int
    priority: int
    expires_ps: int | None
    state: str
    cause: str | None  # why it is lost
    finished_ps: int | None  # delivered or lost
    predicted_ps: int | None  # arrival by the first route that it was given
    hops: int  # contacts that it has crossed whole; of fragments the most of any
    fragments: int  # 1: never split
    reroutes: int  # times that it was given another route than the one it had
    sent_bytes: int  # handed to links, headers and what was sent again included
    resent_bytes: int  # of these, sent again


class BundleHop(NamedTuple):
    """A stay of a bundle, or of a fragment, at a node, and how it went on from there."""

    bundle: int
    fragment_first_byte: int  # of the fragment in the bundle; 0 and n_bytes: the whole
    n_bytes: int
    hop: int  # contacts crossed before
    node: int
    entered_ps: int  # into the store
    next_node: int | None  # None: it went no further
    first_began_ps: int | None  # when its first segment was handed to a link, of the first attempt
    began_ps: int | None  # and of the last one, as `next_node` is
    arrived_ps: int | None  # at the next node, whole
    left_ps: int | None  # when it left the store
    attempts: int  # contacts in which it was being sent from here
    outcome: str  # forwarded, split, or a state above
    cause: str | None


class StoreState(NamedTuple):
    """A node's store after a change."""

    time_ps: int
    node: int
    bundles: int
    stored_bytes: int


class Segments(NamedTuple):
    """What packets carry of bundles, a row each; all columns int64."""

    bundle: np.ndarray  # number, in the order of making
    from_row: np.ndarray  # node that made it
    to_row: np.ndarray  # node that it is for
    created_ps: np.ndarray  # since the run's start
    lifetime_ps: np.ndarray  # NEVER: it does not expire
    first_byte: np.ndarray  # of the segment, in the bundle
    n_bytes: np.ndarray  # of the bundle
    flow: np.ndarray  # row of the bundle flow
