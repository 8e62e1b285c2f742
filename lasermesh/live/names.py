"""Names of nodes as hosts have them: lower-case, in one hosts file for all."""

import re
import socket
import unicodedata
from collections import Counter

from lasermesh.capture.addresses import ipv4_addresses, ipv6_addresses
from lasermesh.errors import UserError
from lasermesh.scenario.problems import closest, shown

_LONGEST = 63
"""Characters of a label of a domain name at most (RFC 1035 section 2.3.4); some programs take no more."""

_OF_THE_HOST_ITSELF = ("localhost", "ip6-localhost", "ip6-loopback")
_LOCALHOST = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


def host_names(topology):
    """Host name of each node of a topology, by row: "New York" is `new-york`, "São Paulo" `sao-paulo`.

    Letters lose their case and accents; what is neither letter, digit, `-` nor `.` becomes `-`. A name that
    would be an address or nothing at all gets `node-` in front. Of nodes that would be called the same, each
    gets its row behind, so that nobody meets another one unawares.
    """
    plain = [host_name(node_name) for node_name in topology.node_names]
    times = Counter([*plain, *_OF_THE_HOST_ITSELF])
    taken, names = {name for name, count in times.items() if count == 1}, []
    for row, name in enumerate(plain):
        if times[name] > 1:
            suffix, name = f"-{row}", name[: _LONGEST - len(f"-{row}")] + f"-{row}"
            while name in taken:  # that of another node, as it stands in the file
                name = name[: _LONGEST - len(suffix)] + suffix
            taken.add(name)
        names.append(name)
    return names


def host_name(node_name):
    """Host name of one node, whatever others are called."""
    letters = unicodedata.normalize("NFKD", node_name).lower()
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    name = re.sub(r"[^a-z0-9.-]", "-", letters)[:_LONGEST].strip("-.")
    # inet_aton(3) takes numbers, also hexadecimal ones and those with dots, for IPv4 addresses.
    return name if name and not re.fullmatch(r"[0-9.]+|0x[0-9a-f.x]*", name) else f"node-{name}".rstrip("-")


def find_host(name, node_names, known_names):
    """Place in two lists, of hosts' node names and host names, of what somebody calls `name`.

    Raises
    ------
    UserError
        If it is none of them, letter case aside, with the nearest name.
    """
    for names in (node_names, known_names):
        if name in names:
            return names.index(name)
    wanted = name.casefold()
    for names in (known_names, node_names):
        folded = [each.casefold() for each in names]
        if wanted in folded:
            return folded.index(wanted)
    near = closest(name, [*known_names, *node_names])
    if near is not None:
        hint = f"did you mean {shown(near)}?"
    elif len(known_names) <= 20:
        hint = "there are " + ", ".join(known_names)
    else:
        hint = f"there are {len(known_names):,}; `lasermesh exec --list` names them"
    raise UserError(f"no host is named {shown(name)}; {hint}")


def hosts_text(topology):
    """What stands in the hosts' /etc/hosts: localhost, then both addresses of every node with its name."""
    names = host_names(topology)
    v4 = ipv4_addresses(range(len(names))).tolist()
    v6 = ipv6_addresses(topology)
    texts = [socket.inet_ntoa(address.to_bytes(4, "big")) for address in v4]
    texts += [socket.inet_ntop(socket.AF_INET6, address.tobytes()) for address in v6]
    return _LOCALHOST + "".join(f"{text} {name}\n" for text, name in zip(texts, names * 2, strict=True))
