"""What a workflow of the emulator does, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs

from .._json import JSON, JSONObject


@attrs.frozen
class BeginNode:
    """A node starts.

    Args:
        id: Id of the node in the workflow.
        type: Kind of the node, such as ``"llm"``, ``"code"`` or ``"http-request"``.
        title: Title of the node; by default its id.
        inputs: Inputs of the node, which its end shows.
    """

    id: str
    type: str = "code"
    title: str | None = None
    inputs: JSONObject = attrs.field(factory=dict[str, JSON])


@attrs.frozen
class EndNode:
    """The node that started last under this id has ended.

    Args:
        id: Id of the node in the workflow.
        outputs: Outputs of the node.
        status: How it ended: ``"succeeded"``, ``"failed"`` or ``"exception"``.
        error: Error text.
        metadata: What it cost: ``total_tokens``, ``total_price``, ``currency``.
    """

    id: str
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])
    status: str = "succeeded"
    error: str | None = None
    metadata: JSONObject | None = None


@attrs.frozen
class Text:
    """A piece of text is streamed.

    Args:
        text: The piece.
        selector: Node id and variable that it comes from.
    """

    text: str
    selector: Sequence[str] = ("end", "answer")


@attrs.frozen
class Sleep:
    """Time passes.

    Args:
        seconds: How much.
    """

    seconds: float


@attrs.frozen
class Outputs:
    """The workflow has these outputs; for async generators, which cannot return any.

    Args:
        values: Value by name of the output.
    """

    values: JSONObject


Step: TypeAlias = BeginNode | EndNode | Text | Sleep | Outputs


class NodeError(Exception):
    """Raised in a workflow: the run fails with this text."""


def node(
    id: str,
    *,
    type: str = "code",
    title: str | None = None,
    inputs: JSONObject | None = None,
    outputs: JSONObject | None = None,
    seconds: float = 0.0,
) -> Iterator[Step]:
    """A node from start to end, for ``yield from``.

    Args:
        id: Id of the node in the workflow.
        type: Kind of the node.
        title: Title of the node; by default its id.
        inputs: Inputs of the node.
        outputs: Outputs of the node.
        seconds: How long it takes.
    """
    yield BeginNode(id, type, title, inputs or {})
    if seconds:
        yield Sleep(seconds)
    yield EndNode(id, outputs or {})


def failing_node(
    id: str, error: str, *, type: str = "code", title: str | None = None
) -> Iterator[Step]:
    """A node that fails, and the run with it, for ``yield from``.

    Args:
        id: Id of the node in the workflow.
        error: Error text.
        type: Kind of the node.
        title: Title of the node; by default its id.

    Raises:
        NodeError: Always, at the end.
    """
    yield BeginNode(id, type, title)
    yield EndNode(id, status="failed", error=error)
    raise NodeError(error)


def llm(
    id: str,
    pieces: Sequence[str],
    *,
    title: str | None = None,
    prompt: str = "",
    delay: float = 0.0,
) -> Iterator[Step]:
    """A model node that streams its text and counts a token a piece, for ``yield from``.

    Args:
        id: Id of the node in the workflow.
        pieces: The text, piece by piece.
        title: Title of the node; by default its id.
        prompt: What the model was asked.
        delay: Seconds before each piece.
    """
    yield BeginNode(id, "llm", title, {"prompt": prompt})
    for piece in pieces:
        if delay:
            yield Sleep(delay)
        yield Text(piece, (id, "text"))
    usage = {"total_tokens": len(pieces), "total_price": "0", "currency": "USD"}
    yield EndNode(id, {"text": "".join(pieces), "usage": usage}, metadata=usage)
