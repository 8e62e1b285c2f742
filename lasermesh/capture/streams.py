"""The files of a capture: one that is written from beginning to end, or one for each port."""

import contextlib
import errno
import os
import re
import select
import stat
import threading
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
_MOST_UNREAD_BYTES = 1 << 26
_POLL_MS = 100
_PATIENCE_S = 2.0  # at the end of a pipe
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

    def flush(self):
        """Have readers of the file see what was put there; what is compressed waits until it is a member."""
        if self._threads is None:
            self._file.flush()

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


class PipeFile:
    """A pipe that is written to by a thread of its own, so that nobody waits for who reads it.

    A reader that lags behind by 64 MiB, or is gone, is an OSError of what is put next.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.n_bytes = 0
        self._file = self.path.open("wb", buffering=0)
        self._unread, self._error, self._is_ending = bytearray(), None, False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._hand_over, name="capture", daemon=True)
        self._thread.start()

    def put(self, _, blocks):
        """Append blocks, of whatever port."""
        with self._news:
            if self._error is None and len(self._unread) > _MOST_UNREAD_BYTES:
                self._error = OSError(errno.ENOBUFS, "its reader does not keep up")
            if self._error is not None:
                raise self._error
            self._unread += blocks
            self.n_bytes += len(blocks)
            self._news.notify()

    def flush(self):
        """Nothing to do: what was put there is on its way."""

    def close(self):
        """End the pipe once all has been read, or the reader has had some time for it."""
        with self._news:
            self._is_ending = True
            self._news.notify()
            late = not self._news.wait_for(lambda: not self._unread or self._error is not None, _PATIENCE_S)
        self.remove()
        if late or self._error is not None:
            raise self._error or OSError(errno.ENOBUFS, "its reader does not keep up")

    def remove(self):
        """End the pipe, whatever has not been read."""
        with self._news:
            self._is_ending = True
            self._unread.clear()
            self._news.notify()
        self._thread.join()
        self._file.close()

    def _hand_over(self):
        """Write what is there whenever a part of it fits into the pipe, so that this thread never hangs."""
        poll = select.poll()
        poll.register(self._file, select.POLLOUT)
        while True:
            with self._news:
                self._news.wait_for(lambda: self._unread or self._is_ending)
                if not self._unread:
                    return
            try:
                # A pipe that is ready has room for this many bytes (pipe(7)).
                if poll.poll(_POLL_MS):
                    with self._news:
                        part = bytes(self._unread[: select.PIPE_BUF])
                    n = os.write(self._file.fileno(), part)
                    with self._news:
                        del self._unread[:n]
                        self._news.notify()
            except OSError as error:
                with self._news:
                    self._error = error
                    self._unread.clear()
                    self._news.notify()
                return


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

    def flush(self):
        """Have readers of the files see what was put there."""
        for port in list(self._pending):
            if not is_compressed(self._names[port]):
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
