"""Disciplines of waiting lists, as the compiled core knows them.

One that decides when a packet joins (as RED would) has its place in `transmit_kernels.admit`, one that
decides when a packet is taken in `waiting_kernels.take_listed`, where a scheduler (as deficit round robin)
chooses the list.
"""

DROP_TAIL = 0
ECN_THRESHOLD = 1  # marks what joins a long queue (RFC 8257 section 3.1, RFC 3168)
CODEL = 2  # drops or marks what has waited too long (RFC 8289)
DISCIPLINES = {"drop-tail": DROP_TAIL, "ecn-threshold": ECN_THRESHOLD, "codel": CODEL}

MOST_CLASSES = 8
