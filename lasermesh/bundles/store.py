"""What a node stores of bundles, and who must go when there is no room (bundle model, rule 6)."""

from lasermesh.bundles.fragments import WAITING
from lasermesh.bundles.records import StoreState
from lasermesh.scenario.bundles import DROP_LOWEST, DROP_OLDEST


class BundleStore:
    """The store of one node.

    Parameters
    ----------
    node : int
    limit_bytes : int or None
        None: no limit.
    when_full : str
    log : BundleLog

    Attributes
    ----------
    fragments : dict
        What is in it, in the order of coming (as keys).
    stored_bytes, peak_bytes, peak_fragments : int
    """

    def __init__(self, node, limit_bytes, when_full, log):
        self.node = node
        self.limit_bytes, self.when_full = limit_bytes, when_full
        self.fragments = {}
        self.stored_bytes = self.peak_bytes = self.peak_fragments = 0
        self._log = log

    def in_the_way_of(self, fragment):
        """Fragments to be dropped one by one until `fragment` has room; None: it has to go itself."""
        lacking_bytes = self._lacking_bytes(fragment)
        if lacking_bytes <= 0:
            return []
        going = self._droppable(fragment)
        if sum(other.n_bytes for other in going) < lacking_bytes:
            return None
        return going

    def has_room(self, fragment):
        """Whether a fragment can be put in."""
        return self._lacking_bytes(fragment) <= 0

    def _lacking_bytes(self, fragment):
        if self.limit_bytes is None:
            return 0
        return self.stored_bytes + fragment.n_bytes - self.limit_bytes

    def _droppable(self, fragment):
        """Those that may be dropped for a fragment, the first to go first."""
        bundle = fragment.bundle
        stored = [other for other in self.fragments if other.place <= WAITING and other.bundle is not bundle]
        if self.when_full == DROP_OLDEST:
            return sorted(stored, key=lambda other: (other.bundle.created_ps, other.bundle.number))
        if self.when_full == DROP_LOWEST:
            lower = [other for other in stored if other.bundle.priority < bundle.priority]
            return sorted(
                lower,
                key=lambda other: (
                    other.bundle.priority,
                    -other.bundle.created_ps,
                    -other.bundle.number,
                ),
            )
        return []

    def put(self, fragment, time_ps):
        """Store a fragment."""
        self.fragments[fragment] = None
        self.stored_bytes += fragment.n_bytes
        self.peak_bytes = max(self.peak_bytes, self.stored_bytes)
        self.peak_fragments = max(self.peak_fragments, len(self.fragments))
        self._note(time_ps)

    def remove(self, fragment, time_ps):
        """Forget a fragment."""
        del self.fragments[fragment]
        self.stored_bytes -= fragment.n_bytes
        self._note(time_ps)

    def divide(self, fragment, parts, time_ps):
        """Have parts of a fragment in its place, all of it or what is left."""
        del self.fragments[fragment]
        self.stored_bytes += sum(part.n_bytes for part in parts) - fragment.n_bytes
        self.fragments.update(dict.fromkeys(parts))
        self._note(time_ps)

    def _note(self, time_ps):
        self._log.stores.append(StoreState(time_ps, self.node, len(self.fragments), self.stored_bytes))
