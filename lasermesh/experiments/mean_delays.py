"""How much longer the paths of a forwarding table are than the shortest ones."""

import math

import numpy as np

from lasermesh.routing import ForwardingTable, Snapshot, trees_towards
from lasermesh.scenario.experiment import MOST_HOPS
from lasermesh.units import NONE

MOST_HASHES = 5040


def shortest_delays_s(snapshot: Snapshot) -> np.ndarray:
    """Least delay of each flow over nodes with transit: float64 (n_flows,), inf where there is no path."""
    return trees_towards(snapshot).delay_s[snapshot.label_of_flow[:, 0], snapshot.flow_from]


def mean_delays_s(snapshot: Snapshot, table: ForwardingTable) -> np.ndarray:
    """Delay of each flow by a table that was checked, followed as the packet engine follows it.

    A flow with the hash h enters with the (h modulo n)-th of its n labels, and takes at each node the
    (h modulo m)-th of m choices. All h are equally likely, and those up to the least common multiple of all
    n and m are followed (up to MOST_HASHES), for MOST_HOPS links.

    Returns
    -------
    delay_s : float64 array, shape (n_flows,)
        The mean over h; nan for flows that do not arrive for every h.
    """
    paths = np.count_nonzero(table.label_of_flow != NONE, axis=1)
    choices = np.count_nonzero(table.link != NONE, axis=2)
    counts = {int(count) for count in (*np.unique(paths), *np.unique(choices)) if count > 0}
    flow_hash = np.arange(min(math.lcm(*counts), MOST_HASHES))
    delay_of_link_s = np.zeros(len(snapshot.ends_of_link))
    delay_of_link_s[snapshot.link] = snapshot.delay_s

    flows = np.arange(snapshot.n_flows)[:, np.newaxis]
    label = table.label_of_flow[flows, flow_hash % np.maximum(paths, 1)[:, np.newaxis]]
    node = np.broadcast_to(snapshot.flow_from[:, np.newaxis], label.shape).copy()
    delay_s = np.zeros(label.shape)
    flow_at, hash_at = np.nonzero(label != NONE)  # the packets that are still on their way
    arrived = np.zeros(label.shape, dtype=bool)
    for _ in range(MOST_HOPS):
        at, carried = node[flow_at, hash_at], label[flow_at, hash_at]
        link = table.link[at, carried, flow_hash[hash_at] % np.maximum(choices[at, carried], 1)]
        goes = link != NONE
        flow_at, hash_at, at, carried, link = (each[goes] for each in (flow_at, hash_at, at, carried, link))
        if not len(link):
            break
        delay_s[flow_at, hash_at] += delay_of_link_s[link]
        node[flow_at, hash_at] = snapshot.ends_of_link[link, 1]
        if table.next_label is not None:
            onward = table.next_label[at, carried]
            label[flow_at, hash_at] = np.where(onward == NONE, carried, onward)
        there = node[flow_at, hash_at] == snapshot.flow_to[flow_at]
        arrived[flow_at[there], hash_at[there]] = True
        flow_at, hash_at = flow_at[~there], hash_at[~there]
    return np.where(arrived.all(axis=1), delay_s.mean(axis=1), np.nan)
