"""Check rows without running them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from ..client import DifyWorkflow
from .columns import Columns
from .journal import Journal
from .records import JournalHeader
from .registry import Registry, Row
from .rows import checked_table


@attrs.frozen
class RowCheck:
    """The result of `check_rows`: all rows are valid.

    Args:
        rows: Number of rows.
        inputs: Kind by name of each input that has a column in the first row.
        unused: Columns of the first row that are not inputs.
        missing: Optional inputs that have no column in the first row.
    """

    rows: int
    inputs: dict[str, str]
    unused: tuple[str, ...]
    missing: tuple[str, ...]


def check_rows(workflow: DifyWorkflow, rows: Iterable[Row]) -> RowCheck:
    """Check rows as `run_batch` does, without running them.

    Example::

        check = check_rows(workflow, [{"name": "Ann"}])
        print(check.rows, check.inputs)

    Args:
        workflow: Client of the app. The inputs are read with GET /parameters.
        rows: As for `run_batch`, but with an end.

    Returns:
        The number of rows, and which columns are inputs.

    Raises:
        InvalidRequestError: `rows` is not a list of mappings or `read_rows`.
        RowsError: A row is invalid; `problems` has the first hundred reasons.
        DifyError: The inputs of the app could not be read.
    """
    rows = checked_table(rows)
    columns = Columns(workflow.parameters())
    with TemporaryDirectory() as folder, closing(Journal(Path(folder, "journal"))) as journal:
        registry = Registry(journal, columns, JournalHeader("", "", ""))
        count = registry.take_in(rows)
    matched = columns.matched(registry.columns)
    kinds = {field.name: field.kind for field in columns.fields}
    return RowCheck(
        rows=count,
        inputs={name: kind for name, kind in kinds.items() if name in matched},
        unused=tuple(columns.unused(registry.columns)),
        missing=tuple(name for name in kinds if name not in matched),
    )
