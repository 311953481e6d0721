"""dify-workflow, this client"""

from time import perf_counter

from dify_workflow import DifyWorkflow, NodeFinished, TextChunk, WorkflowRunRequest

RUN_ID = "57455633-bab6-4ea6-b8d6-850b5ae09145"


class Contestant:
    """Reads typed events, the text of each chunk and the outputs of each node."""

    def __init__(self, base_url: str) -> None:
        self.client = DifyWorkflow("app-key", base_url=base_url)

    def stream(self, scene: str) -> int:
        count = 0
        with self.client.run_workflow_stream(WorkflowRunRequest({}, user_id=scene)) as stream:
            for event in stream:
                count += 1
                if isinstance(event, TextChunk):
                    assert event.data.text
                elif isinstance(event, NodeFinished):
                    assert event.data.outputs
        return count

    def first_event(self, scene: str) -> float:
        began = perf_counter()
        with self.client.run_workflow_stream(WorkflowRunRequest({}, user_id=scene)) as stream:
            next(stream)
            seconds = perf_counter() - began
            for _event in stream:
                pass
        return seconds

    def info(self, _scene: str) -> int:
        assert self.client.info(RUN_ID).status == "succeeded"
        return 1

    def blocking(self, _scene: str) -> int:
        assert self.client.run_workflow({}, response_mode="blocking").outputs
        return 1
