"""Times as a summary tells them."""

from lasermesh.units import PS_PER_S


def spread_s(times_ps):
    """Least, mean, quantiles and greatest of some times in s; None if there are none.

    Quantiles are order statistics: p90 is the least of the times that 90 % of them do not exceed.
    """
    if not times_ps:
        return None
    ordered = sorted(times_ps)
    found = {"min": ordered[0], "mean": sum(ordered) / len(ordered)}
    for percent in (50, 90, 99):
        found[f"p{percent}"] = ordered[-(-percent * len(ordered) // 100) - 1]
    return {name: ps / PS_PER_S for name, ps in (found | {"max": ordered[-1]}).items()}
