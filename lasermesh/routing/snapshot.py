"""What a routing policy sees: the network at one instant, and where the traffic wants to go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from lasermesh.units import NONE, SPEED_OF_LIGHT_M_PER_S

if TYPE_CHECKING:
    import networkx

    from lasermesh.routing.table import ForwardingTable
    from lasermesh.routing.tree_memory import TreeMemory

LINK_KINDS = ("isl", "gsl")
"""What the numbers in `Snapshot.kind` mean."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The links that are up at one instant, the destinations in use and the flows.

    Links are directed, one row each, sorted by (from_node, to_node); those that start at node n are rows
    `first[n]` to `first[n + 1]`. A link's *row* is good for this snapshot, its id (`link`) for the whole run.
    """

    t_s: float  # since the topology's epoch
    names: tuple[str, ...]  # of the nodes, in row order
    transit: np.ndarray  # bool (n_nodes,)  False: may only be a path's first or last node
    is_ground: np.ndarray  # bool (n_nodes,)
    first: np.ndarray  # int64 (n_nodes + 1,)
    from_node: np.ndarray  # int32 (n_links,)
    to_node: np.ndarray  # int32 (n_links,)
    link: np.ndarray  # int32 (n_links,)  ids
    delay_s: np.ndarray  # float64 (n_links,)  propagation at t_s
    range_m: np.ndarray  # float64 (n_links,)
    rate_bps: np.ndarray  # int64 (n_links,)
    kind: np.ndarray  # int8 (n_links,)  index into LINK_KINDS
    destinations: np.ndarray  # int32 (n_destinations,)  ascending rows of the nodes that flows go to
    flow_from: np.ndarray  # int32 (n_flows,)
    flow_to: np.ndarray  # int32 (n_flows,)
    load: np.ndarray | None = (
        None  # float64 (n_links,)  share of the last routing interval for which each sent, if known
    )
    load_until_s: float | None = None  # when that interval ended, since the topology's epoch
    previous: "ForwardingTable | None" = None  # the table in force until now
    options: Mapping[str, Any] = field(
        default_factory=lambda: MappingProxyType({})
    )  # [routing.options] of the file, those that are absent with their defaults
    grid: np.ndarray | None = None  # int32 (n_nodes, 3)  group, plane and slot; NONE outside grids of planes
    seed: int = 0  # of everything random that a policy decides
    folder: Path | None = None  # what file names among the options are relative to
    positions: Callable[[float], np.ndarray] | None = None  # of the instant, see `position_m`
    memory: "TreeMemory | None" = None  # of the trees of the snapshot before

    @classmethod
    def from_graph(
        cls,
        graph,
        names,
        transit,
        destinations,
        flow_from,
        flow_to,
        t_s=None,
        previous=None,
        load=None,
        load_until_s=None,
        is_ground=None,
        options=None,
        grid=None,
        seed=0,
        folder=None,
        positions=None,
        memory=None,
    ) -> "Snapshot":
        """A snapshot of a link graph.

        Parameters
        ----------
        graph : LinkGraph
            Anything with its arrays: first, from_node, to_node, link, range_m, rate_bps, kind and `t_s`.
        names : sequence of str, length n_nodes
        transit : array_like of bool, shape (n_nodes,)
        destinations : array_like of int, shape (n_destinations,)
            Rows in ascending order, without repetition; every flow's end is among them.
            None: those of the flows.
        flow_from, flow_to : array_like of int, shape (n_flows,)
            Rows of each flow's ends.
        t_s : float, optional
            The instant, if it is not the graph's own.
        previous : ForwardingTable, optional
        load : array_like of float, shape (n_links,), optional
        load_until_s : float, optional
        is_ground : array_like of bool, shape (n_nodes,), optional
            Default: no node is.
        options : mapping, optional
        grid : array_like of int, shape (n_nodes, 3), optional
        seed : int
        folder : path, optional
        positions : function of t_s, optional
            Gives Earth-fixed positions in m, float64 (n_nodes, 3), nan for nodes that have none.
        memory : TreeMemory, optional
            That of the snapshots before: `trees_towards` repairs what it found for them.

        Raises
        ------
        ValueError
            If a shape is wrong, a row names no node, or a flow's end is not among the destinations.
        """
        names = tuple(names)
        n_nodes = len(names)
        n_links = len(graph.link)
        flow_from = _plain(flow_from, np.int32, None, "flow_from")
        flow_to = _plain(flow_to, np.int32, len(flow_from), "flow_to")
        if destinations is None:
            destinations = np.unique(flow_to)
        destinations = _plain(destinations, np.int32, None, "destinations")
        for rows, what in ((destinations, "destinations"), (flow_from, "flow_from"), (flow_to, "flow_to")):
            if len(rows) and (rows.min() < 0 or rows.max() >= n_nodes):
                raise ValueError(f"{what} holds a row that is no node; rows are 0 to {n_nodes - 1}")
        if np.any(np.diff(destinations) <= 0):
            raise ValueError("destinations must ascend, each row once")
        if not np.isin(flow_to, destinations).all():
            raise ValueError("every row of flow_to must be among destinations")
        range_m = _plain(graph.range_m, np.float64, n_links, "range_m")
        return cls(
            t_s=float(graph.t_s if t_s is None else t_s),
            names=names,
            transit=_plain(transit, np.bool_, n_nodes, "transit"),
            is_ground=_plain(
                np.zeros(n_nodes) if is_ground is None else is_ground, np.bool_, n_nodes, "is_ground"
            ),
            first=_plain(graph.first, np.int64, n_nodes + 1, "first"),
            from_node=_plain(graph.from_node, np.int32, n_links, "from_node"),
            to_node=_plain(graph.to_node, np.int32, n_links, "to_node"),
            link=_plain(graph.link, np.int32, n_links, "link"),
            delay_s=range_m / SPEED_OF_LIGHT_M_PER_S,
            range_m=range_m,
            rate_bps=_plain(graph.rate_bps, np.int64, n_links, "rate_bps"),
            kind=_plain(graph.kind, np.int8, n_links, "kind"),
            destinations=destinations,
            flow_from=flow_from,
            flow_to=flow_to,
            load=None if load is None else _plain(load, np.float64, n_links, "load"),
            load_until_s=load_until_s,
            previous=previous,
            options=MappingProxyType(dict(options or {})),
            grid=None if grid is None else np.require(grid, np.int32, ("C", "W")),
            seed=seed,
            folder=folder,
            positions=positions,
            memory=memory,
        )

    def read_only(self) -> "Snapshot":
        """The same snapshot, whose arrays cannot be written: what a policy gets to see.

        The arrays here are those of the link graph and the flows, which the simulation goes on to use.
        """
        views = {}
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray) and name in self.__dataclass_fields__:
                views[name] = value.view()
                views[name].setflags(write=False)
        return replace(self, **views)

    @property
    def n_nodes(self) -> int:
        """How many nodes there are, linked or not."""
        return len(self.names)

    @property
    def n_links(self) -> int:
        """How many directed links are up."""
        return len(self.link)

    @property
    def n_flows(self) -> int:
        """How many flows there are, active or not."""
        return len(self.flow_from)

    @cached_property
    def position_m(self) -> np.ndarray | None:
        """Earth-fixed positions (ITRF): float64 (n_nodes, 3), nan for nodes without one; None: not known."""
        return None if self.positions is None else self.positions(self.t_s)

    @cached_property
    def ends_of_link(self) -> np.ndarray:
        """From and to by link id: int32 (greatest id that is up + 1, 2), NONE for a link that is down."""
        ends = np.full((int(self.link.max(initial=-1)) + 1, 2), -1, dtype=np.int32)
        ends[self.link, 0] = self.from_node
        ends[self.link, 1] = self.to_node
        return ends

    @cached_property
    def label_of_flow(self) -> np.ndarray:
        """Each flow's label where a label is a destination's place: int32 (n_flows, 1)."""
        return np.searchsorted(self.destinations, self.flow_to).astype(np.int32)[:, np.newaxis]

    def to_networkx(self, towards: int | str | None = None) -> "networkx.DiGraph":
        """The snapshot as a networkx graph, for policies and analyses written with that library.

        Parameters
        ----------
        towards : int or str, optional
            Row or name of a destination. The links into other nodes that carry no transit are then left out,
            so that every path to the destination is one that packets may take.

        Returns
        -------
        graph : networkx.DiGraph
            Nodes are names, in row order, with `row`, `kind` ("satellite" or "ground") and `transit`; edges
            have `link` (the id), `kind` ("isl" or "gsl"), `delay_s`, `range_m` and `rate_bps`.
        """
        import networkx

        graph = networkx.DiGraph(t_s=self.t_s)
        for row, name in enumerate(self.names):
            kind = "ground" if self.is_ground[row] else "satellite"
            graph.add_node(name, row=row, kind=kind, transit=bool(self.transit[row]))
        may_reach = np.ones(self.n_nodes, dtype=bool)
        if towards is not None:
            may_reach = self.transit.copy()
            may_reach[self.names.index(towards) if isinstance(towards, str) else towards] = True
        columns = (
            self.from_node,
            self.to_node,
            self.link,
            self.kind,
            self.delay_s,
            self.range_m,
            self.rate_bps,
        )
        for start, end, link, kind, delay_s, range_m, rate_bps in zip(
            *(c.tolist() for c in columns), strict=True
        ):
            if may_reach[end]:
                graph.add_edge(
                    self.names[start],
                    self.names[end],
                    link=link,
                    kind=LINK_KINDS[kind],
                    delay_s=delay_s,
                    range_m=range_m,
                    rate_bps=rate_bps,
                )
        return graph


def grid_of(topology) -> np.ndarray:
    """Group, plane and slot of satellites in groups that have planes: int32 (n_nodes, 3), else NONE."""
    grid = np.full((len(topology.node_names), 3), NONE, dtype=np.int32)
    for index, group in enumerate(topology.satellites):
        if group.planes is not None:
            rows = topology.group_rows(group.name)
            grid[rows.start : rows.stop, 0] = index
            grid[rows.start : rows.stop, 1:] = group.plane_slot
    return grid


def cost_in_hops(snapshot: Snapshot) -> Snapshot:
    """The same snapshot with a delay of 1 on every link, so that the sum over a path counts its links."""
    return replace(snapshot, delay_s=np.ones(snapshot.n_links))


def for_kernels(*arrays) -> list[np.ndarray]:
    """The arrays, those that are read-only copied: numba would compile each kernel once more for them."""
    return [array if array.flags.writeable else array.copy() for array in arrays]


def _plain(values, dtype, length, what):
    """An array of one dtype, C order and writeable, so that kernels compile once; its length checked."""
    array = np.require(values, dtype=dtype, requirements=("C", "W"))
    if array.ndim != 1 or (length is not None and len(array) != length):
        wanted = "one-dimensional" if length is None else f"of shape ({length},)"
        raise ValueError(f"{what} must be {wanted} (got shape {array.shape})")
    return array
