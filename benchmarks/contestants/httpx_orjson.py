"""bare httpx and orjson: each event a dict, without checks; what the decoding costs"""

import httpx
import orjson


class Contestant:
    """Reads dicts from events of one line, the text of each chunk and the outputs of each node."""

    def __init__(self, base_url: str) -> None:
        self.client = httpx.Client(headers={"Authorization": "Bearer app-key"}, timeout=60)
        self.run = f"{base_url}/workflows/run"

    def stream(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        count, rest = 0, bytearray()
        with self.client.stream("POST", self.run, json=body) as response:
            for chunk in response.iter_raw():
                rest += chunk
                if not rest.endswith(b"\n\n"):
                    continue
                for message in rest.split(b"\n\n")[:-1]:
                    count += 1
                    event = orjson.loads(message[6:])
                    if event["event"] == "text_chunk":
                        assert event["data"]["text"]
                    elif event["event"] == "node_finished":
                        assert event["data"]["outputs"]
                rest.clear()
        return count
