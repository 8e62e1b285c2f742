"""Topologies in which links have a memory, or a reason not to be."""

from lasermesh.scenario import load_topology

SHELL = """
epoch = 2026-03-20T12:00:00Z
step_s = 1.0
[terminals.mini]
rate_gbps = 25.0
max_range_km = 6000.0
{terminal}
[[satellites]]
name = "w"
pattern = "walker-delta"
planes = 6
slots = 8
phasing_factor = 1
altitude_km = 1200.0
inclination_deg = 60.0
terminals = [{{ type = "mini", count = 4 }}]
{more}
"""

NEAREST = """
[[links]]
rule = "nearest"
"""

QUITO = """
[[ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
{site}
[[links]]
rule = "ground"
rate_gbps = 1.0
mask_deg = 10.0
{rule}
"""


def shell(folder, more=NEAREST, terminal="", name="shell"):
    """A topology of 48 satellites with four terminals each, which take 6000 km."""
    path = folder / f"{name}.toml"
    path.write_text(SHELL.format(terminal=terminal, more=more))
    return load_topology(path)


def quito(site="", rule=""):
    """Text of a site and its rule."""
    return QUITO.format(site=site, rule=rule)
