"""A scene on its way through the stages, and where its time went."""

from dataclasses import dataclass, field

from lasermesh.workloads.agenda import Ticket
from lasermesh.workloads.computers import Job
from lasermesh.workloads.network import Transfer
from lasermesh.workloads.records import NO_ROOM, PARTS
from lasermesh.workloads.storages import Held

WAIT, ATTACH, TRANSFER, QUEUE, COMPUTE, DOWNLINK = range(len(PARTS))


@dataclass(eq=False)
class Item:
    """A scene, or what was made of it."""

    work: object  # SceneWork
    number: int
    node: int  # where it was taken
    captured_ps: int
    size_bytes: int
    n_bytes: int  # of what there is of it now
    place: int  # where that is
    step: int = 0  # row of the stage
    held: Held | None = None  # in its node's storage
    has_left: bool = False  # its node, for the end of a first transfer
    expiry: Ticket | None = None
    spent_ps: list = field(default_factory=lambda: [0] * len(PARTS))
    mark_ps: int = 0  # the instant up to which `spent_ps` says
    delivered_bytes: int = 0
    sent_bytes: int = 0
    # Of the stage that it is in.
    began_ps: int = 0
    from_node: int = 0
    to_node: int = 0
    reason: str = ""
    changes: int = 0
    stage_bytes: int = 0  # what it had when the stage began
    stage_sent_bytes: int = 0
    stage_resent_bytes: int = 0
    outbox: object = None
    transfer: Transfer | None = None
    chosen_ps: int = 0
    attaching_ps: int = 0  # of its place, at `mark_ps`
    announced_ps: int | None = None
    job: Job | None = None

    def spend(self, part, until_ps):
        """Count all the time up to an instant to one part."""
        self.spent_ps[part] += until_ps - self.mark_ps
        self.mark_ps = until_ps

    @property
    def may_be_dropped(self):
        """Whether it only lies in its storage: neither sent nor worked on."""
        return not self.has_left and self.work.is_waiting(self)

    def drop(self):
        """Lose it to make room in its storage."""
        self.work.lose(self, NO_ROOM)
