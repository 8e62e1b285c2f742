"""Next hops that cost about as little as the best one."""

import numpy as np

from lasermesh.compiled import hot_kernel


@hot_kernel
def fill_choices(
    destinations, transit, first, to_node, link, delay_s, tree_link, cost, tolerance, via, choice
):
    """Downhill next hops within the tolerance, cheapest first; returns the most that a node has.

    Parameters
    ----------
    destinations, transit, first, to_node, link, delay_s : see `Snapshot`
    tree_link : int32 (n_nodes, n_destinations)
    cost : float64 (n_destinations, n_nodes)
        Of the best path; inf where there is none.
    tolerance : float
    via : float64 (n_choices,)
        Work space.
    choice : int32 (n_nodes, n_destinations, n_choices)
        Output, NONE before.
    """
    most = choice.shape[2]
    widest = 0
    for column in range(len(destinations)):
        destination = destinations[column]
        for node in range(len(transit)):
            own = cost[column, node]
            if node == destination or own == np.inf:
                continue
            n_found = 0
            for row in range(first[node], first[node + 1]):
                onward = to_node[row]
                if not transit[onward] and onward != destination:
                    continue
                through = cost[column, onward] + delay_s[row]
                if cost[column, onward] >= own or through > own * (1.0 + tolerance):
                    continue
                place = n_found
                while place > 0 and (
                    via[place - 1] > through
                    or (via[place - 1] == through and choice[node, column, place - 1] > link[row])
                ):
                    place -= 1
                if place == most:
                    continue
                for later in range(min(n_found, most - 1), place, -1):
                    via[later] = via[later - 1]
                    choice[node, column, later] = choice[node, column, later - 1]
                via[place] = through
                choice[node, column, place] = link[row]
                n_found = min(n_found + 1, most)
            if n_found == 0:
                choice[node, column, 0] = tree_link[node, column]
                n_found = 1
            widest = max(widest, n_found)
    return widest
