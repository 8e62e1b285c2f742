"""Files of a scenario: reading them with care, and naming a place in them when something there is wrong."""

import contextlib
import hashlib
import os
import re
import stat
import tomllib
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from lasermesh.scenario.positions import line_numbers
from lasermesh.scenario.problems import Report, shown, writable

MOST_SCENARIO_BYTES = 4_000_000
MOST_DATA_BYTES = 256_000_000


class FileFault(Exception):
    """A file that cannot be read; the message is one sentence."""


@dataclass
class Source:
    """A TOML file as read: its values, the line of each path, and where those stand that were replaced."""

    path: Path
    report: Report
    data: dict
    lines: dict
    options: dict = field(default_factory=dict)
    changed_by: object = None
    """Place of the alternative whose `set` made this copy of a file."""

    @property
    def file(self):
        return display_name(self.path)

    def copy(self):
        """The same file, to be changed for itself; what is found wrong with it goes to the same report."""
        return Source(self.path, self.report, deepcopy(self.data), dict(self.lines), dict(self.options))


@dataclass(frozen=True)
class Place:
    """A path in a TOML file, as `flows[1].pairs[2]`."""

    source: Source
    path: tuple = ()

    def at(self, *keys):
        return Place(self.source, self.path + keys)

    @property
    def key(self):
        return dotted(self.path) or None

    @property
    def is_option(self):
        """Whether a `--set`, or the `set` of an alternative, gave the value of this very path."""
        return self.path in self.source.options

    def locate(self):
        """File (or option) and line of this path, or of the nearest enclosing one that stands somewhere."""
        for length in range(len(self.path), 0, -1):
            path = self.path[:length]
            if path in self.source.options:
                return self.source.options[path]
            if path in self.source.lines:
                return self.source.file, self.source.lines[path]
        return self.source.file, None

    def report(self, message, given=None):
        where, by = self.locate(), self.source.changed_by
        # Alone it may be right, and wrong only together with a change that stands elsewhere.
        is_change = where[1] is not None and where in self.source.options.values()
        more = "" if by is None or is_change else f", with the changes of {by}"
        self.source.report.add(*where, self.key, message, given, more)

    def warn(self, message):
        self.source.report.warn(*self.locate(), self.key, message)

    def __str__(self):
        file, line = self.locate()
        return f"{self.key} ({file if line is None else f'{file}:{line}'})"


@dataclass(frozen=True)
class Line:
    """A line of a data file (element sets, CSV), with the column if there is one."""

    report_to: Report
    file: str
    number: int | None
    key: str | None = None

    def at(self, column):
        """The same line at a column, or at an item of what stands there."""
        key = f"{self.key or ''}[{column}]" if isinstance(column, int) else column
        return Line(self.report_to, self.file, self.number, key)

    def report(self, message, given=None):
        self.report_to.add(self.file, self.number, self.key, message, given)

    def __str__(self):
        return self.file if self.number is None else f"{self.file}:{self.number}"


def dotted(path):
    """`("flows", 1, "rate_gbps")` as `flows[1].rate_gbps`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if re.fullmatch(r"[\w-]+", part) else shown(part)
            text += f".{word}" if text else word
    return text


def display_name(path):
    """The path as short as it can be from here: relative below the working directory."""
    path = Path(path)
    with contextlib.suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd()) if path.is_absolute() else path
    return writable(str(path))


def read_text(path, most_bytes, report):
    """The whole text of a file, which becomes one of the scenario's files.

    Raises
    ------
    FileFault
        If it is missing, unreadable, no regular file, too large, empty or no UTF-8 text.
    """
    content = _content_of(path, most_bytes)
    text = text_of(content, path)
    report.opened(display_name(path), hashlib.sha256(content).hexdigest())
    return text


def read_bytes(path, most_bytes, report):
    """The whole content of a file, which may be text or not; otherwise as `read_text`."""
    content = _content_of(path, most_bytes)
    if not content.strip():
        raise FileFault(f'"{display_name(path)}" is empty')
    report.opened(display_name(path), hashlib.sha256(content).hexdigest())
    return content


def text_of(content, path):
    """The text in the bytes of a file.

    Raises
    ------
    FileFault
        If there is none, or it is no UTF-8 text.
    """
    name = f'"{display_name(path)}"'
    if b"\0" in content:
        raise FileFault(f"{name} is a binary file, not text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileFault(f"{name} is not UTF-8 text (line {line})") from None
    if not text.strip():
        raise FileFault(f"{name} is empty")
    return text


def _content_of(path, most_bytes):
    name = f'"{display_name(path)}"'
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise FileFault(f"{name} is a directory, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise FileFault(f"{name} is not a regular file")
        if status.st_size > most_bytes:
            size_mb, most_mb = status.st_size / 1e6, most_bytes / 1e6
            raise FileFault(f"{name} has {size_mb:.0f} MB; such a file may have at most {most_mb:.0f} MB")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileFault(f"there is no file {name}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileFault(f"{name} cannot be read: {reason}") from None


def open_toml(path, report):
    """The `Source` of a TOML file, or None if it is no valid TOML, which is reported.

    Raises
    ------
    FileFault
        If the file cannot be read.
    """
    text = read_text(path, MOST_SCENARIO_BYTES, report)
    try:
        return Source(Path(path), report, tomllib.loads(text), line_numbers(text))
    except RecursionError:
        report.add(display_name(path), None, None, "not valid TOML: nested too deeply")
    except ValueError as error:
        message, line = _split_toml_error(str(error), text)
        report.add(display_name(path), line, None, f"not valid TOML: {message}")
    return None


def _split_toml_error(message, text):
    """The `what (at line 3, column 1)` of tomllib, as what and the line."""
    match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if match is None:
        return message, None
    line = int(match[1]) if match[1] else len(text.splitlines())
    return message[: match.start()], line
