"""From when on rules with a memory are followed, and how that is told."""

import math

from lasermesh.contacts import LinkEngine
from lasermesh.errors import UserError

LONGEST_WARM_UP_S = 100 * 365.25 * 86_400.0


def check_warm_up(warm_up_s) -> None:
    """Refuse a warm-up that is no number of seconds, negative or longer than orbits mean anything.

    Raises
    ------
    UserError
        If it is; None is good.
    """
    if warm_up_s is not None and not (math.isfinite(warm_up_s) and 0.0 <= warm_up_s <= LONGEST_WARM_UP_S):
        raise UserError(f"the warm-up must be from 0 to {LONGEST_WARM_UP_S:.0f} s (got {warm_up_s:g})")


def link_engine(
    topology, ephemeris, warm_up_s=None, warn=lambda message: None, potential=False
) -> LinkEngine:
    """The links of a topology, rules with a memory followed for `warm_up_s` before the first instant asked.

    Parameters
    ----------
    warm_up_s : float, optional
        Absent: they are followed from t = 0.
    warn : function of one str
        Told if there is no such rule for a warm-up to act on.
    potential : bool
        Links by geometry alone.

    Raises
    ------
    UserError
        If `check_warm_up` refuses.
    """
    check_warm_up(warm_up_s)
    links = LinkEngine(topology, ephemeris, warm_up_s, potential)
    if warm_up_s is not None and not links.has_memory:
        warn("a warm-up changes nothing here: no link rule and no terminal has a memory")
    return links


def memory_of(links, warm_up_s=None) -> dict | None:
    """What the output says of memory, once the links have been asked: None where nothing remembers.

    Returns
    -------
    memory : dict or None
        `{from_s, warm_up_s}`: when rules began to be followed, and the warm-up asked for.
    """
    if not links.has_memory:
        return None
    return {"from_s": links.memory_from_s, "warm_up_s": warm_up_s}


def describe_memory(memory: dict) -> str:
    """One line on `memory_of`'s answer."""
    text = f"links with a memory are followed from t = {memory['from_s']:.12g} s on"
    if memory["warm_up_s"] is None:
        return text
    return f"{text}, after a warm-up of {memory['warm_up_s']:.12g} s"
