"""this client's bytes, server-sent events and JSON, without types"""

import httpx
import orjson

from dify_workflow._sse import SSEDecoder


class Contestant:
    """Reads dicts."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(headers={"Authorization": "Bearer app-key"}, timeout=60)
        self.run = f"{base_url}/workflows/run"

    def stream(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        feed = SSEDecoder().feed
        count = 0
        with self.client.stream("POST", self.run, json=body) as response:
            for piece in response.iter_raw():
                for message in feed(piece):
                    count += bool(orjson.loads(message[0] or b"{}"))
        return count
