"""Who can see whom: line of sight, link rules and the link graph of each step."""

from lasermesh.contacts.engine import LinkEngine
from lasermesh.contacts.graph import GSL, ISL, LinkGraph, LinkTable
from lasermesh.contacts.grid import grid_links_of_nodes
from lasermesh.contacts.sight import clears_earth

__all__ = ["GSL", "ISL", "LinkEngine", "LinkGraph", "LinkTable", "clears_earth", "grid_links_of_nodes"]
