"""What is written down of work; a row each. Times in ps since the run's start, None where there is none."""

from typing import NamedTuple

DELIVERED, LOST, IN_PROGRESS = "delivered", "lost", "in_progress"
NO_ROOM, REFUSED, TOO_LARGE, EXPIRED, INCOMPLETE = "storage", "refused", "too_large", "expired", "incomplete"
"""Why a scene or request is lost: no room on its node; refused by a computer's queue; larger than the storage
there; not delivered within `expires_s`; its last token was dropped."""

PARTS = ("wait", "attach", "transfer", "queue", "compute", "downlink")
"""Of the time to insight: for a route, a contact or its turn; for a terminal that acquires; between
satellites and up; before a computer; in it; over the last transfer, to the ground."""


class Scene(NamedTuple):
    """A scene from its capture to the result on the ground."""

    workload: str
    item: int
    node: int  # where it was taken
    captured_ps: int
    size_bytes: int
    state: str
    cause: str | None
    finished_ps: int | None
    spent_ps: tuple  # by PARTS; of one delivered, the sum is finished_ps - captured_ps
    delivered_bytes: int  # that came down to the ground for it
    sent_bytes: int  # over all transfers, those sent again included


class StageDone(NamedTuple):
    """One stage of a scene, done or given up."""

    workload: str
    item: int
    stage: int
    kind: str  # transfer, compute
    from_node: int
    to_node: int
    reason: str  # of the choice: what was compared
    changes: int  # of the choice, while it waited
    began_ps: int
    ended_ps: int | None
    size_bytes: int
    sent_bytes: int
    resent_bytes: int = 0  # of these: packets sent again, and all that went to nodes given up for another


class ComputeState(NamedTuple):
    """A computer after a change."""

    time_ps: int
    compute: str
    node: int
    busy: int
    waiting: int
    refused: int  # so far
    speed: float  # 1: full, less while throttled


class PowerState(NamedTuple):
    """A satellite's power after a change."""

    time_ps: int
    power: str
    node: int
    battery_j: float
    sunlit: float  # share of the Sun's disc that is seen
    array_w: float  # what the array could give
    load_w: float
    speed: float


class StorageState(NamedTuple):
    """A sensor's storage after a change."""

    time_ps: int
    sensor: str
    node: int
    stored_bytes: int


class Request(NamedTuple):
    """A request to a model from asking to the last token."""

    workload: str
    item: int
    user: int
    node: int
    reason: str
    asked_ps: int
    context_tokens: int
    output_tokens: int
    state: str
    cause: str | None
    first_token_ps: int | None  # from asked_ps, as the others
    last_token_ps: int | None
    network_ps: int | None  # of the first token: light times, queues and sending on both ways
    queue_ps: int | None
    prefill_ps: int | None
    lost_tokens: int


class TrainingStep(NamedTuple):
    """A step of training, or the push of a checkpoint."""

    workload: str
    kind: str  # step, exchange (a step that ends with one), checkpoint
    step: int
    began_ps: int
    computed_ps: int | None  # when the last node had computed
    ended_ps: int | None
    sent_bytes: int
    resent_bytes: int
