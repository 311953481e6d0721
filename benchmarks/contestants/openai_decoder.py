"""the decoder of openai, over httpx2, and json"""

import json
from asyncio import gather

import httpx2
from openai._streaming import SSEDecoder


class Contestant:
    """Reads dicts."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx2.AsyncClient(
            headers={"Authorization": "Bearer app-key"},
            timeout=60,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self.run = f"{base_url}/workflows/run"

    async def text(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        count = 0
        async with self.client.stream("POST", self.run, json=body) as response:
            async for message in SSEDecoder().aiter_bytes(response.aiter_bytes()):
                event = json.loads(message.data)
                count += 1
                if event["event"] == "text_chunk":
                    assert event["data"]["text"]
        return count

    async def live(self, scene: str) -> int:
        """Read the texts of 50 streams at once."""
        return sum(await gather(*(self.text(scene) for _ in range(50))))
