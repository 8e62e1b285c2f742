"""The few words of rtnetlink (rtnetlink(7), linux/rtnetlink.h, linux/if_link.h) that hosts need.

A socket speaks of the network namespace in which it was opened, wherever its thread goes later.
"""

import os
import socket
import struct

_ACK, _CREATE = 0x0005, 0x0400  # NLM_F_REQUEST | NLM_F_ACK, NLM_F_CREATE
_ERROR = 2  # NLMSG_ERROR, also the acknowledgement
_NEWLINK, _NEWADDR, _NEWROUTE, _NEWSTATS, _GETSTATS = 16, 20, 24, 92, 94
_IFF_UP = 1
_IFLA_MTU, _IFLA_TXQLEN = 4, 13
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 0x02
_RTA_DST, _RTA_OIF, _RTA_PREFSRC = 1, 4, 7
_TABLE_MAIN, _PROTO_STATIC, _SCOPE_LINK, _SCOPE_UNIVERSE, _UNICAST = 254, 4, 253, 0, 1
_STATS_LINK_64 = 1
_TX_DROPPED = 7  # place in struct rtnl_link_stats64, after rx/tx packets, bytes, errors and rx_dropped


def _attribute(kind, value):
    """One struct rtattr with its value, padded to four bytes; a number is an unsigned int."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _attributes(text):
    """Kind and value of each attribute."""
    while len(text) >= 4:
        size, kind = struct.unpack_from("=HH", text)
        yield kind, text[4:size]
        text = text[(size + 3) & ~3 :]


def link_message(index, *, is_up=None, mtu_bytes=None, queue_packets=None):
    """Change an interface: what is None stays."""
    flags, mask = (_IFF_UP if is_up else 0, _IFF_UP) if is_up is not None else (0, 0)
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, mask)
    values = ((_IFLA_MTU, mtu_bytes), (_IFLA_TXQLEN, queue_packets))
    return _NEWLINK, 0, body + b"".join(_attribute(kind, n) for kind, n in values if n is not None)


def address_message(index, address):
    """Give an interface an address of its own (4 or 16 bytes), without asking whether others have it."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    flags = _IFA_F_NODAD if family == socket.AF_INET6 else 0
    body = struct.pack("=BBBBi", family, 8 * len(address), flags, _SCOPE_UNIVERSE, index)
    return _NEWADDR, _CREATE, body + _attribute(_IFA_LOCAL, address) + _attribute(_IFA_ADDRESS, address)


def route_message(index, network, prefix_bits, source):
    """Send what goes to a network over an interface, from the address `source`."""
    family = socket.AF_INET if len(network) == 4 else socket.AF_INET6
    scope = _SCOPE_LINK if family == socket.AF_INET else _SCOPE_UNIVERSE
    table = struct.pack("=BBBB", _TABLE_MAIN, _PROTO_STATIC, scope, _UNICAST)
    body = struct.pack("=BBBB", family, prefix_bits, 0, 0) + table + bytes(4)
    values = ((_RTA_DST, network), (_RTA_OIF, index), (_RTA_PREFSRC, source))
    return _NEWROUTE, _CREATE, body + b"".join(_attribute(kind, value) for kind, value in values)


class Netlink:
    """A socket of rtnetlink in the network namespace of the thread that opens it."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, 0))

    def close(self):
        self._socket.close()

    def ask(self, messages):
        """Send messages in one go; OSError of the first that is refused."""
        text = b""
        for number, (kind, flags, body) in enumerate(messages):
            text += struct.pack("=IHHII", 16 + len(body), kind, _ACK | flags, number, 0) + body
        self._socket.send(text)
        refused, left = 0, len(messages)
        while left:
            for kind, _, body in self._answers():
                if kind == _ERROR:
                    (error,) = struct.unpack_from("=i", body)
                    refused, left = refused or -error, left - 1
        if refused:
            raise OSError(refused, os.strerror(refused))

    def dropped_packets(self, index):
        """Packets that an interface could not take from the host's stack, since it was made (tx_dropped)."""
        body = struct.pack("=BxHII", socket.AF_UNSPEC, 0, index, 1 << (_STATS_LINK_64 - 1))
        self._socket.send(struct.pack("=IHHII", 16 + len(body), _GETSTATS, 1, 0, 0) + body)
        for kind, _, answer in self._answers():
            if kind == _NEWSTATS:
                counters = dict(_attributes(answer[12:]))[_STATS_LINK_64]  # behind struct if_stats_msg
                return struct.unpack_from("=Q", counters, 8 * _TX_DROPPED)[0]
            if kind == _ERROR:
                error = -struct.unpack_from("=i", answer)[0]
                raise OSError(error, os.strerror(error))
        raise OSError(f"no counters of interface {index}")

    def _answers(self):
        """Kind, number and body of each message of the next datagram."""
        text = self._socket.recv(1 << 16)
        while len(text) >= 16:
            size, kind, _, number, _ = struct.unpack_from("=IHHII", text)
            yield kind, number, text[16:size]
            text = text[(size + 3) & ~3 :]
