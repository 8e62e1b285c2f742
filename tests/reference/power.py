"""Power of one satellite, slow and obvious: everything is looked at anew in each small step of time."""


def at(changes, t_s):
    """What the last of (instant, value) at or before an instant says."""
    return [value for when_s, value in changes if when_s <= t_s + 1e-9][-1]


def speeds(power, throttled, array, others, at_work, standing):
    """The speed without a radiator, and the one with it."""
    speed = power.throttled_speed if throttled else 1.0
    if standing:
        speed = 0.0
    if power.battery_wh == 0.0 and at_work:
        speed = min(speed, max(0.0, array - others) / at_work)
    if power.radiator_w is None or not at_work:
        return speed, speed
    return speed, min(speed, max(0.0, power.radiator_w - others) / at_work)


def step_through(power, accelerators, light, loads, end_s, step_s):
    """Energies (J), times (s) and the number of changes of speed.

    `light` holds (instant, share of the Sun), `loads` (instant, (terminals, busy accelerators)).
    """
    capacity = power.battery_wh * 3600.0
    floor = power.floor * capacity
    resume = (min(1.0, power.floor + 0.05) if power.resume is None else power.resume) * capacity
    charge = lowest = power.start_charge * capacity
    throttled = standing = False
    sums = dict.fromkeys(
        ("generated_j", "bus_j", "terminals_j", "accelerators_idle_j", "accelerators_j"), 0.0
    )
    sums |= dict.fromkeys(("spilled_j", "unmet_j", "throttled_s", "standing_s", "radiator_s"), 0.0)
    last_speed, changes = None, 0
    for number in range(round(end_s / step_s)):
        share, (terminals, busy) = at(light, number * step_s), at(loads, number * step_s)
        others = power.bus_w + power.terminal_w * terminals + power.accelerator_idle_w * accelerators
        at_work = power.accelerator_w * busy
        array = power.array_w * share
        if charge >= resume:
            throttled = standing = False
        elif charge <= floor:
            throttled = True

        state = power, throttled, array, others, at_work
        allowed, speed = speeds(*state, standing)
        if capacity and charge <= 0.0 and array < others + at_work * speed:
            standing = True
            allowed, speed = speeds(*state, standing)
        changes += speed != last_speed
        last_speed = speed
        sums["throttled_s"] += throttled * step_s
        sums["standing_s"] += standing * step_s
        sums["radiator_s"] += (speed < allowed) * step_s
        sums["generated_j"] += array * step_s
        sums["bus_j"] += power.bus_w * step_s
        sums["terminals_j"] += power.terminal_w * terminals * step_s
        sums["accelerators_idle_j"] += power.accelerator_idle_w * accelerators * step_s
        sums["accelerators_j"] += at_work * speed * step_s
        charge += (array - others - at_work * speed) * step_s
        sums["spilled_j"] += max(0.0, charge - capacity)
        sums["unmet_j"] += max(0.0, -charge)
        charge = min(capacity, max(0.0, charge))
        lowest = min(lowest, charge)
    return sums | {"end_j": charge}, lowest, changes
