"""The scenario of a run as text: what was understood, in the manner of TOML, without what was not given."""

import json
import re

MOST_CHARACTERS = 200_000
"""Of the text; a scenario with tens of thousands of pairs is better read in manifest.json."""

LINE = 110


def scenario_text(scenario):
    """The resolved scenario of a manifest in the manner of TOML.

    Parameters
    ----------
    scenario : dict
        As the manifest holds it.

    Returns
    -------
    text : str
        Keys that are null or empty are left out; at most MOST_CHARACTERS and a line that says so.
    """
    lines = []
    _table(scenario, (), lines)
    text = "\n".join(lines).strip() + "\n"
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS].rpartition("\n")[0] + "\n# ... the rest stands in manifest.json\n"
    return text


def _table(table, path, lines):
    """The lines of a table: its values first, then the tables below it."""
    given = {key: value for key, value in table.items() if not _is_empty(value)}
    below = {key: value for key, value in given.items() if _has_tables(value)}
    lines += [f"{_key(key)} = {_value(value)}" for key, value in given.items() if key not in below]
    for key, value in below.items():
        name = ".".join(map(_key, (*path, key)))
        for one in value if isinstance(value, list) else [value]:
            lines += ["", f"[[{name}]]" if isinstance(value, list) else f"[{name}]"]
            _table(one, (*path, key), lines)


def _is_empty(value):
    return value is None or value == [] or (isinstance(value, dict) and all(map(_is_empty, value.values())))


def _has_tables(value):
    """Whether a value is a table, or a list of tables too large for a line each."""
    if isinstance(value, dict):
        return True
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return False
    return any(len(_value(each)) > LINE for each in value)


def _key(key):
    return key if re.fullmatch(r"[\w-]+", key, flags=re.ASCII) else json.dumps(key, ensure_ascii=False)


def _value(value):
    if isinstance(value, dict):
        cells = [f"{_key(key)} = {_value(each)}" for key, each in value.items() if not _is_empty(each)]
        return f"{{ {', '.join(cells)} }}"
    if isinstance(value, list):
        cells = [_value(each) for each in value]
        whole = f"[{', '.join(cells)}]"
        return whole if len(whole) <= LINE else "[\n" + "".join(f"    {cell},\n" for cell in cells) + "]"
    return json.dumps(value, ensure_ascii=False)
