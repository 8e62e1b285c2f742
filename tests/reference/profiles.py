"""Earliest arrival over a contact plan by relaxing every contact until nothing changes."""

import math

NEVER = 2**63 - 1


def earliest_arrival(
    contacts, transit, source, destinations, t_ns, n_bytes, terms, without_nodes=(), without_contacts=()
):
    """The first arrival at any destination of a bundle that is ready to leave `source` at `t_ns`.

    Parameters
    ----------
    contacts : list of (from, to, start_ns, stop_ns, rate_bps, owlt_ns)
        owlt_ns -1: no range.
    transit : list of bool, by node
    destinations : set of int
    terms : (inclusive_end, margin_ns, handling_ns)

    Returns
    -------
    arrival_ns : int
        NEVER if there is none.
    """
    if source in destinations:
        return t_ns
    inclusive_end, margin_ns, handling_ns = terms
    arrival = [NEVER] * len(transit)
    ready = {source: t_ns}
    changed = True
    while changed:
        changed = False
        for index, (sender, receiver, start_ns, stop_ns, rate_bps, owlt_ns) in enumerate(contacts):
            if sender not in ready or owlt_ns < 0 or stop_ns < start_ns:
                continue
            if {sender, receiver} & set(without_nodes) or index in without_contacts:
                continue
            first_tx = max(ready[sender], start_ns)
            if n_bytes == 0:
                last_tx = first_tx
                usable = first_tx <= stop_ns if inclusive_end else first_tx < stop_ns
            else:
                last_tx = first_tx + math.ceil(n_bytes * 8e9 / rate_bps)
                usable = last_tx <= stop_ns
            there = last_tx + owlt_ns + margin_ns
            if usable and there < arrival[receiver]:
                arrival[receiver] = there
                changed = True
                if transit[receiver] and receiver not in destinations and receiver != source:
                    ready[receiver] = there + handling_ns
    return min(arrival[node] for node in destinations)
