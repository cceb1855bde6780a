"""results.parquet: the rows of results.csv with their types, each column described in the file itself."""

import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from aggregator.table import COLUMNS, Row

_TYPES: Mapping[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}


def as_parquet(rows: Sequence[Row]) -> bytes:
    """One row a cell and seed; what does not apply is null. A field's metadata says in words what it holds."""
    fields = [pa.field(name, _TYPES[kind], metadata={"description": words}) for name, (kind, words) in COLUMNS.items()]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.schema(fields)), buffer)
    return buffer.getvalue()
