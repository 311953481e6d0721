"""Read and write Parquet files in blocks of rows."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow has no types.

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .._extras import needs
from .._json import JSON, JSONObject
from .errors import RowsError
from .records import batched, json_text

with needs("Parquet files need", "parquet", "pyarrow"):
    import pyarrow as pa
    import pyarrow.parquet as pq

_BLOCK = 1000
"""Rows that are in memory at a time."""


def read_parquet(path: Path) -> Iterator[JSONObject]:
    """Read the rows of a file.

    Raises:
        RowsError: The file is not a Parquet file, or is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            for block in file.iter_batches(batch_size=_BLOCK):
                yield from block.to_pylist()
    except pa.ArrowException as error:
        raise RowsError(f"{path.name} cannot be read as a Parquet file: {error}.") from error


def write_parquet(
    file: BinaryIO,
    kinds: Mapping[str, set[type]],
    lines: Iterator[JSONObject],
    fitted: Callable[[str], str],
) -> int:
    """Write rows to a file; return the number of rows.

    Args:
        file: The file.
        kinds: The columns in their order, each with the kinds of its values.
        lines: The rows, each with all columns.
        fitted: Changes a text so that it can be encoded as UTF-8.
    """
    types = {name: _column_type(found) for name, found in kinds.items()}
    schema = pa.schema([pa.field(fitted(name), each) for name, each in types.items()])
    count = 0
    with pq.ParquetWriter(file, schema) as writer:
        for block in batched(lines, _BLOCK):
            columns = [
                pa.array([_value(line[name], each, fitted) for line in block], each)
                for name, each in types.items()
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            count += len(block)
    return count


def _column_type(kinds: set[type]) -> Any:
    """The type of a column: one kind of scalar, or else text, with other values as JSON."""
    if kinds == {bool}:
        return pa.bool_()
    if kinds and all(issubclass(kind, int) and kind is not bool for kind in kinds):
        return pa.int64()
    if kinds and kinds <= {int, float}:
        return pa.float64()
    return pa.string()


def _value(value: JSON, column: Any, fitted: Callable[[str], str]) -> JSON:
    if value is None or column != pa.string():
        return value
    return fitted(value) if isinstance(value, str) else json_text(value)
