"""TUN devices (linux/if_tun.h): what hosts send is read from a descriptor, what is written reaches them."""

import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

from lasermesh.errors import UserError
from lasermesh.live.netlink import Netlink, address_message, link_message, route_message

DEVICE = "/dev/net/tun"
NAME = "mesh0"
"""What the interface is called in each host."""

LOOPBACK_INDEX = 1
"""The loopback interface is the first of each namespace."""

_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_TUNSETVNETHDRSZ, _TUNSETVNETLE = 0x400454D8, 0x400454DC
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_F_CSUM, _F_TSO4, _F_TSO6 = 0x01, 0x02, 0x04
HEADER_BYTES = 10
"""struct virtio_net_hdr of linux/virtio_net.h, in front of each packet of a device that has one."""


def open_tun(name=NAME, *, vnet_header, device=DEVICE):
    """Make a TUN interface in the network namespace of the calling thread; its file descriptor, non-blocking.

    It goes when the descriptor is closed.

    Parameters
    ----------
    name : str
        Of the interface.
    vnet_header : bool
        Whether each packet carries a virtio_net_hdr (little-endian), so that hosts hand over TCP segments in
        one piece (TSO) and checksums undone.
    device : str
        Where the device of TUN lies.

    Raises
    ------
    UserError
        If the device cannot be opened, or makes no interface, with what would help.
    """
    fd = open_device(device)
    try:
        flags = _IFF_TUN | _IFF_NO_PI | (_IFF_VNET_HDR if vnet_header else 0)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("=16sH22x", name.encode(), flags))
        if vnet_header:
            fcntl.ioctl(fd, _TUNSETVNETHDRSZ, struct.pack("=i", HEADER_BYTES))
            fcntl.ioctl(fd, _TUNSETVNETLE, struct.pack("=i", 1))
            fcntl.ioctl(fd, _TUNSETOFFLOAD, _F_CSUM | _F_TSO4 | _F_TSO6)
    except OSError as error:
        os.close(fd)
        what = "no interface can be made" if error.errno == errno.EPERM else f"no interface: {error.strerror}"
        raise UserError(f"{device}: {what} in this network namespace; `lasermesh doctor` says why") from None
    return fd


def open_device(device=DEVICE):
    """A file descriptor of the TUN device, non-blocking; UserError with the remedy if it cannot be opened."""
    try:
        return os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"{device}: {_trouble(device, error)}") from None


def _trouble(device, error):
    """Why the device cannot be opened, and what helps."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return (
            "does not exist, and live mode needs it; `sudo modprobe tun` makes it, "
            "in a container the flag --device /dev/net/tun"
        )
    if error.errno in (errno.EACCES, errno.EPERM) and not os.access(device, os.R_OK | os.W_OK):
        mode = Path(device).stat().st_mode & 0o777
        return f"must be readable and writable for you (its mode is {mode:04o}); `sudo chmod 0666 {device}`"
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return "the kernel has no TUN driver; `sudo modprobe tun` loads it"
    if error.errno == errno.EPERM:
        return "this container may not use it; start it with --device /dev/net/tun"
    return f"cannot be opened: {error.strerror}"


def interface_index(name=NAME):
    """Index of an interface in the network namespace of the calling thread."""
    return socket.if_nametoindex(name)


def bring_up(link: Netlink, index, ipv4, ipv6, networks, *, mtu_bytes, queue_packets):
    """Give a host its addresses and routes, and bring its interface and its loopback up.

    Parameters
    ----------
    link : Netlink
        A socket in the host's namespace.
    index : int
        Of the interface.
    ipv4, ipv6 : bytes
        The host's addresses, 4 and 16 bytes.
    networks : sequence of (bytes, int)
        Networks that lie behind the interface, each with the bits of its prefix.
    mtu_bytes, queue_packets : int
        Largest IP packet; packets that may wait to be read.
    """
    messages = [
        link_message(LOOPBACK_INDEX, is_up=True),
        link_message(index, is_up=True, mtu_bytes=mtu_bytes, queue_packets=queue_packets),
        address_message(index, ipv4),
        address_message(index, ipv6),
    ]
    messages += [
        route_message(index, network, bits, ipv4 if len(network) == 4 else ipv6) for network, bits in networks
    ]
    link.ask(messages)
