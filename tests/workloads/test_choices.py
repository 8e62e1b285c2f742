"""Where scenes go, why, and when that changes."""

import pytest

from lasermesh.units import NEVER
from tests.workloads.building import MS, Run, S, a_compute, a_sensor, a_workload, an_experiment, to, work_on
from tests.workloads.test_scenes import ONE_AT_0, one_workload, parts


def transfers(run):
    """Of each scene in order."""
    return sorted((stage for stage in run.stages if stage.kind == "transfer"), key=lambda stage: stage.item)


def targets(run):
    return [(stage.to_node, stage.changes) for stage in transfers(run)]


def reasons(run):
    return [stage.reason for stage in transfers(run)]


def test_the_nearest_is_that_of_the_least_delay():
    run = Run(one_workload(to(1, 2, 3), sites=3), {(0, 1): 7 * MS, (0, 2): 5 * MS, (0, 3): 6 * MS})
    assert targets(run) == [(2, 0)]
    assert reasons(run) == ["g1: 5.0 ms, next g2: 6.0 ms"]


def test_without_any_route_the_nearest_is_the_soonest_contact():
    windows = {(0, 1): [(50 * S, 60 * S)], (0, 2): [(20 * S, 30 * S)], (0, 3): []}
    delays = {(0, 1): 5 * MS, (0, 2): 6 * MS, (0, 3): MS}
    run = Run(one_workload(to(1, 2, 3), sites=3), delays, windows=windows)
    assert targets(run) == [(2, 0)]
    assert reasons(run) == ["g1: contact in 20.0 s, next g0: contact in 50.0 s"]


def test_of_equals_the_first_is_chosen_and_kept():
    # Each takes 0.8 s: all but the first two choose again at their turn.
    sensor = a_sensor([0], scene_bytes=10**8, every_s=0.001, phase_s=0.0, stop_s=0.0045)
    run = Run(one_workload(to(2, 1), sites=2, sensor=sensor), {(0, 1): 5 * MS, (0, 2): 5 * MS})
    assert targets(run) == [(2, 0)] * 5


def burst(n):
    return a_sensor([0], scene_bytes=1000, every_s=0.001, phase_s=0.0, stop_s=0.0005 + 0.001 * (n - 1))


def test_the_least_loaded_counts_what_is_on_its_way():
    compute = [a_compute([1, 2], service_s=10.0)]
    experiment = one_workload(
        to(1, 2, choose="least-loaded"), work_on(), sites=2, compute=compute, sensor=burst(4)
    )
    run = Run(experiment, {(0, 1): 500 * MS, (0, 2): 600 * MS})
    # All four are taken before the first arrives.
    assert targets(run) == [(1, 0), (2, 0), (1, 0), (2, 0)]
    assert reasons(run) == [
        "g0: 0.000 s of work ahead, 500.0 ms, next g1: 0.000 s of work ahead, 600.0 ms",
        "g1: 0.000 s of work ahead, 600.0 ms, next g0: 10.000 s of work ahead, 500.0 ms",
        "g0: 10.000 s of work ahead, 500.0 ms, next g1: 10.000 s of work ahead, 600.0 ms",
        "g1: 10.000 s of work ahead, 600.0 ms, next g0: 20.000 s of work ahead, 500.0 ms",
    ]


def test_the_least_loaded_station_is_that_with_the_fewest_bytes_on_their_way():
    # The mesh takes up to 0.1 s of sending ahead: at 1 Mbps, two of these.
    sensor = a_sensor([0], scene_bytes=10_000, every_s=0.001, phase_s=0.0, stop_s=0.0055)
    experiment = one_workload(to(1, 2, choose="least-loaded"), sites=2, sensor=sensor, reconsider=False)
    run = Run(experiment, {(0, 1): 5 * MS, (0, 2): 6 * MS}, rate_bps=10**6)
    assert sorted(targets(run)) == [(1, 0)] * 3 + [(2, 0)] * 3


def test_a_node_without_route_is_not_chosen_for_being_idle():
    compute = [a_compute([1, 2], service_s=10.0)]
    experiment = one_workload(
        to(1, 2, choose="least-loaded"), work_on(), sites=2, compute=compute, sensor=burst(3)
    )
    run = Run(experiment, {(0, 1): 5 * MS, (0, 2): 1 * MS}, windows={(0, 2): [(90 * S, NEVER)]})
    assert targets(run) == [(1, 0)] * 3


def test_the_soonest_adds_contact_sending_and_work_up():
    # To g0 at once, behind 10 s of work; to g1 after 4 s: done sooner.
    compute = [a_compute([1, 2], service_s=10.0)]
    experiment = one_workload(
        to(1, 2, choose="soonest"), work_on(), sites=2, compute=compute,
        sensor=a_sensor([0], every_s=1.0, phase_s=0.0, stop_s=1.5),
    )  # fmt: skip
    run = Run(experiment, {(0, 1): 5 * MS, (0, 2): 5 * MS}, windows={(0, 2): [(4 * S, NEVER)]})
    assert targets(run) == [(1, 0), (2, 0)]
    # 3 s until the contact, 8 ms of sending, 10 s of work; at g0 the work ahead ends at 10.014 s.
    assert reasons(run)[1] == "g1: done in 13.0 s, next g0: done in 19.0 s"


def test_what_waits_goes_to_a_station_that_comes_sooner_than_foreseen():
    windows = {(0, 1): [(50 * S, 60 * S)], (0, 2): [(20 * S, 30 * S)]}
    for reconsider, expected in ((True, (2, 1)), (False, (1, 0))):
        experiment = one_workload(to(1, 2), sites=2, reconsider=reconsider)
        run = Run(experiment, {(0, 1): 5 * MS, (0, 2): 5 * MS}, windows=windows, unforeseen={(0, 2)})
        assert targets(run) == [expected]
        # What is asked of the mesh anew has its handling before it.
        assert parts(run.scenes[0])["wait"] == (20 * S + MS if reconsider else 50 * S)


def test_of_many_stored_scenes_only_the_next_are_handed_to_the_mesh():
    sensor = a_sensor([0], every_s=0.1, phase_s=0.0, stop_s=9.95)
    windows = {(0, 1): [(50 * S, 60 * S)], (0, 2): [(20 * S, 30 * S)]}
    run = Run(
        one_workload(to(1, 2), sites=2, sensor=sensor),
        {(0, 1): 5 * MS, (0, 2): 5 * MS},
        windows=windows,
        unforeseen={(0, 2)},
    )
    assert targets(run) == [(2, 1)] * 100
    assert run.network.n_sent == 102  # two were taken back
    # 100 scenes of 8 ms, one behind the other without a gap.
    last = max(scene.finished_ps for scene in run.scenes)
    assert last == 20 * S + 100 * 8 * MS + 5 * MS + MS + MS


def test_a_scene_that_a_pass_cut_in_two_starts_anew_at_the_next_station():
    # 8 s of sending: the pass over g0 ends after 5 s, that over g1 begins at 30 s.
    windows = {(0, 1): [(10 * S, 15 * S), (70 * S, 80 * S)], (0, 2): [(30 * S, 40 * S)]}
    sensor = a_sensor([0], scene_bytes=10**9, **ONE_AT_0)
    for reconsider, wait_s, spent_s in ((True, 25, 13), (False, 65, 8)):
        experiment = one_workload(to(1, 2), sites=2, sensor=sensor, reconsider=reconsider)
        run = Run(experiment, {(0, 1): 5 * MS, (0, 2): 5 * MS}, windows=windows)
        (scene,) = run.scenes
        spent = parts(scene)
        assert sum(spent.values()) == scene.finished_ps
        assert spent["wait"] == pytest.approx(wait_s * S, abs=2 * MS)
        assert spent["downlink"] == pytest.approx(spent_s * S, abs=10 * MS)
        assert targets(run) == [(2, 1) if reconsider else (1, 0)]
        resent = run.totals["workloads"][0]["resent_bytes"]
        assert resent == (pytest.approx(625_000_000, rel=1e-3) if reconsider else 0)


def test_a_scene_that_is_being_sent_stays_while_there_is_a_route():
    windows = {(0, 1): [(0, 50 * S)], (0, 2): [(2 * S, 90 * S)]}
    sensor = a_sensor([0], scene_bytes=10**9, **ONE_AT_0)
    run = Run(one_workload(to(1, 2), sites=2, sensor=sensor), {(0, 1): 5 * MS, (0, 2): MS}, windows=windows)
    assert targets(run) == [(1, 0)]


def test_what_is_next_in_line_keeps_its_target_and_those_behind_choose_at_their_turn():
    windows = {(0, 1): [(0, 90 * S)], (0, 2): [(5 * S, 90 * S)]}
    sensor = a_sensor([0], scene_bytes=10**9, every_s=1.0, phase_s=0.0, stop_s=2.5)
    run = Run(one_workload(to(1, 2), sites=2, sensor=sensor), {(0, 1): 5 * MS, (0, 2): MS}, windows=windows)
    assert targets(run) == [(1, 0), (1, 0), (2, 1)]
    assert reasons(run)[2] == "g1: 1.0 ms, next g0: 5.0 ms"


@pytest.mark.parametrize("choose", ["nearest", "least-loaded", "soonest"])
def test_a_choice_for_good_waits_until_there_is_something_to_choose_by(choose):
    # The first candidate has no route before the second, and neither contact is foreseen.
    run = Run(
        an_experiment(
            1, 2, sensors=[a_sensor([0], every_s=1000.0, phase_s=0.0)],
            workloads=[a_workload(to(1, 2, choose=choose), reconsider=False)],
        ),
        {(0, 1): 5 * MS, (0, 2): 9 * MS},
        windows={(0, 1): [(50 * S, 60 * S)], (0, 2): [(20 * S, 30 * S)]},
        clients=[0],
        unforeseen=[(0, 1), (0, 2)],
    )  # fmt: skip
    (scene,) = run.scenes
    assert scene.finished_ps < 21 * S
    assert scene.spent_ps[1] == 20 * S
    assert targets(run) == [(2, 0)]


def test_what_waits_for_a_choice_can_expire():
    run = Run(
        an_experiment(
            1, 2, sensors=[a_sensor([0], every_s=1000.0, phase_s=0.0)],
            workloads=[a_workload(to(1, 2), reconsider=False, expires_s=5.0)],
        ),
        {(0, 1): 5 * MS, (0, 2): 9 * MS},
        windows={(0, 1): [(50 * S, 60 * S)], (0, 2): [(20 * S, 30 * S)]},
        unforeseen=[(0, 1), (0, 2)],
    )  # fmt: skip
    assert [scene.cause for scene in run.scenes] == ["expired"]


def test_chosen_for_good_nobody_waits_for_those_that_go_elsewhere():
    # All routes are there when the first is chosen, then g0 goes; the second of g1 does not wait for it.
    compute = [a_compute([1, 2], service_s=10.0)]
    experiment = one_workload(
        to(1, 2, choose="least-loaded"),
        work_on(),
        sites=2,
        compute=compute,
        sensor=burst(4),
        reconsider=False,
    )
    run = Run(experiment, {(0, 1): 5 * MS, (0, 2): 6 * MS}, windows={(0, 1): [(0, MS // 2), (40 * S, NEVER)]})
    waits_s = [round(parts(scene)["wait"] / S) for scene in run.scenes]
    assert waits_s == [40, 0, 0, 0]


def test_a_throttled_computer_is_avoided():
    compute = [a_compute([1, 2], service_s=1.0)]
    experiment = one_workload(
        to(1, 2, choose="soonest"), work_on(), sites=2, compute=compute,
        sensor=a_sensor([0], every_s=1.0, phase_s=1.0, stop_s=1.5),
    )  # fmt: skip
    run = Run(
        experiment,
        {(0, 1): 5 * MS, (0, 2): 50 * MS},
        before=lambda work: work.computers["gpu", 1].set_speed(0.0),
    )
    assert targets(run) == [(2, 0)]
    assert reasons(run) == ["g1: done in 1.1 s, next g0: no end foreseen"]


def test_results_go_to_the_station_nearest_to_where_they_were_made():
    experiment = one_workload(
        to(1), work_on("gpu", 10), to(2, 3), satellites=2, sites=2, compute=[a_compute([1], service_s=1.0)]
    )
    run = Run(experiment, {(0, 1): MS, (0, 2): MS, (1, 2): 9 * MS, (1, 3): 8 * MS})
    assert [stage.to_node for stage in run.stages] == [1, 1, 3]


def test_sensors_of_two_kinds_may_share_a_node():
    experiment = an_experiment(
        1, 1,
        sensors=[a_sensor([0], name="a", **ONE_AT_0), a_sensor([0], name="b", **ONE_AT_0)],
        workloads=[a_workload(to(1), name="x", source="a"), a_workload(to(1), name="y", source="b")],
    )  # fmt: skip
    run = Run(experiment, {(0, 1): 5 * MS})
    assert len(run.scenes) == 2
    assert len(run.totals["storages"]) == 2
