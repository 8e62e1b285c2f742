"""Routing by load through the packet engine: the swing between two ways, and its end by damping."""

import pytest

from tests.experiments.worlds import go

SOURCES = [f"source-{place}" for place in range(8)]
COMES_S, END_S = 3.0, 23.0
"""When the second way opens, and when the run ends."""


def write_two_ways(folder, damping):
    """Eight sites that send 0.1 Mbit/s each to a ninth, by one satellite or another; links of 1 Mbit/s.

    To some the one satellite is nearer, to some the other, from site to site by 2 ms. A wait of one packet's
    service is 12 ms.
    """
    rows = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    rows += ["left,Lima,0,1e9,1000000,0.004", f"right,Lima,{COMES_S},1e9,1000000,0.004"]
    for place, source in enumerate(SOURCES):
        rows += [f"{source},left,0,1e9,1000000,{0.004 + 0.001 * place}"]
        rows += [f"{source},right,0,1e9,1000000,{0.011 - 0.001 * place}"]
    (folder / "plan.csv").write_text("\n".join(rows) + "\n")
    sites = "".join(
        f'[[topology.ground]]\nname = "{name}"\nlat_deg = 0.0\nlon_deg = {place}.0\n'
        for place, name in enumerate([*SOURCES, "Lima"])
    )
    flows = "".join(
        f'[[flows]]\nname = "{name}"\nkind = "constant"\nfrom = "{name}"\nto = "Lima"\n'
        "rate_gbps = 0.0001\npacket_bytes = 1500\n"
        for name in SOURCES
    )
    file = folder / "two-ways.toml"
    file.write_text(
        f"duration_s = {END_S}\n"
        f'[routing]\npolicy = "load-aware"\noptions = {{ damping = {damping} }}\n'
        '[topology]\nname = "two-ways"\nstep_s = 1.0\n'
        '[[topology.satellites]]\nname = "s"\nfixed = ["left", "right"]\n'
        f'{sites}[[topology.links]]\nrule = "plan"\nplan = "plan.csv"\n{flows}'
    )
    return file


def changes_by_step(kept):
    """How many flows change their path in each second since the second way is there."""
    paths = kept.paths.to_pydict()
    return [paths["t_s"].count(COMES_S + step) for step in range(int(END_S - COMES_S))]


@pytest.mark.parametrize(("damping", "rests"), [(0.0, False), (0.8, True)])
def test_sources_swing_between_two_ways_unless_damped(tmp_path, damping, rests):
    changes = changes_by_step(go(write_two_ways(tmp_path, damping), tmp_path / "out").kept)
    if rests:
        assert sum(changes) > 0
        assert sum(changes[-10:]) == 0
    else:
        assert changes[-10:] == [len(SOURCES)] * 10
