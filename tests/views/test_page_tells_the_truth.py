"""From a topology to what its page says in a browser: the numbers are those of the library."""

import numpy as np
import pytest

from lasermesh.experiments.graphs import graph
from lasermesh.experiments.viewing import scene_of_topology
from lasermesh.orbits import build_ephemeris, geodetic_from_ecef
from lasermesh.orbits.shadow import SUNLIT
from lasermesh.scenario import load_topology
from lasermesh.views.globe import globe_data
from tests.views.scenes import scene
from tests.views.test_globe_page import ask, open_page

START_S, LENGTH_S = 600.0, 1200.0
OFF_KM = 0.7  # interpolated to 0.25 km, and rounded by up to 0.18 km


@pytest.fixture(scope="module")
def topology():
    return load_topology("walker-144")


@pytest.fixture(scope="module")
def page(browser, topology, tmp_path_factory):
    scene = scene_of_topology(topology, START_S, LENGTH_S)
    open_page(browser, tmp_path_factory.mktemp("page"), globe_data(scene))
    return browser, scene


@pytest.mark.parametrize("t_s", [0.0, 131.7, 1043.2])
def test_satellites_are_where_the_ephemeris_has_them_and_lit_as_it_says(page, topology, t_s):
    browser, _ = page
    browser.execute_script("lasermesh.setTime(arguments[0])", t_s)
    told = ask(browser, "[...Array(144).keys()].map((row) => lasermesh.node(row))")
    ephemeris = build_ephemeris(topology)
    true_m = ephemeris.state_at(START_S + t_s)[0][:144]
    lat, lon, height_m = geodetic_from_ecef(true_m)
    km_per_rad = np.linalg.norm(true_m, axis=1) / 1e3
    off_lat = np.radians([each["latDeg"] for each in told]) - lat
    off_lon = (np.radians([each["lonDeg"] for each in told]) - lon + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(off_lat * km_per_rad).max() < OFF_KM
    assert np.abs(off_lon * np.cos(lat) * km_per_rad).max() < OFF_KM
    assert np.abs(np.array([each["heightKm"] for each in told]) - height_m / 1e3).max() < OFF_KM
    lit = ephemeris.illumination_at(START_S + t_s) == SUNLIT
    assert 40 < lit.sum() < 144
    assert (lit != [each["lit"] for each in told]).sum() <= 1  # one may be in the penumbra


@pytest.mark.parametrize("t_s", [0.0, 131.7, 1043.2])
def test_links_up_and_their_ranges_are_those_of_the_graph(page, topology, t_s):
    browser, scene = page
    browser.execute_script("lasermesh.setTime(arguments[0])", t_s)
    up = ask(browser, "lasermesh.linksUp()")
    range_km = ask(browser, "lasermesh.linksUp().map((link) => lasermesh.link(link).rangeKm)")
    told = {
        frozenset((scene.names[scene.links.a[link]], scene.names[scene.links.b[link]])): km
        for link, km in zip(up, range_km, strict=True)
    }
    links = graph(topology, START_S + t_s)["links"]
    expected = {frozenset((link["from"], link["to"])): link["range_km"] for link in links}
    assert told.keys() == expected.keys()
    assert max(abs(told[ends] - expected[ends]) for ends in expected) < 2 * OFF_KM


def test_a_rate_is_over_the_time_that_the_bin_really_lasted(browser, tmp_path):
    """The last bin may be shorter than the others, and ends before or behind the scene."""
    given = scene()
    load = given.load._replace(last_bin_s=450.0)
    open_page(browser, tmp_path, globe_data(given._replace(load=load)))
    for t_s, n_bytes, length_s in ((100.0, 1e9, 600.0), (700.0, 5e8, 450.0)):
        browser.execute_script("lasermesh.setTime(arguments[0])", t_s)
        gbps = ask(browser, "lasermesh.link(0).ways[0].gbps")
        assert gbps == pytest.approx(n_bytes * 8 / length_s / 1e9, rel=1e-6)
