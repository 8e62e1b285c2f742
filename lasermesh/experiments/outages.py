"""When flows do not arrive: black holes and micro-loops, by cause and duration, exact in time."""

import numpy as np

from lasermesh.packets.causes import CAUSES
from lasermesh.packets.causes import HOP_LIMIT as HOP_LIMIT_CAUSE
from lasermesh.results import Outages
from lasermesh.routing import Forwarding
from lasermesh.routing.news_kernels import fill_arrivals
from lasermesh.routing.outcome_kernels import (
    ARRIVES,
    LINK_DOWN,
    LOOP,
    N_ROW,
    NO_ROUTE,
    NODE_DOWN,
    Standing,
    follow_outcomes,
)
from lasermesh.units import NEVER, NONE, PS_PER_S

BLACK_HOLES = {LINK_DOWN: "link_down", NO_ROUTE: "no_route", NODE_DOWN: "node_down"}
"""What ends a walk that does not arrive, as the cause of drops that it is named for."""

ROOM = 4096
"""Outages that are written together at most."""


class OutageLog:
    """Follows every flow through the tables and links of each step, and writes when it does not arrive.

    A flow is followed, while it is on, as a packet would go that takes no time. That it does not arrive is
    an outage, which lasts as long as it has the same kind and cause.

    Parameters
    ----------
    flows : traffic.Flows
    end_ps : int
        Of the run. Outages of flows that go on until then are cut by it.
    start_s : float
        Of the run, since the topology's epoch.
    """

    def __init__(self, flows, end_ps=NEVER, start_s=0.0):
        n_flows = flows.n_flows
        self._ends = flows.source.astype(np.int64), flows.destination.astype(np.int64)
        self._times = flows.start_ps, np.where(flows.stop_ps < end_ps, flows.stop_ps, NEVER)
        self._start_s = start_s
        self._standing = Standing(
            *(
                np.zeros(n_flows, np.int64),
                np.full(n_flows, ARRIVES, np.int64),
                np.full(n_flows, NONE, np.int64),
            ),
            *(np.zeros(n_flows, np.int64), np.zeros(0, np.int64), np.zeros(1, np.int64)),
        )
        self._ended = np.empty((ROOM, N_ROW), np.int64)
        self._forwarding: Forwarding | None = None
        self._count = np.zeros(LOOP + 1, np.int64)
        self._total_ps = [0] * (LOOP + 1)
        self._longest_ps = [0] * (LOOP + 1)

    def begin_step(self, forwarding: Forwarding):
        """Note what packets will meet in a step that begins."""
        self._forwarding = forwarding
        states = len(forwarding.slot_of_node) * (1 + forwarding.n_labels * forwarding.has_next_label)
        if len(self._standing.mark) < states:
            self._standing = self._standing._replace(mark=np.zeros(states, np.int64))

    def end_step(self, clock_ps, writer):
        """Follow the flows until an instant of that step, and write the outages that end."""
        if self._forwarding is None:  # the run failed before the step began
            return
        flow, n_flows = 0, len(self._ends[0])
        while flow < n_flows:
            flow, n_ended = follow_outcomes(
                *(self._forwarding, self._standing, *self._ends, *self._times, clock_ps, flow, self._ended)
            )
            self._write(self._ended[:n_ended], writer)
        self._forwarding = None

    def close(self, clock_ps, writer):
        """Write the outages that the end of the run cuts."""
        standing = self._standing
        flow = np.flatnonzero(standing.outcome != ARRIVES)
        columns = flow, standing.outcome[flow], standing.node[flow], standing.since_ps[flow]
        self._write(np.stack([*columns, np.full(len(flow), clock_ps)], axis=1), writer, open_end=True)

    def summary(self, drops):
        """Outages of the run: `black_holes` by cause, and `micro_loops`.

        Parameters
        ----------
        drops : int64 array, shape (n_flows, N_CAUSES)
            Packets that flows lost.
        """
        dropped = drops.sum(axis=0)
        return {
            "black_holes": {
                cause: self._entry(outcome, dropped[CAUSES.index(cause)])
                for outcome, cause in BLACK_HOLES.items()
            },
            "micro_loops": self._entry(LOOP, dropped[HOP_LIMIT_CAUSE]),
        }

    def _entry(self, outcome, dropped):
        return {
            "count": int(self._count[outcome]),
            "total_s": self._total_ps[outcome] / PS_PER_S,
            "longest_s": self._longest_ps[outcome] / PS_PER_S,
            "dropped": int(dropped),
        }

    def _write(self, rows, writer, open_end=False):
        """Count and write outages, rows as `follow_outcomes` makes them."""
        rows = rows[rows[:, 3] < rows[:, 4]]
        if not len(rows):
            return
        flow, outcome, node, since_ps, until_ps = rows.T
        self._count += np.bincount(outcome, minlength=LOOP + 1)
        for each in np.unique(outcome):
            lasted_ps = (until_ps - since_ps)[outcome == each]
            self._total_ps[each] += sum(lasted_ps.tolist())  # of many flows beyond int64
            self._longest_ps[each] = max(self._longest_ps[each], int(lasted_ps.max()))
        writer.write(
            Outages(
                t_s=self._start_s + since_ps / PS_PER_S,
                flow=flow,
                outcome=outcome - 1,
                duration_s=(until_ps - since_ps) / PS_PER_S,
                node=node,
                open_end=np.full(len(flow), open_end),
            )
        )


def warm_up():
    """Have the kernels compiled or loaded, by following one flow over no link."""
    none, one = np.zeros(0, np.int64), np.zeros(1, np.int64)
    forwarding = Forwarding(
        *(np.full((1, 2, 1), NONE, np.int32), np.zeros((1, 1), np.int32), 1, 1),
        *(False, False, NONE, one, none),
        *(np.zeros(2, np.int64), none, none, np.ones(2, np.int64)),
        *(np.zeros(3, np.int64), none, none, one, none, none, np.zeros(3, np.int64), none, none),
    )
    standing = Standing(
        *(np.zeros(1, np.int64) for _ in range(4)), np.zeros(2, np.int64), np.zeros(1, np.int64)
    )
    rows = np.empty((1, N_ROW), np.int64)
    follow_outcomes(forwarding, standing, one, one + 1, one, one + 1, 1, 0, rows)
    fill_arrivals(np.zeros(2, np.int64), np.zeros(0, np.int32), none, np.ones(1, bool), one)
