"""`lasermesh live` as a process, by root or an ordinary user, and what is run on its hosts."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from lasermesh.compiled import CACHE_FOLDER
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.live.outside import Outside
from lasermesh.live.simulation import LiveSimulation
from tests.live.pencil_mesh import write_experiment
from tests.live.people import person

READY_WITHIN_S = 60.0
STOPS_WITHIN_S = 20.0
COMMAND_WITHIN_S = 40.0
SERVES_WITHIN_S = 20.0
COMPILED_FOR_LIVE = "compiled-for-live-tests"
"""A file beside compiled kernels that says so."""


@contextlib.contextmanager
def somebody(name):
    """`people.person`, who has the kernels of live runs compiled already."""
    mode = {key: os.environ[key] for key in ("NUMBA_BOUNDSCHECK",) if key in os.environ}
    with person(name, **mode) as who:
        if CACHE_FOLDER:
            _compile_for_live()
        if CACHE_FOLDER and name == "root":
            who.environment["NUMBA_CACHE_DIR"] = CACHE_FOLDER
        elif CACHE_FOLDER:
            cache = who.folder / "cache" / Path(CACHE_FOLDER).name
            shutil.copytree(CACHE_FOLDER, cache)
            who.environment["NUMBA_CACHE_DIR"] = str(cache)
            give(who, cache.parent)
        yield who


def _compile_for_live():
    """Compile what meshes run, once for all tests: none is to wait for that, nor a user to do it again."""
    mark = Path(CACHE_FOLDER) / COMPILED_FOR_LIVE
    if mark.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        for experiment in (write_experiment(Path(folder)), "live"):
            loaded, policy = load_with_policy(experiment, [])
            LiveSimulation(loaded, Outside(), policy=policy).get_ready()
    mark.touch()


def give(who, path):
    """Have files that the tests have made be of whoever runs the mesh."""
    owner = who.folder.stat()
    for each in (path, *path.rglob("*")):
        os.chown(each, owner.st_uid, owner.st_gid)


class LiveMesh:
    """A mesh that is up, without a command.

    Parameters
    ----------
    who : people.Person
    arguments
        Of `lasermesh live`; the run folder is `run` in the person's folder.
    """

    def __init__(self, who, *arguments):
        self.who = who
        self.folder = who.folder / "run"
        self.python = who.command[-1]
        argv = ["-m", "lasermesh", "live", *arguments, "-o", "run", "--force"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = who.popen(*argv, **pipes, process_group=0)
        self.pid = self._process.pid
        end_s = time.monotonic() + READY_WITHIN_S
        while not any(path.is_socket() for path in who.folder.rglob("*")):
            if self._process.poll() is not None or time.monotonic() > end_s:
                self._process.kill()
                raise AssertionError("".join(self._process.communicate()))
            time.sleep(0.02)

    def popen(self, host, *argv):
        """Start a command on a host."""
        argv = ["-m", "lasermesh", "exec", host, "--", *argv]
        return self.who.popen(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, host, *argv, timeout_s=COMMAND_WITHIN_S):
        """What a command on a host prints; it must succeed."""
        done = self.who.run("-m", "lasermesh", "exec", host, "--", *argv, timeout_s=timeout_s)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def serving(self, host, says, *argv):
        """A server on a host, from when it has said something until the context ends."""
        process = self.popen(host, *argv)
        with process, _killed_after(process, SERVES_WITHIN_S) as timer:
            try:
                while says not in (line := process.stdout.readline()):
                    assert line, process.stderr.read()
                timer.cancel()
                yield process
            finally:
                process.kill()

    def press_ctrl_c(self):
        """What a terminal does then: exit code, output and errors."""
        os.killpg(self.pid, signal.SIGINT)
        return self.wait()

    def wait(self):
        """Exit code, output and errors, once it has ended."""
        out, err = self._process.communicate(timeout=STOPS_WITHIN_S)
        return self._process.returncode, out, err

    def close(self):
        """Have it gone, however it stands."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextlib.contextmanager
def _killed_after(process, timeout_s):
    """A timer that kills a process, unless it is cancelled or the context ends before."""
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    try:
        yield timer
    finally:
        timer.cancel()
