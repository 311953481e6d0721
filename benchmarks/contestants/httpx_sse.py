"""httpx-sse and json, what one writes by hand"""

import json

import httpx
from httpx_sse import connect_sse


class Contestant:
    """Reads dicts."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(headers={"Authorization": "Bearer app-key"}, timeout=60)
        self.run = f"{base_url}/workflows/run"

    def stream(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        with connect_sse(self.client, "POST", self.run, json=body) as source:
            return sum(1 for event in source.iter_sse() if json.loads(event.data))
