"""Why a packet was dropped (packet model, list of causes); all are reported, 0 where one cannot occur."""

import numpy as np

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

# As numpy's integers, for which kernels that get them are compiled once and not for each value.
QUEUE = np.int64(0)
NO_ROUTE = np.int64(1)
LINK_DOWN = np.int64(2)
HOP_LIMIT = np.int64(3)
BIT_ERROR = np.int64(4)
NODE_DOWN = np.int64(5)
EARLY = np.int64(6)

N_CAUSES = len(CAUSES)
