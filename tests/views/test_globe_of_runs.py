"""What the globe's page says of a run in a real browser: failed links, drops, use, nodes without a place."""

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.views.synthetic_globe import blob, synthetic_globe
from tests.views.test_globe import unpacked
from tests.views.test_globe_page import ask, complaints, open_page, settle, text_of

FAILS_S = 20.0


def changed(packed, change):
    """A blob with its array as `change` leaves it."""
    array = unpacked(packed).copy()
    change(array)
    return blob(array, packed["type"])


def pixels_around(browser, x, y, reach):
    """Red, green and blue of the pixels up to `reach` away in each axis: (2 reach + 1, 2 reach + 1, 3)."""
    found = ask(
        browser,
        """(() => {
          const [x, y, reach] = arguments;
          const side = 2 * reach + 1;
          const copy = new OffscreenCanvas(side, side).getContext("2d");
          copy.drawImage(document.getElementById("globe"), reach - x, reach - y);
          return Array.from(copy.getImageData(0, 0, side, side).data);
        })()""",
        *(round(x), round(y), reach),
    )
    return np.array(found).reshape(2 * reach + 1, 2 * reach + 1, 4)[:, :, :3]


def pixel(browser, x, y):
    return pixels_around(browser, x, y, 0)[0, 0].tolist()


def middle(browser, link):
    """Where the middle of a link is drawn, None where one of its ends is hidden."""
    ends = [
        ask(browser, "lasermesh.project(arguments[0])", row)
        for row in ask(browser, "lasermesh.link(arguments[0]).nodes", link)
    ]
    if not all(end["visible"] for end in ends):
        return None
    return sum(end["x"] for end in ends) / 2, sum(end["y"] for end in ends) / 2


def is_red(rgb):
    return rgb[0] > 200 and max(rgb[1:]) < 120


@pytest.fixture(scope="module")
def storm(browser, tmp_path_factory):
    """A page on which the satellite after the first of flow 0's path loses all its links after 20 s.

    Sydney has no position, and links lose packets on the third hop of that path all the time.
    """
    data, _ = synthetic_globe()
    path = next(rows for t_s, rows in unpacked(data["flows"])[0]["paths"] if t_s == 0.0)
    failed, a, b = path[2], unpacked(data["links"]["a"]), unpacked(data["links"]["b"])
    of_failed = np.flatnonzero((a == failed) | (b == failed))
    contacts = data["contacts"]

    def end(stop_s):
        stop_s[np.isin(unpacked(contacts["link"]), of_failed)] = FAILS_S

    contacts["stop_s"] = changed(contacts["stop_s"], end)
    lossy = int(np.flatnonzero((a == min(path[4:6])) & (b == max(path[4:6])))[0])
    load = data["load"]
    n_bins = load["n_bins"]
    load |= {
        "first": blob(np.arange(n_bins + 1), "u4"),
        "link": blob(np.full(n_bins, lossy), "u4"),
        "use": blob(np.full((n_bins, 2), (1, 0)), "u1"),
        **{name: blob(np.full((n_bins, 2), (9, 0)), "f4") for name in ("queue_bytes", "bytes")},
        "dropped": blob(np.full((n_bins, 2), (5, 0)), "u4"),
    }
    data["has_position"] = changed(data["has_position"], lambda has: has.__setitem__(149, 0))
    open_page(browser, tmp_path_factory.mktemp("storm"), data)
    browser.storm = {"path": path, "failed": failed, "lossy": lossy, "data": data}
    yield browser
    assert complaints(browser) == []


def test_a_hop_whose_link_is_down_is_said_to_be_and_drawn_broken(storm):
    path = storm.storm["path"]
    names = unpacked(storm.storm["data"]["names"]).split("\n")
    storm.execute_script("lasermesh.setTime(19.9); lasermesh.select({ flow: 0 })")
    assert {hop["state"] for hop in ask(storm, "lasermesh.hops()")} == {"up"}
    assert f"{len(path) - 1} hops, " in text_of(storm, "#flow")
    assert storm.find_elements(By.CSS_SELECTOR, "#flow .down") == []

    storm.execute_script("lasermesh.setTime(20.1); lasermesh.lookAt(arguments[0])", path[2])
    settle(storm)
    states = [hop["state"] for hop in ask(storm, "lasermesh.hops()")]
    assert states == ["up", "down", "down"] + ["up"] * (len(path) - 4)
    first, second, third = (names[row] for row in path[1:4])
    told = f"The path is cut: hops 2 ({first} – {second}) and 3 ({second} – {third}) are down."
    assert told in text_of(storm, "#flow")
    rows = [row.text for row in storm.find_elements(By.CSS_SELECTOR, "#hops tbody tr")]
    assert [" – down" in row for row in rows] == [False, False, True, True] + [False] * (len(rows) - 4)
    assert rows[-1].startswith("in all: cut")
    assert is_red(pixel(storm, *middle(storm, ask(storm, "lasermesh.hops()[1].link"))))
    x, y = middle(storm, ask(storm, "lasermesh.hops()[0].link"))
    assert not is_red(pixel(storm, x, y))


def test_a_path_is_not_cut_at_the_instant_at_which_it_changes_with_a_link(storm):
    storm.execute_script("lasermesh.setTime(20 + 1e-7); lasermesh.select({ flow: 0 })")
    assert {hop["state"] for hop in ask(storm, "lasermesh.hops()")} == {"up"}


def test_a_satellite_that_lost_all_its_links_is_told_from_others(storm):
    failed = storm.storm["failed"]
    storm.execute_script("lasermesh.setTime(10); lasermesh.select({ node: arguments[0] })", failed)
    assert "down" not in text_of(storm, "#node")
    assert not storm.find_element(By.ID, "key-cut").is_displayed()
    storm.execute_script("lasermesh.setTime(30)")
    assert "Degree\n0 links: down or cut off" in text_of(storm, "#node")
    assert "Cut off\n1 satellite" in text_of(storm, "#now")
    assert storm.find_element(By.ID, "key-cut").is_displayed()
    cut_off = ask(storm, "[...Array(144).keys()].filter((row) => lasermesh.cutOff(row))")
    assert cut_off == [failed]
    storm.execute_script("lasermesh.setTime(10)")  # backwards too
    assert ask(storm, "lasermesh.cutOff(arguments[0])", failed) is False


def test_a_link_that_is_down_tells_when_it_was_up(storm):
    storm.execute_script("lasermesh.select({ flow: 0 }); lasermesh.setTime(30)")
    storm.execute_script("lasermesh.select({ link: lasermesh.hops()[1].link })")
    assert "not at this time; was until t = 50.000 s" in text_of(storm, "#link")


def test_drops_at_links_are_drawn_over_a_path_that_takes_the_link(storm):
    lossy, path = storm.storm["lossy"], storm.storm["path"]
    storm.execute_script(
        "lasermesh.setTime(5); lasermesh.select({ node: null });"
        "lasermesh.select({ flow: 0 }); lasermesh.lookAt(arguments[0])",
        path[4],
    )
    settle(storm)
    assert is_red(pixel(storm, *middle(storm, lossy)))


def test_drops_of_all_causes_are_told_with_their_own_times(storm):
    storm.execute_script("lasermesh.setTime(10)")  # in the eighth bin, from 10.0 to 11.5 s
    assert "Dropped\n14 packets: 7 queue, 7 no route" in text_of(storm, "#now")
    assert "Drops from t = 40.000 s to t = 41.500 s." in text_of(storm, "#now")


def test_a_node_without_a_position_has_no_numbers_that_need_one(storm):
    storm.execute_script("lasermesh.setTime(5); lasermesh.select({ node: 149 })")
    told = text_of(storm, "#node")
    assert "neither it nor its links are on this page" in told
    assert not any(
        word in told for word in ("Position", "Altitude", "Sun", "Degree", "middle", "ground site")
    )


def test_the_heading_tells_what_is_in_flight_and_no_more_of_a_run_that_ended(storm):
    assert text_of(storm, "#summary") == (
        "240,000 packets sent, 99.25 % delivered, 20 in flight at the end; dropped: 1,700 queue, 80 no route"
    )
    storm.execute_script("lasermesh.select({ flow: 0 })")
    assert "In flight\n10 (0.01 %) at the end" in text_of(storm, "#flow")


def test_colours_go_to_the_greatest_use_or_to_all_as_one_likes(storm):
    def ends():
        return [text_of(storm, "#half-use"), text_of(storm, "#full-use")]

    assert ends() == ["1", "2 %"]
    storm.execute_script("document.querySelector('[data-show=scaled]').click()")
    assert ends() == ["50", "100 %"]
    storm.execute_script("document.querySelector('[data-show=scaled]').click()")
    assert "<1 %" in text_of(storm, "#now")


def luminance(rgb):
    """Relative luminance of WCAG 2."""
    parts = np.asarray(rgb) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("ground", ["water", "land"])
def test_a_link_with_hardly_any_traffic_stands_out(browser, tmp_path, ground):
    data, _ = synthetic_globe(flows=None, coast=[(-60, -60), (60, -60), (60, 60), (-60, 60), (-60, -60)])
    if ground == "water":
        data["coast"] = blob(np.zeros((0, 2)), "i2")
    links = len(unpacked(data["links"]["a"]))
    data["load"] |= {
        "n_bins": 1,
        "bin_s": 60.0,
        "first": blob([0, links], "u4"),
        "link": blob(np.arange(links), "u4"),
        "use": blob(np.full((links, 2), (1, 0)), "u1"),
        **{name: blob(np.zeros((links, 2)), "f4") for name in ("queue_bytes", "bytes")},
        "dropped": blob(np.zeros((links, 2)), "u4"),
    }
    open_page(browser, tmp_path, data)
    # As bright as it gets: no night, the node in the middle below the Sun.
    browser.execute_script(
        "for (const name of ['night', 'scaled', 'labels']) {"
        "  const box = document.querySelector(`[data-show=${name}]`); if (box.checked) box.click(); }"
        "lasermesh.setTime(0); lasermesh.lookAt(146)"
    )
    settle(browser)
    near = ask(browser, MIDDLES_NEAR)
    assert len(near) > 10
    contrasts = []
    for x, y in near:
        bright = luminance(pixels_around(browser, x, y, 9))
        contrasts.append((bright[8:11, 8:11].max() + 0.05) / (np.median(bright) + 0.05))
    assert np.median(contrasts) > 3.0
    assert complaints(browser) == []


# Where links near the middle of the globe, both ends in front, have theirs.
MIDDLES_NEAR = """(() => {
  const eye = lasermesh.eye();
  const places = [];
  for (const link of lasermesh.linksUp()) {
    const [p, q] = lasermesh.link(link).nodes.map((row) => lasermesh.project(row));
    const [x, y] = [(p.x + q.x) / 2, (p.y + q.y) / 2];
    if (p.visible && q.visible && Math.hypot(x - eye.x, y - eye.y) < 0.5 * eye.scale) places.push([x, y]);
  }
  return places;
})()"""


def test_drops_of_an_older_run_are_those_at_links(browser, tmp_path):
    data, _ = synthetic_globe()
    data["drops"] = None
    open_page(browser, tmp_path, data)
    dropped = unpacked(data["load"]["dropped"]).sum(axis=1)
    first = unpacked(data["load"]["first"])
    lost = int(dropped[first[20] : first[21]].sum())
    browser.execute_script("lasermesh.setTime(20.5)")
    assert f"Dropped\n{lost} packets at links" in text_of(browser, "#now")
    assert complaints(browser) == []


def test_the_slider_keeps_its_keys_and_its_knob_is_where_it_is_taken(browser, tmp_path):
    open_page(browser, tmp_path, synthetic_globe(planes=2, slots=3, flows=None)[0])
    slider = browser.find_element(By.ID, "time")
    for part in (0.05, 0.5, 0.97):
        settle(browser)  # it is as wide as the clock beside it lets it be
        width = slider.rect["width"]
        ActionChains(browser, duration=0).move_to_element_with_offset(
            slider, round((part - 0.5) * width), 0
        ).click().perform()
        settle(browser)
        assert ask(browser, KNOB) == pytest.approx(part * width, abs=1.5)
    zoom, lat = ask(browser, "[lasermesh.zoom(), lasermesh.eye().lat]")
    at = ask(browser, "lasermesh.now()")
    slider.send_keys(Keys.ARROW_UP)
    settle(browser)
    assert ask(browser, "lasermesh.now()") > at
    slider.send_keys(Keys.HOME)
    settle(browser)
    assert ask(browser, "[lasermesh.now(), lasermesh.zoom(), lasermesh.eye().lat]") == [0, zoom, lat]


# The middle of what is white on the bar of time, in px from its left.
KNOB = """(() => {
  const bar = document.getElementById("marks");
  const { data } = bar.getContext("2d").getImageData(0, 0, bar.width, bar.height);
  const white = [];
  for (let i = 0; i < data.length; i += 4) {
    if (Math.min(...data.slice(i, i + 4)) > 230) white.push((i / 4) % bar.width);
  }
  return (Math.min(...white) + Math.max(...white) + 1) / 2 * (bar.clientWidth / bar.width);
})()"""


def test_what_is_dragged_in_the_middle_stays_under_the_pointer(browser, tmp_path):
    open_page(browser, tmp_path, synthetic_globe(planes=2, slots=3, flows=None)[0])
    browser.execute_script("lasermesh.lookAt(13)")  # Reykjavik, at 64 degrees
    settle(browser)
    before = ask(browser, "lasermesh.project(13)")
    canvas = browser.find_element(By.ID, "globe")
    offset = (
        round(before["x"] - canvas.rect["width"] / 2),
        round(before["y"] - canvas.rect["height"] / 2),
    )
    ActionChains(browser, duration=0).move_to_element_with_offset(
        canvas, *offset
    ).click_and_hold().move_by_offset(24, 0).release().perform()
    settle(browser)
    assert ask(browser, "lasermesh.project(13)")["x"] - before["x"] == pytest.approx(24, abs=1)
