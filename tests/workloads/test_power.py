"""Arrays, batteries and throttling: by pencil, against small steps of time, and to the last joule."""

from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.orbits import PENUMBRA, SUNLIT, UMBRA, Sunlight
from lasermesh.scenario.read_equipment import HYSTERESIS
from lasermesh.scenario.workloads import Power
from lasermesh.units import ps_from_s
from lasermesh.workloads.agenda import Agenda
from lasermesh.workloads.log import Log
from lasermesh.workloads.power import PowerSupply
from lasermesh.workloads.work import Work
from tests.reference.power import step_through
from tests.workloads.building import S, a_compute, a_sensor, a_workload, an_experiment, to, work_on
from tests.workloads.fake_network import FakeNetwork

STEP_S = 0.01  # of the reference


class Accelerators:
    """A computer that is told how busy it is."""

    def __init__(self, accelerators=4):
        self.compute = SimpleNamespace(accelerators=accelerators)
        self.busy_accelerators = 0
        self.on_change = []
        self.speeds = []

    def set_speed(self, speed):
        self.speeds.append(speed)
        self.tell()

    def tell(self, busy=None):
        if busy is not None:
            self.busy_accelerators = busy
        for action in self.on_change:
            action()


def light_of(*pieces):
    """`Sunlight` of one satellite from (start_s, share)."""
    start_s, share = map(np.array, zip(*pieces, strict=True))
    lit = np.where(share == 1.0, SUNLIT, np.where(share == 0.0, UMBRA, PENUMBRA)).astype(np.int8)
    return Sunlight(np.array([0, len(lit)]), start_s, lit, share)


class Bench:
    """One satellite with a supply; `loads` are (instant, (terminals, busy accelerators))."""

    def __init__(self, light=((0.0, 1.0),), loads=(), end_s=100.0, computers=1, **keys):
        keys = {"array_w": 0.0, "battery_wh": 1.0, "resume": keys.get("floor", 0.2) + HYSTERESIS} | keys
        self.power = Power(name="p", on=("all",), rows=(0,), **keys)
        self.agenda, self.log = Agenda(), Log()
        self.computers = [Accelerators() for _ in range(computers)]
        self.terminals, self.news = 0, []
        around = SimpleNamespace(
            agenda=self.agenda,
            log=self.log,
            names=("sat",),
            computers={(f"c{i}", 0): computer for i, computer in enumerate(self.computers)},
            network=SimpleNamespace(
                terminals_in_use=lambda node: self.terminals, on_news=self.news.append
            ),
            sunlight=lambda rows: light_of(*light),
        )  # fmt: skip
        self.supply = PowerSupply(self.power, around)
        self.supply.begin()
        for at_s, (terminals, busy) in loads:
            self.agenda.at(ps_from_s(at_s), self.load, terminals, busy)
        self.agenda.run_until(ps_from_s(end_s))
        self.supply.close()
        self.totals = self.supply.totals()
        self.speeds = [(row.time_ps / S, row.speed) for row in self.log.power]

    def load(self, terminals, busy):
        self.terminals = terminals
        for action in self.news:
            action()
        self.computers[0].tell(busy)

    def speed_changes(self):
        """(instant in s, speed) wherever the speed becomes another."""
        found = []
        for at_s, speed in self.speeds:
            if not found or found[-1][1] != speed:
                found.append((at_s, speed))
        return found


def test_a_constant_load_drains_a_battery_to_its_floor_and_throttles():
    # 3600 J; accelerators at 50 W with 10 W of bus: from 3600 to 720 J takes 2880 / 60 = 48 s.
    bench = Bench(loads=[(0.0, (0, 2))], bus_w=10.0, accelerator_w=25.0, floor=0.2, throttled_speed=0.0)
    assert bench.speed_changes() == [(0.0, 1.0), (48.0, 0.0)]
    # Then 10 W for 52 s.
    assert bench.totals["end_j"] == pytest.approx(720.0 - 520.0, abs=1e-9)
    assert bench.totals["lowest_charge"] == pytest.approx(200.0 / 3600.0)
    assert bench.totals["throttled_s"] == pytest.approx(52.0) and bench.totals["throttled_satellites"] == 1
    assert bench.totals["accelerators_j"] == pytest.approx(48.0 * 50.0)


def test_throttling_ends_at_resume_and_not_at_the_floor():
    # Sun from 60 s on: 10 W net while the accelerators stand still, from 600 J at 60 s.
    bench = Bench(
        light=[(0.0, 0.0), (60.0, 1.0)], loads=[(0.0, (0, 2))], end_s=150.0, array_w=20.0, bus_w=10.0,
        accelerator_w=25.0, floor=0.2, resume=0.25,
    )  # fmt: skip
    # 720 J at 48 s, 600 J at 60 s, 900 J at 90 s; then it loses 40 W: 720 J at 94.5 s; 900 again at 112.5 s.
    assert bench.speed_changes() == [
        (0.0, 1.0), (48.0, 0.0), (90.0, 1.0), (94.5, 0.0), (112.5, 1.0), (117.0, 0.0), (135.0, 1.0),
        (139.5, 0.0),
    ]  # fmt: skip
    assert bench.computers[0].speeds == [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]


def test_a_throttled_speed_costs_its_share_of_the_power():
    bench = Bench(
        loads=[(0.0, (0, 4))], bus_w=0.0, accelerator_w=25.0, throttled_speed=0.25, start_charge=0.2
    )
    assert bench.speed_changes() == [(0.0, 0.25), (28.8, 0.0)]  # 720 J at 25 W; then the battery is empty
    assert bench.totals["standing_s"] == pytest.approx(71.2)
    assert bench.totals["end_j"] == 0.0 and bench.totals["unmet_j"] == 0.0
    assert bench.totals["lowest_charge_node"] == "sat"


def test_what_an_empty_battery_does_not_give_is_unmet():
    bench = Bench(bus_w=72.0, floor=0.0)
    # 3600 J last for 50 s.
    assert bench.totals["unmet_j"] == pytest.approx(50.0 * 72.0)
    assert bench.totals["unmet_s"] == pytest.approx(50.0)
    assert bench.totals["used_j"] == pytest.approx(3600.0)
    assert bench.totals["bus_j"] == pytest.approx(7200.0)


def test_a_battery_that_runs_empty_within_a_picosecond_leaves_nothing_unmet():
    # 3600 J at 70 W are no whole number of ps; then accelerators stand still and nothing else needs power.
    bench = Bench(loads=[(0.0, (0, 1))], accelerator_w=70.0, floor=0.0)
    assert bench.speed_changes() == [(0.0, 1.0), (pytest.approx(3600 / 70), 0.0)]
    assert bench.totals["unmet_j"] == 0.0
    assert bench.totals["unmet_s"] == 0.0
    assert 0.0 < bench.totals["end_j"] < 70e-12


def test_what_a_full_battery_does_not_take_is_spilled():
    bench = Bench(array_w=50.0, bus_w=10.0, start_charge=0.5)
    # 1800 J at 40 W: full at 45 s.
    assert bench.totals["spilled_j"] == pytest.approx(55.0 * 40.0)
    assert bench.totals["end_j"] == 3600.0
    assert [row.time_ps / S for row in bench.log.power] == [0.0, 45.0, 100.0]
    assert [row.battery_j for row in bench.log.power] == [1800.0, 3600.0, 3600.0]


def test_a_square_wave_of_sun_is_counted_by_its_pieces():
    light = [(0.0, 1.0), (60.0, 0.5), (61.0, 0.0), (94.0, 0.5), (95.0, 1.0)]
    bench = Bench(light=light, array_w=100.0, bus_w=65.0, end_s=155.0)
    assert bench.totals["umbra_s"] == pytest.approx(33.0)
    assert bench.totals["penumbra_s"] == pytest.approx(2.0)
    assert bench.totals["sunlit_share"] == pytest.approx(121.0 / 155.0)
    assert bench.totals["generated_j"] == pytest.approx(12_100.0)
    # From full at 60 s on.
    assert bench.totals["lowest_charge"] == pytest.approx(1.0 - (33.0 * 65.0 + 2.0 * 15.0) / 3600.0)


def test_the_radiator_caps_all_loads_together():
    bench = Bench(
        loads=[(0.0, (2, 4)), (10.0, (0, 4)), (20.0, (0, 1)), (30.0, (2, 0))],
        array_w=200.0, bus_w=20.0, terminal_w=15.0, accelerator_w=40.0, accelerator_idle_w=5.0,
        radiator_w=110.0,
    )  # fmt: skip
    # 20 + 30 + 20 leave 40 of 160 W; without terminals 70; one alone needs 40 of 70.
    assert bench.speed_changes() == [(0.0, 0.25), (10.0, 0.4375), (20.0, 1.0)]
    assert max(row.load_w for row in bench.log.power) <= 110.0
    assert bench.totals["radiator_s"] == pytest.approx(20.0)
    assert bench.totals["accelerators_idle_j"] == pytest.approx(2000.0)
    # More heat than the radiator takes even so: nothing is left for them.
    assert Bench(loads=[(0.0, (0, 1))], bus_w=20.0, accelerator_w=1.0, radiator_w=5.0).speeds[0] == (0.0, 0.0)


def test_without_a_battery_accelerators_get_what_the_array_leaves():
    bench = Bench(
        light=[(0.0, 1.0), (50.0, 0.5), (51.0, 0.0)], loads=[(0.0, (0, 4))], battery_wh=0.0, array_w=100.0,
        bus_w=20.0, accelerator_w=40.0,
    )  # fmt: skip
    assert bench.speed_changes() == [(0.0, 0.5), (50.0, 0.1875), (51.0, 0.0)]
    assert bench.totals["unmet_j"] == pytest.approx(49.0 * 20.0)
    assert bench.totals["lowest_charge"] is None and bench.totals["throttled_s"] == 0.0
    assert bench.totals["spilled_j"] == 0.0


def test_accelerators_of_several_tables_add_up_and_get_one_speed():
    bench = Bench(computers=2, loads=[(0.0, (0, 2))], accelerator_w=45.0, accelerator_idle_w=0.0, floor=0.5)
    assert bench.speed_changes() == [(0.0, 1.0), (20.0, 0.0)]
    assert [computer.speeds for computer in bench.computers] == [[0.0], [0.0]]


def test_terminals_that_come_and_go_at_one_instant_leave_one_row():
    loads = [(5.0, (1, 0)), (5.0, (2, 0)), (5.0, (1, 1)), (5.0, (0, 0))]
    bench = Bench(loads=loads, terminal_w=30.0, accelerator_w=10.0)
    assert [row.time_ps / S for row in bench.log.power] == [0.0, 5.0, 100.0]


def random_bench(seed):
    rng = np.random.default_rng(seed)

    def instants(most):
        return np.unique(np.append(0.0, rng.integers(0, 100, rng.integers(1, most)))).tolist()

    # Satellites of quiet, of scarce and of plentiful power.
    keys = {
        "array_w": float(rng.integers(0, 400)),
        "battery_wh": float(rng.choice([0.0, 0.5, 1.0, 3.0])),
        "start_charge": float(rng.uniform(0.05, 1.0)),
        "bus_w": float(rng.integers(0, 100)),
        "terminal_w": float(rng.integers(0, 40)),
        "accelerator_w": float(rng.integers(0, 100)),
        "accelerator_idle_w": float(rng.integers(0, 10)),
        "floor": float(rng.choice([0.0, 0.2, 0.6])),
        "resume": float(rng.choice([0.7, 1.0])),
        "throttled_speed": float(rng.choice([0.0, 0.3, 1.0])),
        "radiator_w": float(rng.integers(50, 400)) if rng.random() < 0.5 else None,
    }
    light = [(t_s, float(rng.choice([0.0, 0.5, 1.0]))) for t_s in instants(6)]
    loads = [(t_s, (int(rng.integers(0, 4)), int(rng.integers(0, 5)))) for t_s in instants(15)]
    return keys, light, loads


@pytest.mark.parametrize("seed", range(25))
def test_random_satellites_are_what_small_steps_of_time_give(seed):
    keys, light, loads = random_bench(seed)
    bench = Bench(light=light, loads=loads, **keys)
    expected, lowest, changes = step_through(bench.power, 4, light, loads, 100.0, STEP_S)
    greatest_w = keys["bus_w"] + 3 * keys["terminal_w"] + 4 * (keys["accelerator_w"] + 10.0) + keys["array_w"]
    # A step may be late by one at each change of speed, and what it does then, undoes or shifts later.
    allowed_s = (changes + 2) * STEP_S
    for key, value in expected.items():
        allowed = allowed_s * (greatest_w if key.endswith("_j") else 1.0)
        assert bench.totals[key] == pytest.approx(value, abs=allowed), key
    if keys["battery_wh"]:
        slack = allowed_s * greatest_w / (keys["battery_wh"] * 3600.0)
        assert bench.totals["lowest_charge"] == pytest.approx(
            lowest / (keys["battery_wh"] * 3600.0), abs=slack
        )


@pytest.mark.parametrize("seed", range(25, 60))
def test_no_joule_is_missing(seed):
    keys, light, loads = random_bench(seed)
    totals = Bench(light=light, loads=loads, **keys).totals
    came = totals["start_j"] + totals["generated_j"]
    assert came == pytest.approx(totals["used_j"] + totals["spilled_j"] + totals["end_j"], rel=1e-12)
    asked = sum(totals[key] for key in ("bus_j", "terminals_j", "accelerators_idle_j", "accelerators_j"))
    assert asked == pytest.approx(totals["used_j"] + totals["unmet_j"], rel=1e-12)


def test_a_joule_that_is_missing_stops_the_run():
    bench = Bench(bus_w=10.0)
    (satellite,) = bench.supply._satellites
    satellite.battery.charge += 1
    with pytest.raises(RuntimeError, match="J of p on node 0 are missing"):
        bench.supply.close()


def test_jobs_take_longer_when_the_battery_is_at_its_floor():
    # Scenes every 10 s that take 5 s on board at 160 W; the floor is at 1800 of 3600 J.
    experiment = an_experiment(
        1,
        1,
        sensors=[a_sensor([0], every_s=10.0, phase_s=0.0)],
        compute=[a_compute([0], service_s=5.0)],
        power=[Power(name="p", on=("all",), rows=(0,), array_w=0.0, battery_wh=1.0, accelerator_w=160.0,
                     floor=0.5, resume=0.55, throttled_speed=0.5)],
        workloads=[a_workload(work_on(result_bytes=1000), to(1))],
    )  # fmt: skip
    agenda, log = Agenda(), Log()
    network = FakeNetwork(agenda, {(0, 1): 10**9})
    work = Work(experiment, network, agenda, log, sunlight=lambda rows: light_of((0.0, 1.0)))
    work.begin()
    agenda.run_until(100 * S)
    work.close()
    # 1800 J are used after 11.25 s at work: two jobs of 5 s, and 1.25 s of the third, which takes 7.5 s more.
    lengths_s = [(stage.ended_ps - stage.began_ps) / S for stage in log.stages
                 if stage.kind == "compute" and stage.ended_ps]  # fmt: skip
    assert lengths_s[:2] == pytest.approx([5.0, 5.0], abs=0.01)
    assert lengths_s[2] == pytest.approx(1.25 + 7.5, abs=0.01)
    assert lengths_s[3] == pytest.approx(10.0, abs=0.01)
    assert work.totals()["power"][0]["throttled_s"] == pytest.approx(100.0 - 21.25, abs=0.01)
