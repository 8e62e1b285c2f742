"""What has happened to work so far, record by record, until somebody takes it."""

from lasermesh.workloads.records import (
    ComputeState,
    PowerState,
    Request,
    Scene,
    StageDone,
    StorageState,
    TrainingStep,
)

RECORD_TYPES = {
    "scenes": Scene,
    "stages": StageDone,
    "compute": ComputeState,
    "power": PowerState,
    "storage": StorageState,
    "requests": Request,
    "steps": TrainingStep,
}


class RecordLog:
    """Lists of records, each an attribute that somebody empties now and then."""

    def take(self, name):
        """The records of one list, by the name of its attribute; it is empty from then on."""
        records = getattr(self, name)
        taken = records.copy()
        records.clear()
        return taken


class Log(RecordLog):
    """A list for each of `RECORD_TYPES`, in the order in which things happened."""

    def __init__(self):
        self.scenes: list[Scene] = []
        self.stages: list[StageDone] = []
        self.compute: list[ComputeState] = []
        self.power: list[PowerState] = []
        self.storage: list[StorageState] = []
        self.requests: list[Request] = []
        self.steps: list[TrainingStep] = []
