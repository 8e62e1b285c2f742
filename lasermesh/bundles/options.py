"""How bundles are handled in a run, in the units of the agenda."""

from typing import NamedTuple

from lasermesh.scenario.bundles import SHARED, SPLIT
from lasermesh.scenario.experiment import TRAIN
from lasermesh.units import ps_from_s


class BundleOptions(NamedTuple):
    """What all nodes have in common."""

    handling_ps: int  # from an arrival, or a report of it, until it is acted on
    framing_bytes: int  # that each packet has on the wire
    train_packets: int  # most of an entry
    may_split: bool
    retransmits: bool
    is_shared: bool  # whether all nodes know of all bookings


def options_of(experiment) -> BundleOptions:
    """How bundles are handled in an experiment."""
    bundles = experiment.bundles
    return BundleOptions(
        handling_ps=ps_from_s(bundles.handling_s),
        framing_bytes=experiment.packets.framing_bytes,
        train_packets=experiment.train_packets if experiment.fidelity == TRAIN else 1,
        may_split=bundles.when_cut == SPLIT,
        retransmits=bundles.retransmit,
        is_shared=bundles.booking == SHARED,
    )


def store_limits(experiment, n_nodes):
    """What each node can store in bytes (None: no limit), and its rule when full: a list of pairs."""
    bundles = experiment.bundles
    limits = [(bundles.store_bytes, bundles.when_full)] * n_nodes
    for store in experiment.stores:
        for node in store.rows:
            limits[node] = store.store_bytes, store.when_full or bundles.when_full
    return limits
