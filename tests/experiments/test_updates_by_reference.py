"""Whole runs with tables that come late, against the slow and obvious."""

from itertools import pairwise

import numpy as np
import pytest

from lasermesh.experiments import parts, updating
from lasermesh.packets import state
from lasermesh.units import PS_PER_S
from tests.experiments.worlds import go
from tests.reference import updates

N = 6
FAILS = ((1_200_000_000_000, False), (1_900_000_000_000, True))
"""What happens to one of the nodes."""
NOTICED_S = 0.02
POLICY = '''
import numpy as np
from lasermesh.routing import ForwardingTable, trees_towards

def two_choices(snapshot):
    """The shortest way, and the one over fewest links where it is another."""
    links = [trees_towards(snapshot, by_hops).link for by_hops in (False, True)]
    other = np.where(links[1] == links[0], -1, links[1])
    return ForwardingTable(np.stack([links[0], other], axis=2), snapshot.label_of_flow)
'''


def write_random(folder, rng, routing):
    """Six nodes whose links come and go, flows among them."""
    pairs = [(a, b) for a in range(N) for b in range(a) if rng.random() < 0.6]
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for one, other in pairs:
        borders = sorted(np.round(rng.uniform(-1, 4, 4), 2).tolist())
        owlt_s = round(float(rng.uniform(0.002, 0.05)), 4)
        for start_s, stop_s in (borders[:2], borders[2:]):
            for a, b in ((one, other), (other, one)):
                if max(start_s, 0) < stop_s:
                    rows.append(f"n{a},n{b},{max(start_s, 0)},{stop_s},1000000,{owlt_s}")
    (folder / "random.csv").write_text("\n".join(rows) + "\n")
    (folder / "two.py").write_text(POLICY)
    names = ", ".join(f'"n{node}"' for node in range(N))
    flows = "".join(
        f'[[flows]]\nname = "f{number}"\nfrom = "n{a}"\nto = "n{b}"\nrate_gbps = 0.00001\n'
        f"packet_bytes = 100\nstart_s = {rng.uniform(0, 0.5):.3f}\nstop_s = {rng.uniform(1, 5):.3f}\n"
        for number, (a, b) in enumerate(rng.choice(N, 2, replace=False).tolist() for _ in range(8))
    )
    (folder / "random.toml").write_text(
        f'duration_s = 4.0\n[topology]\nname = "random"\nstep_s = 0.5\n[[topology.satellites]]\nname = "s"\n'
        f'fixed = [{names}]\n[[topology.links]]\nrule = "plan"\nplan = "random.csv"\n{routing}\n{flows}'
    )
    return folder / "random.toml"


class Spy:
    """Notes the tables that a run gives to its engine."""

    def __init__(self, monkeypatch):
        self.tables, self.backups = [], []
        self.engine = None
        spy = self

        class Watched(parts.PacketEngine):
            def install_table(self, link, label_of_flow, switch_ps, next_label, backup, new_labels):
                switch = np.broadcast_to(switch_ps, (N,)).tolist()
                spy.engine = self
                spy.tables.append((link.tolist(), label_of_flow[:, 0].tolist(), switch))
                spy.backups.append(None if backup is None else backup.tolist())
                super().install_table(link, label_of_flow, switch_ps, next_label, backup, new_labels)

        monkeypatch.setattr(parts, "PacketEngine", Watched)

    def world(self, contacts, hashes, alternate_after):
        """The run as the slow and obvious takes it."""
        engine = self.engine
        ends = list(zip(engine.link_from.tolist(), engine._e.links[: engine.n_links, :], strict=True))
        link_to = [int(row[state.X_TO]) for _, row in ends]
        slots = [[] for _ in range(N)]
        for slot, (_, _, switch) in enumerate(self.tables):
            for node, ps in enumerate(switch):
                if ps != updates.NEVER:
                    slots[node].append((ps, slot))
        by_ends = {(int(start), link_to[link]): link for link, (start, _) in enumerate(ends)}
        links = [[(-1, False)] for _ in ends]
        for row in contacts:
            link = by_ends[int(row["from"][1:]), int(row["to"][1:])]
            links[link].append((round(row["start_s"] * PS_PER_S), True))
            if not row["open_stop"]:
                links[link].append((round(row["stop_s"] * PS_PER_S), False))
        return updates.World(
            link_to=link_to,
            tables=[
                [[[one for one in choices if one >= 0] for choices in node] for node in link]
                for link, _, _ in self.tables
            ],
            next_label=[None] * len(self.tables),
            label_of_flow=[labels for _, labels, _ in self.tables],
            hashes=hashes,
            slots=[sorted(changes, key=lambda change: change[0]) for changes in slots],  # stable
            links=[sorted(changes) for changes in links],
            nodes=[[(-1, True), *(FAILS if node == 2 else ())] for node in range(N)],
            backups=[
                backup and [[None if link < 0 else link for link in row] for row in backup]
                for backup in self.backups
            ],
            alternate_after=alternate_after,
        )


@pytest.mark.parametrize(
    "routing",
    [
        "update = 'instant'",
        "update = 'central'\nupdate_delay_s = 0.3\ncontroller = 'n0'",
        "update = 'link-state'\ndetection_s = 0.05\nhold_s = 0.2",
        "update = 'predicted'\nlead_s = 0.7",
        "update = 'instant'\nfast_reroute = true",
        f"update = 'link-state'\nfast_reroute = true\nalternate_after_s = {NOTICED_S}",
    ],
    ids=["instant", "central", "link-state", "predicted", "alternates", "late alternates"],
)
def test_outages_of_a_run_are_those_of_its_tables_and_links(tmp_path, monkeypatch, routing):
    found = set()
    for seed in range(3):
        spy = Spy(monkeypatch)
        rng = np.random.default_rng(seed)
        fault = "[[faults]]\nnodes = 'n2'\nat_s = 1.2\nrepair_s = 1.9"
        file = write_random(tmp_path, rng, f"[routing]\npolicy = 'two.py:two_choices'\n{routing}\n{fault}")
        done = go(file, tmp_path / f"run-{seed}")
        hashes = spy.engine._e.flows[:, state.S_CHOICE].tolist()
        after = None
        if "fast_reroute" in routing:
            after = round(NOTICED_S * PS_PER_S) if "alternate_after_s" in routing else 0
        slow = spy.world(done.kept.contacts.to_pylist(), hashes, after)
        expected = []
        flows = spy.engine.flows
        for flow in range(flows.n_flows):
            times = int(flows.start_ps[flow]), int(flows.stop_ps[flow]), spy.engine.end_ps
            ends = int(flows.source[flow]), int(flows.destination[flow])
            for since, kind, cause, until, node, is_open in updates.outages(slow, flow, *ends, *times):
                expected.append((since, flow, kind, cause, until - since, f"n{node}", is_open))
        rows = [
            (
                *(round(row["t_s"] * PS_PER_S), row["flow"], row["kind"], row["cause"]),
                *(round(row["duration_s"] * PS_PER_S), row["node"], row["open_end"]),
            )
            for row in done.kept.outages.to_pylist()
        ]
        assert sorted(rows, key=str) == sorted(expected, key=str)
        found |= {(row[2], row[3]) for row in rows}
    assert found >= {("black-hole", cause) for cause in ("link_down", "no_route", "node_down")}


@pytest.mark.parametrize("seed", range(3))
def test_nodes_switch_when_relaxing_all_links_says(tmp_path, monkeypatch, seed):
    """Two links stop within a hold of 0.1 s, which is one update."""
    spy = Spy(monkeypatch)
    rng = np.random.default_rng(seed)
    pairs = {
        (a, b): round(float(rng.uniform(0.002, 0.05)), 4)
        for a in range(N)
        for b in range(a)
        if rng.random() < 0.7
    }
    stops = dict(
        zip(
            [list(pairs)[index] for index in rng.choice(len(pairs), 2, replace=False)],
            (0.6, 0.68),
            strict=True,
        )
    )
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for (a, b), owlt_s in pairs.items():
        rows += [f"n{x},n{y},0,{stops.get((a, b), 9)},1000000,{owlt_s}" for x, y in ((a, b), (b, a))]
    keys = {"detection_s": 0.02, "hop_processing_s": 0.003, "hold_s": 0.1, "compute_s": 0.004}
    routing = "".join(f"{name} = {value}\n" for name, value in keys.items())
    file = write_random(tmp_path, rng, f"[routing]\nupdate = 'link-state'\ninterval_s = 4.0\n{routing}")
    (tmp_path / "random.csv").write_text("\n".join(rows) + "\n")
    go(file, tmp_path / "run")
    assert len(spy.tables) == 2
    left = [
        (x, y, round(owlt_s * PS_PER_S))
        for (a, b), owlt_s in pairs.items()
        if (a, b) not in stops
        for x, y in ((a, b), (b, a))
    ]
    changes = [(round(stop_s * PS_PER_S), *ends) for ends, stop_s in stops.items()]
    ps = (round(seconds * PS_PER_S) for seconds in keys.values())
    assert spy.tables[1][2] == pytest.approx(updates.switch_times(N, left, [True] * N, changes, *ps), abs=3)


def write_ring_with_chords(folder, rng, routing):
    """Six nodes in a ring that stays, chords that come and go as planned, and break as nobody planned."""
    ring = [(node, (node + 1) % N) for node in range(N)]
    chords = [(a, b) for a in range(N) for b in range(a) if (a - b) % N not in (1, N - 1)]
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    delay, planned = {}, []
    for a, b in ring + chords:
        owlt_s = round(float(rng.uniform(0.002, 0.05)), 4)
        borders = [0.0, 9.0] if (a, b) in ring else sorted(np.round(rng.uniform(0.01, 3, 2), 3).tolist())
        for x, y in ((a, b), (b, a)):
            delay[x, y] = round(owlt_s * PS_PER_S)
            rows.append(f"n{x},n{y},{borders[0]},{borders[1]},1000000,{owlt_s}")
            planned += [
                (round(at_s * PS_PER_S), (x, y), up) for at_s, up in zip(borders, (1, 0), strict=True)
            ]
    (folder / "chords.csv").write_text("\n".join(rows) + "\n")
    faults = "".join(f'[[faults]]\nlink = ["n{a}", "n{b}"]\nmtbf_s = 0.7\nmttr_s = 0.3\n' for a, b in chords)
    names = ", ".join(f'"n{node}"' for node in range(N))
    (folder / "chords.toml").write_text(
        f'duration_s = 3.0\nseed = {rng.integers(1000)}\n[topology]\nname = "chords"\nstep_s = 0.5\n'
        '[[topology.satellites]]\nname = "s"\n'
        f'fixed = [{names}]\n[[topology.links]]\nrule = "plan"\nplan = "chords.csv"\n{routing}\n{faults}'
        '[[flows]]\nname = "data"\nfrom = "n0"\nto = "n3"\nrate_gbps = 0.00001\npacket_bytes = 100\n'
    )
    return folder / "chords.toml", delay, planned


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("update", ["link-state", "predicted"])
def test_every_node_goes_by_what_was_foretold_and_what_it_has_heard(tmp_path, monkeypatch, update, seed):
    """The links of the table in force at each node, at all times, against replaying what it knows."""
    keys = {"detection_s": 0.02, "hop_processing_s": 0.003, "hold_s": 0.03, "compute_s": 0.004}
    lead_s = 0.15 if update == "predicted" else 0.0
    lines = "".join(f"{name} = {value}\n" for name, value in keys.items())
    lines += f"lead_s = {lead_s}\n" if lead_s else ""
    file, delay, planned = write_ring_with_chords(
        tmp_path, np.random.default_rng(seed), f"[routing]\nupdate = '{update}'\n{lines}"
    )
    installed = []
    install = updating.Updating._install

    def spy(self, graph, switch_ps, noted_ps=None):
        pairs = list(zip(graph.from_node.tolist(), graph.to_node.tolist(), strict=True))
        installed.append((np.broadcast_to(switch_ps, (N,)).tolist(), set(pairs)))
        return install(self, graph, switch_ps, noted_ps)

    monkeypatch.setattr(updating.Updating, "_install", spy)
    done = go(file, tmp_path / "run")

    real = []
    for row in done.kept.contacts.to_pylist():
        link = int(row["from"][1:]), int(row["to"][1:])
        real.append((round(row["start_s"] * PS_PER_S), link, 1))
        if not row["open_stop"]:
            real.append((round(row["stop_s"] * PS_PER_S), link, 0))
    first = [change for change in real if change[0] == 0]
    foretold = planned if update == "predicted" else []
    foreseen = first + [change for change in foretold if change[0] > 0 and (change in real or not change[2])]
    unforeseen = [change for change in real if change not in foreseen]
    assert len(unforeseen) > 8
    links = {link: link for link in delay}
    ps = tuple(round(seconds * PS_PER_S) for seconds in keys.values())
    learnt = updates.updates_of(N, links, delay, foreseen, unforeseen, ps)
    stops = [(at, link) for at, link, up in foretold if not up]

    lead_ps = round(lead_s * PS_PER_S)
    instants = {at for switch, _ in installed for at in switch} | {at for at, _, _ in foreseen}
    instants |= {at - lead_ps for at, _ in stops} | {at for _, _, switch in learnt for at in switch}
    instants = sorted(at for at in instants if 0 <= at <= 3 * PS_PER_S)
    compared = 0
    for now in ((one + other) // 2 for one, other in pairwise(instants) if other - one > 10):
        leaving = {link for at, link in stops if now < at <= now + lead_ps}
        for node in range(N):
            latest = max(switch[node] for switch, _ in installed if switch[node] <= now)
            in_force = [pairs for switch, pairs in installed if switch[node] == latest][-1]
            heard = [(at, change) for at, change, switch in learnt if switch[node] <= now]
            believed = updates.belief(foreseen, heard, now)
            assert in_force == {link for link, up in believed.items() if up} - leaving, (now, node)
            compared += 1
    assert compared > 300
