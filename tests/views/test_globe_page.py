"""The globe's page in a real browser: nothing goes wrong, what it shows and what it says is right."""

import itertools
import json
import re

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from lasermesh.views.globe_page import PAGE, SCRIPTS, globe_html
from tests.views.browsers import wait_until_ready
from tests.views.synthetic_globe import EARTH_KM, EARTH_RATE_RAD_PER_S, blob, synthetic_globe

LIGHT_KM_PER_S = 299_792.458
ROUNDING_KM = 0.8  # positions are rounded to 0.39 km in each axis, and a range has two ends
NASTY = ["</script><b>\"quoted\" & 'single'", "Zürich 東京 <!-- 🛰"]


def open_page(browser, folder, data, fragment=""):
    """Open a page of `data` and wait until it is drawn; its requests and log begin anew."""
    path = folder / "globe.html"
    path.write_text(globe_html(data), encoding="utf-8")
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(path.as_uri() + fragment)
    assert wait_until_ready(browser) is None
    return path


def ask(browser, expression, *arguments):
    return browser.execute_script(f"return {expression}", *arguments)


def settle(browser):
    """Wait until what was asked for is drawn."""
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"
    )


def text_of(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector).text


def complaints(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def hundredths(share):
    return "<1 %" if 0 < share < 0.005 else f"{int(share * 100 + 0.5)} %"


def pixels(browser):
    """How many different colours a coarse grid of the canvas has."""
    return ask(
        browser,
        """(() => {
          const canvas = document.getElementById("globe");
          const copy = document.createElement("canvas");
          [copy.width, copy.height] = [64, 40];
          const ctx = copy.getContext("2d");
          ctx.drawImage(canvas, 0, 0, 64, 40);
          const { data } = ctx.getImageData(0, 0, 64, 40);
          return new Set(Array.from({ length: 2560 }, (_, i) => data.slice(4 * i, 4 * i + 4).join())).size;
        })()""",
    )


@pytest.fixture(scope="module")
def made():
    return synthetic_globe()


@pytest.fixture(scope="module")
def page(browser, made, tmp_path_factory):
    """A page of 144 satellites and 8 cities with load and flows, opened once."""
    data, _ = made
    path = open_page(browser, tmp_path_factory.mktemp("globe"), data)
    requested = [
        json.loads(entry["message"])["message"]["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    browser.lasermesh_requests = (path.as_uri(), requested)
    return browser


@pytest.fixture
def globe(page):
    """The page as it was when it opened."""
    page.execute_script(
        "lasermesh.pause(); lasermesh.select({ node: null }); lasermesh.select({ flow: null });"
        "lasermesh.setTime(0); document.getElementById('home').click(); document.activeElement.blur();"
    )
    settle(page)
    yield page
    assert complaints(page) == []


def seen_by(eye, point_km):
    """Where the page should draw a point: x and y in px, and its height towards the eye in Earth radii."""
    lon, lat = eye["lon"], eye["lat"]
    right = np.array([-np.sin(lon), np.cos(lon), 0.0])
    up = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    at = np.asarray(point_km) / EARTH_KM
    return eye["x"] + eye["scale"] * right @ at, eye["y"] - eye["scale"] * up @ at, np.cross(right, up) @ at


def test_page_asks_for_nothing_but_itself(page):
    itself, requested = page.lasermesh_requests
    assert set(requested) - {"about:blank"} == {itself}


def test_canvas_shows_something_everywhere(globe):
    assert pixels(globe) > 300


def test_nothing_is_drawn_while_nothing_changes(globe):
    before = ask(globe, "lasermesh.frames()")
    settle(globe)
    settle(globe)
    assert ask(globe, "lasermesh.frames()") == before


@pytest.mark.parametrize("fixed", [True, False], ids=["Earth-fixed", "inertial"])
def test_nodes_are_drawn_where_they_are(globe, made, fixed):
    _, walker = made
    globe.execute_script(f"document.getElementById('{'fixed' if fixed else 'inertial'}').click()")
    for t in (0.0, 17.3, 60.0):
        globe.execute_script("lasermesh.setTime(arguments[0])", t)
        eye = ask(globe, "(lasermesh.project(0), lasermesh.eye())")
        found = ask(globe, "[...Array(152).keys()].map((row) => lasermesh.project(row))")
        for row, point in enumerate(walker.nodes(t)):
            x, y, towards = seen_by(eye, point)
            assert found[row]["x"] == pytest.approx(x, abs=0.06)  # 0.39 km are 0.02 px here
            assert found[row]["y"] == pytest.approx(y, abs=0.06)
            beside = np.hypot(x - eye["x"], y - eye["y"]) > eye["scale"]
            if abs(towards) > 0.01:
                assert found[row]["visible"] == (towards > 0 or (beside and row < 144))


def test_the_earth_turns_only_in_the_inertial_view(globe):
    def moved(view):
        globe.execute_script(f"document.getElementById('{view}').click(); lasermesh.setTime(0)")
        before = ask(globe, "lasermesh.project(146)")
        globe.execute_script("lasermesh.setTime(60)")
        after = ask(globe, "lasermesh.project(146)")
        return abs(after["x"] - before["x"])

    scale = ask(globe, "lasermesh.eye().scale")
    assert moved("fixed") < 0.01
    assert 0.3 < moved("inertial") / (60 * EARTH_RATE_RAD_PER_S * scale) <= 1.0


def test_switching_views_moves_nothing(globe):
    globe.execute_script("lasermesh.setTime(40)")
    before = ask(globe, "lasermesh.project(77)")
    globe.execute_script("document.getElementById('inertial').click()")
    assert ask(globe, "lasermesh.project(77)") == pytest.approx(before, abs=1e-3)


def test_click_on_a_satellite_shows_its_name_and_numbers(globe, made):
    _, walker = made
    row = next(
        row for row in range(40, 144) if (at := ask(globe, "lasermesh.project(arguments[0])", row))["visible"]
    )
    canvas = globe.find_element(By.ID, "globe")
    middle = canvas.rect["width"] / 2, canvas.rect["height"] / 2
    offset = round(at["x"] - middle[0]), round(at["y"] - middle[1])
    ActionChains(globe, duration=0).move_to_element_with_offset(canvas, *offset).click().perform()
    assert ask(globe, "lasermesh.selection()") == {"node": row, "link": None, "flow": None}
    text = text_of(globe, "#node")
    assert f"sat-{row // 12:02}-{row % 12:02}" in text
    assert "satellite of shell" in text

    x, y, z = walker.satellites(0.0)[row]
    lat = np.degrees(np.arctan2(z, np.hypot(x, y)))
    lon = (np.degrees(np.arctan2(y, x) - walker.gmst_rad) + 180) % 360 - 180
    numbers = ask(globe, "lasermesh.node(arguments[0])", row)
    assert numbers["latDeg"] == pytest.approx(lat, abs=0.2)  # geodetic, so up to 0.18 degrees more
    assert numbers["lonDeg"] == pytest.approx(lon, abs=0.01)
    # height above the ellipsoid, whose radius here is known to some metres from the geocentric latitude
    ellipsoid_km = EARTH_KM * (1 - np.sin(np.radians(lat)) ** 2 / 298.257)
    assert numbers["heightKm"] == pytest.approx(walker.radius_km - ellipsoid_km, abs=1.0)
    assert f"{numbers['heightKm']:.0f} km" in text
    assert f"{len(numbers['links'])} links" in text


def test_a_link_is_found_under_the_pointer(globe):
    globe.execute_script("lasermesh.lookAt(144)")
    settle(globe)
    row, x, y = ask(globe, LINK_IN_SIGHT)
    canvas = globe.find_element(By.ID, "globe")
    offset = round(x - canvas.rect["width"] / 2), round(y - canvas.rect["height"] / 2)
    pointer = ActionChains(globe, duration=0).move_to_element_with_offset(canvas, *offset)
    pointer.perform()
    told = text_of(globe, "#tip")
    pointer.click().perform()
    assert ask(globe, "lasermesh.selection()") == {"node": None, "link": row, "flow": None}
    assert told.splitlines()[0] == text_of(globe, "#link h2")
    assert f"{ask(globe, 'lasermesh.link(arguments[0]).rangeKm', row):,.0f} km" in told


# The longest link whose ends are both in front, as [link, x, y of its middle].
LINK_IN_SIGHT = """(() => {
  let best = [-1, 0, 0, 0];
  for (const link of lasermesh.linksUp()) {
    const [p, q] = lasermesh.link(link).nodes.map((row) => lasermesh.project(row));
    const long = Math.hypot(p.x - q.x, p.y - q.y);
    if (p.visible && q.visible && long > best[3]) best = [link, (p.x + q.x) / 2, (p.y + q.y) / 2, long];
  }
  return best.slice(0, 3);
})()"""


def test_sunlight_follows_the_shadow_of_the_ellipsoid(globe, made):
    _, walker = made
    sun = np.array([np.cos(0.3), np.sin(0.3) * 0.92, np.sin(0.3) * 0.39])
    stretch = np.array([1.0, 1.0, 1 / (1 - 1 / 298.257223563)])
    sun = sun * stretch / np.linalg.norm(sun * stretch)
    points = walker.satellites(0.0) * stretch / EARTH_KM
    along = points @ sun
    beside = np.linalg.norm(points - along[:, None] * sun, axis=1)
    lit = ask(globe, "[...Array(144).keys()].map((row) => lasermesh.node(row).lit)")
    assert 60 < sum(lit) < 144
    for row in range(144):
        if abs(beside[row] - 1) > 0.001:
            assert lit[row] == (along[row] > 0 or beside[row] > 1)


def test_links_come_and_go_with_their_contacts(globe):
    up = {t: ask(globe, f"(lasermesh.setTime({t}), lasermesh.linksUp())") for t in (0, 29.9, 30.1, 60, 12)}
    # The grid has one link that ends at 30 s; 8 sites have one link each.
    assert [len(up[t]) for t in (0, 29.9, 30.1, 60, 12)] == [296, 296, 295, 295, 296]
    assert [0 in up[t] for t in (29.9, 30.1)] == [True, False]
    assert ask(globe, "(lasermesh.setTime(29.9), lasermesh.linksUp())") == up[29.9]


def test_a_link_tells_range_delay_and_load(globe, made):
    _, walker = made
    globe.execute_script("lasermesh.setTime(20); lasermesh.select({ link: 5 })")
    numbers = ask(globe, "lasermesh.link(5)")
    ends = re.findall(r"sat-(\d\d)-(\d\d)", text_of(globe, "#link h2"))
    a, b = (int(plane) * 12 + int(slot) for plane, slot in ends)
    at = walker.satellites(20.0)
    range_km = np.linalg.norm(at[a] - at[b])
    assert numbers["rangeKm"] == pytest.approx(range_km, abs=ROUNDING_KM)
    text = text_of(globe, "#link")
    assert f"Range\n{numbers['rangeKm']:,.0f} km" in text
    assert f"{numbers['rangeKm'] / LIGHT_KM_PER_S * 1e3:.2f} ms one way" in text
    assert "25.0 Gbps" in text
    assert f"Use {' '.join(hundredths(way['use']) for way in numbers['ways'])}" in text
    assert "beyond the interval's end" in text


def test_slider_moves_time_and_what_moves(globe):
    before = ask(globe, "lasermesh.project(3)")
    globe.execute_script(
        "const time = document.getElementById('time');time.value = 45; time.dispatchEvent(new Event('input'))"
    )
    settle(globe)
    assert ask(globe, "lasermesh.now()") == 45
    after = ask(globe, "lasermesh.project(3)")
    assert np.hypot(after["x"] - before["x"], after["y"] - before["y"]) > 5
    assert text_of(globe, "#utc") == "2026-03-20 12:01:15.000 UTC"
    assert text_of(globe, "#since") == "t = 75.000 s since the epoch"


def test_a_flow_shows_its_path_and_every_hop(globe, made):
    _, walker = made
    globe.find_element(By.CSS_SELECTOR, "[data-flow='0']").click()
    settle(globe)
    rows = ask(globe, "lasermesh.path()")
    names = [f"sat-{row // 12:02}-{row % 12:02}" for row in range(144)]
    names += ["Tokyo", "London", "Nairobi", "São Paulo", "New York", "Sydney", "Singapore", "Reykjavík"]
    assert names[rows[0]] == "Tokyo"
    assert names[rows[-1]] == "London"
    listed = globe.find_elements(By.CSS_SELECTOR, "#hops tbody tr")
    assert [line.find_element(By.CLASS_NAME, "name").text for line in listed[:-1]] == [
        names[row] for row in rows
    ]
    at = walker.nodes(0.0)
    ranges = [np.linalg.norm(at[a] - at[b]) for a, b in itertools.pairwise(rows)]
    told = [line.text.split() for line in listed[1:-1]]
    for words, range_km in zip(told, ranges, strict=True):
        after = words[-6:] if words[-3] == "%" else words[-5:]
        assert float(after[0].replace(",", "")) == pytest.approx(range_km, abs=1.5)
        assert float(after[1]) == pytest.approx(range_km / LIGHT_KM_PER_S * 1e3, abs=0.01)
    assert f"{len(rows) - 1} hops" in text_of(globe, "#flow")
    path_pixels = ask(globe, COUNT_OF_PATH_COLOUR)
    assert path_pixels > 40
    globe.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    settle(globe)
    assert ask(globe, "lasermesh.path()") == []
    assert ask(globe, COUNT_OF_PATH_COLOUR) < path_pixels / 10


# Pixels whose red and blue far exceed their green, as nothing else on the page has; read from a copy, as
# reading a canvas makes the browser draw on it in another way from then on.
COUNT_OF_PATH_COLOUR = """(() => {
  const canvas = document.getElementById("globe");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const pink = (i) => data[i] > 180 && data[i + 1] < 150 && data[i + 2] > 140;
  let n = 0;
  for (let i = 0; i < data.length; i += 4) n += pink(i) ? 1 : 0;
  return n;
})()"""


def test_a_click_on_a_path_change_goes_there(globe, made):
    globe.execute_script("lasermesh.select({ flow: 1 })")
    changes = globe.find_elements(By.CSS_SELECTOR, ".changes button")
    assert len(changes) > 1
    wanted = float(re.match(r"t = ([\d.]+) s", changes[1].text)[1]) - 30.0
    before = ask(globe, "lasermesh.path()")
    globe.execute_script("arguments[0].click()", changes[1])
    settle(globe)
    assert ask(globe, "lasermesh.now()") == pytest.approx(wanted, abs=0.001)
    assert ask(globe, "lasermesh.path()") != before
    assert len(globe.find_elements(By.CSS_SELECTOR, ".changes [aria-current=true]")) == 1


def test_keyboard_plays_steps_zooms_turns_and_switches(globe):
    keys = globe.find_element(By.TAG_NAME, "body").send_keys
    keys(Keys.ARROW_RIGHT)
    keys(Keys.ARROW_RIGHT)
    keys(Keys.ARROW_LEFT)
    assert ask(globe, "lasermesh.now()") == pytest.approx(1.0)  # a bin of load
    keys("+")
    assert ask(globe, "lasermesh.zoom()") == pytest.approx(1.15)
    keys(Keys.ARROW_DOWN)
    assert ask(globe, "lasermesh.zoom()") == pytest.approx(1.0)
    keys("i")
    assert ask(globe, "lasermesh.fixed()") is False
    keys("e")
    assert ask(globe, "lasermesh.fixed()") is True
    lon = ask(globe, "(lasermesh.project(0), lasermesh.eye().lon)")
    keys(Keys.SHIFT, Keys.ARROW_RIGHT)
    assert ask(globe, "(lasermesh.project(0), lasermesh.eye().lon)") > lon
    keys("?")
    assert globe.find_element(By.ID, "help").is_displayed()
    globe.find_element(By.ID, "help-close").click()
    keys(Keys.HOME)
    assert ask(globe, "(lasermesh.project(0), lasermesh.eye().lon)") == pytest.approx(lon, abs=1e-3)
    keys(Keys.SPACE)
    settle(globe)
    settle(globe)
    keys(Keys.SPACE)
    assert ask(globe, "lasermesh.playing()") is False
    assert 1.0 < ask(globe, "lasermesh.now()") < 60.0


def test_search_finds_a_node_and_turns_to_it(globe):
    globe.find_element(By.ID, "search").send_keys("kyo", Keys.ENTER)
    settle(globe)
    assert ask(globe, "lasermesh.selection().node") == 144
    assert "ground site of cities" in text_of(globe, "#node")
    at, eye = ask(globe, "lasermesh.project(144)"), ask(globe, "lasermesh.eye()")
    assert at["visible"]
    assert np.hypot(at["x"] - eye["x"], at["y"] - eye["y"]) < 3  # the geodetic and geocentric vertical differ


def test_dragging_turns_and_the_wheel_zooms(globe):
    canvas = globe.find_element(By.ID, "globe")
    lon = ask(globe, "lasermesh.eye().lon")
    ActionChains(globe, duration=0).move_to_element_with_offset(
        canvas, -200, 0
    ).click_and_hold().move_by_offset(60, 0).release().perform()
    settle(globe)
    eye = ask(globe, "lasermesh.eye()")
    assert lon - eye["lon"] == pytest.approx(60 / eye["scale"] / np.cos(eye["lat"]), rel=0.02)
    ActionChains(globe).scroll_from_origin(ScrollOrigin.from_element(canvas, -200, 0), 0, -200).perform()
    settle(globe)
    assert ask(globe, "lasermesh.zoom()") > 1.2


# ------------------------------------------------------------------------------------------------ other pages


def test_a_topology_of_two_satellites_with_nasty_names_is_shown(browser, tmp_path):
    data, _ = synthetic_globe(
        planes=1, slots=2, sites=(), load=False, flows=None, names=NASTY, coast=[], title=NASTY[0], n_frames=2
    )
    data["groups"][0]["name"] = NASTY[1]
    open_page(browser, tmp_path, data)
    browser.execute_script("lasermesh.select({ node: 1 })")
    settle(browser)
    assert text_of(browser, "#node h2") == NASTY[1]
    assert text_of(browser, "h1") == NASTY[0]
    assert browser.title == f"{NASTY[0]} - lasermesh globe"
    assert browser.find_elements(By.CSS_SELECTOR, "body b:not(#utc)") == []
    assert not browser.find_element(By.ID, "flows").is_displayed()
    assert pixels(browser) > 100
    assert complaints(browser) == []


def test_the_address_opens_a_time_a_node_and_a_flow(browser, made, tmp_path):
    open_page(browser, tmp_path, made[0], "#t=12.5&node=London&flow=web%2FTokyo%3ELondon&view=inertial")
    assert ask(browser, "lasermesh.now()") == 12.5
    assert ask(browser, "lasermesh.selection()") == {"node": 145, "link": None, "flow": 0}
    assert ask(browser, "lasermesh.fixed()") is False
    assert complaints(browser) == []


def test_a_satellite_without_position_is_left_out_until_it_has_one(browser, tmp_path):
    data, walker = synthetic_globe(load=False, flows=None)
    units = np.rint([walker.satellites(t) / data["position_unit_km"] for t in (0, 30, 60)]).astype(np.int16)
    units[0, 7] = (-32768, 0, 0)
    units[1:] = units[1:] - units[:-1]
    data["positions"] = blob(units, "i2")
    open_page(browser, tmp_path, data)
    browser.execute_script("lasermesh.lookAt(8)")
    shown = [
        ask(
            browser, "(lasermesh.setTime(arguments[0]), lasermesh.lookAt(7), lasermesh.project(7).visible)", t
        )
        for t in (10, 40)
    ]
    assert shown == [False, True]
    assert complaints(browser) == []


def test_a_browser_that_cannot_unpack_is_told(browser, made, tmp_path):
    path = tmp_path / "old.html"
    browser.execute_cdp_cmd("Page.enable", {})
    script = browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.DecompressionStream"}
    )
    path.write_text(globe_html(made[0]), encoding="utf-8")
    browser.get(path.as_uri())
    settle(browser)
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert "no DecompressionStream" in text_of(browser, "#loading")
    browser.get_log("browser")


def touch(browser, kind, *points):
    touched = [{"x": point["x"], "y": point["y"], "id": i} for i, point in enumerate(points)]
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})
    settle(browser)


def test_a_narrow_window_of_fine_pixels_is_used_by_touch(new_browser, made, tmp_path):
    narrow = new_browser(500, 800, pixel_ratio=2, calm=False)
    open_page(narrow, tmp_path, made[0])
    assert ask(narrow, "lasermesh.playing()") is True  # nobody asked for less motion
    assert not narrow.find_element(By.ID, "panel").is_displayed()
    assert ask(narrow, "document.getElementById('globe').width / innerWidth") == 2
    narrow.find_element(By.ID, "panel-toggle").click()
    eye = ask(narrow, "lasermesh.eye()")
    assert eye["y"] + eye["scale"] < narrow.find_element(By.ID, "panel").rect["y"] + 1
    narrow.execute_script("lasermesh.pause(); lasermesh.setTime(0); lasermesh.lookAt(146)")
    settle(narrow)
    at = ask(narrow, "lasermesh.project(146)")
    touch(narrow, "touchStart", at)
    touch(narrow, "touchEnd")
    assert ask(narrow, "lasermesh.selection().node") == 146
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80)):
        touch(
            narrow, kind, {"x": at["x"] - apart / 2, "y": at["y"]}, {"x": at["x"] + apart / 2, "y": at["y"]}
        )
    touch(narrow, "touchEnd")
    assert ask(narrow, "lasermesh.zoom()") == pytest.approx(2.0, rel=0.05)
    narrow.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 720, "deviceScaleFactor": 2, "mobile": False},
    )
    settle(narrow)
    clock = ask(narrow, BOXES, "#utc, #since")
    player, speed = ask(narrow, BOXES, "#speed, #player")
    for left, top, right, bottom in clock:
        assert speed[2] <= left and right <= 360
        assert player[1] <= top and bottom <= player[3]
    assert complaints(narrow) == []
    narrow.quit()


# Left, top, right and bottom of the text of elements.
BOXES = """[...document.querySelectorAll(arguments[0])].map((element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const box = (element.id === "utc" || element.id === "since" ? range : element).getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom];
})"""


def test_every_part_of_the_page_is_joined():
    joined = {*SCRIPTS, "globe.html", "globe.css"}
    of_the_report = {"report.html", "report.css"}
    assert {file.name for file in PAGE.iterdir()} == joined | of_the_report
