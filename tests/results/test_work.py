import json
from fractions import Fraction
from types import SimpleNamespace

import pytest

from lasermesh.errors import UserError
from lasermesh.results import RunFolder, alternatives_text, format_summary, json_ready, load
from lasermesh.results.alternatives import compare_alternatives, folders_of
from lasermesh.results.alternatives_text import format_alternatives
from lasermesh.results.layout import LINE, duration, shown_width
from lasermesh.results.statuses import status_of
from lasermesh.results.work_tables import WORK_TABLES, work_tables_of
from lasermesh.workloads.log import RECORD_TYPES
from lasermesh.workloads.records import PARTS
from tests.results import work
from tests.results.examples import NODES, SCENARIO, summary


def text_of(*workloads, **more):
    return format_summary(summary(**work.entries(*workloads, **more)))


def line_of(text, title, name):
    """Cells of the line of a name in the table of a title."""
    lines = text.splitlines()
    (begin,) = (row for row, line in enumerate(lines) if line.startswith(title))
    return next(line for line in lines[begin:] if line.startswith(f"  {name}")).split("  ")


def cells_of(text, title, name):
    return [cell.strip() for cell in line_of(text, title, name) if cell.strip()]


# -- tables ------------------------------------------------------------------------------------------------


def test_every_type_of_record_has_a_table():
    assert list(WORK_TABLES) == list(RECORD_TYPES)


@pytest.fixture
def kept(tmp_path):
    """A finished run with one record of each type, and a scene that was lost."""
    folder = RunFolder.create("pencil", NODES, output=tmp_path / "run", records=WORK_TABLES)
    log = work.log()
    folder.write_records(log, least=2)
    assert (len(log.scenes), len(log.stages)) == (0, 1)  # one alone waits for more
    folder.write_records(log)
    assert not any(getattr(log, name) for name in RECORD_TYPES)
    folder.close(summary(), SCENARIO)
    return load(tmp_path / "run")


def test_a_scene_comes_back_with_times_in_seconds_whose_parts_add_up(kept):
    delivered, lost = kept.scenes.to_pylist()
    assert (delivered["workload"], delivered["scene"], delivered["node"]) == ("bent", 0, "gen1-00-00")
    assert (delivered["captured_s"], delivered["finished_s"]) == (1e-12, 6.500000000001)
    assert delivered["insight_s"] == 6.5 == sum(delivered[f"{part}_s"] for part in PARTS)
    assert (delivered["state"], delivered["cause"]) == ("delivered", None)
    assert (lost["state"], lost["cause"], lost["insight_s"]) == ("lost", "storage", None)


def test_other_records_come_back_with_names_of_nodes(kept):
    (stage,), (request,), (step,) = (table.to_pylist() for table in (kept.stages, kept.requests, kept.steps))
    assert (stage["from"], stage["to"], stage["reason"]) == ("gen1-00-00", "Tokyo", "Tokyo: 5 ms")
    assert (stage["changed_choices"], stage["ended_s"]) == (1, 3.0)
    assert (request["user"], request["node"], request["asked_s"]) == ("Tokyo", "gen1-00-01", 1.0)
    assert (request["state"], request["first_token_s"], request["lost_tokens"]) == ("in_progress", None, 0)
    assert step == {"workload": "train", "kind": "exchange", "step": 4, "began_s": 1.0} | {
        "computed_s": 2.0,
        "ended_s": None,
        "sent_bytes": 10**9,
        "resent_bytes": 10**6,
    }
    assert kept.compute.to_pylist() == [
        {"time_s": 3.0, "compute": "gpu", "node": "gen1-00-01", "busy": 1, "waiting": 2}
        | {"refused": 3, "speed": 0.5}
    ]
    assert kept.storage.to_pylist() == [
        {"time_s": 1e-12, "sensor": "camera", "node": "gen1-00-00", "stored_bytes": 10**9}
    ]


def test_times_are_the_nearest_numbers_of_seconds(kept):
    (power,) = kept.power.to_pylist()
    exact = Fraction(2**60 + 1, work.S)
    assert power["time_s"] == float(exact)
    assert (power["battery_j"], power["sunlit_share"], power["load_w"]) == (1e6, 0.5, 80.0)


def test_units_stand_in_the_names_and_in_the_metadata(kept):
    for name in WORK_TABLES:
        for field in getattr(kept, name).schema:
            assert field.metadata[b"description"]
            suffix = field.name.rpartition("_")[2]
            unit = {"s": b"s", "bytes": b"bytes", "j": b"J", "w": b"W", "tokens": b"tokens"}.get(suffix)
            if unit is not None:
                assert field.metadata[b"unit"] == unit, (name, field.name)


def test_a_run_without_work_has_none_of_the_tables(tmp_path):
    folder = RunFolder.create("pencil", NODES, output=tmp_path / "run")
    folder.write_records(work.log())
    folder.close(summary(), SCENARIO)
    run = load(tmp_path / "run")
    assert {path.stem for path in run.path.glob("*.parquet")}.isdisjoint(WORK_TABLES)
    assert all(getattr(run, name) is None for name in WORK_TABLES)


def test_a_damaged_table_of_work_is_refused_by_name(kept):
    file = kept.path / "scenes.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"scenes\.parquet: the file is damaged"):
        load(kept.path).scenes  # noqa: B018


@pytest.mark.parametrize(
    ("kinds", "equipment", "names"),
    [
        ((), ("gpu",), []),
        (("bent-pipe",), (), ["scenes", "stages", "storage"]),
        (("stages",), ("gpu",), ["scenes", "stages", "compute", "power", "storage"]),
        (("inference",), ("gpu",), ["compute", "power", "requests"]),
        (("collective", "on-board"), (), ["scenes", "stages", "storage", "steps"]),
    ],
)
def test_a_run_has_the_tables_that_its_work_fills(kinds, equipment, names):
    workloads = [SimpleNamespace(kind=kind) for kind in kinds]
    experiment = SimpleNamespace(workloads=workloads, compute=equipment, power=equipment)
    assert work_tables_of(experiment) == names


# -- the summary -------------------------------------------------------------------------------------------


def test_the_summary_names_workloads_and_says_what_they_rest_on():
    made = work.entries(work.scene_totals(), guesses=("acquisition takes 30 s",), fidelity="train")
    (workload,) = made["workloads"]
    assert (workload["name"], workload["guesses"]) == ("bent", ["acquisition takes 30 s"])
    assert (workload["fidelity"], workload["train_packets"]) == ("train", 32)
    assert [(entry["name"], entry["node"]) for entry in made["compute"]] == [
        ("gpu", "gen1-00-00"),
        ("gpu", "gen1-00-01"),
    ]
    assert made["storage"][0]["name"] == "camera"
    assert (made["power"][0]["name"], made["power"][0]["lowest_charge_node"]) == ("bus", "gen1-00-00")
    assert json.loads(json.dumps(json_ready(made), allow_nan=False))["workloads"][0]["in_progress"] == 12


# -- the text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (None, "-"),
        (0.0, "0.00 s"),
        (0.0123, "12.3 ms"),
        (0.5, "500 ms"),
        (1.0, "1.00 s"),
        (119.0, "119 s"),
        (120.0, "2.00 min"),
        (5400.0, "90.0 min"),
        (7200.0, "2.00 h"),
        (360_000.0, "100 h"),
        (36_000_000.0, "10,000 h"),
    ],
)
def test_times_are_told_in_a_unit_that_fits(time_s, text):
    assert duration(time_s) == text


def test_scenes_are_told_with_times_parts_bytes_and_causes():
    text = text_of(work.scene_totals())
    assert cells_of(text, "Scenes", "bent") == [
        *("bent +", "120", "100", "8", "12", "5.00 min", "-", "-", "-")
    ]
    assert cells_of(text, "Mean time to insight", "bent") == [
        *("bent +", "4.00 min", "0.00 s", "2.50 s", "250 ms", "12.0 s", "60.2 s", "5.25 min")
    ]
    assert cells_of(text, "Bytes", "bent") == [
        *("bent +", "2.4 GB", "1.5 GB", "25.00 %", "1.6 GB", "100.0 MB")
    ]
    assert "Lost of bent, by cause: storage 5, expired 3\n" in text
    assert "Work was sent packet by packet\n" in text
    assert text.index("Scenes") < text.index("Flows")


def test_scenes_that_are_not_over_are_said_to_bias_the_times():
    text = " ".join(text_of(work.scene_totals()).split())
    sentence = (
        "+ bent: 20 of 120 scenes were lost or still on their way at the end: times of those delivered are "
        "biased low"
    )
    assert sentence in text
    assert "biased" not in text_of(work.scene_totals(in_progress=0, lost={}))


def test_guesses_are_marked_in_the_tables_and_stand_below_them():
    guesses = ("acquisition takes 30 s", "the terminal draws 60 W")
    done = {"in_progress": 0, "lost": {}}
    text = text_of(work.scene_totals(**done), work.request_totals(**done), guesses=guesses)
    assert line_of(text, "Scenes", "bent")[1] == "bent *"
    assert line_of(text, "Requests", "chat")[1] == "chat *"
    for guess in guesses:
        assert text.count(f"* bent, chat, a guess: {guess}\n") == 1
    assert "*" not in text_of(work.scene_totals())


def test_requests_and_training_are_told():
    text = text_of(work.request_totals(), work.training_totals())
    assert cells_of(text, "Requests", "chat") == [
        *("chat +", "40", "38", "2", "0", "250 ms", "500 ms", "-", "-")
    ]
    assert cells_of(text, "Mean time to the first token", "chat") == [
        *("chat +", "100 ms", "100 ms", "200 ms", "400 ms")
    ]
    assert cells_of(text, "Answers", "chat") == [
        *("chat +", "3.00 s", "10.0 s", "-", "-", "8,000", "3", "133.3", "75.00 %")
    ]
    assert cells_of(text, "Training", "train") == [
        *("train", "8", "10", "2.50 s", "2.50 s", "3.00 s", "1.25 s", "50.00 %", "1.0 TB", "1.0 MB")
    ]
    assert "Checkpoints of train: 2 pushed, each in 4.00 s (median), 0 in progress" in text


def test_power_is_told_with_what_became_of_it():
    text = text_of(work.scene_totals())
    assert cells_of(text, "Power", "bus") == [
        *("bus", "2", "20.00 %", "60.00 %", "30.0 min", "10.000", "9.000", "0.500", "0.000", "+0.500")
    ]


def test_a_header_of_several_columns_stands_over_them_all():
    lines = text_of(work.scene_totals()).splitlines()
    row = next(row for row, line in enumerate(lines) if line.startswith("Scenes"))
    begin, end = lines[row].index("---"), len(lines[row])
    assert lines[row].endswith("---") and " time to insight " in lines[row]
    assert lines[row + 1][begin:end].split() == ["p50", "p90", "p99", "max"]


def test_energy_that_was_not_there_is_said_below_the_table():
    made = summary(**work.entries(work.scene_totals()))
    assert "kWh were needed" not in format_summary(made)
    made["power"][0]["unmet_j"] = 3.6e6
    words = "bus: 1.000 kWh were needed that neither arrays nor batteries gave; what drew them went on"
    assert words in " ".join(format_summary(made).split())


def test_computers_and_storages_are_told_by_table():
    text = text_of(work.scene_totals())
    assert cells_of(text, "Computers", "gpu") == [
        *("gpu", "2", "120", "8", "50.00 %", "75.00 %", "0.50", "125 ms")
    ]
    assert cells_of(text, "Storage of sensors", "camera") == [
        *("camera", "1", "2.4 GB", "100.0 MB", "300.0 MB", "800.0 MB")
    ]


def test_a_workload_of_which_nothing_came_is_told_without_times():
    text = text_of(work.no_scene_totals())
    assert cells_of(text, "Scenes", "bent") == ["bent +", "120", "0", "0", "120", "-", "-", "-", "-"]
    assert "Mean time to insight" not in text and "by cause: " not in text.partition("Flows")[0]


def test_trains_are_named_with_their_length():
    assert "Work was sent in trains of up to 64 packets\n" in text_of(
        work.scene_totals(), fidelity="train", train_packets=64
    )


@pytest.mark.parametrize("name", ["w", "a name that is far too long " * 5, "n" * 200])
def test_no_line_about_work_is_wider_than_the_page(name):
    text = text_of(
        *(work.scene_totals(name=name), work.request_totals(name=name)),
        work.training_totals(name=name),
        guesses=("a sentence that goes on " * 12,),
    )
    assert all(shown_width(line) <= LINE for line in text.splitlines())


def test_what_work_sends_is_told_by_group_and_not_pair_by_pair():
    text = text_of(work.scene_totals())
    assert "office, 2 flows" in text and "office/Tokyo>Zürich" not in text.partition("Drops")[0]


# -- alternatives ------------------------------------------------------------------------------------------


def side_by_side(*alternatives, status="complete"):
    """What is told of alternatives, each a name and the totals of its workloads."""
    told = []
    for name, *workloads in alternatives:
        made = work.entries(*workloads) | {"simulated_s": 86_400.0} if workloads else None
        told.append({"name": name, "folder": name, "status": status, "message": None, "summary": made})
    head = {"experiment": "pencil", "seed": 7, "status": status, "simulated_s": 86_400.0}
    return head | {"alternatives": told, "comparison": compare_alternatives(told)}


def faster(**more):
    """Scenes of which the times are a tenth of the others, and the bytes a hundredth."""
    times = {quantile: time_s / 10 for quantile, time_s in work.INSIGHT_S.items()}
    return work.scene_totals(insight_s=times, delivered_bytes=15_000_000, lost={}, in_progress=0, **more)


def test_alternatives_stand_in_one_table_with_ratios_to_the_first():
    result = side_by_side(("ground", work.scene_totals()), ("orbit", faster(name="in-orbit")))
    first, second = (row for row in result["comparison"] if "workload" in row)
    assert (first["baseline"], first["ratios"], second["baseline"]) == (None, None, "bent")
    assert second["ratios"] == pytest.approx(
        dict.fromkeys(("mean", "p50", "p90", "p99", "max"), 0.1) | {"delivered_bytes": 0.01}
    )
    text = format_alternatives(result)
    assert text.splitlines()[0] == ("pencil: complete, 2 alternatives, 86,400 s simulated, seed 7")
    assert cells_of(text, "Scenes", "ground")[:5] == ["ground +", "120", "100", "8", "12"]
    assert cells_of(text, "Scenes", "orbit")[4:6] == ["0", "30.0 s"]
    assert cells_of(text, "Against ground", "orbit") == ["orbit +", "-", "0.1 x", "-", "-", "0.01 x"]
    words = " ".join(text.split())
    sentence = "orbit: median time to insight 30.0 s against 5.00 min, 15.0 MB brought down against 1.5 GB"
    assert sentence in words
    assert "one run of each, all with seed 7: ratios have no confidence intervals; where" in words
    assert "those that were delivered are compared, which need not be the same ones" in words
    assert "need not be" not in format_alternatives(side_by_side(("a", faster()), ("b", faster())))


def test_a_workload_of_which_all_were_delivered_has_all_its_times():
    done = {"delivered": 120, "in_progress": 0, "lost": {}}
    result = side_by_side(("ground", work.scene_totals(**done)), ("orbit", faster()))
    text = format_alternatives(result)
    assert cells_of(text, "Scenes", "ground")[5:] == ["5.00 min", "90.0 min", "2.50 h", "10.0 h"]
    assert cells_of(text, "Against ground", "orbit") == ["orbit", *["0.1 x"] * 4, "0.01 x"]


def test_runs_that_differ_in_length_are_told_by_the_shortest_and_the_longest():
    result = side_by_side(("a", faster()), ("b", faster()), status="interrupted")
    result["alternatives"][0]["summary"]["simulated_s"] = 600.0
    assert "600 to 86,400 s simulated" in format_alternatives(result)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "-"),
        (0.0, "0 x"),
        (1.234e-5, "0.0000123 x"),
        (1.0, "1 x"),
        (250.0, "250 x"),
        (999.9, "1,000 x"),
        (0.00123, "0.00123 x"),
        (12.34, "12.3 x"),
        (1234.5, "1,234 x"),
    ],
)
def test_ratios_are_told_in_one_way(ratio, text):
    assert alternatives_text._times(ratio) == text


def test_an_alternative_of_several_workloads_names_each():
    common = work.request_totals()
    result = side_by_side(("a", work.scene_totals(), common), ("b", faster(name="other"), common))
    text = format_alternatives(result)
    assert cells_of(text, "Scenes", "b")[0] == "b: other"
    assert cells_of(text, "Requests", "a")[0] == "a: chat +"
    assert "b: chat: median time to the first token 250 ms against 250 ms (a: chat)" in text
    assert [(row["workload"], row["baseline"]) for row in result["comparison"]] == [
        *(("bent", None), ("chat", None), ("other", "bent"), ("chat", "chat"))
    ]
    assert result["comparison"][3]["ratios"] == dict.fromkeys(("mean", "p50", "p90", "p99", "max"), 1.0)
    assert result["comparison"][3]["last_token_s"] == common["last_token_s"]


def test_times_that_are_missing_have_no_ratio():
    result = side_by_side(("a", work.no_scene_totals()), ("b", faster()), ("c",), status="interrupted")
    assert set(result["comparison"][1]["ratios"].values()) == {None}
    text = format_alternatives(result)
    assert cells_of(text, "Against a", "b") == ["b +", *["-"] * 5]
    assert text.endswith("\nb: interrupted after 86,400 s\nc: interrupted\n")


def test_an_alternative_that_failed_says_why():
    result = side_by_side(("a", faster()), ("b",), status="failed")
    result["alternatives"][1]["message"] = "the disk is full"
    assert format_alternatives(result).endswith("\nb: failed: the disk is full\n")


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (("complete", "complete"), "complete"),
        (("complete", "failed"), "failed"),
        (("failed", "waiting"), "interrupted"),
        (("interrupted", "complete"), "interrupted"),
    ],
)
def test_the_status_of_all_is_that_of_the_worst(statuses, status):
    assert status_of(statuses) == status


def test_folders_of_alternatives_differ_whatever_their_names():
    assert folders_of(["in orbit", "in-orbit", "In/Orbit", "x"]) == [
        "in-orbit",
        "in-orbit-2",
        "In-Orbit-3",
        "x",
    ]
