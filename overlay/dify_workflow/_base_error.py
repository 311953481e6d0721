"""The base classes of the exceptions in `errors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from ._dates import seconds_asked

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


class APIStatusError(DifyError):
    """The server refused the request or failed.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status of the answer.
        code: Dify's error code, such as ``"invalid_param"``; None if the answer has none, such as
            an HTML page of a proxy or for an unknown path.
        message: The server's message, on one line; may be empty.
        param: Name of the invalid parameter; None if the answer does not name one.
        headers: Headers of the answer, with names in lower case.
        body: The answer's body as text.
        needed_version: First version of Dify with the endpoint, if the server is older; else None.

    Attributes:
        retry_after: Seconds to wait, from the header Retry-After (seconds or a date); None without
            it.

    Example::

        try:
            workflow.info("11111111-1111-4111-8111-111111111111")
        except APIStatusError as error:
            print(error.status_code, error.code, error.message)
    """

    _means: ClassVar[str] = "the server refused the request"

    def __init__(
        self,
        operation: str,
        *,
        status_code: int,
        code: str | None,
        message: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        needed_version: str | None = None,
    ) -> None:
        self.operation = operation
        self.status_code = status_code
        self.code = code
        self.message = message
        self.param = param
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body
        self.needed_version = needed_version
        self.retry_after = seconds_asked(self.headers)
        if needed_version is None:
            advice = self._advice()
        else:
            needed, present = needed_version.removesuffix(".0"), self.headers.get("x-version")
            advice = f"needs Dify {needed} or newer; this server is {present}"
        evidence = " ".join(filter(None, (str(status_code), code)))
        evidence = f"{evidence}: {message}" if message else evidence
        super().__init__(f"{operation}: {advice} ({evidence})")

    def _advice(self) -> str:
        if 300 <= self.status_code < 400 and "location" in self.headers:  # noqa: PLR2004  # RFC 9110
            return "the server redirects; change the base URL (scheme, host or path)"
        return self._means
