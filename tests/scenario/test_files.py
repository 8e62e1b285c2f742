"""Files that cannot be read, or that hold something else: one clear sentence each."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lasermesh.scenario import ScenarioError, load, load_experiment, load_topology
from tests.scenario.scenes import TABLES, check_file, refuses, write


@pytest.mark.parametrize("load_any", [load, load_topology, load_experiment])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (bytes(range(256)), "is a binary file, not text"),
        (b"\x7fELF\x02\x01\x01\0\0", "is a binary file, not text"),
        (b'name = "ok"\nfile = "caf\xe9"\n', "is not UTF-8 text (line 2)"),
        (b"[[satellites]\n", "x.toml:1: not valid TOML: "),
        (b"a = 1\nb = \n", "x.toml:2: not valid TOML: Invalid value"),
        (b"a = 1\na = 2\n", "x.toml:2: not valid TOML: Cannot overwrite a value"),
        (b'a = "open', "x.toml:1: not valid TOML: Unterminated string"),
        (b"a = " + b"[" * 100_000, "not valid TOML: nested too deeply"),
        (b"a = " + b"9" * 5000, "not valid TOML: "),
        (b"a = 2026-02-30T00:00:00Z", "not valid TOML: "),
    ],
)
def test_content_that_is_no_scenario_gets_one_sentence(tmp_path, content, words, load_any):
    refuses(load_any, write(tmp_path, content), words)


def test_a_file_of_50_mb_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x.toml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    refuses(load, path, "has 50 MB; such a file may have at most 4 MB")


def test_a_missing_file_is_said_so(tmp_path):
    refuses(load, tmp_path / "none.toml", "there is no file", "none.toml")
    refuses(load, str(tmp_path / "none"), "there is no file", "none")


def test_a_directory_is_said_so(tmp_path):
    refuses(load, tmp_path, "is a directory, not a file")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    refuses(load, tmp_path / "pipe.toml", "is not a regular file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_said_so(tmp_path):
    path = write(tmp_path, "name = 'x'")
    path.chmod(0)
    refuses(load, path, "cannot be read: Permission denied")


@pytest.mark.parametrize("name", ["a\0b", "a/b\0.toml", "x" * 5000, "x" * 5000 + ".toml", "", ".", "..", "/"])
def test_impossible_names_are_refused(name):
    with pytest.raises(ScenarioError):
        load(name)


def test_unknown_names_are_answered_with_the_shipped_ones():
    refuses(load_topology, "walker-14", 'no topology is named "walker-14"; did you mean "walker-144"?')
    refuses(load_experiment, "citys", 'no experiment is named "citys"; did you mean "cities"?')
    refuses(load, "citiess", 'no scenario is named "citiess"; did you mean "cities"?')


def test_shipped_scenarios_are_found_and_good(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert load_topology("starlink-gen1").satellites[0].size == 1584
    assert load("quick").topology.name == "walker-144"
    assert load("iridium").name == "iridium"


def test_a_mark_of_byte_order_is_no_fault(tmp_path):
    text = (TABLES / "links.toml").read_bytes().replace(b"\n", b"\r\n")
    shutil.copytree(TABLES, tmp_path, dirs_exist_ok=True)
    assert check_file(write(tmp_path, b"\xef\xbb\xbf" + text))[0] == []


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("four.tle", "satellites[2].elements"),
        ("sites.csv", "ground[1].sites"),
        ("plan.csv", "links[2].plan"),
        ("pairs.csv", "flows[2].pairs"),
        ("nodes.toml", "topology"),
    ],
)
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), ("there is no file", "no topology is named")),
        (lambda path: path.write_bytes(b""), ("is empty",)),
        (lambda path: path.write_bytes(b"\0\1\2"), ("is a binary file",)),
        (lambda path: path.write_bytes(b"name\xff"), ("is not UTF-8 text (line 1)",)),
        (lambda path: (path.unlink(), path.mkdir()), ("is a directory", "no topology is named")),
    ],
)
def test_a_data_file_that_cannot_be_read_is_reported_where_it_is_named(tmp_path, file, key, spoil, words):
    shutil.copytree(TABLES, tmp_path, dirs_exist_ok=True)
    spoil(tmp_path / file)
    users = {"four.tle": "satellites", "sites.csv": "ground", "plan.csv": "links"}
    (problem,) = check_file(tmp_path / f"{users.get(file, 'flows')}.toml")[0]
    assert problem.key == key
    assert problem.line is not None
    assert any(word in problem.message for word in words)


FILES = ["satellites.toml", "ground.toml", "links.toml", "flows.toml", "four.tle", "sites.csv", "plan.csv"]
USERS = {"four.tle": "satellites.toml", "sites.csv": "ground.toml", "plan.csv": "links.toml"}
ROBUST = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check_spoilt(folder, file, content):
    """Checks the scenario with one file replaced: whatever is there, it gives problems and no exception."""
    (folder / file).write_bytes(content)
    problems, warnings = check_file(folder / USERS.get(file, file))
    for problem in problems:
        assert str(problem).isprintable()
        assert problem.message
    assert all(isinstance(warning, str) for warning in warnings)
    shutil.copy(TABLES / file, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return shutil.copytree(TABLES, tmp_path_factory.mktemp("files"), dirs_exist_ok=True)


@given(file=st.sampled_from(FILES), content=st.binary(max_size=300))
@ROBUST
def test_random_bytes_are_survived(folder, file, content):
    check_spoilt(folder, file, content)


@given(file=st.sampled_from(FILES), share=st.floats(0.0, 1.0))
@ROBUST
def test_truncated_files_are_survived(folder, file, share):
    content = (TABLES / file).read_bytes()
    check_spoilt(folder, file, content[: int(share * len(content))])


@given(file=st.sampled_from(FILES), data=st.data())
@ROBUST
def test_files_with_a_few_changed_bytes_are_survived(folder, file, data):
    content = bytearray((TABLES / file).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.sampled_from(b'[]{}=",.#\n 0123456789-eatrx\\\xff\x00'))
    check_spoilt(folder, file, bytes(content))


@given(file=st.sampled_from([file for file in FILES if file.endswith("toml")]), data=st.data())
@ROBUST
def test_lines_left_out_doubled_or_exchanged_are_survived(folder, file, data):
    lines = (TABLES / file).read_bytes().splitlines(keepends=True)
    chosen = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines) + 5))
    check_spoilt(folder, file, b"".join(chosen))
