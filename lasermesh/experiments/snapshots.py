"""The snapshots of one topology that routing policies see."""

from lasermesh.routing import Snapshot, TreeMemory, grid_of, transit_of


class SnapshotMaker:
    """Makes snapshots of a topology's links at successive instants, for the same flows and policy.

    Parameters
    ----------
    topology : Topology
    ephemeris : Ephemeris
    flow_from, flow_to : array_like of int, shape (n_flows,)
        Rows of each flow's ends.
    options : mapping, optional
        What stands in `[routing.options]`.
    seed : int
    folder : path, optional
        What file names among the options are relative to.
    """

    def __init__(self, topology, ephemeris, flow_from, flow_to, options=None, seed=0, folder=None):
        self._names = ephemeris.names
        self._transit = transit_of(topology)
        self._flows = flow_from, flow_to
        self._more = {
            "is_ground": ephemeris.is_ground,
            "grid": grid_of(topology),
            "options": options,
            "seed": seed,
            "folder": folder,
            "positions": lambda t_s: ephemeris.state_at(t_s)[0],
            "memory": TreeMemory(),
        }

    def of(self, graph, previous=None, load=None, load_until_s=None) -> Snapshot:
        """The snapshot of a link graph; what else is given as `Snapshot.from_graph` takes it."""
        told = {"previous": previous, "load": load, "load_until_s": load_until_s}
        return Snapshot.from_graph(
            graph, self._names, self._transit, None, *self._flows, **told, **self._more
        )
