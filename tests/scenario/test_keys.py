"""Every key of every table, one at a time misspelt, mistyped and out of range, from the metadata."""

import re
import shutil

import pytest

from lasermesh.scenario.bundles import Bundles, Store
from lasermesh.scenario.experiment import Experiment, Observe, Packets, Routing
from lasermesh.scenario.faults import Fault
from lasermesh.scenario.fields import (
    Choice,
    Either,
    Integer,
    ListOf,
    Moment,
    Name,
    Number,
    OneOrMore,
    Row,
    Text,
    keys_of,
)
from lasermesh.scenario.flows import Flow
from lasermesh.scenario.live import Live
from lasermesh.scenario.positions import line_numbers
from lasermesh.scenario.queues import QueueRule
from lasermesh.scenario.terminals import Acquisition
from lasermesh.scenario.topology import (
    GroundGroup,
    LinkRule,
    SatelliteGroup,
    Site,
    TerminalType,
    TerminalUse,
    Topology,
)
from lasermesh.scenario.workloads import (
    Alternative,
    Compute,
    Power,
    Sensor,
    Stage,
    Transfers,
    Workload,
)
from tests.scenario.scenes import TABLES, check_file

# File with a good example of every key, the dataclasses of the table, and where the table stands in the file.
EXAMPLES = [
    ("topology.toml", (Topology,), ()),
    ("terminals.toml", (TerminalType,), ("terminals", "mini")),
    ("terminals.toml", (Acquisition,), ("terminals", "slow", "acquisition_s")),
    ("satellites.toml", (SatelliteGroup,), ("satellites", None)),
    ("satellites.toml", (TerminalUse,), ("satellites", None, "terminals", None)),
    ("ground.toml", (Site, GroundGroup), ("ground", None)),
    ("links.toml", (LinkRule,), ("links", None)),
    ("experiment.toml", (Experiment,), ()),
    ("routing.toml", (Routing,), ("routing",)),
    ("packets.toml", (Packets,), ("packets",)),
    ("flows.toml", (Flow,), ("flows", None)),
    ("queues.toml", (QueueRule,), ("queues", None)),
    ("bundles.toml", (Bundles,), ("bundles",)),
    ("bundles.toml", (Store,), ("stores", None)),
    ("faults.toml", (Fault,), ("faults", None)),
    ("observe.toml", (Observe,), ("observe",)),
    ("live.toml", (Live,), ("live",)),
    ("work.toml", (Sensor,), ("sensors", None)),
    ("work.toml", (Compute,), ("compute", None)),
    ("work.toml", (Power,), ("power", None)),
    ("transfers.toml", (Transfers,), ("transfers",)),
    ("work.toml", (Workload,), ("workloads", None)),
    ("work.toml", (Stage,), ("workloads", None, "stages", None)),
    ("work.toml", (Alternative,), ("alternatives", None)),
]
# Keys that go with other values than those of the first file.
ELSEWHERE = dict.fromkeys(
    [("packets.toml", "ecn_threshold_packets"), ("packets.toml", "ecn_threshold_bytes")], "packets-ecn.toml"
)
ELSEWHERE |= dict.fromkeys(
    [("routing.toml", "update_delay_s"), ("routing.toml", "controller")], "routing-central.toml"
)
ELSEWHERE[("transfers.toml", "rate_gbps")] = "experiment.toml"
ELSEWHERE |= {
    ("flows.toml", key.name): "kinds.toml"
    for key in keys_of(Flow).values()
    if key.name in ("matrix", "sites", "total_gbps", "largest")
    or (key.beside and "constant" not in key.beside[1])
}
CASES = [
    pytest.param(
        ELSEWHERE.get((file, key.name), file), key, prefix, id=f"{file.removesuffix('.toml')}-{key.name}"
    )
    for file, classes, prefix in EXAMPLES
    for key in keys_of(*classes).values()
]

# One TOML value of each type, with what tomllib makes of it (a float in place of a date-time with offset).
LITERALS = {
    '"nonsense"': "nonsense",
    "5": 5,
    "2.5": 2.5,
    "true": True,
    "[]": [],
    "{}": {},
    "1979-05-27T07:32:00": None,
}


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(TABLES, tmp_path, dirs_exist_ok=True)
    return tmp_path


def find(file, key, prefix):
    """Path and line of the key (None: any) in the first table at `prefix` (None: any index) that has it."""
    wanted = (*prefix, key)
    for path, line in line_numbers((TABLES / file).read_text()).items():
        alike = [part in (None, given) for part, given in zip(wanted, path, strict=False)]
        if len(path) == len(wanted) and all(alike):
            return path, line
    raise AssertionError(f"{file} has no example of {key}")


def spoil(folder, file, line, pattern, replacement):
    """Changes one line of the file; a table that was written as such becomes the value `replacement`."""
    path = folder / file
    lines = path.read_text().splitlines(keepends=True)
    changed = re.sub(pattern, lambda _: replacement, lines[line - 1], count=1)
    assert changed != lines[line - 1]
    lines[line - 1] = changed
    path.write_text("".join(lines))
    return path


def problem_at(path, line, key):
    """The problem that stands at this line and key, which there must be."""
    problems, _ = check_file(path)
    found = [each for each in problems if (each.file, each.line, each.key) == (str(path), line, key)]
    assert len(found) == 1, [str(each) for each in problems]
    return found[0]


def dotted(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def written_as_table(file, line):
    return (TABLES / file).read_text().splitlines()[line - 1].startswith("[")


@pytest.mark.parametrize("file", sorted({case.values[0] for case in CASES}))
def test_the_examples_are_good(file):
    assert check_file(TABLES / file)[0] == []


@pytest.mark.parametrize(("file", "key", "prefix"), CASES)
def test_a_misspelt_key_is_refused_with_the_right_one(folder, file, key, prefix):
    path, line = find(file, key.name, prefix)
    misspelt = key.name + "x"
    spoilt = spoil(folder, file, line, rf"\b{key.name}\b", misspelt)
    problem = problem_at(spoilt, line, dotted((*path[:-1], misspelt)))
    assert problem.message == f'unknown key; did you mean "{key.name}"?'
    missing = [each for each in check_file(spoilt)[0] if each.key == dotted(path)]
    assert missing == []


def mistyped(kind):
    return [literal for literal, value in LITERALS.items() if not kind.fits(value)]


# Of those written as a header of tables, that alone gives them their type.
TYPED = [
    case
    for case in CASES
    if not written_as_table(case.values[0], find(case.values[0], case.values[1].name, case.values[2])[1])
]


@pytest.mark.parametrize(("file", "key", "prefix"), TYPED)
def test_a_value_of_another_type_is_refused(folder, file, key, prefix):
    path, line = find(file, key.name, prefix)
    assert mistyped(key.kind)
    for literal in mistyped(key.kind):
        spoilt = spoil(folder, file, line, r"=.*", f"= {literal}")
        problem = problem_at(spoilt, line, dotted(path))
        assert problem.message.startswith(f"must be {key.kind.words()} (got ")
        shutil.copy(TABLES / file, folder)


def out_of_range(kind):
    """TOML values of the right type that the kind refuses."""
    if isinstance(kind, Integer):
        return [kind.low - 1, -(2**62)] + ([] if kind.high is None else [kind.high + 1, 2**63 + 1, 10**400])
    if isinstance(kind, Number):
        low = kind.above if kind.low is None else kind.low - 1.0
        return ["nan", "inf", "-inf", -1e301, 1e301] + [low] * (low is not None) + [10**400]
    if isinstance(kind, Choice):
        return ['"nonsense"', '""'] + [f'"{later}"' for later in kind.later]
    if isinstance(kind, Name):
        return ['""', '" "', '"a:b"', '"a,b"', '"a*"', '"a?"', '"[a]"', '"a\\tb"', '"#17"']
    if isinstance(kind, Moment):
        return ["1956-12-31T00:00:00Z", "2057-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"]
    if isinstance(kind, Text):
        return ['""', '" "']
    if isinstance(kind, ListOf):
        return ["[]", "[[]]", "[1.5]" if not isinstance(kind.item, Number) else "[-1.5]"]
    if isinstance(kind, Row | OneOrMore):
        return ["[]"]
    if isinstance(kind, Either):
        return [value for each in kind.kinds for value in out_of_range(each)]
    return []


RANGED = [case for case in CASES if out_of_range(case.values[1].kind)]


@pytest.mark.parametrize(("file", "key", "prefix"), RANGED)
def test_a_value_out_of_range_is_refused(folder, file, key, prefix):
    path, line = find(file, key.name, prefix)
    for literal in out_of_range(key.kind):
        spoilt = spoil(folder, file, line, r"=.*", f"= {literal}")
        problems, _ = check_file(spoilt)
        places = [(each.file, each.line) for each in problems if each.key.startswith(dotted(path))]
        assert (str(spoilt), line) in places, (literal, [str(each) for each in problems])
        shutil.copy(TABLES / file, folder)
