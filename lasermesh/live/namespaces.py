"""The hosts' own networks: for each an anonymous network namespace with one TUN interface."""

import contextlib
import errno
import os
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from lasermesh.errors import UserError
from lasermesh.live import sysctls
from lasermesh.live.commands import command_trouble
from lasermesh.live.libc import CLONE_NEWNET, setns, unshare
from lasermesh.live.netlink import Netlink
from lasermesh.live.tun import DEVICE, bring_up, interface_index, open_tun

OWN_NAMESPACE = "/proc/thread-self/ns/net"
"""The network namespace of the calling thread: unlike others it need not be the same for all of a process."""

_CLOSERS = 64
FILES_PER_HOST = 3
FILES_BESIDE = 200
"""Files that a run has open beside those of hosts: results, captures, libraries."""


class _Host(NamedTuple):
    """What one host's network hangs on."""

    netns_fd: int
    tun_fd: int
    link: Netlink
    index: int  # of the TUN interface
    refused: list  # settings that could not be made

    def close(self):
        self.link.close()
        os.close(self.tun_fd)
        os.close(self.netns_fd)


def all_nodes():
    """The networks that hold the addresses of all nodes: first address and bits of the prefix."""
    from lasermesh.capture.addresses import IPV6_NETWORK, NETWORK  # numpy and more

    return (NETWORK.to_bytes(4, "big"), 8), (IPV6_NETWORK.ljust(16, b"\0"), 8 * len(IPV6_NETWORK))


def _make_host(ipv4, ipv6, networks, vnet_header, device, tuning, shape):
    """A new namespace, in which the calling thread stays, with its interface up."""
    try:
        unshare(CLONE_NEWNET)
    except OSError as error:
        raise UserError(
            f"no network namespace can be made ({error.strerror}); `lasermesh doctor` says why"
        ) from None
    with contextlib.ExitStack() as undo:
        netns_fd = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        undo.callback(os.close, netns_fd)
        refused = sysctls.tune(tuning)
        tun_fd = open_tun(vnet_header=vnet_header, device=device)
        undo.callback(os.close, tun_fd)
        link = Netlink()
        undo.callback(link.close)
        index = interface_index()
        try:
            bring_up(link, index, ipv4, ipv6, networks, **shape)
        except OSError as error:
            raise UserError(
                f"the interface of a host cannot be set up ({error.strerror}); live mode needs IPv4 and IPv6 "
                "in the kernel (no ipv6.disable=1 at boot)"
            ) from None
        undo.pop_all()
    return _Host(netns_fd, tun_fd, link, index, refused)


class HostNamespaces:
    """Namespaces, interfaces and addresses of hosts, while the context lasts; nothing has a name outside.

    Parameters
    ----------
    names : sequence of str
        Host names, for messages.
    ipv4 : sequence of int
        Addresses as numbers (`capture.addresses.ipv4_addresses`).
    ipv6 : sequence of 16 bytes each
        Addresses (rows of `capture.addresses.ipv6_addresses`).
    networks : sequence of (bytes, int), optional
        What lies behind the interfaces; absent: `all_nodes()`.
    vnet_header : bool
        Whether TCP segments are handed over in one piece (see `tun.open_tun`).
    mtu_bytes : int
        Largest IP packet of the interfaces.
    queue_packets : int
        Packets that may wait to be read from an interface; more are dropped by the kernel (`drops`).
    tcp_buffer_bytes, congestion_control : int, str, optional
        Largest buffers and congestion control of the hosts' TCP; absent: as the machine has them.
    must_have_buffers : bool
        Whether it is an error if the buffers cannot be set, or they are among `refused`.
    device : str
        Where the device of TUN lies.

    Attributes
    ----------
    tun_fds, netns_fds : list of int
        File descriptors of each host's interface, non-blocking, and of its network namespace.
    refused : list of str
        Settings of the kernel that could not be made, of those that a run can do without.
    without_interface : set of str
        Names of hosts whose interface somebody has removed, as far as `drops` has seen.

    Raises
    ------
    UserError
        If the machine does not allow it, with what would help.
    """

    def __init__(
        self,
        names,
        ipv4,
        ipv6,
        *,
        networks=None,
        vnet_header=True,
        mtu_bytes=1500,
        queue_packets=20_000,
        tcp_buffer_bytes=None,
        congestion_control=None,
        must_have_buffers=True,
        device=DEVICE,
    ):
        self.names = list(names)
        self.without_interface = set()
        self._hosts = []
        self._drops = [0] * len(self.names)
        self._own_fd = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        tuning = sysctls.Tuning(tcp_buffer_bytes, congestion_control, must_have_buffers)
        shape = {"mtu_bytes": mtu_bytes, "queue_packets": queue_packets}
        addresses = [(int(v4).to_bytes(4, "big"), bytes(v6)) for v4, v6 in zip(ipv4, ipv6, strict=True)]
        networks = all_nodes() if networks is None else networks

        def make():
            for v4, v6 in addresses:
                self._hosts.append(_make_host(v4, v6, networks, vnet_header, device, tuning, shape))

        try:
            allow_files(len(self.names))
            # A thread of its own is left in the namespace it made last and ends there; this one never moves.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(make).result()
        except BaseException:
            self.close()
            raise
        self.tun_fds = [host.tun_fd for host in self._hosts]
        self.netns_fds = [host.netns_fd for host in self._hosts]
        self.refused = self._hosts[0].refused if self._hosts else []

    def __len__(self):
        return len(self.names)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close what is open: with their last process and file, interfaces and namespaces are gone."""
        if self._own_fd < 0:
            return
        os.close(self._own_fd)
        # The kernel waits some 20 ms for each interface that goes, but for many at once.
        with ThreadPoolExecutor(_CLOSERS) as pool:
            list(pool.map(_Host.close, self._hosts))
        self._own_fd, self._hosts, self.tun_fds, self.netns_fds = -1, [], [], []

    def drops(self):
        """Packets of each host that its interface had no room for since it was made (list of int).

        Of an interface that is removed, as root of a host may do, it is what was known before.
        """
        for place, host in enumerate(self._hosts):
            try:
                self._drops[place] = host.link.dropped_packets(host.index)
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
                self.without_interface.add(self.names[place])
        return list(self._drops)

    @contextlib.contextmanager
    def within(self, host):
        """Have the calling thread in a host's namespace, where its sockets and processes then belong."""
        setns(self.netns_fds[host], CLONE_NEWNET)
        try:
            yield
        finally:
            setns(self._own_fd, CLONE_NEWNET)

    def run_in(self, host, argv, **options):
        """Start a program in a host's namespace: `subprocess.Popen(argv, **options)`.

        Raises
        ------
        UserError
            If there is no such program, or it cannot be run.
        """
        with self.within(host):
            try:
                return subprocess.Popen(argv, **options)
            except OSError as error:
                raise UserError(command_trouble(argv, error.errno)) from None

    def settings(self):
        """What the kernel has in force in the hosts (the same in all), for the manifest."""
        with self.within(0):
            return sysctls.settings()


def allow_files(n_hosts):
    """Have as many files open as hosts need; UserError if the limit of the user is below.

    The hard limit stays, and the soft one is raised only where it does not suffice, since programs started
    later inherit it.
    """
    need = FILES_PER_HOST * n_hosts + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or need <= soft:
        return
    if hard != resource.RLIM_INFINITY and need > hard:
        raise UserError(
            f"{n_hosts:,} hosts need {need:,} open files and this user may have {hard:,}; "
            f"raise the limit (`ulimit -Hn`, or nofile in /etc/security/limits.conf) or take fewer hosts"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
