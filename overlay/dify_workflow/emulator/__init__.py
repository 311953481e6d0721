"""A Dify workflow server in a box, on loopback, for trying things out and for tests.

Needs ``pip install dify-workflow[emulator]``::

    from dify_workflow.emulator import Emulator, Input, node, workflow

    @workflow(Input("name"))
    def greet(inputs):
        yield from node("think", seconds=0.1)
        return {"greeting": f"Hello {inputs['name']}"}

    with Emulator(greet) as emulator:
        print(emulator.client().run_workflow({"name": "Ann"}).outputs)
"""

try:
    from ._server import Emulator
except ImportError as error:
    if error.name not in {"multipart", "python_multipart", "starlette", "uvicorn"}:
        raise
    raise ImportError(
        "The emulator needs more: pip install 'dify-workflow[emulator]'", name=error.name
    ) from error
from ._steps import (
    BeginNode,
    EndNode,
    NodeError,
    Outputs,
    Sleep,
    Step,
    Text,
    failing_node,
    llm,
    node,
)
from ._workflow import Input, Workflow, workflow

__all__ = [
    "BeginNode",
    "Emulator",
    "EndNode",
    "Input",
    "NodeError",
    "Outputs",
    "Sleep",
    "Step",
    "Text",
    "Workflow",
    "failing_node",
    "llm",
    "node",
    "workflow",
]
