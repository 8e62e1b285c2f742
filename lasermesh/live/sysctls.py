"""What the kernel lets each network namespace set: TCP's buffers and congestion control, quiet interfaces."""

import errno
from typing import NamedTuple

from lasermesh.errors import UserError

_TCP = "net/ipv4/tcp_"

QUIET = {
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    # An interface that nobody asks for anything sends nothing: no duplicate addresses sought, no routers, no
    # address of the link made up.
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/autoconf": "0",
    "net/ipv6/conf/default/addr_gen_mode": "1",
}
"""What is written before there is an interface, which takes it from these defaults."""

OPEN = {
    "net/ipv4/ip_unprivileged_port_start": "0",
    # traceroute asks a host for several answers at once, and the kernel would give one a second.
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv6/icmp/ratelimit": "0",
    # Else a connection would start with what an earlier one learned of a path that has moved on since.
    "net/ipv4/tcp_no_metrics_save": "1",
}
_PING_GROUPS = "net/ipv4/ping_group_range"


class Tuning(NamedTuple):
    """What is asked of the TCP of hosts; None leaves what the machine has."""

    tcp_buffer_bytes: int | None = None  # largest receive and send buffer of a connection
    congestion_control: str | None = None
    must_have_buffers: bool = True  # whether a run can do without these buffers


def tune(tuning, root="/proc/sys"):
    """Set up the network namespace of the calling thread, before it has an interface.

    Returns
    -------
    refused : list of str
        Settings that could not be made and that a run can do without, such as all of them where a container
        mounts /proc/sys read-only.

    Raises
    ------
    UserError
        If the congestion control, or buffers that must be, cannot be had.
    """
    refused = [name for name, value in (QUIET | OPEN).items() if _write(root, name, value)]
    # In a user namespace only the groups that it maps can be named, there 0 alone.
    if _write(root, _PING_GROUPS, "0 2147483647") and _write(root, _PING_GROUPS, "0 0"):
        refused.append(_PING_GROUPS)
    if tuning.tcp_buffer_bytes is not None:
        for name in ("rmem", "wmem"):
            least, default, most = map(int, _read(root, _TCP + name).split())
            most = max(int(tuning.tcp_buffer_bytes), default)
            error = _write(root, _TCP + name, f"{least} {default} {most}")
            if error and not tuning.must_have_buffers:
                refused.append(_TCP + name)
            elif error:
                raise UserError(
                    f"TCP's buffers of {tuning.tcp_buffer_bytes:,} bytes cannot be set "
                    f"({_TCP.replace('/', '.')}{name}: {error.strerror}); {_remedy(error)}"
                )
    if tuning.congestion_control is not None:
        _set_congestion_control(tuning.congestion_control, root)
    return [name.replace("/", ".") for name in refused]


def _set_congestion_control(name, root):
    """Choose TCP's congestion control; the error lists what there is."""
    error = _write(root, _TCP + "congestion_control", name)
    if error is None:
        return
    available = available_congestion_controls(root)
    if name not in available:
        raise UserError(
            f'this kernel has no congestion control "{name}" loaded; there are {", ".join(available)} '
            f"(`sudo modprobe tcp_{name}` may load it)"
        )
    if error.errno == errno.EPERM:
        allowed = _read(root, _TCP + "allowed_congestion_control").split()
        raise UserError(
            f'this machine restricts the congestion control "{name}"; allowed are {", ".join(allowed)}; '
            f"`sudo sysctl net.ipv4.tcp_allowed_congestion_control='{' '.join([*allowed, name])}'` "
            "allows it"
        )
    raise UserError(f'congestion control "{name}": {error.strerror}; {_remedy(error)}')


def available_congestion_controls(root="/proc/sys"):
    """Names of those that the kernel has loaded (list of str)."""
    return _read(root, _TCP + "available_congestion_control").split()


def _remedy(error):
    """What helps where a setting cannot be written."""
    if error.errno == errno.EROFS:
        return (
            "this container mounts /proc/sys read-only; start it with "
            "--security-opt systempaths=unconfined, or leave tcp_buffer_bytes and congestion_control out"
        )
    return "`lasermesh doctor` says what this machine allows"


def settings(root="/proc/sys"):
    """What is in force in the network namespace of the calling thread: one dict, for the manifest."""
    rmem, wmem = (_read(root, _TCP + name).split() for name in ("rmem", "wmem"))
    return {
        "tcp_congestion_control": _read(root, _TCP + "congestion_control"),
        "tcp_rmem_default_bytes": int(rmem[1]),
        "tcp_rmem_max_bytes": int(rmem[2]),
        "tcp_wmem_default_bytes": int(wmem[1]),
        "tcp_wmem_max_bytes": int(wmem[2]),
        "tcp_ecn": int(_read(root, _TCP + "ecn")),
        "tcp_sack": int(_read(root, _TCP + "sack")),
        "tcp_timestamps": int(_read(root, _TCP + "timestamps")),
        "tcp_slow_start_after_idle": int(_read(root, _TCP + "slow_start_after_idle")),
        "tcp_no_metrics_save": int(_read(root, _TCP + "no_metrics_save")),
        "ip_unprivileged_port_start": int(_read(root, "net/ipv4/ip_unprivileged_port_start")),
        "ping_group_range": _read(root, _PING_GROUPS).replace("\t", " "),
    }


def _read(root, name):
    """The text of a setting."""
    with open(f"{root}/{name}", encoding="ascii") as file:
        return file.read().strip()


def _write(root, name, value):
    """Write a setting; the error if it is refused, else None."""
    try:
        with open(f"{root}/{name}", "w", encoding="ascii") as file:
            file.write(value)
    except OSError as error:
        return error
    return None
