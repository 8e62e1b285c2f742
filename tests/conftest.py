"""The three modes of the suite, and what all tests share."""

# Before anything else: importing this sets NUMBA_CACHE_DIR, by mode and by a hash of the kernels' sources,
# and only then imports numba.
from lasermesh.compiled import CACHE_FOLDER, COMPILED, cache_key

import pytest  # isort: skip


def _mode():
    if not COMPILED:
        return "plain Python (NUMBA_DISABLE_JIT)"
    return "bounds-checked (NUMBA_BOUNDSCHECK)" if cache_key().endswith("-boundscheck") else "compiled"


def pytest_report_header():
    return f"kernels: {_mode()}" + (f", kept in {CACHE_FOLDER}" if COMPILED else "")


def pytest_collection_modifyitems(items):
    if COMPILED:
        return
    skip = pytest.mark.skip(reason="makes sense only with compiled kernels")
    for item in items:
        if item.get_closest_marker("compiled_only"):
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter):
    """Say how many tests the mode left out, so that a green suite does not hide them."""
    reports = [r for outcome in ("passed", "failed", "skipped") for r in terminalreporter.getreports(outcome)]
    marked = {report.nodeid for report in reports if "compiled_only" in report.keywords}
    terminalreporter.write_line(
        f"kernels: {_mode()}; {len(marked)} tests marked compiled_only {'ran' if COMPILED else 'left out'}"
    )
