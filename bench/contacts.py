"""How long the link graph of one step takes, beside what a user would write with sgp4, numpy and scipy.

    python bench/contacts.py [--steps 200]

1,584 satellites (72 planes of 22, F = 39, 550 km, 53 deg) in a grid of four links each, and 100
cities linked with every satellite at least 25 degrees up; steps of one second. All four programs take
positions from SGP4, and all but the last must find the same links.
"""

import argparse
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the checkout, where lasermesh is not installed

MASK_DEG = 25.0
GRAZING_M = 80_000.0
EQUATORIAL_M, POLAR_M = 6_378_137.0, 6_356_752.314245
DENSE_STEPS = 5  # of what takes tens of milliseconds a step


class Lasermesh:
    """The engine: positions at one instant and the sorted link graph, with ids that last."""

    name = "lasermesh"

    def __init__(self, topology):
        from lasermesh.contacts import LinkEngine
        from lasermesh.orbits import build_ephemeris

        self.ephemeris = build_ephemeris(topology)
        self.engine = LinkEngine(topology, self.ephemeris)

    def step(self, t_s):
        graph = self.engine.graph_at(t_s)
        return graph.from_node, graph.to_node


class Peer:
    """What the other programs share: SGP4 at every step, a list of grid edges, and the sites."""

    def __init__(self, topology):
        from sgp4.api import SatrecArray

        from lasermesh.orbits.satellites import pattern_satellites

        # The orbits and the grid are the input here, not what is measured.
        ours = Lasermesh(topology)
        group = topology.satellites[0]
        self.day = 2_461_119.5  # 2026-03-20, from which 12:00 is half a day
        self.records = SatrecArray(pattern_satellites(group, self.day, 0.5))
        links = ours.engine.links
        self.edges = np.stack((links.from_node, links.to_node))[:, links.from_node < links.to_node]
        self.sites = ours.ephemeris.state_at(0.0)[0][group.size :]
        # Up is the normal of the ellipsoid, whose direction is (x / a^2, y / a^2, z / b^2).
        normal = self.sites / np.array([EQUATORIAL_M, EQUATORIAL_M, POLAR_M]) ** 2
        self.up = normal / np.linalg.norm(normal, axis=1)[:, None]
        self.sine = np.sin(np.radians(MASK_DEG))

    def positions(self, t_s):
        """Earth-fixed satellites in metres: SGP4, then a rotation by sidereal time."""
        fraction = 0.5 + t_s / 86_400.0
        _, teme_km, _ = self.records.sgp4(np.array([self.day]), np.array([fraction]))
        days = self.day - 2_451_545.0 + fraction
        turns = (
            0.7790572732640 + 1.00273781191135448 * days
        )  # Earth rotation angle, then precession since J2000
        angle = 2.0 * np.pi * (turns % 1.0) + days / 36_525.0 * np.radians(4612.156534 / 3600.0)
        cosine, sine = np.cos(angle), np.sin(angle)
        x, y, z = teme_km[:, 0].T * 1000.0
        return np.stack((cosine * x + sine * y, cosine * y - sine * x, z), axis=1)

    def grid_in_sight(self, satellites):
        """The grid edges that clear the raised ellipsoid: int (2, n)."""
        scaled = satellites / (np.array([EQUATORIAL_M, EQUATORIAL_M, POLAR_M]) + GRAZING_M)
        start, step = scaled[self.edges[0]], scaled[self.edges[1]] - scaled[self.edges[0]]
        share = np.clip(-(start * step).sum(axis=1) / (step * step).sum(axis=1), 0.0, 1.0)
        nearest = start + share[:, None] * step
        return self.edges[:, (nearest * nearest).sum(axis=1) >= 1.0]

    def step(self, t_s):
        satellites = self.positions(t_s)
        one, other = self.grid_in_sight(satellites)
        ranges = np.linalg.norm(satellites[one] - satellites[other], axis=1)
        site, seen, site_ranges = self.seen_from_sites(satellites)
        site = site + len(satellites)
        from_node = np.concatenate((one, other, site, seen))
        to_node = np.concatenate((other, one, seen, site))
        order = np.lexsort((to_node, from_node))
        self.ranges = np.concatenate((ranges, ranges, site_ranges, site_ranges))[order]
        return from_node[order], to_node[order]


class NumpyAllPairs(Peer):
    """Elevation of every satellite from every site, in whole arrays."""

    name = "sgp4 + numpy, all pairs"

    def seen_from_sites(self, satellites):
        toward = satellites[None, :, :] - self.sites[:, None, :]
        ranges = np.sqrt(np.einsum("ijk,ijk->ij", toward, toward))
        height = np.einsum("ijk,ik->ij", toward, self.up)
        site, seen = np.nonzero(height >= self.sine * ranges)
        return site, seen, ranges[site, seen]


class ScipyTree(Peer):
    """Candidates of each site from a tree of the satellites, then their elevation."""

    name = "sgp4 + scipy cKDTree"

    def seen_from_sites(self, satellites):
        from scipy.spatial import cKDTree

        highest = np.linalg.norm(satellites, axis=1).max()
        lowest_site = np.linalg.norm(self.sites, axis=1).min()
        sine = np.sin(np.radians(MASK_DEG - 0.2))  # the geodetic horizon leans 0.2 degrees at most
        reach = np.sqrt(highest**2 - lowest_site**2 * (1.0 - sine**2)) - lowest_site * sine
        lists = cKDTree(satellites).query_ball_point(self.sites, reach)
        site = np.repeat(np.arange(len(self.sites)), [len(near) for near in lists])
        seen = np.fromiter((row for near in lists for row in near), dtype=np.int64, count=len(site))
        toward = satellites[seen] - self.sites[site]
        ranges = np.linalg.norm(toward, axis=1)
        up = (toward * self.up[site]).sum(axis=1) >= self.sine * ranges
        return site[up], seen[up], ranges[up]


class NumpyDenseSight(Peer):
    """Line of sight of all pairs of satellites: more than a grid needs, what a free mesh would take."""

    name = "numpy, line of sight of all satellite pairs"

    def step(self, t_s):
        satellites = self.positions(t_s)
        radius = np.linalg.norm(satellites, axis=1)
        cosine = (satellites @ satellites.T) / (radius[:, None] * radius[None, :])
        half = np.arccos(np.minimum(1.0, (EQUATORIAL_M + GRAZING_M) / radius))
        in_sight = np.triu(cosine >= np.cos(half[:, None] + half[None, :]), k=1)
        return np.nonzero(in_sight)


def measure(make, topology, n_steps):
    """Seconds to make the program and take its first step, seconds of each later step, and the last links."""
    start = time.perf_counter()
    program = make(topology)
    program.step(0.0)
    first_s = time.perf_counter() - start
    warm_s = []
    for step in range(1, n_steps + 1):
        start = time.perf_counter()
        links = program.step(float(step))
        warm_s.append(time.perf_counter() - start)
    return first_s, warm_s, links


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()

    import numba
    import scipy

    from lasermesh.experiments.workloads import mesh_topology

    print("command: python", *sys.argv)
    print(f"machine: {platform.machine()}, {numba.config.NUMBA_NUM_THREADS} threads, {platform.system()}, "
          f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
          f"numba {numba.__version__}")  # fmt: skip
    topology = mesh_topology()
    sizes = f"{topology.satellites[0].size} satellites, {len(topology.ground[0].sites)} sites"
    print(f"sizes: {sizes}, {options.steps} steps of 1 s; nothing is random")
    print(f"{'':44} {'first s':>8} {'median ms':>10} {'mean ms':>8} {'links':>8} {'times ours':>11}")
    expected = ours_ms = None
    for make in (Lasermesh, ScipyTree, NumpyAllPairs, NumpyDenseSight):
        n_steps = min(DENSE_STEPS, options.steps) if make is NumpyDenseSight else options.steps
        first_s, warm_s, links = measure(make, topology, n_steps)
        median_ms, mean_ms = statistics.median(warm_s) * 1e3, statistics.fmean(warm_s) * 1e3
        if make is Lasermesh:
            expected, ours_ms = np.stack(links), median_ms
        elif make is not NumpyDenseSight and not np.array_equal(np.stack(links), expected):
            sys.exit(f"{make.name} finds other links than lasermesh")
        ratio = median_ms / ours_ms
        figures = f"{first_s:8.2f} {median_ms:10.2f} {mean_ms:8.2f} {len(links[0]):8} {ratio:10.1f}x"
        print(f"{make.name:44} {figures}")
    print("first: making the orbits, compiling or loading compiled code, and one step")
    print("mean: with the SGP4 calls that lasermesh makes every 30 steps, the others at each step")


if __name__ == "__main__":
    main()
