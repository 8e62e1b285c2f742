"""Ctrl-C in a run: it ends at the next slice, and what came of it until then is kept."""

import contextlib
import signal
import threading

from lasermesh.errors import Interrupted


class Stopping:
    """Whether Ctrl-C was pressed, and what it may cut short.

    Attributes
    ----------
    is_asked : bool
    """

    def __init__(self):
        self.is_asked = False
        self._is_keeping = self._may_leave = False

    def keep(self):
        """From now on results are being kept, which nothing cuts short."""
        self._is_keeping = True

    @contextlib.contextmanager
    def leaving_at_once(self):
        """Have Ctrl-C raise Interrupted at once meanwhile, in what may never return."""
        self._may_leave = True
        try:
            yield
        finally:
            self._may_leave = False

    @contextlib.contextmanager
    def noted(self):
        """Have Ctrl-C end the run at the next slice, a second one at once; while it is kept, none does."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def note(number, frame):
            if self.is_asked and not self._is_keeping:
                raise KeyboardInterrupt
            self.is_asked = True
            if self._may_leave:
                raise Interrupted

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
