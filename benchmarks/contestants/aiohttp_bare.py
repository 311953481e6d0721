"""bare aiohttp: bytes alone"""

from asyncio import gather

import aiohttp


class Contestant:
    """Reads bytes and drops them."""

    def __init__(self, base_url: str) -> None:
        self.run = f"{base_url}/workflows/run"

    async def live(self, scene: str) -> int:
        """Read 50 streams at once."""
        return await self._at_once(50, scene)

    async def hold(self, scene: str) -> int:
        """Hold 200 streams open at once; one of another scene, to warm up."""
        return await self._at_once(200 if scene.startswith("open") else 1, scene)

    async def _at_once(self, streams: int, scene: str) -> int:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return sum(await gather(*(self._read(session, scene) for _ in range(streams))))

    async def _read(self, session: aiohttp.ClientSession, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        count = 0
        async with session.post(self.run, json=body) as response:
            async for _ in response.content.iter_any():
                count += 1
        return count
