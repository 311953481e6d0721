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

from ._server import Emulator
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
