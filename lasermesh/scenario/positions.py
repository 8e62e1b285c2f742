"""On which line of a TOML file each key, table and list item stands, which `tomllib` does not tell."""

import bisect
import re

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def line_numbers(text):
    """Line (from 1) of every path of a valid TOML text.

    Parameters
    ----------
    text : str
        What `tomllib.loads` has accepted; anything else gives nonsense.

    Returns
    -------
    lines : dict of tuple to int
        A path is a tuple of keys and list indices, as `("flows", 1, "pairs", 2)`.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Walks once through the text; `at` is the next character, `lines` what was found so far."""

    def __init__(self, text):
        self.text = text
        self.at = 0
        self.lines = {}
        self.list_lengths = {}
        self.line_ends = [match.start() for match in re.finditer("\n", text)]

    def scan(self):
        table = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self.header("[[", "]]")
            elif self.text.startswith("[", self.at):
                table = self.header("[", "]")
            else:
                self.pair(table)
            self.skip(_BLANK)
        return self.lines

    def skip(self, pattern):
        """Moves past what the pattern matches here and returns it."""
        match = pattern.match(self.text, self.at)
        self.at = match.end()
        return match.group()

    def note(self, path, start):
        self.lines.setdefault(path, bisect.bisect_left(self.line_ends, start) + 1)

    def header(self, opening, closing):
        start = self.at
        self.at += len(opening)
        keys = self.keys()
        self.at += len(closing)
        path = ()
        for key in keys[:-1]:
            path = self.last_item((*path, key))
            self.note(path, start)
        path += (keys[-1],)
        self.note(path, start)
        if opening == "[[":
            index = self.list_lengths.get(path, 0)
            self.list_lengths[path] = index + 1
            path += (index,)
            self.note(path, start)
        return path

    def last_item(self, path):
        """The newest table of an array of tables, or the path itself."""
        return (*path, self.list_lengths[path] - 1) if path in self.list_lengths else path

    def keys(self):
        """A dotted key, as a list; ends before `=` or `]`."""
        keys = []
        while True:
            self.skip(_SPACE)
            if self.text[self.at] in "\"'":
                keys.append(_unquoted(self.skip(_STRING)))
            else:
                keys.append(self.skip(_BARE_KEY))
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def pair(self, table):
        start = self.at
        path = table
        for key in self.keys():
            path += (key,)
            self.note(path, start)
        self.at += 1
        self.skip(_SPACE)
        self.value(path)

    def value(self, path):
        opening = self.text[self.at]
        if opening in "\"'":
            self.skip(_STRING)
        elif opening == "[":
            self.items(path, "]")
        elif opening == "{":
            self.items(path, "}")
        else:
            self.skip(_SCALAR)

    def items(self, path, closing):
        """What stands in a list or an inline table."""
        self.at += 1
        self.skip(_BLANK)
        index = 0
        while self.text[self.at] != closing:
            if closing == "}":
                self.pair(path)
            else:
                self.note((*path, index), self.at)
                self.value((*path, index))
            index += 1
            self.skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self.skip(_BLANK)
        self.at += 1


def _unquoted(text):
    if text[0] == "'":
        return text[1:-1]
    return _ESCAPE.sub(_character, text[1:-1])


def _character(match):
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[3], match[3])
