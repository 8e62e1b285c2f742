"""Failures that an experiment asks for: of nodes, links and terminals, at given times or at random."""

from dataclasses import dataclass

from lasermesh.scenario.fields import Flag, Integer, ListOf, Number, Row, bulky, key
from lasermesh.scenario.flows import TIME
from lasermesh.scenario.queues import NODES
from lasermesh.scenario.terminals import SHORTEST_MEAN_S
from lasermesh.scenario.topology import NODE

PAIR_OF_NODES = Row(("from", "to"), (NODE, NODE))
OF_NODES, OF_LINK, OF_LINKS, OF_TERMINALS = "nodes", "link", "links", "terminals"
MEAN_TIME = Number(low=SHORTEST_MEAN_S, unit="s")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What fails and when, as `[[faults]]`; all times count from the experiment's start."""

    nodes: tuple[str, ...] = key(
        NODES, (), only=(OF_NODES,), help="Nodes that fail with all their links: nodes or groups, by name."
    )
    link: tuple[str, str] | None = key(
        PAIR_OF_NODES, None, only=(OF_LINK,), help="Link that fails, by its two nodes."
    )
    links: tuple[tuple[str, str], ...] = key(
        ListOf(PAIR_OF_NODES, distinct=True), (), only=(OF_LINKS,), help="Links that fail, each for itself."
    )
    terminals: tuple[tuple[str, int], ...] = key(
        ListOf(Row(("node", "index"), (NODE, Integer(0))), distinct=True),
        (),
        only=(OF_TERMINALS,),
        help="Terminals that fail: satellite, and place among its terminals, from 0, in their list's order.",
    )
    both_ways: bool = key(
        Flag(), True, only=(OF_LINK, OF_LINKS), help="Whether the way back fails too, at the same times."
    )
    at_s: float | None = key(TIME, None, help="When it fails.")
    repair_s: float | None = key(TIME, None, help="When it works again; absent: never.")
    mtbf_s: float | None = key(
        MEAN_TIME,
        None,
        help="Mean time from repair to failure, exponential, each for itself, all in order at the start.",
    )
    mttr_s: float | None = key(MEAN_TIME, None, help="Mean time from failure to repair, exponential.")

    node_rows: tuple[int, ...] = bulky()
    link_rows: tuple[tuple[int, int], ...] = bulky()  # from and to, as written; `both_ways` says the rest
    terminal_rows: tuple[tuple[int, int], ...] = bulky()  # node, and place among its terminals
