"""Scenes from capture to the ground, by pencil, on a mesh of fixed delays."""

import pytest

from lasermesh.units import PS_PER_S
from lasermesh.workloads.records import PARTS
from lasermesh.workloads.work import pairs_of
from tests.workloads.building import MS, Run, S, a_compute, a_sensor, a_workload, an_experiment, to, work_on

MEGABYTE = 1_000_000  # 8 ms at 1 Gbps
ONE_AT_0 = {"every_s": 1000.0, "phase_s": 0.0}


def parts(scene):
    return {name: ps for name, ps in zip(PARTS, scene.spent_ps, strict=True) if ps}


def one_workload(*plan, satellites=1, sites=1, sensor=None, compute=(), duration_s=100.0, **keys):
    sensor = sensor or a_sensor([0], **ONE_AT_0)
    return an_experiment(
        satellites,
        sites,
        sensors=[sensor],
        compute=compute,
        workloads=[a_workload(*plan, **keys)],
        duration_s=duration_s,
    )


def test_a_scene_that_goes_down_at_once_takes_sending_way_and_handling():
    run = Run(one_workload(to(1)), {(0, 1): 5 * MS})
    (scene,) = run.scenes
    assert scene.state == "delivered"
    # Handling before its first packet counts as waiting, that at the station to the downlink.
    assert parts(scene) == {"wait": MS, "downlink": 8 * MS + 5 * MS + MS}
    assert scene.finished_ps - scene.captured_ps == 15 * MS
    assert scene.delivered_bytes == scene.sent_bytes == MEGABYTE
    assert run.is_done
    (stage,) = run.stages
    assert stage.reason == "g0: 5.0 ms, the only one"
    (storage,) = run.totals["storages"]
    assert (storage["captured_bytes"], storage["released_bytes"], storage["stored_bytes"]) == (
        10**6,
        10**6,
        0,
    )


def test_in_orbit_only_the_result_goes_down():
    # s0 -> s1 takes 8 + 10 + 1 ms, the second job waits for the first, 100 kB take 0.8 ms and 20 ms down.
    sensor = a_sensor([0], every_s=0.001, stop_s=0.0015, phase_s=0.0)
    experiment = one_workload(
        to(1),
        work_on("gpu", 100_000),
        to(2),
        satellites=2,
        sensor=sensor,
        compute=[a_compute([1], service_s=0.1)],
    )
    run = Run(experiment, {(0, 1): 10 * MS, (1, 2): 20 * MS})
    first, second = run.scenes
    down = {"downlink": MS * 4 // 5 + 20 * MS + MS}
    assert parts(first) == {"wait": 2 * MS, "transfer": 19 * MS, "compute": 100 * MS, **down}
    # Taken 1 ms later, it waits for the first to be sent until 9 ms, and for its computing from 28 to 120 ms.
    assert parts(second) == {
        "wait": 8 * MS + MS,
        "transfer": 19 * MS,
        "queue": 92 * MS,
        "compute": 100 * MS,
        **down,
    }
    assert first.delivered_bytes == 100_000
    (workload,) = run.totals["workloads"]
    assert workload["saved_share"] == pytest.approx(0.9)
    assert workload["delivered_bytes"] == 200_000
    assert workload["captured_bytes"] == 2 * MEGABYTE
    assert workload["parts_s"]["queue"] == pytest.approx(0.046)
    assert [stage.kind for stage in run.stages if stage.item == 0] == ["transfer", "compute", "transfer"]


def test_on_board_the_result_takes_the_place_of_the_scene():
    experiment = one_workload(
        work_on("gpu", 1000), to(1), sensor=a_sensor([0], storage_bytes=MEGABYTE, **ONE_AT_0),
        compute=[a_compute([0], service_s=1.0)],
    )  # fmt: skip
    run = Run(experiment, {(0, 1): 5 * MS}, windows={(0, 1): [(10 * S, 20 * S)]})
    (scene,) = run.scenes
    assert parts(scene) == {"compute": S, "wait": 9 * S, "downlink": 8000 * 1000 + 5 * MS + MS}
    stored = [(each.time_ps, each.stored_bytes) for each in run.log.storage]
    assert stored == [(0, 10**6), (S, 0), (S, 1000), (10 * S + 8_000_000 + 12 * MS, 0)]
    (storage,) = run.totals["storages"]
    assert storage["made_bytes"] == 1000
    assert storage["released_bytes"] == 10**6 + 1000


def test_a_result_that_is_larger_than_the_room_is_lost():
    experiment = one_workload(
        work_on("gpu", 2_000_000), to(1), sensor=a_sensor([0], storage_bytes=MEGABYTE, **ONE_AT_0),
        compute=[a_compute([0], service_s=1.0)],
    )  # fmt: skip
    run = Run(experiment, {(0, 1): 5 * MS})
    assert [(scene.state, scene.cause) for scene in run.scenes] == [("lost", "storage")]
    assert parts(run.scenes[0]) == {"compute": S}


def test_ground_processing_ends_where_the_computer_is():
    run = Run(one_workload(to(1), work_on(), compute=[a_compute([1], service_s=2.0)]), {(0, 1): 5 * MS})
    (scene,) = run.scenes
    assert parts(scene) == {"wait": MS, "downlink": 14 * MS, "compute": 2 * S}
    assert scene.delivered_bytes == MEGABYTE


def test_nothing_was_saved_where_nothing_was_to_come_down():
    run = Run(one_workload(to(1), satellites=2), {(0, 1): 5 * MS})
    (workload,) = run.totals["workloads"]
    assert workload["delivered"] == 1
    assert workload["saved_share"] is None


def test_a_client_without_any_link_attaches_and_others_wait():
    windows = {(0, 1): [(30 * S, 90 * S)]}
    for clients, part in (({0}, "attach"), (set(), "wait")):
        run = Run(one_workload(to(1)), {(0, 1): 5 * MS}, windows=windows, clients=clients)
        assert parts(run.scenes[0]) == {part: 30 * S, "downlink": 14 * MS}


def test_what_waits_for_its_turn_attaches_with_its_node():
    sensor = a_sensor([0], every_s=1.0, phase_s=0.0, stop_s=4.5)
    windows = {(0, 1): [(10 * S, 90 * S)]}
    run = Run(one_workload(to(1), sensor=sensor), {(0, 1): 5 * MS}, windows=windows, clients={0})
    assert len(run.scenes) == 5
    for scene in run.scenes:
        assert parts(scene)["attach"] == 10 * S - scene.captured_ps
    assert run.network.n_sent == 5


def test_a_full_storage_loses_the_new_or_the_oldest():
    for rule, lost in (("drop-new", [3, 4]), ("drop-oldest", [0, 1])):
        sensor = a_sensor(
            [0], every_s=1.0, phase_s=0.0, stop_s=4.5, storage_bytes=3 * MEGABYTE, when_full=rule
        )
        run = Run(one_workload(to(1), sensor=sensor), {(0, 1): 5 * MS}, windows={(0, 1): [(10 * S, 90 * S)]})
        assert [scene.item for scene in run.scenes if scene.state == "lost"] == lost
        assert {scene.cause for scene in run.scenes if scene.state == "lost"} == {"storage"}
        (storage,) = run.totals["storages"]
        assert storage["captured_bytes"] == 5 * MEGABYTE
        assert storage["lost_bytes"] == 2 * MEGABYTE
        assert storage["most_stored_bytes"] == 3 * MEGABYTE
        assert run.totals["workloads"][0]["lost"] == {"storage": 2}


def test_what_is_being_sent_is_not_dropped_for_a_new_scene():
    # A scene takes 8 s; room for two: the first is being sent when the third comes, the second goes.
    sensor = a_sensor(
        [0], scene_bytes=10**9, every_s=2.0, phase_s=0.0, stop_s=5.0, storage_bytes=2 * 10**9,
        when_full="drop-oldest",
    )  # fmt: skip
    run = Run(one_workload(to(1), sensor=sensor), {(0, 1): 5 * MS})
    assert [scene.state for scene in run.scenes] == ["delivered", "lost", "delivered"]


def test_a_scene_is_stored_until_its_node_knows_that_it_has_arrived():
    run = Run(one_workload(to(1), duration_s=0.0165), {(0, 1): 5 * MS})
    assert run.scenes[0].state == "delivered"
    assert not run.is_done  # the report is still on its way
    assert run.totals["storages"][0]["stored_bytes"] == MEGABYTE


def test_refused_jobs_are_lost_scenes():
    sensor = a_sensor([0], every_s=1.0, phase_s=0.0, stop_s=4.5)
    experiment = one_workload(
        to(1), work_on(), sensor=sensor, compute=[a_compute([1], service_s=2.4, queue_jobs=0)]
    )
    run = Run(experiment, {(0, 1): 5 * MS})
    assert [scene.cause for scene in run.scenes] == [None, "refused", "refused", None, "refused"]
    (computer,) = run.totals["computers"]
    assert (computer["done"], computer["refused"]) == (2, 3)
    assert run.is_done


def test_what_no_storage_of_the_computer_could_hold_is_too_large():
    compute = [a_compute([1], service_s=1.0, storage_bytes=MEGABYTE - 1)]
    run = Run(one_workload(to(1), work_on(), compute=compute), {(0, 1): 5 * MS})
    assert run.scenes[0].cause == "too_large"


@pytest.mark.parametrize(
    ("expires_s", "spent"),
    [
        (5.0, {"wait": 5 * S}),  # before the contact
        (10.004, {"wait": 10 * S, "transfer": 4 * MS}),  # while it is sent
        (10.0135, {"wait": 10 * S, "transfer": 13 * MS + MS // 2}),  # there, and not looked at
        (11.0, {"wait": 10 * S, "transfer": 14 * MS, "compute": 986 * MS}),
    ],
)
def test_a_scene_expires_wherever_it_is(expires_s, spent):
    experiment = one_workload(
        to(1),
        work_on(),
        to(2),
        satellites=2,
        compute=[a_compute([1], service_s=2.0)],
        expires_s=expires_s,
    )
    run = Run(experiment, {(0, 1): 5 * MS, (1, 2): MS}, windows={(0, 1): [(10 * S, 90 * S)]})
    (scene,) = run.scenes
    assert (scene.state, scene.cause) == ("lost", "expired")
    assert parts(scene) == spent
    (storage,) = run.totals["storages"]
    there = expires_s > 10.013
    assert (storage["released_bytes"], storage["lost_bytes"]) == ((10**6, 0) if there else (0, 10**6))
    assert run.is_done
    (computer,) = run.totals["computers"]
    assert computer["withdrawn"] == (expires_s == 11.0)


def test_a_scene_that_is_delivered_at_the_instant_of_its_expiry_is_delivered():
    run = Run(one_workload(to(1), expires_s=0.015), {(0, 1): 5 * MS})
    assert run.scenes[0].state == "delivered"


def test_scenes_in_progress_say_where_their_time_went():
    run = Run(one_workload(to(1), duration_s=20.0), {(0, 1): 5 * MS}, windows={(0, 1): [(50 * S, 60 * S)]})
    (scene,) = run.scenes
    assert (scene.state, scene.finished_ps) == ("in_progress", None)
    assert parts(scene) == {"wait": 20 * S}
    (stage,) = run.stages
    assert stage.ended_ps is None
    (workload,) = run.totals["workloads"]
    assert workload["unfinished_share"] == 1.0
    assert workload["insight_s"] is None


def test_two_workloads_of_one_sensor_each_handle_every_scene():
    experiment = an_experiment(
        1,
        2,
        sensors=[a_sensor([0], storage_bytes=2 * MEGABYTE, **ONE_AT_0)],
        workloads=[a_workload(to(1), name="a"), a_workload(to(2), name="b")],
    )
    run = Run(experiment, {(0, 1): 5 * MS, (0, 2): 5 * MS})
    assert [(scene.workload, scene.state) for scene in run.scenes] == [("a", "delivered"), ("b", "delivered")]
    assert run.totals["storages"][0]["captured_bytes"] == 2 * MEGABYTE
    assert pairs_of(experiment) == [(0, 0, 1), (1, 0, 2)]


def test_pairs_are_those_between_which_a_stage_may_send():
    experiment = one_workload(
        to(2), work_on(), to(3, 4), satellites=3, sites=2, compute=[a_compute([2])],
        sensor=a_sensor([0, 2], **ONE_AT_0),
    )  # fmt: skip
    # Row 2 has what it takes itself.
    run = Run(experiment, {(0, 2): MS, (2, 3): MS, (2, 4): 2 * MS})
    assert pairs_of(experiment) == [(0, 0, 2), (0, 2, 3), (0, 2, 4)]
    assert [scene.state for scene in run.scenes] == ["delivered"] * 2
    own = next(scene for scene in run.scenes if scene.node == 2)
    assert "transfer" not in parts(own)
    assert run.totals["storages"][1]["stored_bytes"] == 0


def test_a_poisson_sensor_and_exponential_service_wait_as_erlang_says():
    # M/M/1 at half load waits one service time; sending takes next to nothing and is always the same.
    sensor = a_sensor([0], scene_bytes=100, every_s=2.0, arrivals="poisson")
    compute = [a_compute([1], service="exponential", service_s=1.0)]
    experiment = one_workload(to(1), work_on(), sensor=sensor, compute=compute, duration_s=12_000.0)
    run = Run(experiment, {(0, 1): 5 * MS})
    queue_s = run.totals["workloads"][0]["parts_s"]["queue"]
    assert len(run.scenes) == pytest.approx(6000, rel=0.04)
    assert queue_s == pytest.approx(1.0, rel=0.1)  # 6,000 jobs: a standard error of 5 % or so
    assert run.totals["workloads"][0]["insight_s"]["max"] < 12_000
    assert all(sum(s.spent_ps) == s.finished_ps - s.captured_ps for s in run.scenes if s.finished_ps)
    assert PS_PER_S == S


def test_scenes_and_jobs_are_the_same_on_another_topology_and_beside_other_tables():
    """Draws go by names: `s1` takes the same scenes, and its computer the same times, wherever it stands."""
    runs = []
    for row, sensors, compute in (
        (1, [], []),
        (0, [a_sensor([2], "radar", every_s=7.0)], [a_compute([2], "tpu")]),
    ):
        experiment = an_experiment(
            3,
            1,
            sensors=[*sensors, a_sensor([row], every_s=5.0, arrivals="poisson")],
            compute=[*compute, a_compute([row], service="exponential", service_s=1.0)],
            workloads=[a_workload(work_on(result_bytes=1000), to(3))],
            duration_s=60.0,
            names=["s0", "s1", "s2", "g0"] if row else ["s1", "s0", "s2", "g0"],
        )
        run = Run(experiment, {(row, 3): MS})
        runs.append([(scene.captured_ps, scene.finished_ps) for scene in run.scenes])
    assert len(runs[0]) > 5
    assert runs[0] == runs[1]
