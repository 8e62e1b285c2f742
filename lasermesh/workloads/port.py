"""What transfers need of a run: an engine that sends, and the mesh as its nodes know it."""

from typing import NamedTuple, Protocol

from lasermesh.units import PS_PER_S


class Path(NamedTuple):
    """The links that a channel's packets cross by the tables in force."""

    links: tuple
    delay_ps: int  # light times and processing


class Port(Protocol):
    """The packet engine, as transfers use it. Channels are rows of its flows."""

    def set_script(self, channel, time_ps, size_bytes, packets, tail_ps):
        """Send these and none of the entries that have not been sent (int64 arrays)."""

    def set_stop(self, channel, sequence):
        """Have the run stop where packets from this one on are delivered or dropped; NEVER: nowhere."""

    def packets_sent(self) -> int:
        """Packets of all channels that have entered the mesh so far."""


class Mesh(Protocol):
    """The mesh as its nodes know it, as transfers ask for it."""

    def path(self, channel) -> Path | None:
        """The way of a channel by the tables in force."""

    def rate_bps(self, link) -> int:
        """Rate of a link, or the one that it had last."""

    def is_up(self, link) -> bool:
        """Whether a link is up, which is known at its sending end."""

    def is_attaching(self, node) -> bool:
        """Whether a node is a guest that has no link."""


class TransferOptions(NamedTuple):
    """How transfers are sent; times in ps."""

    packet_bytes: int = 1500
    report_bytes: int = 64
    handling_ps: int = PS_PER_S // 1000
    timeout_ps: int = PS_PER_S // 2
    rate_bps: int | None = None  # of whole IP packets; None: a fair share of links
    share: float = 1.0
    framing_bytes: int = 0
    train_packets: int = 1
