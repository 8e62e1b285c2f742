"""Random work on random meshes adds up, to the scene, the byte and the ps."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from lasermesh.scenario.workloads import CHOICES
from lasermesh.units import ps_from_s
from tests.workloads.building import Run, S, a_compute, a_sensor, a_workload, an_experiment, to, work_on

SATELLITES, SITES, DURATION_S = 4, 3, 60.0


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def random_experiment(rng, seed):
    storage_bytes = pick(rng, [None, 3_000_000, 8_000_000])
    sensor = a_sensor(
        [0, 1],
        scene_bytes=int(rng.integers(500_000, 2_500_000)),
        every_s=float(rng.uniform(0.5, 4.0)),
        arrivals=pick(rng, ["regular", "poisson"]),
        stop_s=pick(rng, [None, 30.0]),
        storage_bytes=storage_bytes,
        when_full=pick(rng, ["drop-new", "drop-oldest"]),
    )
    gpu = a_compute(
        range(SATELLITES + SITES),
        service="exponential",
        service_s=float(rng.uniform(0.1, 3.0)),
        queue_jobs=int(rng.integers(0, 4)),
        storage_bytes=pick(rng, [None, 2_000_000]),
    )
    gateways = to(4, 5, 6, choose=pick(rng, CHOICES))
    in_orbit = to(2, 3, choose=pick(rng, CHOICES))
    plans = [
        (gateways,),
        (gateways, work_on()),
        (in_orbit, work_on("gpu", 10_000), gateways),
        (work_on("gpu", int(rng.integers(1, 2_600_000))), gateways),
    ]
    workloads = [
        a_workload(
            *pick(rng, plans),
            name=name,
            expires_s=pick(rng, [None, 5.0, 20.0]),
            reconsider=bool(rng.integers(2)),
        )
        for name in ("a", "b")[: int(rng.integers(1, 3))]
    ]
    return an_experiment(
        SATELLITES,
        SITES,
        sensors=[sensor],
        compute=[gpu],
        workloads=workloads,
        duration_s=DURATION_S,
        seed=seed,
    )


def random_run(seed):
    rng = np.random.default_rng(seed)
    nodes = SATELLITES + SITES
    pairs = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    delay_ps = {pair: int(rng.integers(10**8, 10**11)) for pair in pairs}
    windows = {}
    for pair in pairs:
        edges = np.cumsum(rng.uniform(0.5, 15.0, 8)) * pick(rng, [1.0, 0.3])
        spans = [(ps_from_s(a), ps_from_s(b)) for a, b in edges.reshape(-1, 2)]
        windows[pair] = pick(rng, [spans, spans, [(0, 2**63 - 1)]])
    return Run(
        random_experiment(rng, seed),
        delay_ps,
        windows=windows,
        rate_bps={node: int(rng.integers(1, 50)) * 1_000_000 for node in range(nodes)},
        clients={0},
        unforeseen=set(pairs[: int(rng.integers(10))]),
    )


@pytest.mark.parametrize("seed", range(40))
def test_random_work_adds_up(seed):
    run = random_run(seed)  # closing it raises where storages, computers or scenes do not add up
    end_ps = ps_from_s(DURATION_S)
    stages = defaultdict(list)
    for stage in run.stages:
        stages[stage.workload, stage.item].append(stage)
    assert len({(scene.workload, scene.item) for scene in run.scenes}) == len(run.scenes)
    for scene in run.scenes:
        mine = sorted(stages[scene.workload, scene.item], key=lambda stage: stage.stage)
        assert [stage.stage for stage in mine] == list(range(len(mine)))
        # One stage begins when the one before ends, at the same place.
        begins = [stage.began_ps for stage in mine]
        assert begins == [scene.captured_ps, *(stage.ended_ps for stage in mine)][: len(mine)]
        assert all(a.to_node == b.from_node for a, b in pairwise(mine))
        assert min(scene.spent_ps) >= 0
        until_ps = end_ps if scene.finished_ps is None else scene.finished_ps
        assert sum(scene.spent_ps) == until_ps - scene.captured_ps
        assert scene.sent_bytes == sum(stage.sent_bytes for stage in mine)
        assert (scene.cause is None) == (scene.state != "lost")
        if scene.state == "delivered":
            assert mine[-1].ended_ps == scene.finished_ps
    check_totals(run)
    for totals in run.totals["storages"]:
        limit = run.work._around.experiment.sensors[0].storage_bytes
        assert limit is None or totals["most_stored_bytes"] <= limit
    if run.is_done:
        assert all(storage["stored_bytes"] == 0 for storage in run.totals["storages"])
    for computer in run.work.computers.values():
        # What was announced is there, given up, or among what is in progress.
        assert computer._announced_ps >= 0
        assert (computer._announced_ps == 0) or any(scene.state == "in_progress" for scene in run.scenes)


def check_totals(run):
    for totals in run.totals["workloads"]:
        mine = [scene for scene in run.scenes if scene.workload == totals["name"]]
        states = Counter(scene.state for scene in mine)
        assert totals["scenes"] == len(mine)
        assert totals["delivered"] == states["delivered"]
        assert totals["in_progress"] == states["in_progress"]
        assert totals["lost"] == Counter(scene.cause for scene in mine if scene.cause)
        insights_s = [(s.finished_ps - s.captured_ps) / S for s in mine if s.state == "delivered"]
        if insights_s:
            assert totals["insight_s"]["mean"] == pytest.approx(np.mean(insights_s))
            assert totals["insight_s"]["p50"] == pytest.approx(
                np.quantile(insights_s, 0.5, method="inverted_cdf")
            )
            assert sum(totals["parts_s"].values()) == pytest.approx(np.mean(insights_s))


def test_the_same_seed_gives_the_same_run():
    first, second = random_run(11), random_run(11)
    assert first.scenes == second.scenes
    assert first.stages == second.stages
    assert first.totals == second.totals


def test_random_work_comes_to_all_ends():
    """The cases above are not all alike."""
    causes, states, changes = set(), set(), 0
    for seed in range(12):
        run = random_run(seed)
        causes |= {scene.cause for scene in run.scenes}
        states |= {scene.state for scene in run.scenes}
        changes += sum(stage.changes for stage in run.stages)
    assert causes >= {None, "storage", "refused", "expired", "too_large"}
    assert states == {"delivered", "lost", "in_progress"}
    assert changes > 50
