"""Batches: run one workflow for many rows. You can stop at any moment and continue later.

Needs ``pip install dify-workflow[batch]``::

    from dify_workflow import DifyWorkflow
    from dify_workflow.batch import read_rows, run_batch

    with DifyWorkflow(api_key="app-…") as workflow:
        summary = run_batch(workflow, read_rows("rows.csv"), journal="rows.journal")
    summary.write_results("results.csv")
"""

from .._extras import needs

with needs("Batches need", "batch", "sqlalchemy"):
    import sqlalchemy as _  # noqa: F401

from .check import RowCheck, check_rows
from .errors import JournalError, RowsError
from .records import RowResult
from .results import BatchProgress, BatchSummary, write_results
from .rows import RowFile, read_rows
from .run import iter_batch, iter_batch_async, run_batch, run_batch_async

__all__ = [
    "BatchProgress",
    "BatchSummary",
    "JournalError",
    "RowCheck",
    "RowFile",
    "RowResult",
    "RowsError",
    "check_rows",
    "iter_batch",
    "iter_batch_async",
    "read_rows",
    "run_batch",
    "run_batch_async",
    "write_results",
]
