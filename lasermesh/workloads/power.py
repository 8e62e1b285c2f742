"""Arrays, batteries and what they feed: how fast accelerators may work."""

from typing import NamedTuple

from lasermesh.orbits import PENUMBRA, SUNLIT, UMBRA
from lasermesh.units import J_PER_WH, PS_PER_S, ps_from_s
from lasermesh.workloads.computers import FULL_SPEED
from lasermesh.workloads.records import PowerState

_UW_PER_W = 1_000_000
UNITS_PER_J = _UW_PER_W * PS_PER_S
"""Power is counted in whole microwatts and energy in microwatts times ps, as Python's integers, which do not
end: so nothing is lost between two events, and the balance holds to the last unit."""


class Battery:
    """What is stored, and what did not fit or was not there.

    Parameters
    ----------
    capacity, charge : int
        In units of 1 / UNITS_PER_J joules.
    """

    def __init__(self, capacity, charge):
        self.capacity, self.charge = capacity, charge
        self.lowest = charge
        self.spilled = self.unmet = 0

    def flow(self, net_uw, elapsed_ps):
        """Charge, or drain, at a constant power for some time."""
        self.charge += net_uw * elapsed_ps
        if self.charge > self.capacity:
            self.spilled += self.charge - self.capacity
            self.charge = self.capacity
        elif self.charge < 0:
            self.unmet -= self.charge
            self.charge = 0
        self.lowest = min(self.lowest, self.charge)

    def ps_until(self, levels, net_uw):
        """How long at this power until the charge is at, or past, the next of some levels, or for the last
        whole ps above 0; None if never.
        """
        ahead = [abs(level - self.charge) for level in levels if (level - self.charge) * net_uw > 0]
        waits = [-(-min(ahead) // abs(net_uw))] if ahead else []
        if net_uw < 0 and not self.is_empty(net_uw):
            waits.append(self.charge // -net_uw)
        return min(waits, default=None)

    def is_empty(self, net_uw):
        """Whether what is stored does not suffice for a ps at this power."""
        return self.charge + net_uw < 0


class PowerSupply:
    """All satellites of one `[power]` table.

    Parameters
    ----------
    power : Power
    around : WorkContext
        `around.sunlight` is None, where the Sun always shines, or a function of rows of satellites that gives
        their `Sunlight` over the run, in seconds since its start.
    """

    def __init__(self, power, around):
        self._power, self._around = power, around
        computers = {node: [] for node in power.rows}
        for (_, node), computer in around.computers.items():
            if node in computers:
                computers[node].append(computer)
        self._satellites = [_Satellite(power, node, computers[node], around) for node in power.rows]

    def begin(self):
        """Charge, light and loads of all satellites at the run's start."""
        sunlight = self._around.sunlight
        light = sunlight(self._power.rows) if sunlight else None
        for i, satellite in enumerate(self._satellites):
            satellite.begin(_pieces(*light.of(i)) if light else [(0, SUNLIT, 1.0)])
        if self._power.terminal_w:
            self._around.network.on_news(self._look)

    def close(self):
        """Check that no joule is missing.

        Raises
        ------
        RuntimeError
            If one is.
        """
        for satellite in self._satellites:
            satellite.close()

    def totals(self):
        """What came of it, JSON-ready: sums over the satellites. start + generated = used + spilled + end."""
        names = self._around.names
        count = len(self._satellites)
        energies = Energies(*map(sum, zip(*(one.energies for one in self._satellites), strict=True)))
        times_ps = Times(*map(sum, zip(*(one.times_ps for one in self._satellites), strict=True)))
        lowest = min(self._satellites, key=lambda one: one.battery.lowest)
        capacity = lowest.battery.capacity
        elapsed_ps = self._around.agenda.now_ps * count
        return {
            "name": self._power.name,
            "satellites": count,
            **{f"{key}_j": energy / UNITS_PER_J for key, energy in energies._asdict().items()},
            **{f"{key}_s": ps / PS_PER_S for key, ps in times_ps._asdict().items()},
            "sunlit_share": sum(one.seen_ps for one in self._satellites) / elapsed_ps if elapsed_ps else None,
            "lowest_charge": lowest.battery.lowest / capacity if capacity else None,
            "lowest_charge_node": names[lowest.node] if capacity else None,
            "throttled_satellites": sum(one.times_ps.throttled > 0 for one in self._satellites),
        }

    def _look(self):
        for satellite in self._satellites:
            satellite.look()


class Energies(NamedTuple):
    """Of a satellite, or of several together, each in units of 1 / UNITS_PER_J joules."""

    start: int
    generated: int
    used: int  # what loads got; the four below are what they asked for
    bus: int
    terminals: int
    accelerators_idle: int
    accelerators: int
    unmet: int
    spilled: int
    end: int


class Times(NamedTuple):
    """How long a satellite was in some states, or the sum of several, in ps."""

    throttled: int
    standing: int
    radiator: int
    unmet: int
    umbra: int
    penumbra: int


def _pieces(start_s, lit, share):
    """Pieces of sunlight, each with the ps at which it begins."""
    return [
        (ps_from_s(s), int(light), float(part)) for s, light, part in zip(start_s, lit, share, strict=True)
    ]


class _Satellite:
    """One satellite: its array, its battery, and the speed that they leave to its accelerators.

    Between events all powers are constant. Events are changes of light, of loads, and of the battery's
    charge: full, at the floor, at `resume`, empty.
    """

    def __init__(self, power, node, computers, around):
        self.node = node
        self._power, self._computers = power, computers
        self._agenda, self._log, self._network = around.agenda, around.log, around.network
        capacity = round(power.battery_wh * J_PER_WH * UNITS_PER_J)
        self._floor, self._resume = round(power.floor * capacity), round(power.resume * capacity)
        self._start = round(power.start_charge * capacity)
        self.battery = Battery(capacity, self._start)
        self._array_full_uw = _uw(power.array_w)
        self._terminal_uw, self._accelerator_uw = _uw(power.terminal_w), _uw(power.accelerator_w)
        self._radiator_uw = None if power.radiator_w is None else _uw(power.radiator_w)
        n_accelerators = sum(each.compute.accelerators for each in computers)
        self._always_uw = _uw(power.bus_w), _uw(power.accelerator_idle_w) * n_accelerators
        self._pieces, self._lit, self._share = [], SUNLIT, 1.0
        self._throttled = False  # since the charge was at the floor, until it is at `resume`
        self._standing = False  # since the battery was empty, until it is at `resume`
        self._held = False  # by the radiator
        self._array_uw = self._terminals = self._busy = 0
        self._loads_uw = [0, 0, 0, 0]  # bus, terminals, idle accelerators, accelerators at work
        self._speed = FULL_SPEED
        self._since_ps = 0
        self._generated = 0
        self.seen_ps = 0  # by the share of the Sun's disc
        self._loads = [0, 0, 0, 0]
        self.times_ps = Times(*[0] * len(Times._fields))
        self._ticket = None
        self._is_to_write, self._written_ps = False, None

    def begin(self, pieces):
        """Have light and loads from now on; `pieces` of light, in order, begin at these ps."""
        self._pieces = iter(pieces)
        for computer in self._computers:
            computer.on_change.append(self.look)
        self._next_light(next(self._pieces))

    def look(self):
        """See whether loads have changed."""
        if self._loads_now() != (self._terminals, self._busy):
            self._update()

    def close(self):
        """Write the last state down; RuntimeError if a joule is missing."""
        self._settle()
        if self._written_ps != self._agenda.now_ps:
            self._write()
        battery = self.battery
        missing = self._start + self._generated + battery.unmet
        missing -= battery.charge + sum(self._loads) + battery.spilled
        if missing:
            raise RuntimeError(
                f"{missing / UNITS_PER_J} J of {self._power.name} on node {self.node} are missing"
            )

    @property
    def energies(self):
        """All of them up to now."""
        battery = self.battery
        bus, terminals, idle, work = self._loads
        used = bus + terminals + idle + work - battery.unmet
        return Energies(
            start=self._start,
            generated=self._generated,
            used=used,
            bus=bus,
            terminals=terminals,
            accelerators_idle=idle,
            accelerators=work,
            unmet=battery.unmet,
            spilled=battery.spilled,
            end=battery.charge,
        )

    def _next_light(self, piece):
        self._settle()
        _, self._lit, self._share = piece
        self._array_uw = round(self._array_full_uw * self._share)
        following = next(self._pieces, None)
        if following is not None:
            self._agenda.at(following[0], self._next_light, following, rank=self._agenda.CHANGES)
        self._update()

    def _loads_now(self):
        terminals = self._network.terminals_in_use(self.node) if self._terminal_uw else 0
        return terminals, sum(each.busy_accelerators for each in self._computers)

    def _update(self):
        """Come to now, and choose the speed from now on."""
        self._settle()
        before = self._speed
        self._terminals, self._busy = self._loads_now()
        charge = self.battery.charge
        if charge >= self._resume:
            self._throttled = self._standing = False
        elif charge <= self._floor:
            self._throttled = True
        self._choose_speed()
        if self._is_empty and not self._throttled:
            self._throttled = True
            self._choose_speed()
        if self._is_empty:
            self._standing = True
            self._choose_speed()
        self._plan()
        if not self._is_to_write:
            self._is_to_write = True
            self._agenda.at(self._agenda.now_ps, self._write, rank=self._agenda.LOOKS)
        if self._speed != before:
            for computer in self._computers:
                computer.set_speed(self._speed / FULL_SPEED)

    @property
    def _net_uw(self):
        return self._array_uw - sum(self._loads_uw)

    @property
    def _is_empty(self):
        """Whether there is a battery, and it does not suffice for what is drawn now."""
        return self.battery.capacity > 0 and self.battery.is_empty(self._net_uw)

    def _choose_speed(self):
        """The greatest speed that battery, radiator and, without a battery, the array allow."""
        bus_uw, idle_uw = self._always_uw
        terminals_uw = self._terminal_uw * self._terminals
        others_uw = bus_uw + idle_uw + terminals_uw
        full_uw = self._accelerator_uw * self._busy
        speed = round(self._power.throttled_speed * FULL_SPEED) if self._throttled else FULL_SPEED
        if self._standing:
            speed = 0
        if not self.battery.capacity:
            speed = min(speed, _speed_within(self._array_uw - others_uw, full_uw))
        cool = FULL_SPEED
        if self._radiator_uw is not None:
            cool = _speed_within(self._radiator_uw - others_uw, full_uw)
        self._held = cool < speed
        self._speed = min(speed, cool)
        self._loads_uw = [bus_uw, terminals_uw, idle_uw, full_uw * self._speed // FULL_SPEED]

    def _plan(self):
        """Put down when the battery's charge will matter next."""
        levels = [self.battery.capacity, self._resume if self._throttled else self._floor]
        ps = self.battery.ps_until(levels, self._net_uw)
        due_ps = None if ps is None else self._agenda.now_ps + ps
        # What does not change what is due leaves the entry, for cancelled ones stay in the agenda till then.
        if self._ticket is not None and self._ticket.time_ps != due_ps:
            self._agenda.cancel(self._ticket)
            self._ticket = None
        if self._ticket is None and due_ps is not None:
            self._ticket = self._agenda.at(due_ps, self._come_to_level, rank=self._agenda.CHANGES)

    def _come_to_level(self):
        self._ticket = None
        self._update()

    def _settle(self):
        """Bring charge and sums up to now."""
        elapsed_ps = self._agenda.now_ps - self._since_ps
        if not elapsed_ps:
            return
        self._since_ps = self._agenda.now_ps
        is_short = self.battery.is_empty(self._net_uw)
        self.battery.flow(self._net_uw, elapsed_ps)
        self._generated += self._array_uw * elapsed_ps
        self._loads = [sum_ + uw * elapsed_ps for sum_, uw in zip(self._loads, self._loads_uw, strict=True)]
        self.seen_ps += self._share * elapsed_ps
        happens = Times(
            throttled=self._throttled,
            standing=self._standing,
            radiator=self._held,
            unmet=is_short,
            umbra=self._lit == UMBRA,
            penumbra=self._lit == PENUMBRA,
        )
        self.times_ps = Times(
            *(ps + elapsed_ps * does for ps, does in zip(self.times_ps, happens, strict=True))
        )

    def _write(self):
        """Write the state down, once for all that happens at an instant."""
        self._is_to_write = False
        self._written_ps = self._agenda.now_ps
        self._log.power.append(
            PowerState(
                self._agenda.now_ps,
                self._power.name,
                self.node,
                self.battery.charge / UNITS_PER_J,
                self._share,
                self._array_uw / _UW_PER_W,
                sum(self._loads_uw) / _UW_PER_W,
                self._speed / FULL_SPEED,
            )
        )


def _uw(watt):
    return round(watt * _UW_PER_W)


def _speed_within(left_uw, full_uw):
    """The greatest speed at which what takes `full_uw` at full speed takes no more than what is left."""
    return FULL_SPEED if full_uw <= max(0, left_uw) else max(0, left_uw) * FULL_SPEED // full_uw
