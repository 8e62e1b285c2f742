"""What is kept of shortest-path trees, so that the next ones can be repaired from them."""

import numpy as np

from lasermesh.routing import repair_kernels
from lasermesh.routing.lane_kernels import LANES
from lasermesh.routing.tree_kernels import tree_scratch
from lasermesh.units import NONE

MOST_BYTES = 256 * 2**20
"""Memory for all sets of destinations together; those asked for last are kept."""

BYTES_PER_ENTRY = 20
"""Of a node and a lane: delay, row, order and place."""

SHARE_GROWN_ANEW = 0.2
CALLS_WITHOUT = 8
"""If more than this share of trees had to be grown anew, so many calls later repair is tried again. (Steps
of 8 s on 1,584 satellites; repair then takes as long as growing all anew, and half of it at 2 s.)"""


class TreeMemory:
    """The last trees of least delay towards some sets of destinations, for one thread at a time.

    It makes `trees_towards` faster and changes nothing else: networks may have become quite different, and
    snapshots may come in any order.

    Attributes
    ----------
    repaired, grown : int
        Trees so far that were repaired, and that were grown anew.
    """

    def __init__(self):
        self.repaired = self.grown = 0
        self._kept = {}  # _KeptTrees by transit nodes and destinations, the last used at the end

    def has_room(self, n_nodes, n_destinations):
        """Whether there are trees, and not too many of them to be remembered."""
        return 0 < _bytes_of(n_nodes, n_destinations) <= MOST_BYTES

    def trees(self, links, destinations, width_s, n_buckets, n_workers, with_delays):
        """Links and delays of the trees as `Trees` has them; arguments as the kernels take them."""
        key = links.transit.tobytes(), destinations.tobytes()
        kept = self._kept.pop(key, None) or _KeptTrees(links.transit, destinations)
        self._kept[key] = kept
        while sum(each.n_bytes for each in self._kept.values()) > MOST_BYTES:
            del self._kept[next(iter(self._kept))]
        found = kept.update(links, width_s, n_buckets, n_workers, with_delays)
        self.grown += kept.grown
        self.repaired += len(destinations) - kept.grown
        return found


def _bytes_of(n_nodes, n_destinations):
    """Memory for the trees towards some destinations, lanes without one included."""
    return n_nodes * -(-n_destinations // LANES) * LANES * BYTES_PER_ENTRY


class _KeptTrees:
    """Trees towards one set of destinations, and the links that they were made of."""

    def __init__(self, transit, destinations):
        n_nodes, n_blocks = len(transit), -(-len(destinations) // LANES)
        self.n_bytes = _bytes_of(n_nodes, len(destinations))
        self._destinations = destinations.copy()
        self._n_ordered = int(transit.sum())
        self._blocks = repair_kernels.TreeBlocks(
            np.full((n_blocks, n_nodes, LANES), np.inf),
            np.zeros((n_blocks, n_nodes, LANES), dtype=np.int32),
            np.zeros((n_blocks, LANES, n_nodes), dtype=np.int32),
            np.zeros((n_blocks, LANES, n_nodes), dtype=np.int32),
            np.zeros((n_blocks, LANES), dtype=np.int64),
        )
        self.grown = 0  # trees that the last update grew anew
        self._before = None  # first and to_node of the last snapshot
        self._calls_without = 0

    def update(self, links, width_s, n_buckets, n_workers, with_delays):
        """Links and delays of the trees on the links that are up now."""
        n_nodes, n_links, n_labels = len(links.transit), len(links.link), len(self._destinations)
        n_workers = min(n_workers, len(self._blocks.row))
        remembers = self._before is not None and self._calls_without == 0
        n_before = len(self._before[1]) if remembers else 0
        old_delay_s = np.empty((n_before + 1, 2))
        old = repair_kernels.OldLinks(old_delay_s, old_delay_s.view(np.int32))
        if remembers:
            repair_kernels.match_links(links, *self._before, old)
        self._before = (
            None  # in case of Ctrl-C: the rows below must never meet links that they do not belong to
        )
        scratch = tree_scratch(n_workers, n_nodes, n_links, n_buckets)
        repair = repair_kernels.RepairScratch(
            np.empty((n_workers, LANES, n_nodes), dtype=np.int32),
            np.empty((n_workers, LANES), dtype=np.bool_),
            np.empty((n_workers, 1, LANES)),
            np.empty((n_workers, n_nodes)),
        )
        link = np.empty((n_nodes, n_labels), dtype=np.int32)
        delay_s = np.empty((n_labels if with_delays else 0, n_nodes))
        arguments = (links, self._destinations, old, remembers, width_s, scratch, repair, self._blocks)
        ids = np.concatenate([[NONE], links.link]).astype(np.int32)
        arguments += (self._n_ordered, ids, with_delays)
        if n_workers > 1:
            repair_kernels.update_trees(*arguments, link, delay_s)
        else:
            repair_kernels.update_trees_of_worker(*arguments, 0, link, delay_s)
        self._before = links.first.copy(), links.to_node.copy()
        self.grown = np.count_nonzero(self._blocks.n_noted.ravel()[:n_labels] == NONE)
        if not remembers:
            self._calls_without = max(0, self._calls_without - 1)
        elif self.grown > SHARE_GROWN_ANEW * n_labels:  # it did not pay
            self._calls_without = CALLS_WITHOUT
        return link, delay_s
