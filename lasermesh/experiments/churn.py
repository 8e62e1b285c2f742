"""How much the path of a pair changes over time, in a few numbers."""

import statistics
from itertools import pairwise


class Stay:
    """One path, or none, for as long as it stays: what `churn_of` counts."""

    def __init__(self, nodes, t_s):
        self.nodes = nodes
        self.t_s = self.until_s = t_s
        self.rtts_ms = []  # those looked at
        self.rtt_sum = 0.0  # of weights times rtt_ms; by time where times are exact, else by samples
        self.weight = 0.0

    def links(self):
        """Ends of every link."""
        return set(pairwise(self.nodes))


def stays_of(samples: list[dict], step_s: float) -> list[Stay]:
    """Runs of successive samples with the same path, each of which stays until the next one begins."""
    stays = []
    for sample in samples:
        if not stays or stays[-1].nodes != sample["nodes"]:
            stays.append(Stay(sample["nodes"], sample["t_s"]))
        stay = stays[-1]
        stay.until_s = sample["t_s"] + step_s
        if sample["reachable"]:
            stay.rtts_ms.append(sample["rtt_ms"])
            stay.rtt_sum += sample["rtt_ms"]
            stay.weight += 1.0
    for stay, following in pairwise(stays):
        stay.until_s = following.t_s
    return stays


def churn_of(stays: list[Stay], on_ground: tuple[bool, bool], watched_s: float, exact: bool) -> dict:
    """What the stays of one pair, in the order of time, come to.

    Parameters
    ----------
    stays : list of Stay
    on_ground : (bool, bool)
        Whether the pair's ends are ground sites, which are handed over from satellite to satellite.
    watched_s : float
        How long was watched; 0 for a single instant.
    exact : bool
        Whether stays begin and end when the path changed, or at the samples after that.

    Returns
    -------
    churn : dict
        JSON-ready, see `lasermesh docs commands`; None for what cannot be told. Lifetimes are those of paths
        of which both beginning and end were seen.
    """
    changes = list(pairwise(stays))
    between_paths = [(before, after) for before, after in changes if before.nodes and after.nodes]
    lives_s = [stay.until_s - stay.t_s for stay in stays[1:-1] if stay.nodes]
    rtts_ms = [rtt_ms for stay in stays for rtt_ms in stay.rtts_ms]
    weight = sum(stay.weight for stay in stays)
    least, most = min(rtts_ms, default=None), max(rtts_ms, default=None)
    return {
        "exact": exact,
        "changes": len(changes),
        "changes_per_h": len(changes) / watched_s * 3600.0 if watched_s > 0.0 else None,
        "path_lifetime_s": {
            "mean": statistics.fmean(lives_s) if lives_s else None,
            "median": statistics.median(lives_s) if lives_s else None,
            "min": min(lives_s, default=None),
            "max": max(lives_s, default=None),
        },
        "rtt_ms": {
            "min": least,
            "mean": sum(stay.rtt_sum for stay in stays) / weight if weight else None,
            "max": most,
        },
        "rtt_ratio_max_min": most / least if least else None,
        "handovers": _handovers(between_paths, on_ground),
        "hop_changes": sum(len(before.nodes) != len(after.nodes) for before, after in between_paths),
        "links_changed_mean": (
            statistics.fmean(_jaccard_distance(before, after) for before, after in between_paths)
            if between_paths
            else None
        ),
    }


def _handovers(between_paths, on_ground):
    """How often the satellite that serves an end changed, both ends counted; None if neither is on Earth."""
    if not any(on_ground):
        return None
    counted = 0
    for before, after in between_paths:
        counted += on_ground[0] and before.nodes[1] != after.nodes[1]
        counted += on_ground[1] and before.nodes[-2] != after.nodes[-2]
    return counted


def _jaccard_distance(before, after):
    """Share of the links of two paths that only one of them has."""
    links, others = before.links(), after.links()
    return 1.0 - len(links & others) / len(links | others)
