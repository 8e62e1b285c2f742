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

_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
try:
    from lasermesh.experiments.point_worker import main
    main()
except KeyboardInterrupt:
    sys.exit(130)
"""
# A plain process, as one of `multiprocessing` would run the user's own script once more.

_OVER = object()


class WorkerPool:
    """Runs orders in some processes at once.

    Parameters
    ----------
    orders : sequence of dict
        What `point_worker` runs, JSON-ready.
    n_workers : int
    threads : int
        Of each run.

    Notes
    -----
    The first process is alone until its run has begun: it compiles the kernels, which the others then load.
    """

    def __init__(self, orders, n_workers, threads):
        self._waiting = deque(enumerate(orders))
        self._events = queue.SimpleQueue()
        self._compiled = threading.Event()
        self._stopping = False
        self._processes = {}  # by number of the thread
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
            `{share}` how far it is, `{warning}`, or at its end `{status, message}`: `complete`, `interrupted`
            or `failed`. Of orders that were never begun nothing is told.
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
        """Begin no more orders, and have those that are running end early and keep what they have."""
        self._stopping = True
        self._waiting.clear()
        self._compiled.set()
        for process in list(self._processes.values()):
            with contextlib.suppress(OSError):
                # Windows cannot interrupt one process alone.
                process.terminate() if os.name == "nt" else process.send_signal(signal.SIGINT)

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
                    self._tell(row, status="failed", message=f"no process could be started: {error.strerror}")
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

    def _take(self):
        """The next order with its row; None if there is none."""
        try:
            return None if self._stopping else self._waiting.popleft()
        except IndexError:
            return None

    def _start(self):
        """A new process, which a Ctrl-C in the terminal does not reach."""
        return subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps([str(Path(entry).resolve()) for entry in sys.path])],
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
                return True
            if "share" in message:
                self._compiled.set()
        return False

    def _tell(self, row, **message):
        self._events.put((row, message))

    def _death_of(self, process):
        """Status and message of the point that a process was at when it ended."""
        code = process.wait()
        if self._stopping:
            return {"status": "interrupted", "message": None}
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
            why = f"its process was killed by signal {-code} ({name})"
            if name == "SIGKILL":
                why += ", as when memory runs out"
        else:
            why = f"its process ended with exit code {code}"
        return {"status": "failed", "message": why}
