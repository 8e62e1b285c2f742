"""The contact graph of a topology, from its orbits, terminals and link rules."""

from dataclasses import replace

from lasermesh.contacts import LinkEngine, contact_plan, transit_of
from lasermesh.dtn.graph import ContactGraph, graph_of
from lasermesh.dtn.light_times import light_time_knots, light_times_of_steps
from lasermesh.orbits import build_ephemeris
from lasermesh.orbits.left_out import warn_of_failures


def graph_of_topology(
    topology,
    start_s=0.0,
    duration_s=86_400.0,
    exact_light_times=True,
    predicted=False,
    warm_up_s=None,
    step_s=None,
    on_progress=None,
    warn=None,
) -> tuple[ContactGraph, object]:
    """The contact graph of a topology for a while, whose t = 0 is the beginning of it.

    Parameters
    ----------
    topology : Topology
    start_s, duration_s : float
        Seconds since the topology's epoch, and how long.
    exact_light_times : bool
        Let the light time move within a contact as the nodes do, to `MOST_WRONG_S`. Otherwise, and for
        contacts of plan files with light times of their own, it is that of the contact's middle:
        `light_time_spread_ns` tells how far off that is.
    predicted : bool
        What can be known beforehand: see `predictable`.
    warm_up_s : float, optional
        As for `LinkEngine`.
    step_s : float, optional
        Let light times move as they do in a run with such steps: see `light_times_of_steps`.
    on_progress : function of float, optional
        Called now and then with the instant that has been reached, in s since the topology's epoch.
    warn : function of one str, optional
        Told which satellites are left out.

    Returns
    -------
    graph : ContactGraph
        Rows of nodes are the topology's, those of contacts the plan's.
    plan : ContactPlan
        Sorted by (from_node, to_node, start_s), times since the topology's epoch.
    """
    if predicted:
        topology = predictable(topology)
    ephemeris = build_ephemeris(topology)
    links = LinkEngine(topology, ephemeris, warm_up_s)
    stop_s = start_s + duration_s
    plan = contact_plan(topology, ephemeris, start_s, stop_s, on_progress=on_progress, engine=links)
    knots = None
    if exact_light_times and step_s is None:
        knots = light_time_knots(plan, links.skies.ranges_between)
    elif exact_light_times:
        knots = light_times_of_steps(plan, links.skies.ranges_between, start_s, step_s)
    if warn is not None:
        warn_of_failures(ephemeris, warn)
    n_nodes, numbers = len(topology.node_names), topology.ipn_numbers
    return graph_of(plan, n_nodes, transit_of(topology), numbers, start_s, knots), plan


def predictable(topology):
    """The same topology without clouds, and with terminals that never lose each other at random.

    How long acquisitions take is drawn from the seed and stays as it is.
    """

    def steady(terminal):
        return replace(terminal, mean_time_between_losses_s=None)

    def lasting(group):
        return replace(group, terminals=tuple(replace(use, type=steady(use.type)) for use in group.terminals))

    def clear(group):
        sites = tuple(replace(site, availability=None, mean_cloudy_s=None) for site in group.sites)
        return replace(group, sites=sites)

    return replace(
        topology,
        terminals=tuple(map(steady, topology.terminals)),
        satellites=tuple(map(lasting, topology.satellites)),
        ground=tuple(map(clear, topology.ground)),
    )
