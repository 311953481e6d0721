"""What a request says, or why the server would not take it."""

from __future__ import annotations

import json
from uuid import UUID

from starlette.requests import Request

from .._json import JSON, JSONObject, is_object
from ._responses import ApiError, invalid, not_found
from ._workflow import Workflow


async def json_body(request: Request) -> JSONObject:
    """The body as a JSON object."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ApiError(
            415,
            "unsupported_media_type",
            "Did not attempt to load JSON data because the request Content-Type was not "
            "'application/json'.",
        )
    try:
        body = json.loads(await request.body(), parse_constant=_refuse)
    except ValueError:
        raise ApiError(
            400,
            "bad_request",
            "The browser (or proxy) sent a request that this server could not understand.",
        ) from None
    return body if is_object(body) else {}


def _refuse(constant: str) -> JSON:
    """NaN and infinities are no JSON."""
    raise ValueError(constant)


def user_of(user: JSON) -> str:
    """The `user`, which every run and stop must name."""
    if user is None or user == "":
        raise invalid("Arg user must be provided.")
    return str(user)


def pydantic_text(model: str, field: str, value: JSON) -> str:
    """What pydantic says of a field that is missing or no object."""
    if value is None:
        what, kind = "Field required", "missing"
    else:
        what, kind = "Input should be a valid dictionary", "dict_type"
    return (
        f"1 validation error for {model}\n{field}\n  {what} [type={kind}, "
        f"input_value={value!r}, input_type={type(value).__name__}]\n"
        f"    For further information visit https://errors.pydantic.dev/2.12/v/{kind}"
    )


def check_version(app: Workflow, workflow_id: str) -> None:
    """Refuse an id that is not the published version's."""
    if not is_uuid(workflow_id):
        raise ApiError(400, "bad_request", f"Invalid workflow_id format: '{workflow_id}'. ")
    if workflow_id != app.id:
        raise not_found(f"Workflow not found with id: {workflow_id}")


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
