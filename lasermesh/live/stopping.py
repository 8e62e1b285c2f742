"""How a live run is ended from outside: by Ctrl-C, by SIGTERM, or by the end of its terminal (SIGHUP)."""

import contextlib
import signal
import threading

from lasermesh.errors import Interrupted
from lasermesh.experiments.stopping import Stopping

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""What asks a process to end, beside Ctrl-C."""


class LiveStopping(Stopping):
    """Notes the signals; where a command runs at the same terminal, Ctrl-C is the command's.

    Parameters
    ----------
    has_command : bool

    Attributes
    ----------
    was_interrupted : bool
        Whether Ctrl-C was pressed, whoever it was meant for.
    """

    def __init__(self, has_command):
        super().__init__()
        self.was_interrupted = False
        self._has_command = has_command

    @contextlib.contextmanager
    def noted(self):
        """Have any end the run, what came of it is kept; Ctrl-C after that ends it at once.

        Only Ctrl-C does: what is sent to a group of processes comes several times, as the first ones of a
        run pass it on.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number, frame):
            if number == signal.SIGINT:
                self.was_interrupted = True
                if self.is_asked and not self._is_keeping:
                    raise KeyboardInterrupt
                if self._has_command:
                    return
            self.is_asked = True
            if self._may_leave:
                raise Interrupted

        before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDINGS)}
        for number, handler in before.items():
            if number != signal.SIGHUP or handler is not signal.SIG_IGN:  # else it is to outlive its terminal
                signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
