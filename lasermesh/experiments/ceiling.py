"""The upper bound that `throughput` states: the mean over instants, each computed when it is first wanted."""

import numpy as np

from lasermesh.experiments import bounds

MAX_FLOW, LP, NO_BOUND = METHODS = ("max-flow", "lp", "none")

LARGE = 3_000_000
"""Pairs times links from which on the user is told that linear programs may take minutes."""


class Ceiling:
    """What a network can carry at some instants, at most.

    Parameters
    ----------
    method : str
        One of METHODS.
    snapshots : list of Snapshot
        With the pairs as their flows.
    weights : float64 array (n_instants,)
        Of each in the mean; they add up to 1.
    demand_gbps : float64 array (n_pairs,)
    payload_share : float
        Of the rates of links, what is left for packets.
    warn : function of str

    Attributes
    ----------
    joined : list of bool arrays (n_pairs,)
        Which pairs have a path at each instant, whatever the policy.
    concurrent : list of Bound or None
        The greatest multiple of all demands at each instant; None where the method does not tell.
    """

    def __init__(self, method, snapshots, weights, demand_gbps, payload_share, warn):
        self._method, self._snapshots, self._weights = method, snapshots, weights
        self._demand_gbps = demand_gbps
        n_pairs, n_links = len(demand_gbps), snapshots[0].n_links
        if method == LP and n_pairs * n_links > LARGE:
            warn(
                f"the upper bound is a linear program for {n_pairs} pairs on {n_links} links, at "
                f"{len(snapshots)} instants, and may take minutes; --bound none leaves it out, --bound "
                "max-flow is faster and looser"
            )
        self._graphs = [bounds.capacity_graph(snapshot, payload_share) for snapshot in snapshots]
        self.joined = [bounds.reachable(graph) for graph in self._graphs]
        self.concurrent = self._concurrent()

    @property
    def multiple(self):
        """The greatest multiple of all demands, mean over the instants."""
        return self._mean(found.value for found in self.concurrent)

    def total(self, offered_gbps):
        """The most in total with these rates of pairs, in Gbps, and the greatest gap; None, None without."""
        if self._method == NO_BOUND:
            return None, None

        def at(k):
            offered = np.where(self.joined[k], offered_gbps, 0.0)
            if self.concurrent is not None:  # what fits in proportion to the demands need not be solved for
                known = self.concurrent[k]
                if np.all(offered <= known.value * (1.0 - known.gap) * self._demand_gbps):
                    return bounds.Bound(float(offered.sum()), 0.0)
            solve = bounds.most_in_total if self._method == LP else bounds.max_flow
            return solve(self._graphs[k], offered)

        found = self._of_instants(at)
        return self._mean(each.value for each in found), max(each.gap for each in found)

    def entry(self, names):
        """What the result says of the bound as a whole; None without one."""
        if self._method == NO_BOUND:
            return None
        cut = concurrent_gbps = gap = None
        if self.concurrent is not None:
            demands = (float(self._demand_gbps[joined].sum()) for joined in self.joined)
            each = zip(self.concurrent, demands, strict=True)
            concurrent_gbps = self._mean(found.value * demand for found, demand in each)
            gap = max(found.gap for found in self.concurrent)
            if self._method == MAX_FLOW:
                cut = self._cut(names)
        return {"method": self._method, "concurrent_gbps": concurrent_gbps, "concurrent_gap": gap, "cut": cut}

    def _cut(self, names):
        """The links of the least cut at the first instant."""
        seen = self._snapshots[0]
        return [
            {
                "from": names[seen.from_node[link]],
                "to": names[seen.to_node[link]],
                "rate_gbps": float(seen.rate_bps[link]) / 1e9,
            }
            for link in self.concurrent[0].cut
        ]

    def _concurrent(self):
        gbps = self._demand_gbps
        if self._method == LP:
            return self._of_instants(lambda k: bounds.most_concurrent(self._graphs[k], gbps))
        if self._method == MAX_FLOW and len(gbps) == 1:
            return self._of_instants(
                lambda k: (found := bounds.max_flow(self._graphs[k]))._replace(value=found.value / gbps[0])
            )
        return None

    def _of_instants(self, solve):
        """`solve(k)` for each instant, the answer of the one before where links and rates are the same."""
        found = []
        for k, graph in enumerate(self._graphs):
            same = k > 0 and all(
                np.array_equal(a, b) for a, b in zip(graph[1:4], self._graphs[k - 1][1:4], strict=True)
            )
            found.append(found[-1] if same else solve(k))
        return found

    def _mean(self, values):
        return float(sum(weight * value for weight, value in zip(self._weights, values, strict=True)))
