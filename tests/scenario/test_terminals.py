"""Types of terminals: presets, and keys that only make sense together."""

import math
from pathlib import Path

import pytest

import lasermesh
from lasermesh.scenario import load_topology
from lasermesh.scenario.fields import BAD, keys_of
from lasermesh.scenario.presets import PRESETS
from lasermesh.scenario.terminals import Acquisition, TerminalType
from tests.scenario.scenes import GRID, ONE_GROUP, problems_of, warnings_of, write

USE = 'terminals = [{ type = "t", count = 4 }]\n'


def topology_text(terminal):
    return f"[terminals.t]\n{terminal}\n{ONE_GROUP}{USE}{GRID}"


def type_of(folder, terminal):
    return load_topology(write(folder, topology_text(terminal))).terminals[0]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_loads_without_a_warning_and_names_its_guesses(tmp_path, preset):
    terminal = type_of(tmp_path, f'preset = "{preset}"')
    assert warnings_of(tmp_path, topology_text(f'preset = "{preset}"').replace("rate_gbps = 10", "")) == []
    assert terminal.rate_gbps is not None
    guesses = {value.key for value in PRESETS[preset] if value.is_guess}
    assert set(terminal.guesses) == guesses
    assert isinstance(terminal.acquisition_s, Acquisition)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_value_of_a_preset_has_a_source_and_would_do_in_a_file(preset):
    keys = keys_of(TerminalType)

    class Nowhere:
        def at(self, *keys):
            return self

        def report(self, message, given=None):
            raise AssertionError(message)

    for value in PRESETS[preset]:
        assert value.source
        given = list(value.value) if isinstance(value.value, tuple) else value.value
        assert keys[value.key].kind.read(given, Nowhere()) is not BAD


def test_published_values_are_those_of_the_sources(tmp_path):
    mini = type_of(tmp_path, 'preset = "mini"')
    assert (mini.rate_gbps, mini.max_range_km, mini.reference_range_km) == (25.0, 4000.0, 4000.0)
    assert not {"rate_gbps", "max_range_km"} & set(mini.guesses)
    sda = type_of(tmp_path, 'preset = "sda"')
    assert (sda.rate_gbps, sda.acquisition_s.median, sda.acquisition_s.p95) == (2.5, 100.0, 100.0)
    ideal = type_of(tmp_path, 'preset = "ideal"')
    assert (ideal.max_range_km, ideal.acquisition_s.p95, ideal.slew_deg_per_s) == (None, 0.0, None)
    assert ideal.guesses == ()


def test_a_key_in_the_file_replaces_that_of_the_preset_and_is_no_guess(tmp_path):
    terminal = type_of(tmp_path, 'preset = "sl-gen3"\nacquisition_s = 3\nsun_exclusion_deg = 0.0\n')
    assert terminal.acquisition_s == Acquisition(median=3.0, p95=3.0)
    assert terminal.sun_exclusion_deg == 0.0
    assert terminal.rate_steps_gbps == (100.0, 200.0)
    assert not {"acquisition_s", "sun_exclusion_deg"} & set(terminal.guesses)


def test_a_rate_alone_beside_a_preset_is_fixed(tmp_path):
    terminal = type_of(tmp_path, 'preset = "mini"\nrate_gbps = 10.0\n')
    assert (terminal.rate_gbps, terminal.reference_range_km, terminal.rate_steps_gbps) == (10.0, None, ())


def test_steps_beside_a_preset_go_with_its_rate_and_range(tmp_path):
    terminal = type_of(tmp_path, 'preset = "mini"\nrate_steps_gbps = [40.0, 25.0]\n')
    assert (terminal.reference_range_km, terminal.rate_steps_gbps) == (4000.0, (25.0, 40.0))


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ('"fore"', (1, 0, 0)),
        ('"aft"', (-1, 0, 0)),
        ('"left"', (0, 1, 0)),
        ('"right"', (0, -1, 0)),
        ('"up"', (0, 0, 1)),
        ('"down"', (0, 0, -1)),
        ("[3, 0, -4]", (0.6, 0.0, -0.8)),
    ],
)
def test_a_mount_becomes_a_unit_vector(tmp_path, mount, expected):
    terminal = type_of(tmp_path, f"mount = {mount}\nfield_of_regard_deg = 60")
    assert terminal.mount == pytest.approx(expected)
    assert math.hypot(*terminal.mount) == pytest.approx(1.0, abs=1e-15)


def test_acquisition_is_constant_or_lognormal(tmp_path):
    assert type_of(tmp_path, "rate_gbps = 1").acquisition_s is None
    terminal = type_of(tmp_path, "acquisition_s = { median = 12, p95 = 30.5 }")
    assert terminal.acquisition_s == Acquisition(median=12.0, p95=30.5)


@pytest.mark.parametrize(
    ("terminal", "problem"),
    [
        ('preset = "minni"', '2: terminals.t.preset: no preset is named "minni"; did you mean "mini"?'),
        ('preset = "qqqqq"', "there are mini, sl-gen3, kuiper, sda, scot80, ideal"),
        ("mount = 'up'", "1: terminals.t.field_of_regard_deg: missing; it goes together with mount"),
        ("field_of_regard_deg = 50", "1: terminals.t.mount: missing; field_of_regard_deg is an angle from"),
        (
            "mount = [0, 0, 0]\nfield_of_regard_deg = 50",
            "2: terminals.t.mount: must be a direction, and this one has no length",
        ),
        (
            "acquisition_s = { median = 30, p95 = 12 }",
            "2: terminals.t.acquisition_s.p95: must be at least the median, which is 30 (got 12)",
        ),
        ("acquisition_s = { median = 0, p95 = 12 }", "no lognormal has the median 0"),
        ("acquisition_s = { median = 3 }", "2: terminals.t.acquisition_s.p95: missing; must be a number"),
        ("acquisition_s = { median = 3, p95 = 4, p99 = 5 }", "acquisition_s.p99: unknown key; did you mean"),
        (
            "rate_gbps = 1\nreference_range_km = 5",
            "terminals.t.rate_steps_gbps: missing; it goes together with rate_gbps and reference_range_km",
        ),
        (
            "rate_gbps = 1\nrate_steps_gbps = [1.0]",
            "reference_range_km: missing; it goes together with rate_gbps and rate_steps_gbps",
        ),
        (
            "reference_range_km = 5\nrate_steps_gbps = [1.0]",
            "terminals.t.rate_gbps: missing; it goes together with",
        ),
        (
            "rate_gbps = 1\nrate_steps_gbps = [1.0]\nreference_range_km = 1e-300",
            "4: terminals.t.reference_range_km: must be a number from 0.001 to",
        ),
        (
            "mean_time_between_losses_s = 1e-9",
            "2: terminals.t.mean_time_between_losses_s: must be a number of at least 0.001",
        ),
        ("rate_steps_gbps = [1.0, 1.0]", "1.0 stands already at terminals.t.rate_steps_gbps[0]"),
    ],
)
def test_what_is_wrong_with_a_terminal_is_said_once(tmp_path, terminal, problem):
    problems = problems_of(tmp_path, topology_text(terminal))
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_range_beyond_the_lowest_rate_is_warned_of(tmp_path):
    # 100 (1000 / r)^2 = 25 at r = 2000.
    law = "rate_gbps = 100\nreference_range_km = 1000\nrate_steps_gbps = [25.0, 100.0]\nmax_range_km = "
    assert warnings_of(tmp_path, topology_text(law + "2000")) == []
    assert warnings_of(tmp_path, topology_text(law + "2001")) == [
        "x.toml:5: terminals.t.max_range_km: is never reached: beyond 2000 km the rate is below 25 Gbps, "
        "its lowest"
    ]


def test_a_rate_below_the_lowest_step_is_warned_of(tmp_path):
    law = "rate_gbps = 25\nreference_range_km = 1000\nrate_steps_gbps = [100.0]"
    assert "so links end at 500 km" in warnings_of(tmp_path, topology_text(law))[0]


def test_the_documentation_has_every_value_with_its_source():
    text = (Path(lasermesh.__file__).parent / "docs" / "terminals.md").read_text(encoding="utf-8")
    for preset, values in PRESETS.items():
        assert f"| `{preset}` |" in text
        for value in values:
            assert f"| {'guess: ' if value.is_guess else ''}{value.source} |" in text
