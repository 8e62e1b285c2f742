"""A run in namespaces of its own: it passes on what its program returns, and leaves nothing behind."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from lasermesh.live import entering
from tests.live.people import (
    PEOPLE,
    STUB,
    children_of,
    held,
    mesh_of,
    person,
    terminal_of,
    wait_until,
)


def chain_below(outer):
    """Process ids of outer, middle, init, program and command, each the child of the one before."""
    chain = [outer.pid]
    while len(chain) < 5:
        chain.append(children_of(chain[-1])[0])
    return chain


@pytest.mark.parametrize("name", PEOPLE)
def test_whoever_is_killed_nothing_is_left(name):
    interfaces = set(os.listdir("/sys/class/net"))
    with person(name) as who:
        for victim in range(5):
            with (
                mesh_of(who, "sh", "-c", "sleep 1000 & sleep 1001") as (outer, inodes),
                held(inodes) as users,
            ):
                chain = chain_below(outer)
                assert len(users()) >= 2
                os.kill(chain[victim], signal.SIGKILL)
                outer.wait(10)
                assert wait_until(lambda: not who.processes() and not users()), victim
                assert outer.returncode == (-signal.SIGKILL if victim == 0 else 128 + signal.SIGKILL)
                assert victim == 0 or not list(who.folder.rglob("*.sock"))
    assert set(os.listdir("/sys/class/net")) == interfaces


@pytest.mark.parametrize("name", PEOPLE)
def test_the_exit_code_is_the_programs_own(name):
    with person(name) as who:
        done = who.run(*STUB, "sh", "-c", "sleep 1000 & exit 7")
        assert (done.returncode, done.stderr) == (7, "")
        assert not who.processes()


def test_a_command_that_does_not_exist_is_named():
    with person("root") as who:
        done = who.run(*STUB, "no-such-command")
        assert done.returncode == 2
        assert done.stderr == (
            'Error: there is no command "no-such-command"; give one that `command -v` finds, or its path\n'
        )
        assert not who.processes()


def test_a_program_that_cannot_be_started_is_an_error_of_the_outer_process():
    with person("root") as who:
        text = "from lasermesh.live.entering import enter; enter(['/no/such/program'])"
        done = who.run("-c", text)
        assert "UserError: exec of /no/such/program in the new namespaces: No such file" in done.stderr
        assert not who.processes()


def test_a_missing_device_is_a_sentence_with_the_remedy():
    with person("root", LIVE_STUB_TUN="/dev/net/none") as who:
        done = who.run(*STUB, "true")
        assert done.returncode == 2
        assert done.stderr.startswith("Error: /dev/net/none: does not exist")
        assert "modprobe tun" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_to_be_asked_to_end_reaches_the_program(number):
    with person("root") as who, mesh_of(who, "sleep", "1000") as (outer, _):
        outer.send_signal(number)
        assert outer.wait(10) == 99


def test_ctrl_c_reaches_the_program_and_its_command():
    """As a terminal does it: every process of the group gets the signal."""
    with person("root") as who:
        outer = who.popen(*STUB, "sleep", "1000", stdout=subprocess.PIPE, process_group=0)
        assert outer.stdout.readline()
        os.killpg(outer.pid, signal.SIGINT)
        outer.communicate(timeout=10)
        assert outer.returncode == 130
        assert not who.processes()


@pytest.mark.parametrize("name", PEOPLE)
def test_a_shell_has_the_terminal_and_gives_it_back(name):
    """Ctrl-C and Ctrl-Z act on what runs in the shell; after it, Ctrl-C reaches the program again."""
    shell = (*STUB, "bash", "--norc", "-i")
    with person(name, LIVE_STUB_LINGERS="1") as who, terminal_of(who, *shell) as (pid, talk):
        # What is waited for is printed by what has the terminal by then, and is not as it was typed.
        assert "10.0.0.1" in talk("sh -c 'hostname -I; echo so 1 | tr 1 2; exec sleep 100'\n", "so 2")
        talk("\x03", "# ")
        talk("sh -c 'echo so 3 | tr 3 4; exec sleep 100'\n", "so 4")
        talk("\x1a", "Stopped")
        talk("exit\nexit\n", "lingers")  # the first one only warns of the stopped job
        talk("\x03", "^C")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130


def test_hosts_resolve_names_and_see_their_own_interface_and_processes():
    with person("user") as who:
        ask = "getent hosts new-york; ls /proc | grep -c '^[0-9]'; cat /proc/net/dev | grep -c mesh0; id -u"
        done = who.run(*STUB, "sh", "-c", f"sleep 0.1; {ask}")
        _, resolved, processes, interfaces, user = done.stdout.splitlines()
        assert resolved.split() == ["10.0.0.2", "new-york"]
        assert int(processes) < 10
        assert (interfaces, user) == ("1", "0")
        assert "new-york" not in Path("/etc/hosts").read_text()


def test_only_the_program_itself_is_inside(monkeypatch):
    monkeypatch.setenv(entering.INSIDE, f"pid:[1] {os.getpid() + 1}")
    assert not entering.is_inside()
    monkeypatch.setenv(entering.INSIDE, f"{os.readlink('/proc/self/ns/pid')} {os.getpid()}")
    assert not entering.is_inside()
    with pytest.raises(RuntimeError):
        entering.end_others()
