"""Sections of text as HTML, and what notebooks show of runs."""

from xml.etree import ElementTree

import pytest

from lasermesh.results import RunFolder, format_summary, load
from lasermesh.results.alternatives import AlternativesFolder, compare_alternatives
from lasermesh.results.headline import headline
from lasermesh.results.html import section_html
from lasermesh.results.layout import SPANNED, columns, wrapped
from lasermesh.results.text import summary_sections
from tests.results.examples import NODES, SCENARIO, intervals, summary

BAD_NAME = '<i>"a" & b</i>'


def element(html):
    return ElementTree.fromstring(f"<x>{html.replace('<br>', ' ')}</x>")


def texts(parent, path):
    return ["".join(each.itertext()) for each in parent.iterfind(path)]


def kept(path, experiment="pencil", status="complete", **more):
    """A finished run in a folder."""
    folder = RunFolder.create(experiment, NODES, output=path)
    folder.links.write(intervals())
    folder.close(summary(status) | {"experiment": experiment}, SCENARIO, **more)
    return load(path)


def kept_alternatives(path, names=("one", BAD_NAME)):
    """Two alternatives, the second of which failed and left nothing."""
    common = AlternativesFolder("both", ["one", "two"], path)
    run = kept(path / "one", "both/one")
    entries = [
        {"name": names[0], "folder": "one", "status": "complete", "message": None, "summary": run.summary},
        {"name": names[1], "folder": "two", "status": "failed", "message": "<no>", "summary": None},
    ]
    result = {"experiment": "both", "seed": 7, "status": "failed", "simulated_s": 2.0}
    common.close(
        result | {"alternatives": entries, "comparison": compare_alternatives(entries)},
        SCENARIO,
        {"experiment": "both.toml", "sets": ["a=1"], "seed": 7, "warm_up_s": None, "alternatives": []},
    )
    return load(path)


def test_a_table_has_its_title_its_headers_and_the_cells_uncut():
    name = "n" * 200
    lines = [*columns("Flows", [("sent", "packets"), ("", "why")], [[name, "7", BAD_NAME]], last_left=True)]
    built = element(section_html([*lines, *wrapped(f"note of {BAD_NAME} " * 30)]))
    assert texts(built, "h3") == ["Flows"]
    assert texts(built, ".//thead//th") == ["sent packets", "why"]
    assert texts(built, ".//tbody/tr/*") == [name, "7", BAD_NAME]
    assert texts(built, "p") == [f"note of {BAD_NAME} " * 30]


def test_a_header_over_several_columns_spans_them():
    headers = [("", "n"), ("time", "p50"), (SPANNED, "max"), ("of it", "again")]
    built = element(section_html(columns("", headers, [["a", "1", "2", "3", "4"]])))
    heads = [
        [("".join(cell.itertext()), cell.get("colspan"), cell.get("rowspan")) for cell in row.iterfind("th")]
        for row in built.iterfind(".//thead/tr")
    ]
    assert heads == [
        [("n", None, "2"), ("time", "2", None), ("of it again", None, "2")],
        [("p50", None, None), ("max", None, None)],
    ]


def test_a_rule_begins_the_total_and_words_between_rows_stay_there():
    lines = columns("T", [("", "n")], [["a", "1"], ["b", "2"], ["all", "3"]])
    lines.insert(3, "  the worst of 9:")
    lines.insert(5, "  ----")
    bodies = [texts(body, "tr/*") for body in element(section_html(lines)).iterfind(".//tbody")]
    assert bodies == [["a", "1"], ["the worst of 9:", "b", "2"], ["all", "3"]]


def test_a_heading_above_a_table_without_title_becomes_its_title():
    built = element(
        section_html([*wrapped("Path changes: 3, of which 2"), *columns("", [("", "n")], [["a", "1"]])])
    )
    assert (texts(built, "h3"), texts(built, "p")) == (["Path changes"], ["3, of which 2"])


def test_every_cell_of_the_text_is_in_the_html():
    built = summary()
    pages = [element(section_html(lines)) for about, lines in summary_sections(built) if about != "heading"]
    cells = {text for page in pages for text in texts(page, ".//td") + texts(page, ".//th")}
    for flow in built["flows"]:
        assert {
            flow["name"],
            f"{flow['sent']:,}",
            f"{flow['latency_ms']['p99']:,.3f}" if flow["latency_ms"] else "-",
        } <= cells
    words = format_summary(built)
    numbers = {cell for cell in cells if cell.replace(",", "").isdigit()}
    assert numbers and all(number in words for number in numbers)


def test_headline_tells_the_total_of_the_summary():
    built = summary()
    total = built["total"]
    facts = {fact.name: fact for fact in headline(built)}
    assert facts["packets delivered"].note == f"{total['delivered']:,} of {total['sent']:,} packets"
    assert facts["packets dropped"].note == "queue 9, link_down 2"
    assert facts["median latency"].value == f"{total['latency_ms']['p50']:,.3f} ms"


@pytest.mark.parametrize("status", ["complete", "interrupted"])
def test_a_notebook_shows_what_was_run_and_how_it_ended(tmp_path, status):
    run = kept(tmp_path / "run", BAD_NAME, status)
    built = element(run._repr_html_())
    assert texts(built, "div/p")[0] == f"{BAD_NAME}: {status}, 2 s simulated, seed 7"
    rows = {row[0]: row[1:] for row in (texts(row, "*") for row in built.iterfind(".//tbody/tr"))}
    assert rows["packets delivered"][1] == "101 of 115 packets"


def test_a_notebook_shows_alternatives_side_by_side(tmp_path):
    built = element(kept_alternatives(tmp_path / "both")._repr_html_())
    assert texts(built, ".//thead/tr/th") == ["", "one", BAD_NAME]
    rows = {row[0]: row[1:] for row in (texts(row, "*") for row in built.iterfind(".//tbody/tr"))}
    assert rows["status"] == ["complete", "failed"]
    assert rows["packets delivered"] == ["87.83 %", "-"]
