"""Who can see whom: line of sight, link rules, the link graph of each step, contact plans."""

from lasermesh.contacts.coverage import Coverage, coverage
from lasermesh.contacts.engine import LinkEngine
from lasermesh.contacts.graph import GSL, ISL, LinkGraph, LinkStep, LinkTable, transit_of
from lasermesh.contacts.grid import grid_links_of_nodes
from lasermesh.contacts.intervals import OpenContacts, contact_plan, iterate_contacts
from lasermesh.contacts.pair_table import Holding
from lasermesh.contacts.plan_table import ContactPlan
from lasermesh.contacts.sight import clears_earth

__all__ = [
    "GSL",
    "ISL",
    "ContactPlan",
    "Coverage",
    "Holding",
    "LinkEngine",
    "LinkGraph",
    "LinkStep",
    "LinkTable",
    "OpenContacts",
    "clears_earth",
    "contact_plan",
    "coverage",
    "grid_links_of_nodes",
    "iterate_contacts",
    "transit_of",
]
