"""What this machine allows, tried for real: one function per question, with its answer and the remedy."""

import contextlib
import os
import platform
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

from lasermesh.errors import UserError
from lasermesh.live import entering, libc
from lasermesh.live.namespaces import FILES_BESIDE, FILES_PER_HOST
from lasermesh.live.tun import DEVICE, NAME, interface_index, open_device, open_tun
from lasermesh.machine import processors

OK, PROBLEM, NOTE = "ok", "problem", "note"
"""Verdict of a check: fine; live mode lacks it; worth knowing."""

PROGRAMS = ("ping", "traceroute", "mtr", "iperf3", "curl", "tcpdump")
"""What people run in hosts."""

_MEASURED_S = 0.5
_GAP_S = 100e-6
_SLEEP_S = 1e-3
_SLOW_WAKE_S = 1e-3
_FEWEST_HOSTS, _COMFORTABLE_HOSTS = 2, 100


class Check(NamedTuple):
    """One question to the machine."""

    name: str
    found: str
    verdict: str
    remedy: str = ""


def check_system():
    """Whether this is Linux, and which."""
    release = platform.release()
    if sys.platform != "linux":
        remedy = "live mode needs Linux; a virtual machine or WSL 2 has it"
        return Check("system", f"{platform.system()} {release}", PROBLEM, remedy)
    return Check("system", f"Linux {release}, {platform.machine()}", OK)


def check_device(device=DEVICE):
    """Whether this user may open the device of TUN."""
    try:
        os.close(open_device(device))
    except UserError as error:
        trouble, _, remedy = str(error).removeprefix(f"{device}: ").partition("; ")
        return Check("tun device", f"{device} {trouble}", PROBLEM, remedy)
    return Check("tun device", f"{device}, mode {Path(device).stat().st_mode & 0o777:04o}", OK)


def tried(act):
    """Text that `act` returns in a child process, where it may do as it likes; or why it could not.

    Returns
    -------
    done : bool
    text : str
    """
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        done, text = 0, ""
        try:
            done, text = 1, act()
        except OSError as error:
            text = error.strerror or str(error)
        except Exception as error:
            text = str(error)
        finally:
            with contextlib.suppress(OSError):
                os.write(write_fd, f"{done}{text}".encode()[:4096])
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer[:1] == "1", answer[1:] or "it ended at once"


def enter_user_namespace():
    """Move this process into a user namespace in which its user is root."""
    user, group = os.getuid(), os.getgid()
    libc.unshare(libc.CLONE_NEWUSER)
    entering.become_root(user, group)


def check_user_namespace():
    """Whether a process may make a user namespace and be root in it."""

    def act():
        enter_user_namespace()
        libc.unshare(libc.CLONE_NEWNS | libc.CLONE_NEWPID | libc.CLONE_NEWNET)
        return "made one, with namespaces of mounts, processes and network in it"

    done, text = tried(act)
    return Check("user namespace", text, OK if done else PROBLEM, "" if done else entering.remedy())


def check_capabilities():
    """Whether this process may make namespaces without one of users."""
    if entering.needs_user_namespace():
        what = "root without CAP_SYS_ADMIN and CAP_NET_ADMIN" if os.geteuid() == 0 else "an ordinary user"
        return Check("rights", f"{what}: live mode needs a user namespace", NOTE)
    return Check("rights", "CAP_SYS_ADMIN and CAP_NET_ADMIN", OK)


def check_interface(with_user_namespace, device=DEVICE):
    """Whether a TUN interface can be made in a new network namespace, and takes TCP segments in one piece."""

    def act():
        if with_user_namespace:
            enter_user_namespace()
        libc.unshare(libc.CLONE_NEWNET)
        os.close(open_tun(vnet_header=False, device=device))
        try:
            open_tun("mesh1", vnet_header=True, device=device)
        except UserError:
            return f"made {NAME}; TCP segments in one piece are refused"
        interface_index("mesh1")
        return f"made {NAME} in a new network namespace, with TCP segments in one piece (TSO)"

    done, text = tried(act)
    if done and "refused" in text:
        return Check("tun interface", text, NOTE, "run `lasermesh live --no-gso`")
    remedy = (
        "" if done else "see the lines above; a container needs --cap-add NET_ADMIN --device /dev/net/tun"
    )
    return Check("tun interface", text, OK if done else PROBLEM, remedy)


_NO_NAMES = "names of nodes will not resolve: /etc/hosts cannot be replaced"


def check_mounts(with_user_namespace):
    """Whether /etc/hosts can be replaced for hosts alone."""

    def act():
        if with_user_namespace:
            enter_user_namespace()
        libc.unshare(libc.CLONE_NEWNS)
        libc.mount("none", "/", flags=libc.MS_REC | libc.MS_PRIVATE)
        try:
            libc.mount("/etc/hosts", "/etc/hosts", flags=libc.MS_BIND)
        except OSError as error:
            return f"{_NO_NAMES} ({error.strerror})"
        return "/etc/hosts can be replaced for hosts alone"

    done, text = tried(act)
    if done and text.startswith(_NO_NAMES):
        return Check("mounts", text, NOTE, "give this machine a file /etc/hosts")
    if done:
        return Check("mounts", text, OK)
    return Check("mounts", f"private mounts are refused: {text}", PROBLEM, entering.remedy())


def check_proc(with_user_namespace):
    """Whether hosts get a /proc of their own, with their processes alone and settings that can be written."""

    def act():
        if with_user_namespace:
            enter_user_namespace()
        libc.unshare(libc.CLONE_NEWNS | libc.CLONE_NEWPID | libc.CLONE_NEWNET)
        child = os.fork()
        if child == 0:
            code = 1
            with contextlib.suppress(OSError):
                libc.mount("none", "/", flags=libc.MS_REC | libc.MS_PRIVATE)
                libc.mount("proc", "/proc", "proc", libc.MS_NOSUID | libc.MS_NODEV | libc.MS_NOEXEC)
                code = 0
            with contextlib.suppress(OSError):
                Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0", encoding="ascii")
                code += 2
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return "own" * (code in (0, 2)) + " set" * (code >= 2)

    done, text = tried(act)
    if done and text == "own set":
        return Check("/proc", "hosts see their own processes alone; TCP's settings can be written", OK)
    if done and text.endswith("set"):
        return Check("/proc", "hosts see the machine's processes; TCP's settings can be written", NOTE)
    remedy = "in a container: --security-opt systempaths=unconfined"
    return Check("/proc", "TCP's buffers and congestion control of hosts stay as they are", NOTE, remedy)


def check_tcp():
    """Congestion controls that hosts may use."""

    def words(name):
        return Path(f"/proc/sys/net/ipv4/tcp_{name}").read_text(encoding="ascii").split()

    try:
        chosen = words("congestion_control")[0]
        allowed, available = words("allowed_congestion_control"), words("available_congestion_control")
    except OSError as error:
        return Check("congestion control", f"cannot be read: {error.strerror}", NOTE)
    restricted = [name for name in available if name not in allowed]
    found = f"{chosen}; allowed: {', '.join(allowed)}"
    if restricted:
        found += f"; restricted: {', '.join(restricted)}"
        names = " ".join([*allowed, *restricted])
        remedy = f"`sudo sysctl net.ipv4.tcp_allowed_congestion_control='{names}'` allows all"
        return Check("congestion control", found, NOTE, remedy)
    return Check("congestion control", found, OK)


def check_files():
    """How many hosts the limit of open files allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Check("open files", "no limit", OK)
    hosts = max(0, hard - FILES_BESIDE) // FILES_PER_HOST
    found = f"{hard:,}, enough for {hosts:,} hosts"
    if hosts < _FEWEST_HOSTS:
        remedy = "raise it (`ulimit -Hn`, or nofile in /etc/security/limits.conf)"
        return Check("open files", f"{hard:,}, too few for {_FEWEST_HOSTS} hosts", PROBLEM, remedy)
    if hosts < _COMFORTABLE_HOSTS:
        return Check("open files", found, NOTE, "raise nofile in /etc/security/limits.conf for more hosts")
    return Check("open files", found, OK)


def check_processors():
    """Whether the datapath has a processor beside the programs."""
    count = processors()
    if count < 2:
        remedy = "give it two or more: the datapath, the computation of steps and the programs share one"
        return Check("processors", "1", NOTE, remedy)
    return Check("processors", f"{count}", OK)


def check_clock():
    """Whether the clock is read without a call of the kernel."""
    path = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    try:
        source = path.read_text(encoding="ascii").strip()
    except OSError:
        return Check("clock", "source not told", NOTE)
    fast = {"tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page", "riscv_clocksource"}
    if source in fast:
        return Check("clock", source, OK)
    return Check(
        "clock", f"{source}, which is slow to read", NOTE, "boot with tsc=reliable, or take another host"
    )


def check_wake_up(measured_s=_MEASURED_S):
    """How late this machine wakes a process, and how often it takes the processor away."""
    late_s = []
    stop = time.monotonic() + measured_s / 2
    while (begun := time.perf_counter()) is not None and time.monotonic() < stop:
        time.sleep(_SLEEP_S)
        late_s.append(time.perf_counter() - begun - _SLEEP_S)
    lost_s, worst_s, last = 0.0, 0.0, time.perf_counter()
    stop = last + measured_s / 2
    while last < stop:
        now = time.perf_counter()
        if now - last > _GAP_S:
            lost_s, worst_s = lost_s + now - last, max(worst_s, now - last)
        last = now
    late_s.sort()
    median_s = late_s[len(late_s) // 2]
    share = lost_s / (measured_s / 2)
    found = (
        f"wakes {median_s * 1e6:.0f} us late (median), {late_s[-1] * 1e3:.1f} ms at worst; "
        f"loses {share:.1%} of a processor in gaps up to {worst_s * 1e3:.1f} ms"
    )
    if median_s > _SLOW_WAKE_S or share > 0.1:
        return Check(
            "timing", found, NOTE, "end what else runs; a virtual machine needs processors of its own"
        )
    return Check("timing", found, OK)


def check_programs():
    """Which of the programs that people run in hosts are here."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    here = ", ".join(name for name in PROGRAMS if name not in missing) or "none"
    if not missing:
        return Check("programs", here, OK)
    packages = " ".join(_PACKAGES.get(name, name) for name in missing)
    found = f"{here}; without {', '.join(missing)}"
    return Check("programs", found, NOTE, f"`sudo apt-get install {packages}` where wanted")


_PACKAGES = {"ping": "iputils-ping", "mtr": "mtr-tiny"}
