"""dify-oapi2, whose bytes are split into events by hand"""

import json

from dify_oapi.api.workflow.v1.model.run_workflow_request import RunWorkflowRequest
from dify_oapi.api.workflow.v1.model.run_workflow_request_body import RunWorkflowRequestBody
from dify_oapi.api.workflow.v1.model.workflow_inputs import WorkflowInputs
from dify_oapi.client import Client
from dify_oapi.core.model.request_option import RequestOption


class Contestant:
    """Reads dicts."""

    def __init__(self, base_url: str) -> None:
        self.client = Client.builder().domain(base_url.removesuffix("/v1")).build()
        self.option = RequestOption.builder().api_key("app-key").build()

    def stream(self, scene: str) -> int:
        inputs = WorkflowInputs()
        body = RunWorkflowRequestBody(inputs=inputs, response_mode="streaming", user=scene)
        request = RunWorkflowRequest.builder().request_body(body).build()
        count, rest = 0, b""
        for piece in self.client.workflow.v1.workflow.run(request, self.option, stream=True):
            *events, rest = (rest + piece).split(b"\n\n")
            count += sum(1 for event in events if json.loads(event.removeprefix(b"data: ")))
        return count
