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
        decoder = SSEDecoder()
        count = 0
        with self.client.stream("POST", self.run, json=body) as response:
            assert isinstance(response.stream, httpx.SyncByteStream)
            for piece in response.stream:
                if (data := decoder.only(piece)) is not None:
                    count += bool(orjson.loads(data))
                else:
                    count += sum(1 for data, _ in decoder.feed(piece) if orjson.loads(data or b"0"))
        return count
