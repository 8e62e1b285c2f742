"""When a bundle may go back to where it has been: the one rule of all routers."""


def route_onward(request, find, find_unbooked):
    """The route for a bundle that keeps off nodes where it has been, if it can.

    A node knows neither what others have promised nor why one of them has sent a bundle away. The way back
    looks free to it, and was not: without this rule bundles go to and fro. CCSDS 734.3-B-1, 3.2.6, excludes
    the neighbour that a bundle has come from; all nodes before that one are as bad.

    Where the way onward is there but promised to others, the bundle waits for volume that is given back.
    Only where the plan has no way onward do nodes where it has been count like others.

    Parameters
    ----------
    request : Request
    find : function of a Request
        The route through what is free, or None.
    find_unbooked : function of a Request
        The same as if nothing were promised.

    Returns
    -------
    route : Route or None
    """
    # A neighbour that is asked for has a part of the bundle, and has not had it whole.
    kept_off = set(request.visited) - {request.source, request.destination, request.neighbour}
    if not kept_off:
        return find(request)
    onward = request._replace(without_nodes=(*request.without_nodes, *kept_off))
    route = find(onward)
    if route is None and find_unbooked(onward) is None:
        return find(request)
    return route
