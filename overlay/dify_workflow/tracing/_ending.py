"""How a run ended, as far as its observer learns."""

from __future__ import annotations

import time
from functools import cached_property

import attrs

from .._reading import SHAPE_ERRORS
from .._run_state import RunState
from ..errors import InvalidResponseError
from ..models import WorkflowRunResponse
from . import attributes
from .attributes import Attributes


@attrs.frozen(eq=False, slots=False)
class Ending:
    """The end of a run, or of watching it.

    Args:
        failure: The exception; None where there is none.
        run: What the events of a stream have said.
        answer: The run, where the server answered with it as a whole.
        is_left: Whether the stream was left before its end.
        time: When it was, in Unix seconds.
    """

    failure: BaseException | None = None
    run: RunState | None = None
    answer: WorkflowRunResponse | None = None
    is_left: bool = False
    time: float = attrs.field(factory=time.time)

    @cached_property
    def outcome(self) -> WorkflowRunResponse | None:
        """The run, where it has ended or paused."""
        try:
            return self.run.result() if self.run else self.answer
        except (InvalidResponseError, *SHAPE_ERRORS):
            return None  # the final event is none, as whoever asks for the result is told

    @property
    def message(self) -> str | None:
        """What is said of the error."""
        if self.failure is not None:
            return str(self.failure)
        return None if self.outcome is None else self.outcome.message

    def attributes(self, *, content: bool) -> Attributes:
        """What a span tells of it.

        Args:
            content: Whether outputs are shown.
        """
        about = {} if self.run is None else attributes.of_ids(self.run)
        if (outcome := self.outcome) is not None:
            about |= attributes.of_run(outcome, content=content)
        elif self.is_left:
            about["dify.run.status"] = "running"
        if self.failure is not None:
            about |= attributes.of_failure(self.failure)
        return about
