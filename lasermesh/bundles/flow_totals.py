"""What came of the bundles of each flow."""

from collections import Counter
from dataclasses import dataclass, field

from lasermesh.bundles.records import DELIVERED, LOST, ON_THE_WAY, STORED
from lasermesh.packets.causes import CAUSES


@dataclass
class FlowTotals:
    """Counts of the bundles of one flow; `made` is the sum of `states` and of those that go on."""

    made: int = 0
    bytes_made: int = 0
    states: Counter = field(default_factory=Counter)  # of those that ended, by state
    lost: Counter = field(default_factory=Counter)  # by cause
    bytes_delivered: int = 0
    delays_ps: list = field(default_factory=list)  # from making to delivery, as they came
    hops: int = 0  # contacts that those delivered have crossed
    split: int = 0
    reroutes: int = 0
    unrouted: int = 0  # for which no route was ever found
    sent_bytes: int = 0
    resent_bytes: int = 0

    def count(self, bundle, state):
        """A bundle has come to its end, or the run has."""
        self.states[state] += 1
        self.split += bundle.n_fragments > 1
        self.reroutes += bundle.reroutes
        self.unrouted += bundle.has_waited and bundle.predicted_ps is None
        self.sent_bytes += bundle.sent_bytes
        self.resent_bytes += bundle.resent_bytes
        if state == DELIVERED:
            self.bytes_delivered += bundle.n_bytes
            self.delays_ps.append(bundle.finished_ps - bundle.created_ps)
            self.hops += bundle.hops
        elif state == LOST:
            self.lost[bundle.cause] += 1

    def told(self):
        """As a dictionary; `delays_ps` of all that were delivered."""
        return {
            "made": self.made,
            "delivered": self.states[DELIVERED],
            "lost": {cause: self.lost[cause] for cause in CAUSES},
            "stored": self.states[STORED],
            "on_the_way": self.states[ON_THE_WAY],
            "bytes_made": self.bytes_made,
            "bytes_delivered": self.bytes_delivered,
            "delays_ps": self.delays_ps,
            "hops": self.hops,
            "split": self.split,
            "reroutes": self.reroutes,
            "unrouted": self.unrouted,
            "sent_bytes": self.sent_bytes,
            "resent_bytes": self.resent_bytes,
        }
