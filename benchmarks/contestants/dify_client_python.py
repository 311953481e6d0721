"""dify-client-python"""

from dify_client import Client, models


class Contestant:
    """Reads pydantic models."""

    def __init__(self, base_url: str) -> None:
        self.client = Client(api_key="app-key", api_base=base_url)

    def stream(self, scene: str) -> int:
        mode = models.ResponseMode.STREAMING
        run = models.WorkflowsRunRequest(inputs={}, response_mode=mode, user=scene)
        return sum(1 for _ in self.client.run_workflows(run))
