"""this client's bytes and server-sent events, without JSON"""

import httpx

from dify_workflow._streams.decoder import SSEDecoder


class Contestant:
    """Reads messages."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(headers={"Authorization": "Bearer app-key"}, timeout=60)
        self.run = f"{base_url}/workflows/run"

    def stream(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        decoder = SSEDecoder()
        count = 0
        with self.client.stream("POST", self.run, json=body) as response:
            assert isinstance(response.stream, httpx.SyncByteStream)
            for piece in response.stream:
                count += sum(1 for _ in decoder.feed(piece))
        return count
