"""What the emulator remembers: its apps, their runs, users and files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from uuid import uuid4

import attrs

from .._json import JSONObject
from ._run import Run
from ._workflow import Workflow


@attrs.frozen
class StoredFile:
    """A file that was uploaded.

    Args:
        id: Id of the file (UUID).
        name: Name of the file.
        mime_type: Media type.
        content: The bytes.
        user: Who uploaded it.
        user_id: Id (UUID) of the end user.
        created_at: Time of the upload (Unix seconds).
    """

    id: str
    name: str
    mime_type: str
    content: bytes
    user: str
    user_id: str
    created_at: int

    def to_wire(self) -> JSONObject:
        """The answer to the upload."""
        return {
            "id": self.id,
            "name": self.name,
            "size": len(self.content),
            "extension": self.name.rpartition(".")[2] if "." in self.name else "",
            "mime_type": self.mime_type,
            "created_by": self.user_id,
            "created_at": self.created_at,
            "preview_url": None,
            "source_url": None,
            "original_url": None,
            "user_id": None,
            "tenant_id": None,
            "conversation_id": None,
            "file_key": None,
        }


class State:
    """Everything behind the emulator's answers.

    Args:
        workflows: The workflows it serves, each as an app of its own.
    """

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self.apps = {workflow.key: workflow for workflow in workflows}
        self.runs: dict[str, Run] = {}
        self.files: dict[str, StoredFile] = {}
        self.closing = asyncio.Event()
        self._users: dict[tuple[str, str], str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def user_id(self, app: Workflow, user: str) -> str:
        """Id (UUID) of an end user of an app."""
        return self._users.setdefault((app.key, user), str(uuid4()))

    async def close(self) -> None:
        """End the streams that are open and the runs that go on."""
        self.closing.set()
        for run in self.runs.values():
            await run.wake()
        for task in self._tasks:
            task.cancel()

    def start(self, app: Workflow, inputs: JSONObject, user: str) -> Run:
        """Start a run, which goes on by itself."""
        run = Run(app, app.taken(inputs), user, self.user_id(app, user), self.closing)
        self.runs[run.id] = run
        task = asyncio.create_task(run.execute())
        self._tasks.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._tasks.discard)
        return run

    def runs_of(self, app: Workflow) -> list[Run]:
        """The runs of an app, newest first."""
        return [run for run in reversed(self.runs.values()) if run.workflow is app]

    def keep_file(
        self, app: Workflow, name: str, mime_type: str, content: bytes, user: str
    ) -> StoredFile:
        """Store a file."""
        user_id = self.user_id(app, user)
        now = int(time.time())
        file = StoredFile(str(uuid4()), name, mime_type, content, user, user_id, now)
        self.files[file.id] = file
        return file
