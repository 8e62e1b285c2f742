"""What senders foresee of their own contacts, against the contact plan of the same topology."""

import pytest

from lasermesh.contacts import contact_plan
from lasermesh.experiments.own_contacts import OwnContacts
from lasermesh.orbits import build_ephemeris
from lasermesh.scenario import load_topology
from lasermesh.units import NEVER, PS_PER_S, ps_from_s

TOPOLOGY = """
name = "passes"
step_s = 10.0
[[satellites]]
name = "eo"
pattern = "walker-delta"
planes = 1
slots = 2
phasing_factor = 0
altitude_km = 600.0
inclination_deg = 97.8
[[satellites]]
name = "other"
pattern = "walker-delta"
planes = 1
slots = 1
phasing_factor = 0
altitude_km = 800.0
inclination_deg = 50.0
[[ground]]
name = "Tromso"
lat_deg = 69.66
lon_deg = 18.94
[[ground]]
name = "Quito"
lat_deg = -0.18
lon_deg = -78.47
[[links]]
rule = "ground"
mask_deg = 5.0
rate_gbps = 1.0
"""
DAY_S = 86_400.0
START_S = 1000.0


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    file = tmp_path_factory.mktemp("world") / "passes.toml"
    file.write_text(TOPOLOGY)
    topology = load_topology(file)
    return topology, build_ephemeris(topology)


@pytest.mark.compiled_only
def test_the_next_contact_is_that_of_the_contact_plan(world):
    topology, ephemeris = world
    plan = contact_plan(topology, ephemeris, START_S, START_S + 0.5 * DAY_S, potential=True)
    pairs = {(satellite, site) for satellite in (0, 1) for site in (3, 4)}
    own = OwnContacts(topology, ephemeris, pairs, START_S, ps_from_s(0.5 * DAY_S))
    for after_s in (0.0, 500.0, 3000.0, 9000.0, 30_000.0, 43_000.0):
        for source, destination in sorted(pairs):
            mine = (plan.from_node == source) & (plan.to_node == destination)
            ahead = plan.stop_s[mine] - START_S > after_s
            starts_s = plan.start_s[mine][ahead] - START_S
            found_ps = own.next_ps(source, destination, ps_from_s(after_s))
            if len(starts_s) == 0:
                assert found_ps == NEVER
            else:
                assert found_ps / PS_PER_S == pytest.approx(max(after_s, starts_s.min()), abs=1e-3)


def test_without_links_of_its_own_a_sender_foresees_nothing(world):
    topology, ephemeris = world
    own = OwnContacts(topology, ephemeris, {(3, 4)}, 0.0, ps_from_s(DAY_S))
    assert own.next_ps(3, 4, 0) == NEVER
