"""How runs end, and runs that are made together."""

COMPLETE, INTERRUPTED, FAILED = "complete", "interrupted", "failed"
WAITING = "waiting"
"""Of a run that has not begun, while others that belong to it have."""

ENDED = (COMPLETE, INTERRUPTED, FAILED)


def status_of(statuses):
    """Status of several runs together: interrupted if any did not come to its end, failed if any failed."""
    statuses = set(statuses)
    if statuses & {WAITING, INTERRUPTED}:
        return INTERRUPTED
    return FAILED if FAILED in statuses else COMPLETE
