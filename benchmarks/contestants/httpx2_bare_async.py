"""bare httpx2, async: bytes alone"""

from asyncio import gather

import httpx2


class Contestant:
    """Reads bytes and drops them."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx2.AsyncClient(
            headers={"Authorization": "Bearer app-key"},
            timeout=60,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
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
