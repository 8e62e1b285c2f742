"""Reading one table of a scenario file by the metadata of its dataclass."""

from lasermesh.scenario.fields import BAD, keys_of, name_fault
from lasermesh.scenario.problems import closest, shown

# Units that people write, by what they measure, each in those of one of them.
_UNITS = (
    {"gbps": 1.0, "tbps": 1e3, "mbps": 1e-3, "kbps": 1e-6, "bps": 1e-9, "gbit": 1.0, "mbit": 1e-3},
    {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "min": 60.0,
     "minutes": 60.0, "h": 3600.0, "hours": 3600.0, "d": 86_400.0, "days": 86_400.0},
    {"km": 1e3, "m": 1.0, "metres": 1.0, "meters": 1.0, "cm": 1e-2, "miles": 1609.344, "ft": 0.3048},
    {"deg": 1.0, "degrees": 1.0, "rad": 57.29577951308232, "radians": 57.29577951308232, "arcmin": 1 / 60},
    {"bytes": 1.0, "byte": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1024.0, "mib": 1024.0**2,
     "gib": 1024.0**3, "bits": 0.125},
    {"packets": 1.0, "packet": 1.0, "pkts": 1.0},
)  # fmt: skip


def read_table(classes, table, place, variant=None):
    """Values of all keys of a table, by name in the file.

    Parameters
    ----------
    classes : tuple of dataclasses
        Their fields say which keys there are.
    table : dict
    place : Place
    variant : str or None
        Which variant of the table this is (`Key.only`); None if that is not known.

    Returns
    -------
    values : dict
        The value or default of every key; BAD where it is wrong or missing, which has been reported.
    """
    keys = keys_of(*classes)
    meant = set()
    for name, value in table.items():
        if name not in keys:
            message, known = unknown_key(name, value, keys)
            place.at(name).report(message, value)
            meant.add(known)
    # A key that was meant by a misspelt one is not reported as missing too.
    values = {
        name: BAD if name in meant and name not in table else _read_key(key, table, place, variant)
        for name, key in keys.items()
    }
    for key in keys.values():
        if key.beside is not None and values[key.name] is not BAD:
            values[key.name] = _beside_other(key, values, table, place)
    return values


def _beside_other(key, values, table, place):
    """The value of a key that goes with certain values of another one; BAD after reporting."""
    other, wanted = key.beside
    found = values[other]
    if found is BAD:
        return values[key.name]
    if key.name in table and found not in wanted:
        why = f"and there is no {other} here" if found is None else f"not with {other} = {shown(found)}"
        message = f"goes with {key.beside_words}, {why}"
        place.at(key.name).report(message, table[key.name])
        return BAD
    if key.name not in table and found in key.needed_beside:
        message = f"missing; must be {key.kind.words()}, with {other} = {shown(found)}"
        place.at(key.name).report(message)
        return BAD
    return values[key.name]


def _read_key(key, table, place, variant):
    if key.name in table and key.applies_to(variant):
        return key.kind.read(table[key.name], place.at(key.name))
    if key.name in table:
        message = f"goes with {' or '.join(key.only)}, not with {variant}"
        place.at(key.name).report(message, table[key.name])
        return BAD
    if key.needed_in(variant):
        place.at(key.name).report(f"missing; must be {key.kind.words()}")
        return BAD
    return key.default


def read_tables(key_name, items, place):
    """The items of an array of tables with their places; what is no table is reported and left out.

    `items` may be BAD, which has none.
    """
    tables = []
    for index, item in enumerate(() if items is BAD else items):
        if isinstance(item, dict):
            tables.append((item, place.at(key_name, index)))
        else:
            place.at(key_name, index).report(f"must be a table (got {shown(item)})", item)
    return tables


def named_tables(key_name, tables, place):
    """The tables of a table of tables by name, each with its place; None in place of one that is wrong.

    What is wrong with a name, or is no table, is reported. `tables` may be BAD or empty.
    """
    found = {}
    for name, table in () if tables is BAD or not tables else tables.items():
        here = place.at(key_name, name)
        fault = name_fault(name)
        if fault is not None:
            here.report(fault, name)
        elif not isinstance(table, dict):
            here.report(f"must be a table (got {shown(table)})", table)
        found[name] = (table if fault is None and isinstance(table, dict) else None, here)
    return found


def unknown_key(name, value, keys):
    """What to say about a key that is not known, and the known one that was meant, if any."""
    hint, known = unit_hint(name, value, keys)
    if hint is not None:
        return hint, known
    without_unit = next((known for known in keys if known.rpartition("_")[0] == name), None)
    longer = next((known for known in keys if known.startswith(f"{name}_")), None)
    nearest = without_unit or closest(name, keys) or longer
    if nearest is not None:
        return f"unknown key; did you mean {shown(nearest)}?", nearest
    return f"unknown key; the keys here are {', '.join(keys)}", None


def unit_hint(name, value, keys):
    """`write rate_gbps = 0.1` for a key that differs from a known one in its unit alone, and that one."""
    stem, _, unit = name.lower().rpartition("_")
    for known in keys:
        known_stem, _, known_unit = known.rpartition("_")
        if not stem or stem != known_stem or unit == known_unit:
            continue
        for units in _UNITS:
            if unit in units and known_unit in units:
                if isinstance(value, int | float) and not isinstance(value, bool):
                    return f"write {known} = {value * units[unit] / units[known_unit]:.12g}", known
                return f"write {known}, in {known_unit}", known
    return None, None
