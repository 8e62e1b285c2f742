"""What has happened to bundles so far, record by record, until somebody takes it."""

from lasermesh.bundles.records import BundleDone, BundleHop, StoreState
from lasermesh.workloads.log import RecordLog

RECORD_TYPES = {"bundles": BundleDone, "bundle_hops": BundleHop, "stores": StoreState}


class BundleLog(RecordLog):
    """A list for each of `RECORD_TYPES`, in the order in which things came to an end."""

    def __init__(self):
        self.bundles: list[BundleDone] = []
        self.bundle_hops: list[BundleHop] = []
        self.stores: list[StoreState] = []
