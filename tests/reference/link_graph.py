"""The link graph of one instant: every rule in file order, every pair of nodes looked at."""

import math

import numpy as np

from tests.reference.grid import neighbour_pairs
from tests.reference.line_of_sight import clears_earth

SPEED_OF_LIGHT_M_PER_S = 299_792_458.0
ISL, GSL = 0, 1


def link_graph(topology, position_m, t_s):
    """{(from row, to row): (rule, kind, range_m, rate_bps)} of every directed link that is up.

    Patterns only: the phases of element sets are not known here.
    """
    links = {}
    for index, rule in enumerate(topology.links):
        make = {"grid": grid_links, "ground": ground_links, "plan": plan_links}[rule.rule]
        for pair, kind, range_m, rate_gbps in make(topology, rule, position_m, t_s):
            links.setdefault(pair, (index, kind, range_m, round(rate_gbps * 1e9)))
    return links


def lesser(*limits):
    return min(limit for limit in limits if limit is not None)


def grid_links(topology, rule, position_m, t_s):
    for group in topology.satellites:
        if group.name not in rule.satellites:
            continue
        row_of_slot = [[-1] * group.slots for _ in range(group.planes)]
        for row, (plane, slot) in zip(topology.group_rows(group.name), group.plane_slot, strict=True):
            row_of_slot[plane][slot] = row
        step_deg = group.phasing_factor * 360.0 / (group.planes * group.slots)
        phase_deg = [
            [p * step_deg + s * 360.0 / group.slots for s in range(group.slots)] for p in range(group.planes)
        ]
        wrap = group.pattern == "walker-delta" if rule.wrap is None else rule.wrap
        terminal = group.terminals[0].type if group.terminals else None
        most_km = lesser(rule.max_range_km, terminal and terminal.max_range_km, math.inf)
        rate_gbps = lesser(rule.rate_gbps, terminal and terminal.rate_gbps)
        pairs = neighbour_pairs(
            row_of_slot, phase_deg, rule.offsets, rule.neighbour, wrap, group.phasing_factor
        )
        for one, other in map(sorted, pairs):
            range_m = math.dist(position_m[one], position_m[other])
            seen = clears_earth(position_m[one], position_m[other], topology.grazing_altitude_km * 1000.0)
            if seen and range_m <= most_km * 1000.0:
                yield (one, other), ISL, range_m, rate_gbps
                yield (other, one), ISL, range_m, rate_gbps


def ground_links(topology, rule, position_m, t_s):
    for ground_group in topology.ground:
        for site, site_row in zip(ground_group.sites, topology.group_rows(ground_group.name), strict=True):
            if ground_group.name not in rule.sites:
                continue
            for group in topology.satellites:
                for row in topology.group_rows(group.name) if group.name in rule.satellites else ():
                    toward_m = position_m[row] - position_m[site_row]
                    if may_use(rule, site, toward_m):
                        range_m = float(np.linalg.norm(toward_m))
                        yield (site_row, row), GSL, range_m, lesser(rule.up_gbps, rule.rate_gbps)
                        yield (row, site_row), GSL, range_m, lesser(rule.down_gbps, rule.rate_gbps)


def may_use(rule, site, toward_m):
    """Whether mask and range allow a link from a site to a satellite in this direction."""
    latitude, longitude = math.radians(site.lat_deg), math.radians(site.lon_deg)
    up = [
        math.cos(latitude) * math.cos(longitude),
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
    ]
    range_m = float(np.linalg.norm(toward_m))
    elevation_deg = math.degrees(math.asin(float(np.dot(up, toward_m)) / range_m))
    mask_deg = rule.mask_deg if site.mask_deg is None else site.mask_deg
    if mask_deg is None and rule.max_range_km is None:
        return elevation_deg >= 0.0
    in_range = rule.max_range_km is None or range_m <= rule.max_range_km * 1000.0
    return in_range and (mask_deg is None or elevation_deg >= mask_deg)


def plan_links(topology, rule, position_m, t_s):
    for contact in rule.plan_contacts:
        if contact.start_s <= t_s < contact.stop_s:
            pair = topology.row_of(contact.from_name), topology.row_of(contact.to_name)
            kind = GSL if max(pair) >= sum(group.size for group in topology.satellites) else ISL
            yield pair, kind, contact.owlt_s * SPEED_OF_LIGHT_M_PER_S, contact.rate_bps / 1e9
