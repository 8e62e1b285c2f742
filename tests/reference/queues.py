"""The sending end of a link: waiting lists, their disciplines, and what is in service."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.reference.case import CODEL, ECN_THRESHOLD
from tests.reference.results import Packet


@dataclass(eq=False)
class Service:
    """A packet, or a train, that a transmitter is sending."""

    packet: Packet
    start_ps: int
    head_left_ps: int  # last bit of the (first) packet leaves
    left_ps: int  # last bit of all that leaves: the transmitter is free again
    n_leaving: int  # packets of the train that make it before the contact ends
    head_has_left: bool = False
    cut_off: Packet | None = None  # the packets that do not make it, once the head has left


class Taken(NamedTuple):
    """What a waiting list gave to a free transmitter."""

    packet: Packet
    dropped: list[Packet]
    n_marked: int  # 0 or 1


class WaitingList:
    """Packets that wait for a link, first in, first out, with limits and perhaps active queue management."""

    def __init__(self, case, link):
        self.discipline = case.discipline[link]
        self.limit_packets = case.queue_packets[link]
        self.limit_bytes = case.queue_bytes[link]
        self.mark_packets = case.mark_packets[link]
        self.mark_bytes = case.mark_bytes[link]
        self.target_ps, self.interval_ps, self.min_bytes = case.codel[link]
        self.clear()

    def clear(self):
        """Begin a contact: empty, and with nothing remembered."""
        self.waiting = deque()  # (Packet, instant at which it joined)
        self.packets = self.bytes = 0  # that wait; packets of a train are counted one by one
        self.first_above_ps = self.drop_next_ps = self.count = self.last_count = 0
        self.dropping = False

    def __len__(self):
        return len(self.waiting)

    def room_for(self, packet):
        """How many of the packets of an entry may join."""
        fitting = 0
        while (
            fitting < packet.count
            and self.packets + fitting + 1 <= self.limit_packets
            and self.bytes + (fitting + 1) * packet.size <= self.limit_bytes
        ):
            fitting += 1
        return fitting

    def join(self, packet, now_ps):
        """Let a packet wait. Returns whether it was marked (RFC 8257, section 3.1)."""
        is_marked = (
            self.discipline == ECN_THRESHOLD
            and packet.ect
            and (self.packets > self.mark_packets or self.bytes > self.mark_bytes)
        )
        packet.ce |= is_marked
        self.waiting.append((packet, now_ps))
        self.packets += packet.count
        self.bytes += packet.bytes
        return is_marked

    def take(self, now_ps):
        """The next packet for a free transmitter; the list must not be empty."""
        if self.discipline == CODEL:
            return self.take_by_codel(now_ps)
        return Taken(self.pop()[0], [], 0)

    def pop(self):
        packet, joined_ps = self.waiting.popleft()
        self.packets -= packet.count
        self.bytes -= packet.bytes
        return packet, joined_ps

    # -- CoDel: RFC 8289, section 5, with marks instead of drops where the packet is ECN-capable

    def take_by_codel(self, now_ps):
        dropped, n_marked = [], 0
        packet, may_drop = self.do_dequeue(now_ps)
        if self.dropping:
            if not may_drop:
                self.dropping = False
            while self.dropping and now_ps >= self.drop_next_ps:
                self.count += 1
                if packet.ect:
                    packet.ce, n_marked = True, 1
                    self.drop_next_ps = self.control_law(self.drop_next_ps)
                    break
                dropped.append(packet)
                packet, may_drop = self.do_dequeue(now_ps)
                if may_drop:
                    self.drop_next_ps = self.control_law(self.drop_next_ps)
                else:
                    self.dropping = False
        elif may_drop:
            if packet.ect:
                packet.ce, n_marked = True, 1
            else:
                dropped.append(packet)
                packet, _ = self.do_dequeue(now_ps)
            self.dropping = True
            dropped_lately = self.count - self.last_count
            is_recent = now_ps - self.drop_next_ps < 16 * self.interval_ps
            self.count = dropped_lately if dropped_lately > 1 and is_recent else 1
            self.drop_next_ps = self.control_law(now_ps)
            self.last_count = self.count
        return Taken(packet, dropped, n_marked)

    def do_dequeue(self, now_ps):
        """The next packet, and whether it may be dropped: waits were above the target for an interval."""
        packet, joined_ps = self.pop()  # the last packet may not be dropped, so the list is never empty here
        if now_ps - joined_ps < self.target_ps or self.bytes <= self.min_bytes:
            self.first_above_ps = 0
            return packet, False
        if self.first_above_ps == 0:
            self.first_above_ps = now_ps + self.interval_ps
            return packet, False
        return packet, now_ps >= self.first_above_ps

    def control_law(self, time_ps):
        return time_ps + math.floor(float(self.interval_ps) / math.sqrt(float(self.count)))


@dataclass(eq=False)
class Link:
    """The sending end of one directed link."""

    lists: list[WaitingList]  # by class, the most urgent last
    is_up: bool = False
    down_since_ps: int = 0
    rate_bps: int = 0
    in_service: Service | None = None  # it is not waiting (rule 3)
    last_arrival_ps: int = 0  # of the packet ahead, kept across contacts
    n_left: int = field(default=0)  # entries that have left, over the whole run

    @property
    def is_idle(self):
        return self.in_service is None and not self.has_waiting

    @property
    def has_waiting(self):
        return any(self.lists)

    @property
    def waiting_bytes(self):
        return sum(waiting.bytes for waiting in self.lists)

    def list_of(self, packet):
        """Where a packet waits by its class."""
        return self.lists[min(packet.traffic_class, len(self.lists) - 1)]

    def take(self, now_ps):
        """Strict priority: the next of the most urgent class that has packets waiting."""
        return next(waiting for waiting in reversed(self.lists) if waiting).take(now_ps)

    def give_up_waiting(self):
        """All that wait, from the most urgent class down, each in order; every list is as new then."""
        packets = [packet for waiting in reversed(self.lists) for packet, _ in waiting.waiting]
        for waiting in self.lists:
            waiting.clear()
        return packets
