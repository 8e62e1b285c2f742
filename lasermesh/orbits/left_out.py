"""Satellites that fly no further, by name."""

MOST_NAMED = 20


def warn_of_failures(ephemeris, warn) -> None:
    """Name the satellites that SGP4 has refused so far and that are therefore left out."""
    for failure in ephemeris.failures[:MOST_NAMED]:
        warn(f"satellite {_named(failure)} is left out: {failure.message}")
    more = len(ephemeris.failures) - MOST_NAMED
    if more > 0:
        warn(f"{more} more satellites are left out")


def _named(failure):
    """Name of a satellite with its catalogue number, where it has one."""
    number = f" ({failure.catalog_number})" if failure.catalog_number is not None else ""
    return f'"{failure.name}"{number}'
