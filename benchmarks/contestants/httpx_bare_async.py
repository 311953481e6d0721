"""bare httpx, async: bytes alone, JSON with orjson"""

from asyncio import gather

import httpx
import orjson

RUN_ID = "57455633-bab6-4ea6-b8d6-850b5ae09145"


class Contestant:
    """Reads bytes and drops them."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.AsyncClient(
            headers={"Authorization": "Bearer app-key"},
            timeout=60,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self.run = f"{base_url}/workflows/run"

    async def stream(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        count = 0
        async with self.client.stream("POST", self.run, json=body) as response:
            async for _ in response.aiter_raw():
                count += 1
        return count

    async def live(self, scene: str) -> int:
        """Read 50 streams at once."""
        return sum(await gather(*(self.stream(scene) for _ in range(50))))

    async def runs(self, scene: str) -> int:
        """Run 200 workflows at once."""
        return sum(await gather(*(self.stream(scene) for _ in range(200))))

    async def hold(self, scene: str) -> int:
        """Hold 200 streams open at once; one of another scene, to warm up."""
        return await (self.runs if scene.startswith("open") else self.stream)(scene)

    async def info(self, _scene: str) -> int:
        response = await self.client.get(f"{self.run}/{RUN_ID}")
        assert orjson.loads(response.content)["status"] == "succeeded"
        return 1
