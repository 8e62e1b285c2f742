"""Parquet tables of records: a row for each, converted by a function of the record."""

from functools import partial
from typing import NamedTuple

from lasermesh.results.tables import schema_of
from lasermesh.units import NONE, PS_PER_S

SINCE_START = "since the run's start"


class RecordTable(NamedTuple):
    """A table of records."""

    columns: tuple
    convert: object  # makes a table from records and the names of nodes


def record_table(columns, row_of) -> RecordTable:
    """A table whose rows `row_of(record, node_names)` makes."""
    return RecordTable(columns, partial(_rows_as_table, columns, row_of))


def _rows_as_table(columns, row_of, records, node_names):
    import pyarrow as pa

    rows = [row_of(record, node_names) for record in records]
    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    schema = schema_of(columns)
    arrays = [pa.array(values, field.type) for values, field in zip(by_column, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def seconds(time_ps):
    """The nearest float64; a whole number of ps beyond 2**53 would be rounded twice by numpy."""
    return None if time_ps is None else int(time_ps) / PS_PER_S


def name_of(node, names):
    """Name of a node; None where there is none."""
    return None if node is None or node == NONE else names[node]
