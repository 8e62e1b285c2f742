"""Rates and ranges of links from what the rule and the terminals at both ends allow."""

import math

from lasermesh.errors import UserError
from lasermesh.units import bps_from_gbps


def least_range_m(rule, groups):
    """Greatest length of a rule's links between terminals of these groups: the least limit, inf if none."""
    limits_km = [rule.max_range_km] + [use.type.max_range_km for use in main_terminals(groups)]
    return min((limit * 1000.0 for limit in limits_km if limit is not None), default=math.inf)


def least_rate_bps(rate_gbps, groups, where):
    """Rate of a rule's links between terminals of these groups: the least rate given.

    Raises
    ------
    UserError
        If neither the rule (`where`) nor a terminal gives one.
    """
    rates_gbps = [rate_gbps] + [use.type.rate_gbps for use in main_terminals(groups)]
    given = [rate for rate in rates_gbps if rate is not None]
    if not given:
        raise UserError(f'{where}: no rate: write rate_gbps, or give "{groups[0].name}" terminals')
    return bps_from_gbps(min(given))


def main_terminals(groups):
    """The first terminal type listed for each group that lists any: the one its links use."""
    return [group.terminals[0] for group in groups if group.terminals]
