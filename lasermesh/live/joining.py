"""Joining a running mesh: a socket that hands out its namespaces, and the process that enters a host's.

Each running mesh listens on a Unix socket `NAME.sock` in a folder that only its user may enter. A request is
one line of JSON, `{"join": HOST}` or `{"ask": "status"}`; so is the answer, which brings the namespaces.

A mesh is joined by the user who started it, and by nobody else, not by root either. Both sides check that:
what runs in namespaces that another user hands out sees the files that this user wants it to see.
"""

import array
import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from pathlib import Path

from lasermesh.errors import RunFailed, UserError
from lasermesh.live.commands import command_trouble
from lasermesh.live.libc import CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, die_with_parent, setns
from lasermesh.live.sockets import (
    FOLDER,
    locked_folder,
    mesh_name,
    running_meshes,
    served_in,
    socket_path,
    sockets_folder,
    user_at,
)

SOCKET = "LASERMESH_LIVE"
"""Environment variable of what runs in a mesh: the socket of that mesh."""

_KINDS = (("user", CLONE_NEWUSER), ("mnt", CLONE_NEWNS), ("pid", CLONE_NEWPID))
"""Namespaces that all hosts share, in the order of joining: that of users gives the right to the others."""

_TIMEOUT_S = 5.0
_LONGEST_PATH = 107  # of the 108 bytes of sun_path (unix(7)), one ends it
_LARGEST_LINE = 1 << 20
_PAUSE_S = 0.1


def refuse_name(name, running=None):
    """UserError if a mesh of this name is among those that run."""
    if mesh_name(name) in (running_meshes() if running is None else running):
        raise UserError(f'a mesh "{name}" is running; end it, or name this one with --set name=NAME')


class Mesh:
    """The socket of a running mesh, served by a thread while the context lasts.

    Parameters
    ----------
    name : str
        Of the mesh, by which `lasermesh exec --mesh` finds it.
    node_names, host_names : list of str
        What its hosts are called.
    netns_fds : list of int
        Their network namespaces.

    Attributes
    ----------
    status : dict
        What a client that asks is told; the owner replaces it as a whole.
    environment : dict
        Variables that programs started in the mesh need in order to find it.

    Raises
    ------
    UserError
        If a mesh of that name is running, or the socket cannot be made.
    """

    def __init__(self, name, node_names, host_names, netns_fds):
        self.name = mesh_name(name)
        self.status = {}
        self._node_names, self._host_names = list(node_names), list(host_names)
        self._netns_fds = list(netns_fds)
        self._talks = {}  # clients, each with the thread that answers it
        self._is_closing = False
        with contextlib.ExitStack() as undo:
            self._shared = []
            for kind, _ in _KINDS:
                self._shared.append(os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC))
                undo.callback(os.close, self._shared[-1])
            self._listener = undo.enter_context(socket.socket(socket.AF_UNIX))
            self._path = self._listen()
            undo.callback(self._disappear)
            self._thread = threading.Thread(target=self._serve, name="joining", daemon=True)
            self._thread.start()
            self._undo = undo.pop_all()
        self.environment = {SOCKET: os.fspath(self._path), FOLDER: os.fspath(self._path.parent)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _listen(self):
        """Make the socket and listen to it; its path."""
        with locked_folder(make=True) as folder:
            path = socket_path(folder, self.name)
            if len(os.fsencode(path)) > _LONGEST_PATH:
                raise UserError(f"{path}: too long for a socket; set XDG_RUNTIME_DIR to a shorter folder")
            refuse_name(self.name, served_in(folder))
            try:
                self._listener.bind(os.fspath(path))
                self._listener.listen()
            except OSError as error:
                raise UserError(f"{path}: {error.strerror}") from None
        return path

    def _disappear(self):
        """Have the socket gone, so that nobody finds the mesh."""
        with contextlib.suppress(UserError), locked_folder(self._path.parent):
            self._path.unlink(missing_ok=True)

    def close(self):
        """Stop serving; nobody finds the mesh any more."""
        if self._is_closing:
            return
        self._is_closing = True
        self._disappear()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for client, thread in list(self._talks.items()):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            thread.join()
        self._undo.close()

    def _serve(self):
        """Answer clients until the mesh closes, each in a thread of its own: none waits for another."""
        while not self._is_closing:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it is closing, or there are too many open files for now
                time.sleep(0 if self._is_closing else _PAUSE_S)
                continue
            self._talks[client] = threading.Thread(target=self._talk, args=(client,), daemon=True)
            self._talks[client].start()

    def _talk(self, client):
        """Answer one client, which has some seconds to say what it wants."""
        with client, contextlib.suppress(OSError, ValueError, RecursionError):  # of a request that is none
            client.settimeout(_TIMEOUT_S)
            self._answer(client)
        del self._talks[client]

    def _answer(self, client):
        """Answer one request."""
        request = json.loads(_read_line(client))  # first: what is not read would reset the connection
        try:
            if user_at(client) != os.getuid():
                raise UserError(_OF_ANOTHER_USER)
            answer, fds = self._reply(request)
        except UserError as error:
            answer, fds = {"error": str(error)}, []
        _send(client, answer, fds)

    def _reply(self, request):
        """Answer and file descriptors for a request."""
        if not isinstance(request, dict) or "join" not in request:
            hosts = [
                {"name": host, "node": node}
                for host, node in zip(self._host_names, self._node_names, strict=True)
            ]
            return {"mesh": self.name, "hosts": hosts, "status": self.status}, []
        from lasermesh.live.names import find_host

        place = find_host(str(request["join"]), self._node_names, self._host_names)
        return {"host": self._host_names[place]}, [*self._shared, self._netns_fds[place]]


_OF_ANOTHER_USER = "this mesh is of another user, who alone may join it; run this as that user"


def _send(to, answer, fds=()):
    """Send a line of JSON with file descriptors."""
    line = json.dumps(answer).encode() + b"\n"
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = to.sendmsg([line], rights)
    if sent < len(line):
        to.sendall(line[sent:])


def _read_line(source, fds=None):
    """Read a line; the descriptors that come with it are put into the list `fds`."""
    line = b""
    while not line.endswith(b"\n"):
        if fds is None:
            part = source.recv(1 << 16)
        else:
            room = socket.CMSG_SPACE((len(_KINDS) + 1) * 4)
            part, ancillary, _, _ = source.recvmsg(1 << 16, room, socket.MSG_CMSG_CLOEXEC)
            for _, _, values in ancillary:
                fds += array.array("i", values[: len(values) // 4 * 4])
        line += part
        if not part or len(line) > _LARGEST_LINE:
            raise ConnectionError("half a line")
    return line


def find_mesh(name=None):
    """Socket of a running mesh: that of this name, that in which this process runs, or the only one there is.

    Raises
    ------
    UserError
        If there is none, or several, or others may write where its socket lies.
    """
    around = os.environ.get(SOCKET)
    if name is None and around:
        with locked_folder(Path(around).parent):  # an error where it is not this user's alone
            pass
        return around
    running = running_meshes()
    folder = sockets_folder()
    if name is not None:
        if mesh_name(name) in running:
            return os.fspath(socket_path(folder, name))
        known = ", ".join(running) or "none"
        raise UserError(f'no mesh "{name}" is running; there is {known}')
    if not running:
        others = "; root's is joined with sudo" if os.getuid() and Path("/tmp/lasermesh-0").exists() else ""
        raise UserError(f"no mesh of yours is running; start one with `lasermesh live EXPERIMENT`{others}")
    if len(running) > 1:
        raise UserError(f"{len(running)} meshes are running; choose with --mesh: {', '.join(running)}")
    return os.fspath(socket_path(folder, running[0]))


def _request(path, request, fds=None):
    """The answer of a running mesh of this user; its errors are raised."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT_S)
        try:
            connection.connect(path)
            if user_at(connection) != os.getuid():
                raise UserError(f"{path}: {_OF_ANOTHER_USER}")
            _send(connection, request)
            answer = json.loads(_read_line(connection, fds))
        except (FileNotFoundError, ConnectionError):
            raise UserError("the mesh has ended") from None
        except TimeoutError:
            raise RunFailed(f"the mesh does not answer within {_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from None
    if "error" in answer:
        raise UserError(answer["error"])
    return answer


def ask(mesh=None):
    """What a running mesh tells of itself: `{"mesh", "hosts": [{"name", "node"}], "status"}`."""
    return _request(find_mesh(mesh), {"ask": "status"})


def execute(host, argv, mesh=None):
    """Run a command in a host of a running mesh.

    Parameters
    ----------
    host : str
        Name of the host or of its node, in any letter case.
    argv : sequence of str
        The command and its arguments.
    mesh : str, optional
        Name of the mesh; absent: that around this process, or the only one.

    Returns
    -------
    exit_code : int
        The command's own; 128 and the signal's number where a signal ended it.

    Raises
    ------
    UserError
        If there is no such mesh, host or command, or the namespaces may not be entered.
    """
    path = find_mesh(mesh)
    environment = {**os.environ, SOCKET: path, FOLDER: os.path.dirname(path)}
    folder = None
    with contextlib.suppress(OSError):  # it may be removed
        folder = os.getcwd()
    fds = []
    try:
        _request(path, {"join": host}, fds)
        _enter(fds)
    finally:
        for fd in fds:
            os.close(fd)
    with contextlib.suppress(OSError):  # where it cannot be reached any more, / it is
        os.chdir(folder or "/")
    return _run(argv, environment)


def _enter(fds):
    """Enter the namespaces, but those that this process is in; that of processes holds for its children."""
    kinds = (*_KINDS, ("net", CLONE_NEWNET))
    if len(fds) != len(kinds):
        raise RunFailed("the mesh did not hand over its namespaces")
    # All are compared before the first is entered: /proc of the mesh does not know this process.
    around = [os.stat(f"/proc/self/ns/{name}") for name, _ in kinds]
    for fd, (_, kind), own in zip(fds, kinds, around, strict=True):
        if os.path.samestat(os.fstat(fd), own):
            continue
        try:
            setns(fd, kind)
        except OSError as error:
            raise UserError(
                f"the mesh may not be entered ({error.strerror}); only the user who started it can"
            ) from None


def _run(argv, environment):
    """Run a command as a child, which dies with this process, and wait for it."""
    told_fd, tell_fd = os.pipe()
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        child = os.fork()
    except OSError as error:
        raise UserError(f"no process can be started there ({error.strerror}); has the mesh ended?") from None
    if child == 0:
        os.close(told_fd)
        _become(argv, environment, before, tell_fd)
    os.close(tell_fd)

    def forward(number, _frame):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    before |= {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with open(told_fd, encoding="ascii") as told:
            trouble = told.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if trouble:
        raise UserError(command_trouble(argv, int(trouble)))
    return code if code >= 0 else 128 - code


def _become(argv, environment, signals_before, tell_fd):
    """Become a command, or tell why not by the number of the error."""
    try:
        for number, handler in signals_before.items():
            signal.signal(number, signal.SIG_IGN if handler is signal.SIG_IGN else signal.SIG_DFL)
        die_with_parent(signal.SIGKILL)
        parent = select.poll()
        parent.register(tell_fd, 0)
        if not parent.poll(
            0
        ):  # else nobody reads any more: the parent was killed before it could be asked for
            os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(tell_fd, str(error.errno).encode())
    finally:
        os._exit(127)
