"""Storage for scenes on the nodes that take them, with a limit and a rule for when it is full."""

from dataclasses import dataclass
from typing import Protocol

from lasermesh.scenario.workloads import DROP_OLDEST
from lasermesh.workloads.records import StorageState


class Owner(Protocol):
    """Whose bytes are stored."""

    may_be_dropped: bool
    """False while they are being sent or worked on, and until the other end has said that it has them."""

    def drop(self):
        """Lose them, to make room: the storage hears of it by `lose`."""


@dataclass(eq=False)
class Held:
    """Bytes in a storage."""

    n_bytes: int
    owner: Owner


class Storage:
    """Storage of one sensor on one node.

    At all times captured + made = released + lost + stored, in bytes: `made` are results that replaced their
    scene, which was released for them.
    """

    def __init__(self, sensor, node, agenda, log):
        self.stored_bytes = self.captured_bytes = self.made_bytes = 0
        self.released_bytes = self.lost_bytes = self.most_bytes = 0
        self._sensor, self._node = sensor, node
        self._agenda, self._log = agenda, log
        self._held = {}  # by identity, oldest first

    def put(self, n_bytes, owner):
        """Store a scene that was taken; None if it is lost, for want of room."""
        self.captured_bytes += n_bytes
        return self._put(n_bytes, owner)

    def replace(self, held, n_bytes, owner):
        """Put a result in the place of its scene; None if it is lost, where it is larger and has no room."""
        self.release(held)
        self.made_bytes += n_bytes
        return self._put(n_bytes, owner)

    def release(self, held):
        """Forget what is needed here no longer."""
        self.released_bytes += held.n_bytes
        self._remove(held)

    def lose(self, held):
        """Forget what was lost."""
        self.lost_bytes += held.n_bytes
        self._remove(held)

    def close(self):
        """Check that every byte is somewhere."""
        stored_bytes = sum(held.n_bytes for held in self._held)
        came, went = self.captured_bytes + self.made_bytes, self.released_bytes + self.lost_bytes
        if not self.stored_bytes == stored_bytes == came - went:
            raise RuntimeError(
                f"bytes stored for sensor {self._sensor.name} on node {self._node} do not add up"
            )

    def totals(self):
        """Bytes by what became of them, JSON-ready."""
        return {
            "captured_bytes": self.captured_bytes,
            "made_bytes": self.made_bytes,
            "released_bytes": self.released_bytes,
            "lost_bytes": self.lost_bytes,
            "stored_bytes": self.stored_bytes,
            "most_stored_bytes": self.most_bytes,
        }

    def _put(self, n_bytes, owner):
        limit = self._sensor.storage_bytes
        if limit is not None:
            excess_bytes = self.stored_bytes + n_bytes - limit
            if excess_bytes > 0 and self._sensor.when_full == DROP_OLDEST:
                self._make_room(excess_bytes)
            if self.stored_bytes + n_bytes > limit:
                self.lost_bytes += n_bytes
                return None
        held = Held(n_bytes, owner)
        self._held[held] = None
        self._change(n_bytes)
        return held

    def _make_room(self, needed_bytes):
        """Lose the oldest that may go, as many as are needed; none if all together are not enough."""
        going = []
        for held in self._held:
            if needed_bytes > 0 and held.owner.may_be_dropped:
                going.append(held)
                needed_bytes -= held.n_bytes
        if needed_bytes <= 0:
            for held in going:
                held.owner.drop()

    def _remove(self, held):
        del self._held[held]
        self._change(-held.n_bytes)

    def _change(self, n_bytes):
        self.stored_bytes += n_bytes
        self.most_bytes = max(self.most_bytes, self.stored_bytes)
        self._log.storage.append(
            StorageState(self._agenda.now_ps, self._sensor.name, self._node, self.stored_bytes)
        )
