"""What answers traffic: bulk transfers by selective repeat, and pools of servers that reply to requests."""

import math
from collections import deque

from tests.reference.arithmetic import BIT_PS_PER_BYTE, SERVICE, ceil_div, draw, exponential_ps
from tests.reference.case import NEVER
from tests.reference.results import PoolTotals


class BulkSender:
    """The sending end of a bulk transfer: paced segments, each sent again until it is acknowledged."""

    def __init__(self, flow, end_ps):
        self.flow = flow
        self.size = flow.sizes[0][0]
        self.n_segments = ceil_div(flow.total_bytes, self.size)
        self.stop_ps = min(flow.stop_ps, end_ps)
        self.may_send_ps = flow.start_ps + flow.phase_ps  # pacing: nothing before
        self.acked = [False] * self.n_segments
        self.base = 0  # lowest segment that is not acknowledged
        self.next_new = 0
        self.resends = deque()  # segments that timed out
        self.sent = deque()  # (time_ps, segment) of transmissions that have not timed out, in order
        self.rtt_ps = self.rtt_var_ps = None
        self.done_ps = NEVER

    @property
    def timeout_ps(self):
        """RFC 6298 in whole numbers, without backoff and clock granularity."""
        if self.rtt_ps is None:
            return self.flow.timeout_first_ps
        return max(self.flow.timeout_min_ps, self.rtt_ps + 4 * self.rtt_var_ps)

    def segment_bytes(self, segment):
        return min(self.size, self.flow.total_bytes - segment * self.size)

    def acknowledge(self, segment, sent_ps, now_ps):
        """An acknowledgement has arrived of a segment that was sent then."""
        sample_ps = now_ps - sent_ps
        if self.rtt_ps is None:
            self.rtt_ps, self.rtt_var_ps = sample_ps, sample_ps // 2
        else:
            self.rtt_var_ps = (3 * self.rtt_var_ps + abs(self.rtt_ps - sample_ps)) // 4
            self.rtt_ps = (7 * self.rtt_ps + sample_ps) // 8
        if self.acked[segment]:
            return
        self.acked[segment] = True
        while self.base < self.n_segments and self.acked[self.base]:
            self.base += 1
        if self.base == self.n_segments:
            self.done_ps = now_ps

    def next_timeout_ps(self):
        """When the oldest transmission of a segment not acknowledged times out; perhaps in the past."""
        while self.sent and self.acked[self.sent[0][1]]:
            self.sent.popleft()
        return self.sent[0][0] + self.timeout_ps if self.sent else NEVER

    def next_segment(self):
        """The segment to send as soon as pacing allows, or None."""
        while self.resends and self.acked[self.resends[0]]:
            self.resends.popleft()
        if self.resends:
            return self.resends[0]
        if self.next_new < min(self.n_segments, self.base + self.flow.window):
            return self.next_new
        return None

    def next_ps(self, now_ps):
        """When there is something to do after this instant, whose work is done; NEVER after the stop."""
        if now_ps >= self.stop_ps:
            return NEVER
        send_ps = NEVER if self.next_segment() is None else self.may_send_ps
        return min(send_ps, self.next_timeout_ps())

    def act(self, now_ps):
        """Time-outs, then the segment that is sent at this instant, or None."""
        while self.next_timeout_ps() <= now_ps:
            self.resends.append(self.sent.popleft()[1])
        segment = self.next_segment()
        if segment is None or not self.may_send_ps <= now_ps < self.stop_ps:
            return None
        if self.resends:
            self.resends.popleft()
        else:
            self.next_new += 1
        self.sent.append((now_ps, segment))
        self.may_send_ps = now_ps + ceil_div(
            self.segment_bytes(segment) * BIT_PS_PER_BYTE, self.flow.rate_bps
        )
        return segment


class BulkReceiver:
    """The receiving end of a bulk transfer: which segments are there."""

    def __init__(self, flow):
        self.missing = set(range(ceil_div(flow.total_bytes, flow.sizes[0][0])))

    def receive(self, packet, totals, now_ps):
        """Count a segment, which may have been here before."""
        if packet.sequence not in self.missing:
            totals.duplicates += 1
            return
        self.missing.remove(packet.sequence)
        totals.unique_packets += 1
        totals.unique_bytes += packet.size
        if not self.missing:
            totals.complete_ps = now_ps


class ServicePool:
    """Servers at a node with one queue of requests."""

    def __init__(self, case, pool):
        self.case = case
        self.pool = pool
        self.free_ps = [0] * pool.servers
        self.starts_ps = []  # of all requests that were not refused
        self.totals = PoolTotals()

    def receive(self, request, now_ps):
        """(start_ps, end_ps) of the service of a request that arrives, or None if it is refused."""
        self.totals.arrived += 1
        n_waiting = sum(start_ps > now_ps for start_ps in self.starts_ps)
        earliest_ps = min(self.free_ps)
        if n_waiting >= self.pool.queue_requests and earliest_ps > now_ps:
            self.totals.refused += 1
            return None
        start_ps = max(now_ps, earliest_ps)
        service_ps = self.service_ps(request)
        end_ps = start_ps + service_ps
        self.free_ps[self.free_ps.index(earliest_ps)] = end_ps
        self.starts_ps.append(start_ps)
        self.totals.waited += start_ps > now_ps
        last_ps = self.case.end_ps
        self.totals.wait_sum_ps += min(start_ps, last_ps) - now_ps
        self.totals.busy_ps += min(start_ps + service_ps, last_ps) - min(start_ps, last_ps)
        self.totals.served += end_ps < self.case.end_ps
        return start_ps, end_ps

    def service_ps(self, request):
        """How long the service of a request lasts."""
        if self.pool.service_kind == "constant":
            return max(1, math.floor(self.pool.service_ps + 0.5))
        bits = draw(self.case.seed, SERVICE, request.flow, request.sequence)
        return exponential_ps(bits, self.pool.service_ps)


def reply_sizes(flow):
    """Sizes of the packets of one reply to a request of this flow."""
    full, rest = divmod(flow.reply_bytes, flow.reply_packet_bytes)
    return [flow.reply_packet_bytes] * full + ([rest] if rest else [])
