"""The files of a capture: one that is written from beginning to end, or one for each port."""

import contextlib
import os
import re
import stat
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_LEVEL = (
    1  # blocks of default length shrink to a fifth; level 6 takes six times as long to save a fifth of that
)
_MEMBER_BYTES = 1 << 20
_MOST_THREADS = 4
_PENDING_BYTES = 1 << 15  # of a port: thousands of them still fit into memory
_MOST_NAME_BYTES = 200
_NOT_IN_NAMES = re.compile(r"[^\w.+=@ -]")


class OneFile:
    """A file, or a pipe, that gets all blocks; compressed if its name ends in .gz.

    A compressed file is a sequence of gzip members, which readers take for one: so several threads can make
    them, each a part of the same size, while the run goes on.

    Attributes
    ----------
    n_bytes : int
        Written so far, as the disk sees them.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.n_bytes = 0
        self._file = self.path.open("wb")
        self._threads = None
        if is_compressed(path):
            n_threads = min(_MOST_THREADS, os.cpu_count() or 1)
            self._threads = ThreadPoolExecutor(n_threads)
            self._most_waiting = 2 * n_threads
            self._pending, self._members = bytearray(), deque()

    def put(self, _, blocks):
        """Append blocks, of whatever port."""
        if self._threads is None:
            self._write(blocks)
            return
        self._pending += blocks
        while len(self._pending) >= _MEMBER_BYTES:
            self._begin_member(bytes(self._pending[:_MEMBER_BYTES]))
            del self._pending[:_MEMBER_BYTES]
        self._write_members(self._most_waiting)

    def close(self):
        """End the file."""
        if self._threads is not None:
            self._begin_member(bytes(self._pending))
            self._write_members(0)
            self._threads.shutdown()
        self._file.close()

    def remove(self):
        """Close the file and remove it, unless it is a pipe or a device."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        with contextlib.suppress(OSError):  # what could not be written is not wanted any more
            self._file.close()
        with contextlib.suppress(OSError):
            if stat.S_ISREG(self.path.lstat().st_mode):
                self.path.unlink()

    def _begin_member(self, data):
        self._members.append(self._threads.submit(compressed, data))

    def _write_members(self, most_waiting):
        """Write members that are finished, and those that are not until so many are left."""
        while self._members and (len(self._members) > most_waiting or self._members[0].done()):
            self._write(self._members.popleft().result())

    def _write(self, data):
        self._file.write(data)
        self.n_bytes += len(data)


class FilePerPort:
    """A folder with a file for each port that has seen a packet; compressed if `suffix` ends in .gz.

    Blocks are gathered and the files opened only to append them, as there may be more files than a process
    may have open.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    suffix : str
        Of the files' names: .pcapng or .pcapng.gz.
    """

    def __init__(self, folder, suffix):
        self.path = Path(folder)
        self.n_bytes = 0
        self._suffix = suffix
        self._is_new = not self.path.exists()
        self.path.mkdir(exist_ok=True)
        self._names, self._taken = [], set()
        self._pending = {}  # by port
        self._begun = set()

    @property
    def files(self):
        """Names of the files that have been begun, in the order of ports."""
        return [self._names[port] for port in sorted(self._begun | self._pending.keys())]

    def add(self, port_name):
        """A port gets a name for its file; the file is made with its first blocks."""
        stem = _NOT_IN_NAMES.sub("_", port_name).strip(" .") or "port"
        stem = stem.encode()[:_MOST_NAME_BYTES].decode(errors="ignore")
        name, n = stem, 1
        while name.casefold() in self._taken:  # not all file systems know capital letters
            n += 1
            name = f"{stem}-{n}"
        self._taken.add(name.casefold())
        self._names.append(name + self._suffix)

    def is_begun(self, port):
        """Whether a port has a file."""
        return port in self._begun or port in self._pending

    def put(self, port, blocks):
        """Append blocks to the file of a port."""
        pending = self._pending.setdefault(port, bytearray())
        pending += blocks
        if len(pending) >= _PENDING_BYTES:
            self._flush(port)

    def close(self):
        """Write what has been gathered."""
        for port in list(self._pending):
            self._flush(port)

    def remove(self):
        """Remove the files that were begun, and the folder if it was made for them."""
        with contextlib.suppress(OSError):
            for port in self._begun:
                (self.path / self._names[port]).unlink(missing_ok=True)
            if self._is_new:
                self.path.rmdir()

    def _flush(self, port):
        name = self._names[port]
        mode = "ab" if port in self._begun else "wb"
        self._begun.add(port)
        data = self._pending.pop(port)
        if is_compressed(name):
            data = compressed(data)
        with (self.path / name).open(mode) as file:
            file.write(data)
        self.n_bytes += len(data)


def is_compressed(path):
    """Whether a name asks for gzip."""
    return str(path).lower().endswith(".gz")


def compressed(data):
    """A member of a gzip file, which holds no name and no time."""
    return zlib.compress(data, _LEVEL, zlib.MAX_WBITS | 16)


def folder_and_suffix(path):
    """Where the files of a capture that is split lie, and how their names end, from the name of the whole."""
    path = Path(path)
    suffix = path.suffixes[-1] if path.suffixes else ""
    if is_compressed(path):
        suffix = "".join(path.suffixes[-2:])
    return path.with_name(path.name.removesuffix(suffix)), suffix or ".pcapng"
