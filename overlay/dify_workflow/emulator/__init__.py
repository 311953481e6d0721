"""A Dify workflow server on loopback, for experiments and for tests.

Needs ``pip install dify-workflow[emulator]``::

    from dify_workflow.emulator import Emulator, Input, node, workflow

    @workflow(Input("name"))
    def greet(inputs):
        yield from node("think", seconds=0.1)
        return {"greeting": f"Hello {inputs['name']}"}

    with Emulator(greet) as emulator:
        print(emulator.client().run_workflow({"name": "Ann"}).outputs)
"""

from .._extras import needs

with needs(
    "The emulator needs", "emulator", "multipart", "python_multipart", "starlette", "uvicorn"
):
    from .server import Emulator
from .exported import app_from_dsl
from .fault import Answer, Fault
from .faults import Faults
from .nodes import (
    failing_node,
    handled_failure,
    http_request,
    human_input,
    iteration,
    llm,
    loop,
    node,
    parallel,
    retrying_node,
)
from .routes import SeenRequest
from .store import PastRun
from .workflows import (
    BeginNode,
    Emit,
    EndNode,
    FormAction,
    FormAnswer,
    FormInput,
    HumanInput,
    Input,
    Iteration,
    Loop,
    NodeError,
    Outputs,
    Parallel,
    RetryNode,
    Sleep,
    StartError,
    Step,
    Steps,
    Text,
    Workflow,
    workflow,
)

__all__ = [
    "Answer",
    "BeginNode",
    "Emit",
    "Emulator",
    "EndNode",
    "Fault",
    "Faults",
    "FormAction",
    "FormAnswer",
    "FormInput",
    "HumanInput",
    "Input",
    "Iteration",
    "Loop",
    "NodeError",
    "Outputs",
    "Parallel",
    "PastRun",
    "RetryNode",
    "SeenRequest",
    "Sleep",
    "StartError",
    "Step",
    "Steps",
    "Text",
    "Workflow",
    "app_from_dsl",
    "failing_node",
    "handled_failure",
    "http_request",
    "human_input",
    "iteration",
    "llm",
    "loop",
    "node",
    "parallel",
    "retrying_node",
    "workflow",
]
