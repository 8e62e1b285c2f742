"""Whole seconds and bytes/s for formats of contact plans that know no others, and what that changes."""

import numpy as np

ENOUGH = 1e-9
"""Less than this in seconds is no change: times have come through a sum or two."""


class Rounding:
    """Rounds or does not, and tells how many values that changed, and by how much.

    Contacts are rounded inwards, so that none is planned while there is none; all else to the nearest.
    """

    def __init__(self, fractions, warn, hint="; fractions can be asked for, where the reader knows them"):
        self._fractions = fractions
        self._warn = warn or (lambda message: None)
        self._hint = hint

    def of_plan(self, plan, rate_unit_bits=8):
        """The plan with rounded times, without contacts that vanish, and its rates: (n_contacts,)."""
        start_s, stop_s = plan.start_s, plan.stop_s
        if not self._fractions:
            start_s, stop_s = _inwards(plan)
        error_s = np.maximum(np.abs(start_s - plan.start_s), np.abs(stop_s - plan.stop_s))
        self._tell(error_s, "contacts have times rounded inwards to whole seconds")
        stays = stop_s > start_s
        if not stays.all():
            gone = int((~stays).sum())
            longest_s = float((plan.stop_s - plan.start_s)[~stays].max())
            self._warn(
                f"{gone} of {plan.size} contacts are left out: the longest of them lasts {longest_s:.3f} s, "
                "and no whole second is left of it"
            )
        plan = plan._replace(start_s=start_s, stop_s=stop_s).take(stays)
        rate = plan.rate_bps / rate_unit_bits
        if not self._fractions:
            whole = np.maximum(np.floor(rate + 0.5), 1.0)
            changed = int((whole != rate).sum())
            if changed:
                self._warn(f"{changed} of {plan.size} rates are rounded to whole bytes/s")
            rate = whole.astype(np.int64)
        return plan, rate

    def light_times(self, owlt_s):
        """Rounded light times, float64 (n_contacts,); nan stands for one that is not known."""
        unknown = int(np.isnan(owlt_s).sum())
        if unknown:
            self._warn(f"{unknown} of {len(owlt_s)} contacts have no light time; it is written as 0 s")
            owlt_s = np.where(np.isnan(owlt_s), 0.0, owlt_s)
        rounded_s = self._whole(owlt_s)
        lost = int(((rounded_s == 0.0) & (owlt_s > ENOUGH)).sum())
        to_zero = f", {lost} of them to 0" if lost else ""
        self._tell(np.abs(rounded_s - owlt_s), f"light times are rounded to whole seconds{to_zero}")
        return rounded_s

    def _whole(self, values):
        return values if self._fractions else np.floor(values + 0.5)

    def _tell(self, error_s, what):
        changed = int((error_s > ENOUGH).sum())
        if changed:
            self._warn(f"{changed} of {len(error_s)} {what}, by at most {error_s.max():.3g} s{self._hint}")


def _inwards(plan):
    """Whole seconds from which and to which contacts last: (start_s, stop_s)."""
    start_s, stop_s = np.ceil(plan.start_s - ENOUGH), np.floor(plan.stop_s + ENOUGH)
    # Where a contact follows another of its pair at once, no second between them is lost: it may begin early,
    # but not before the first of them did.
    begins = np.ones(plan.size, bool)
    begins[1:] = (
        (plan.from_node[1:] != plan.from_node[:-1])
        | (plan.to_node[1:] != plan.to_node[:-1])
        | (plan.start_s[1:] != plan.stop_s[:-1])
    )
    first = np.maximum.accumulate(np.where(begins, np.arange(plan.size), 0))
    return np.where(begins, start_s, np.maximum(np.floor(plan.start_s + ENOUGH), start_s[first])), stop_s


def number_text(value):
    """A number without exponent and without needless zeros, from which the same number is read."""
    if float(value).is_integer():
        return str(int(value))
    return np.format_float_positional(value, trim="-")
