"""The base class of the views of a run."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from ..events.base import StreamEvent
from ..models import WorkflowRunResponse
from .console import say


class View:
    """Shows a run while it is watched; a context manager. This one shows nothing."""

    def show(self, event: StreamEvent[object]) -> None:
        """Show an event."""

    def end(self, run: WorkflowRunResponse) -> None:
        """Show how the run ended, after the view is left."""

    def say(self, text: str) -> None:
        """Show a message that is not part of the run."""
        say(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.stdout.flush()
