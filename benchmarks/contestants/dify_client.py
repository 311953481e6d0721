"""dify-client, whose answer is split into lines by hand"""

import json

from dify_client import DifyClient


class Contestant:
    """Reads dicts."""

    def __init__(self, base_url: str) -> None:
        self.client = DifyClient("app-key")
        self.client.base_url = base_url

    def stream(self, scene: str) -> int:
        body = {"inputs": {}, "user": scene, "response_mode": "streaming"}
        send = self.client._send_request  # noqa: SLF001  # it has no method for workflows
        response = send("POST", "/workflows/run", body, stream=True)
        lines = response.iter_lines()
        return sum(1 for line in lines if line.startswith(b"data: ") and json.loads(line[6:]))
