"""How much of the time any of several contacts is open, and how long one waits for the next."""

from typing import NamedTuple

import numpy as np


class Coverage(NamedTuple):
    """Contacts of one node, whomever they are with, seen over a span of time.

    A wait is what passes from an instant until any contact is open: 0 within one. Waits are taken over all
    instants of the span from which a next contact is known; those after the last contact are left out.
    """

    share: float  # of the span in which at least one is open
    contacts: int  # that begin within the span or are open at its start
    begin_s: np.ndarray  # float64 (n,)  spans in which at least one is open, in order
    end_s: np.ndarray  # float64 (n,)
    gaps_s: np.ndarray  # float64 (m,)  waits at the start of each time without any, the last one left out
    open_s: float  # time of the span, up to its last contact's end, in which one is open

    @property
    def mean_wait_s(self):
        """Mean over all instants; nan without a contact."""
        known_s = self.open_s + self.gaps_s.sum()
        return float(0.5 * (self.gaps_s**2).sum() / known_s) if known_s else float("nan")

    @property
    def longest_wait_s(self):
        """0 if one is always open."""
        return float(self.gaps_s.max(initial=0.0))

    def wait_s(self, share):
        """The wait that is not exceeded at this share of all instants; nan without a contact.

        Within a gap of g seconds the waits are spread evenly over (0, g]: how many lie below w is the sum of
        min(w, g), which runs in straight lines between the lengths of gaps.
        """
        known_s = self.open_s + self.gaps_s.sum()
        if not known_s:
            return float("nan")
        lengths_s = np.sort(self.gaps_s)
        shorter_s = np.concatenate(([0.0], np.cumsum(lengths_s)[:-1])) if len(lengths_s) else np.zeros(0)
        below_s = shorter_s + lengths_s * np.arange(len(lengths_s), 0, -1)
        at_s = np.concatenate(([self.open_s], self.open_s + below_s))
        return float(np.interp(share * known_s, at_s, np.concatenate(([0.0], lengths_s))))


def coverage(start_s, stop_s, begin_s, end_s) -> Coverage:
    """What some contacts, in any order, leave open of the span from `begin_s` to `end_s`.

    Parameters
    ----------
    start_s, stop_s : array_like, shape (n_contacts,)
        They may overlap; what lies outside the span is cut off.
    begin_s, end_s : float

    Raises
    ------
    ValueError
        If the span is empty.
    """
    if not end_s > begin_s:
        raise ValueError(f"the end, {end_s:g} s, must be after the begin, {begin_s:g} s")
    start_s = np.clip(np.asarray(start_s, float), begin_s, end_s)
    stop_s = np.clip(np.asarray(stop_s, float), begin_s, end_s)
    inside = stop_s > start_s
    order = np.argsort(start_s[inside], kind="stable")
    start_s, stop_s = start_s[inside][order], stop_s[inside][order]
    reached_s = np.maximum.accumulate(stop_s)
    first = np.append(True, start_s[1:] > reached_s[:-1])[: len(start_s)]
    open_from_s, open_to_s = start_s[first], reached_s[np.append(first[1:], True)[: len(start_s)]]
    gaps_s = open_from_s - np.concatenate(([begin_s], open_to_s[:-1]))[: len(open_from_s)]
    open_s = float((open_to_s - open_from_s).sum())
    return Coverage(
        open_s / (end_s - begin_s), len(start_s), open_from_s, open_to_s, gaps_s[gaps_s > 0.0], open_s
    )
