"""What the kernel itself makes of super-packets: run as a program, in a network namespace of its own.

Frames with a virtio_net_hdr come on standard input, are written to one TUN device, and are routed out of
another that takes no super-packets, so that the kernel cuts them. What leaves goes to standard output.
Every frame and packet has its size before it, 4 bytes in network order.
"""

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import sys

IN_V4, IN_V6 = "10.77.1.1", "fd77:1::1"
OUT_V4, OUT_V6 = "10.77.2.1", "fd77:2::1"

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR, _IFF_UP = 0x0001, 0x1000, 0x4000, 0x1
_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_OFFLOAD_CSUM_TSO4_TSO6 = 0x7
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCGIFINDEX = 0x8914, 0x8916, 0x891C, 0x8933
NOT_POSSIBLE = 77
"""Exit code where the system allows no namespace or no TUN device, with the reason on standard error."""


def _enter_namespace():
    flags = _NEWNET if os.geteuid() == 0 else _NEWNET | _NEWUSER
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


def _tun(name, flags):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name, _IFF_TUN | _IFF_NO_PI | flags))
    return device


def _set_up(name, v4, v6):
    def address_of(text):
        return struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(text))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four:
        fcntl.ioctl(four, _SIOCSIFADDR, address_of(v4))
        fcntl.ioctl(four, _SIOCSIFNETMASK, address_of("255.255.255.0"))
        fcntl.ioctl(four, _SIOCSIFFLAGS, struct.pack("16sH22x", name, _IFF_UP))
        index = struct.unpack("16si20x", fcntl.ioctl(four, _SIOCGIFINDEX, struct.pack("16s24x", name)))[1]
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        address = socket.inet_pton(socket.AF_INET6, v6)
        fcntl.ioctl(six, _SIOCSIFADDR, struct.pack("16sIi", address, 64, index))


def _frames(stream):
    while size := stream.read(4):
        yield stream.read(int.from_bytes(size, "big"))


def _drain(device, wait_ms):
    poller = select.poll()
    poller.register(device, select.POLLIN)
    while poller.poll(wait_ms):
        packet = os.read(device, 65_536)
        sys.stdout.buffer.write(len(packet).to_bytes(4, "big") + packet)


def main():
    try:
        _enter_namespace()
        into = _tun(b"in", _IFF_VNET_HDR)
        out = _tun(b"out", 0)
    except OSError as error:
        print(f"no network namespace with TUN devices here: {errno.errorcode[error.errno]}", file=sys.stderr)
        return NOT_POSSIBLE
    fcntl.ioctl(into, _TUNSETOFFLOAD, _OFFLOAD_CSUM_TSO4_TSO6)
    for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        with open(f"/proc/sys/net/{switch}", "w") as file:
            file.write("1")
    _set_up(b"in", IN_V4, IN_V6)
    _set_up(b"out", OUT_V4, OUT_V6)
    for frame in _frames(sys.stdin.buffer):
        os.write(into, frame)
        _drain(out, 0)
    _drain(out, 200)
    return 0


if __name__ == "__main__":
    sys.exit(main())
