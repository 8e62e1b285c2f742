"""Small good scenarios to be spoilt, and short ways to load them."""

from pathlib import Path

import pytest

from lasermesh.scenario import ScenarioError, load

TABLES = Path(__file__).parent / "tables"

ONE_GROUP = """
[[satellites]]
name = "w"
pattern = "walker-delta"
planes = 4
slots = 6
phasing_factor = 3
altitude_km = 1200.0
inclination_deg = 53.0
"""

GRID = """
[[links]]
rule = "grid"
rate_gbps = 10
"""

TOKYO = """
[[ground]]
name = "Tokyo"
lat_deg = 35.7
lon_deg = 139.7
"""

BARE = """
[topology]
[[topology.satellites]]
name = "bare"
fixed = ["a", "b", "c"]
"""

FLOW = """
[[flows]]
name = "data"
from = "a"
to = "b"
rate_gbps = 0.1
"""


def write(folder, text, name="x.toml"):
    """The path of a new file with this text (or these bytes)."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def check_file(path, sets=()):
    """Problems and warnings of a scenario, the warnings only where there are no problems."""
    try:
        return [], list(load(path, sets).warnings)
    except ScenarioError as error:
        return error.problems, []


def problems_of(folder, text, sets=()):
    """What is wrong with a scenario of this text, one line each, without the folder."""
    problems, _ = check_file(write(folder, text), sets)
    return [str(problem).replace(f"{folder}/", "") for problem in problems]


def warnings_of(folder, text):
    problems, warnings = check_file(write(folder, text))
    assert not problems
    return [warning.replace(f"{folder}/", "") for warning in warnings]


def refuses(load, path, *words):
    """Asserts that loading fails with one problem that holds these words; returns it."""
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert len(caught.value.problems) == 1, str(caught.value)
    problem = caught.value.problems[0]
    for word in words:
        assert word in str(problem)
    return problem
