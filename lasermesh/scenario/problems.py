"""What is wrong with a scenario: one sentence per problem, all of them at once, in file order."""

import datetime
import difflib
import json
import math
from dataclasses import asdict, dataclass, replace

from lasermesh.errors import UserError

MOST_LINES_SHOWN = 50
"""A damaged file of ten thousand satellites must not flood the screen; `problems` still holds all."""

LONGEST_VALUE_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """One thing to put right.

    `file` is a file as the user would name it, or the `--set` option the value came from; `line` and `key`
    are None where there is none; `given` is JSON-ready.
    """

    file: str
    line: int | None
    key: str | None
    given: object
    message: str

    def __str__(self):
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = self.key and "".join(each if each.isprintable() else "?" for each in self.key)
        return ": ".join(part for part in (place, key, self.message) if part)

    def to_dict(self):
        return asdict(self)


class ScenarioError(UserError):
    """A scenario that cannot be used; `problems` says all that is wrong with it."""

    def __init__(self, name, problems):
        self.name = name
        self.problems = list(problems)
        super().__init__(name, self.problems)

    def __str__(self):
        count = len(self.problems)
        lines = [f"{self.name}: {count} problem{'' if count == 1 else 's'}"]
        lines += [f"  {problem}" for problem in self.problems[:MOST_LINES_SHOWN]]
        if count > MOST_LINES_SHOWN:
            lines.append(f"  ... and {count - MOST_LINES_SHOWN} more")
        return "\n".join(lines)


class Report:
    """Collects the problems and warnings of all files of one scenario, and which files these were."""

    def __init__(self):
        self.warnings = []
        self.sha256 = {}
        self._problems = []
        self._known = set()
        self._rank = {}

    def opened(self, file, sha256=None):
        """Notes a file (or option) when it is first met: problems are listed in this order."""
        self._rank.setdefault(file, len(self._rank))
        if sha256 is not None:
            self.sha256[file] = sha256

    def add(self, file, line, key, message, given=None, more=""):
        """Notes a problem, once, with `more` behind it if it is new.

        What does not depend on the topology, or on changes, is read again with each of several.
        """
        self.opened(file)
        problem = Problem(file, line, key and writable(key), json_ready(given), writable(message))
        if problem not in self._known:
            self._known.add(problem)
            self._problems.append(replace(problem, message=problem.message + writable(more)))

    def warn(self, file, line, key, message):
        """Notes a warning, once."""
        warning = writable(str(Problem(file, line, key, None, message)))
        if warning not in self.warnings:
            self.warnings.append(warning)

    @property
    def problems(self):
        """In the order of the files, and within a file by line."""
        return sorted(self._problems, key=lambda problem: (self._rank[problem.file], problem.line or 0))


def shown(value):
    """A value as its author would recognise it: text in quotes, `true`, a long list by its length."""
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST_VALUE_SHOWN else value[: LONGEST_VALUE_SHOWN - 3] + "..."
        return json.dumps(cut, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10**LONGEST_VALUE_SHOWN:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        text = "[" + ", ".join(shown(item) for item in value[:LONGEST_VALUE_SHOWN]) + "]"
        return text if len(text) <= LONGEST_VALUE_SHOWN else f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a table"
    return str(value)


def json_ready(value):
    """The value itself where JSON can hold it, its text elsewhere."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return writable(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return shown(value)


def writable(text):
    """The text with halves of characters, which JSON can hold but no UTF-8 output, as `\\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode()


def did_you_mean(word, known):
    """`; did you mean "..."?` with the known word nearest to this one, or nothing."""
    nearest = closest(word, known)
    return f"; did you mean {shown(nearest)}?" if nearest is not None else ""


def closest(word, known, likeness=0.6):
    """The known word nearest to this one, letter case aside first; None if none is as like as `likeness`."""
    known = list(known)
    for candidate in known:
        if candidate.casefold() == word.casefold():
            return candidate
    near = difflib.get_close_matches(word, known, n=1, cutoff=likeness)
    return near[0] if near else None
