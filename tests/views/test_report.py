"""The report: its figures are those of the run, it stands alone, and a browser shows it whole."""

import json
import re
import shlex
import shutil
import tomllib
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from lasermesh.cli import main
from lasermesh.errors import UserError
from lasermesh.experiments.running import run as run_experiment
from lasermesh.experiments.viewing import scene_of_run
from lasermesh.packets.causes import CAUSES
from lasermesh.results import load
from lasermesh.results.link_use import link_intervals_of
from lasermesh.views import plots
from lasermesh.views.plots.utilisation import busy_over_time
from lasermesh.views.report import write_report
from lasermesh.views.report_figures import figures_html
from lasermesh.views.report_parts import command_of, guesses_of, losses_of_links
from lasermesh.views.report_scenario import scenario_text
from tests.results.test_html import BAD_NAME, kept, kept_alternatives, texts

SETS = (
    *("start_s=6.8", "duration_s=0.5", "flows.rush.start_s=0.1", "flows.rush.stop_s=0.14"),
    *("observe.links_every_s=0.1", "packets.queue_bytes=20000", f"flows.office.name={BAD_NAME}"),
)
WIDTHS = (400, 1280, 1600)
DRAWN_PX = """return [...document.querySelectorAll('#plots svg, #plots img')]
.map(each => each.getBoundingClientRect().width)"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The shipped experiment, cut to its busiest tenths, with a name that is no HTML."""
    folder = tmp_path_factory.mktemp("report") / "quick"
    run_experiment("quick", SETS, folder, seed=5)
    return load(folder)


@pytest.fixture(scope="module")
def page(run):
    """Path of its report, beside the run."""
    path = run.path.parent / "report.html"
    write_report(run, path)
    return path


def parsed(path):
    """A page as a tree."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"<(meta|br|img)\b([^>]*?)/?>", r"<\1\2/>", text)
    text = re.sub(r"<style>.*?</style>", "", text, count=1, flags=re.DOTALL)
    text = text.replace("<!DOCTYPE html>", "").replace(' xmlns="http://www.w3.org/2000/svg"', "")
    return ElementTree.fromstring(text)


def table(tree, name):
    """Cells of the rows of a table by the name of the row."""
    rows = tree.iterfind(f".//table[caption='{name}']/tbody/tr")
    return {cells[0]: cells[1:] for cells in (texts(row, "*") for row in rows)}


def test_figures_are_those_of_the_summary(run, page):
    tree, summary = parsed(page), run.summary
    flows, latencies = table(tree, "Flows"), table(tree, "Latency")
    for name, entry in [(flow["name"], flow) for flow in summary["flows"]] + [
        ("all flows", summary["total"])
    ]:
        dropped = sum(entry["dropped"].values())
        assert flows[name][:3] == [f"{number:,}" for number in (entry["sent"], entry["delivered"], dropped)]
        assert flows[name][4:] == [f"{entry['in_flight']:,}", f"{entry['goodput_gbps']:,.3f}"]
        wanted = [entry["latency_ms"][what] for what in ("min", "mean", "p50", "p90", "p99", "max")]
        assert latencies[name][:6] == [f"{number:,.3f}" for number in wanted]
    drops = {cause: cells[0] for cause, cells in table(tree, "Drops by cause").items()}
    assert drops == {cause: f"{n:,}" for cause, n in summary["drops_total"].items() if n}
    busiest = table(tree, f"Busiest of {summary['links']['count']:,} links")
    assert [(name, cells[2]) for name, cells in busiest.items()] == [
        (f"{link['from']} > {link['to']}", f"{link['dropped']:,}") for link in summary["links"]["busiest"]
    ]


def test_plots_and_globe_say_the_same_of_how_busy_links_were(run):
    load = scene_of_run(run).load
    grid = link_intervals_of(run)
    assert (load.n_bins, load.bin_s) == (grid.n_intervals, grid.interval_s)
    plot = busy_over_time(run, run.link_use.ends).share
    of_globe = np.concatenate(
        [load.use[load.first[number] : load.first[number + 1]].ravel() for number in range(load.n_bins)]
    )
    used = of_globe[of_globe > 0.0]
    np.testing.assert_allclose(np.sort(plot[plot > 0.0]), np.sort(used), rtol=1e-9)
    for number, length_s in enumerate(np.diff(grid.edges_s)):
        of_interval = load.use[load.first[number] : load.first[number + 1]].sum() * length_s
        assert of_interval == pytest.approx(run.link_use.busy_s_of_intervals[number])


def test_losses_of_links_add_up_to_those_of_the_summary(run):
    losses = losses_of_links(run)
    assert len(losses) > 0
    sums = {cause: sum(of[cause] for _, of in losses) for cause in CAUSES}
    assert sums == run.summary["links"]["dropped"]


def test_no_name_becomes_markup(page, tmp_path):
    assert any(name.startswith(BAD_NAME) for name in table(parsed(page), "Flows"))
    report = tmp_path / "r.html"
    write_report(kept(tmp_path / "run", BAD_NAME, warnings=[BAD_NAME]), report, with_plots=False)
    tree = parsed(report)
    assert texts(tree, "body/header/h1") == [f"{BAD_NAME} complete"]
    assert texts(tree, ".//ul[@class='doubts']/li") == [f"Warning: {BAD_NAME}"]


def test_the_page_needs_nothing_else(page):
    tree = parsed(page)
    assert not list(tree.iter("script")) and not list(tree.iter("link"))
    policy = tree.find("head/meta[@http-equiv='Content-Security-Policy']").get("content")
    assert policy.startswith("default-src 'none';")
    for each in tree.iter():
        for key, value in each.attrib.items():
            if key in ("src", "href", "{http://www.w3.org/1999/xlink}href"):
                assert value.startswith(("#", "data:", "quick/")), value
    links = [each.get("href") for each in tree.iterfind(".//table[caption='Files']//a")]
    assert "quick/flows.parquet" in links
    assert all((page.parent / link).is_file() for link in links)


def test_pictures_have_words_and_ids_of_their_own(page):
    tree = parsed(page)
    figures = list(tree.iter("figure"))
    assert len(figures) >= 3
    assert all(picture.get("aria-label") for each in figures for picture in each.iter("svg"))
    assert all(texts(each, "figcaption")[0] for each in figures)
    captions = texts(tree, ".//table/caption")
    assert len(captions) == len(list(tree.iter("table"))) and all(captions)
    ids = [each.get("id") for each in tree.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)) <= {
        pair for each in ids for pair in ((each, ""), ("", each))
    }


def test_the_command_that_it_shows_repeats_the_run(run, page, tmp_path):
    (command,) = texts(parsed(page), ".//section[@id='reproduce']/pre")
    assert main([*shlex.split(command)[1:], "-o", str(tmp_path / "again")]) == 0
    again = load(tmp_path / "again")
    for what in ("link_graph", "scenario"):
        assert again.manifest["hashes"][what] == run.manifest["hashes"][what]
    assert again.flows.equals(run.flows)
    assert again.manifest["asked"] == run.manifest["asked"]


def test_an_alternative_is_repeated_by_its_name():
    asked = {"experiment": "my file.toml", "sets": ["a=b c"], "seed": None, "warm_up_s": 60.0}
    manifest = {"experiment": "e", "seed": 3, "asked": asked | {"alternatives": ["x"]}}
    words = ["lasermesh", "run", "my file.toml", "--seed", "3", "--set", "a=b c"]
    assert command_of(manifest) == (shlex.join([*words, "--alternative", "x", "--warm-up", "60.0"]), True)


def test_a_live_run_is_repeated_live_with_its_command_and_options(tmp_path):
    asked = {"experiment": "live", "sets": ["a=1"], "seed": None, "warm_up_s": None, "alternatives": []}
    how = {"on": "new-york", "duration_s": 2.5, "gso": False, "spin_us": None, "capture": "New York"}
    how["command"] = ["sh", "-c", "ping london"]
    of_run = kept(tmp_path / "run", asked=asked | {"live": how}, live={"verdict": "OK"}, seed=3)
    write_report(of_run, tmp_path / "r.html", with_plots=False)
    tree = parsed(tmp_path / "r.html")
    (command,) = texts(tree, ".//section[@id='reproduce']/pre")
    assert command == (
        "lasermesh live live --seed 3 --set a=1 --no-gso --on new-york --capture 'New York' --duration 2.5 "
        "-- sh -c 'ping london'"
    )
    (note,) = texts(tree, ".//section[@id='reproduce']/p")
    assert "not the same to the packet" in note
    bare = {"asked": asked | {"live": dict.fromkeys(how)}, "live": {"verdict": "OK"}, "seed": 3}
    assert command_of(bare) == ("lasermesh live live --seed 3 --set a=1", True)


@pytest.mark.parametrize(
    ("status", "words"), [("failed", "failed after 2 s"), ("interrupted", "was interrupted")]
)
def test_a_run_that_did_not_end_says_so_first(tmp_path, status, words):
    why = {"failure": "no <x>"} if status == "failed" else {}
    write_report(kept(tmp_path / "run", status=status, **why), tmp_path / "r.html", with_plots=False)
    (banner,) = texts(parsed(tmp_path / "r.html"), "body/header/p")
    assert words in banner
    assert ("no <x>" in banner) == (status == "failed")


def test_the_scenario_reads_as_toml_without_what_was_not_given(run):
    def given(value):
        if isinstance(value, dict):
            kept = {key: given(each) for key, each in value.items()}
            return {key: each for key, each in kept.items() if each not in (None, [], {})}
        return [given(each) for each in value] if isinstance(value, list) else value

    assert tomllib.loads(scenario_text(run.manifest["scenario"])) == given(run.manifest["scenario"])


def test_alternatives_stand_side_by_side_and_each_for_itself(tmp_path):
    runs = kept_alternatives(tmp_path / "both")
    write_report(runs, tmp_path / "r.html", with_plots=False)
    tree = parsed(tmp_path / "r.html")
    assert texts(tree, ".//section[@id='figures']/p") == [f"failed {BAD_NAME}: <no>"]
    assert texts(tree, ".//details[@class='alternative']/summary") == ["one: complete"]
    flows = table(tree.find(".//details[@class='alternative']"), "Flows")
    assert flows["all flows"][0] == f"{runs.runs['one'].summary['total']['sent']:,}"
    assert texts(tree, ".//section[@id='reproduce']/pre") == ["lasermesh run both.toml --seed 7 --set a=1"]


def test_what_is_no_number_is_a_dash(tmp_path):
    write_report(kept(tmp_path / "run"), tmp_path / "r.html", with_plots=False)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|NaN|inf|None|null)\b", text)
    assert table(parsed(tmp_path / "r.html"), "Latency")["lone/Tokyo>Zürich"][:6] == ["-"] * 6


def test_a_report_that_cannot_be_made_is_a_sentence(tmp_path, capsys, monkeypatch):
    path = kept(tmp_path / "run").path
    unfinished = tmp_path / "crashed"
    shutil.copytree(path, unfinished)
    (unfinished / "manifest.json").unlink()
    cases = [
        ((path, "-o", tmp_path / "r.pdf"), "must end in .html or .htm"),
        ((path, "-o", tmp_path / "no" / "r.html"), "there is no folder"),
        ((unfinished, "-o", tmp_path / "r.html"), "has no manifest.json"),
    ]
    for arguments, words in cases:
        assert main(["report", *map(str, arguments)]) == 2
        assert words in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=re.escape('pip install "lasermesh[plot]"')):
        write_report(load(path), tmp_path / "r.html")
    assert not list(tmp_path.glob("r.*"))


@pytest.mark.parametrize("name", ["flows", "contacts", "flow_times", "links"])
def test_a_damaged_file_is_refused_and_no_report_is_written(run, tmp_path, capsys, name):
    folder = tmp_path / "damaged"
    shutil.copytree(run.path, folder)
    file = folder / f"{name}.parquet"
    file.write_bytes(b"x" * file.stat().st_size)
    report = tmp_path / "r.html"
    assert main(["report", str(folder), "-o", str(report)]) == 2
    assert f"{name}.parquet: the file is damaged" in capsys.readouterr().err
    assert not report.exists()


def test_what_has_nothing_to_draw_is_left_out_and_what_turns_out_so_is_told(run, monkeypatch):
    def refuse(run, name):
        raise plots.NothingToDraw("none <there>")

    monkeypatch.setattr(plots, "draw", refuse)
    html = figures_html(run, ("cdf", "power"), "")
    assert html == '<div class="figures"><p class="note">No plot cdf: none &lt;there&gt;</p></div>'


def test_a_large_plot_is_pixels_whatever_settings_of_matplotlib_the_user_has(run, monkeypatch):
    monkeypatch.setattr("lasermesh.views.report_figures.MOST_SVG_BYTES", 0)
    plain = figures_html(run, ("cdf",), "")
    assert 'src="data:image/png;base64,' in plain
    with matplotlib.rc_context({"savefig.facecolor": "red", "savefig.bbox": "tight"}):
        assert figures_html(run, ("cdf",), "") == plain


def test_json_names_the_file_and_its_size(tmp_path, capsys):
    report = tmp_path / "r.html"
    assert main(["report", str(kept(tmp_path / "run").path), "-o", str(report), "--no-plots", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(report), "bytes": report.stat().st_size}


def test_a_browser_shows_it_whole_on_narrow_and_wide_windows(browser, page, tmp_path):
    several = tmp_path / "several.html"
    write_report(kept_alternatives(tmp_path / "both"), several, with_plots=False)
    browser.get_log("browser")
    for path in (page, several):
        for width in WIDTHS:
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            browser.get(path.as_uri())
            browser.execute_script(
                "for (const each of document.querySelectorAll('details')) each.open = true"
            )
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            heights = browser.execute_script(
                "return [...document.querySelectorAll('section, figure')].map(each => each.offsetHeight)"
            )
            assert min(heights) > 40
            sizes = browser.execute_script(DRAWN_PX)
            assert min(sizes, default=642) >= 642  # so that letters keep the size in which they are drawn
        assert browser.find_element("css selector", "h1").text.endswith(("complete", "failed"))
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert browser.get_log("browser") == []


def test_guesses_of_terminals_and_of_work_are_told(run):
    terminals = [{"name": "laser", "preset": "sl-gen3", "guesses": ["acquisition_s"]}]
    work = [{"name": name, "guesses": ["A scene takes 2 s."]} for name in ("a", "b")]
    told = SimpleNamespace(
        manifest={"scenario": {"topology": {"terminals": terminals}}}, summary={"workloads": work}
    )
    assert guesses_of(told) == [
        "Guesses, of terminal laser (preset sl-gen3): acquisition_s",
        "A guess, a, b: A scene takes 2 s.",
    ]
    assert guesses_of(run) == []
