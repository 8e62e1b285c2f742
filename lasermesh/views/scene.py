"""What a globe shows, as plain arrays: the page (`globe`) and the file for Cesium (`czml`) are made of it.

Nodes are rows, satellites first. Instants are in s since the topology's epoch, and where that is said, since
`start_s`, when the scene begins. A link of a scene is a pair of nodes: `a` < `b`, both directions together.
"""

import datetime
from typing import NamedTuple

import numpy as np


class KeyFrames(NamedTuple):
    """Where satellites are at some instants, evenly spaced; between them positions are interpolated."""

    frame_s: np.ndarray  # float64 (n_frames,)  since start_s; the first is 0, the last the scene's end
    position_m: np.ndarray  # float64 (n_frames, n_satellites, 3)  Earth-fixed; nan for what has no position
    sun: np.ndarray  # float64 (n_frames, 3)  unit vector to the Sun, Earth-fixed
    gmst_rad: float  # angle of the Earth at start_s
    error_m: float  # the most by which interpolation was seen to miss the ephemeris


class SceneLinks(NamedTuple):
    """Pairs of nodes that are linked at some time of the scene; sorted by (a, b)."""

    a: np.ndarray  # int64 (n,)
    b: np.ndarray  # int64 (n,)  above a
    rate_bps: np.ndarray  # float64 (n, 2)  the highest of a > b and of b > a; 0 where that direction never is
    kind: np.ndarray  # uint8 (n,)  ISL or GSL


class SceneContacts(NamedTuple):
    """When pairs are linked, in either direction; sorted by start."""

    link: np.ndarray  # int64 (m,)  row in SceneLinks
    start_s: np.ndarray  # float64 (m,)  since the scene's start
    stop_s: np.ndarray  # float64 (m,)


class SceneLoad(NamedTuple):
    """What links did, by bins of time from the scene's start on; rows sorted by bin, then link.

    Columns of two are of a > b and of b > a.
    """

    bin_s: float
    last_bin_s: float  # the last one may be shorter; it may reach beyond the scene's end
    first: np.ndarray  # int64 (n_bins + 1,)  rows of bin i are first[i] to first[i + 1]
    link: np.ndarray  # int64 (k,)
    use: np.ndarray  # float64 (k, 2)  share of the bin in which it was sending
    queue_bytes: np.ndarray  # float64 (k, 2)  most bytes that waited at once
    dropped: np.ndarray  # float64 (k, 2)  packets
    bytes: np.ndarray  # float64 (k, 2)  whole IP packets whose last bit left

    @property
    def n_bins(self):
        """Number of bins."""
        return len(self.first) - 1


class SceneDrops(NamedTuple):
    """Packets that were dropped anywhere, by bins of time that cover the scene; not those of `SceneLoad`."""

    start_s: float  # of the first bin, since the scene's start: not above 0
    bin_s: float
    stop_s: float  # when the run ended, which cuts the last bin
    causes: tuple[str, ...]
    dropped: np.ndarray  # int64 (n_bins, n_causes)


class SceneFlow(NamedTuple):
    """A flow, and the paths it took: `(t_s since the scene's start, rows of nodes)`, () for none."""

    name: str
    from_row: int
    to_row: int
    sent: int
    delivered: int
    in_flight: int  # at the run's end neither delivered nor dropped
    dropped: int
    counts: str  # what of: "packets" or "bundles"
    latency_mean_ms: float | None
    paths: list[tuple[float, tuple[int, ...]]]


class GlobeScene(NamedTuple):
    """All that is shown."""

    title: str
    subtitle: str
    epoch: datetime.datetime
    start_s: float
    stop_s: float
    names: tuple[str, ...]  # of nodes, by row
    n_satellites: int
    groups: list[dict]  # {name, kind: "satellite" | "ground", first, size}
    roles: list[dict]  # {name: "sensor" | "compute", rows}
    frames: KeyFrames
    sites: np.ndarray  # float64 (n_sites, 3)  lat_deg, lon_deg, height_m
    links: SceneLinks
    contacts: SceneContacts
    contacts_left_out: int  # too many were there; without them a link may seem down that is up
    load: SceneLoad | None  # None: nothing was sent, it is a topology
    drops: SceneDrops | None  # None: a topology, or a run of an older lasermesh, which did not keep them
    flows: list[SceneFlow] | None
    flows_left_out: int
    summary: dict | None  # {counts, sent, delivered, in_flight, dropped: {cause: n}, status}
    notes: list[str]  # what was left out or made coarser, as sentences

    @property
    def has_position(self):
        """Which nodes can be drawn: bool (n_nodes,)."""
        flies = np.isfinite(self.frames.position_m[:, :, 0]).any(axis=0)
        return np.concatenate([flies, np.ones(len(self.sites), bool)])
