"""Batches: one workflow over many rows, which can be stopped at any moment and gone on with.

Needs ``pip install dify-workflow[batch]``::

    from dify_workflow import DifyWorkflow
    from dify_workflow.batch import read_rows, run_batch

    with DifyWorkflow(api_key="app-…") as workflow:
        summary = run_batch(workflow, read_rows("rows.csv"), journal="rows.journal")
    summary.write_results("results.csv")
"""

from ._extras import needs

with needs("sqlalchemy", "batch", "Batches need"):
    import sqlalchemy as _  # noqa: F401

from ._check import RowCheck, check_rows
from ._errors import JournalError, RowsError
from ._results import write_results
from ._rows import RowFile, read_rows
from ._run import iter_batch, iter_batch_async, run_batch, run_batch_async
from ._state import RowResult
from ._summary import BatchProgress, BatchSummary

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
