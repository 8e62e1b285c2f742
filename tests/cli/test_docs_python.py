"""The page on Python: its examples run one after the other, and print what stands below them."""

import ast
import contextlib
import importlib.util
import io
import re

from lasermesh.cli.docs import topics

BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)
NOT_WITH_LASERMESH = {"pandas", "polars", "duckdb"}


def examples():
    """Every example with the number of its first line and what it is to print."""
    text = topics()["python"]
    found = []
    for block in BLOCK.finditer(text):
        if block[1] == "python":
            found.append([block[2], text[: block.start(2)].count("\n"), ""])
        else:
            found[-1][2] = block[2]
    return found


def packages_of(code):
    """Packages that an example imports."""
    imported = [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported]
    return {name.partition(".")[0] for name in names}


def test_every_example_prints_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "example"}
    left_out = set()
    for code, line, expected in examples():
        compiled = compile("\n" * line + code, "python.md", "exec")
        missing = {name for name in packages_of(code) if importlib.util.find_spec(name) is None}
        if missing:
            left_out |= missing
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compiled, names)
        if expected:
            assert out.getvalue() == expected, f"python.md:{line + 1}"
    assert left_out <= NOT_WITH_LASERMESH
