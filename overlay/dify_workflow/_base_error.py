"""The base class of the exceptions in `errors`."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

Outcome: TypeAlias = Literal["not_run", "unknown", "running", "ended"]
"""What happened to a run; the values of `DifyError.outcome`."""


class DifyError(Exception):
    """The base class of all exceptions of this package.

    Example::

        try:
            run = workflow.run_workflow({"name": "Ann"})
        except DifyError as error:
            can_run_again = error.outcome == "not_run"
    """

    outcome: Outcome | None = None
    """What happened to the run, and so whether you may run it again. ``"not_run"``: nothing was
    run. ``"unknown"``: it may have been run, and its id is not known. ``"running"``: it was
    started, and may still be running. ``"ended"``: it has ended. None if the error is not about a
    run. For a form, ``"not_run"`` means that it was not submitted."""
    run_id: str | None = None
    """Id of the run, if it is known."""
    task_id: str | None = None
    """Id of the task, if it is known. You need it to stop the run."""
    candidates: tuple[str, ...] = ()
    """If the outcome is ``"unknown"``: ids of runs in the log that may be this run. They have the
    same user, inputs and files, they are not older than the request by the server's clock, and no
    other call of this client started them. To be certain, use a different user for each request."""
    possible_runs: tuple[str, ...] = ()
    """The same if the server's clock is not known. Some of these runs may be older than the
    request. `candidates` is empty then."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args` alone, which fails for keyword-only arguments.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[DifyError], args: tuple[Any, ...], state: dict[str, Any]) -> DifyError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InputProblem(NamedTuple):
    """One reason why the app does not accept the inputs of a run."""

    name: str
    """Name of the input."""
    message: str
    """What is wrong with it, in the server's words."""

    def __str__(self) -> str:
        return self.message if self.name in self.message else f"{self.name}: {self.message}"
