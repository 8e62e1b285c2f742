"""How long the links of one step take, beside what a user would write with sgp4, numpy and scipy.

    python bench/contacts.py [--steps 200] [--elements starlink.tle --epoch 2026-08-11T12:00:00Z] [--large]

(a) 1,584 satellites (72 planes of 22, F = 39, 550 km, 53 deg) in a grid of four links each, and 100
cities linked with every satellite at least 25 degrees up; steps of one second. All programs take positions
from SGP4, and all but the last must find the same links. (b) The satellites of an element file with three
terminals each, rule `nearest`, and the same cities. (c), (d) 100,000 and 1,000,000 satellites with four
terminals each, rule `nearest`, and the cities, with `--large`; each in a process of its own. Last, a contact
plan of a day for (a).
"""

import argparse
import multiprocessing
import platform
import resource
import statistics
import sys
import tempfile
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


class LasermeshEvents(Lasermesh):
    """The same with the exact instant of every change until the next step."""

    name = "lasermesh, and all changes within the step"

    def step(self, t_s):
        step = self.engine.step(t_s, t_s + 1.0)
        return step.graph.from_node, step.graph.to_node


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


class ScipyPairs:
    """All pairs of satellites within range and sight: what a greedy choice would have to sort."""

    name = "sgp4 + scipy cKDTree, pairs in range and sight"

    def __init__(self, topology):
        from sgp4.api import SatrecArray

        from lasermesh.orbits import build_ephemeris

        # Where the satellites are is the input here, but the calls to SGP4 are measured.
        ephemeris = build_ephemeris(topology)
        self.rows = [row for row in range(ephemeris.n_satellites) if ephemeris.record_of(row) is not None]
        self.records = SatrecArray([ephemeris.record_of(row) for row in self.rows])
        self.clock = ephemeris.clock
        self.range_m = topology.satellites[0].terminals[0].type.max_range_km * 1000.0

    def step(self, t_s):
        from scipy.spatial import cKDTree

        day, fraction = np.array([self.clock.day]), np.array([self.clock.fraction(t_s)])
        errors, teme_km, _ = self.records.sgp4(day, fraction)
        satellites = teme_km[errors[:, 0] == 0, 0] * 1000.0
        one, other = cKDTree(satellites).query_pairs(self.range_m, output_type="ndarray").T
        scaled = satellites / (np.array([EQUATORIAL_M, EQUATORIAL_M, POLAR_M]) + GRAZING_M)
        start, step = scaled[one], scaled[other] - scaled[one]
        share = np.clip(-(start * step).sum(axis=1) / (step * step).sum(axis=1), 0.0, 1.0)
        nearest = start + share[:, None] * step
        clear = (nearest * nearest).sum(axis=1) >= 1.0
        return one[clear], other[clear]


NEAREST = """
name = "nearest"
epoch = {epoch}

[terminals.laser]
rate_gbps = 100.0
max_range_km = {range_km}
{groups}
[[ground]]
name = "cities"
sites = "cities-100"

[[links]]
rule = "nearest"

[[links]]
rule = "ground"
mask_deg = 25.0
rate_gbps = 20.0
{choose}
"""

ELEMENTS = """
[[satellites]]
name = "real"
elements = "{file}"
terminals = [{{ type = "laser", count = 3 }}]
"""

SHELL = """
[[satellites]]
name = "{name}"
pattern = "walker-delta"
planes = {planes}
slots = {slots}
phasing_factor = 1
altitude_km = {altitude_km}
inclination_deg = {inclination_deg}
terminals = [{{ type = "laser", count = 4 }}]
"""


def topology_of(**values):
    """A topology from the text above."""
    from lasermesh.scenario import load_topology

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nearest.toml"
        file.write_text(NEAREST.format(**values))
        return load_topology(file)


def real_topology(file, epoch):
    """The satellites of an element file with three terminals each."""
    groups = ELEMENTS.format(file=Path(file).resolve())
    return topology_of(epoch=epoch, range_km=5400.0, groups=groups, choose="")


def large_topology(n_satellites):
    """Two shells of half the satellites each, in as many planes as there are satellites in a plane."""
    planes = round((n_satellites / 2) ** 0.5)
    slots = n_satellites // 2 // planes
    shells = (("a", 600.0, 53.0), ("b", 900.0, 97.0))
    groups = "".join(
        SHELL.format(name=name, planes=planes, slots=slots, altitude_km=altitude, inclination_deg=inclination)
        for name, altitude, inclination in shells
    )
    # A city sees thousands of them: it links with the nearest.
    choose = 'choose = "nearest"'
    return topology_of(epoch="2026-03-20T12:00:00Z", range_km=4000.0, groups=groups, choose=choose)


def large_figures(n_satellites, n_steps, sink):
    """To be run in a process of its own: its memory is then that of one workload."""
    start = time.perf_counter()
    topology = large_topology(n_satellites)
    loaded_s = time.perf_counter() - start
    first_s, warm_s, links = measure(LasermeshEvents, topology, n_steps)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sink.put((len(topology.node_names), loaded_s, first_s, warm_s, len(links[0]), peak_mb))


def print_large(n_satellites, n_steps):
    """One line on a large constellation."""
    context = multiprocessing.get_context("spawn")
    sink = context.Queue()
    process = context.Process(target=large_figures, args=(n_satellites, n_steps, sink))
    process.start()
    n_nodes, loaded_s, first_s, warm_s, n_links, peak_mb = sink.get()
    process.join()
    print(
        f"{n_nodes:,} nodes: loaded in {loaded_s:.1f} s, first step {first_s:.1f} s, then median "
        f"{statistics.median(warm_s):.3f} s a step (mean {statistics.fmean(warm_s):.3f}, "
        f"{len(warm_s)} steps), {n_links:,} links, peak {peak_mb:,.0f} MiB"
    )


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
    parser.add_argument("--elements", help="file of element sets, for (b)")
    parser.add_argument("--epoch", default="2026-08-11T12:00:00Z", help="instant of t = 0 for (b)")
    parser.add_argument("--large", action="store_true", help="measure (c) and (d) too, which take minutes")
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
    print(f"\n(a) {sizes}, {options.steps} steps of 1 s; nothing is random")
    print_table(
        topology, (Lasermesh, LasermeshEvents, ScipyTree, NumpyAllPairs, NumpyDenseSight), options.steps
    )
    if options.elements:
        topology = real_topology(options.elements, options.epoch)
        sizes = f"{topology.satellites[0].size} satellites, {len(topology.ground[0].sites)} sites"
        print(f"\n(b) {sizes}, rule nearest with three terminals, {options.steps} steps of 1 s")
        print_table(topology, (LasermeshEvents, ScipyPairs), options.steps)
    else:
        print("\n(b) left out: --elements FILE --epoch DATE-TIME would measure it")
    if options.large:
        print("\n(c), (d) rule nearest with four terminals, steps of 1 s")
        for n_satellites, n_steps in ((100_000, 60), (1_000_000, 35)):
            print_large(n_satellites, n_steps)
    print("\n(e) contact plan of a day for (a)")
    print_plan()
    print("\nfirst: making the orbits, compiling or loading compiled code, and one step")
    print("mean: with the SGP4 calls that lasermesh makes every 30 steps, the others at each step")


def print_plan():
    """How long a day's contacts take; the kernels are compiled by now."""
    from lasermesh.contacts import contact_plan
    from lasermesh.experiments.workloads import mesh_topology
    from lasermesh.orbits import build_ephemeris

    topology = mesh_topology()
    contact_plan(topology, build_ephemeris(topology), 0.0, 60.0)
    start = time.perf_counter()
    plan = contact_plan(topology, build_ephemeris(topology), 0.0, 86_400.0)
    print(f"{plan.size:,} contacts in {time.perf_counter() - start:.1f} s")


def print_table(topology, programs, steps):
    """One line for each program, the first being the measure of the others."""
    print(f"{'':50} {'first s':>8} {'median ms':>10} {'mean ms':>8} {'links':>10} {'times ours':>11}")
    expected = ours_ms = None
    for make in programs:
        dense = make in (NumpyDenseSight, ScipyPairs)
        first_s, warm_s, links = measure(make, topology, min(DENSE_STEPS, steps) if dense else steps)
        median_ms, mean_ms = statistics.median(warm_s) * 1e3, statistics.fmean(warm_s) * 1e3
        if expected is None:
            expected, ours_ms = np.stack(links), median_ms
        elif not dense and not np.array_equal(np.stack(links), expected):
            sys.exit(f"{make.name} finds other links than lasermesh")
        figures = f"{first_s:8.2f} {median_ms:10.2f} {mean_ms:8.2f} {len(links[0]):10,}"
        print(f"{make.name:50} {figures} {median_ms / ours_ms:10.1f}x", flush=True)


if __name__ == "__main__":
    main()
