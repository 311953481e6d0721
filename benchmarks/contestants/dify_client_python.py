"""dify-client-python"""

from asyncio import gather

from dify_client import AsyncClient, Client, models


class Contestant:
    """Reads pydantic models."""

    def __init__(self, base_url: str) -> None:
        self.client = Client(api_key="app-key", api_base=base_url)
        self.async_client = AsyncClient(api_key="app-key", api_base=base_url)

    def stream(self, scene: str) -> int:
        mode = models.ResponseMode.STREAMING
        run = models.WorkflowsRunRequest(inputs={}, response_mode=mode, user=scene)
        return sum(1 for _ in self.client.run_workflows(run))

    async def text(self, scene: str) -> int:
        mode = models.ResponseMode.STREAMING
        run = models.WorkflowsRunRequest(inputs={}, response_mode=mode, user=scene)
        count = 0
        async for event in await self.async_client.arun_workflows(run):
            count += 1
            if event.event == "text_chunk":
                assert event.data.text
        return count

    async def live(self, scene: str) -> int:
        """Read the texts of 50 streams at once."""
        return sum(await gather(*(self.text(scene) for _ in range(50))))
