"""Lines to copy that run an app: for a shell, and in Python."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from .._json import JSON, JSONObject
from .workflows import Input, Workflow

_FILE: JSONObject = {
    "type": "document",
    "transfer_method": "remote_url",
    "url": "https://example.com/report.pdf",
}

_SAMPLES: dict[str, JSON] = {
    "number": 1,
    "checkbox": True,
    "json_object": {},
    "file": _FILE,
    "file-list": [_FILE],
}
"""A value by kind of input, for those that are no text."""


def curl(app: Workflow, base_url: str) -> str:
    """A shell line that runs an app and waits for it.

    Args:
        app: The app.
        base_url: Base URL of the server, with its ``/v1``.
    """
    body = {"inputs": samples(app.inputs), "response_mode": "blocking", "user": "curl"}
    data = shlex.quote(json.dumps(body, ensure_ascii=False))
    return (
        f"curl {shlex.quote(base_url)}/workflows/run \\\n"
        f"  -H {shlex.quote(f'Authorization: Bearer {app.key}')} \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {data}"
    )


def python(app: Workflow, base_url: str) -> str:
    """A Python program that runs an app and prints its outputs.

    Args:
        app: The app.
        base_url: Base URL of the server, with its ``/v1``.
    """
    return (
        "from dify_workflow import DifyWorkflow\n\n"
        f"with DifyWorkflow({app.key!r}, base_url={base_url!r}) as workflow:\n"
        f"    print(workflow.run_workflow({samples(app.inputs)!r}).outputs)"
    )


def samples(inputs: Iterable[Input]) -> JSONObject:
    """A value for each input that a run needs.

    Args:
        inputs: The inputs of an app.
    """
    return {each.name: _sample(each) for each in inputs if each.required}


def _sample(field: Input) -> JSON:
    if field.default is not None:
        return field.default
    if field.options:
        return field.options[0]
    return _SAMPLES.get(field.type, "text"[: field.max_length])
