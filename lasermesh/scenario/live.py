"""What an experiment file says of a live run: which nodes are hosts, and what becomes of their packets."""

from dataclasses import dataclass

from lasermesh.scenario.fields import Flag, Integer, ListOf, Number, Text, bulky, key

LEAST_HOSTS, MOST_HOSTS = 2, 1000
LEAST_MTU_BYTES = 1280  # of IPv6 (RFC 8200, section 5)
MOST_MTU_BYTES = 9000
MOST_SPIN_US = 1000.0
MOST_TCP_BYTES = 2**31 - 1  # the kernel's tcp_rmem and tcp_wmem are C ints


@dataclass(frozen=True, kw_only=True)
class Live:
    """How an experiment is run live, as `[live]`; nothing of it holds for a simulated run."""

    hosts: tuple[str, ...] = key(
        ListOf(Text("the name of a node or group"), distinct=True),
        (),
        help="Nodes that applications run on, by name or group; commands run on the first unless told "
        "otherwise; absent: both ends of all [[flows]], without flows all ground sites.",
    )
    mtu_bytes: int = key(
        Integer(LEAST_MTU_BYTES, MOST_MTU_BYTES, unit="bytes"),
        1500,
        help="Largest IP packet of the hosts' interfaces.",
    )
    gso: bool = key(
        Flag(),
        True,
        help="Whether TCP segments of a host come many at a time, and cross the mesh as trains; false, as "
        "--no-gso: one by one, exact and slower.",
    )
    congestion_control: str | None = key(
        Text("the name of a congestion control, as cubic or bbr"),
        None,
        help="Congestion control of TCP on the hosts; absent: the machine's.",
    )
    tcp_buffer_bytes: int | None = key(
        Integer(4096, MOST_TCP_BYTES, unit="bytes"),
        None,
        help="Largest send and receive buffer of a TCP connection of the hosts; absent: twice the largest "
        "product of rate and round trip at the start, at least 4 MiB.",
    )
    unreachable: bool = key(
        Flag(),
        False,
        help="Whether senders are told (ICMP network unreachable) of packets that have no route or whose "
        "link went down; false: such packets are lost in silence, and TCP waits.",
    )
    buffer_bytes: int = key(
        Integer(2**20, 2**36, unit="bytes"),
        2**27,
        help="Memory for packets on their way; what finds none left is dropped, and the run is not OK.",
    )
    spin_us: float = key(
        Number(0.0, MOST_SPIN_US, unit="us"),
        50.0,
        help="How long before a packet is due its delivery is waited for without sleeping; more is more "
        "punctual and takes more of a processor.",
    )

    host_rows: tuple[int, ...] = bulky()  # of `hosts`, in their order; empty if they are absent
