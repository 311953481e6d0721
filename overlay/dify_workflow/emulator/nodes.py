"""Ready-made nodes, each from start to end, for ``yield`` or ``yield from``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from .._json import JSON, JSONObject
from .workflows import (
    BeginNode,
    EndNode,
    FormAction,
    FormAnswer,
    FormInput,
    HumanInput,
    Iteration,
    Loop,
    NodeError,
    Parallel,
    RetryNode,
    Sleep,
    Step,
    Steps,
    Text,
)


def node(
    id: str,
    *,
    type: str = "code",
    title: str | None = None,
    inputs: JSONObject | None = None,
    outputs: JSONObject | None = None,
    seconds: float = 0.0,
) -> Generator[Step, Any, JSONObject]:
    """A node.

    Args:
        id: Id of the node in the workflow.
        type: Kind of the node.
        title: Title of the node; by default its id.
        inputs: Inputs of the node.
        outputs: Outputs of the node.
        seconds: How long it takes.

    Returns:
        Its outputs.

    Example::

        @workflow()
        def search(_inputs):
            found = yield from node("search", title="Search", outputs={"hits": 3}, seconds=0.1)
            return {"hits": found["hits"]}
    """
    yield BeginNode(id, type, title, inputs or {})
    if seconds:
        yield Sleep(seconds)
    yield EndNode(id, outputs or {})
    return outputs or {}


def http_request(
    id: str,
    *,
    seconds: float = 1.0,
    status_code: int = 200,
    body: str = "{}",
    title: str | None = None,
) -> Generator[Step, Any, JSONObject]:
    """A node that sends a request to another server.

    Args:
        id: Id of the node in the workflow.
        seconds: How long it takes.
        status_code: HTTP status of the other server's answer.
        body: Body of the other server's answer.
        title: Title of the node; by default its id.

    Returns:
        Its outputs, with ``status_code`` and ``body``.

    Example::

        @workflow()
        def fetch(_inputs):
            answer = yield from http_request("fetch", seconds=0.1, body="Hello")
            return {"body": answer["body"]}
    """
    yield BeginNode(id, "http-request", title)
    yield Sleep(seconds)
    outputs: JSONObject = {"status_code": status_code, "body": body, "headers": {}, "files": []}
    yield EndNode(id, outputs, process_data={"request": "GET / HTTP/1.1\r\n\r\n"})
    return outputs


def llm(
    id: str,
    pieces: Sequence[str],
    *,
    title: str | None = None,
    prompt: str = "",
    delay: float = 0.0,
) -> Generator[Step, Any, str]:
    """A model node that streams its text and counts one token for each piece.

    Args:
        id: Id of the node in the workflow.
        pieces: The text, piece by piece.
        title: Title of the node; by default its id.
        prompt: The prompt of the model.
        delay: Seconds before each piece.

    Returns:
        The text.

    Example::

        @workflow()
        def write(_inputs):
            text = yield from llm("write", ["Once ", "upon ", "a time."], delay=0.05)
            return {"text": text}
    """
    yield BeginNode(id, "llm", title)
    for piece in pieces:
        if delay:
            yield Sleep(delay)
        yield Text(piece, (id, "text"), of_model=True)
    text = "".join(pieces)
    usage = _usage(prompt, len(pieces))
    metadata = {key: usage[key] for key in ("total_tokens", "total_price", "currency")}
    process_data: JSONObject = {
        "model_mode": "chat",
        "prompts": [{"role": "user", "text": prompt, "files": []}],
        "usage": usage,
        "finish_reason": "stop",
        "model_provider": "emulator",
        "model_name": "parrot",
    }
    outputs: JSONObject = {
        "text": text,
        "reasoning_content": "",
        "usage": usage,
        "finish_reason": "stop",
    }
    yield EndNode(id, outputs, metadata=metadata, process_data=process_data)
    return text


def _usage(prompt: str, pieces: int) -> JSONObject:
    asked = len(prompt.split())
    usage: JSONObject = {"total_tokens": asked + pieces, "total_price": "0", "currency": "USD"}
    for name, tokens in (("prompt", asked), ("completion", pieces)):
        usage[f"{name}_tokens"] = tokens
        prices = (f"{name}_unit_price", f"{name}_price_unit", f"{name}_price")
        usage |= dict.fromkeys(prices, "0")
    return usage | {"latency": 0.0, "time_to_first_token": None, "time_to_generate": None}


def failing_node(
    id: str, error: str, *, type: str = "code", title: str | None = None
) -> Generator[Step, Any, None]:
    """A node that fails, and makes the run fail.

    Args:
        id: Id of the node in the workflow.
        error: Error text.
        type: Kind of the node.
        title: Title of the node; by default its id.

    Returns:
        Nothing: it raises.

    Raises:
        NodeError: Always, at the end.

    Example::

        @workflow()
        def broken(_inputs):
            yield from failing_node("divide", "ZeroDivisionError: division by zero")
            return {}
    """
    yield BeginNode(id, type, title)
    yield EndNode(id, status="failed", error=error)
    raise NodeError(error)


def handled_failure(
    id: str,
    error: str,
    *,
    outputs: JSONObject | None = None,
    type: str = "code",
    title: str | None = None,
) -> Generator[Step, Any, JSONObject]:
    """A node whose failure the workflow handles.

    The failure is handled by a default value or a fail branch. The run ends ``partial-succeeded``.

    Args:
        id: Id of the node in the workflow.
        error: Error text.
        outputs: The outputs in place of its own.
        type: Kind of the node.
        title: Title of the node; by default its id.

    Returns:
        Its outputs, with ``error_message`` and ``error_type``.

    Example::

        @workflow()
        def careful(_inputs):
            outputs = yield from handled_failure("ask", "no answer", outputs={"text": "none"})
            return {"text": outputs["text"]}
    """
    shown = {**(outputs or {}), "error_message": error, "error_type": "CodeNodeError"}
    yield BeginNode(id, type, title)
    yield EndNode(id, shown, status="exception", error=error)
    return shown


def retrying_node(
    id: str,
    error: str,
    *,
    retries: int = 2,
    outputs: JSONObject | None = None,
    type: str = "http-request",
    title: str | None = None,
    seconds: float = 0.0,
) -> Generator[Step, Any, JSONObject]:
    """A node that fails and is retried.

    Args:
        id: Id of the node in the workflow.
        error: Error text of each failure.
        retries: The number of retries.
        outputs: Outputs of the last attempt; None if it fails too and the run fails.
        type: Kind of the node.
        title: Title of the node; by default its id.
        seconds: How long each attempt takes.

    Returns:
        Its outputs.

    Raises:
        NodeError: The last attempt failed.

    Example::

        @workflow()
        def patient(_inputs):
            outputs = yield from retrying_node("fetch", "no answer", outputs={"body": "at last"})
            return outputs
    """
    yield BeginNode(id, type, title)
    for _ in range(retries):
        yield Sleep(seconds)
        yield RetryNode(id, error)
    yield Sleep(seconds)
    if outputs is None:
        yield EndNode(id, status="failed", error=error)
        raise NodeError(error)
    yield EndNode(id, outputs)
    return outputs


def iteration(
    id: str,
    items: Sequence[JSON],
    each: Callable[[Any, int], Steps],
    *,
    title: str | None = None,
    parallel: bool = False,
    on_error: str = "terminated",
) -> Generator[Step, Any, list[JSON]]:
    """An iteration. See `Iteration` for the arguments.

    Returns:
        The results of the items.

    Example::

        @workflow()
        def shout(_inputs):
            each = lambda word, _index: node("shout", outputs={"text": word.upper()})
            results = yield from iteration("words", ["one", "two"], each)
            return {"texts": [result["text"] for result in results]}
    """
    results: list[JSON] = yield Iteration(id, items, each, title, parallel, on_error)
    return results


def loop(
    id: str,
    each: Callable[[int, JSONObject], Steps],
    *,
    rounds: int = 10,
    variables: JSONObject | None = None,
    title: str | None = None,
) -> Generator[Step, Any, JSONObject]:
    """A loop. See `Loop` for the arguments.

    Returns:
        The variables after the last round.

    Example::

        @workflow()
        def count(_inputs):
            each = lambda _index, last: node("add", outputs={"n": last["n"] + 1})
            variables = yield from loop("loop", each, rounds=3, variables={"n": 0})
            return {"n": variables["n"]}
    """
    last: JSONObject = yield Loop(id, each, rounds, variables or {}, title)
    return last


def parallel(*branches: Steps) -> Generator[Step, Any, list[JSON]]:
    """Branches that run in parallel.

    Args:
        branches: The steps of each branch.

    Returns:
        The results of the branches, in their order.

    Example::

        @workflow()
        def both(_inputs):
            first, second = (node(name, outputs={"name": name}) for name in ("first", "second"))
            results = yield from parallel(first, second)
            return {"names": [result["name"] for result in results]}
    """
    results: list[JSON] = yield Parallel(branches)
    return results


def human_input(
    id: str,
    content: str,
    *,
    inputs: Sequence[FormInput] = (),
    actions: Sequence[FormAction] = (FormAction("submit", "Submit", "primary"),),
    values: Mapping[str, str] | None = None,
    title: str | None = None,
    timeout: float = 86_400.0,
) -> Generator[Step, Any, FormAnswer]:
    """A node that waits for a person. See `HumanInput` for the arguments.

    Returns:
        The person's answer.

    Example::

        @workflow()
        def ask(_inputs):
            buttons = [FormAction("yes", "Yes"), FormAction("no", "No")]
            answer = yield from human_input("ask", "Shall we go on?", actions=buttons)
            return {"answer": answer.action}
    """
    answer: FormAnswer = yield HumanInput(
        id, content, inputs, actions, values or {}, title, timeout
    )
    return answer
