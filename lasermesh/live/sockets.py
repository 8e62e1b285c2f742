"""Where the sockets of running meshes lie, and who may put them there."""

import contextlib
import fcntl
import os
import re
import socket
import stat
import struct
from pathlib import Path

from lasermesh.errors import UserError

FOLDER = "LASERMESH_LIVE_FOLDER"
"""Environment variable: the folder of sockets; the user who started a run is called root inside of it."""

_OTHERS_MAY_WRITE, _OTHERS_MAY = 0o022, 0o077  # of a folder's mode


def sockets_folder():
    """The folder of this user's sockets: in $XDG_RUNTIME_DIR, if that is the user's own, else in /tmp."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    # Not so where sudo kept the variable: root's folder in that of a user would be in the user's way.
    if runtime and os.access(runtime, os.W_OK | os.X_OK) and _is_own(os.stat(runtime), _OTHERS_MAY_WRITE):
        return Path(runtime, "lasermesh")
    return Path(f"/tmp/lasermesh-{os.getuid()}")


def _is_own(found, forbidden):
    """Whether what `os.stat` found is this user's, and others have none of the rights in `forbidden`."""
    return found.st_uid == os.getuid() and not found.st_mode & forbidden


def mesh_name(name):
    """What a mesh of that name is called where it is joined, which is the name of a file."""
    return re.sub(r"[^\w.-]", "-", name)


def socket_path(folder, name):
    """Where the socket of a mesh lies in a folder of sockets."""
    return Path(folder, f"{mesh_name(name)}.sock")


def _open_folder(folder):
    """A descriptor of a folder, None where it is missing; UserError if others may do anything with it."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:  # a link, a file, or closed to this user
        fd = None
    if fd is not None and _is_own(os.fstat(fd), _OTHERS_MAY):
        return fd
    if fd is not None:
        os.close(fd)
    raise UserError(
        f"{folder}: must be a folder of your own with mode 0700, or whoever made it could answer in place of "
        "your mesh; remove it, or set XDG_RUNTIME_DIR"
    )


@contextlib.contextmanager
def locked_folder(folder=None, *, make=False):
    """A folder of sockets (Path) that no other process of lasermesh changes meanwhile, None if missing.

    So nobody takes a socket that is not listened to yet for one that is left over. An empty folder is removed
    in the end.

    Parameters
    ----------
    folder : Path, optional
        Absent: that of this user.
    make : bool
        Whether it is made where it is missing.

    Raises
    ------
    UserError
        If it is not this user's alone, or cannot be made.
    """
    folder = sockets_folder() if folder is None else folder
    while True:
        if make:
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise UserError(f"{folder}: cannot be made ({error.strerror}); set XDG_RUNTIME_DIR") from None
        fd = _open_folder(folder)
        if fd is None and make:
            continue  # removed just now
        if fd is None:
            yield None
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.lstat(folder), os.fstat(fd)):
                    break
            os.close(fd)  # it was removed while this process waited
        except BaseException:
            os.close(fd)
            raise
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()
        os.close(fd)


def running_meshes():
    """Names of this user's running meshes, sorted (list of str); sockets that nobody serves are removed.

    Raises
    ------
    UserError
        If somebody else may write into the folder of sockets, or made it.
    """
    with locked_folder() as folder:
        return [] if folder is None else served_in(folder)


def served_in(folder):
    """Names of the sockets in a folder that somebody serves; the others are removed."""
    running = []
    for path in sorted(folder.glob("*.sock")):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(os.fspath(path))
            except ConnectionRefusedError:  # also by what is no socket
                found = path.lstat()
                if stat.S_ISSOCK(found.st_mode) and _is_own(found, 0):
                    path.unlink()
            except BlockingIOError:  # many others wait for an answer
                running.append(path.stem)
            except OSError:
                continue
            else:
                running.append(path.stem)
    return running


def user_at(connection):
    """Number of the user at the other end of a Unix socket, by the kernel (SO_PEERCRED of unix(7))."""
    _, user, _ = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return user
