"""Times as a summary tells them."""

from lasermesh.units import PS_PER_S


def quantile(ordered, percent):
    """The least of some values, in ascending order, that so many percent of them do not exceed."""
    return ordered[-(-percent * len(ordered) // 100) - 1]


def spread_s(times_ps):
    """Least, mean, quantiles (see `quantile`) and greatest of some times in s; None if there are none."""
    if not times_ps:
        return None
    ordered = sorted(times_ps)
    found = {"min": ordered[0], "mean": sum(ordered) / len(ordered)}
    for percent in (50, 90, 99):
        found[f"p{percent}"] = quantile(ordered, percent)
    return {name: ps / PS_PER_S for name, ps in (found | {"max": ordered[-1]}).items()}
