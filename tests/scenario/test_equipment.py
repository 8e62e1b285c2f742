"""`[sensors]`, `[compute]`, `[power]` and `[transfers]`: what they come to, and what is refused."""

from itertools import takewhile

import pytest

from lasermesh.scenario import load_experiment
from tests.scenario.scenes import TABLES, problems_of, write
from tests.scenario.work_scenes import CAMERA, GPU, POWER, RAW, SKY, TRAINING


def test_tables_keep_the_names_and_the_order_of_the_file():
    experiment = load_experiment(TABLES / "work.toml")
    assert [each.name for each in experiment.sensors] == ["camera", "radar"]
    assert [(each.name, each.rows) for each in experiment.compute] == [
        ("gpu", tuple(range(2, 10))),
        ("chip", (0, 1)),
        ("hall", (10, 11)),
    ]
    (power,) = experiment.power
    assert (power.name, power.on, power.rows) == ("sun", ("dc",), tuple(range(2, 10)))
    resolved = experiment.to_dict()
    assert resolved["sensors"][1]["name"] == "radar"
    assert resolved["workloads"][0]["class"] == 1
    assert resolved["workloads"][4]["stages"][1]["compute"] == "gpu"


@pytest.mark.parametrize(("floor", "resume"), [(0.2, 0.25), (0.97, 1.0)])
def test_throttling_ends_a_little_above_the_floor(tmp_path, floor, resume):
    text = SKY + POWER + f"floor = {floor}\n" + CAMERA + RAW
    (power,) = load_experiment(write(tmp_path, text)).power
    assert power.resume == resume


def line_of(text, table, key):
    """Line of a key of a table, or of the table where it does not say it, or of a table of that name."""
    lines = text.splitlines()
    if f"[{table}.{key}]" in lines:
        return 1 + lines.index(f"[{table}.{key}]")
    header = lines.index(f"[{table}]")
    own = takewhile(lambda line: not line.startswith("["), lines[header + 1 :])
    return 1 + next((row for row, line in enumerate(own, header + 1) if line.startswith(f"{key} =")), header)


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        (CAMERA.replace("camera", '"a:b"'), 'sensors."a:b": a name must not contain ":"'),
        ("[sensors]\ncamera = 5\n", "sensors.camera: must be a table (got 5)"),
        (CAMERA.replace('"eo"', '"eos"'), 'sensors.camera.on: no node or group is named "eos" in topology'),
        (CAMERA.replace("every_s = 60.0\n", ""), "sensors.camera: must have every_s, or rate_gbps and duty"),
        (CAMERA + "duty = 0.1\n", "sensors.camera.duty: cannot stand beside every_s"),
        (CAMERA + "rate_gbps = 1.0\n", "sensors.camera.rate_gbps: cannot stand beside every_s"),
        (CAMERA + "period_s = 1.0\n", "sensors.camera.period_s: cannot stand beside every_s"),
        (
            CAMERA.replace("every_s = 60.0", "duty = 0.5"),
            "sensors.camera.rate_gbps: missing; it goes together with duty",
        ),
        (
            CAMERA.replace("every_s = 60.0", "rate_gbps = 0.5"),
            "sensors.camera.duty: missing; it goes together with rate_gbps",
        ),
        (
            CAMERA.replace("every_s = 60.0", 'rate_gbps = 0.5\nduty = 0.5\narrivals = "poisson"'),
            'sensors.camera.arrivals: "poisson" goes with every_s',
        ),
        (
            CAMERA.replace("every_s = 60.0", "rate_gbps = 0.5\nduty = 0.5").replace('"eo"', '"a"'),
            'sensors.camera.period_s: missing; "a" has no orbit whose period it could be',
        ),
        (
            CAMERA.replace("every_s = 60.0", "rate_gbps = 0.5\nduty = 0.5").replace('"eo"', '"Tokyo"'),
            'sensors.camera.period_s: missing; "Tokyo" has no orbit whose period it could be',
        ),
        (CAMERA.replace("60.0", "-1"), "sensors.camera.every_s: must be a number from 1e-06 to"),
        (
            CAMERA + "storage_bytes = 999_999\n",
            "sensors.camera.storage_bytes: no scene fits: scene_bytes is 1000000 (got 999999)",
        ),
        (
            CAMERA + "start_s = 5.0\nstop_s = 5.0\n",
            "sensors.camera.stop_s: must be after start_s, which is 5 (got 5)",
        ),
        (GPU + "rate_gbps = -2\n", "compute.gpu.rate_gbps: must be a number from 1e-06 to 1000000 (got -2)"),
        (
            GPU.replace("service_s = 1.0", 'service = "exponential"'),
            'compute.gpu.service_s: must be above 0 with service = "exponential" (got 0)',
        ),
        (
            GPU + 'service = "lognormal"\n',
            "compute.gpu.service_p95_s: missing; must be a number above 0 and at most 9158400, with service",
        ),
        (
            GPU + 'service = "lognormal"\nservice_p95_s = 1.0\n',
            "compute.gpu.service_p95_s: must be above service_s, the median, which is 1 (got 1)",
        ),
        (GPU + "service_p95_s = 2.0\n", 'compute.gpu.service_p95_s: goes with service = "lognormal", not'),
        (
            POWER.replace('"dc"', '["dc", "Tokyo"]'),
            'power.bus.on: "Tokyo" is a ground site; only satellites have [power]',
        ),
        (
            POWER + "start_charge = 0\n",
            "power.bus.start_charge: must be a number above 0 and at most 1 (got 0)",
        ),
        (
            POWER + "floor = 0.5\nresume = 0.5\n",
            "power.bus.resume: must be above floor, which is 0.5 (got 0.5)",
        ),
        (POWER + "resume = 1.1\n", "power.bus.resume: must be a number from 0 to 1 (got 1.1)"),
        (
            POWER + "bus_w = 100.0\nradiator_w = 100.0\n",
            "power.bus.radiator_w: must be above bus_w, which is 100 and is needed all the time (got 100)",
        ),
        (
            POWER + POWER.replace("bus", "other").replace('"dc"', '["a", "dc-0-3"]'),
            'power.other.on: "dc-0-3" has its power from [power.bus] already',
        ),
        (
            "[transfers]\nrate_gbps = 1.0\nshare = 0.5\n",
            "transfers.share: cannot stand beside rate_gbps",
        ),
        (
            "[transfers]\nreport_bytes = 2000\n",
            "transfers.report_bytes: a report of 2000 bytes does not fit into a packet of 1500",
        ),
        (CAMERA.replace("60.0", "1e-9"), "sensors.camera.every_s: must be a number from 1e-06 to"),
        ("[transfers]\nhandling_s = 0\n", "transfers.handling_s: must be a number from 1e-06 to 1 (got 0)"),
    ],
)
def test_equipment_that_cannot_be_is_refused(tmp_path, tables, problem):
    text = SKY + tables + ("" if "[sensors" in tables else CAMERA) + TRAINING
    (found,) = [each for each in problems_of(tmp_path, text) if problem in each][:1] or [None]
    assert found is not None, problems_of(tmp_path, text)
    line = line_of(text, *problem.partition(": ")[0].rpartition(".")[::2])
    assert found.startswith(f"x.toml:{line}: ")
