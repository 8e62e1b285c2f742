"""What commands print on a terminal, and that nothing of it gets into a pipe."""

import math
import os
import re
import sys
import threading

import pytest

from lasermesh.cli import main, progress
from lasermesh.cli.terminal import print_summary
from lasermesh.results import Run
from tests.cli.conftest import Done
from tests.experiments.test_alternatives import write_alternatives
from tests.experiments.worlds import write_world
from tests.views.series import rush

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

ENVIRONMENT = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "LC_ALL", "LC_CTYPE", "LANG", "COLUMNS", "TERM")
BOLD, RED, YELLOW = "\x1b[1m", "\x1b[31m", "\x1b[33m"


class Terminal:
    """A pseudo-terminal in place of a stream; what is written to it is read all the time, so nobody waits."""

    def __init__(self, encoding):
        self._master, slave = pty.openpty()
        self.stream = open(slave, "w", encoding=encoding)  # noqa: SIM115
        self._read = []
        self._reader = threading.Thread(target=self._follow)
        self._reader.start()

    def _follow(self):
        try:
            while part := os.read(self._master, 4096):
                self._read.append(part)
        except OSError:  # how Linux tells that the other end is closed
            pass

    def close(self):
        self.stream.close()
        self._reader.join()
        os.close(self._master)
        return b"".join(self._read).decode().replace("\r\n", "\n")


@pytest.fixture
def on_terminal(monkeypatch, tmp_path):
    """`on_terminal("run", "world.toml", TERM="xterm")` is the command as typed into a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "FIRST_PROGRESS_S", math.inf)  # on a busy machine it takes longer

    def run(*arguments, encoding="utf-8", **environment):
        for name in ENVIRONMENT:
            monkeypatch.delenv(name, raising=False)
        for name, value in ({"TERM": "xterm", "LANG": "C.UTF-8", "COLUMNS": "100"} | environment).items():
            monkeypatch.setenv(name, value)
        out, err = Terminal(encoding), Terminal(encoding)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out.stream)
            patch.setattr(sys, "stderr", err.stream)
            code = main([str(argument) for argument in arguments])
        return Done(code, out.close(), err.close())

    return run


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The file of a small experiment whose run has the latencies over time of a larger one."""
    for table in ("flow_times", "flows"):
        monkeypatch.setattr(Run, table, getattr(rush(), table))
    return write_world(tmp_path).name


def without_times(text):
    """A summary without what depends on the machine, and without the number of the run."""
    text = re.sub(r" in [\d.,]+ s, seed", ", seed", re.sub(r"runs/world(-\d)?\n", "runs/world\n", text))
    return re.sub(r"packet-hops.*", "packet-hops", text)


def test_on_a_terminal_latencies_are_drawn_below_the_summary(on_terminal, world):
    done = on_terminal("run", world)
    assert done.code == 0 and done.err == ""
    summary, _, below = done.out.partition(f"{BOLD}Latency over time, 2 flows")
    assert "Path changes" in summary
    lines = re.sub(r"\x1b\[\d+m", "", below).splitlines()
    assert lines[1].split()[:2] == ["91.0", "ms"] and lines[5].split() == ["0", "s", "4", "s"]
    assert set(lines[1].partition("┤")[2]) <= set(map(chr, range(0x2800, 0x2900)))
    assert lines[6].strip().startswith("lost ┤") and lines[-1] == "Run folder: runs/world"
    assert max(map(len, lines)) <= 100


def test_colours_are_few_and_end_where_they_should(on_terminal, world):
    text = on_terminal("run", world, "--set", "flows.data.rate_gbps=0.002", "--no-plot").out
    assert text.startswith(f"{BOLD}world: complete")
    assert f"\n{BOLD}Flows\x1b[0m " in text
    assert f"{RED}{BOLD}Drops by cause\x1b[0m " in text
    assert f"\n{BOLD}Hand-overs\x1b[0m: 2" in text
    calm = on_terminal("run", world, "--set", "duration_s=1", "--no-plot").out
    assert RED not in calm and f"\n{BOLD}Drops by cause\x1b[0m: none" in calm


def test_into_a_pipe_goes_what_a_terminal_shows_less_drawing_and_colours(run_command, on_terminal, world):
    piped = run_command("run", world)
    assert "\x1b" not in piped.out and "Latency over time" not in piped.out
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = on_terminal("run", world, "--no-plot", **environment)
        assert without_times(shown.out) == without_times(piped.out)
    coloured = on_terminal("run", world, "--no-plot").out
    assert coloured != re.sub(r"\x1b\[\d+m", "", coloured)
    assert without_times(re.sub(r"\x1b\[\d+m", "", coloured)) == without_times(piped.out)


def test_colours_are_not_forced_into_a_pipe(run_command, world, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    assert "\x1b" not in run_command("run", world).out


@pytest.mark.parametrize(
    "terminal",
    [{"TERM": "dumb"}, {"LC_ALL": "C"}, {"LANG": "POSIX"}, {"encoding": "ascii"}, {"COLUMNS": "30"}],
    ids=str,
)
def test_a_terminal_that_cannot_show_it_gets_no_drawing(on_terminal, world, terminal):
    done = on_terminal("run", world, **terminal)
    assert done.code == 0 and "Latency over time" not in done.out
    assert done.out.endswith("Run folder: runs/world\n")


def test_the_drawing_is_as_wide_as_the_terminal_allows(on_terminal, world):
    _, _, below = on_terminal("run", world, COLUMNS="60", NO_COLOR="1").out.partition("Latency over time")
    assert 50 < max(map(len, below.splitlines())) <= 60


def test_an_empty_no_color_means_nothing(on_terminal, world):
    assert BOLD in on_terminal("run", world, NO_COLOR="").out


def test_json_is_the_same_on_a_terminal(on_terminal, world):
    done = on_terminal("run", world, "--json")
    assert done.out.startswith("{") and done.out.endswith("}\n") and done.out.count("\n") == 1
    assert "\x1b" not in done.out


def test_quiet_prints_the_folder_alone(on_terminal, run_command, world, monkeypatch):
    monkeypatch.setattr(progress, "FIRST_PROGRESS_S", 0.0)
    monkeypatch.setattr(progress, "PROGRESS_EVERY_S", 0.0)
    assert "simulated" in on_terminal("run", world).err  # so there would be something to silence
    assert on_terminal("run", world, "--quiet") == (0, "runs/world-2\n", "")
    done = run_command("run", world, "-q", "--json")
    assert done.out.startswith("{") and done.err == ""
    done = run_command("run", world, "-q", "--set", "flows.data.start_s=9")
    assert done.out == "runs/world-4\n" and done.err.startswith("warning: ")
    done = run_command("run", "wrold.toml", "--quiet")
    assert (done.code, done.out) == (2, "") and done.err


def test_quiet_comparisons_print_their_folder_alone(run_command, world, monkeypatch):
    monkeypatch.setattr("lasermesh.experiments.comparing.WorkerPool", None)
    monkeypatch.setattr(
        "lasermesh.experiments.comparing.compare",
        lambda *arguments: {"folder": "runs/world-compare", "status": "complete", "points": []},
    )
    assert run_command("compare", world, "--seeds", 2, "--quiet") == (0, "runs/world-compare\n", "")


def test_warnings_and_errors_have_one_coloured_word_on_a_terminal(on_terminal, run_command, world):
    late = ("run", world, "--set", "flows.data.start_s=9", "--quiet")
    assert on_terminal(*late).err.startswith(f"{YELLOW}warning:\x1b[0m ")
    assert on_terminal(*late, NO_COLOR="1").err.startswith("warning: ")
    assert on_terminal("run", world, "--alternative", "x").err.startswith(f"{RED}Error:\x1b[0m ")
    usage = on_terminal("run").err
    assert f"\n{RED}Error:\x1b[0m Missing argument" in usage
    assert re.sub(r"\x1b\[\d+m", "", usage) == run_command("run").err


def test_of_several_alternatives_no_latencies_are_drawn(on_terminal, tmp_path, monkeypatch):
    from tests.cli.test_run import _Pool

    monkeypatch.setattr("lasermesh.experiments.alternatives.WorkerPool", _Pool)
    done = on_terminal("run", write_alternatives(tmp_path).name, NO_COLOR="1")
    assert "Latency over time" not in done.out and done.out.endswith("Run folders, in: runs/world\n")


@pytest.mark.parametrize(("verdict", "colour"), [("OK", "\x1b[32m"), ("DEGRADED", YELLOW), ("INVALID", RED)])
def test_the_verdict_on_a_live_run_has_a_colour(monkeypatch, verdict, colour):
    for name, value in {"TERM": "xterm", "NO_COLOR": ""}.items():
        monkeypatch.setenv(name, value)
    out = Terminal("utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out.stream)
        print_summary(f"a: complete\n====\n\nLive: {verdict}\n  OK it is not\n\nDrops by cause: none\n")
    _, _, _, live, remark, *_ = out.close().splitlines()
    assert live == f"{BOLD}Live\x1b[0m: {colour}{verdict}\x1b[0m"
    assert remark == "  OK it is not"
