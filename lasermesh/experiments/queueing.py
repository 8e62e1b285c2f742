"""Queues of links as the packet engine wants them: limits by rate, disciplines, thresholds, bit errors."""

from typing import NamedTuple

import numpy as np

from lasermesh.packets.queues import DISCIPLINES, LinkQueues
from lasermesh.packets.state import NEVER
from lasermesh.units import ps_from_s

DEFAULT_QUEUE_S = 0.05
NO_LIMIT = 2**62


class QueueLimits(NamedTuple):
    """Queue keys in force for some links; None: not given."""

    packets: int | None
    bytes: int | None

    @property
    def go_with_rate(self):
        """Whether links of different rates have different limits."""
        return self.packets is None and self.bytes is None

    def at(self, rate_bps, scale):
        """Limits of links of a rate: int64 arrays of packets and bytes."""
        rate_bps = np.asarray(rate_bps)
        if self.go_with_rate:
            limit_bytes = np.rint(rate_bps * (DEFAULT_QUEUE_S / 8)).astype(np.int64)
        else:
            limit = NO_LIMIT if self.bytes is None else round(self.bytes * scale)
            limit_bytes = np.full(rate_bps.shape, limit, np.int64)
        limit_packets = np.full(rate_bps.shape, NO_LIMIT if self.packets is None else self.packets, np.int64)
        return limit_packets, limit_bytes


class MostWaiting(NamedTuple):
    """The most that may wait for each link; row i is one link."""

    lists: np.ndarray  # int64 (n,)  waiting lists, one for each class; limits are those of one of them
    packets: np.ndarray  # int64 (n,)  in a list
    bytes: np.ndarray  # int64 (n,)


class Queues:
    """The queues of every link that the engine knows.

    Parameters
    ----------
    of_links : scenario.queues.QueuesOfLinks
        Which settings each link has.
    scale : float
        `packets.scale`, which multiplies limits and thresholds in bytes.
    """

    def __init__(self, of_links, scale):
        self._of_links = of_links
        self._scale = scale
        self._index = np.zeros(0, np.int64)  # of the settings, by link

    def add(self, from_node, to_node, rule):
        """Take in links with the next ids: their `LinkQueues`."""
        index = self._of_links.of_links(from_node, to_node, rule)
        self._index = np.concatenate([self._index, index])
        settings = self._of_links.settings

        def column(value_of, dtype=np.int64):
            return np.array([value_of(each) for each in settings], dtype)[index]

        return LinkQueues(
            discipline=column(lambda each: DISCIPLINES[each.queue]),
            classes=column(lambda each: each.classes),
            mark_packets=column(lambda each: _threshold(each.ecn_threshold_packets)),
            mark_bytes=column(lambda each: _threshold(each.ecn_threshold_bytes, self._scale)),
            codel_target_ps=column(lambda each: ps_from_s(each.codel_target_s)),
            codel_interval_ps=column(lambda each: ps_from_s(each.codel_interval_s)),
            codel_min_bytes=column(lambda each: each.codel_min_bytes),
            bit_error_rate=column(lambda each: each.bit_error_rate, np.float64),
        )

    def limits(self, links, rate_bps):
        """Limits of links at these rates: int64 arrays of packets and bytes."""
        rate_bps = np.asarray(rate_bps)
        found = np.zeros((2, len(rate_bps)), np.int64)
        index = self._index[links]
        for number, limits in enumerate(self._limits()):
            mine = index == number
            found[:, mine] = limits.at(rate_bps[mine], self._scale)
        return found

    def most_waiting(self, links, rate_bps):
        """The most that can wait for links at these rates: `MostWaiting`."""
        classes = np.array([each.classes for each in self._of_links.settings], np.int64)
        return MostWaiting(classes[self._index[links]], *self.limits(links, rate_bps))

    def go_with_rate(self, links):
        """Which links have limits that follow their rate: bool array."""
        return np.array([limits.go_with_rate for limits in self._limits()], bool)[self._index[links]]

    def _limits(self):
        return [QueueLimits(each.queue_packets, each.queue_bytes) for each in self._of_links.settings]


def processing_ps(packets, is_ground):
    """Processing delay of every node: int64 array, shape (n_nodes,)."""
    ground_ps, satellite_ps = map(ps_from_s, (packets.ground_processing_s, packets.satellite_processing_s))
    return np.where(is_ground, ground_ps, satellite_ps).astype(np.int64)


def _threshold(threshold, scale=1.0):
    """A threshold of marking; NEVER where there is none."""
    return NEVER if threshold is None else round(threshold * scale)
