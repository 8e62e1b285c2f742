"""`lasermesh doctor`: what it finds, what it concludes, and the remedies."""

import errno
import json
import subprocess
import sys

import pytest

from lasermesh.cli import main
from lasermesh.live import checks, doctor, entering
from lasermesh.live.checks import NOTE, OK, PROBLEM, Check
from tests.live.people import PEOPLE, person


@pytest.mark.parametrize("name", PEOPLE)
def test_live_mode_works_here_and_the_mode_is_told(name):
    with person(name) as who:
        done = who.run("-m", "lasermesh", "doctor", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (told["mode"], told["works"]) == ({"root": "root", "user": "user-namespace"}[name], True)
    found = {check["name"]: check for check in told["checks"]}
    assert all(check["verdict"] in (OK, NOTE) for check in told["checks"])
    assert found["tun interface"]["found"].startswith("made mesh0 in a new network namespace")
    assert found["rights"]["verdict"] == {"root": OK, "user": NOTE}[name]
    assert all(set(check) == {"name", "found", "verdict", "remedy"} for check in told["checks"])


def test_without_the_device_live_mode_will_not_work_and_the_remedy_is_told(monkeypatch, capsys):
    diagnosis = doctor.examine("/dev/no-tun")
    monkeypatch.setattr(doctor, "examine", lambda: diagnosis)
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (place,) = [i for i, line in enumerate(lines) if line.startswith("PROBLEM  tun device")]
    assert "/dev/no-tun does not exist, and live mode needs it" in " ".join(lines[place].split())
    assert lines[place + 1].strip().startswith("-> `sudo modprobe tun` makes it")
    assert "Live mode will not work until the problems above are solved" in lines[-1]


def test_streams_that_are_closed_are_no_error():
    closed = [sys.executable, "-m", "lasermesh", "doctor", "--json"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&- >&-', *closed], stderr=subprocess.PIPE, check=False
    )
    assert done.stderr == b""


def refused(name):
    return lambda *_: Check(name, "refused", PROBLEM, "do this")


def test_a_user_without_user_namespaces_gets_none_and_root_needs_none(monkeypatch):
    for check in ("check_device", "check_interface", "check_mounts", "check_proc"):
        monkeypatch.setattr(checks, check, lambda *_: Check("x", "", OK))
    monkeypatch.setattr(checks, "check_wake_up", lambda: Check("timing", "", OK))
    monkeypatch.setattr(checks, "check_user_namespace", refused("user namespace"))
    for rights, mode in ((NOTE, "none"), (OK, "root")):
        monkeypatch.setattr(checks, "check_capabilities", lambda rights=rights: Check("rights", "", rights))
        assert doctor.examine().mode == mode


def test_what_goes_wrong_in_a_trial_is_its_answer():
    def fail():
        raise OSError(errno.EPERM, "Operation not permitted")

    assert checks.tried(fail) == (False, "Operation not permitted")
    assert checks.tried(lambda: "fine") == (True, "fine")
    assert checks.tried(lambda: __import__("os")._exit(3)) == (False, "it ended at once")


def test_another_system_is_told_at_once(monkeypatch):
    monkeypatch.setattr(checks.sys, "platform", "darwin")
    diagnosis = doctor.examine()
    assert (diagnosis.mode, len(diagnosis.checks)) == ("none", 1)
    assert "needs Linux" in diagnosis.checks[0].remedy


def test_what_live_runs_refuse_is_a_problem_and_what_they_do_without_is_a_note(monkeypatch):
    monkeypatch.setattr(checks.resource, "getrlimit", lambda _: (100, 205))
    assert checks.check_files()[1:3] == ("205, too few for 2 hosts", PROBLEM)
    monkeypatch.setattr(checks.resource, "getrlimit", lambda _: (100, 206))
    assert checks.check_files().verdict == NOTE

    def lacks_hosts_file(_, target, *_kind, flags):
        if target == "/etc/hosts":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(checks.libc, "unshare", lambda _: None)
    monkeypatch.setattr(checks.libc, "mount", lacks_hosts_file)
    check = checks.check_mounts(False)
    assert (check.verdict, check.found.partition(":")[0]) == (NOTE, "names of nodes will not resolve")


def test_root_is_not_told_to_be_root(monkeypatch):
    for user, wanted in ((0, False), (1000, True)):
        monkeypatch.setattr(entering.os, "geteuid", lambda user=user: user)
        assert ("as root" in entering.remedy()) is wanted
