"""`lasermesh attach` as one types it."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lasermesh.experiments import attaching
from tests.experiments.skies import SHELL
from tests.experiments.test_attaching import GUESTS

ASKED = ("--clients", "g", "--duration", 60, "--warm-up", 60, "--free-share", "0.5", "--workers", 1)


@pytest.fixture
def guests(tmp_path):
    """The file of 48 hosts and two groups of guests, in the folder where commands are started."""
    terminal = "sun_exclusion_deg = 5.0"
    (tmp_path / "guests.toml").write_text(SHELL.format(terminal=terminal, more=GUESTS))
    return "guests.toml"


def warnings_of(done):
    """Lines on stderr but those that tell how far it is."""
    return [line for line in done.err.splitlines() if " runs, " not in line]


def test_it_prints_a_table_with_five_acquisition_times_unless_told_otherwise(run_command, guests):
    done = run_command("attach", guests, *ASKED)
    assert done.code == 0 and not warnings_of(done)
    lines = done.out.splitlines()
    assert lines[0] == "guests from t = 0 to 60 s, guests followed from 60 s before, 1 seed"
    assert lines[1].startswith("guests  choose   free (a guess)  terminals  acquire, s  connected  least")
    rows = [line.split() for line in lines[2:7]]
    assert [row[:6] for row in rows] == [
        ["g", "(2)", "nearest", "0.5", "topology", time] for time in ("0", "12", "30", "60", "100")
    ]
    assert lines[7].startswith("Nobody publishes how many hosts have a terminal free")


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_run(run_command, guests, monkeypatch):
    monkeypatch.setattr(attaching, "attach", None)
    for name, words in (
        ("nowhere/table.csv", 'there is no folder "nowhere"'),
        ("made.csv", "it is a folder"),
    ):
        Path("made.csv").mkdir(exist_ok=True)
        done = run_command("attach", guests, "-o", name)
        assert done.code == 2 and f'"{name}" cannot be written: {words}' in done.err


def test_json_and_files_have_the_same_rows(run_command, guests, tmp_path):
    values = "--acquisition", "topology,5", "--terminals", "1,topology", "--choose", "random"
    done = run_command("attach", guests, *ASKED, *values, "--json", "-o", "table.csv")
    assert done.code == 0 and not warnings_of(done)
    study = json.loads(done.out)
    assert list(study) == [
        "topology",
        "utc",
        "start_s",
        "duration_s",
        "warm_up_s",
        "seeds",
        "guesses",
        "rows",
    ]
    assert [(row["terminals"], row["acquisition_s"]) for row in study["rows"]] == [
        (1, None), (1, 5.0), (None, None), (None, 5.0)
    ]  # fmt: skip
    with (tmp_path / "table.csv").open() as file:
        written = list(csv.DictReader(file))
    assert [list(row) for row in written] == [list(row) for row in study["rows"]]
    assert [float(row["connected_share"]) for row in written] == [
        row["connected_share"] for row in study["rows"]
    ]
    done = run_command("attach", guests, *ASKED, *values, "-o", "table.parquet")
    assert done.out.splitlines()[-1] == "table.parquet: 4 rows"
    assert pq.read_table(tmp_path / "table.parquet").to_pylist() == study["rows"]


def test_presets_that_guess_are_named_but_not_where_the_guess_is_replaced(run_command, guests):
    preset = "--set", 'terminals.guest={preset="mini", max_range_km=5000.0}'
    guesses = [
        json.loads(run_command("attach", guests, *ASKED, *preset, *more, "--json").out)["guesses"]
        for more in ((), ("--acquisition", "topology"))
    ]
    assert "terminals.guest.slew_deg_per_s" in guesses[0]
    assert set(guesses[1]) - set(guesses[0]) == {"terminals.guest.acquisition_s"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--acquisition", "12,x"), 'must be numbers with commas between them, or topology (got "x")'),
        (("--terminals", "1.5"), 'must be whole numbers with commas between them, or topology (got "1.5")'),
        (("--free-share", "2"), "free share: must be above 0 and at most 1 (got 2)"),
        (("--choose", "highest"), 'must be nearest, random or longest-remaining (got "highest")'),
        (("--clients", "w"), '"w" is no group of guests of guests, but g, other'),
        (("-o", "table.txt"), 'the name "table.txt" does not tell the format'),
        (("-o", "nowhere/table.csv"), '"nowhere/table.csv" cannot be written: there is no folder "nowhere"'),
    ],
)
def test_what_makes_no_sense_is_refused_with_exit_code_2(run_command, guests, arguments, words):
    done = run_command("attach", guests, "--duration", 10, "--workers", 1, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in " ".join(done.err.split())
