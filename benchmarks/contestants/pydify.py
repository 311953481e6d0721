"""pydify"""

from pydify import WorkflowClient


class Contestant:
    """Reads dicts."""

    def __init__(self, base_url: str) -> None:
        self.client = WorkflowClient("app-key", base_url)

    def stream(self, scene: str) -> int:
        return sum(1 for _ in self.client.run({}, scene))
