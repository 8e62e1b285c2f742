"""Bundles in the stores of nodes, from their making until they are delivered or lost (rules 6, 9 and 10)."""

from lasermesh.bundles.flow_totals import FlowTotals
from lasermesh.bundles.fragments import GONE, SENDING, SENT, WAITING, Bundle, Fragment
from lasermesh.bundles.records import DELIVERED, LOST, ON_THE_WAY, STORED, BundleDone, BundleHop
from lasermesh.bundles.store import BundleStore
from lasermesh.units import NEVER
from lasermesh.workloads.agenda import Agenda

STORAGE, EXPIRED = "storage", "expired"
FORWARDED, DIVIDED = "forwarded", "split"
_OUTCOME_AT_END = {SENDING: ON_THE_WAY, SENT: FORWARDED}  # the others are stored


class Holdings:
    """All bundles of a run that have been made, and where they are stored.

    Custody of RFC 5050 is another thing, and not modelled: what a node passes on it forgets once it knows.

    Parameters
    ----------
    bundle_flows : list of BundleFlow
    limits : list of (int or None, str)
        Bytes and rule of each node's store.
    agenda : Agenda
    log : BundleLog
    on_withdrawn : function of (Fragment)
        A fragment is lost; it may be in a queue, or waiting for a route.

    Attributes
    ----------
    stores : list of BundleStore
    live : dict
        Bundles that are neither delivered nor lost, in the order of making (as keys).
    totals : list of FlowTotals
    """

    def __init__(self, bundle_flows, limits, agenda, log, on_withdrawn):
        self.stores = [BundleStore(node, *limit, log) for node, limit in enumerate(limits)]
        self.live = {}
        self.totals = [FlowTotals() for _ in bundle_flows]
        self._flows = bundle_flows
        self._agenda, self._log, self._on_withdrawn = agenda, log, on_withdrawn
        self._unwritten = {}  # bundles that have ended while something of them was being sent

    @property
    def is_empty(self):
        """Whether no bundle is live and no store has anything in it."""
        return not self.live and not any(store.fragments for store in self.stores)

    def make(self, number, flow, n_bytes, priority, lifetime_ps):
        """A bundle of a flow (row), made now: the fragment that is all of it, not yet in the store."""
        now_ps, of = self._agenda.now_ps, self._flows[flow]
        ends = of.from_row, of.to_row
        segment_bytes = of.table.segment_bytes
        bundle = Bundle(number, flow, *ends, n_bytes, priority, now_ps, lifetime_ps, segment_bytes)
        self.live[bundle] = None
        self.totals[flow].made += 1
        self.totals[flow].bytes_made += n_bytes
        if bundle.expires_ps != NEVER:
            bundle.expiry = self._agenda.at(bundle.expires_ps, self._expire, bundle, rank=Agenda.LOOKS)
        return Fragment(bundle, 0, n_bytes, bundle.source, 0, now_ps)

    def receive(self, fragment):
        """A fragment is whole at a node, now: whether it is in its store, and not at its end."""
        bundle, now_ps = fragment.bundle, self._agenda.now_ps
        bundle.hops = max(bundle.hops, fragment.hop)
        if fragment.node == bundle.destination:
            return self._deliver(fragment)
        if now_ps >= bundle.expires_ps:
            return self._refuse(fragment, EXPIRED)
        store = self.stores[fragment.node]
        in_the_way = store.in_the_way_of(fragment)
        if in_the_way is None:
            return self._refuse(fragment, STORAGE)
        for other in in_the_way:
            if store.has_room(fragment):
                break
            if other.place <= WAITING:  # not gone with another part of its bundle
                self.lose(other.bundle, STORAGE)
        bundle.fragments[fragment] = None
        store.put(fragment, now_ps)
        return True

    def _deliver(self, fragment):
        bundle, now_ps = fragment.bundle, self._agenda.now_ps
        if now_ps > bundle.expires_ps:
            return self._refuse(fragment, EXPIRED)
        bundle.delivered_bytes += fragment.n_bytes
        if bundle.delivered_bytes == bundle.n_bytes:
            self._finish(bundle, None)
        return False

    def _refuse(self, fragment, cause):
        """A fragment has come that is lost at once."""
        fragment.left_ps = self._agenda.now_ps
        self.note_stay(fragment, LOST, cause)
        self.lose(fragment.bundle, cause)
        self._on_withdrawn(fragment)
        return False

    def lose(self, bundle, cause):
        """A bundle is lost now, with all its fragments that are not being sent."""
        if bundle.finished_ps is not None:
            return
        bundle.cause = cause
        for fragment in list(bundle.fragments):
            self._on_withdrawn(fragment)
            if fragment.place != SENDING:
                self.discard(fragment)
        self._finish(bundle, cause)

    def _finish(self, bundle, cause):
        bundle.finished_ps, bundle.cause = self._agenda.now_ps, cause
        Agenda.cancel(bundle.expiry)
        del self.live[bundle]
        self._unwritten[bundle] = None
        self._write_if_over(bundle)

    def _expire(self, bundle):
        """The lifetime of a bundle is over: it is lost unless all there is of it is being sent."""
        if any(fragment.place <= WAITING for fragment in bundle.fragments):
            self.lose(bundle, EXPIRED)

    def discard(self, fragment):
        """Forget a fragment of a bundle that is lost."""
        self.leave_store(fragment)
        self.note_stay(fragment, LOST, fragment.bundle.cause)
        self.forget(fragment)

    def leave_store(self, fragment):
        """Take a fragment out of its store, if it is there."""
        store = self.stores[fragment.node]
        if fragment in store.fragments:
            fragment.left_ps = self._agenda.now_ps
            store.remove(fragment, fragment.left_ps)

    def forget(self, fragment):
        """A fragment is no more, or somebody else's."""
        fragment.place = GONE
        fragment.bundle.fragments.pop(fragment, None)
        self._write_if_over(fragment.bundle)

    def divide(self, fragment, parts):
        """Have parts in place of a stored fragment: all of it, or what is left of it."""
        bundle, now_ps = fragment.bundle, self._agenda.now_ps
        self.stores[fragment.node].divide(fragment, parts, now_ps)
        fragment.left_ps, fragment.place = now_ps, GONE
        self.note_stay(fragment, DIVIDED)
        del bundle.fragments[fragment]
        bundle.fragments.update(dict.fromkeys(parts))
        bundle.n_fragments += 1

    def told(self):
        """What came of everything: `flows`, by row, and `stores` (nodes that had anything), lists."""
        return {
            "flows": [total.told() for total in self.totals],
            "stores": [
                {
                    "node": store.node,
                    "store_bytes": store.limit_bytes,
                    "peak_bytes": store.peak_bytes,
                    "peak_bundles": store.peak_fragments,
                    "stored_bytes": store.stored_bytes,
                }
                for store in self.stores
                if store.peak_bytes
            ],
        }

    # -- what is written down ---------------------------------------------------------------------------

    def note_stay(self, fragment, outcome, cause=None):
        """A fragment's stay at a node is over, or the run is."""
        self._log.bundle_hops.append(
            BundleHop(
                bundle=fragment.bundle.number,
                fragment_first_byte=fragment.first_byte,
                n_bytes=fragment.n_bytes,
                hop=fragment.hop,
                node=fragment.node,
                entered_ps=fragment.entered_ps,
                next_node=fragment.next_node,
                first_began_ps=fragment.first_began_ps,
                began_ps=fragment.began_ps,
                arrived_ps=fragment.arrived_ps,
                left_ps=fragment.left_ps,
                attempts=fragment.attempts,
                outcome=outcome,
                cause=cause,
            )
        )

    def _write_if_over(self, bundle):
        """Write a bundle down once it has ended and nothing of it is being sent any more."""
        if bundle in self._unwritten and not bundle.fragments:
            del self._unwritten[bundle]
            self._write(bundle, DELIVERED if bundle.cause is None else LOST)

    def _write(self, bundle, state):
        self.totals[bundle.flow].count(bundle, state)
        self._log.bundles.append(
            BundleDone(
                bundle=bundle.number,
                flow=self._flows[bundle.flow].name,
                from_node=bundle.source,
                to_node=bundle.destination,
                created_ps=bundle.created_ps,
                n_bytes=bundle.n_bytes,
                priority=bundle.priority,
                expires_ps=None if bundle.expires_ps == NEVER else bundle.expires_ps,
                state=state,
                cause=bundle.cause,
                finished_ps=bundle.finished_ps,
                predicted_ps=bundle.predicted_ps,
                hops=bundle.hops,
                fragments=bundle.n_fragments,
                reroutes=bundle.reroutes,
                sent_bytes=bundle.sent_bytes,
                resent_bytes=bundle.resent_bytes,
            )
        )

    def close(self):
        """The run is over: write down what is stored or on its way.

        Raises
        ------
        RuntimeError
            If bundles made are not delivered, lost, stored and on the way, or a store has the wrong sum.
        """
        self.check()
        for bundle in self._unwritten:
            self._write(bundle, DELIVERED if bundle.cause is None else LOST)
        stays = {fragment: None for store in self.stores for fragment in store.fragments}
        for bundle in [*self._unwritten, *self.live]:
            stays.update(dict.fromkeys(bundle.fragments))
        for bundle in self.live:
            is_sent = any(fragment.place == SENDING for fragment in bundle.fragments)
            self._write(bundle, ON_THE_WAY if is_sent else STORED)
        for fragment in stays:
            self.note_stay(fragment, _OUTCOME_AT_END.get(fragment.place, STORED))

    def check(self):
        """Raise RuntimeError unless everything adds up (rule 10)."""
        for store in self.stores:
            limit_bytes = store.limit_bytes
            is_within = limit_bytes is None or store.stored_bytes <= limit_bytes
            if store.stored_bytes != sum(fragment.n_bytes for fragment in store.fragments) or not is_within:
                raise RuntimeError(f"the store of node {store.node} does not add up")
        made = sum(total.made for total in self.totals)
        ended = sum(total.states[DELIVERED] + total.states[LOST] for total in self.totals)
        if made != ended + len(self.live) + len(self._unwritten):
            raise RuntimeError("bundles do not add up")
