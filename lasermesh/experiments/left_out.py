"""Satellites of a topology that are left out, from the beginning or from some instant on, by name."""

from collections import Counter


def failures_of(ephemeris) -> list[dict]:
    """Satellites that SGP4 has refused so far: `{name, catalog_number, t_s, message}`, JSON-ready."""
    return [
        {
            "name": failure.name,
            "catalog_number": failure.catalog_number,
            "t_s": failure.t_s,
            "message": failure.message,
        }
        for failure in ephemeris.failures
    ]


def skipped_of(topology) -> list[dict]:
    """Element sets left out at loading: `{name, catalog_number, file, line, reason, message}`, JSON-ready."""
    return [
        {
            "name": each.name,
            "catalog_number": each.catalog_number,
            "file": each.file,
            "line": each.line,
            "reason": each.reason,
            "message": each.message,
        }
        for each in topology.skipped
    ]


def skipped_by_reason(topology) -> dict[str, int]:
    """How many element sets were left out at loading for each reason, the most frequent first."""
    return dict(Counter(each.reason for each in topology.skipped).most_common())
