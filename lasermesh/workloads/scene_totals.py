"""What came of the scenes of a workload, in figures."""

from collections import Counter

from lasermesh.units import PS_PER_S
from lasermesh.workloads.records import DELIVERED, LOST, PARTS
from lasermesh.workloads.spreads import spread_s


class SceneTotals:
    """Counts and sums over scenes, as they come to their ends."""

    def __init__(self):
        self.scenes = self.captured_bytes = 0
        self._insight_ps = []
        self._spent_ps = [0] * len(PARTS)  # of those delivered
        self._lost = Counter()
        self._in_progress = 0
        self._raw_bytes = 0  # of those delivered
        self._down_bytes = 0  # of those delivered
        self._delivered_bytes = self._sent_bytes = self._resent_bytes = self._changes = 0

    def add_stage(self, stage):
        """Count a stage that was done or given up."""
        self._resent_bytes += stage.resent_bytes
        self._changes += stage.changes

    def add(self, scene):
        """Count a scene that came to an end, or is in progress at the end of the run."""
        self._delivered_bytes += scene.delivered_bytes
        self._sent_bytes += scene.sent_bytes
        if scene.state == LOST:
            self._lost[scene.cause] += 1
        elif scene.state != DELIVERED:
            self._in_progress += 1
        else:
            insight_ps = scene.finished_ps - scene.captured_ps
            if sum(scene.spent_ps) != insight_ps:
                raise RuntimeError(f"the time of scene {scene.item} of {scene.workload} does not add up")
            self._insight_ps.append(insight_ps)
            self._spent_ps = [a + b for a, b in zip(self._spent_ps, scene.spent_ps, strict=True)]
            self._raw_bytes += scene.size_bytes
            self._down_bytes += scene.delivered_bytes

    def check(self, n_in_progress):
        """Raise RuntimeError unless every scene is in exactly one state."""
        ended = len(self._insight_ps) + self._lost.total()
        if not (self._in_progress == n_in_progress and ended + n_in_progress == self.scenes):
            raise RuntimeError("scenes do not add up")

    def to_dict(self):
        """All of it, JSON-ready; what does not exist is None."""
        delivered = len(self._insight_ps)
        return {
            "scenes": self.scenes,
            "delivered": delivered,
            "lost": dict(sorted(self._lost.items())),
            "in_progress": self._in_progress,
            # Those that were not delivered would have had the longest times: quantiles are of the others.
            "unfinished_share": 1 - delivered / self.scenes if self.scenes else None,
            "insight_s": spread_s(self._insight_ps),
            "parts_s": {
                part: spent_ps / delivered / PS_PER_S
                for part, spent_ps in zip(PARTS, self._spent_ps, strict=True)
            }
            if delivered
            else None,
            "captured_bytes": self.captured_bytes,
            "delivered_bytes": self._delivered_bytes,
            "sent_bytes": self._sent_bytes,
            "resent_bytes": self._resent_bytes,
            "saved_share": 1 - self._down_bytes / self._raw_bytes if self._raw_bytes else None,
            "changed_choices": self._changes,
        }
