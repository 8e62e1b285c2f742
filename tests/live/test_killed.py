"""Whatever process of a live run is killed, all of it is gone, with its networks.

`test_entering` kills each of them, with little in it; here it is the real thing.
"""

import os
import signal
from pathlib import Path

import pytest

from tests.live.live_mesh import LiveMesh, give, somebody
from tests.live.pencil_mesh import write_experiment
from tests.live.people import PEOPLE, children_of, held, wait_until

pytestmark = pytest.mark.compiled_only


def offspring_of(pid):
    """Process ids of all that descend from a process, itself first."""
    return [pid, *(each for child in children_of(pid) for each in offspring_of(child))]


@pytest.mark.parametrize(("name", "place"), [*zip(PEOPLE, (0, -1), strict=True)])
def test_killing_the_first_or_the_last_process_leaves_nothing(name, place):
    with somebody(name) as who:
        write_experiment(who.folder)
        give(who, who.folder)
        mesh = LiveMesh(who, "chain.toml", "--duration", "30")
        try:
            pids = offspring_of(mesh.pid)
            networks = {(Path("/proc") / str(pid) / "ns" / "net").stat().st_ino for pid in pids}
            networks.remove(os.stat("/proc/self/ns/net").st_ino)
            mesh.popen("here", "sleep", "30")
            assert wait_until(lambda: len(who.processes()) > len(pids))
            with held(networks) as users:
                os.kill(pids[place], signal.SIGKILL)
                assert wait_until(lambda: not who.processes() and not users()), who.processes()
            code, _, said = mesh.wait()
            if place != 0:  # somebody is left to tell
                assert (
                    "the run was killed (signal 9), perhaps for want of memory; what it left in run" in said
                )
                assert code == 1
                assert not list(who.folder.rglob("*.sock"))
        finally:
            mesh.close()
        assert not (mesh.folder / "summary.json").exists()
