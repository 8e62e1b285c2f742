"""The mesh as senders know it: ways by the tables in force, and the state of their own links."""

import numpy as np

from lasermesh.units import PS_PER_S
from lasermesh.workloads.port import Path


class KnownMesh:
    """Ways of all channels, and links of the nodes that send data.

    Parameters
    ----------
    first_row : int
        Of the channels among the flows.
    senders : set of int
        Rows of nodes whose links are followed.
    clients : set of int
        Rows of those that attach to hosts as guests.
    processing_ps : int64 array, shape (n_nodes,)
    hop_limit : int
        A way of more links is none: packets would be dropped on it.
    feed : LinkFeed
    agenda : Agenda
    """

    def __init__(self, first_row, senders, clients, processing_ps, hop_limit, feed, agenda):
        self._first_row = first_row
        self._is_sender = np.zeros(len(processing_ps), bool)
        self._is_sender[list(senders)] = True
        self._processing_ps = processing_ps
        self._hop_limit = hop_limit
        self._feed, self._agenda = feed, agenda
        self._routes = None
        self._paths = {}  # by channel, of the present routes
        self._up = set()  # links of senders
        self._links_up = dict.fromkeys(senders, 0)
        # Guests: ps without a link so far, and since when without one (None: with one).
        self._unattached = {node: [0, 0] for node in sorted(clients & senders)}

    # -- what transfers ask -----------------------------------------------------------------------------

    def path(self, channel):
        """The way of a channel by the tables in force: `Path`, or None."""
        if channel not in self._paths:
            self._paths[channel] = self._find_path(self._first_row + channel)
        return self._paths[channel]

    def _find_path(self, flow):
        routes = self._routes
        if routes is None or not 0 < routes.first[flow + 1] - routes.first[flow] <= self._hop_limit + 1:
            return None
        rows = slice(routes.first[flow], routes.first[flow + 1])
        processing_ps = int(self._processing_ps[routes.node[rows][1:]].sum())
        delay_ps = round(float(routes.delay_s[flow]) * PS_PER_S) + processing_ps
        return Path(tuple(routes.link[rows][:-1].tolist()), delay_ps)

    def rate_bps(self, link):
        """Rate of a link, or the one that it had last."""
        return int(self._feed.full_rate_bps[link])

    def follows(self, node):
        """Whether the links of a node are known."""
        return node in self._links_up

    def is_up(self, link):
        """Whether a link of a sender is up."""
        return link in self._up

    def is_attaching(self, node):
        """Whether a node is a guest without a link."""
        return node in self._unattached and self._unattached[node][1] is not None

    # -- what work asks ---------------------------------------------------------------------------------

    def is_attached(self, node):
        """Whether a node has any link; of one that sends nothing, at the beginning of the step."""
        if node in self._links_up:
            return self._links_up[node] > 0
        return bool(self._feed.graph.first[node] < self._feed.graph.first[node + 1])

    def attaching_ps(self, node):
        """How long a guest has been without a link since the run's start; 0 of others."""
        if node not in self._unattached:
            return 0
        spent_ps, since_ps = self._unattached[node]
        return spent_ps if since_ps is None else spent_ps + self._agenda.now_ps - since_ps

    # -- what happens -----------------------------------------------------------------------------------

    def changes_of_senders(self, changes, from_node):
        """Of a step's changes those of links that begin at senders: lists of (link, up) by instant."""
        mine = self._is_sender[from_node[changes.link]]
        found = {}
        rows = (column[mine].tolist() for column in changes[1:])
        for time_ps, link, rate_bps in zip(*rows, strict=True):
            found.setdefault(time_ps, []).append((link, rate_bps > 0))
        return found

    def change_links(self, changes, from_node):
        """Links, (link, up), are so from now on; the rows of their nodes."""
        nodes = set()
        for link, up in changes:
            node = int(from_node[link])
            nodes.add(node)
            if up != (link in self._up):
                self._links_up[node] += 1 if up else -1
                (self._up.add if up else self._up.discard)(link)
        now_ps = self._agenda.now_ps
        for node in nodes & self._unattached.keys():
            clock = self._unattached[node]
            if self._links_up[node] > 0 and clock[1] is not None:
                clock[:] = clock[0] + now_ps - clock[1], None
            elif self._links_up[node] == 0 and clock[1] is None:
                clock[1] = now_ps
        return nodes

    def set_routes(self, routes):
        """Tables with these ways are in force from now on."""
        self._routes = routes
        self._paths = {}
