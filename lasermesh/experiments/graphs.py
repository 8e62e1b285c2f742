"""The link graph of a topology at one instant, for people and for other programs."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lasermesh.contacts.graph import transit_of
from lasermesh.errors import UserError
from lasermesh.experiments.instants import sunlight_at, utc_of
from lasermesh.experiments.paths import check_instant
from lasermesh.experiments.remembering import link_engine, memory_of
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures
from lasermesh.results.columns import KIND_NAMES
from lasermesh.results.html import notebook_html
from lasermesh.results.tables import Column, schema_of
from lasermesh.scenario.problems import did_you_mean, shown

if TYPE_CHECKING:
    import networkx
    import pyarrow

_POSITION_KM = ("x_km", "y_km", "z_km")

NODES = (
    Column("name", "string", "", "name of the node"),
    Column("kind", "string", "", "satellite or ground"),
    *(
        Column(axis, "float64", "km", f"{axis[0]}, Earth-fixed (ITRF); null if unknown")
        for axis in _POSITION_KM
    ),
    Column("sunlight", "string", "", "sunlit, penumbra or umbra; null of sites and what has no position"),
    Column("transit", "bool", "", "whether it passes on what others send"),
)

LINKS = (
    Column("from", "string", "", "sending node"),
    Column("to", "string", "", "receiving node"),
    Column("kind", "string", "", "isl or gsl"),
    Column("range_km", "float64", "km", "straight-line distance of both ends"),
    Column("delay_ms", "float64", "ms", "propagation delay"),
    Column("rate_gbps", "float64", "Gbps", "rate of the link"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """Nodes and directed links at one instant: in columns, as pyarrow tables, as a networkx graph.

    Node arrays have shape (n_nodes, ...) in the order of rows, link arrays shape (n_links,), sorted by the
    rows of both ends, with one link for an ordered pair.
    """

    topology: str
    """Its name."""
    t_s: float
    """Seconds since the topology's epoch."""
    utc: str
    """The same instant as ISO 8601."""
    names: tuple[str, ...]
    is_ground: np.ndarray
    """bool"""
    transit: np.ndarray
    """bool: whether a node passes on what others send."""
    position_km: np.ndarray
    """float64 (n_nodes, 3): Earth-fixed (ITRF); nan of nodes that have no position."""
    sunlight: tuple[str | None, ...]
    """One of `instants.SUNLIGHT`; None of sites and what has no position."""
    from_node: np.ndarray
    """int32: row of the node that sends."""
    to_node: np.ndarray
    """int32: row of the node that receives."""
    kind: np.ndarray
    """int8: index in `KIND_NAMES`, 0 isl, 1 gsl."""
    range_km: np.ndarray
    """float64"""
    delay_ms: np.ndarray
    """float64"""
    rate_gbps: np.ndarray
    """float64"""
    memory: dict | None
    """`{from_s, warm_up_s}` where link rules remember something: from when on they were followed."""

    def __repr__(self):
        n_ground = int(self.is_ground.sum())
        return (
            f"<Graph {self.topology} at t = {self.t_s:.12g} s: {len(self.names) - n_ground:,} satellites, "
            f"{n_ground:,} ground sites, {len(self.kind):,} links>"
        )

    def _repr_html_(self):
        headers, *rows = self.describe()
        return notebook_html(self.heading(), headers, rows)

    @cached_property
    def nodes(self) -> "pyarrow.Table":
        """Table (pyarrow), one row per node in the order of rows; units stand in names and metadata."""
        import pyarrow as pa

        position_km = (pa.array(axis, from_pandas=True) for axis in self.position_km.T.copy())
        columns = [self.names, self._node_kinds(), *position_km, self.sunlight, self.transit]
        return pa.table([*columns], schema=schema_of(NODES))

    @cached_property
    def links(self) -> "pyarrow.Table":
        """Table (pyarrow), one row per directed link; units stand in names and metadata."""
        import pyarrow as pa

        names, kinds = pa.array(self.names, pa.string()), pa.array(KIND_NAMES)
        columns = [names.take(pa.array(self.from_node)), names.take(pa.array(self.to_node))]
        columns += [kinds.take(pa.array(self.kind)), self.range_km, self.delay_ms, self.rate_gbps]
        return pa.table(columns, schema=schema_of(LINKS))

    def to_networkx(self, towards: str | None = None) -> "networkx.DiGraph":
        """The same as a networkx graph, whose nodes are names in the order of rows.

        Parameters
        ----------
        towards : str, optional
            Name of a destination. The links into other nodes that pass nothing on are then left out, so that
            every path to the destination is one that packets may take.

        Returns
        -------
        graph : networkx.DiGraph
            With `topology`, `t_s` and `utc`; nodes have `kind`, `transit` and, as far as they are known,
            `x_km`, `y_km`, `z_km` and `sunlight`; edges have `kind`, `range_km`, `delay_ms` and `rate_gbps`.

        Raises
        ------
        UserError
            If no node has the name `towards`.
        """
        import networkx

        may_reach = set(self.names)
        if towards is not None:
            if towards not in may_reach:
                hint = did_you_mean(towards, self.names)
                raise UserError(f"no node is named {shown(towards)} in topology {shown(self.topology)}{hint}")
            ends = zip(self.names, self.transit.tolist(), strict=True)
            may_reach = {towards} | {name for name, passes_on in ends if passes_on}
        made = networkx.DiGraph(topology=self.topology, t_s=self.t_s, utc=self.utc)
        for node in self._nodes():
            name, position_km = node.pop("name"), node.pop("position_km")
            known = {key: value for key, value in node.items() if value is not None}
            made.add_node(name, **known, **dict(zip(_POSITION_KM, position_km or (), strict=False)))
        for link in self._links():
            start, end = link.pop("from"), link.pop("to")
            if end in may_reach:
                made.add_edge(start, end, **link)
        return made

    def to_graphml(self) -> str:
        """The same as GraphML, with the attributes that `to_networkx` gives."""
        import networkx

        return "\n".join(networkx.generate_graphml(self.to_networkx()))

    def to_dict(self) -> dict:
        """The same JSON-ready, as `graph` returns it."""
        return {
            "topology": self.topology,
            "t_s": self.t_s,
            "utc": self.utc,
            "nodes": list(self._nodes()),
            "links": list(self._links()),
            "memory": self.memory,
        }

    def heading(self) -> str:
        """What it is the graph of, in one line."""
        return f"{self.topology} at t = {self.t_s:.12g} s, {self.utc}"

    def describe(self) -> list[tuple[str, ...]]:
        """The graph in a few numbers: rows of a table, the first one its heading."""
        n_ground = int(self.is_ground.sum())
        rows = [
            ("", "count", "least", "mean", "most"),
            ("satellites", str(len(self.names) - n_ground), "", "", ""),
            ("ground sites", str(n_ground), "", "", ""),
        ]
        lit = [light for light in self.sunlight if light is not None]
        if lit:
            rows.append(("satellites in the Earth's shadow", str(len(lit) - lit.count("sunlit")), "", "", ""))
        linked = np.zeros(len(self.names), bool)
        linked[self.from_node] = linked[self.to_node] = True
        rows.append(("nodes without a link", str(int((~linked).sum())), "", "", ""))
        for kind, what in enumerate(("satellite links, km", "ground links, km")):
            range_km = self.range_km[self.kind == kind]
            numbers = (of(range_km) for of in (np.min, np.mean, np.max)) if len(range_km) else ()
            texts = [f"{number:.1f}" for number in numbers] or ["", "", ""]
            rows.append((what, str(len(range_km)), *texts))
        return rows

    def _node_kinds(self):
        return ["ground" if is_ground else "satellite" for is_ground in self.is_ground.tolist()]

    def _nodes(self):
        """Nodes as JSON has them, one by one."""
        columns = (
            self.names,
            self._node_kinds(),
            self.position_km.tolist(),
            self.sunlight,
            self.transit.tolist(),
        )
        for name, kind, position_km, sunlight, transit in zip(*columns, strict=True):
            yield {
                "name": name,
                "kind": kind,
                "position_km": position_km if all(map(math.isfinite, position_km)) else None,
                "sunlight": sunlight,
                "transit": transit,
            }

    def _links(self):
        """Links as JSON has them, one by one."""
        columns = self.from_node, self.to_node, self.kind, self.range_km, self.delay_ms, self.rate_gbps
        for start, end, kind, range_km, delay_ms, rate_gbps in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            yield {
                "from": self.names[start],
                "to": self.names[end],
                "kind": KIND_NAMES[kind],
                "range_km": range_km,
                "delay_ms": delay_ms,
                "rate_gbps": rate_gbps,
            }


def graph_at(topology, at_s: float = 0.0, warn=lambda message: None, warm_up_s: float | None = None) -> Graph:
    """Nodes and directed links at `at_s` seconds since the topology's epoch.

    `warn`, a function of one str, is called for each satellite that is left out. Rules with a memory are
    followed from t = 0, or, if it is given, for `warm_up_s` before the instant.

    Raises
    ------
    UserError
        If `at_s` is not finite or further from the epoch than orbits mean anything, or `warm_up_s` is wrong.
    """
    check_instant(at_s, "instant")
    ephemeris = build_ephemeris(topology)
    engine = link_engine(topology, ephemeris, warm_up_s, warn)
    links = engine.graph_at(at_s)
    position_m, _ = ephemeris.state_at(at_s)
    sunlight = sunlight_at(ephemeris, at_s)
    warn_of_failures(ephemeris, warn)
    return Graph(
        topology.name,
        float(at_s),
        utc_of(topology.epoch, at_s),
        tuple(ephemeris.names),
        ephemeris.is_ground,
        transit_of(topology),
        position_m / 1e3,
        tuple(sunlight),
        links.from_node,
        links.to_node,
        links.kind,
        links.range_m / 1e3,
        links.delay_s * 1e3,
        links.rate_bps / 1e9,
        memory_of(engine, warm_up_s),
    )


def graph(topology, at_s: float = 0.0, warn=lambda message: None, warm_up_s: float | None = None) -> dict:
    """What `graph_at` gives, JSON-ready; arguments and errors as there.

    Returns
    -------
    result : dict
        `{topology, t_s, utc, nodes: [{name, kind, position_km, sunlight, transit}], links: [{from, to, kind,
        range_km, delay_ms, rate_gbps}], memory}`. Positions are Earth-fixed (ITRF); None for nodes that have
        none: fixed ones and satellites that SGP4 refuses. `sunlight` is one of `instants.SUNLIGHT` for
        satellites with a position, else None. `memory` is `{from_s, warm_up_s}` where something remembers,
        else None.
    """
    return graph_at(topology, at_s, warn, warm_up_s).to_dict()
