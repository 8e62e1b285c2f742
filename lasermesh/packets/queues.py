"""What waits at a link: kinds of waiting lists, and their settings as columns."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.arrays import aligned
from lasermesh.packets.queue_kinds import CODEL, DISCIPLINES, DROP_TAIL, ECN_THRESHOLD, MOST_CLASSES
from lasermesh.packets.state import NEVER
from lasermesh.units import NONE, PS_PER_MS

__all__ = ["CODEL", "DISCIPLINES", "DROP_TAIL", "ECN_THRESHOLD", "MOST_CLASSES", "LinkQueues", "with_lists"]


class LinkQueues(NamedTuple):
    """How packets wait at links: arrays with one row per link, or scalars that hold for all.

    With several classes a link has a waiting list for each, and takes the next packet from the highest class
    that has any; limits and thresholds hold for each list by itself.
    """

    discipline: np.ndarray = DROP_TAIL  # of each waiting list
    classes: np.ndarray = 1  # 1 to MOST_CLASSES; a packet of a higher class waits in the highest list
    mark_packets: np.ndarray = NEVER  # ECN_THRESHOLD: more than so many waiting mark the one that joins
    mark_bytes: np.ndarray = NEVER
    codel_target_ps: np.ndarray = 5 * PS_PER_MS  # RFC 8289, section 4.4
    codel_interval_ps: np.ndarray = 100 * PS_PER_MS
    codel_min_bytes: np.ndarray = 1500  # with no more than this waiting, CoDel rests
    bit_error_rate: np.ndarray = 0.0

    def rows(self, n):
        """The same with an array of n rows in every column."""
        return LinkQueues(*(np.broadcast_to(np.asarray(column), (n,)) for column in self))

    @property
    def are_listed(self):
        """Whether packets wait in lists beside the ring, from which they are taken in another order."""
        return (self.discipline == CODEL) | (self.classes > 1)


def with_lists(rows, queues):
    """Rows of `Engine.queues` with those of new links behind, and where each link's begin, NONE for none."""
    n_lists = np.where(queues.are_listed, queues.classes, 0)
    total = int(n_lists.sum())
    first = np.where(n_lists > 0, len(rows) + np.cumsum(n_lists) - n_lists, NONE)
    if total == 0:
        return rows, first
    wider = aligned((len(rows) + total, state.QUEUE_COLUMNS))
    wider[: len(rows)] = rows
    new = wider[len(rows) :]
    new[:, state.Q_TARGET] = np.repeat(queues.codel_target_ps, n_lists)
    new[:, state.Q_INTERVAL] = np.repeat(queues.codel_interval_ps, n_lists)
    new[:, state.Q_MIN_BYTES] = np.repeat(queues.codel_min_bytes, n_lists)
    return wider, first
