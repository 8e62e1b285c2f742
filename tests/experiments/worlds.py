"""Small worlds to run experiments in: two sites, two satellites between them, contacts by the clock."""

from types import SimpleNamespace

from lasermesh.experiments.running import run
from lasermesh.results import load

OWLT_S = {"left": 0.004, "right": 0.006}
"""One-way light time of every link of a satellite: the left one is nearer to both sites."""

TOPOLOGY = """
[topology]
name = "two-ways"
step_s = 1.0
[[topology.satellites]]
name = "s"
fixed = ["left", "right"]
[[topology.ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
[[topology.ground]]
name = "Lima"
lat_deg = -12.05
lon_deg = -77.04
[[topology.links]]
rule = "plan"
plan = "plan.csv"
"""

FLOW = """
[[flows]]
name = "data"
kind = "{kind}"
from = "Quito"
to = "Lima"
rate_gbps = {rate_gbps}
packet_bytes = 1500
"""

MOVING = """
duration_s = {duration_s}
[topology]
name = "moving"
epoch = 2026-03-20T12:00:00Z
step_s = {step_s}
[[topology.satellites]]
name = "w"
pattern = "walker-delta"
planes = 4
slots = 6
phasing_factor = 1
altitude_km = 1400.0
inclination_deg = 60.0
[[topology.ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
[[topology.ground]]
name = "Lima"
lat_deg = -12.05
lon_deg = -77.04
[[topology.links]]
rule = "grid"
rate_gbps = 0.001
[[topology.links]]
rule = "ground"
rate_gbps = 0.001
"""


def plan(left_stop_s=2.0, right_stop_s=1e9):
    """Contact plan: both satellites are there from 0 on, the right one for long; links of 1 Mbit/s."""
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for satellite, stop_s in (("left", left_stop_s), ("right", right_stop_s)):
        for ends in (("Quito", satellite), (satellite, "Lima")):
            rows += [f"{a},{b},0,{stop_s},1000000,{OWLT_S[satellite]}" for a, b in (ends, ends[::-1])]
    return "\n".join(rows) + "\n"


def write_world(folder, *, head="", rate_gbps=0.0009, kind="constant", more="", plan_text=None, **of_plan):
    """The file of an experiment of four seconds; the rate of every link is 1 Mbit/s."""
    (folder / "plan.csv").write_text(plan(**of_plan) if plan_text is None else plan_text)
    path = folder / "world.toml"
    path.write_text(
        "duration_s = 4.0\n" + head + TOPOLOGY + FLOW.format(kind=kind, rate_gbps=rate_gbps) + more
    )
    return path


def write_moving(folder, duration_s=10.0, step_s=1.0, rate_gbps=0.0001):
    """The file of an experiment over 24 satellites that move."""
    path = folder / "moving.toml"
    flow = FLOW.format(kind="constant", rate_gbps=rate_gbps)
    path.write_text(MOVING.format(duration_s=duration_s, step_s=step_s) + flow)
    return path


def go(file, output, **options):
    """Run an experiment: its summary, its folder as `load` opens it, and the warnings."""
    warnings = []
    finished = run(file, output=output, warn=warnings.append, **options)
    return SimpleNamespace(summary=finished.summary, kept=load(finished.folder), warnings=warnings)


CHAIN = """
duration_s = {duration_s}
[topology]
name = "chain"
[[topology.satellites]]
name = "s"
fixed = {nodes}
[[topology.links]]
rule = "plan"
plan = "chain.csv"
[packets]
queue_packets = 4
[[flows]]
name = "data"
kind = "poisson"
from = "n00"
to = "n{last:02d}"
rate_gbps = 0.0008
packet_bytes = 1000
ecn = true
class = 3
[[flows]]
name = "ask"
kind = "request"
from = "n{last:02d}"
to = "n00"
requests_per_s = 20.0
packet_bytes = 100
response_bytes = 2500
service_s = 0.001
ip_version = 6
[observe]
trace_flows = "all"
"""


def write_chain(folder, hops=10, duration_s=0.5, slow_hop=5):
    """The file of an experiment over nodes n00, n01, ... in a row, with a link too slow for the data.

    The light takes 1.0, 1.3, 1.6, ... ms from node to node, both ways; links have 1 Mbit/s, the slow one 0.6.
    """
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for hop in range(hops):
        rate_bps = 600_000 if hop == slow_hop else 1_000_000
        ends = f"n{hop:02d}", f"n{hop + 1:02d}"
        rows += [f"{a},{b},0,1e9,{rate_bps},{0.001 + 0.0003 * hop:.4f}" for a, b in (ends, ends[::-1])]
    (folder / "chain.csv").write_text("\n".join(rows) + "\n")
    path = folder / "chain.toml"
    nodes = [f"n{hop:02d}" for hop in range(hops + 1)]
    path.write_text(CHAIN.format(duration_s=duration_s, nodes=str(nodes).replace("'", '"'), last=hops))
    return path
