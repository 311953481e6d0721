"""The base of all exceptions of this package, which are in `errors`."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

Outcome: TypeAlias = Literal["not_run", "unknown", "running", "ended"]
"""What became of a run, as `DifyError.outcome` says it."""


class DifyError(Exception):
    """The base of all exceptions of this package."""

    outcome: Outcome | None = None
    """What became of the run, which tells whether it may be run again: ``"not_run"`` (nothing was
    run), ``"unknown"`` (it may have been run, and no id of it is known), ``"running"`` (it was
    started, and may be going on) or ``"ended"``. None where the error is not about a run. For the
    answer to a form, ``"not_run"`` means that it was not submitted."""
    run_id: str | None = None
    """Id of the run, where it is known."""
    task_id: str | None = None
    """Id of the task, with which the run is stopped, where it is known."""
    candidates: tuple[str, ...] = ()
    """Where the outcome is ``"unknown"``: ids of runs in the log that may be the one. They have the
    same user, inputs and files, are not older than the request by the server's clock, and were
    started by no other call of this client. Only a user of its own for each request makes one
    certain."""
    possible_runs: tuple[str, ...] = ()
    """The same where the server's clock is not known, so that some may be older than the request;
    then there are no `candidates`."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args`, which the keyword arguments here defeat.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[DifyError], args: tuple[Any, ...], state: dict[str, Any]) -> DifyError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InputProblem(NamedTuple):
    """One reason why the app does not take the inputs of a run."""

    name: str
    """Name of the input."""
    message: str
    """What is wrong with it, in the words that the server uses."""

    def __str__(self) -> str:
        return self.message if self.name in self.message else f"{self.name}: {self.message}"
