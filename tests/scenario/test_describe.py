"""The schema that is printed, and the metadata that it is printed from."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

import lasermesh
from lasermesh.scenario import (
    Packets,
    QueueKeys,
    Routing,
    SatelliteGroup,
    TerminalType,
    describe,
    load_experiment,
)
from lasermesh.scenario.describe import _TABLES, unit_of
from lasermesh.scenario.fields import REQUIRED, keys_of
from tests.scenario.scenes import write

KEYS = [
    pytest.param(key, id=f"{title}-{key.name}")
    for title, classes in _TABLES
    for key in keys_of(*classes).values()
]
UNIT_OF_SUFFIX = {
    "km": "km",
    "m": "m",
    "h": "h",
    "s": "s",
    "us": "us",
    "deg": "deg",
    "gbps": "Gbps",
    "bps": "bit/s",
    "bytes": "bytes",
    "packets": "packets",
    "day": "rev/day",
    "deg/s": "deg/s",
    "1/s": "1/s",
    "w": "W",
    "wh": "Wh",
}
RATES = {
    "slew_deg_per_s": "deg/s",
    "requests_per_s": "1/s",
    "prefill_tokens_per_s": "1/s",
    "decode_tokens_per_s": "1/s",
}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_one_line_of_help(key):
    assert key.help.endswith(".")
    assert "\n" not in key.help


@pytest.mark.parametrize("key", KEYS)
def test_the_unit_is_the_last_part_of_the_key(key):
    unit = unit_of(key.kind)
    if key.name in ("packet_mix", "median", "p95"):  # those of acquisition_s, which says it
        return
    if key.name == "bytes":  # a column; it is its unit
        assert unit == "bytes"
        return
    suffix = RATES.get(key.name, key.name.rpartition("_")[2])
    assert UNIT_OF_SUFFIX.get(suffix if "_" in key.name else None) == unit


@pytest.mark.parametrize("key", KEYS)
def test_defaults_are_within_their_limits(key):
    if key.default is REQUIRED or not isinstance(key.default, int | float | str) or key.default == ():
        return
    assert key.kind.fits(key.default)
    assert key.kind.fault(key.default) is None


def test_text_and_structure_tell_the_same():
    text, structure = describe()
    assert json.loads(json.dumps(structure, allow_nan=False)) == structure
    for table in structure["tables"]:
        assert table["table"] in text
        for key in table["keys"]:
            assert f"  {key['name']}: {key['is']}" in text
            assert key["help"] in text


def test_limits_units_defaults_and_choices_are_there():
    text, structure = describe()
    flows = next(table for table in structure["tables"] if table["table"] == "[[flows]]")
    packet_bytes = next(key for key in flows["keys"] if key["name"] == "packet_bytes")
    assert (packet_bytes["low"], packet_bytes["high"], packet_bytes["unit"]) == (28, 65535, "bytes")
    assert '  on_link_down: "drop" or "reroute" (default "drop")' in text
    assert "  hop_limit: an integer from 1 to 255 (default 64)" in text
    assert "  planes: an integer of at least 1 (required with pattern; only with pattern or elements)" in text


def test_what_goes_with_the_value_of_another_key_is_there():
    text, structure = describe()
    flows = next(table for table in structure["tables"] if table["table"] == "[[flows]]")
    keys = {key["name"]: key for key in flows["keys"]}
    assert keys["on_s"]["goes_with"] == keys["on_s"]["required"] == ['kind = "on-off"']
    assert keys["servers"]["goes_with"] == ['kind = "request"']
    assert keys["servers"]["required"] == []
    assert '(in packets; default 65536; only with kind = "bulk")' in text
    assert '(in s; only with queue = "codel")' in text


@pytest.mark.parametrize("table", ["[packets]", "[[links]]", "[[queues]]"])
def test_queue_keys_are_listed_wherever_they_may_stand(table):
    _, structure = describe()
    keys = next(each["keys"] for each in structure["tables"] if each["table"] == table)
    names = [key["name"] for key in keys]
    first = names.index("queue_packets")
    assert first > 0  # what the table is about comes first
    assert names[first:] == [*keys_of(QueueKeys)]
    assert next(key["below"] for key in keys if key["name"] == "bit_error_rate") == 1.0


@pytest.mark.parametrize("topic", ["traffic", "scenario"])
def test_the_experiments_in_the_documentation_are_good(tmp_path, topic):
    text = (Path(lasermesh.__file__).parent / "docs" / f"{topic}.md").read_text()
    experiment = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[-1]
    assert load_experiment(write(tmp_path, experiment)).expanded_flows


def test_objects_may_be_made_by_hand_with_the_same_defaults():
    group = SatelliteGroup(name="g", fixed=("a",), node_names=("a",))
    assert (group.transit, group.raan_deg, group.size) == (None, 0.0, 1)
    assert TerminalType(name="t").rate_gbps is None
    assert Packets().hop_limit == 64
    assert Routing().options is not Routing().options
    with pytest.raises(dataclasses.FrozenInstanceError):
        group.transit = False
