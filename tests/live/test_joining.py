"""`lasermesh exec`: a command in a host of a running mesh, from outside and from inside."""

import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from lasermesh.errors import UserError
from lasermesh.live import joining, sockets
from tests.live import ordinary_user
from tests.live.people import PEOPLE, STUB, mesh_of, person, wait_until
from tests.needs import skip_without

EXEC = ("-m", "lasermesh", "exec")


@pytest.fixture(scope="module", params=PEOPLE)
def user(request):
    """Somebody in whose folder a mesh of two hosts runs."""
    with person(request.param) as who, mesh_of(who, "sleep", "1000"):
        yield who


def test_a_command_runs_in_the_host_with_the_users_folder_and_its_exit_code(user):
    done = user.run(
        *EXEC, "New York", "--", "sh", "-c", "pwd; hostname -I; id -u; getent hosts tokyo; exit 5"
    )
    folder, addresses, number, resolved = done.stdout.splitlines()
    assert folder == str(user.folder)
    assert addresses.split() == ["10.0.0.2", "fd6c:6d::1:0:1"]
    assert number == "0"
    assert resolved.split() == ["10.0.0.1", "tokyo"]
    assert (done.returncode, done.stderr) == (5, "")


def test_inside_a_host_another_one_is_joined(user):
    python = user.command[-1]
    inner = f"{python} -m lasermesh exec NEW-YORK hostname -I"
    done = user.run(*EXEC, "tokyo", "sh", "-c", f"hostname -I; {inner}; {python} -m lasermesh exec --list")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["10.0.0.1", "10.0.0.2", "host", "tokyo", "new-york"], done.stderr


def test_hosts_and_status_are_told_as_json(user):
    assert json.loads(user.run(*EXEC, "--list", "--json").stdout) == {
        "mesh": "stub",
        "hosts": [{"name": "tokyo", "node": "Tokyo"}, {"name": "new-york", "node": "New York"}],
        "status": {"simulated_s": 1.5},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tokio", "--", "true"), 'no host is named "tokio"; did you mean "tokyo"?'),
        (("tokyo", "--", "no-such-command"), 'there is no command "no-such-command"; give one that'),
        (("tokyo", "--", "/etc/passwd/x"), 'there is no command "/etc/passwd/x"; give one that'),
        (("tokyo", "--", "/"), 'the command "/" cannot be run: Permission denied'),
        (("--mesh", "other", "tokyo", "true"), 'no mesh "other" is running; there is stub'),
        (("tokyo",), "give a host and a command"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(user, arguments, message):
    done = user.run(*EXEC, *arguments)
    assert done.returncode == 2
    assert f"Error: {message}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_ends_with_the_process_that_started_it(user):
    before = set(user.processes())
    client = user.popen(
        *EXEC, "tokyo", "--", "sh", "-c", "echo here; exec sleep 1000", stdout=subprocess.PIPE
    )
    assert client.stdout.readline() == "here\n"
    assert len(set(user.processes()) - before) == 2
    client.kill()
    client.communicate()
    assert wait_until(lambda: set(user.processes()) == before)


def test_a_mesh_ends_what_was_started_in_its_hosts_and_leaves_no_socket():
    with person("root") as who, mesh_of(who, "sleep", "1000") as (outer, _):
        clients = [who.popen(*EXEC, "tokyo", "sh", "-c", "echo; exec sleep 1000", stdout=subprocess.PIPE)]
        assert clients[0].stdout.readline() == "\n"
        outer.kill()
        assert wait_until(lambda: not who.processes())
        assert clients[0].wait() == 128 + 9
        done = who.run(*EXEC, "tokyo", "true")
        assert done.returncode == 2
        assert "no mesh of yours is running; start one with `lasermesh live EXPERIMENT`" in done.stderr
        assert not list(who.folder.glob("lasermesh/*"))


def test_of_several_meshes_one_must_be_chosen_and_names_are_taken_once():
    with person("root") as who, mesh_of(who, "sleep", "1000"):
        again = who.run(*STUB, "true")
        assert again.returncode == 2
        assert 'a mesh "stub" is running; end it, or name this one with --set name=NAME' in again.stderr
        other = who._replace(environment=who.environment | {"LIVE_STUB_NAME": "other"})
        with mesh_of(who, "sleep", "1000", by=other):
            done = who.run(*EXEC, "tokyo", "true")
            assert "2 meshes are running; choose with --mesh: other, stub" in done.stderr
            assert who.run(*EXEC, "--mesh", "other", "tokyo", "true").returncode == 0


@pytest.fixture
def folder(monkeypatch):
    """A folder of sockets for meshes of this very process; a socket's path must be short."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.delenv(joining.SOCKET, raising=False)
        monkeypatch.setenv(sockets.FOLDER, f"{name}/sockets")
        yield Path(name, "sockets")


def mesh_here(name="m"):
    return joining.Mesh(name, ["Tokyo"], ["tokyo"], [0])


def test_a_folder_that_others_may_use_is_refused_on_both_sides_and_left_as_it_is(folder, monkeypatch):
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "m.sock"))
    for refused in (make_open, make_a_link, give_away):
        refused(folder)
        for act in (mesh_here, joining.running_meshes, lambda: joining.execute("tokyo", ["true"])):
            with pytest.raises(UserError, match="must be a folder of your own with mode 0700"):
                act()
        monkeypatch.setenv(joining.SOCKET, str(folder / "m.sock"))
        with pytest.raises(UserError, match="must be a folder of your own with mode 0700"):
            joining.ask()
        monkeypatch.delenv(joining.SOCKET)
        assert [each.name for each in folder.iterdir()] == ["m.sock"]


def make_open(folder):
    folder.chmod(0o755)


def make_a_link(folder):
    folder.chmod(0o700)
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to("elsewhere")


def give_away(folder):
    if os.geteuid() != 0:
        skip_without("not root")
    folder.unlink()
    (folder.parent / "elsewhere").rename(folder)
    os.chown(folder, ordinary_user.UID, ordinary_user.UID)


def test_a_mesh_of_another_user_is_told_nothing_and_gives_nothing(folder):
    if os.geteuid() != 0:
        skip_without("not root")
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(folder / "m.sock"))
        child = os.fork()
        if child == 0:
            os.setresuid(*[ordinary_user.UID] * 3)
            theirs.listen()  # the kernel notes who does that
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(UserError, match="this mesh is of another user, who alone may join it"):
            joining.execute("tokyo", ["true"])
        for _ in range(2):  # whether there is one, and the request
            client, _ = theirs.accept()
            with client:
                assert client.recv(100) == b""


def test_another_user_gets_a_sentence_and_no_namespaces(folder, monkeypatch):
    with mesh_here(), socket.socket(socket.AF_UNIX) as client:
        monkeypatch.setattr(joining, "user_at", lambda _: ordinary_user.UID + 1)
        client.connect(str(folder / "m.sock"))
        client.sendall(b'{"join": "tokyo"}\n')
        answer, rights, _, _ = client.recvmsg(1000, 1000)
        assert "this mesh is of another user" in json.loads(answer)["error"]
        assert rights == []


def test_who_says_nothing_or_nonsense_keeps_nobody_from_joining(folder):
    with mesh_here(), socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as patient:
        silent.connect(str(folder / "m.sock"))
        for nonsense in (b"[" * 100_000 + b"\n", b"\xff\n", b"7\n", b'{"join": {}}\n', b"x" * 100):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / "m.sock"))
                client.sendall(nonsense)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # no file can be opened for a while
        try:
            patient.connect(str(folder / "m.sock"))
            patient.sendall(b"{}\n")
            time.sleep(0.05)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert json.loads(patient.recv(1000))["mesh"] == "m"
        assert joining.ask()["hosts"] == [{"name": "tokyo", "node": "Tokyo"}]


def test_a_mesh_that_cannot_be_served_leaves_nothing(folder, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    before = sorted(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(threading.Thread, "start", refuse)
        mesh_here()
    with pytest.raises(UserError, match="too long for a socket"):
        mesh_here("m" * 200)
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert not folder.exists()


def test_a_socket_that_nobody_serves_any_more_is_removed_and_nothing_else(folder):
    with mesh_here("a mesh") as mesh:
        assert joining.running_meshes() == ["a-mesh"]
        assert joining.find_mesh("a mesh") == str(folder / "a-mesh.sock")
        assert mesh.environment[joining.SOCKET] == str(folder / "a-mesh.sock")
    assert not folder.exists()
    folder.mkdir(mode=0o700)
    (folder / "file.sock").touch()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "left.sock"))
    assert joining.running_meshes() == []
    assert [each.name for each in folder.iterdir()] == ["file.sock"]
    (folder / "file.sock").unlink()
    assert joining.running_meshes() == []
    assert not folder.exists()


def test_folders_of_others_are_not_taken_for_ones_own(folder, monkeypatch):
    monkeypatch.delenv(sockets.FOLDER)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder.parent))
    assert sockets.sockets_folder() == folder.parent / "lasermesh"
    folder.parent.chmod(0o777)
    assert sockets.sockets_folder() == Path(f"/tmp/lasermesh-{os.getuid()}")


def test_what_ran_a_command_has_its_signals_as_before():
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    assert joining._run(["sh", "-c", "exit 3"], dict(os.environ)) == 3
    with pytest.raises(UserError, match="there is no command"):
        joining._run(["no-such-command"], dict(os.environ))
    assert [signal.getsignal(number) for number in numbers] == before
