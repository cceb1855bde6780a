"""results.parquet: the rows of results.csv with their types, each column described in the file itself."""

import io
import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from aggregator.outcomes.table import COLUMNS, Row

_TYPES: Mapping[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}


def as_parquet(rows: Sequence[Row]) -> bytes:
    """One row a cell and seed; what does not apply is null. A field's metadata says in words what it holds."""
    fields = [pa.field(name, _TYPES[kind], metadata={"description": words}) for name, (kind, words) in COLUMNS.items()]
    buffer = io.BytesIO()
    pq.write_table(_typed(rows, pa.schema(fields)), buffer)
    return buffer.getvalue()


def _typed(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """By way of JSON: pyarrow looks for pandas, and loads it for a second, before it reads Python's own objects."""
    lines = "\n".join(map(json.dumps, rows)).encode()
    whole = pj.ReadOptions(block_size=len(lines) + 1, use_threads=False)
    return pj.read_json(io.BytesIO(lines), whole, pj.ParseOptions(explicit_schema=schema)).cast(schema)
