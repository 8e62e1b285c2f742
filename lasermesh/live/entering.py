"""Into namespaces of one's own, and nothing left behind.

Four processes, each the parent of the next: the *outer* one, which the user started and which waits; the
*middle* one, which makes the namespaces; *init*, the first of the new namespace of processes; and the
*program*, which runs in it all. Each is killed when its parent is, and with init the kernel kills whatever is
left in the namespace. Init does nothing but wait, so that it can take the exit status of every orphan; the
program could not, since it waits for children of its own.

None of them becomes a session or a process group of its own: Ctrl-C reaches the program and what it runs.
SIGTERM and SIGHUP are passed on from each to the next, so the program may get them several times; SIGINT that
was sent to the outer process alone asks the program to end, as SIGTERM does.
"""

import contextlib
import errno
import json
import os
import select
import signal
import sys
import time

from lasermesh.errors import UserError
from lasermesh.live.libc import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    adopt_orphans,
    die_with_parent,
    mount,
    unshare,
)
from lasermesh.live.sockets import FOLDER, running_meshes, sockets_folder

INSIDE = "LASERMESH_INSIDE"
"""Variable of the program's environment: namespace of the outer process, and the program's own id."""

_OWN_PIDS = "/proc/self/ns/pid"
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)
_SIGNALLED = 128  # what shells add to the number of a signal that ended a process
_SYS_ADMIN, _NET_ADMIN = 21, 12  # linux/capability.h
_GRACE_STEP_S = 0.01
_HEARD_S, _ECHO_S = 0.5, 0.05
"""How long after the outer process the middle one may have got a signal for both; and further ones."""


def this_program(arguments):
    """The command line of lasermesh with these arguments, by the same Python, for `enter`."""
    return [sys.executable, "-m", "lasermesh", *map(str, arguments)]


def needs_user_namespace():
    """Whether this process may make network namespaces only inside a user namespace of its own."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    wanted = 1 << _SYS_ADMIN | 1 << _NET_ADMIN
    return effective & wanted != wanted


def enter(argv, *, need_user_namespace=None, environment=None):
    """Run a program in new namespaces of users (where needed), mounts, processes and the network.

    Parameters
    ----------
    argv : sequence of str
        The program, which is found in PATH, and its arguments.
    need_user_namespace : bool, optional
        Whether one is made, in which the user is root; absent: if the process lacks the capabilities.
    environment : dict, optional
        Variables of the program's environment beside those of this process.

    Returns
    -------
    exit_code : int
        The program's own; 128 and the signal's number where a signal ended it, or what it depends on. Then
        none of them is left, nor its socket.

    Raises
    ------
    UserError
        If the machine does not allow it, with what would help.
    """
    if need_user_namespace is None:
        need_user_namespace = needs_user_namespace()
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | (CLONE_NEWUSER if need_user_namespace else 0)
    # The user's own folder of sockets: inside, where the user is root, it would be another.
    environment = {**os.environ, FOLDER: os.fspath(sockets_folder()), **(environment or {})}
    heard_fd, ring_fd = os.pipe()  # where the middle process tells that it got SIGINT
    told_fd, tell_fd = os.pipe()  # closed by a program that was started, else says what went wrong
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_FORWARDED)}
    outer = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # leave it to the program, which Ctrl-C reaches as well
    adopt_orphans()
    middle = os.fork()
    if middle == 0:
        os.close(told_fd)
        os.close(heard_fd)
        _never_return(_be_the_middle, outer, argv, flags, environment, tell_fd, ring_fd, before)
    os.close(tell_fd)
    os.close(ring_fd)
    try:
        _forward_to(middle)
        if before[signal.SIGINT] is not signal.SIG_IGN:
            _end_if_interrupted_alone(middle, heard_fd)
        with open(told_fd, encoding="utf-8") as told:
            trouble = told.read()
        exit_code = _exit_code_of(middle)
        if exit_code > _SIGNALLED:
            _clear_up()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        adopt_orphans(False)
        os.close(heard_fd)
    if trouble:
        raise UserError(_explain(*json.loads(trouble), need_user_namespace))
    return exit_code


def _clear_up():
    """Wait for what a process that was killed has left, which dies of that, and remove its socket."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    with contextlib.suppress(UserError, OSError):
        running_meshes()


def _never_return(act, *arguments):
    """Let a forked process act and end; it must never come back into the code of its parent."""
    code = 1
    with contextlib.suppress(BaseException):
        code = act(*arguments)
    os._exit(code)


def _forward_to(pid):
    """Pass on to a child what asks this process to end."""

    def forward(number, _frame):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in _FORWARDED:
        signal.signal(number, forward)


def _end_if_interrupted_alone(middle, heard_fd):
    """Ask a child to end when this process gets SIGINT and the child does not, as it does by Ctrl-C."""

    def ask(_number, _frame):
        if select.select([heard_fd], [], [], _HEARD_S)[0]:
            time.sleep(_ECHO_S)
            os.read(heard_fd, 1 << 10)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(middle, signal.SIGTERM)

    signal.signal(signal.SIGINT, ask)


def _tell_of_interrupts(ring_fd):
    """Write a byte whenever this process gets SIGINT."""

    def tell(_number, _frame):
        with contextlib.suppress(OSError):
            os.write(ring_fd, b"!")

    signal.signal(signal.SIGINT, tell)


def _exit_code_of(pid):
    """Wait for a child; its exit code, or 128 and the number of the signal that ended it."""
    return _as_shells_tell(os.waitpid(pid, 0)[1])


def _as_shells_tell(status):
    """The exit code by which shells tell of a process that has ended: above 128 where a signal ended it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _SIGNALLED - code


@contextlib.contextmanager
def _telling(step, tell_fd):
    """What fails in a step is told to the outer process, and this one ends."""
    try:
        yield
    except OSError as error:
        os.write(tell_fd, json.dumps([step, error.errno, error.strerror]).encode())
        os._exit(2)


def _be_the_middle(outer, argv, flags, environment, tell_fd, ring_fd, signals_before):
    """Make the namespaces, then wait for init, which is in them."""
    _tell_of_interrupts(ring_fd)
    user, group = os.getuid(), os.getgid()
    environment[INSIDE] = os.readlink(_OWN_PIDS)
    with _telling("unshare", tell_fd):
        unshare(flags)
    if flags & CLONE_NEWUSER:
        with _telling("map", tell_fd):
            become_root(user, group)
    die_with_parent(signal.SIGKILL)  # only now: a change of credentials forgets it
    if os.getppid() != outer:
        return 1
    alive_fd, held_fd = os.pipe()  # at its end when this process has died
    with _telling("fork", tell_fd):
        init = os.fork()
    if init == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.close(held_fd)
        os.close(ring_fd)
        _never_return(_be_init, alive_fd, argv, environment, tell_fd, signals_before)
    os.close(alive_fd)
    os.close(tell_fd)
    _forward_to(init)
    return _exit_code_of(init)


def become_root(user, group):
    """Have a user and a group of outside be root in the user namespace that this process has just made."""
    # A group may be given only by who gives up to leave groups (user_namespaces(7)).
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _be_init(alive_fd, argv, environment, tell_fd, signals_before):
    """Set up mounts, start the program, and wait for it and for every orphan."""
    die_with_parent(signal.SIGKILL)
    if select.select([alive_fd], [], [], 0)[0]:
        return 1  # the middle process was killed before this could be asked for
    os.close(alive_fd)
    with _telling("mount", tell_fd):
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
    # Refused where parts of /proc are hidden, as in containers: programs then see the machine's processes.
    with contextlib.suppress(OSError):
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    with _telling("fork", tell_fd):
        program = os.fork()
    if program == 0:
        _never_return(_be_the_program, argv, environment, tell_fd, signals_before)
    os.close(tell_fd)
    _forward_to(program)
    while True:
        pid, status = os.wait()
        if pid == program:
            return _as_shells_tell(status)


def _be_the_program(argv, environment, tell_fd, signals_before):
    """Become the program, with signals as the outer process had them."""
    for number, handler in signals_before.items():
        signal.signal(number, signal.SIG_IGN if handler is signal.SIG_IGN else signal.SIG_DFL)
    environment[INSIDE] += f" {os.getpid()}"
    with _telling(f"exec of {argv[0]}", tell_fd):
        os.execvpe(argv[0], argv, environment)


def _explain(step, number, text, had_user_namespace):
    """What went wrong in which step, and what helps."""
    if step.startswith("exec"):
        return f"{step} in the new namespaces: {text}"
    if step == "fork":
        return f"no process could be started: {text}"
    if step == "unshare" and number == errno.ENOSPC:
        return (
            "no more namespaces are allowed here; raise the limits, e.g. "
            "`sudo sysctl user.max_user_namespaces=15000 user.max_net_namespaces=15000`"
        )
    if had_user_namespace:
        return f"live mode needs root or a user namespace, and none can be made here ({text}); {remedy()}"
    return f"this process may not make namespaces ({text}); {_CONTAINER}"


def remedy():
    """What most likely lets user namespaces be made on this machine."""
    for name, refuses in _SWITCHES.items():
        with contextlib.suppress(OSError, ValueError), open(f"/proc/sys/{name}", encoding="ascii") as file:
            if refuses(int(file.read())):
                allowed = {"user/max_user_namespaces": 15000, "kernel/unprivileged_userns_clone": 1}.get(
                    name, 0
                )
                text = f"`sudo sysctl {name.replace('/', '.')}={allowed}` allows it"
                return text if os.geteuid() == 0 else f"{text}, or run it as root"
    if os.geteuid() == 0:
        return _CONTAINER
    return f"run it as root; {_CONTAINER}, or without root --security-opt seccomp=unconfined"


_CONTAINER = "a container needs --cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun"
_SWITCHES = {
    "user/max_user_namespaces": lambda n: n == 0,
    "kernel/unprivileged_userns_clone": lambda n: n == 0,  # Debian
    "kernel/apparmor_restrict_unprivileged_userns": lambda n: n == 1,  # Ubuntu since 23.10
}
"""Settings of the kernel that forbid user namespaces, and when."""


def is_inside():
    """Whether this very process is the program that `enter` started; its children are not."""
    outer_pids, _, pid = os.environ.get(INSIDE, "").partition(" ")
    return pid == str(os.getpid()) and os.readlink(_OWN_PIDS) != outer_pids


def resolve_names(hosts_file, resolv_file):
    """Lay two files over /etc/hosts and /etc/resolv.conf, for all that runs in these namespaces.

    Returns
    -------
    warnings : list of str
        What could not be done.
    """
    _only_inside()
    warnings = []
    for source, target in ((hosts_file, "/etc/hosts"), (resolv_file, "/etc/resolv.conf")):
        try:
            mount(source, target, flags=MS_BIND)
        except OSError as error:
            # Without a resolv.conf the resolver asks this very host, where nobody listens.
            if target == "/etc/hosts" or error.errno != errno.ENOENT:
                warnings.append(f"{target} cannot be replaced ({error.strerror}): names may not resolve")
    # A cache of names that serves the whole machine would be asked before /etc/hosts.
    if os.path.exists(_NAME_CACHE):
        with contextlib.suppress(OSError):
            mount(resolv_file, _NAME_CACHE, flags=MS_BIND)
    return warnings


_NAME_CACHE = "/var/run/nscd/socket"


def end_others(grace_s=0.5, started=()):
    """End every other process of this namespace of processes: SIGTERM, after `grace_s` at most SIGKILL.

    `started` are those that this process started with `subprocess`, so that their exit codes are kept.
    """
    _only_inside()
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGTERM)  # all but init and this process (kill(2))
        stop = time.monotonic() + grace_s
        while time.monotonic() < stop:
            time.sleep(_GRACE_STEP_S)
            for process in started:
                process.poll()
            os.kill(-1, 0)  # ProcessLookupError once there is none
        os.kill(-1, signal.SIGKILL)
    for process in started:
        process.wait()


def _only_inside():
    """Refuse to change what is not this run's own."""
    if not is_inside():
        raise RuntimeError("only the program that `enter` started may do this")


def regain_terminal():
    """Be reached by Ctrl-C again after a shell, which had the terminal to itself, has ended.

    The group of processes this one is in has no number inside the namespace, by which it could be named; so
    the process becomes a group of its own.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # none
    try:
        if os.tcgetpgrp(terminal) == os.getpgrp():
            return
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.setpgid(0, 0)
            os.tcsetpgrp(terminal, os.getpid())
        finally:
            signal.signal(signal.SIGTTOU, before)
    except OSError:
        pass  # not ours to take, as where the run is in the background
    finally:
        os.close(terminal)
