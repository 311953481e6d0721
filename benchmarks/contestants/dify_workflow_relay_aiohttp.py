"""examples/relay, with this client over aiohttp"""

import sys
from importlib import import_module
from pathlib import Path

from dify_workflow import AsyncDifyWorkflow, DefaultAioHttpClient

sys.path.append(str(Path(__file__).parents[2]))  # for the next import, and for examples
from benchmarks.browsers import browse


class Contestant:
    """Relays the texts and nodes of runs."""

    def __init__(self, base_url: str) -> None:
        self.workflow = AsyncDifyWorkflow(
            "app-key", base_url=base_url, http_client=DefaultAioHttpClient()
        )
        self.app = import_module("examples.relay.app").app

    async def relay(self, scene: str) -> int:
        return await browse(self.app, workflow=self.workflow.with_options(user_id=scene))
