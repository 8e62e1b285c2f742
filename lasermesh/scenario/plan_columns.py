"""Reading contact plans in lasermesh's own columns: CSV, JSON as `lasermesh contacts --json`, Parquet."""

import functools
import io
import json

from lasermesh.scenario.fields import BAD, REQUIRED, keys_of
from lasermesh.scenario.plan_rows import PlanRow, Words, check_row
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.tables import read_csv, read_quickly, slips_of
from lasermesh.scenario.topology import PlanContact

_KEYS = keys_of(PlanContact)
_BLANK = " \t\r\n"


def read_plan_csv(text, plan_file):
    """Rows of the contacts in a CSV text, and whether nothing had to be reported."""
    first = text.lstrip().partition("\n")[0]
    if not any(name in first for name in _KEYS):
        plan_file.line(1).report(
            "looks like no contact plan: neither lines of ION or A-SABR, nor JSON or Parquet, nor CSV with "
            f"the columns {', '.join(name for name, key in _KEYS.items() if key.default is REQUIRED)}"
        )
        return [], False
    rows, sound = read_csv(text, plan_file.file, PlanContact, plan_file.report)
    return _checked(rows, sound, plan_file)


def read_plan_items(items, plan_file):
    """Rows of the contacts in a JSON text, whose items are `items`: list of (line number, dict)."""
    lines = [plan_file.line(number, f"contacts[{index}]") for index, (number, _) in enumerate(items)]
    return _read_items(lines, [item for _, item in items], plan_file)


def read_plan_parquet(content, plan_file):
    """Rows of the contacts in the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(io.BytesIO(content)).names
        missing = [name for name, key in _KEYS.items() if key.default is REQUIRED and name not in names]
        for name in missing:
            others = [other for other in names if other not in _KEYS]
            plan_file.line(None).report(f"there is no column {shown(name)}{did_you_mean(name, others)}")
        absent = [name for name in _KEYS if name not in names and name not in missing]
        slips = slips_of(names, _KEYS, absent)
        for name, message in slips:
            plan_file.line(None).at(name).report(message)
        if missing or slips:
            return [], False
        table = pq.read_table(io.BytesIO(content), columns=[name for name in _KEYS if name in names])
        items = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        reason = "".join(character for character in str(error).partition("\n")[0] if character.isprintable())
        plan_file.line(None).report(f"not valid Parquet: {reason}")
        return [], False
    if not items:
        plan_file.line(None).report("has no contacts")
        return [], False
    lines = [plan_file.line(None, f"row {index}") for index in range(len(items))]
    return _read_items(lines, items, plan_file)


def _read_items(lines, items, plan_file):
    """Rows of contacts given as dicts, each with its place, and whether nothing had to be reported."""
    rows = [(line, _values_of(item, line)) for line, item in zip(lines, items, strict=True)]
    sound = [(line, values) for line, values in rows if BAD not in values.values()]
    return _checked(sound, len(sound) == len(rows), plan_file)


def _values_of(item, line):
    """Values of one item by column, BAD where that is reported; a null is as if absent."""
    values = {}
    for name, key in _KEYS.items():
        value = item.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and name in ("from", "to"):
            value = str(value)  # an ipn number
        if value is not None:
            values[name] = read_quickly(key.kind, value, line, name)
        elif key.default is REQUIRED:
            line.at(name).report(f"missing; must be {key.kind.words()}")
            values[name] = BAD
        else:
            values[name] = key.default
    for name, message in _slips(tuple(item)):
        line.at(name).report(message)
        values[name] = BAD
    return values


@functools.lru_cache(maxsize=64)
def _slips(names):
    """What to say of the names in an item; nearly all items have the same."""
    return slips_of(names, _KEYS, [name for name in _KEYS if name not in names])


def _checked(rows, sound, plan_file):
    """The rows with their nodes, those left out that are reported."""
    found = []
    for line, values in rows:
        nodes = [plan_file.find(values[key], line, key) for key in ("from", "to")]
        start_s, stop_s = values["start_s"], values["stop_s"]
        if BAD in nodes:
            # What is wrong with the times is said all the same; with unknown nodes nothing else can be.
            if stop_s <= start_s:
                line.at("stop_s").report(
                    f"must be after start_s, which is {start_s:.15g} (got {stop_s:.15g})", stop_s
                )
            sound = False
            continue
        row = PlanRow(line, *nodes, start_s, stop_s, round(values["rate_bps"]), values["owlt_s"])
        if check_row(row, plan_file, Words()):
            found.append(row)
        else:
            sound = False
    return found, sound


def items_of(text, plan_file):
    """Line number and value of each item of a JSON text's list of contacts; None after reporting.

    That is its `contacts`, or the text itself where it is a list.
    """
    try:
        keys = json.loads(text, object_pairs_hook=_keys_alone)
        found = list(_items(text))
    except json.JSONDecodeError as error:
        plan_file.line(error.lineno).report(f"not valid JSON: {error.msg}")
        return None
    except RecursionError:
        plan_file.line(None).report("not valid JSON: nested too deeply")
        return None
    except ValueError as error:
        plan_file.line(None).report(f"not valid JSON: {error}")
        return None
    if keys.count("contacts") > 1:
        plan_file.line(None).report('has the key "contacts" twice')
        return None
    if not found:
        tvg = "; plans of dtn-tvg-util are not supported" if "edges" in keys else ""
        plan_file.line(None).report(f'has no list "contacts", or an empty one{tvg}')
        return None
    wrong = [(index, line, item) for index, (line, item) in enumerate(found) if not isinstance(item, dict)]
    for index, line, item in wrong:
        plan_file.line(line, f"contacts[{index}]").report(f"must be an object (got {shown(item)})", item)
    return None if wrong else found


def _keys_alone(pairs):
    return [key for key, _ in pairs]


def _items(text):
    """(line number, value) of each item of the list, in a text that is valid JSON."""
    decoder = json.JSONDecoder()
    at = _after_blank(text, 0)
    if text[at] == "{":
        at = _start_of_contacts(text, at, decoder)
    if at is None or text[at] != "[":
        return
    line, counted = 1, 0
    at = _after_blank(text, at + 1)
    while text[at] != "]":
        line += text.count("\n", counted, at)
        counted = at
        value, at = decoder.raw_decode(text, at)
        yield line, value
        at = _after_blank(text, at)
        if text[at] == ",":
            at = _after_blank(text, at + 1)


def _start_of_contacts(text, at, decoder):
    """Where the value of the key `contacts` starts; None if there is no such key."""
    at = _after_blank(text, at + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _after_blank(text, _after_blank(text, at) + 1)
        if key == "contacts":
            return at
        _, at = decoder.raw_decode(text, at)
        at = _after_blank(text, at)
        if text[at] == ",":
            at = _after_blank(text, at + 1)
    return None


def _after_blank(text, at):
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
