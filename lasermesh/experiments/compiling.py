"""The packet engine compiled in a process of its own, while this one compiles what runs before it.

Numba compiles on one core and holds a lock meanwhile, so threads would wait for each other. The engine takes
more than half of all that a first run compiles; with a second processor it costs little time of its own. Both
processes keep what they compile in the same folder, from which this one takes it.
"""

import contextlib
import subprocess
import sys
from pathlib import Path

from lasermesh.compiled import COMPILED
from lasermesh.machine import processors
from lasermesh.packets.window_kernels import advance

_COMPILE = "from lasermesh.packets import warm_up; warm_up()"


class EngineCompilation:
    """Begins when it is made, if there is anything to compile and a processor for it; then `wait` for it.

    Nothing depends on how it ends: what is not there is compiled by who needs it.
    """

    def __init__(self):
        self._process = None
        if _engine_is_kept() or processors() < 2:
            return
        nowhere = subprocess.DEVNULL
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-c", _COMPILE], stdin=nowhere, stdout=nowhere, stderr=nowhere
            )

    def wait(self):
        """Until the other process has ended, if there is one; one that is left by Ctrl-C is stopped."""
        if self._process is None:
            return
        try:
            self._process.wait()
        finally:
            self._process.kill()
            self._process = None


def _engine_is_kept():
    return is_kept(advance)


def is_kept(kernel):
    """Whether compiled code of a kernel is kept, or could not be: then it need not be compiled beforehand."""
    folder = kernel.stats.cache_path if COMPILED else None
    if folder is None:
        return True
    function = kernel.py_func
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
    return any(Path(folder).glob(f"{name}-*.nbi"))
