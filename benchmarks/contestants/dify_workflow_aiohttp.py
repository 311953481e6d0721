"""dify-workflow, this client, over aiohttp"""

from asyncio import gather

from dify_workflow import AsyncDifyWorkflow, DefaultAioHttpClient, TextChunk, WorkflowRunRequest


class Contestant:
    """Reads typed events."""

    def __init__(self, base_url: str) -> None:
        self.client = AsyncDifyWorkflow(
            "app-key", base_url=base_url, http_client=DefaultAioHttpClient()
        )

    async def text(self, scene: str) -> int:
        count = 0
        async with self.client.run_workflow_stream(WorkflowRunRequest({}, user_id=scene)) as stream:
            async for event in stream:
                count += 1
                if isinstance(event, TextChunk):
                    assert event.data.text
        return count

    async def runs(self, scene: str) -> int:
        """Run 200 workflows at once."""
        return sum(await gather(*(self.text(scene) for _ in range(200))))

    async def hold(self, scene: str) -> int:
        """Hold 200 streams open at once; one of another scene, to warm up."""
        return await (self.runs if scene.startswith("open") else self.text)(scene)

    async def live(self, scene: str) -> int:
        """Read the texts of 50 streams at once."""
        return sum(await gather(*(self.text(scene) for _ in range(50))))
