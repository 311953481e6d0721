"""How a batch is run, and what is wrong with that."""

from __future__ import annotations

import math
from typing import Literal

import attrs

from ..errors import InvalidRequestError

OnInterrupt = Literal["wait", "stop", "detach"]
"""What becomes of runs that go on when a batch is interrupted: they are followed to their ends,
stopped on the server, or left to go on by themselves."""


@attrs.frozen(kw_only=True)
class Settings:
    """How a batch is run; `run_batch` says what each means.

    Raises:
        InvalidRequestError: One of them cannot be.
    """

    concurrency: int = 8
    rate: float | None = None
    max_attempts: int = 1
    resume: bool = False
    rerun_unknown: bool = False
    at_least_once: bool | None = None
    on_interrupt: OnInterrupt = "wait"

    def __attrs_post_init__(self) -> None:
        for name in ("concurrency", "max_attempts"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidRequestError(
                    f"{name} must be a whole number from 1 on, not {value!r}."
                )
        rate = self.rate
        if rate is not None and not (isinstance(rate, int | float) and 0 < rate < math.inf):
            raise InvalidRequestError(f"rate must be runs per second above zero, not {rate!r}.")
        if self.at_least_once not in {None, True, False}:
            raise InvalidRequestError(
                f"at_least_once must be True, False or None, not {self.at_least_once!r}."
            )
        if self.on_interrupt not in {"wait", "stop", "detach"}:
            raise InvalidRequestError(
                f"on_interrupt must be 'wait', 'stop' or 'detach', not {self.on_interrupt!r}."
            )
