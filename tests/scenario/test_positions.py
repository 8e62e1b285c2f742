"""Line numbers of keys, tables and list items."""

import tomllib

import pytest

from lasermesh.scenario.positions import line_numbers
from tests.scenario.scenes import TABLES

TEXT = '''# comment with [brackets] = and "quotes
name = "a # b [c]"   # another
"quoted.key" = 1
'single' = 2
a.b . c = 3

[one.two]
list = [
  [1, 2],   # ] , [
  [3,
   4], [5, 6],
]
text = """
[not.a.header]
key = 1 \\""" """""
literal = \'\'\'
x = 2\'\'\'\'
inline = { p = 1, q = [ 7, { r = 8 } ] }

[[array]]
x = 1
[array.sub]
y = 2
[[array.deep]]
z = 3
[[array.deep]]
z = 4
[[array]]
when = 2026-01-01 00:00:00Z
[[array.deep]]
"caf\\u00e9" = 5
'''


def test_lines_are_those_of_an_editor():
    lines = line_numbers(TEXT)
    expected = {
        ("name",): 2,
        ("quoted.key",): 3,
        ("single",): 4,
        ("a", "b", "c"): 5,
        ("one", "two"): 7,
        ("one", "two", "list"): 8,
        ("one", "two", "list", 0): 9,
        ("one", "two", "list", 0, 1): 9,
        ("one", "two", "list", 1): 10,
        ("one", "two", "list", 1, 1): 11,
        ("one", "two", "list", 2): 11,
        ("one", "two", "text"): 13,
        ("one", "two", "literal"): 16,
        ("one", "two", "inline", "q", 1, "r"): 18,
        ("array", 0): 20,
        ("array", 0, "sub", "y"): 23,
        ("array", 0, "deep", 0, "z"): 25,
        ("array", 0, "deep", 1, "z"): 27,
        ("array", 1): 28,
        ("array", 1, "when"): 29,
        ("array", 1, "deep", 0, "café"): 31,
    }
    assert {path: lines[path] for path in expected} == expected


def paths_of(value, path=()):
    """Every path of a value as tomllib reads it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths_of(item, (*path, key))


@pytest.mark.parametrize("text", [TEXT, *(path.read_text() for path in sorted(TABLES.glob("*.toml")))])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_path_that_tomllib_reads_has_a_line(text, end):
    text = text.replace("\n", end)
    assert set(line_numbers(text)) == set(paths_of(tomllib.loads(text)))


@pytest.mark.parametrize("text", ["", "\n", "# only", "a=1", "a = [] # x", "a = {}", "a = [[], [{}]]\n"])
def test_small_texts_are_scanned(text):
    assert set(line_numbers(text)) == set(paths_of(tomllib.loads(text)))
