"""What a conversation with the server may ask for, and the calls that it is made of. Pure.

A conversation is a generator: it yields a step and is sent what came of it, or has it raised.
`_stream` and the clients do the steps, with `await` and without.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from .._api.log_query import LogAnswer
    from .._http.request import Call
    from ..models import HumanInputForm, WorkflowRunResponse

T = TypeVar("T")


class Reopen:
    """Open the stream of a call, and read on from it."""

    __slots__ = ("call",)

    def __init__(self, call: Call[Any]) -> None:
        self.call = call


class Ask(Generic[T]):
    """Send a call; its answer is sent back."""

    __slots__ = ("call",)

    def __init__(self, call: Call[T]) -> None:
        self.call = call


class Wait:
    """Let time pass.

    Args:
        seconds: How much.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


Step: TypeAlias = Reopen | Ask[Any] | Wait
Steps: TypeAlias = Generator[Step, Any, T]


class RunCalls:
    """The calls that find a run again.

    Args:
        events: Takes the ids of a run and of the last event, where events have some, and gives the
            call for what has been of the run and what comes.
        detail: Takes the id of a run and gives the call for its detail.
        logs: Gives the call for the user's runs, the newest hundred.
        form: Takes the token of a form and gives the call for it.
        server_version: Version of the server, as far as it is known.
    """

    def __init__(
        self,
        *,
        events: Callable[[str, str | None], Call[Any]],
        detail: Callable[[str], Call[WorkflowRunResponse]],
        logs: Callable[[], Call[LogAnswer]],
        form: Callable[[str], Call[HumanInputForm]],
        server_version: Callable[[], str | None],
    ) -> None:
        self.events = events
        self.detail = detail
        self.logs = logs
        self.form = form
        self.server_version = server_version
