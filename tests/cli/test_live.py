"""`lasermesh live`: what it is told and tells; what hosts see is tested in tests/live."""

import json
import os
import sys
import tempfile
from types import SimpleNamespace

import click
import pytest
from scapy.layers.inet6 import IPv6
from scapy.utils import RawPcapNgReader

from lasermesh.capture.options import CaptureOptions
from lasermesh.cli import live, live_status
from lasermesh.cli.capture_options import takes_stdout
from lasermesh.cli.live_status import StatusLine, status_text
from lasermesh.live import entering, running
from lasermesh.live.fidelity import INVALID, OK
from lasermesh.live.running import LiveOutcome, Ready
from lasermesh.live.statuses import LiveStatus, PathInUse
from lasermesh.results.statuses import COMPLETE, INTERRUPTED
from tests.live.live_mesh import give, somebody

SMALL = """\
duration_s = 60.0
[topology]
name = "three"
[[topology.satellites]]
name = "nodes"
fixed = ["Left", "Middle", "Right"]
[[topology.links]]
rule = "plan"
plan = "three.csv"
[live]
hosts = ["Left", "Right"]
"""
PLAN = "from,to,start_s,stop_s,rate_bps,owlt_s\n" + "".join(
    f"{a},{b},0.0,100.0,1000000000,0.004\n"
    for a, b in (("Left", "Middle"), ("Middle", "Left"), ("Middle", "Right"), ("Right", "Middle"))
)
STATUS = LiveStatus(
    simulated_s=12.6,
    packets_in_per_s=1234.4,
    packets_out_per_s=999.0,
    bits_in_per_s=1e7,
    bits_out_per_s=9.8e6,
    dropped={"queue": 10, "hop_limit": 1200},
    late_p50_ms=0.051,
    late_p99_ms=1.2,
    verdict=OK,
    paths=[PathInUse("Tokyo", "London", 12, 84.2), PathInUse("Lagos", "Tokyo", None, None)],
    n_paths=5,
)


# -- the line of status ---------------------------------------------------------------------------------


def test_a_status_names_rates_drops_by_cause_lateness_and_the_paths_in_use():
    assert status_text(STATUS) == (
        "13 s OK  1,234 packets/s in, 999 out  9.80 Mbit/s  dropped 1,210 (1,200 hop_limit, 10 queue)  "
        "late p50 0.05 ms, p99 1.20 ms  Tokyo>London 12 hops 84.2 ms  Lagos>Tokyo no path  +3 paths"
    )
    quiet = STATUS._replace(dropped={}, paths=[], n_paths=0, bits_out_per_s=2.5e9)
    assert status_text(quiet) == (
        "13 s OK  1,234 packets/s in, 999 out  2.50 Gbit/s  dropped 0  late p50 0.05 ms, p99 1.20 ms"
    )


@pytest.mark.parametrize("width", [20, 99, 120, 150, 170, 190, 250])
def test_a_status_is_cut_to_the_terminal_by_leaving_out_paths(width):
    text, whole = status_text(STATUS, width), status_text(STATUS)
    assert len(text) <= width
    if width >= len(whole):
        assert text == whole
    elif width >= 150:
        shown = text.count(" hops ") + text.count(" no path")
        assert text.endswith(f"+{5 - shown} paths")


def test_where_lines_stay_a_status_comes_every_five_seconds(capsys, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(live_status.time, "monotonic", lambda: clock[0])
    line = StatusLine()
    for clock[0] in (100.5, 102.5, 103.0, 107.4, 107.6):
        line(STATUS)
    assert capsys.readouterr().err.count("13 s OK") == 2
    StatusLine(quiet=True)(STATUS)
    assert capsys.readouterr().err == ""


# -- the process that is started ------------------------------------------------------------------------


def test_the_words_of_the_command_line_go_to_the_process_inside_with_its_exit_code_back(
    run_command, monkeypatch
):
    entered = []
    monkeypatch.setattr(entering, "enter", lambda argv: entered.append(argv) or 7)
    words = ["live", "x.toml", "--no-gso", "--set", "live.spin_us=0", "-o", "out", "--", "sh", "-c", "a -- b"]
    assert run_command(*words).code == 7
    assert entered == [[sys.executable, "-m", "lasermesh", *words]]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["live", "--on", "tokyo"],
            "--on says where COMMAND runs; give one behind --, or use `lasermesh exec`",
        ),
        (["live", "--json", "--quiet"], "--json prints the summary, --quiet does not"),
        (["live", "ping", "-c", "3"], "No such option '-c'. (what is of COMMAND stands behind --)"),
        (["live", "--snaplen", "100"], "--snaplen is of a capture; --capture says of what"),
        (["live", "--duration", "0"], "0.0 is not in the range 0<x<=86400"),
        (["live", "--duration", "nan"], "Invalid value for '--duration': nan is no number"),
        (["live", "--spin", "2000"], "'--spin': must be 0 to 1000 microseconds (got 2000)"),
        (["live", "--spin", "nan"], "'--spin': must be 0 to 1000 microseconds (got nan)"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_entered(run_command, words, complaint):
    done = run_command("live", *words)
    assert (done.code, done.out) == (2, "")
    assert complaint in done.err


def test_systems_other_than_linux_are_told_what_they_can_do(run_command, monkeypatch):
    monkeypatch.setattr(live.sys, "platform", "darwin")
    done = run_command("live", "live")
    assert done.code == 2
    assert "live runs need Linux (this is darwin); `lasermesh run` simulates the same mesh" in done.err


# -- the process inside ---------------------------------------------------------------------------------


@pytest.fixture
def inside(run_command, monkeypatch):
    """`lasermesh live` as the process inside, with a run that is over at once: (done, what it was asked)."""
    asked = {}

    def run(*words, verdict=OK, command_exit=None, status=COMPLETE, reasons=()):
        summary = {"status": status, "simulated_s": 1.5, "live": {"reasons": list(reasons)}}

        def run_live(experiment, **how):
            asked.update(how, experiment=experiment)
            if how["on_ready"] is not None:
                how["on_ready"](Ready("m", [f"h{k}" for k in range(9)], 0))
            how["on_wait"]("compiling")
            print("said by the command")
            return LiveOutcome(SimpleNamespace(summary=summary, folder="runs/m"), verdict, command_exit)

        monkeypatch.setattr(entering, "is_inside", lambda: True)
        monkeypatch.setattr(running, "run_live", run_live)
        monkeypatch.setattr("lasermesh.results.format_summary", lambda summary: "THE SUMMARY")
        return run_command("live", "m", *words), asked

    return run


def test_a_capture_on_stdout_has_it_to_itself(inside, monkeypatch):
    monkeypatch.setattr(live, "takes_stdout", lambda capture, as_json: True)
    _, asked = inside("--capture", "all", "--capture-to", "/dev/stdout")
    descriptor = int(asked["capture"].file.removeprefix("/dev/fd/"))
    assert descriptor > 2
    with pytest.raises(OSError, match="Bad file descriptor"):  # closed when all is over
        os.fstat(descriptor)


def test_options_reach_the_run_and_the_summary_is_printed(inside):
    words = ["-o", "out", "--force", "--set", "a=1", "--seed", "3", "--threads", "2", "--on", "h1"]
    words += ["--duration", "4", "--no-gso", "--spin", "7"]
    done, asked = inside(*words, "--capture", "all", "--snaplen", "60", "--", "ping", "-c", "1", "h2")
    assert done.code == 0
    assert done.out == "said by the command\nTHE SUMMARY\nRun folder: runs/m\n"
    assert done.err == "compiling ...\n"
    expected = {"experiment": "m", "output": "out", "force": True, "sets": ("a=1",), "seed": 3, "threads": 2}
    expected |= {"on_host": "h1", "duration_s": 4.0, "gso": False, "spin_us": 7.0, "on_ready": None}
    expected |= {"command": ["ping", "-c", "1", "h2"]}
    assert {key: asked[key] for key in expected} == expected
    assert (asked["capture"].spec, asked["capture"].snaplen) == ("all", 60)


def test_without_a_command_it_is_told_how_to_join(inside):
    done, asked = inside()
    assert asked["command"] is None
    assert asked["gso"] is None
    assert "h6, h7, ... (9 hosts). In another terminal:\n  lasermesh exec h0 -- ping h1\n" in done.err
    assert inside("--quiet")[0].out.endswith("runs/m\n")
    assert inside("--quiet")[0].err == ""


@pytest.mark.parametrize(
    ("kept", "nodes", "hosts", "why"),
    [
        (True, 1590, 6, None),
        (False, 1590, 6, "compiling, once after an installation"),
        (True, 5127, 6, "preparing 5,127 nodes and 6 hosts"),
        (True, 300, 100, "preparing 300 nodes and 100 hosts"),
    ],
)
def test_it_is_told_what_takes_longer_than_a_moment(monkeypatch, kept, nodes, hosts, why):
    monkeypatch.setattr(running, "is_kept", lambda kernel: kept)
    topology = SimpleNamespace(node_names=range(nodes))
    told = running._reason_to_wait(SimpleNamespace(topology=topology, live_rows=range(hosts)))
    assert told is None if why is None else told.startswith(why)


@pytest.mark.parametrize(
    ("what", "code", "complaint"),
    [
        ({"verdict": INVALID, "reasons": ["too late", "x"]}, 1, "Error: the run is INVALID: too late\n"),
        ({"command_exit": 3}, 1, 'Error: the command "ping" ended with exit code 3\n'),
        ({"verdict": INVALID, "command_exit": 1}, 1, 'the run is INVALID; the command "ping" ended with'),
        ({"status": INTERRUPTED, "command_exit": 130}, 130, "interrupted after 1.500 s\n"),
    ],
)
def test_the_exit_code_tells_of_verdict_command_and_ctrl_c(inside, what, code, complaint):
    done, _ = inside("--", "ping", "x", **what)
    assert done.code == code
    assert complaint in done.err
    assert "THE SUMMARY" in done.out


@pytest.mark.parametrize("to", ["-", "/dev/stdout"])
def test_stdout_takes_a_capture_alone_and_only_where_it_is_a_pipe(to):
    capture = CaptureOptions("all", file=to)
    with pytest.raises(click.UsageError, match=r"the capture or the object of --json, not both"):
        takes_stdout(capture, as_json=True)
    kept, (reader, writer) = os.dup(1), os.pipe()
    with tempfile.TemporaryFile() as file:
        try:
            os.dup2(writer, 1)
            assert takes_stdout(capture, as_json=False)
            assert not takes_stdout(CaptureOptions("all", file="x.pcapng"), as_json=True)
            os.dup2(file.fileno(), 1)
            with pytest.raises(click.UsageError, match=r"stdout is a file here; name it"):
                takes_stdout(capture, as_json=False)
        finally:
            os.dup2(kept, 1)
            for descriptor in (kept, reader, writer):
                os.close(descriptor)


# -- for real -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def user(request):
    """Root or an ordinary user, in a folder with an experiment."""
    with somebody(request.param) as who:
        (who.folder / "three.toml").write_text(SMALL)
        (who.folder / "three.csv").write_text(PLAN)
        give(who, who.folder)
        yield who


def lasermesh(who, *words):
    return who.run("-m", "lasermesh", *words, timeout_s=60)


@pytest.mark.compiled_only
@pytest.mark.parametrize("user", ["user"], indirect=True)
def test_json_is_alone_on_stdout_and_the_capture_has_what_the_command_sent(user):
    words = ["live", "three.toml", "-o", "run", "--json", "--capture", "Middle", "--snaplen", "65535"]
    done = lasermesh(user, *words, "--", "ping", "-c", "2", "-i", "0.2", "-p", "c0ffee", "right")
    summary = json.loads(done.stdout)
    assert "2 received" in done.stderr
    assert done.returncode == (summary["live"]["verdict"] == INVALID), done.stderr
    assert summary["live"]["command"]["exit_code"] == 0
    with RawPcapNgReader(str(user.folder / "run" / "capture.pcapng")) as reader:
        pings = [(data, meta) for data, meta in reader if b"\xc0\xff\xee\xc0\xff\xee" in data]
    assert summary["capture"]["written"] >= len(pings) == 8  # two, there and back, as they come in and leave
    assert {meta.ifname.decode() for _, meta in pings} == {"Middle:Left", "Middle:Right"}
    for data, meta in pings:
        packet = IPv6(data)
        assert packet.hlim == (64 if meta.direction == 1 else 63)
        given = packet.payload.cksum
        del packet.payload.cksum
        assert IPv6(bytes(packet)).payload.cksum == given


@pytest.mark.compiled_only
@pytest.mark.parametrize("user", ["root"], indirect=True)
def test_what_cannot_be_is_said_in_a_sentence_and_nothing_is_left(user):
    for words, complaint in (
        (["nowhere"], 'no experiment is named "nowhere"'),
        (["three.toml", "--on", "rigth", "--", "true"], 'no host is named "rigth"; did you mean "right"?'),
        (["three.toml", "--", "no-such-command"], 'there is no command "no-such-command"; give one that'),
    ):
        done = lasermesh(user, "live", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr
    assert not user.processes()
    assert not (user.folder / "runs").exists()


@pytest.mark.compiled_only
@pytest.mark.parametrize("user", ["root"], indirect=True)
def test_without_the_device_of_tun_it_is_said_what_helps(user):
    hide = 'mount -t tmpfs none /dev/net && exec "$0" "$@"'
    hidden = user._replace(command=("unshare", "-m", "sh", "-c", hide, *user.command))
    done = lasermesh(hidden, "live", "three.toml", "--", "true")
    assert (done.returncode, done.stdout) == (2, "")
    assert "/dev/net/tun" in done.stderr
    assert "Traceback" not in done.stderr
