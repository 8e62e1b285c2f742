"""The Parquet tables of bundles: what came of each, its stays at nodes, and what nodes stored.

One row for each record of `lasermesh.bundles.records`, in the order in which things came to their end.
"""

from lasermesh.results.record_tables import SINCE_START, name_of, record_table, seconds
from lasermesh.results.tables import Column
from lasermesh.scenario.bundles import PRIORITIES

BUNDLES = (
    Column("bundle", "int64", "", "number of the bundle, in the order of making"),
    Column("flow", "string", "", "name of its flow"),
    Column("from", "string", "", "node where it was made"),
    Column("to", "string", "", "node where it was to go"),
    Column("created_s", "float64", "s", f"when it was made, {SINCE_START}"),
    Column("size_bytes", "int64", "bytes", "its size, without headers"),
    Column("priority", "string", "", "bulk, normal or expedited"),
    Column("expires_s", "float64", "s", f"until when it is worth something, {SINCE_START}; null: for ever"),
    Column("state", "string", "", "delivered, lost, stored or on_the_way, when the run ended"),
    Column("cause", "string", "", "why it was lost; null if it was not"),
    Column("finished_s", "float64", "s", f"when it was delivered or lost, {SINCE_START}; null if neither"),
    Column("delay_s", "float64", "s", "from its making until all of it had arrived; null unless delivered"),
    Column("predicted_s", "float64", "s", f"arrival by the first route that it was given, {SINCE_START}"),
    Column("hops", "int32", "contacts", "contacts that it has crossed; of its parts the most of any"),
    Column("fragments", "int32", "", "parts that it came to; 1: it was never split"),
    Column("reroutes", "int32", "", "times that it was given another route than the one that it had"),
    Column("sent_bytes", "int64", "bytes", "handed to links, headers and what was sent again included"),
    Column("resent_bytes", "int64", "bytes", "of these, what was sent again"),
)

BUNDLE_HOPS = (
    Column("bundle", "int64", "", "number of the bundle"),
    Column("first_byte", "int64", "bytes", "where the part begins in the bundle; 0 of a whole one"),
    Column("size_bytes", "int64", "bytes", "size of the part"),
    Column("hop", "int32", "contacts", "contacts crossed before"),
    Column("node", "string", "", "where it was"),
    Column("entered_s", "float64", "s", f"when it came into the store there, {SINCE_START}"),
    Column("next", "string", "", "node to which it went on; null if it did not"),
    Column("first_began_s", "float64", "s", f"when the first attempt to send it began, {SINCE_START}"),
    Column("began_s", "float64", "s", f"when the last attempt to send it began, {SINCE_START}"),
    Column("arrived_s", "float64", "s", f"when all of it was at the next node, {SINCE_START}"),
    Column("left_s", "float64", "s", f"when it left the store, {SINCE_START}; null if it did not"),
    Column("stored_s", "float64", "s", "how long it was in the store; null if it is there still"),
    Column("attempts", "int32", "contacts", "contacts in which it was being sent from here"),
    Column("outcome", "string", "", "forwarded, split, or as the state of a bundle"),
    Column("cause", "string", "", "why it was lost here; null if it was not"),
)

STORES = (
    Column("time_s", "float64", "s", f"when it changed, {SINCE_START}"),
    Column("node", "string", "", "where it is"),
    Column("bundles", "int64", "bundles", "bundles and parts of bundles in it after the change"),
    Column("stored_bytes", "int64", "bytes", "and their bytes"),
)


def _bundle_row(bundle, names):
    is_delivered = bundle.finished_ps is not None and bundle.cause is None
    return (
        bundle.bundle,
        bundle.flow,
        name_of(bundle.from_node, names),
        name_of(bundle.to_node, names),
        seconds(bundle.created_ps),
        bundle.n_bytes,
        PRIORITIES[bundle.priority],
        seconds(bundle.expires_ps),
        bundle.state,
        bundle.cause,
        seconds(bundle.finished_ps),
        seconds(bundle.finished_ps - bundle.created_ps) if is_delivered else None,
        seconds(bundle.predicted_ps),
        bundle.hops,
        bundle.fragments,
        bundle.reroutes,
        bundle.sent_bytes,
        bundle.resent_bytes,
    )


def _hop_row(hop, names):
    return (
        hop.bundle,
        hop.fragment_first_byte,
        hop.n_bytes,
        hop.hop,
        name_of(hop.node, names),
        seconds(hop.entered_ps),
        name_of(hop.next_node, names),
        seconds(hop.first_began_ps),
        seconds(hop.began_ps),
        seconds(hop.arrived_ps),
        seconds(hop.left_ps),
        None if hop.left_ps is None else seconds(hop.left_ps - hop.entered_ps),
        hop.attempts,
        hop.outcome,
        hop.cause,
    )


def _store_row(state, names):
    return (seconds(state.time_ps), name_of(state.node, names), state.bundles, state.stored_bytes)


BUNDLE_TABLES = {
    "bundles": record_table(BUNDLES, _bundle_row),
    "bundle_hops": record_table(BUNDLE_HOPS, _hop_row),
    "stores": record_table(STORES, _store_row),
}
"""Tables that a run has if bundles are sent."""


def bundle_tables_of(experiment):
    """Names of the tables that an experiment's bundles fill."""
    return list(BUNDLE_TABLES) if experiment.bundle_flows else []
