"""How long TCP takes to send some bytes from an idle start: windows that double, nothing lost."""

SEGMENT_BYTES = 1448
"""Payload of a segment: 1500 bytes less the headers of IPv4 and TCP with timestamps (RFC 7323)."""
PACKET_BYTES = 1500
INITIAL_WINDOW = 10
"""Segments that may be sent before the first acknowledgement (RFC 6928)."""


def download_s(n_bytes, round_trip_s, rate_bps):
    """From the client's first SYN to the last byte of an HTTP response over a new connection.

    One round trip makes the connection, the request takes half of one. Then slow start (RFC 5681): what is
    acknowledged lets twice as much be sent. Segments leave one after the other at the rate of the one slow
    link, which has room for all that waits; acknowledgements and the request take no time but light's.
    """
    n = -(-n_bytes // SEGMENT_BYTES)
    segment_s = 8 * PACKET_BYTES / rate_bps
    left_s = [0.0] * n  # when each segment's last bit has left the slow link
    free_s = 0.0
    for k in range(n):
        # With k segments sent before it, this one needs a window of k + 1 - acknowledged, where
        # the window is the initial one and one more for each acknowledged.
        acknowledged = max(0, -(-(k + 1 - INITIAL_WINDOW) // 2))
        may_s = left_s[acknowledged - 1] + round_trip_s if acknowledged else 0.0
        free_s = max(free_s, may_s) + segment_s
        left_s[k] = free_s
    return round_trip_s + round_trip_s / 2 + free_s + round_trip_s / 2
