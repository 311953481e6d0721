"""bare httpx: bytes alone, JSON with orjson"""

from time import perf_counter

import httpx
import orjson

RUN_ID = "57455633-bab6-4ea6-b8d6-850b5ae09145"


class Contestant:
    """Reads bytes and drops them."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(headers={"Authorization": "Bearer app-key"}, timeout=60)
        self.run = f"{base_url}/workflows/run"

    def stream(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        with self.client.stream("POST", self.run, json=body) as response:
            return sum(1 for _ in response.iter_raw())

    def first_event(self, scene: str) -> float:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        began = perf_counter()
        with self.client.stream("POST", self.run, json=body) as response:
            pieces = response.iter_raw()
            next(pieces)
            seconds = perf_counter() - began
            for _ in pieces:
                pass
        return seconds

    def info(self, _scene: str) -> int:
        response = self.client.get(f"{self.run}/{RUN_ID}")
        assert orjson.loads(response.content)["status"] == "succeeded"
        return 1

    def blocking(self, _scene: str) -> int:
        body = {"inputs": {}, "user": "me", "response_mode": "blocking"}
        response = self.client.post(self.run, json=body)
        assert orjson.loads(response.content)["data"]["outputs"]
        return 1
