"""What a topology file says, checked: nodes, terminals, and the rules by which links are made."""

# ruff: noqa: RUF009 (the calls beside the fields make dataclass fields)

import datetime
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from lasermesh.scenario.fields import (
    Choice,
    Either,
    Flag,
    Integer,
    ListOf,
    Moment,
    Name,
    Number,
    Row,
    Table,
    Tables,
    Text,
    as_plain,
    bulky,
    key,
    row_number,
)
from lasermesh.scenario.problems import closest

RATE = Number(low=1e-6, high=1e6, unit="Gbps")
RANGE = Number(above=0.0, high=1e9, unit="km")
ELEVATION = Number(low=-90.0, high=90.0, unit="deg")
NODE = Text("the name of a node in quotes")
GROUPS = Either((Text("the name of a group in quotes"), ListOf(Text("the name of a group"), distinct=True)))
FILE = Text("a file name in quotes")

DEFAULT_OFFSETS = ((0, 1), (1, 0))
QUEUE_PACKETS = Integer(0, 2**31 - 1, unit="packets")
QUEUE_BYTES = Integer(0, 2**53, unit="bytes")

LOWEST_ALTITUDE_KM = 100.0

PATTERN, ELEMENTS, FIXED = "pattern", "elements", "fixed"
ONE_SITE, SITES = "a single site", "sites"
GRID, GROUND, PLAN = 'rule = "grid"', 'rule = "ground"', 'rule = "plan"'


@dataclass(frozen=True, kw_only=True)
class TerminalType:
    """A kind of terminal, as `[terminals.mini]`."""

    later: ClassVar = (
        "preset",
        "reference_range_km",
        "rate_steps_gbps",
        "acquisition_s",
        "mount",
        "field_of_regard_deg",
        "slew_deg_per_s",
        "sun_exclusion_deg",
    )
    name: str
    rate_gbps: float | None = key(RATE, None, help="Rate of a link; the lesser of its two ends counts.")
    max_range_km: float | None = key(RANGE, None, help="Longest link; the lesser of its two ends counts.")


@dataclass(frozen=True, kw_only=True)
class TerminalUse:
    """How many terminals of one type each satellite of a group has."""

    later: ClassVar = ("share",)
    type: TerminalType = key(Text("the name of a terminal in quotes"), help="Name of a [terminals.NAME].")
    count: int = key(Integer(1, 1000), help="How many of them each satellite has.")


@dataclass(frozen=True)
class ElementSet:
    """Two lines of orbital elements, as they stand in a file from `line_number` on."""

    name: str
    catalog_number: int
    line1: str
    line2: str
    line_number: int


@dataclass(frozen=True, kw_only=True)
class SatelliteGroup:
    """Satellites from one pattern or element file, or bare nodes without position."""

    later: ClassVar = ("fill", "sun_synchronous_ltan_h", "leader", "offsets_m", "ipn_first")
    name: str = key(Name(), help="Name of the group; satellites of a pattern are named NAME-PP-SS.")
    pattern: str | None = key(
        Choice(("walker-delta", "walker-star")),
        None,
        help="Circular orbits, evenly spread, as at the epoch.",
    )
    elements: str | None = key(FILE, None, help="File of element sets, TLE of two or three lines.")
    fixed: tuple[str, ...] | None = key(
        ListOf(Name(), distinct=True), None, help="Names of bare nodes, which have links only from a plan."
    )
    planes: int | None = key(
        Integer(1),
        None,
        only=(PATTERN, ELEMENTS),
        required_with=(PATTERN,),
        help="Orbital planes; in an element file, plane after plane.",
    )
    slots: int | None = key(
        Integer(1), None, only=(PATTERN, ELEMENTS), required_with=(PATTERN,), help="Satellites in each plane."
    )
    phasing_factor: int | str | None = key(
        Either((Integer(0), Choice(("half-slot",)))),
        None,
        only=(PATTERN,),
        required_with=(PATTERN,),
        help="F of Walker's i:t/p/F, 0 to planes - 1; or odd planes half a slot ahead.",
    )
    altitude_km: float | None = key(
        Number(LOWEST_ALTITUDE_KM, 400_000.0, unit="km"),
        None,
        only=(PATTERN,),
        help="Semi-major axis minus 6378.137 km.",
    )
    mean_motion_rev_per_day: float | None = key(
        Number(0.1, 17.0, unit="rev/day"),
        None,
        only=(PATTERN,),
        help="Mean motion, in place of altitude_km, whose least value holds for the altitude that follows.",
    )
    inclination_deg: float | None = key(
        Number(0.0, 180.0, unit="deg"), None, only=(PATTERN,), required_with=(PATTERN,), help="Inclination."
    )
    raan_deg: float = key(
        Number(-360.0, 360.0, unit="deg"),
        0.0,
        only=(PATTERN,),
        help="Ascending node of plane 0.",
    )
    anomaly_deg: float = key(
        Number(-360.0, 360.0, unit="deg"), 0.0, only=(PATTERN,), help="Mean anomaly of plane 0, slot 0."
    )
    raan_spread_deg: float | None = key(
        Number(above=0.0, high=360.0, unit="deg"),
        None,
        only=(PATTERN,),
        help="Planes are spread over this angle; absent: 360, for a star 180.",
    )
    vacant: tuple[tuple[int, int], ...] = key(
        ListOf(Row(("plane", "slot"), (Integer(0), Integer(0))), distinct=True),
        (),
        only=(PATTERN,),
        help="Slots without a satellite.",
    )
    match: str | None = key(
        Text("a name pattern in quotes"),
        None,
        only=(ELEMENTS,),
        help="Only names that match (* ? []).",
    )
    terminals: tuple[TerminalUse, ...] = key(
        Tables(),
        (),
        only=(PATTERN, ELEMENTS),
        help="Terminals of each satellite; absent: no limit, and link rules give the rate.",
    )
    transit: bool = key(Flag(), True, help="Whether packets may pass through to other nodes.")
    prefix: bool = key(Flag(), False, only=(ELEMENTS, FIXED), help="Whether names get NAME/ before them.")

    element_sets: tuple[ElementSet, ...] = bulky()
    node_names: tuple[str, ...] = bulky()

    @property
    def size(self):
        """Number of satellites."""
        return len(self.node_names)

    @cached_property
    def plane_slot(self):
        """int32 (size, 2): plane and slot of each satellite, -1 where the group has no planes."""
        import numpy as np

        if self.planes is None:
            return np.full((self.size, 2), -1, dtype=np.int32)
        every = np.stack(np.divmod(np.arange(self.planes * self.slots, dtype=np.int32), self.slots), axis=1)
        vacant_rows = [plane * self.slots + slot for plane, slot in self.vacant]
        return np.delete(every, vacant_rows, axis=0)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place on the ground, geodetic WGS84; a `[[ground]]` table or a row of a CSV file."""

    later: ClassVar = ("antennas",)
    name: str = key(Name(), help="Name of the site.")
    lat_deg: float = key(ELEVATION, only=(ONE_SITE,), help="Geodetic latitude, north positive.")
    lon_deg: float = key(Number(-180.0, 360.0, unit="deg"), only=(ONE_SITE,), help="East positive.")
    height_m: float = key(
        Number(-500.0, 100_000.0, unit="m"), 0.0, only=(ONE_SITE,), help="Height above the ellipsoid."
    )
    mask_deg: float | None = key(
        ELEVATION, None, only=(ONE_SITE,), help="Least elevation of its links; replaces the rule's."
    )


@dataclass(frozen=True, kw_only=True)
class GroundGroup:
    """One ground site, or several from a CSV file."""

    name: str = key(Name(), help="Name of the site or group.")
    sites: tuple[Site, ...] = key(
        FILE, (), help="CSV file or shipped set with columns name,lat_deg,lon_deg[,height_m,mask_deg]."
    )
    transit: bool = key(Flag(), False, help="Whether packets may pass through to other nodes.")
    prefix: bool = key(Flag(), False, only=(SITES,), help="Whether site names get NAME/ before them.")


@dataclass(frozen=True)
class PlanContact:
    """One row of a contact plan: a directed link between two nodes from `start_s` to `stop_s`."""

    from_name: str = key(NODE, name="from", help="Node that sends.")
    to_name: str = key(NODE, name="to", help="Node that receives.")
    start_s: float = key(Number(0.0, unit="s"), help="First instant, from the topology's epoch.")
    stop_s: float = key(Number(0.0, unit="s"), help="End, from the topology's epoch.")
    rate_bps: int = key(Number(1.0, 1e15, unit="bit/s"), help="Rate.")
    owlt_s: float | None = key(
        Number(0.0, 1e6, unit="s"), None, help="One-way light time; absent: from the positions."
    )
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class LinkRule:
    """Which of the possible links are made."""

    later: ClassVar = ("clients", "hosts", "beams", "reassign_s", "degree")
    rule: str = key(
        Choice(("grid", "ground", "plan"), later=("nearest", "guest")), help="Which links are made."
    )
    satellites: tuple[str, ...] = key(
        GROUPS, (), only=(GRID, GROUND), help="A group of satellites or a list of them; absent: all."
    )
    sites: tuple[str, ...] = key(
        GROUPS, (), only=(GROUND,), help="A group of ground sites or a list of them; absent: all."
    )
    choose: str = key(
        Choice(("all",), later=("nearest", "highest", "longest-remaining")),
        "all",
        only=(GROUND,),
        help="Which of the visible satellites a site uses.",
    )
    rate_gbps: float | None = key(RATE, None, only=(GRID, GROUND), help="Rate, both ways.")
    up_gbps: float | None = key(RATE, None, only=(GROUND,), help="Rate from the ground to the satellite.")
    down_gbps: float | None = key(RATE, None, only=(GROUND,), help="Rate from the satellite to the ground.")
    max_range_km: float | None = key(RANGE, None, only=(GRID, GROUND), help="No link is longer.")
    mask_deg: float | None = key(
        ELEVATION,
        None,
        only=(GROUND,),
        help="Least elevation; absent: 0, or with max_range_km the range alone decides.",
    )
    offsets: tuple[tuple[int, int], ...] = key(
        ListOf(Row(("planes ahead", "slots ahead"), (Integer(-(10**6), 10**6),) * 2), distinct=True),
        DEFAULT_OFFSETS,
        only=(GRID,),
        help="Neighbours of each satellite; each an undirected link.",
    )
    neighbour: str = key(
        Choice(("nearest-phase", "same-index")),
        "nearest-phase",
        only=(GRID,),
        help="Neighbour in another plane: the nearest in phase, or the one of the same slot.",
    )
    wrap: bool | None = key(
        Flag(),
        None,
        only=(GRID,),
        help="Whether the first plane follows the last; absent: true, star false.",
    )
    plan: str | None = key(
        FILE,
        None,
        only=(PLAN,),
        required_with=(PLAN,),
        help="CSV file with columns from,to,start_s,stop_s,rate_bps[,owlt_s].",
    )
    queue_packets: int | None = key(QUEUE_PACKETS, None, help="Most packets that wait; replaces [packets].")
    queue_bytes: int | None = key(QUEUE_BYTES, None, help="Most bytes that wait; replaces [packets].")

    plan_contacts: tuple[PlanContact, ...] = bulky()


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Nodes and link rules: all that fixes the link graph at every instant."""

    later: ClassVar = ("sensors", "compute", "power", "faults")
    name: str = key(Name(), None, help="Name of the topology; absent: that of the file.")
    epoch: datetime.datetime = key(
        Moment(1957, 2056),
        None,
        help="The instant of t = 0; absent: 2026-01-01T00:00:00Z; required with elements.",
    )
    step_s: float = key(
        Number(1e-6, 86_400.0, unit="s"), 1.0, help="How often the link graph is computed anew."
    )
    seed: int = key(
        Integer(0, 2**63 - 1), 0, help="Seed of everything random in the topology; nothing is so far."
    )
    grazing_altitude_km: float = key(
        Number(0.0, 1000.0, unit="km"),
        80.0,
        help="Height above the Earth that links must clear.",
    )
    on_bad_satellite: str = key(
        Choice(("skip", "stop")), "skip", help="What to do with a satellite that cannot be propagated."
    )
    terminals: tuple[TerminalType, ...] = key(
        Table("a table of tables, as [terminals.NAME]"), (), help="Types of terminals."
    )
    satellites: tuple[SatelliteGroup, ...] = key(Tables(), (), help="Groups of satellites.")
    ground: tuple[GroundGroup, ...] = key(Tables(), (), help="Ground sites and groups of them.")
    links: tuple[LinkRule, ...] = key(Tables(), (), help="Rules by which links are made, in order.")

    file: Path | None = bulky(None)
    files: dict[str, str] = bulky({})  # SHA-256 of every file that was read, by its name
    warnings: tuple[str, ...] = bulky()

    @cached_property
    def node_names(self):
        """Names in row order: satellites group by group, then ground sites."""
        names = [name for group in self.satellites for name in group.node_names]
        return tuple(names + [site.name for group in self.ground for site in group.sites])

    @cached_property
    def _rows(self):
        return {name: row for row, name in enumerate(self.node_names)}

    @cached_property
    def _group_rows(self):
        rows, first = {}, 0
        for group in self.satellites + self.ground:
            size = group.size if isinstance(group, SatelliteGroup) else len(group.sites)
            rows[group.name] = range(first, first + size)
            first += size
        return rows

    def row_of(self, name):
        """Row of a node by its name or by `#17`; KeyError if there is none."""
        if name in self._rows:
            return self._rows[name]
        row = row_number(name)
        if row is None or row >= len(self.node_names):
            raise KeyError(name)
        return row

    def group_rows(self, name):
        """Rows of a group of satellites or ground sites, as a range; KeyError if there is none."""
        return self._group_rows[name]

    def suggest(self, name):
        """The node name nearest to this one, or None."""
        return closest(name, self.node_names)

    def to_dict(self):
        """The resolved topology, JSON-ready, under the names of the file."""
        return as_plain(self) | {"files": self.files}
