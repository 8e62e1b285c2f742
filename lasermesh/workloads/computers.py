"""Computers: so many jobs at once, a queue with a limit, and a speed that power may take from them."""

import math
from collections import deque
from dataclasses import dataclass, field

from lasermesh.random_kernels import JOB_TIME, draw_unit, normal_quantile
from lasermesh.scenario.workloads import CONSTANT, EXPONENTIAL
from lasermesh.units import NEVER, NORMAL_95, PS_PER_S, bps_from_gbps, ps_from_s
from lasermesh.workloads.draws import row_of_names
from lasermesh.workloads.records import REFUSED, TOO_LARGE, ComputeState

FULL_SPEED = 1_000_000
"""Speeds are whole millionths, and what is left of a job is counted in ps times millionths: a job whose speed
changes ever so often loses nothing by rounding but its end, which is the next whole ps."""


@dataclass(eq=False)
class Job:
    """What a computer was asked to do."""

    n_bytes: int  # of its input
    service_ps: int  # what it takes at full speed
    mean_ps: int  # what one like it takes on average, which is all that others know beforehand
    submitted_ps: int
    on_done: object
    on_begin: object = None
    begun_ps: int | None = None
    done_ps: int | None = None
    left: int = field(default=0, repr=False)  # ps times millionths, at `since_ps`
    since_ps: int = field(default=0, repr=False)
    ticket: list | None = field(default=None, repr=False)


class Computer:
    """What one `[compute]` table gives one node.

    There are accelerators * jobs_in_parallel places; jobs begin in the order in which they came. As many
    accelerators count as busy as there are jobs, all of them at most: jobs are spread, not packed.

    Attributes
    ----------
    on_change : list
        Calls without arguments, made after each change of what runs, waits or how fast.
    """

    def __init__(self, compute, node, name, agenda, log, seed):
        self.compute, self.node = compute, node
        self.on_change = []
        self._agenda, self._log, self._seed = agenda, log, seed
        self._draw_row = row_of_names(compute.name, name)  # of the node
        self._service = _Service(compute)
        self._places = compute.accelerators * compute.jobs_in_parallel
        self._speed = FULL_SPEED
        self._running, self._waiting = {}, deque()  # the first by identity, in order
        self._stored_bytes = 0
        self._announced = self._announced_ps = 0
        self._since_ps = 0
        self._busy_ps = self._waiting_ps = 0  # integrals over time
        self._submitted = self._refused = self._too_large = self._done = self._withdrawn = 0
        self._begun, self._queue_ps = 0, 0

    @property
    def busy(self):
        """Jobs that run."""
        return len(self._running)

    @property
    def busy_accelerators(self):
        """Accelerators that have a job."""
        return min(len(self._running), self.compute.accelerators)

    @property
    def waiting(self):
        """Jobs that wait."""
        return len(self._waiting)

    @property
    def speed(self):
        """Speed of the accelerators, of 1."""
        return self._speed / FULL_SPEED

    @property
    def load_ps(self):
        """How long all places together have work for at the present speed; NEVER if it is 0.

        All jobs count with the mean of those like them, for nobody knows yet how long they will really take;
        those that run with what is left of the mean, nothing if they have taken longer already.
        """
        if not self._speed:
            return NEVER
        left = sum(
            max(self._left_of(job) - FULL_SPEED * (job.service_ps - job.mean_ps), 0) for job in self._running
        )
        left += FULL_SPEED * (sum(job.mean_ps for job in self._waiting) + self._announced_ps)
        return -(-left // (self._places * self._speed))

    @property
    def wait_ps(self):
        """How long a job that came now would wait: not at all where those that run, wait and are announced
        leave it a place, else as long as all places together have work for; NEVER if nothing is worked on.
        """
        ahead = self.busy + self.waiting + self._announced
        return 0 if ahead < self._places and self._speed else self.load_ps

    def announce(self, n_bytes, mean_ps=None):
        """Have a job counted in `load_ps` that is on its way; what `retract` is told when it is there."""
        ps = self._service.mean_ps(n_bytes) if mean_ps is None else mean_ps
        self._announced += 1
        self._announced_ps += ps
        return ps

    def retract(self, announced_ps):
        """Take back what was announced."""
        self._announced -= 1
        self._announced_ps -= announced_ps

    def expected_ps(self, n_bytes):
        """What a job of this size takes on average at the present speed; NEVER if that is 0."""
        return -(-self._service.mean_ps(n_bytes) * FULL_SPEED // self._speed) if self._speed else NEVER

    def reached_ps(self, job, work_ps):
        """When so much of a running job (ps at full speed) will be done if the speed stays as it is: now if
        it is done, NEVER if the accelerators stand still.
        """
        to_do = max(self._left_of(job) - (job.service_ps - work_ps) * FULL_SPEED, 0)
        if to_do and not self._speed:
            return NEVER
        return self._agenda.now_ps + (-(-to_do // self._speed) if to_do else 0)

    def cause_of_refusal(self, n_bytes):
        """Why a job could not be taken now, REFUSED or TOO_LARGE; None if it could."""
        limit = self.compute.storage_bytes
        if limit is not None and n_bytes > limit:
            return TOO_LARGE
        no_place = self.busy >= self._places or self._waiting
        if no_place and self.waiting >= self.compute.queue_jobs:
            return REFUSED
        if limit is not None and self._stored_bytes + n_bytes > limit:
            return REFUSED
        return None

    def submit(self, n_bytes, on_done, on_begin=None, service_ps=None, mean_ps=None):
        """Ask for a job; None if it is refused.

        `on_begin(job)` is called when it begins, which may be before this returns; `on_done(job)` by the
        agenda. `service_ps` is drawn if absent, `mean_ps` goes together with it.
        """
        self._submitted += 1
        cause = self.cause_of_refusal(n_bytes)
        if cause is not None:
            self._too_large += cause == TOO_LARGE
            self._refused += 1
            self._changed()
            return None
        if service_ps is None:
            # Numbered by what was asked for, so that a refusal does not change what later jobs take.
            unit = 0.5 if self._service.is_constant else self._draw(self._submitted - 1)
            service_ps, mean_ps = self._service.ps(n_bytes, unit), self._service.mean_ps(n_bytes)
        job = Job(n_bytes, service_ps, mean_ps, self._agenda.now_ps, on_done, on_begin)
        self._settle()
        self._stored_bytes += n_bytes
        self._waiting.append(job)
        self._begin_jobs()
        self._changed()
        return job

    def withdraw(self, job):
        """Take a job back that waits or runs."""
        self._settle()
        if job.begun_ps is None:
            self._waiting.remove(job)
        else:
            self._agenda.cancel(job.ticket)
            del self._running[job]
        self._stored_bytes -= job.n_bytes
        self._withdrawn += 1
        self._begin_jobs()
        self._changed()

    def set_speed(self, speed):
        """Let all jobs go on at another speed, in [0, 1], from now on."""
        millionths = round(speed * FULL_SPEED)
        if not 0 <= millionths <= FULL_SPEED:
            raise ValueError(f"a speed lies between 0 and 1 (got {speed})")
        if millionths == self._speed:
            return
        for job in self._running:
            job.left = self._left_of(job)
            job.since_ps = self._agenda.now_ps
        self._speed = millionths
        for job in self._running:
            self._plan_end(job)
        self._changed()

    def totals(self):
        """What came of all jobs, JSON-ready; each is done, refused, withdrawn or in progress."""
        self._settle()
        in_progress = self.busy + self.waiting
        if self._submitted != self._done + self._refused + self._withdrawn + in_progress:
            raise RuntimeError(f"jobs of {self.compute.name} on node {self.node} do not add up")
        span_ps = max(self._agenda.now_ps, 1)
        return {
            "submitted": self._submitted,
            "done": self._done,
            "refused": self._refused,
            "too_large": self._too_large,
            "withdrawn": self._withdrawn,
            "in_progress": in_progress,
            "busy_share": self._busy_ps / (self._places * span_ps),
            "waiting_mean_jobs": self._waiting_ps / span_ps,
            "mean_queue_s": self._queue_ps / self._begun / PS_PER_S if self._begun else None,
        }

    def _draw(self, counter):
        return draw_unit(self._seed, JOB_TIME, self._draw_row, counter)

    def _left_of(self, job):
        return max(job.left - (self._agenda.now_ps - job.since_ps) * self._speed, 0)

    def _begin_jobs(self):
        while self._waiting and self.busy < self._places:
            job = self._waiting.popleft()
            job.begun_ps = job.since_ps = self._agenda.now_ps
            job.left = job.service_ps * FULL_SPEED
            self._running[job] = None
            self._begun += 1
            self._queue_ps += job.begun_ps - job.submitted_ps
            self._plan_end(job)
            if job.on_begin is not None:
                job.on_begin(job)

    def _plan_end(self, job):
        self._agenda.cancel(job.ticket)
        job.ticket = None
        if self._speed or not job.left:
            end_ps = job.since_ps + (-(-job.left // self._speed) if job.left else 0)
            job.ticket = self._agenda.at(end_ps, self._end, job, rank=self._agenda.ENDS)

    def _end(self, job):
        self._settle()
        job.done_ps = self._agenda.now_ps
        del self._running[job]
        self._stored_bytes -= job.n_bytes
        self._done += 1
        self._begin_jobs()
        self._changed()
        job.on_done(job)

    def _settle(self):
        """Bring the integrals up to now; before each change of what runs or waits."""
        elapsed_ps = self._agenda.now_ps - self._since_ps
        self._since_ps = self._agenda.now_ps
        self._busy_ps += elapsed_ps * self.busy
        self._waiting_ps += elapsed_ps * self.waiting

    def _changed(self):
        self._log.compute.append(
            ComputeState(
                self._agenda.now_ps,
                self.compute.name,
                self.node,
                self.busy,
                self.waiting,
                self._refused,
                self.speed,
            )
        )
        for action in self.on_change:
            action()


class _Service:
    """How long a job takes at full speed."""

    def __init__(self, compute):
        self._kind = compute.service
        self._ps = ps_from_s(compute.service_s)
        self._rate_bps = bps_from_gbps(compute.rate_gbps) if compute.rate_gbps else None
        self._sigma = 0.0
        if compute.service_p95_s is not None:
            self._sigma = math.log(compute.service_p95_s / compute.service_s) / NORMAL_95
        self.is_constant = self._kind == CONSTANT

    def ps(self, n_bytes, unit):
        """Of a job of this size, where `unit` was drawn for it, strictly between 0 and 1."""
        return self._reading_ps(n_bytes) + round(self._ps * self._factor(unit))

    def mean_ps(self, n_bytes):
        """On average."""
        return self._reading_ps(n_bytes) + round(self._ps * math.exp(self._sigma**2 / 2))

    def _factor(self, unit):
        if self._kind == CONSTANT:
            return 1.0
        if self._kind == EXPONENTIAL:
            return -math.log(unit)
        return math.exp(self._sigma * normal_quantile(unit))

    def _reading_ps(self, n_bytes):
        return -(-n_bytes * 8 * PS_PER_S // self._rate_bps) if self._rate_bps else 0
