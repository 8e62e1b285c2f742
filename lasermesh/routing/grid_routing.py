"""Policy `dimension-order`: on a grid of planes, first all hops of one dimension, then those of the other."""

from typing import NamedTuple

import numpy as np

from lasermesh.routing import grid_kernels
from lasermesh.routing.declaring import Option, declare, options_in
from lasermesh.routing.snapshot import Snapshot, for_kernels
from lasermesh.routing.table import ForwardingTable
from lasermesh.units import NONE

OPTIONS = {
    "first": Option(
        str, "plane", "what comes first: hops to other planes, or along the plane", choices=("plane", "slot")
    ),
    "access": Option(
        str,
        "hops",
        "satellites of a ground site: those of least hops, or always the nearest one",
        choices=("hops", "nearest"),
    ),
}


class PlaneGrid(NamedTuple):
    """How the planes of one group hang together, as the links that are up show."""

    n_planes: int
    n_slots: int
    shift: np.ndarray  # int64 (n_planes,)  slots by which the neighbour in the next plane is ahead
    joined: np.ndarray  # bool (n_planes,)  whether any link leads from a plane to the next


@declare(
    complete=False,
    source="W. J. Dally, C. L. Seitz, IEEE Trans. Computers C-36, 1987; on Walker grids G. Stock, J. Fraire, "
    "H. Hermanns, Distributed On-Demand Routing for LEO Mega-Constellations (DisCoRoute), ASMS 2022",
    options=OPTIONS,
)
def dimension_order(snapshot: Snapshot) -> ForwardingTable:
    """Fewest hops over a grid of planes by numbers of planes and slots alone.

    A satellite needs |m| hops across planes and |v| along the plane, where m is the number of planes to go,
    all ways round allowed, and v what is then left to the slot (`grid_hops`). Of equally short ways the one
    with the fewest hops of the dimension that comes first, then to higher planes, then to higher slots. To a
    ground site, the satellite above it that is fewest hops away, of these the one with the shortest link,
    then the lowest row; from a ground site likewise. The links of the way are the only ones: where one of
    them is down, or its satellite carries no transit, there is no route from there. Nor is there between
    groups.
    """
    options = options_in(snapshot, OPTIONS)
    nearest = options["access"] == "nearest"
    link = np.full((snapshot.n_nodes, len(snapshot.destinations)), NONE, dtype=np.int32)
    grid = snapshot.grid
    if grid is None:
        return ForwardingTable(link[:, :, np.newaxis], snapshot.label_of_flow)
    columns = for_kernels(
        snapshot.destinations,
        snapshot.transit,
        snapshot.first,
        snapshot.from_node,
        snapshot.to_node,
        snapshot.link,
        snapshot.delay_s,
        grid,
    )
    hops = np.full(link.shape, grid_kernels.FAR, dtype=np.int64)
    exit_s = np.full(link.shape, np.inf)
    for group in np.unique(grid[grid[:, 0] != NONE, 0]).tolist():
        planes = plane_grid(snapshot, group)
        to_planes, to_slots = grid_hops(planes, options["first"] == "plane")
        satellite_at = np.full((planes.n_planes, planes.n_slots), NONE, dtype=np.int64)
        rows = np.flatnonzero(grid[:, 0] == group)
        satellite_at[grid[rows, 1], grid[rows, 2]] = rows
        grid_kernels.fill_grid_links(
            *columns,
            group,
            options["first"] == "plane",
            nearest,
            to_planes,
            to_slots,
            planes.shift,
            satellite_at,
            hops,
            exit_s,
            link,
        )
    grid_kernels.fill_entry_links(*columns, nearest, hops, exit_s, link)
    return ForwardingTable(link[:, :, np.newaxis], snapshot.label_of_flow)


def plane_grid(snapshot: Snapshot, group: int) -> PlaneGrid:
    """The planes of a group; a shift is that of most links between two planes, of equally many the least."""
    grid = snapshot.grid
    n_planes, n_slots = (grid[grid[:, 0] == group, 1:].max(axis=0) + 1).tolist()
    start, end = grid[snapshot.from_node], grid[snapshot.to_node]
    across = (start[:, 0] == group) & (end[:, 0] == group) & (end[:, 1] == (start[:, 1] + 1) % n_planes)
    across &= start[:, 1] != end[:, 1]
    if n_planes == 2:  # the one boundary that there is would be two
        across &= start[:, 1] == 0
    count = np.zeros((n_planes, n_slots), dtype=np.int64)
    np.add.at(count, (start[across, 1], (end[across, 2] - start[across, 2]) % n_slots), 1)
    return PlaneGrid(n_planes, n_slots, count.argmax(axis=1), count.any(axis=1))


def grid_hops(planes: PlaneGrid, plane_first: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Signed hops across planes, and along the plane, of the shortest way.

    From plane a over m planes (up for m > 0) a packet comes to plane (a + m) mod n_planes, ahead by the sum
    of the shifts it crossed; what is left to the slot it goes the shorter way round. Of all m the least sum
    is taken, ties as `dimension_order` says. Past |m| = n_planes + n_slots / 2 no m can be best.

    Returns
    -------
    to_planes, to_slots : int64 arrays, shape (n_planes, n_planes, n_slots)
        By plane, plane of the destination, and how many slots that is ahead; FAR across where there is no
        way.
    """
    shape = (planes.n_planes, planes.n_planes, planes.n_slots)
    to_planes, to_slots = np.full(shape, grid_kernels.FAR, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    grid_kernels.fill_grid_hops(planes.shift, planes.joined, plane_first, to_planes, to_slots)
    return to_planes, to_slots
