"""Slow and obvious: how news spreads, and what becomes of flows while tables are wrong."""

from dataclasses import dataclass, field

NEVER = 2**63 - 1


def arrivals(n_nodes, links, transit, known):
    """When each node knows, by relaxing every link until nothing changes (Bellman and Ford).

    `links` are (from, to, ps); `known` {node: ps} those that know at first. A node without transit tells what
    it knew at first alone.
    """
    heard = [known.get(node, NEVER) for node in range(n_nodes)]
    for _ in range(n_nodes):
        for start, end, ps in links:
            if heard[start] != NEVER and (transit[start] or start in known):
                heard[end] = min(heard[end], heard[start] + ps)
    return heard


def switch_times(n_nodes, links, transit, changes, detection, hop, hold, compute):
    """When each node has the table of an update of `changes` (ps, end, end); `links` are up after it."""
    links = [(start, end, ps + hop) for start, end, ps in links]
    heard = [
        arrivals(n_nodes, links, transit, {first: ps + detection, second: ps + detection})
        for ps, first, second in changes
    ]
    found = []
    for node in range(n_nodes):
        mine = [times[node] for times in heard if times[node] != NEVER]
        found.append(max(min(mine) + hold, max(mine)) + compute if mine else NEVER)
    return found


@dataclass
class World:
    """Tables and links over time, as (ps, what is so from then on); of one instant the last counts."""

    link_to: list
    tables: list  # of tables[slot][node][label]: links of the choices there are
    next_label: list  # of next_label[slot][node][label], None where labels are kept
    label_of_flow: list  # label_of_flow[slot][flow], None
    hashes: list  # by flow
    slots: list  # by node: changes, the first at or before all times asked for
    links: list = field(default_factory=list)  # by link, likewise: up or not
    nodes: list = field(default_factory=list)
    backups: list | None = None  # of backups[slot][node][label], links or None
    alternate_after: int | None = None  # None: no fast reroute


def so_at(changes, now):
    """What stands at an instant."""
    return [what for ps, what in changes if ps <= now][-1]


def outcome_at(world, flow, source, destination, now):
    """How a packet fares that takes no time: (kind, cause, node)."""
    node, label, been = source, None, set()
    while True:
        if not so_at(world.nodes[node], now):
            return "black-hole", "node_down", node
        if node == destination:
            return None
        slot = so_at(world.slots[node], now)
        if node == source and not been:
            label = world.label_of_flow[slot][flow]
        if (node, label) in been:
            return "micro-loop", None, node
        been.add((node, label))
        choices = [] if label is None else world.tables[slot][node][label]
        if not choices:
            return "black-hole", "no_route", node
        link = link_of(world, slot, node, label, choices, world.hashes[flow], now)
        if not so_at(world.links[link], now):
            return "black-hole", "link_down", node
        onward = None if world.next_label[slot] is None else world.next_label[slot][node][label]
        label = label if onward is None else onward
        node = world.link_to[link]


def link_of(world, slot, node, label, choices, flow_hash, now):
    """The link that a packet takes: the chosen one, or with fast reroute another if that one is down."""
    chosen = choices[flow_hash % len(choices)]
    if world.alternate_after is None or so_at(world.links[chosen], now):
        return chosen
    place = flow_hash % len(choices)
    candidates = choices[place:] + choices[:place] + [world.backups[slot][node][label]]
    for link in candidates:
        if link is not None:
            since, up = [change for change in world.links[link] if change[0] <= now][-1]
            if up or now - since < world.alternate_after:
                return link
    return chosen


def outages(world, flow, source, destination, start, stop, end):
    """When a flow that is on in [start, stop) does not arrive: (from, kind, cause, until, node, is open)."""
    instants = {
        start,
        *(ps for many in (world.slots, world.links, world.nodes) for one in many for ps, _ in one),
        *(ps + (world.alternate_after or 0) for one in world.links for ps, _ in one),
    }
    found = []
    for now in sorted(ps for ps in instants if start <= ps < min(stop, end)):
        outcome = outcome_at(world, flow, source, destination, now)
        last = found[-1] if found and found[-1][3] is None else None
        if last and (outcome is None or outcome[:2] != (last[1], last[2])):
            last[3] = now
            last = None
        if outcome and not last:
            found.append([now, outcome[0], outcome[1], None, outcome[2], False])
    if found and found[-1][3] is None:
        found[-1][3] = min(stop, end)
        found[-1][5] = stop >= end
    return [tuple(one) for one in found]


def updates_of(n_nodes, ends, ps_of_link, foreseen, unforeseen, keys):
    """What is learnt when: a list of (when it is closed, {link: up}, switch time of each node), in order.

    `ends[link]` is (from, to), `ps_of_link[link]` its delay. `foreseen` and `unforeseen` are changes of
    links, each (ps, link, up), those at 0 what is so at first. `keys` are detection, hop, hold, compute. No
    node may ever be without links.
    """
    detection, hop, hold, compute = keys
    real = sorted(foreseen + unforeseen)
    waiting, found = sorted(unforeseen), []
    floor = [0] * n_nodes
    while waiting:
        closed = waiting[0][0] + hold
        mine = [change for change in waiting if change[0] <= closed]
        waiting = waiting[len(mine) :]
        state = {link: up for ps, link, up in real if ps <= closed}
        changed = {link: state[link] for _, link, _ in mine}
        known = belief(foreseen, [(at, change) for at, change, _ in found], closed)
        if all(known.get(link, False) == up for link, up in changed.items()):
            continue
        up_links = [(*ends[link], ps_of_link[link]) for link, up in state.items() if up]
        news = sorted({(ps, *sorted(ends[link])) for ps, link, _ in mine})
        switch = switch_times(n_nodes, up_links, [True] * n_nodes, news, detection, hop, hold, compute)
        floor = [max(pair) for pair in zip(floor, switch, strict=True)]
        found.append((closed, changed, floor))
    return found


def belief(foreseen, learnt, now):
    """Which links are taken to be up by who knows what was foreseen until now and what it has learnt."""
    told = [(ps, 0, {link: up}) for ps, link, up in sorted(foreseen) if ps <= now]
    told += [(at, 1, change) for at, change in learnt]
    state = {}
    for _, _, change in sorted(told, key=lambda one: one[:2]):
        state |= change
    return state
