"""Reading `[[links]]`: rules checked against the groups of satellites and ground sites that they name."""

import math

from lasermesh import units
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.plan_reading import read_plan
from lasermesh.scenario.problems import shown
from lasermesh.scenario.read_queues import check_queue_keys
from lasermesh.scenario.read_satellites import altitude_of_km
from lasermesh.scenario.reading import read_table
from lasermesh.scenario.topology import (
    DEFAULT_OFFSETS,
    GRID,
    GROUND,
    GUEST,
    NEAREST,
    PLAN,
    LinkRule,
)

_VARIANTS = {"grid": GRID, "nearest": NEAREST, "guest": GUEST, "ground": GROUND, "plan": PLAN}
CHOICES = {
    GROUND: ("all", "nearest", "highest", "longest-remaining"),
    GUEST: ("nearest", "random", "longest-remaining"),
}


def read_link_rule(table, place, satellites, ground, names, grid_needs, step_s, epoch):
    """A link rule, or None if it could not be read; what is wrong with it is reported.

    Parameters
    ----------
    satellites, ground : dict of name to group
        None in place of a group that could not be read.
    names : NodeNames
    grid_needs : dict of group name to dict of offset to number of links
        What the grid rules before this one need of each satellite; gets what this one needs.
    step_s : float or BAD
    epoch : datetime.datetime or BAD
    """
    given = table.get("rule")
    variant = _VARIANTS.get(given) if isinstance(given, str) else None
    values = read_table((LinkRule,), table, place, variant)
    check_queue_keys(values, place)
    if variant in CHOICES:
        _resolve_choice(values, variant, place)
    if variant == GRID:
        if values["degree"] is not None and "offsets" in table:
            place.at("offsets").report("cannot stand beside degree", table["offsets"])
            values["offsets"] = BAD
        _check_grid(values, place, satellites, names, grid_needs)
    elif variant == NEAREST:
        _check_nearest(values, place, satellites, names)
    elif variant == GUEST:
        _check_guest(values, place, satellites, names)
    elif variant == GROUND:
        _check_ground(values, place, satellites, ground, names)
        _check_reassignment(values, place, step_s)
    elif variant == PLAN and values["plan"] is not BAD:
        values["plan_contacts"] = read_plan(values["plan"], place.at("plan"), names, epoch)
    return None if BAD in values.values() else LinkRule(**values)


def _check_grid(values, place, satellites, names, grid_needs):
    groups = _choose(values, "satellites", place, satellites, names, _lacks_planes)
    offsets, wrap, degree = values["offsets"], values["wrap"], values["degree"]
    if offsets is not BAD:
        _check_offsets(offsets, place)
    if wrap is None and groups:
        wrap = values["wrap"] = _default_wrap(groups, place)
    for group in groups:
        if BAD not in (offsets, wrap, degree):
            _check_offsets_fit(offsets, group, place)
            needs = grid_needs.setdefault(group.name, {})
            _check_terminals_suffice(offsets, wrap, degree, group, place, needs)
        if values["neighbour"] == "stays-nearest" and group.pattern is None:
            message = (
                f'"stays-nearest" needs a pattern, and the orbits of {shown(group.name)} come from a file'
            )
            place.at("neighbour").report(message, "stays-nearest")
        _check_rate(values["rate_gbps"], group, place.at("rate_gbps"))
        _warn_of_idle_rate(values, group, place)


def _check_rate(rate_gbps, group, place):
    """The rule or the group's terminals give a rate."""
    if rate_gbps is None and not _terminals_give_rate(group):
        place.report(f"missing; the terminals of {shown(group.name)} do not give it")


def _warn_of_idle_rate(values, group, place):
    """A rule's rate above that of every terminal says nothing: the lesser counts."""
    rate_gbps = values["rate_gbps"]
    if rate_gbps in (BAD, None) or not _terminals_give_rate(group):
        return
    most_gbps = max(max(use.type.rate_steps_gbps or (use.type.rate_gbps,)) for use in group.terminals)
    if rate_gbps > most_gbps:
        place.at("rate_gbps").warn(
            f"{rate_gbps:g} has no effect on {shown(group.name)}: its terminals have {most_gbps:g} Gbps, "
            f"and with rule = {shown(values['rule'])} the lesser rate counts"
        )


def _check_nearest(values, place, satellites, names):
    groups = _choose(values, "satellites", place, satellites, names, _lacks_positions)
    _check_types(values, groups, place)
    for group in groups:
        if not group.terminals:
            place.at("satellites").report(
                f'{shown(group.name)} has no terminals, which rule = "nearest" shares out'
            )
        else:
            _check_rate(values["rate_gbps"], group, place.at("rate_gbps"))
            _warn_of_idle_rate(values, group, place)


def _check_guest(values, place, satellites, names):
    clients = _choose(values, "clients", place, satellites, names, _lacks_positions)
    hosts = _choose(values, "hosts", place, satellites, names, _lacks_positions)
    _check_types(values, hosts, place)
    both = {group.name for group in clients} & {group.name for group in hosts}
    for name in sorted(both):
        place.at("hosts").report(f"{shown(name)} stands among the clients too", name)
    rate_gbps, least_links = values["rate_gbps"], values["links_per_client"]
    for client in clients:
        count = sum(use.count for use in client.terminals)
        if not client.terminals:
            place.at("clients").report(f"{shown(client.name)} has no terminals, which a client needs")
        elif least_links is not BAD and least_links > count:
            place.at("links_per_client").report(
                f"must be at most {count}, the terminals of {shown(client.name)} (got {least_links})",
                least_links,
            )
        for host in hosts:
            if rate_gbps is None and client.terminals and not _one_gives_rate(client, host):
                place.at("rate_gbps").report(
                    f"missing; neither the terminals of {shown(client.name)} nor those of "
                    f"{shown(host.name)} give it"
                )
    for group in clients + hosts:
        _warn_of_idle_rate(values, group, place)


def _check_types(values, groups, place):
    """Types of terminals that a rule takes are those of its satellites."""
    types = values["terminals"]
    if types is BAD:
        return
    if isinstance(types, str):
        types = values["terminals"] = (types,)
    if not groups:
        return
    there = sorted({use.type.name for group in groups for use in group.terminals})
    for index, name in enumerate(types):
        if name not in there:
            of_groups = ", ".join(shown(group.name) for group in groups)
            found = ", ".join(shown(each) for each in there) or "none"
            here = place.at("terminals") if len(types) == 1 else place.at("terminals", index)
            here.report(f"no terminal of {of_groups} is of type {shown(name)}; there are {found}", name)


def _one_gives_rate(client, host):
    return _terminals_give_rate(client) or _terminals_give_rate(host)


def _resolve_choice(values, variant, place):
    """Fills in which partner is taken; not every rule knows every choice."""
    choose, known = values["choose"], CHOICES[variant]
    if choose is None:
        values["choose"] = known[0]
    elif choose is not BAD and choose not in known:
        words = ", ".join(shown(each) for each in known[:-1]) + f" or {shown(known[-1])}"
        place.at("choose").report(f"must be {words} with {variant} (got {shown(choose)})", choose)
        values["choose"] = BAD


def _check_reassignment(values, place, step_s):
    """Sites choose anew at instants of steps, and only where there is something to choose."""
    reassign_s = values["reassign_s"]
    if reassign_s in (BAD, None):
        return
    if values["choose"] == "all":
        place.at("reassign_s").report('goes with a choose other than "all": there is nothing to choose anew')
    if step_s is BAD:
        return
    steps = reassign_s / step_s
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-9 * steps:
        place.at("reassign_s").report(
            f"must be a whole number of steps of {step_s:g} s (got {reassign_s:g})", reassign_s
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


def _check_terminals_suffice(offsets, wrap, degree, group, place, needs):
    """The group's terminals suffice for this rule and those before it, whose needs are in `needs`."""
    needed_before = sum(needs.values())
    for planes_ahead, slots_ahead in DEFAULT_OFFSETS if degree else offsets:
        # Rules with the same offset join the same satellites, or some of them where one does not wrap. Where
        # they differ in `neighbour` this is the least they need, and `check` counts the links themselves.
        same = max((planes_ahead, slots_ahead), (-planes_ahead, -slots_ahead))
        links = _links_of_offset((planes_ahead, slots_ahead), group, wrap)
        if degree and planes_ahead:
            links = min(links, 1)  # to the plane before or after, not both
        needs[same] = max(links, needs.get(same, 0))
    needed, count = sum(needs.values()), sum(use.count for use in group.terminals)
    if group.terminals and needed > max(count, needed_before):
        who = "this grid and those before it need" if needed_before else "the grid needs"
        message = f"{who} {needed} terminals on a satellite, but those of {shown(group.name)} have {count}"
        place.report(message, needed)
    elif group.terminals and needed > sum(use.count for use in group.terminals if use.share == 1.0):
        place.warn(
            f"satellites of {shown(group.name)} without the terminals that only a share of them has go "
            f"without some of the {needed} links"
        )


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
        if group.leader is not None:  # the leader's group says it
            continue
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
        rev_per_day = max(each.mean_motion_rev_per_day for each in group.element_sets)
    return altitude_of_km(max(rev_per_day, 1e-6))
