"""asyncio's streams and orjson, which nobody would use: the floor"""

import asyncio
import json

import orjson


class Contestant:
    """Reads dicts from events of one line."""

    def __init__(self, base_url: str) -> None:
        host, _, port = base_url.removeprefix("http://").removesuffix("/v1").partition(":")
        self.address = (host, int(port))

    async def text(self, scene: str) -> int:
        reader, writer = await asyncio.open_connection(*self.address)
        body = json.dumps({"user": scene}).encode()
        head = f"POST /v1/workflows/run HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        count, rest = 0, b""
        await reader.readuntil(b"\r\n\r\n")
        while size := int(await reader.readline(), 16):
            *events, rest = (rest + (await reader.readexactly(size + 2))[:-2]).split(b"\n\n")
            count += sum(1 for event in events if orjson.loads(event[6:]))
        writer.close()
        return count

    async def live(self, scene: str) -> int:
        """Read 50 streams at once."""
        return sum(await asyncio.gather(*(self.text(scene) for _ in range(50))))
