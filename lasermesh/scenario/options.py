"""`PATH=VALUE`, of `--set` or an alternative's `set`: replacing values of a file before it is checked."""

import json
import re
import tomllib
from copy import deepcopy
from typing import NamedTuple

from lasermesh.errors import UserError
from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.sources import dotted

_STEP = re.compile(r'"([^"]*)"|\[(\d{1,9})\]|([^."\[\]=]+)')
_PATH = re.compile(rf"(?:{_STEP.pattern})(?:\.(?:{_STEP.pattern})|\[\d{{1,9}}\])*")
_TABLES_THAT_MAY_BE_ABSENT = ("routing", "packets", "bundles", "observe", "options", "transfers", "live")


class Option(NamedTuple):
    """One change: where it stands, the path as keys and indices, and the value."""

    where: tuple  # (file, line), or ("--set PATH=VALUE", None)
    key: str | None  # of the file, under which it stands
    path: tuple
    value: object


def options_of_sets(sets, report):
    """The options of several `PATH=VALUE`, without those that are reported.

    Raises
    ------
    UserError
        If a program gives one text in place of a list of them.
    """
    if isinstance(sets, str):
        raise UserError(f"sets must be a list of PATH=VALUE; write sets=[{json.dumps(sets)}]")
    return [option for text in sets if (option := parse_option(text, report)) is not None]


def parse_option(text, report):
    """The `Option` of the command line's `PATH=VALUE`, or None after reporting."""
    shown_text = f"--set {text}"
    report.opened(shown_text)
    return _parse(text, report, (shown_text, None), None)


def parse_change(text, place):
    """The `Option` of `PATH=VALUE` at a place in a file, or None after reporting."""
    return _parse(text, place.source.report, place.locate(), place.key)


def _parse(text, report, where, key):
    path_text, equals, value_text = text.partition("=")
    if not equals or _PATH.fullmatch(path_text.strip()) is None:
        example = "routing.interval_s=2 or links[1].mask_deg=10"
        report.add(*where, key, f"must be PATH=VALUE, as {example}", text)
        return None
    steps = _STEP.finditer(path_text.strip())
    path = tuple(int(step[2]) if step[2] else step[3] or step[1] for step in steps)
    return Option(where, key, path, value_of(value_text))


def value_of(text):
    """The TOML value in a text; what is none is taken as text, so that quotes can be left out."""
    text = text.strip()
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def apply_option(option, source):
    """Puts the option's value into the source; a path that leads nowhere is reported."""
    target, walked = source.data, ()
    for position, step in enumerate(option.path):
        is_last = position == len(option.path) - 1
        if isinstance(target, dict) and isinstance(step, str) and (is_last or step in target):
            found = step
        elif isinstance(target, dict) and step in _TABLES_THAT_MAY_BE_ABSENT:
            target[step] = {}
            found = step
        elif (found := _find_in_list(target, step)) is None:
            where = f" in {dotted(walked)}" if walked else ""
            message = f"there is no {shown(step)}{where}{did_you_mean(str(step), _names_in(target))}"
            source.report.add(*option.where, option.key, message)
            return
        walked += (found,)
        if not is_last:
            target = target[found]
    target[found] = deepcopy(option.value)  # a later option may change a part of it, in one copy of the file
    for known in (source.lines, source.options):
        for path in [path for path in known if path[: len(walked)] == walked]:
            del known[path]
    source.options[walked] = option.where


def _find_in_list(target, step):
    """Index of the item that `step` means, an index itself or the name of the item; None if there is none."""
    if not isinstance(target, list):
        return None
    if isinstance(step, int):
        return step if step < len(target) else None
    return next(
        (i for i, item in enumerate(target) if isinstance(item, dict) and item.get("name") == step), None
    )


def _names_in(target):
    """What a step could have meant instead."""
    if isinstance(target, dict):
        return [*target, *_TABLES_THAT_MAY_BE_ABSENT]
    names = (
        [item.get("name") for item in target if isinstance(item, dict)] if isinstance(target, list) else []
    )
    return [name for name in names if isinstance(name, str)]
