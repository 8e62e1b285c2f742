"""What has happened to bundles so far, record by record, until somebody takes it."""

from lasermesh.bundles.records import BundleDone, BundleHop, StoreState

RECORD_TYPES = {"bundles": BundleDone, "bundle_hops": BundleHop, "stores": StoreState}


class BundleLog:
    """A list for each of `RECORD_TYPES`, in the order in which things came to an end."""

    def __init__(self):
        self.bundles: list[BundleDone] = []
        self.bundle_hops: list[BundleHop] = []
        self.stores: list[StoreState] = []

    def take(self, name):
        """The records of one list (a key of `RECORD_TYPES`), which is empty from then on."""
        records = getattr(self, name)
        taken = records.copy()
        records.clear()
        return taken
