"""Why a packet was dropped (packet model, list of causes); all are reported, 0 where one cannot occur."""

CAUSES = (
    "queue",
    "no_route",
    "link_down",
    "hop_limit",
    "bit_error",
    "node_down",
    "early",
    "storage",
    "expired",
)

QUEUE = 0
NO_ROUTE = 1
LINK_DOWN = 2
HOP_LIMIT = 3
BIT_ERROR = 4
NODE_DOWN = 5
EARLY = 6

N_CAUSES = len(CAUSES)
