"""What a topology file says, checked: nodes, terminals, and the rules by which links are made."""

# ruff: noqa: RUF009 (the calls beside the fields make dataclass fields)

import datetime
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

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
from lasermesh.scenario.queues import QueueKeys
from lasermesh.scenario.terminals import RANGE, RATE, SHORTEST_MEAN_S, TerminalType, TerminalUse

ELEVATION = Number(low=-90.0, high=90.0, unit="deg")
NODE = Text("the name of a node in quotes")
GROUPS = Either((Text("the name of a group in quotes"), ListOf(Text("the name of a group"), distinct=True)))
FILE = Text("a file name in quotes")
TERMINAL_TYPE = Text("the name of a type of terminals in quotes")

MASK = Either(
    (
        ELEVATION,
        ListOf(Row(("azimuth", "elevation"), (Number(0.0, 360.0, unit="deg"), ELEVATION)), distinct=True),
    )
)
IPN_NUMBER = Integer(1, 2**62)

DEFAULT_OFFSETS = ((0, 1), (1, 0))

LOWEST_ALTITUDE_KM = 100.0

PATTERN, ELEMENTS, FORMATION, FIXED = "pattern", "elements", "leader", "fixed"
SKIP_REASONS = ("damaged", "checksum", "duplicate", "stale")
ONE_SITE, SITES = "a single site", "sites"
GRID, NEAREST, GUEST = 'rule = "grid"', 'rule = "nearest"', 'rule = "guest"'
GROUND, PLAN = 'rule = "ground"', 'rule = "plan"'


@dataclass(frozen=True)
class ElementSet:
    """Mean orbital elements for SGP4, as they stand in a file from `line_number` on."""

    name: str
    catalog_number: int
    epoch_days: float  # days since 1949-12-31T00:00:00Z, from which SGP4 counts
    bstar: float  # 1 / Earth radii
    eccentricity: float
    inclination_deg: float
    raan_deg: float
    argument_of_perigee_deg: float
    mean_anomaly_deg: float
    mean_motion_rev_per_day: float
    line_number: int
    slot: int  # place in the file, bad sets counted too


@dataclass(frozen=True)
class Skipped:
    """A satellite of an element file that is left out, and why."""

    name: str
    catalog_number: int | None
    file: str
    line: int
    reason: str  # one of SKIP_REASONS
    message: str


@dataclass(frozen=True, kw_only=True)
class SatelliteGroup:
    """Satellites from one pattern, element file or formation, or bare nodes without position."""

    name: str = key(Name(), help="Name of the group; satellites of a pattern are named NAME-PP-SS.")
    pattern: str | None = key(
        Choice(("walker-delta", "walker-star")),
        None,
        help="Circular orbits, evenly spread, as at the epoch.",
    )
    elements: str | None = key(
        FILE, None, help="File of element sets: TLE of two or three lines, OMM as JSON, XML or text, CSV."
    )
    fixed: tuple[str, ...] | str | None = key(
        Either((ListOf(Name(), distinct=True), FILE)),
        None,
        help="Names of bare nodes, which have links only from a plan; or a contact plan, for all its nodes.",
    )
    leader: str | None = key(
        NODE, None, help="Satellite of a group before this one about which a formation flies."
    )
    offsets_m: tuple[tuple[float, float, float], ...] = key(
        ListOf(Row(("fore", "left", "up"), (Number(-1e7, 1e7, unit="m"),) * 3)),
        (),
        only=(FORMATION,),
        required_with=(FORMATION,),
        help="Place of each satellite of a formation in its leader's local orbital frame, at the epoch.",
    )
    motion: str = key(
        Choice(("held", "hill")),
        "held",
        only=(FORMATION,),
        help="Whether offsets are kept, or swing about the leader once per orbit, as without thrust (Hill).",
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
        Number(0.0, 180.0, unit="deg"), None, only=(PATTERN,), help="Inclination."
    )
    sun_synchronous_ltan_h: float | None = key(
        Number(0.0, 24.0, unit="h"),
        None,
        only=(PATTERN,),
        help="Local mean time at which plane 0 crosses the equator northwards, in place of "
        "inclination_deg and raan_deg: they follow from it, the altitude and the epoch.",
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
    fill: float | None = key(
        Number(above=0.0, high=1.0),
        None,
        only=(PATTERN,),
        help="Share of the slots that have a satellite, drawn from the seed; in place of vacant.",
    )
    vacant: tuple[tuple[int, int], ...] = key(
        ListOf(Row(("plane", "slot"), (Integer(0), Integer(0))), distinct=True),
        (),
        only=(PATTERN,),
        help="Slots without a satellite.",
    )
    max_age_h: float = key(
        Number(above=0.0, unit="h"),
        720.0,
        only=(ELEMENTS,),
        help="Element sets whose epoch is further than this from the topology's are bad.",
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
        only=(PATTERN, ELEMENTS, FORMATION),
        help="Terminals of each satellite; absent: no limit, and link rules give the rate.",
    )
    transit: bool | None = key(
        Flag(),
        None,
        help="Whether packets may pass through to other nodes; absent: true, but false for "
        "clients of a guest rule.",
    )
    prefix: bool = key(Flag(), False, only=(ELEMENTS, FIXED), help="Whether names get NAME/ before them.")
    ipn_first: int | None = key(
        IPN_NUMBER, None, help="ipn number of the first node of the group; absent: its row + 1."
    )

    element_sets: tuple[ElementSet, ...] = bulky()
    node_names: tuple[str, ...] = bulky()
    plan_numbers: tuple[int, ...] = bulky()  # ipn numbers of the nodes, where a contact plan gives them

    @property
    def numbers(self):
        """Numbers of the nodes in the ipn scheme, None if they go by row."""
        if self.plan_numbers:
            return self.plan_numbers
        return None if self.ipn_first is None else range(self.ipn_first, self.ipn_first + self.size)

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
        if self.element_sets:
            slots = np.array([each.slot for each in self.element_sets], dtype=np.int32)
            return np.stack(np.divmod(slots, np.int32(self.slots)), axis=1)
        every = np.stack(np.divmod(np.arange(self.planes * self.slots, dtype=np.int32), self.slots), axis=1)
        vacant_rows = [plane * self.slots + slot for plane, slot in self.vacant]
        return np.delete(every, vacant_rows, axis=0)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place on the ground, geodetic WGS84; a `[[ground]]` table or a row of a CSV file."""

    name: str = key(Name(), help="Name of the site.")
    lat_deg: float = key(ELEVATION, only=(ONE_SITE,), help="Geodetic latitude, north positive.")
    lon_deg: float = key(Number(-180.0, 360.0, unit="deg"), only=(ONE_SITE,), help="East positive.")
    height_m: float = key(
        Number(-500.0, 100_000.0, unit="m"), 0.0, only=(ONE_SITE,), help="Height above the ellipsoid."
    )
    mask_deg: float | tuple[tuple[float, float], ...] | None = key(
        MASK,
        None,
        only=(ONE_SITE,),
        help="Least elevation of its links, replaces the rule's: one number, or [azimuth, elevation] pairs, "
        "linear between them.",
    )
    antennas: int | None = key(
        Integer(1, 10**6),
        None,
        only=(ONE_SITE, SITES),
        help="Links at a time; of a group, of each site that does not say; absent: see the rule's choose.",
    )
    availability: float | None = key(
        Number(above=0.0, high=1.0),
        None,
        only=(ONE_SITE,),
        help="Share of the time without clouds, of an optical station; absent: 1.",
    )
    mean_cloudy_s: float | None = key(
        Number(low=SHORTEST_MEAN_S, unit="s"),
        None,
        only=(ONE_SITE,),
        help="How long clouds stay on average.",
    )
    population: float | None = key(
        Number(above=0.0, high=1e12),
        None,
        only=(ONE_SITE,),
        help='Of the place that it serves; traffic by matrix = "gravity" goes with it.',
    )


@dataclass(frozen=True, kw_only=True)
class GroundGroup:
    """One ground site, or several from a CSV file."""

    name: str = key(Name(), help="Name of the site or group.")
    sites: tuple[Site, ...] = key(
        FILE,
        (),
        help="CSV file or shipped set with columns name,lat_deg,lon_deg[,height_m,mask_deg,antennas,"
        "availability,mean_cloudy_s,population].",
    )
    transit: bool = key(Flag(), False, help="Whether packets may pass through to other nodes.")
    prefix: bool = key(Flag(), False, only=(SITES,), help="Whether site names get NAME/ before them.")
    ipn_first: int | None = key(
        IPN_NUMBER, None, help="ipn number of the first node of the group; absent: its row + 1."
    )

    @property
    def numbers(self):
        """Numbers of the sites in the ipn scheme, None if they go by row."""
        return None if self.ipn_first is None else range(self.ipn_first, self.ipn_first + len(self.sites))


@dataclass(frozen=True)
class PlanContact:
    """One row of a contact plan: a directed link between two nodes from `start_s` to `stop_s`."""

    from_name: str = key(NODE, name="from", help="Node that sends, or its ipn number.")
    to_name: str = key(NODE, name="to", help="Node that receives, or its ipn number.")
    start_s: float = key(Number(unit="s"), help="First instant, from the topology's epoch.")
    stop_s: float = key(Number(unit="s"), help="End, from the topology's epoch.")
    rate_bps: int = key(Number(1.0, 1e15, unit="bit/s"), help="Rate.")
    owlt_s: float | None = key(
        Number(0.0, 1e6, unit="s"), None, help="One-way light time; absent: from the positions."
    )
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class LinkRule(QueueKeys):
    """Which of the possible links are made, and which queues they have."""

    rule: str = key(Choice(("grid", "nearest", "guest", "ground", "plan")), help="Which links are made.")
    satellites: tuple[str, ...] = key(
        GROUPS,
        (),
        only=(GRID, NEAREST, GROUND),
        help="A group of satellites or a list of them; absent: all.",
    )
    sites: tuple[str, ...] = key(
        GROUPS, (), only=(GROUND,), help="A group of ground sites or a list of them; absent: all."
    )
    clients: tuple[str, ...] = key(
        GROUPS,
        (),
        only=(GUEST,),
        required_with=(GUEST,),
        help="Satellites that attach to a host, a group or a list of them.",
    )
    hosts: tuple[str, ...] = key(
        GROUPS,
        (),
        only=(GUEST,),
        required_with=(GUEST,),
        help="Satellites that they attach to, a group or a list of them.",
    )
    terminals: tuple[str, ...] = key(
        Either((TERMINAL_TYPE, ListOf(TERMINAL_TYPE, distinct=True))),
        (),
        only=(NEAREST, GUEST),
        help="Types of terminals that the rule takes, those of hosts for guests; absent: all.",
    )
    choose: str | None = key(
        Choice(("all", "nearest", "highest", "random", "longest-remaining")),
        None,
        only=(GROUND, GUEST),
        help="Which of the possible partners is taken: for ground all (default), nearest, highest or "
        "longest-remaining; for guests nearest (default), random or longest-remaining.",
    )
    links_per_client: int = key(
        Integer(1, 1000),
        1,
        only=(GUEST,),
        help="Links that a client keeps; a terminal to spare makes the next link before one breaks.",
    )
    beams: int | None = key(
        Integer(1, 10**6), None, only=(GROUND,), help="Sites that a satellite serves at a time; absent: all."
    )
    reassign_s: float | None = key(
        Number(above=0.0, unit="s"),
        None,
        only=(GROUND,),
        help="How often sites choose anew, a whole number of steps; absent: when a link has ended.",
    )
    rate_gbps: float | None = key(RATE, None, only=(GRID, NEAREST, GUEST, GROUND), help="Rate, both ways.")
    up_gbps: float | None = key(RATE, None, only=(GROUND,), help="Rate from the ground to the satellite.")
    down_gbps: float | None = key(RATE, None, only=(GROUND,), help="Rate from the satellite to the ground.")
    max_range_km: float | None = key(
        RANGE, None, only=(GRID, NEAREST, GUEST, GROUND), help="No link is longer."
    )
    mask_deg: float | None = key(
        ELEVATION,
        None,
        only=(GROUND,),
        help="Least elevation; absent: 0, or with max_range_km the range alone decides.",
    )
    degree: int | None = key(
        Integer(3, 3),
        None,
        only=(GRID,),
        help="In place of offsets: 3 links a satellite, two in its plane, one to the plane before or after.",
    )
    offsets: tuple[tuple[int, int], ...] = key(
        ListOf(Row(("planes ahead", "slots ahead"), (Integer(-(10**6), 10**6),) * 2), distinct=True),
        DEFAULT_OFFSETS,
        only=(GRID,),
        help="Neighbours of each satellite; each an undirected link.",
    )
    neighbour: str = key(
        Choice(("nearest-phase", "stays-nearest", "same-index")),
        "nearest-phase",
        only=(GRID,),
        help="Neighbour in another plane: nearest in phase, nearest over an orbit (patterns), or same slot.",
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
        help="Contact plan: CSV with columns from,to,start_s,stop_s,rate_bps[,owlt_s], JSON, Parquet, ION "
        "(ionrc), HDTN or A-SABR.",
    )

    plan_contacts: tuple[PlanContact, ...] = bulky()


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Nodes and link rules: all that fixes the link graph at every instant."""

    name: str = key(Name(), None, help="Name of the topology; absent: that of the file.")
    epoch: datetime.datetime = key(
        Moment(1957, 2056),
        None,
        help="The instant of t = 0; absent: 2026-01-01T00:00:00Z; required with elements.",
    )
    step_s: float = key(
        Number(1e-6, 86_400.0, unit="s"), 1.0, help="How often the link graph is computed anew."
    )
    seed: int = key(Integer(0, 2**63 - 1), 0, help="Seed of everything random in the topology.")
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
    skipped: tuple[Skipped, ...] = bulky()

    @cached_property
    def node_names(self):
        """Names in row order: satellites group by group, then ground sites."""
        names = [name for group in self.satellites for name in group.node_names]
        return tuple(names + [site.name for group in self.ground for site in group.sites])

    @cached_property
    def n_satellites(self):
        """How many there are; rows of ground sites follow theirs."""
        return sum(group.size for group in self.satellites)

    def is_ground(self, row):
        """Whether a node is a ground site."""
        return row >= self.n_satellites

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

    @cached_property
    def ipn_numbers(self):
        """int64 (n_nodes,): number of each node in the ipn scheme of bundle addresses."""
        import numpy as np

        numbers = np.arange(1, len(self.node_names) + 1, dtype=np.int64)
        for group in self.satellites + self.ground:
            if group.numbers is not None:
                rows = self.group_rows(group.name)
                numbers[rows.start : rows.stop] = group.numbers
        return numbers

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
