"""Queues of links as the files say them: keys, rules for some links, and what they come to for each link."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from lasermesh.scenario.fields import Choice, Either, Flag, Integer, ListOf, Number, Text, bulky, key

DROP_TAIL, ECN_THRESHOLD, CODEL = "drop-tail", "ecn-threshold", "codel"
DISCIPLINES = (DROP_TAIL, ECN_THRESHOLD, CODEL)

QUEUE_PACKETS = Integer(0, 2**31 - 1, unit="packets")
QUEUE_BYTES = Integer(0, 2**53, unit="bytes")
QUEUE_TIME = Number(above=0.0, high=1000.0, unit="s")
MOST_CLASSES = 8

NODES = Either(
    (
        Text("the name of a node or group in quotes"),
        ListOf(Text("the name of a node or group"), distinct=True),
    )
)


@dataclass(frozen=True, kw_only=True)
class QueueKeys:
    """The keys about a link's queues that `[packets]`, `[[links]]` and `[[queues]]` share.

    All may be absent, which leaves it to the table before: `[[queues]]`, last to first, then `[[links]]`,
    then `[packets]`, then the defaults of `QueueSettings`.
    """

    limits: ClassVar = ("queue_packets", "queue_bytes")
    of_discipline: ClassVar = (
        "queue",
        "ecn_threshold_packets",
        "ecn_threshold_bytes",
        "codel_target_s",
        "codel_interval_s",
        "codel_min_bytes",
    )

    queue_packets: int | None = key(
        QUEUE_PACKETS,
        None,
        help="Most packets that wait for a link, in each class; without queue_bytes too: 50 ms of its rate.",
    )
    queue_bytes: int | None = key(
        QUEUE_BYTES,
        None,
        help="Most bytes that wait for a link, in each class; without queue_packets too: 50 ms of its rate.",
    )
    queue: str | None = key(
        Choice(DISCIPLINES),
        None,
        help='What is done when much waits; absent: "drop-tail". CoDel as in RFC 8289.',
    )
    classes: int | None = key(
        Integer(1, MOST_CLASSES),
        None,
        help="Waiting lists, each for its class of packets and those above, higher ones first; absent: 1.",
    )
    ecn_threshold_packets: int | None = key(
        QUEUE_PACKETS,
        None,
        beside=("queue", (ECN_THRESHOLD,)),
        help="A packet that joins is marked where more packets wait in its class; absent: bytes decide.",
    )
    ecn_threshold_bytes: int | None = key(
        QUEUE_BYTES,
        None,
        beside=("queue", (ECN_THRESHOLD,)),
        help="A packet that joins is marked where more bytes wait in its class; absent: packets decide.",
    )
    codel_target_s: float | None = key(
        QUEUE_TIME, None, beside=("queue", (CODEL,)), help="Wait that may last; absent: 0.005."
    )
    codel_interval_s: float | None = key(
        QUEUE_TIME,
        None,
        beside=("queue", (CODEL,)),
        help="How long waits must be above the target before packets are dropped or marked; absent: 0.1.",
    )
    codel_min_bytes: int | None = key(
        QUEUE_BYTES,
        None,
        beside=("queue", (CODEL,)),
        help="Nothing is dropped or marked while no more than this waits; absent: 1500.",
    )
    bit_error_rate: float | None = key(
        Number(0.0, below=1.0), None, help="Share of bits that arrive wrong; absent: 0."
    )

    @property
    def given_queue_keys(self):
        """Names of the keys that this table gives."""
        return tuple(
            each.name for each in dataclasses.fields(QueueKeys) if getattr(self, each.name) is not None
        )


@dataclass(frozen=True, kw_only=True)
class QueueRule(QueueKeys):
    """Queues of some links, as `[[queues]]`; of several that hold for a link the last one counts."""

    kind: str | None = key(
        Choice(("isl", "gsl")),
        None,
        help="Links between satellites, or to and from the ground; absent: both.",
    )
    rule: int | None = key(
        Integer(0), None, help="Links that this rule makes, an index of [[links]]; absent: all."
    )
    from_names: tuple[str, ...] = key(
        NODES, (), name="from", help="Links out of these nodes, names of nodes or groups; absent: all."
    )
    to_names: tuple[str, ...] = key(
        NODES, (), name="to", help="Links into these nodes, names of nodes or groups; absent: all."
    )
    both_ways: bool = key(Flag(), True, help="Whether the links back are meant too.")

    from_rows: tuple[int, ...] | None = bulky(None)  # node rows, ascending; None: all
    to_rows: tuple[int, ...] | None = bulky(None)


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """All that is known of the queues of one link, nothing absent any more."""

    queue_packets: int | None = None  # None: no limit; both None: 50 ms of the link's rate
    queue_bytes: int | None = None  # as written, before `packets.scale`
    queue: str = DROP_TAIL
    classes: int = 1
    ecn_threshold_packets: int | None = None  # None: not looked at
    ecn_threshold_bytes: int | None = None  # as written, before `packets.scale`
    codel_target_s: float = 0.005
    codel_interval_s: float = 0.1
    codel_min_bytes: int = 1500
    bit_error_rate: float = 0.0

    @property
    def takes_trains(self):
        """Whether trains may cross such a link: a plain FIFO queue with drop-tail."""
        return self.queue == DROP_TAIL and self.classes == 1


def resolve(tables):
    """What tables of queue keys come to, later ones before earlier ones.

    Parameters
    ----------
    tables : sequence of QueueKeys
        From the most general to the most special.

    Returns
    -------
    settings : QueueSettings
        The two limits go together, and a discipline with its own keys: those of the last table that has any
        of them, even where an earlier one says more. The rest goes key by key.
    """
    found = {}
    for table in tables:
        given = table.given_queue_keys
        for together, leads in (
            (QueueKeys.limits, any(name in given for name in QueueKeys.limits)),
            (QueueKeys.of_discipline, "queue" in given),
        ):
            if leads:
                for name in together:
                    found.pop(name, None)
        found.update({name: getattr(table, name) for name in given})
    return QueueSettings(**found)


class QueuesOfLinks:
    """Which queue settings each link of an experiment has.

    Attributes
    ----------
    settings : list of QueueSettings
        Those that some link has; it grows as links are asked about.
    """

    def __init__(self, experiment):
        import numpy as np

        topology = experiment.topology
        n_nodes = len(topology.node_names)
        self._experiment = experiment
        self._n_satellites = topology.n_satellites
        self._masks = [
            tuple(_mask_of(rows, n_nodes) for rows in (each.from_rows, each.to_rows))
            for each in experiment.queues
        ]
        self.settings = []
        self._index = {}  # of settings, by link rule and which entries of [[queues]] hold
        self._empty = np.zeros(0, np.int64)

    def of_links(self, from_node, to_node, rule):
        """Index into `settings` of each of these links.

        Parameters
        ----------
        from_node, to_node, rule : int arrays, shape (n_links,)
            Rows of both ends, and the index of the rule in `[[links]]` that made the link.

        Returns
        -------
        index : int64 array, shape (n_links,)
        """
        import numpy as np

        from_node, to_node, rule = (np.asarray(each, np.int64) for each in (from_node, to_node, rule))
        if not len(rule):
            return self._empty
        holds = [rule]
        for each, masks in zip(self._experiment.queues, self._masks, strict=True):
            holds.append(self._holding(each, masks, from_node, to_node, rule).astype(np.int64))
        kinds, which = np.unique(np.stack(holds, axis=1), axis=0, return_inverse=True)
        return np.array([self._index_of(tuple(each)) for each in kinds.tolist()])[which.ravel()]

    def _holding(self, entry, masks, from_node, to_node, rule):
        """Which links an entry of `[[queues]]` means: bool array."""
        import numpy as np

        chosen = np.ones(len(rule), bool)
        if entry.kind is not None:
            is_gsl = (from_node >= self._n_satellites) | (to_node >= self._n_satellites)
            chosen &= is_gsl == (entry.kind == "gsl")
        if entry.rule is not None:
            chosen &= rule == entry.rule
        from_mask, to_mask = masks
        ends = from_mask[from_node] & to_mask[to_node]
        if entry.both_ways:
            ends |= from_mask[to_node] & to_mask[from_node]
        return chosen & ends

    def _index_of(self, what):
        """Index of the settings for a link rule and the entries of `[[queues]]` that hold."""
        if what not in self._index:
            rule, *holds = what
            experiment = self._experiment
            entries = [each for each, hold in zip(experiment.queues, holds, strict=True) if hold]
            settings = resolve([experiment.packets, experiment.topology.links[rule], *entries])
            if settings not in self.settings:
                self.settings.append(settings)
            self._index[what] = self.settings.index(settings)
        return self._index[what]


def _mask_of(rows, n_nodes):
    """Bool array by node row: which are meant."""
    import numpy as np

    mask = np.full(n_nodes, rows is None)
    if rows is not None:
        mask[list(rows)] = True
    return mask
