"""`lasermesh contacts` as one types it."""

import csv
import json
import re

import pyarrow.parquet as pq
import pytest

from lasermesh.cli import progress
from tests.experiments.skies import NEAREST, quito, shell

FIELDS = ["from", "to", "kind", "start_s", "stop_s", "rate_bps", "owlt_s", "open_start", "open_stop"]


@pytest.fixture
def site(tmp_path):
    """The file of 48 satellites and a site, in the folder where commands are started."""
    shell(tmp_path, quito(), name="site")
    return "site.toml"


def rows_of(text):
    return list(csv.reader(text.splitlines()))


def test_json_is_one_object_with_the_fields_of_the_contract(run_command, site):
    done = run_command("contacts", site, "--duration", 600, "--json")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert list(result) == ["topology", "utc", "start_s", "stop_s", "potential", "memory", "contacts"]
    assert (result["start_s"], result["stop_s"], result["memory"]) == (0.0, 600.0, None)
    assert result["contacts"] and all(list(row) == FIELDS for row in result["contacts"])
    assert run_command("contacts", site, "--duration", 600, "--format", "json").out == done.out


def test_without_format_and_file_it_prints_a_few_numbers(run_command, site):
    done = run_command("contacts", site, "--duration", 600)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "site from t = 0 to 600 s, links as the rules make them"
    assert lines[1].split() == ["count", "least", "mean", "most"]
    assert any(line.startswith("ground links, one way") for line in lines)
    potential = run_command("contacts", site, "--duration", 600, "--potential").out
    assert potential.splitlines()[0] == "site from t = 0 to 600 s, what geometry allows"


def test_a_plan_goes_into_the_file_in_the_format_of_its_name(run_command, site, tmp_path):
    text = run_command("contacts", site, "--duration", 600, "--format", "csv").out
    rows = rows_of(text)
    assert rows[0] == FIELDS
    done = run_command("contacts", site, "--duration", 600, "-o", "plan.csv")
    assert (done.code, done.out, done.err) == (0, f"plan.csv: {len(rows) - 1} contacts as csv\n", "")
    assert (tmp_path / "plan.csv").read_text() == text
    for name in ("plan.json", "plan.parquet", "plan.ionrc"):
        assert run_command("contacts", site, "--duration", 600, "-o", name).code == 0
    assert len(json.loads((tmp_path / "plan.json").read_text())["contacts"]) == len(rows) - 1
    table = pq.read_table(tmp_path / "plan.parquet")
    assert table.column_names == FIELDS and table.num_rows == len(rows) - 1
    contacts = [
        line for line in (tmp_path / "plan.ionrc").read_text().splitlines() if line.startswith("a contact")
    ]
    assert len(contacts) == len(rows) - 1
    assert run_command("contacts", site, "-o", "rc.txt", "--format", "hdtn").code == 0
    assert "contacts" in json.loads((tmp_path / "rc.txt").read_text())


def test_json_beside_a_file_is_what_it_always_is(run_command, site, tmp_path):
    plain = run_command("contacts", site, "--duration", 60, "--json").out
    done = run_command("contacts", site, "--duration", 60, "--json", "-o", "plan.csv")
    assert (done.code, done.out) == (0, plain) and (tmp_path / "plan.csv").is_file()


def test_rounding_is_warned_about_and_fractions_avoid_it(run_command, site):
    done = run_command("contacts", site, "--duration", 600, "--format", "ion")
    assert done.code == 0 and "warning: " in done.err and "rounded to whole seconds" in done.err
    assert re.search(r"^a range \+\d+ \+600 \d+ \d+ 0$", done.out, re.MULTILINE)
    done = run_command("contacts", site, "--duration", 600, "--format", "ion", "--fractions")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^a range \+[\d.]+ \+600 \d+ \d+ 0\.\d+$", done.out, re.MULTILINE)


def test_contacts_are_split_where_the_light_time_moves(run_command, site):
    counts = [
        len(rows_of(run_command("contacts", site, "--duration", 900, "--format", "csv", *more).out))
        for more in ((), ("--split-owlt", 2), ("--split-owlt", 0.5))
    ]
    assert counts[0] < counts[1] < counts[2]


def test_memory_is_told_in_text_and_json(run_command, tmp_path):
    shell(tmp_path, NEAREST)
    arguments = "contacts", "shell.toml", "--start", 300, "--duration", 10
    assert run_command(*arguments).out.endswith("links with a memory are followed from t = 0 s on\n")
    assert json.loads(run_command(*arguments, "--json").out)["memory"] == {"from_s": 0.0, "warm_up_s": None}
    done = run_command(*arguments, "--warm-up", 60, "-o", "plan.csv")
    assert done.out.splitlines()[1] == (
        "links with a memory are followed from t = 240 s on, after a warm-up of 60 s"
    )


def test_a_warm_up_that_changes_nothing_is_remarked_on(run_command, site):
    done = run_command("contacts", site, "--duration", 60, "--warm-up", 5)
    assert done.code == 0
    assert done.err == "warning: a warm-up changes nothing here: no link rule and no terminal has a memory\n"


def test_what_takes_long_says_how_far_it_is(run_command, site, monkeypatch):
    monkeypatch.setattr(progress, "FIRST_PROGRESS_S", 0.0)
    monkeypatch.setattr(progress, "LOGGED_EVERY_S", 0.0)
    done = run_command("contacts", site, "--duration", 1800)
    lines = done.err.splitlines()
    assert lines[0].startswith("600 of 1800 s looked at, ") and lines[0].endswith(" s left")
    assert len(lines) == 2  # the end follows by itself


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--duration", 0), "the duration must be a number of seconds above 0 (got 0)"),
        (("--duration", "nan"), "the duration must be a number of seconds above 0"),
        (("--duration", "1e12"), "the end must be within 100 years"),
        (("--start", "inf"), "the start must be a number of seconds"),
        (("--start", "noon"), "'noon' is not a valid float"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--format", "parquet"), "--format parquet needs -o FILE"),
        (("--json", "--format", "ion"), "give --json or --format ion, or -o FILE for the latter"),
        (("-o", "plan"), 'the name "plan" does not tell the format; give --format'),
        (("-o", " "), "the name of the file for -o is empty"),
        (("-o", "no/plan.csv"), "cannot be written: No such file or directory"),
        (("--fractions",), "--fractions goes with --format ion or asabr"),
        (("--fractions", "--format", "hdtn"), "--fractions goes with --format ion or asabr"),
        (("--split-owlt", 0), "light times can be split at 0.001 to 1e+09 ms (got 0)"),
        (("--split-owlt", "x"), "'x' is not a valid float"),
        (("--warm-up", -1), "the warm-up must be from 0 to"),
        (("--set", "step_s=-1"), "step_s"),
    ],
)
def test_mistakes_end_with_code_2_and_a_sentence(run_command, site, arguments, words):
    done = run_command("contacts", site, *arguments)
    assert (done.code, done.out) == (2, ""), arguments
    assert words in done.err and "Traceback" not in done.err


def test_a_topology_that_is_not_there_is_refused(run_command):
    assert run_command("contacts").code == 2
    assert run_command("contacts", "no-such-topology").code == 2
