"""Reading `[[links]]`: rules checked against the groups of satellites and ground sites that they name."""

import itertools
import math

from lasermesh import units
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.finding import read_data_file
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_satellites import altitude_of_km
from lasermesh.scenario.reading import read_table
from lasermesh.scenario.tables import read_csv
from lasermesh.scenario.topology import DEFAULT_OFFSETS, GRID, GROUND, PLAN, LinkRule, PlanContact


def read_link_rule(table, place, satellites, ground, names, grid_needs):
    """A link rule, or None if it could not be read; what is wrong with it is reported.

    Parameters
    ----------
    satellites, ground : dict of name to group
        None in place of a group that could not be read.
    names : NodeNames
    grid_needs : dict of group name to dict of offset to number of links
        What the grid rules before this one need of each satellite; gets what this one needs.
    """
    given = table.get("rule")
    variant = {"grid": GRID, "ground": GROUND, "plan": PLAN}.get(given) if isinstance(given, str) else None
    values = read_table((LinkRule,), table, place, variant)
    if variant == GRID:
        _check_grid(values, place, satellites, names, grid_needs)
    elif variant == GROUND:
        _check_ground(values, place, satellites, ground, names)
    elif variant == PLAN and values["plan"] is not BAD:
        values["plan_contacts"] = _read_plan(values["plan"], place, names)
    return None if BAD in values.values() else LinkRule(**values)


def _check_grid(values, place, satellites, names, grid_needs):
    groups = _choose(values, "satellites", place, satellites, names, _lacks_planes)
    offsets, wrap = values["offsets"], values["wrap"]
    if offsets is not BAD:
        _check_offsets(offsets, place)
    if wrap is None and groups:
        wrap = values["wrap"] = _default_wrap(groups, place)
    for group in groups:
        if BAD not in (offsets, wrap):
            _check_offsets_fit(offsets, group, place)
            _check_terminals_suffice(offsets, wrap, group, place, grid_needs.setdefault(group.name, {}))
        _check_grid_rate(values["rate_gbps"], group, place.at("rate_gbps"))


def _check_grid_rate(rate_gbps, group, place):
    """The rule or the terminals give a rate; of two, the lesser counts."""
    if rate_gbps is None and not _terminals_give_rate(group):
        place.report(f"missing; the terminals of {shown(group.name)} do not give it")
    if rate_gbps in (BAD, None):
        return
    least_gbps = min((use.type.rate_gbps or math.inf for use in group.terminals), default=math.inf)
    if rate_gbps > least_gbps:
        place.warn(
            f"{rate_gbps:g} has no effect on {shown(group.name)}: its terminals have {least_gbps:g} Gbps, "
            "and in a grid the lesser rate counts"
        )


def _lacks_planes(group):
    return None if group.planes is not None else "has no planes and slots, which a grid needs"


def _lacks_positions(group):
    return None if group.fixed is None else "has no positions, so it has links only from a plan"


def _lacks_nothing(group):
    return None


def _terminals_give_rate(group):
    return group.terminals and all(use.type.rate_gbps is not None for use in group.terminals)


def _choose(values, key, place, groups, names, fault_of):
    """The groups that a rule is about, as far as they could be read; `values` gets their names.

    `fault_of` says why a group cannot be meant; such a group is left out where no names are given.
    """
    given, is_ground = values[key], key == "sites"
    if given is BAD:
        return []
    if given == ():
        chosen = [name for name, group in groups.items() if group is None or fault_of(group) is None]
        if not chosen and names.groups_known:
            place.at(key).report(f"missing; the topology has none for rule = {shown(values['rule'])}")
    else:
        chosen = [given] if isinstance(given, str) else list(given)
        for index, name in enumerate(chosen):
            here = place.at(key) if isinstance(given, str) else place.at(key, index)
            if not names.check_group(name, here, is_ground):
                values[key] = BAD
            elif groups[name] is not None and (fault := fault_of(groups[name])) is not None:
                here.report(f"{shown(name)} {fault}", name)
                values[key] = BAD
    if values[key] is BAD:
        return []
    values[key] = tuple(chosen)
    return [groups[name] for name in chosen if groups[name] is not None]


def _default_wrap(groups, place):
    stars = [group.pattern == "walker-star" for group in groups]
    if any(stars) and not all(stars):
        place.at("wrap").report("missing; a rule about a walker-star and other satellites must say it")
        return BAD
    return not stars[0]


def _check_offsets(offsets, place):
    """Each offset leads elsewhere, and by a way of its own."""
    for index, (planes_ahead, slots_ahead) in enumerate(offsets):
        here = place.at("offsets", index)
        if (planes_ahead, slots_ahead) == (0, 0):
            here.report("a satellite has no link to itself", [0, 0])
        elif (-planes_ahead, -slots_ahead) in offsets[:index]:
            here.report(
                f"makes the same links as [{-planes_ahead}, {-slots_ahead}]", [planes_ahead, slots_ahead]
            )


def _check_offsets_fit(offsets, group, place):
    """The offsets stay within the group."""
    for index, (planes_ahead, slots_ahead) in enumerate(offsets):
        outside = abs(planes_ahead) >= group.planes or abs(slots_ahead) >= group.slots
        # The default may: a ring of one plane has links within the plane alone.
        if outside and offsets != DEFAULT_OFFSETS:
            message = f"leads beyond the {group.planes} planes of {group.slots} slots of {shown(group.name)}"
            place.at("offsets", index).report(message, [planes_ahead, slots_ahead])


def _check_terminals_suffice(offsets, wrap, group, place, needs):
    """The group's terminals suffice for this rule and those before it, whose needs are in `needs`."""
    needed_before = sum(needs.values())
    for planes_ahead, slots_ahead in offsets:
        # Rules with the same offset join the same satellites, or some of them where one does not wrap. Where
        # they differ in `neighbour` this is the least they need, and `check` counts the links themselves.
        same = max((planes_ahead, slots_ahead), (-planes_ahead, -slots_ahead))
        links = _links_of_offset((planes_ahead, slots_ahead), group, wrap)
        needs[same] = max(links, needs.get(same, 0))
    needed, count = sum(needs.values()), sum(use.count for use in group.terminals)
    if group.terminals and needed > max(count, needed_before):
        who = "this grid and those before it need" if needed_before else "the grid needs"
        message = f"{who} {needed} terminals on a satellite, but those of {shown(group.name)} have {count}"
        place.report(message, needed)


def _links_of_offset(offset, group, wrap):
    """How many links of one satellite an offset makes at most: to the one ahead, and to the one behind."""
    planes_ahead, slots_ahead = abs(offset[0]), offset[1] % group.slots
    if wrap:
        planes_ahead %= group.planes
    if planes_ahead >= group.planes or (planes_ahead == 0 and slots_ahead == 0):
        return 0
    if planes_ahead and not wrap:
        return 2 if 2 * planes_ahead < group.planes else 1
    same_both_ways = 2 * planes_ahead % group.planes == 0 and 2 * slots_ahead % group.slots == 0
    return 1 if same_both_ways else 2


def _check_ground(values, place, satellites, ground, names):
    groups = _choose(values, "satellites", place, satellites, names, _lacks_positions)
    grounds = _choose(values, "sites", place, ground, names, _lacks_nothing)
    _check_ground_rates(values, groups, place)
    masked = all(site.mask_deg is not None for group in grounds for site in group.sites)
    if values["mask_deg"] is None and values["max_range_km"] not in (BAD, None) and not masked:
        _warn_below_horizon(values["max_range_km"], groups, place)


def _check_ground_rates(values, groups, place):
    up, down = values["up_gbps"], values["down_gbps"]
    if values["rate_gbps"] is not None:
        for key in ("up_gbps", "down_gbps"):
            if values[key] is not None:
                place.at(key).report("cannot stand beside rate_gbps", values[key])
    elif up is None and down is None:
        for group in groups:
            if not _terminals_give_rate(group):
                message = f"missing; the terminals of {shown(group.name)} do not give it"
                place.at("rate_gbps").report(f"{message}; up_gbps and down_gbps would do too")
    elif up is None or down is None:
        place.at("up_gbps" if up is None else "down_gbps").report(
            "missing; up_gbps and down_gbps go together"
        )


def _warn_below_horizon(max_range_km, groups, place):
    """Range alone decides: say so where that makes links below the horizon."""
    for group in groups:
        altitude_km = _lowest_altitude_km(group)
        radius_km = units.WGS84_EQUATORIAL_RADIUS_M / 1e3
        horizon_km = math.sqrt(max(0.0, (radius_km + altitude_km) ** 2 - radius_km**2))
        if max_range_km > horizon_km:
            place.at("max_range_km").warn(
                f"reaches satellites of {shown(group.name)} below the horizon, which is {horizon_km:.0f} km "
                f"away at {altitude_km:.0f} km altitude; mask_deg = 0 would exclude them"
            )


def _lowest_altitude_km(group):
    """Altitude of the lowest satellite, as the semi-major axis minus the Earth's radius."""
    if group.altitude_km is not None:
        return group.altitude_km
    rev_per_day = group.mean_motion_rev_per_day
    if rev_per_day is None:
        rev_per_day = max(float(each.line2[52:63]) for each in group.element_sets)
    return altitude_of_km(max(rev_per_day, 1e-6))


def _read_plan(name, place, names):
    """The contacts of a contact plan's file; BAD if they could not be read."""
    opened = read_data_file(name, place.at("plan"), ".csv", "contact plan")
    if opened is None:
        return BAD
    rows, sound = read_csv(*opened, PlanContact, place.source.report)
    contacts = [(line, _plan_contact(row, line, names)) for line, row in rows]
    known = [(line, contact) for line, contact in contacts if contact is not None]
    _check_no_overlap(known)
    return tuple(contact for _, contact in known) if sound else BAD


def _plan_contact(row, line, names):
    from_row, to_row = (names.find(row[key], line.at(key)) for key in ("from", "to"))
    start_s, stop_s = row["start_s"], row["stop_s"]
    if stop_s <= start_s:
        line.at("stop_s").report(f"must be after start_s, which is {start_s:g} (got {stop_s:g})", stop_s)
    if BAD in (from_row, to_row):
        return None
    if row["owlt_s"] is None and not (names.has_position(from_row) and names.has_position(to_row)):
        line.at("owlt_s").report("missing; it is needed where a node has no position to compute it from")
    if from_row == to_row:
        line.report(f"a link from {shown(row['from'])} to itself")
    from_name, to_name = names.name_of(from_row), names.name_of(to_row)
    return PlanContact(
        from_name, to_name, start_s, stop_s, round(row["rate_bps"]), row["owlt_s"], line.number
    )


def _check_no_overlap(contacts):
    """No two contacts of the same two nodes and direction share an instant."""
    in_order = sorted(contacts, key=lambda each: (each[1].from_name, each[1].to_name, each[1].start_s))
    for (first_line, before), (line, after) in itertools.pairwise(in_order):
        same_link = (before.from_name, before.to_name) == (after.from_name, after.to_name)
        if same_link and after.start_s < before.stop_s:
            line.report(f"overlaps the contact of the same nodes at {first_line}")
