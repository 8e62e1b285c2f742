"""Turns that processes of one suite (pytest-xdist) take, so that what measures time is not disturbed."""

import hashlib
import os
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # only Linux has tests that measure time
    fcntl = None


class Turns:
    """Who runs alone, and who beside others: two locks that all processes of a suite have in common.

    Parameters
    ----------
    suite : path
        What the suite is told from others by; a user's is also told from another user's.
    """

    def __init__(self, suite):
        if fcntl is not None:
            self._turnstile, self._room = _opened(suite, "turnstile"), _opened(suite, "room")
        self._is_held = False

    def begin(self, is_alone):
        """Wait until nobody runs alone, and if it is to be alone until nobody runs at all."""
        if fcntl is None or self._is_held:
            return
        how = fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH
        # Who waits to be alone holds up those behind it: otherwise there would always be one that runs.
        fcntl.flock(self._turnstile, how)
        fcntl.flock(self._room, how)
        fcntl.flock(self._turnstile, fcntl.LOCK_UN)
        self._is_held = True

    def end(self):
        """Let others have their turn."""
        if self._is_held:
            fcntl.flock(self._room, fcntl.LOCK_UN)
            self._is_held = False


def _opened(suite, name):
    """A file for everyone to lock. Somebody else may have made it, who can delay the suite at most."""
    key = hashlib.sha256(os.fsencode(suite)).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"lasermesh-tests-{os.getuid()}-{key}-{name}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
