"""Contact-graph routing: which contacts take a bundle to its destination first (CCSDS 734.3-B-1).

A plan's contacts become a `graph` of nodes whose ordered pairs have windows of time; all searches run on it.
Time is int64 nanoseconds since the plan's epoch, so that ties are exact.
"""

from lasermesh.dtn.graph import ContactGraph, graph_of
from lasermesh.dtn.k_best import k_best_routes, routes_in_order
from lasermesh.dtn.profile import Profiles, profile_to
from lasermesh.dtn.routes import Hop, Route, Terms
from lasermesh.dtn.search import Tree, arrival_tree, arrivals, best_route

__all__ = [
    "ContactGraph",
    "Hop",
    "Profiles",
    "Route",
    "Terms",
    "Tree",
    "arrival_tree",
    "arrivals",
    "best_route",
    "graph_of",
    "k_best_routes",
    "profile_to",
    "routes_in_order",
]
