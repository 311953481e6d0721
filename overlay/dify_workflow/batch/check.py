"""Checking rows without running them."""

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


@attrs.frozen
class RowCheck:
    """Rows that the app takes.

    Args:
        rows: How many there are.
        inputs: The app's inputs of which there is a column in the first row, with their kinds.
        unused: Columns of the first row that are no inputs.
        missing: Inputs that need no value and have no column in the first row.
    """

    rows: int
    inputs: dict[str, str]
    unused: tuple[str, ...]
    missing: tuple[str, ...]


def check_rows(workflow: DifyWorkflow, rows: Iterable[Row]) -> RowCheck:
    """Check rows as `run_batch` does, and run none.

    Args:
        workflow: Client of the app, which is asked what it takes (GET /parameters).
        rows: As for `run_batch`, but with an end.

    Raises:
        RowsError: The app does not take one of them; `problems` has the first hundred reasons.
        DifyError: The app could not be asked.
    """
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
