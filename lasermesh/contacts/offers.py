"""Room for the links that rules offer at one instant, kept from step to step."""

import numpy as np

from lasermesh.contacts.offer_kernels import Offers

_DTYPES = Offers(np.int32, np.int32, np.float64, np.int64, np.int8, np.int16)


class OfferList:
    """Columns of offered links, of which the first `count` rows are in use.

    Attributes
    ----------
    columns : Offers
    count : int
    """

    def __init__(self):
        self.columns = Offers(*(np.empty(0, dtype) for dtype in _DTYPES))
        self.count = 0

    def reserve(self, n_more):
        """Make room for `n_more` links after those in use."""
        wanted = self.count + n_more
        if wanted > len(self.columns.from_node):
            room = max(wanted, 2 * len(self.columns.from_node))
            self.columns = Offers(
                *(
                    np.concatenate((column[: self.count], np.empty(room - self.count, column.dtype)))
                    for column in self.columns
                )
            )
