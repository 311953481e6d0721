"""Checking rows without running any."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import orjson

from ..client import DifyWorkflow
from ..errors import InvalidRequestError
from ._columns import Columns, key_of, plain
from ._errors import MOST_KEPT, RowsError
from ._registry import Row, check_mapping


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
    first: Row = {}
    count = 0
    problems: list[str] = []
    hint = ""
    ids: set[str] = set()
    for count, row in enumerate(rows, start=1):
        check_mapping(row, count - 1)
        first = first or row
        try:
            columns.inputs(orjson.loads(plain(row)))
            _check_id(key_of(row), ids, has_one=key_of(first) is not None)
        except (InvalidRequestError, TypeError) as error:
            hint = hint or columns.near_miss(row)
            problems.append(f"row {count}: {str(error).rstrip('.')}")
            if len(problems) == MOST_KEPT:
                break
    if problems:
        raise RowsError("Rows cannot be run", problems, hint)
    kinds = {field.name: field.kind for field in columns.fields}
    return RowCheck(
        rows=count,
        inputs={name: kind for name, kind in kinds.items() if name in first},
        unused=tuple(columns.unused(first)),
        missing=tuple(name for name in kinds if name not in first),
    )


def _check_id(key: str | None, ids: set[str], *, has_one: bool) -> None:
    """Refuse the id of a row, or its lack, where rows could not be told apart; else note it.

    Raises:
        InvalidRequestError: It is there twice, or other rows have one and this has none.
    """
    if (key is not None) != has_one:
        what = "no id" if key is None else "an id"
        raise InvalidRequestError(f"it has {what}, unlike those before it")
    if key in ids:
        raise InvalidRequestError(f"the id {key!r} is there twice")
    if key is not None:
        ids.add(key)
