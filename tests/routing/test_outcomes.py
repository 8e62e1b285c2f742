"""What becomes of flows while tables are wrong, and how news spreads, against the slow and obvious."""

from itertools import pairwise

import numpy as np
import pytest

from lasermesh.experiments.outages import OutageLog
from lasermesh.results.columns import OUTAGES
from lasermesh.routing import Forwarding
from lasermesh.routing.news_kernels import fill_arrivals
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import NEVER, NONE, PS_PER_S
from tests.reference import updates

N_NODES, N_LABELS, N_CHOICES, N_SLOTS, N_FLOWS = 6, 3, 2, 4, 8
END = 40


class Rows:
    """Takes outages as a table would."""

    def __init__(self):
        self.rows = []

    def write(self, outages):
        columns = [outages.t_s * PS_PER_S, outages.flow, outages.outcome, outages.duration_s * PS_PER_S]
        columns += [outages.node, outages.open_end]
        self.rows += zip(*(np.rint(column).astype(int).tolist() for column in columns), strict=True)


def random_changes(rng, values, most=4):
    """What stands from 0 on, and changes at random instants, several at one now and then."""
    times = sorted(rng.integers(0, END, rng.integers(0, most)).tolist())
    return [(-1, int(rng.choice(values)))] + [(ps, int(rng.choice(values))) for ps in times]


def random_world(rng, relabels, alternate_after=None):
    ends = [(a, b) for a in range(N_NODES) for b in range(N_NODES) if a != b and rng.random() < 0.6]
    starting = [[link for link, (a, _) in enumerate(ends) if a == node] for node in range(N_NODES)]
    tables = [
        [
            [
                rng.choice(
                    starting[node], min(len(starting[node]), rng.integers(0, 3)), replace=False
                ).tolist()
                for _ in range(N_LABELS)
            ]
            for node in range(N_NODES)
        ]
        for _ in range(N_SLOTS)
    ]
    labels = [None, *range(N_LABELS)]
    next_label = [
        [[labels[rng.integers(4)] for _ in range(N_LABELS)] for _ in range(N_NODES)] if relabels else None
        for _ in range(N_SLOTS)
    ]
    return updates.World(
        link_to=[b for _, b in ends],
        tables=tables,
        next_label=next_label,
        label_of_flow=[
            [labels[rng.integers(1 - (rng.random() < 0.2), 4)] for _ in range(N_FLOWS)]
            for _ in range(N_SLOTS)
        ],
        hashes=rng.integers(0, 1000, N_FLOWS).tolist(),
        slots=[random_changes(rng, range(N_SLOTS)) for _ in range(N_NODES)],
        links=[random_changes(rng, [0, 1, 1, 1]) for _ in ends],
        nodes=[random_changes(rng, [1, 1, 1, 0], 2) for _ in range(N_NODES)],
        backups=[
            [[rng.choice([None, *starting[node]]) for _ in range(N_LABELS)] for node in range(N_NODES)]
            for _ in range(N_SLOTS)
        ],
        alternate_after=alternate_after,
    )


def forwarding_of(world, start, end):
    """The world as the engine tells it of one step."""
    relabels, reroutes = world.next_label[0] is not None, world.alternate_after is not None
    width = N_LABELS * (N_CHOICES + relabels + reroutes)
    tables = np.full((N_SLOTS, N_NODES, width), NONE, np.int32)
    for slot, node, label in np.ndindex(N_SLOTS, N_NODES, N_LABELS):
        choices = world.tables[slot][node][label]
        tables[slot, node, label * N_CHOICES : label * N_CHOICES + len(choices)] = choices
        if world.next_label[slot] is not None:
            onward = world.next_label[slot][node][label]
            tables[slot, node, N_LABELS * N_CHOICES + label] = NONE if onward is None else onward
        if reroutes:
            backup = world.backups[slot][node][label]
            tables[slot, node, N_LABELS * (N_CHOICES + relabels) + label] = NONE if backup is None else backup
    labels = [[NONE if label is None else label for label in row] for row in world.label_of_flow]

    def split(of_things):
        first = np.cumsum([0] + [sum(start <= ps < end for ps, _ in changes) for changes in of_things])
        flat = [change for changes in of_things for change in changes if start <= change[0] < end]
        before = [[what for ps, what in changes if ps < start][-1] for changes in of_things]
        columns = np.array(flat, np.int64).reshape(-1, 2).T
        return np.array(before, np.int64), first.astype(np.int64), *map(np.ascontiguousarray, columns)

    since = [[ps for ps, _ in changes if ps < start][-1] for changes in world.links]
    slots, links, nodes = split(world.slots), split(world.links), split(world.nodes)
    return Forwarding(
        tables,
        np.array(labels, np.int32),
        *(
            N_LABELS,
            N_CHOICES,
            relabels,
            reroutes,
            NONE if not reroutes else world.alternate_after,
            np.array(world.hashes),
            np.array(world.link_to),
        ),
        *(slots[0], links[0], np.array(since, np.int64), nodes[0], *slots[1:], *links[1:], *nodes[1:]),
    )


def flow_row(rng):
    source, destination = rng.choice(N_NODES, 2, replace=False).tolist()
    start = int(rng.integers(0, END // 2))
    return {
        "source": source,
        "destination": destination,
        "kind": "constant",
        "rate_bps": 1000,
        "sizes": ((100, 1),),
        "start_ps": start,
        "stop_ps": int(rng.choice([start + rng.integers(1, END), NEVER])),
        "phase_ps": 0,
        "hop_limit": 64,
        "traffic_class": 0,
    }


@pytest.mark.parametrize("alternate_after", [None, 0, 3])
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_outages_are_those_that_looking_at_every_instant_finds(seed, relabels, alternate_after):
    rng = np.random.default_rng(seed)
    world = random_world(rng, relabels, alternate_after)
    flows = flows_from_rows([flow_row(rng) for _ in range(N_FLOWS)])
    log, taken = OutageLog(flows, END), Rows()
    borders = [0, *sorted(rng.choice(np.arange(1, END), 2, replace=False).tolist()), END]
    for start, end in pairwise(borders):
        log.begin_step(forwarding_of(world, start, end))
        log.end_step(end, taken)
    log.close(END, taken)
    expected = []
    for flow in range(N_FLOWS):
        times = int(flows.start_ps[flow]), int(flows.stop_ps[flow]), END
        ends = int(flows.source[flow]), int(flows.destination[flow])
        for since, kind, cause, until, node, is_open in updates.outages(world, flow, *ends, *times):
            expected.append((since, flow, OUTAGES.index((kind, cause)), until - since, node, int(is_open)))
    assert sorted(taken.rows) == sorted(expected)
    assert len(expected) > 5


def test_more_outages_than_there_is_room_for_come_in_portions(monkeypatch):
    rng = np.random.default_rng(5)
    world = random_world(rng, False)
    flows = flows_from_rows([flow_row(rng) for _ in range(N_FLOWS)])
    found = []
    for room in (1, 4096):
        monkeypatch.setattr("lasermesh.experiments.outages.ROOM", room)
        log, taken = OutageLog(flows, END), Rows()
        log.begin_step(forwarding_of(world, 0, END))
        log.end_step(END, taken)
        found.append(taken.rows)
    assert found[0] == found[1] and len(found[0]) > 3


@pytest.mark.parametrize("seed", range(10))
def test_news_comes_to_each_node_when_relaxing_all_links_says(seed):
    rng = np.random.default_rng(seed)
    n = 12
    ends = sorted({tuple(rng.choice(n, 2, replace=False).tolist()) for _ in range(24)})
    ps = rng.integers(0, 50, len(ends))
    transit = rng.random(n) < 0.7
    known = {int(node): int(rng.integers(0, 100)) for node in rng.choice(n, 2, replace=False)}
    heard = np.full(n, NEVER)
    heard[list(known)] = list(known.values())
    first = np.searchsorted([a for a, _ in ends], np.arange(n + 1))
    fill_arrivals(first, np.array([b for _, b in ends], np.int32), ps, transit, heard)
    links = [(a, b, int(takes)) for (a, b), takes in zip(ends, ps, strict=True)]
    assert heard.tolist() == updates.arrivals(n, links, transit, known)
