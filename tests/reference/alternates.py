"""Loop-free alternates the slow, obvious way: every neighbour tried, every path of the table followed."""

from tests.reference.routing import NONE


def nodes_met(snapshot, table, label, destination, start):
    """All nodes that a packet with a label can come to from a node; None if it may not arrive."""
    ends = {int(link): int(end) for link, end in zip(snapshot.link, snapshot.to_node, strict=True)}
    met = set()

    def arrives(node, behind):
        met.add(node)
        if node == destination:
            return True
        onward = [ends[int(link)] for link in table.link[node, label] if link != NONE]
        return bool(onward) and all(
            there not in behind and arrives(there, {*behind, there}) for there in onward
        )

    return met if arrives(start, {start}) else None


def first_choice_delay_s(snapshot, table, label, destination, start):
    """Delay of the path by first choices, added from the destination outward."""
    if start == destination:
        return 0.0
    row = int((snapshot.link == table.link[start, label, 0]).argmax())
    onward = first_choice_delay_s(snapshot, table, label, destination, int(snapshot.to_node[row]))
    return onward + float(snapshot.delay_s[row])


def alternate_of(snapshot, table, label, destination, node):
    """(link, whether it protects the next node) of a node's alternate, (NONE, False) if it has none."""
    choices = [int(link) for link in table.link[node, label] if link != NONE]
    if node == destination or len(choices) != 1:
        return NONE, False
    next_node = int(snapshot.to_node[snapshot.link == choices[0]][0])
    found = []
    for row in range(snapshot.n_links):
        link, other = int(snapshot.link[row]), int(snapshot.to_node[row])
        if snapshot.from_node[row] != node or link == choices[0]:
            continue
        met = nodes_met(snapshot, table, label, destination, other)
        carries = snapshot.transit[other] or other == destination
        if met is None or node in met or not carries:
            continue
        protects = next_node != destination and next_node not in met
        delay_s = first_choice_delay_s(snapshot, table, label, destination, other) + snapshot.delay_s[row]
        found.append((not protects, delay_s, link))
    if not found:
        return NONE, False
    protects_not, _, link = min(found)
    return link, not protects_not
