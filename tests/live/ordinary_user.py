"""Run a command as an ordinary user, who may read this checkout and its Python wherever these are.

    python tests/live/ordinary_user.py COMMAND...

Where the checkout, the virtual environment or the interpreter behind it lie below a folder that is closed to
others, as /root is, that folder is replaced, for the command alone (in a mount namespace of its own), by an
empty open one into which only they are mounted.
"""

import ctypes
import os
import sys
import tempfile
from pathlib import Path

UID = 65534
"""Of "nobody", who is in no group and owns nothing."""

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_OTHERS_MAY_ENTER = 0o001


def command_of(*argv):
    """What root runs to have an ordinary user run it."""
    return [sys.executable, __file__, *argv]


def main(argv):
    """Become the ordinary user and run the command in place of this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS))
    _mount(libc, None, "/", None, _MS_REC | _MS_PRIVATE)
    needed = {Path(__file__).parents[2], Path(sys.prefix), Path(sys.base_prefix)}
    for folder, below in _closed_folders(path.resolve() for path in needed).items():
        _open_up(libc, folder, below)
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    os.execvp(argv[0], argv)


def _closed_folders(paths):
    """The topmost folders that others may not enter, and which of the paths lie below each."""
    closed = {}
    for path in paths:
        for folder in [*reversed(path.parents), path]:
            if not folder.stat().st_mode & _OTHERS_MAY_ENTER:
                closed.setdefault(folder, []).append(path)
                break
    return closed


def _open_up(libc, folder, paths):
    """Replace a folder by one with nothing but these paths in it."""
    kept = []
    for path in paths:
        place = tempfile.mkdtemp()
        _mount(libc, path, place, None, _MS_BIND | _MS_REC)
        kept.append((place, path))
    _mount(libc, "tmpfs", folder, "tmpfs", 0)
    folder.chmod(0o755)
    for place, path in kept:
        path.mkdir(parents=True, exist_ok=True)
        _mount(libc, place, path, None, _MS_BIND | _MS_REC)
        _check(libc.umount2(os.fsencode(place), 2))
        os.rmdir(place)


def _mount(libc, source, target, kind, flags):
    source, kind = (None if text is None else os.fsencode(text) for text in (source, kind))
    _check(libc.mount(source, os.fsencode(target), kind, flags, None))


def _check(result):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


if __name__ == "__main__":
    main(sys.argv[1:])
