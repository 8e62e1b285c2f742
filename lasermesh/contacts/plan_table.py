"""A contact plan as a table: which links are up from when to when, one row for each contact."""

from typing import NamedTuple

import numpy as np


class ContactPlan(NamedTuple):
    """Contacts, one direction each: uninterrupted times in which a link is up at one rate.

    All arrays have shape (n_contacts,).
    """

    from_node: np.ndarray  # int32    row of the node that sends
    to_node: np.ndarray  # int32    row of the node that receives
    kind: np.ndarray  # int8     ISL or GSL; of a plan file without topology NONE
    start_s: np.ndarray  # float64  from the topology's epoch
    stop_s: np.ndarray  # float64  the first instant after
    rate_bps: np.ndarray  # int64
    owlt_s: np.ndarray  # float64  one-way light time at the contact's middle
    open_start: np.ndarray  # bool     whether it was up before what was asked for
    open_stop: np.ndarray  # bool     whether it stays up after what was asked for

    @property
    def size(self):
        """Number of contacts."""
        return len(self.from_node)

    def take(self, rows):
        """The contacts of these rows (indices, a mask or a slice), in this order."""
        return ContactPlan(*(column[rows] for column in self))

    def sorted(self):
        """The same contacts by (from_node, to_node, start_s)."""
        return self.take(np.lexsort((self.start_s, self.to_node, self.from_node)))


DTYPES = ContactPlan(
    np.int32, np.int32, np.int8, np.float64, np.float64, np.int64, np.float64, np.bool_, np.bool_
)


def contact_plan_of(*columns, **named):
    """A `ContactPlan` of columns (array_like), each cast to its type.

    Raises
    ------
    ValueError
        If the columns are not all of one length.
    """
    given = ContactPlan(*columns, **named)
    cast = [np.ascontiguousarray(column, dtype=dtype) for column, dtype in zip(given, DTYPES, strict=True)]
    lengths = sorted({column.shape for column in cast})
    if len(lengths) > 1 or len(lengths[0]) != 1:
        raise ValueError(f"columns of a contact plan must be of one length (got shapes {lengths})")
    return ContactPlan(*cast)
