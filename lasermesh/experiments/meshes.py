"""A topology as one works with it in Python: its graph, paths, contacts and positions at any time."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lasermesh.experiments.contacts import DEFAULT_DURATION_S, find_contacts
from lasermesh.experiments.explaining import explain
from lasermesh.experiments.graphs import Graph, graph_at
from lasermesh.experiments.instants import utc_of
from lasermesh.experiments.paths import check_instant, paths
from lasermesh.orbits import build_ephemeris
from lasermesh.results.columns import Contacts
from lasermesh.results.html import notebook_html
from lasermesh.results.tables import contact_table
from lasermesh.scenario import Topology, load_topology

if TYPE_CHECKING:
    import pyarrow


class Mesh:
    """A topology and what can be asked of it. All times are in s since its epoch.

    What takes more than these arguments is a function of `lasermesh`, to be given `mesh.topology`.

    Attributes
    ----------
    topology : Topology
    """

    def __init__(self, topology: Topology, warn=lambda message: None):
        self.topology = topology
        self._warn = warn

    def __repr__(self):
        return f"<Mesh {self._heading()}: {', '.join(f'{n:,} {what}' for what, n in self._counts())}>"

    def _repr_html_(self):
        rows = [(what, f"{number:,}") for what, number in self._counts()]
        return notebook_html(self._heading(), ("", "count"), rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all nodes in the order of rows: satellites, then ground sites."""
        return tuple(self.topology.node_names)

    def graph(self, at: float = 0.0, warm_up_s: float | None = None) -> Graph:
        """The nodes and the links that are up at an instant.

        With `warm_up_s`, here and below, link rules that have a memory are followed for so long before the
        instant, instead of from t = 0.
        """
        return graph_at(self.topology, at, self._warn, warm_up_s)

    def path(
        self,
        a: str,
        b: str,
        at: float = 0.0,
        policy="shortest-delay",
        options=None,
        warm_up_s: float | None = None,
    ) -> dict:
        """The path from one node to another at an instant, as a routing policy chooses it.

        Parameters
        ----------
        a, b : str
            Names of nodes, or `#17` for a row.
        at : float
        policy : str or function
            A name, `file.py:function`, or the function itself.
        options : mapping, optional
            Those of the policy.
        warm_up_s : float, optional

        Returns
        -------
        path : dict
            `{from, to, policy, t_s, reachable, delay_ms, rtt_ms, distance_km, hops, nodes, ...}`: a sample of
            `lasermesh path --json`; where there is no path, `nodes` is empty and numbers are None.
        """
        found = paths(
            self.topology, [(a, b)], at, policy=policy, warn=self._warn, warm_up_s=warm_up_s, options=options
        )
        (of_pair,) = found["paths"]
        (sample,) = of_pair["samples"]
        return {"from": of_pair["from"], "to": of_pair["to"], "policy": found["policy"], **sample}

    def contacts(
        self,
        start_s: float = 0.0,
        duration_s: float = DEFAULT_DURATION_S,
        potential: bool = False,
        warm_up_s: float | None = None,
    ) -> "pyarrow.Table":
        """Table (pyarrow) of the contacts within a time, as in `contacts.parquet`; one row per direction.

        `potential` contacts are what geometry allows, whatever terminals and choices make of it.
        """
        found = find_contacts(
            self.topology, start_s, duration_s, potential, warm_up_s=warm_up_s, warn=self._warn
        )
        return contact_table(Contacts(*found.plan), self.topology.node_names)

    def explain(
        self, a: str, b: str, at: float = 0.0, route: bool | None = None, warm_up_s: float | None = None
    ) -> dict:
        """Why there is or is no link between two nodes at an instant, as `lasermesh explain --json` has it.

        `route` tells whether to explain the way from the first to the second too; None: where no link is.
        """
        return explain(self.topology, a, b, at, warm_up_s, self._warn, route)

    def positions(self, at: float = 0.0) -> np.ndarray:
        """Earth-fixed (ITRF) positions of all nodes at an instant, in km: float64 (n_nodes, 3).

        nan of nodes that have none: fixed ones, and satellites that SGP4 refuses.
        """
        check_instant(at, "instant")
        return self._ephemeris.state_at(at)[0] / 1e3

    @cached_property
    def _ephemeris(self):
        return build_ephemeris(self.topology)

    def _heading(self):
        return f"{self.topology.name}, t = 0 at {utc_of(self.topology.epoch, 0.0)}"

    def _counts(self):
        """What there is, and how often."""
        n_satellites = self.topology.n_satellites
        yield "satellites", n_satellites
        yield "ground sites", len(self.topology.node_names) - n_satellites
        yield "link rules", len(self.topology.links)


def topology(name_or_file, sets=(), warn=lambda message: None) -> Mesh:
    """A topology to be asked for its graph, paths, contacts and positions.

    Parameters
    ----------
    name_or_file : str, path or Topology
        The name of a shipped topology, or a file; of an experiment, its topology is taken.
    sets : iterable of str
        Changes to the file, each `PATH=VALUE`.
    warn : function of one str
        Told what a command would warn of.

    Raises
    ------
    ScenarioError
        With all problems of all files.
    """
    if isinstance(name_or_file, Topology):
        return Mesh(name_or_file, warn)
    loaded = load_topology(name_or_file, sets)
    for warning in loaded.warnings:
        warn(warning)
    return Mesh(loaded, warn)
