"""What waits at a link: kinds of waiting lists, and their settings as columns."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets.queue_kinds import CODEL, DISCIPLINES, DROP_TAIL, ECN_THRESHOLD, MOST_CLASSES
from lasermesh.packets.state import NEVER
from lasermesh.units import PS_PER_MS

__all__ = ["CODEL", "DISCIPLINES", "DROP_TAIL", "ECN_THRESHOLD", "MOST_CLASSES", "LinkQueues"]


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
