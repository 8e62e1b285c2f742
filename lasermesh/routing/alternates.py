"""Loop-free alternates: for every node and label, a link to take when the one in the table goes down."""

from typing import NamedTuple

import numpy as np

from lasermesh.machine import processors
from lasermesh.routing import alternate_kernels
from lasermesh.routing.snapshot import Snapshot, for_kernels
from lasermesh.routing.table import ForwardingTable, entered_labels, follow_flows
from lasermesh.routing.trees import LINKS_WORTH_TWO_WORKERS
from lasermesh.units import NONE


class Alternates(NamedTuple):
    """What a node can do at once when the link that a table names is down."""

    link: np.ndarray  # int32 (n_nodes, n_labels)  id of another link, NONE where there is none that is safe
    protects_node: (
        np.ndarray
    )  # bool (n_nodes, n_labels)  it also leads round the node at the link's other end


class Coverage(NamedTuple):
    """How many hops of the flows' paths have an alternate; a hop is a node and a label, counted once."""

    n_hops: int
    n_covered: int  # with another choice or an alternate, should the link fail
    n_node_hops: int  # towards nodes that are not the destination
    n_node_covered: int  # of these, with an alternate that leads round that node


def loop_free_alternates(snapshot: Snapshot, table: ForwardingTable) -> Alternates:
    """The loop-free alternates of a table, for whatever policy made it.

    Parameters
    ----------
    snapshot : Snapshot
    table : ForwardingTable
        One that was checked, as `compute_table` returns it, for this snapshot.

    Notes
    -----
    A neighbour N of node S is an alternate towards D if every path of the table from N arrives at D without
    coming through S. For a table of shortest paths that is inequality 1 of RFC 5286, D(N, D) < D(N, S) +
    D(S, D), but for ties; it protects the next node E, too, if no path from N comes through E (inequality 3).
    Alternates that protect the node are preferred, then those of least delay to D by first choices, then the
    lowest link id. N must carry transit, or be D.

    One failure of a link (both directions, if they fail together) makes no loop, whoever uses alternates;
    neither does that of a node where all alternates used protect it. Several failures at once may. Remote
    alternates (RFC 7490) are not sought: they need a label of their own.

    There is none at nodes with several choices, which have other ways, and for labels that lead to several
    destinations or to none, or that `next_label` changes on the way.
    """
    n_nodes, n_labels, n_choices = table.link.shape
    destinations = _destinations_of_labels(snapshot, table)
    row_of_link = np.zeros(len(snapshot.ends_of_link), dtype=np.uint32)
    row_of_link[snapshot.link] = np.arange(snapshot.n_links)
    transit, first, delay_s, link = for_kernels(
        snapshot.transit, snapshot.first, snapshot.delay_s, snapshot.link
    )
    links = alternate_kernels.TableLinks(
        transit=transit,
        first=first,
        to_node=snapshot.to_node.astype(np.uint32),
        delay_s=delay_s,
        link=link,
        row_of_link=row_of_link,
        choice=table.link.transpose(1, 0, 2).copy(),
    )
    parallel = snapshot.n_links * n_labels >= LINKS_WORTH_TWO_WORKERS
    n_workers = min(n_labels, 2 * processors()) if parallel else 1
    of_nodes = (n_workers, n_nodes)
    scratch = alternate_kernels.AlternateScratch(
        head=np.empty(of_nodes, np.uint32),
        next_entry=np.empty((n_workers, 1 + n_nodes * n_choices), np.uint32),
        unknown=np.empty(of_nodes, np.uint32),
        first_row=np.empty(of_nodes, np.uint32),
        order=np.empty(of_nodes, np.uint32),
        total_s=np.empty(of_nodes),
        alternate_s=np.empty(of_nodes),
        begin=np.zeros(of_nodes, np.uint32),
        size=np.zeros(of_nodes, np.uint32),
        mark=np.empty(of_nodes, np.int32),
        stack=np.empty(of_nodes, np.uint32),
    )
    backup = np.empty((n_labels, n_nodes), np.int32)
    protects_node = np.empty((n_labels, n_nodes), np.bool_)
    if parallel:
        alternate_kernels.fill_alternates(links, destinations, scratch, backup, protects_node)
    else:
        alternate_kernels.fill_alternates_of_worker(links, destinations, scratch, 0, 1, backup, protects_node)
    return Alternates(backup.T.copy(), protects_node.T.copy())


def _destinations_of_labels(snapshot, table):
    """The one node that each label leads to, unchanged: int32 (n_labels,), NONE where there is none."""
    n_labels = table.link.shape[1]
    lowest = np.full(n_labels, snapshot.n_nodes, dtype=np.int32)
    highest = np.full(n_labels, NONE, dtype=np.int32)
    flow, path = np.nonzero(table.label_of_flow != NONE)
    label = table.label_of_flow[flow, path]
    np.minimum.at(lowest, label, snapshot.flow_to[flow])
    np.maximum.at(highest, label, snapshot.flow_to[flow])
    changed = np.zeros(n_labels, dtype=bool)
    if table.next_label is not None:
        changes = (table.next_label != NONE) & (table.next_label != np.arange(n_labels))
        before, after = np.unique(np.stack([np.nonzero(changes)[1], table.next_label[changes]]), axis=1)
        changed[before] = True
        for _ in range(n_labels):  # what has a label may have had another: as many turns as there are changes
            known = lowest.copy(), highest.copy()
            np.minimum.at(lowest, after, lowest[before])
            np.maximum.at(highest, after, highest[before])
            if np.array_equal(known[0], lowest) and np.array_equal(known[1], highest):
                break
    return np.where((lowest == highest) & ~changed, lowest, NONE).astype(np.int32)


def coverage(snapshot: Snapshot, table: ForwardingTable, found: Alternates, flow_hash=None) -> Coverage:
    """How many hops of the flows' paths have an alternate; `flow_hash` as `follow_flows` takes it."""
    if flow_hash is None:
        flow_hash = np.zeros(snapshot.n_flows, np.int64)
    routes = follow_flows(snapshot, table, flow_hash)
    flow = np.repeat(np.arange(snapshot.n_flows), np.diff(routes.first))
    labels = entered_labels(table.label_of_flow, flow_hash)[flow]
    if table.next_label is not None:  # each hop's label comes from the hop before
        for place in np.flatnonzero(flow[1:] == flow[:-1]):
            onward = table.next_label[routes.node[place], labels[place]]
            labels[place + 1] = labels[place] if onward == NONE else onward
    leaves = routes.link != NONE
    is_last = np.roll(routes.link == NONE, -1)
    hops = np.stack([routes.node, labels, is_last], axis=1)[leaves]
    node, label, is_last = np.unique(hops, axis=0).astype(np.int64).T
    several = table.link[node, label, 1] != NONE if table.link.shape[2] > 1 else np.zeros(len(node), bool)
    return Coverage(
        n_hops=len(node),
        n_covered=int((several | (found.link[node, label] != NONE)).sum()),
        n_node_hops=int((is_last == 0).sum()),
        n_node_covered=int(found.protects_node[node, label].sum()),
    )
