"""Processes that run points side by side; one that is killed costs the point it was at, and no other."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

from lasermesh.results.statuses import FAILED, INTERRUPTED

_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
try:
    from importlib import import_module
    import_module(sys.argv[2]).main()
except KeyboardInterrupt:
    sys.exit(130)
"""
# A plain process, as one of `multiprocessing` would run the user's own script once more.

POINT_WORKER = "lasermesh.experiments.point_worker"

_OVER = object()


class WorkerPool:
    """Runs orders in some processes at once.

    Parameters
    ----------
    orders : sequence of dict
        What the worker runs, JSON-ready.
    n_workers : int
    threads : int
        Of each run.
    worker : str
        The module whose `main` serves orders (`worker.serve`).

    Notes
    -----
    The first process is alone until its run has begun: it compiles the kernels, which the others then load.
    """

    def __init__(self, orders, n_workers, threads, worker=POINT_WORKER):
        self._worker = worker
        self._waiting = deque(enumerate(orders))
        self._events = queue.SimpleQueue()
        self._compiled = threading.Event()
        self._stopping = False
        self._processes = {}  # by number of the thread
        self._begun = set()  # of these, those whose run has begun
        # Kernels that follow links would else take all processors in every process.
        self._environment = os.environ | {"NUMBA_NUM_THREADS": str(threads)}
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), daemon=True)
            for number in range(min(n_workers, len(orders)))
        ]

    def events(self):
        """What is told of the orders while they are run, until all are.

        Yields
        ------
        row : int
            Of the order.
        message : dict
            `{share}` how far it is, with `may_end_early` where it may end before its time is over;
            `{warning}`; or at its end `{status, message}`: `complete`, `interrupted` or `failed`, and what
            the worker adds to it. Of orders that were never begun nothing is told.
        """
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        try:
            while running:
                event = self._events.get()
                if event is _OVER:
                    running -= 1
                else:
                    yield event
        finally:
            self.kill()

    def stop(self):
        """Begin no more orders, and have those that are running end early and keep what they have.

        A process whose run has not begun, which has nothing to keep, ends at once: interrupted while Python
        starts, it would complain.
        """
        self._stopping = True
        self._waiting.clear()
        self._compiled.set()
        for process in list(self._processes.values()):
            with contextlib.suppress(OSError):
                # Windows cannot interrupt one process alone.
                can_keep = process in self._begun and os.name != "nt"
                process.send_signal(signal.SIGINT) if can_keep else process.kill()

    def kill(self):
        """End all processes at once."""
        self._stopping = True
        self._waiting.clear()
        self._compiled.set()
        for process in list(self._processes.values()):
            with contextlib.suppress(OSError):
                process.kill()

    def _serve(self, number):
        """Have one process after the other run orders, until none is left or it is time to stop."""
        process = None
        try:
            if number > 0:
                self._compiled.wait()
            while (taken := self._take()) is not None:
                row, order = taken
                try:
                    if process is None:
                        process = self._processes[number] = self._start()
                    if not self._run(process, row, order):
                        self._tell(row, **self._death_of(process))
                        process = self._let_go(number, process)
                except OSError as error:
                    self._tell(row, status=FAILED, message=f"no process could be started: {error.strerror}")
                self._compiled.set()
        finally:
            if process is not None:
                self._let_go(number, process)
            self._compiled.set()
            self._events.put(_OVER)

    def _let_go(self, number, process):
        """Wait for a process that gets no more orders: None, as there is none any more."""
        with contextlib.suppress(OSError):  # what it has not read is lost with it
            process.stdin.close()
        process.wait()
        process.stdout.close()
        self._processes.pop(number, None)
        self._begun.discard(process)

    def _take(self):
        """The next order with its row; None if there is none."""
        try:
            return None if self._stopping else self._waiting.popleft()
        except IndexError:
            return None

    def _start(self):
        """A new process, which a Ctrl-C in the terminal does not reach."""
        paths = json.dumps([str(Path(entry).resolve()) for entry in sys.path])
        return subprocess.Popen(
            [sys.executable, "-c", _START, paths, self._worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            encoding="utf-8",
            start_new_session=os.name != "nt",
        )

    def _run(self, process, row, order):
        """Pass an order on, and what is told of it; whether it came to an end before the process did."""
        if self._stopping:  # it may have been started too late to be told
            process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            if not line.endswith("\n"):  # killed in the middle of it
                break
            message = json.loads(line)
            self._tell(row, **message)
            if "status" in message:
                self._begun.discard(process)
                return True
            if "share" in message:
                self._begun.add(process)
                self._compiled.set()
        return False

    def _tell(self, row, **message):
        self._events.put((row, message))

    def _death_of(self, process):
        """Status and message of the point that a process was at when it ended."""
        code = process.wait()
        if self._stopping:
            return {"status": INTERRUPTED, "message": None}
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
            why = f"its process was killed by signal {-code} ({name})"
            if name == "SIGKILL":
                why += ", as when memory runs out"
        else:
            why = f"its process ended with exit code {code}"
        return {"status": FAILED, "message": why}


@contextlib.contextmanager
def ctrl_c_stops(pool):
    """Have Ctrl-C end all runs early, which keep what they have; a second one at once, which keep nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    asked = []

    def note(number, frame):
        pool.kill() if asked else pool.stop()
        asked.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
