"""Makes the request of a call from an object or from keyword arguments. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from .._json import JSON
from ..errors import InvalidRequestError
from ..models import WorkflowLogsRequest, WorkflowRunRequest

RequestT = TypeVar("RequestT", WorkflowRunRequest, WorkflowLogsRequest)


def run_request(
    name: str,
    request: WorkflowRunRequest | Mapping[str, JSON] | None,
    *,
    inputs: Mapping[str, JSON] | None,
    **keywords: Any,
) -> WorkflowRunRequest:
    """The request to run a workflow.

    Args:
        name: Name of the method that was called.
        request: The request, or its inputs alone.
        inputs: The inputs, if there is no request.
        keywords: The other keyword arguments of the method; None if not given.

    Raises:
        InvalidRequestError: There are a request and keyword arguments, or no inputs, or two.
    """
    if request is not None and not isinstance(request, WorkflowRunRequest):
        if inputs is not None:
            raise InvalidRequestError(
                f"{name}: got inputs as the first argument and as inputs=; pass them once."
            )
        request, inputs = None, request
    if request is None and inputs is None:
        raise InvalidRequestError(f"{name} needs inputs; pass {{}} if the app has none.")
    return _one_of(WorkflowRunRequest, name, request, {"inputs": inputs, **keywords})


def logs_request(
    name: str, request: WorkflowLogsRequest | None, **keywords: Any
) -> WorkflowLogsRequest:
    """The request to list runs.

    Args:
        name: Name of the method that was called.
        request: The request.
        keywords: The keyword arguments of the method; None if not given.

    Raises:
        InvalidRequestError: There are a request and keyword arguments, or a value is invalid.
    """
    if request is not None and not isinstance(request, WorkflowLogsRequest):
        kind = type(request).__name__
        raise InvalidRequestError(f"{name} takes a WorkflowLogsRequest, not {kind}.")
    return _one_of(WorkflowLogsRequest, name, request, keywords)


_FIELDS = {"user": "user_id"}
"""Names of request fields by keyword, where the two differ."""


def _one_of(
    kind: type[RequestT], name: str, request: RequestT | None, keywords: Mapping[str, Any]
) -> RequestT:
    given = {keyword: value for keyword, value in keywords.items() if value is not None}
    if request is None:
        return kind(**{_FIELDS.get(keyword, keyword): value for keyword, value in given.items()})
    if given:
        raise InvalidRequestError(
            f"{name}: pass {', '.join(given)} in the {kind.__name__}, or everything as keyword "
            "arguments, but not both."
        )
    return request
