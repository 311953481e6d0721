"""dify-workflow, this client, async"""

from asyncio import gather

from dify_workflow import AsyncDifyWorkflow, NodeFinished, TextChunk, WorkflowRunRequest

RUN_ID = "57455633-bab6-4ea6-b8d6-850b5ae09145"


class Contestant:
    """Reads typed events, the text of each chunk and the outputs of each node."""

    def __init__(self, base_url: str) -> None:
        self.client = AsyncDifyWorkflow("app-key", base_url=base_url)

    async def stream(self, scene: str) -> int:
        count = 0
        async with self.client.run_workflow_stream(WorkflowRunRequest({}, user_id=scene)) as stream:
            async for event in stream:
                count += 1
                if isinstance(event, TextChunk):
                    assert event.data.text
                elif isinstance(event, NodeFinished):
                    assert event.data.outputs
        return count

    async def runs(self, scene: str) -> int:
        """Run 200 workflows at once."""
        return sum(await gather(*(self.stream(scene) for _ in range(200))))

    async def hold(self, scene: str) -> int:
        """Hold 200 streams open at once; one of another scene, to warm up."""
        return await (self.runs if scene.startswith("open") else self.stream)(scene)

    async def live(self, scene: str) -> int:
        """Read the texts of 50 streams at once."""
        return sum(await gather(*(self.stream(scene) for _ in range(50))))

    async def info(self, _scene: str) -> int:
        assert (await self.client.info(RUN_ID)).status == "succeeded"
        return 1
