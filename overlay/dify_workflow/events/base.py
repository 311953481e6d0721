"""The base classes of stream events."""

from __future__ import annotations

from base64 import b64decode, b64encode
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, final

from .._json import (
    JSON,
    SHAPE_ERRORS,
    JSONObject,
    abridged,
    is_object,
    load,
    misfit,
)
from .._record import Columns, columns, moment_of, text_of
from ..errors import InvalidResponseError
from ..outcomes import status_of

if TYPE_CHECKING:
    from dify_workflow_api.models import RunStatus

DataT_co = TypeVar("DataT_co", covariant=True)

_UNREAD: Any = object()
"""The value of `_data` until `data` is first read."""


class StreamEvent(Generic[DataT_co]):
    """One message of a workflow stream, with the same attributes as `WorkflowRunResponse`.

    Events are immutable. Two events are equal if they have the same class and the same message.

    Args:
        raw: The decoded message, not a copy. It has all fields, also those that this version of
            the client does not know.

    Example::

        with workflow.run_workflow_stream({"name": "Ann"}) as stream:
            for event in stream:
                print(event.event, event.node_title, event.status)
    """

    # Not an attrs class, because streams make hundreds of thousands of events. A frozen attrs class
    # takes twice as long, and five times for the first read of a cached property.
    __slots__ = ("_data", "_raw")
    __match_args__ = ("raw",)
    __dataclass_fields__: ClassVar[Columns] = columns(
        "event",
        "id",
        "task_id",
        "node_id",
        "node_title",
        "status",
        "error",
        "elapsed_time",
        "created_time",
        "payload",
    )

    _model: ClassVar[str | None] = None
    _payload_key: ClassVar[str | None] = "data"

    if not TYPE_CHECKING:

        def __class_getitem__(cls, _data: object) -> type[Self]:
            # Only type checkers need the type of the data, and typing's generic aliases would take
            # most of the import time of the thirty event classes.
            return cls

    def __init__(self, raw: JSONObject) -> None:
        self._raw = raw
        self._data: DataT_co = _UNREAD

    @property
    def raw(self) -> JSONObject:
        """The decoded message, with all fields, also those that this version does not know."""
        return self._raw

    @property
    def event(self) -> str:
        """Name of the event, such as ``"text_chunk"``."""
        return str(self._raw.get("event"))

    @property
    def id(self) -> str | None:
        """Id of the run (UUID); None if the event does not have it."""
        return _text(self._raw.get("workflow_run_id"))

    @property
    def task_id(self) -> str | None:
        """Id of the task, which you need to stop the run; None if the event does not have it.

        The replay of a finished run has the run id instead of a task id. This property is None
        then, because that id cannot stop anything.
        """
        task_id = _text(self._raw.get("task_id"))
        return None if task_id == self.id else task_id

    @property
    def synthetic(self) -> bool:
        """Whether the client made this event from run detail; the server did not send it."""
        return bool(self._raw.get("synthetic"))

    @property
    def status(self) -> RunStatus:
        """Status of the run: ``"running"``, except in final events."""
        return "running"

    @property
    def message(self) -> str | None:
        """The error text of the event; None if there is none."""
        payload = self._payload
        return (payload.get("error") or None) if is_object(payload) else None

    @property
    def error(self) -> str | None:
        """The error text; the same as `message`."""
        return self.message

    @property
    def node_id(self) -> str | None:
        """Id of the node that the event is about; None if it is not about a node."""
        return _text(self._value("node_id"))

    @property
    def node_title(self) -> str | None:
        """Title of the node; None if the event does not have it."""
        return _text(self._value("title") or self._value("node_title"))

    @property
    def elapsed_time(self) -> float | None:
        """Duration of the node or run in seconds; None if the event does not have it."""
        return _number(self._value("elapsed_time"))

    @property
    def created_time(self) -> datetime | None:
        """The ``created_at`` of the payload as a datetime in UTC; None if it does not have it."""
        return moment_of(_number(self._value("created_at")))

    @property
    def payload(self) -> JSON:
        """The decoded payload as plain JSON. `data` is the same as a model."""
        return self._payload

    def to_dict(self) -> JSONObject:
        """A copy of the decoded message (`raw`).

        Returns:
            The copy. If you change it, the event stays as it is.

        Example::

            for event in workflow.run_workflow_stream({"name": "Ann"}):
                print(event.to_dict()["event"])
        """
        return deepcopy(self._raw)

    def to_json(self, *, indent: int | None = None) -> str:
        """The message as JSON text.

        Args:
            indent: Spaces for each level; None, the default, puts everything on one line.

        Returns:
            JSON. Characters outside ASCII are not escaped.

        Example::

            with Path("events.jsonl").open("w", encoding="utf-8") as file:
                for event in workflow.run_workflow_stream({"name": "Ann"}):
                    print(event.to_json(), file=file)
        """
        return text_of(self._raw, indent)

    def _value(self, name: str) -> JSON:
        payload = self._payload
        return payload.get(name) if is_object(payload) else None

    @property
    def data(self) -> DataT_co:
        """The payload as a generated model. It is made when you first read it.

        Raises:
            InvalidResponseError: The payload does not have the expected shape. Use `raw` instead.
        """
        if self._data is _UNREAD:
            self._data = self._read()
        return self._data

    def _read(self) -> Any:
        key = self._payload_key
        payload: JSONObject | None = self._raw.get(key) if key else self._raw
        if self._model is None:
            return payload
        try:
            if not isinstance(payload, dict):
                raise TypeError
            return load(self._model).from_dict(payload)
        except SHAPE_ERRORS as error:
            reason = misfit(load(self._model), payload, error)
            failure = InvalidResponseError(
                f"The event {self.event} does not have the expected shape ({reason}): "
                f"{abridged(self._raw)}"
            )
            failure.run_id, failure.task_id = self.id, self.task_id
            raise failure from error

    @property
    def _payload(self) -> JSON:
        return self._raw.get(self._payload_key) if self._payload_key else self._raw

    def __repr__(self) -> str:
        return f"{type(self).__name__}({abridged(self._raw)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._raw == other._raw  # of the same class

    __hash__ = None  # type: ignore[assignment]  # dicts have no hash either

    def __reduce__(self) -> tuple[type[StreamEvent[DataT_co]], tuple[JSONObject]]:
        return type(self), (self.raw,)


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: JSON) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


class FinalEvent(StreamEvent[DataT_co]):
    """An event that ends a stream: the run has ended or waits for human input."""

    __slots__ = ()

    @property
    def status(self) -> RunStatus:
        """How the run ended, or ``"paused"``.

        It is ``"stopped"`` also if the server reports a stop as a failure.
        """
        payload = self._payload
        if not is_object(payload):
            return "unknown"
        return status_of(str(payload.get("status")), payload.get("error"))


class FailureEvent(StreamEvent[DataT_co]):
    """An event that reports that the run could not be started."""

    __slots__ = ()

    _payload_key: ClassVar[str | None] = None

    @property
    def status(self) -> RunStatus:
        """Always ``"failed"``."""
        return "failed"

    @property
    def message(self) -> str | None:
        """What went wrong."""
        return _text(self._raw.get("message")) or None


@final
class UnknownEvent(StreamEvent[Any]):
    """An event that this version of the client does not know. Its ``data`` is plain JSON."""

    __slots__ = ()


@final
class UnreadableEvent(StreamEvent[JSONObject]):
    """A message of the stream that is not an event: invalid JSON, plain text, a gateway's error.

    The client makes this event in place of the message, and the stream continues. ``data`` has the
    reason and the message, without the API key.
    """

    __slots__ = ()

    @classmethod
    def of(
        cls, reason: str, content: bytes, run_id: str | None, task_id: str | None
    ) -> UnreadableEvent:
        """The event for a message that cannot be read.

        Args:
            reason: What is wrong with it.
            content: The message, without the API key.
            run_id: Id of the run, if it is known.
            task_id: Id of the task, if it is known.

        Returns:
            The event.

        Example::

            event = UnreadableEvent.of("invalid JSON", b"<html>", None, None)
            assert (event.reason, event.content) == ("invalid JSON", b"<html>")
        """
        try:
            shown = {"text": content.decode()}
        except UnicodeDecodeError:
            shown = {"base64": b64encode(content).decode()}
        ids = {"workflow_run_id": run_id, "task_id": task_id}
        return cls({"event": "unreadable", **ids, "data": {"reason": reason, **shown}})

    @property
    def reason(self) -> str:
        """What is wrong with the message."""
        return str(self._raw["data"]["reason"])

    @property
    def content(self) -> bytes:
        """The bytes of the message, without the API key."""
        data: JSONObject = self._raw["data"]
        return b64decode(data["base64"]) if "base64" in data else str(data["text"]).encode()
