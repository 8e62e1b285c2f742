"""When scenes are taken."""

from itertools import islice, takewhile

import numpy as np
import pytest

from lasermesh.units import PS_PER_S, ps_from_s
from lasermesh.workloads.sensors import scene_instants
from tests.workloads.building import S, a_sensor


def first(n, sensor, node=0, seed=1, **keys):
    return list(islice(scene_instants(sensor, node, f"s{node}", seed, **keys), n))


def test_regular_scenes_do_not_drift():
    sensor = a_sensor([0], every_s=0.1, phase_s=0.25, start_s=2.0)
    assert first(100_001, sensor)[-1] == ps_from_s(10_002.25)


def test_phases_are_drawn_for_each_node_within_the_period():
    sensor = a_sensor([0], every_s=10.0)
    starts = [first(1, sensor, node=node)[0] for node in range(200)]
    assert min(starts) >= 0
    assert max(starts) < 10 * S
    assert np.mean(starts) / S == pytest.approx(5.0, abs=0.7)  # 3.5 standard errors
    assert len(set(starts)) == 200


def test_poisson_scenes_come_at_exponential_gaps():
    gaps_s = np.diff(first(4000, a_sensor([0], every_s=2.0, arrivals="poisson"))) / PS_PER_S
    assert gaps_s.mean() == pytest.approx(2.0, rel=0.05)
    assert (gaps_s > 2.0).mean() == pytest.approx(np.exp(-1), abs=0.025)


def test_a_duty_takes_a_scene_each_time_the_instrument_was_on_long_enough():
    # 1 Gbps, 3 s for a scene, on for 5 s of every 20 s: at 3 s, then 1 s into the second period, and so on.
    sensor = a_sensor([0], scene_bytes=375_000_000, rate_gbps=1.0, duty=0.25, period_s=20.0, phase_s=1.0)
    assert first(5, sensor) == [(1 + t) * S for t in (3, 21, 24, 42, 45)]


def test_the_period_of_a_duty_is_the_orbit_where_none_is_given():
    sensor = a_sensor([0], scene_bytes=125_000_000, rate_gbps=1.0, duty=0.5, phase_s=0.0)
    assert first(3, sensor, orbit_period_s=lambda node: 4.0) == [S, 2 * S, 5 * S]


def test_an_instrument_of_a_drawn_phase_may_be_on_at_the_start():
    sensor = a_sensor([0], scene_bytes=125_000_000, rate_gbps=1.0, duty=0.5, period_s=100.0)
    taken = [
        len(list(takewhile(lambda ps: ps <= 100 * S, scene_instants(sensor, node, f"s{node}", 1))))
        for node in range(100)
    ]
    # Any window of a period has 50 s of on-time; up to one scene is not complete in each piece of it.
    assert min(taken) >= 48
    assert max(taken) <= 50


def test_times_of_a_duty_are_whole_and_do_not_drift():
    sensor = a_sensor([0], scene_bytes=1000, rate_gbps=0.3, duty=1 / 3, period_s=0.001, phase_s=0.0)
    on_ps, period_ps = round(PS_PER_S / 3000), PS_PER_S // 1000
    at_ps = first(10_000, sensor)[-1]
    on_time_ps = -(-10_000 * 8000 * PS_PER_S // 300_000_000)
    periods, within_ps = divmod(at_ps, period_ps)
    assert periods * on_ps + within_ps == on_time_ps
