"""Kinds of flows and of service times, as the compiled core knows them."""

# Those before BULK need nothing but time, which the compiled core relies on.
CONSTANT = 0
POISSON = 1
SCRIPT = 2
ON_OFF = 3
BULK = 4
ACK = 5
REPLY = 6
OUTSIDE = 7  # what others put in, at nodes of their choice
KINDS = {
    "constant": CONSTANT,
    "poisson": POISSON,
    "script": SCRIPT,
    "on-off": ON_OFF,
    "bulk": BULK,
    "ack": ACK,
    "reply": REPLY,
    "outside": OUTSIDE,
}

SERVICE_CONSTANT = 0
SERVICE_EXPONENTIAL = 1
SERVICES = {"constant": SERVICE_CONSTANT, "exponential": SERVICE_EXPONENTIAL}
