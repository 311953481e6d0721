"""The modules that processes need, imported once for all of them.

The modules of the command line are not among it: they look at the streams of their process.
"""

import gc
from importlib import import_module

for _name in (
    *("anyio._backends._asyncio", "dify_workflow.batch", "dify_workflow.emulator"),
    *("dify_workflow.models", "dify_workflow.report", "dify_workflow_api.models.app_parameters"),
    *("dify_workflow_api.api.app.get_app_parameters", "email.mime.text", "h2.connection"),
    *("dify_workflow_api.api.workflows.run_workflow", "httpx._transports.default"),
    *("dify_workflow_api.models.workflow_finished_data", "rich.console", "rich.live"),
    *("rich.markdown", "rich.progress", "rich.table", "sqlalchemy.dialects.sqlite.base"),
    *("sqlalchemy.dialects.sqlite.pysqlite", "support.batches", "typer", "uvicorn.logging"),
):
    import_module(_name)
gc.freeze()  # a process shares this memory as long as nothing looks through it
