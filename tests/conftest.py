"""The three modes of the suite, and what all tests share."""

# Before anything else: importing this sets NUMBA_CACHE_DIR, by mode and by a hash of the kernels' sources,
# and only then imports numba.
from lasermesh.compiled import CACHE_FOLDER, COMPILED, cache_key

from pathlib import Path  # isort: skip

import pytest  # isort: skip

from tests.turns import Turns  # isort: skip

TURNS = Turns(Path(__file__).resolve())


def _mode():
    if not COMPILED:
        return "plain Python (NUMBA_DISABLE_JIT)"
    return "bounds-checked (NUMBA_BOUNDSCHECK)" if cache_key().endswith("-boundscheck") else "compiled"


def pytest_report_header():
    return f"kernels: {_mode()}" + (f", kept in {CACHE_FOLDER}" if COMPILED else "")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Have a test marked `alone` run while no other process runs one, with what it sets up and takes down."""
    TURNS.begin(is_alone(item))
    try:
        return (yield)
    finally:
        if nextitem is None or not (
            is_alone(item) and is_alone(nextitem)
        ):  # what they share stays alone, too
            TURNS.end()


def is_alone(item):
    """Whether it is marked so; in plain Python such a test does not run."""
    return COMPILED and item.get_closest_marker("alone") is not None


def pytest_collection_modifyitems(items):
    _put_together(items)
    if COMPILED:
        return
    skip = pytest.mark.skip(reason="makes sense only with compiled kernels")
    for item in items:
        if item.get_closest_marker("compiled_only"):
            item.add_marker(skip)


def _put_together(items):
    """Move tests marked `alone` to the first of them: one process then runs them, and others wait once."""
    at = next((index for index, item in enumerate(items) if is_alone(item)), len(items))
    items[at:] = sorted(items[at:], key=is_alone, reverse=True)


def pytest_terminal_summary(terminalreporter):
    """Say how many tests the mode left out, so that a green suite does not hide them."""
    reports = [r for outcome in ("passed", "failed", "skipped") for r in terminalreporter.getreports(outcome)]
    marked = {report.nodeid for report in reports if "compiled_only" in report.keywords}
    terminalreporter.write_line(
        f"kernels: {_mode()}; {len(marked)} tests marked compiled_only {'ran' if COMPILED else 'left out'}"
    )
