"""Who runs live meshes in tests: root, and an ordinary user; and what they leave behind."""

import contextlib
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import NamedTuple

from tests.live import ordinary_user
from tests.needs import needs_tun, needs_user_namespaces, skip_without

ROOT_OF_CHECKOUT = Path(__file__).parents[2]
PEOPLE = ("root", "user")
STUB = ("-m", "tests.live.stub")
_MARKER = "LASERMESH_TEST"


class Person(NamedTuple):
    """Somebody with an empty folder, whose processes carry a mark."""

    command: tuple  # Python and what makes it theirs
    folder: Path
    environment: dict

    def popen(self, *arguments, **options):
        """Start Python with arguments, in this person's folder."""
        return subprocess.Popen(
            [*self.command, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            text=True,
            **options,
        )

    def run(self, *arguments, timeout_s=30):
        """Run Python with arguments to its end."""
        process = self.popen(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def processes(self):
        """Process ids of all that this person started and that still run."""
        mark = f"{_MARKER}={self.environment[_MARKER]}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (path / "environ").read_bytes().split(b"\0"):
                    found.append(int(path.name))
        return found


@contextlib.contextmanager
def person(name, **environment):
    """Root or an ordinary user, while the context lasts; the test is skipped where there is none."""
    needs_tun()
    folder = Path(tempfile.mkdtemp(prefix="lasermesh-test-"))
    try:
        yield _person(name, folder, environment)
    finally:
        shutil.rmtree(folder)


def _person(name, folder, environment):
    if name == "root" and os.geteuid() != 0:
        skip_without("not root")
    command = (sys.executable,)
    if name == "user":
        needs_user_namespaces()
        if os.geteuid() == 0:
            command = tuple(ordinary_user.command_of(sys.executable))
            os.chown(folder, ordinary_user.UID, ordinary_user.UID)
    ours = {
        "PATH": os.environ["PATH"],
        "HOME": os.fspath(folder),
        "XDG_RUNTIME_DIR": os.fspath(folder),
        "PYTHONPATH": os.fspath(ROOT_OF_CHECKOUT),
        "LC_ALL": "C.UTF-8",
        _MARKER: uuid.uuid4().hex,
    }
    return Person(command, folder, ours | environment)


@contextlib.contextmanager
def terminal_of(who, *arguments):
    """Python with arguments as a job on a terminal of its own: its process id and a function.

    `talk(text, until)` types a text and returns all that is printed up to `until`.
    """
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(who.folder)
        os.execvpe(who.command[0], [*who.command, *arguments], who.environment | {"TERM": "dumb"})

    def talk(text, until, timeout_s=10.0):
        os.write(fd, text.encode())
        printed, stop = "", time.monotonic() + timeout_s
        while until not in printed:
            assert select.select([fd], [], [], max(0.0, stop - time.monotonic()))[0], printed
            printed += os.read(fd, 4096).decode()
        return printed

    try:
        yield pid, talk
    finally:
        os.close(fd)  # SIGHUP
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        assert wait_until(lambda: not who.processes())


@contextlib.contextmanager
def mesh_of(who, *command, by=None):
    """A stub of a mesh that runs a command: its outer process and the inodes of its network namespaces."""
    before = set(who.processes())
    outer = (by or who).popen(*STUB, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        line = outer.stdout.readline()
        assert line, outer.stderr.read()
        yield outer, json.loads(line)
    finally:
        outer.kill()
        outer.communicate()
        assert wait_until(lambda: set(who.processes()) <= before)


def wait_until(holds, timeout_s=10.0):
    """Wait until something holds; whether it did in time."""
    stop = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > stop:
            return False
        time.sleep(0.02)
    return True


def children_of(pid):
    """Process ids of the children of a process."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def users_of_namespaces(inodes):
    """Processes that are in one of these network namespaces, or hold it open."""
    links = {f"net:[{inode}]" for inode in inodes}
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        for link in (path / "ns" / "net", *_listed(path / "fd")):
            with contextlib.suppress(OSError):
                if os.readlink(link) in links:
                    found.append(int(path.name))
    return found


@contextlib.contextmanager
def held(inodes):
    """Keep network namespaces in being: a function that tells which other processes have them.

    Else the kernel would give their numbers to the next ones that anybody makes on this machine.
    """
    links = {f"net:[{inode}]" for inode in inodes}
    with contextlib.ExitStack() as undo:
        for pid in set(users_of_namespaces(inodes)):
            for link in (Path(f"/proc/{pid}/ns/net"), *_listed(Path(f"/proc/{pid}/fd"))):
                with contextlib.suppress(OSError):
                    if os.readlink(link) in links:
                        links.remove(os.readlink(link))
                        undo.callback(os.close, os.open(link, os.O_RDONLY))
        assert not links
        yield lambda: set(users_of_namespaces(inodes)) - {os.getpid()}


def _listed(folder):
    """What is in a folder, nothing where it may not be read or is gone."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []
