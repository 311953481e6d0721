"""What all stream events have in common."""

from __future__ import annotations

from base64 import b64decode, b64encode
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, final

from .._json import JSON, SHAPE_ERRORS, JSONObject, abridged, is_object, load
from .._record import Columns, columns, moment_of, text_of
from ..errors import InvalidResponseError
from ..outcomes import status_of

if TYPE_CHECKING:
    from dify_workflow_api.models import RunStatus

DataT_co = TypeVar("DataT_co", covariant=True)

_UNREAD: Any = object()
"""In the place of a payload that nobody has asked for."""


class StreamEvent(Generic[DataT_co]):
    """One message of a workflow stream, shaped like `WorkflowRunResponse`.

    Immutable, and equal to another one of its class with the same message.

    Args:
        raw: The message as it was decoded, never copied: the way to fields that this version of
            the client does not know yet.
    """

    # By hand, because streams make hundreds of thousands: attrs takes twice as long for a frozen
    # class, and five times for the first look at a cached property.
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
            # Only type checkers ask of what the data is, and typing's answer takes most of the time
            # that the thirty classes of events take to be made.
            return cls

    def __init__(self, raw: JSONObject) -> None:
        self._raw = raw
        self._data: DataT_co = _UNREAD

    @property
    def raw(self) -> JSONObject:
        """The message as it was decoded: the way to fields that this version does not know yet."""
        return self._raw

    @property
    def event(self) -> str:
        """Name of the event, such as ``"text_chunk"``."""
        return str(self._raw.get("event"))

    @property
    def id(self) -> str | None:
        """Id of the run (UUID); None where the event does not carry it."""
        return _text(self._raw.get("workflow_run_id"))

    @property
    def task_id(self) -> str | None:
        """Id of the task, with which the run is stopped; None where the event does not carry it.

        The replay of a finished run carries the run id in its place, which stops nothing; that is
        None here.
        """
        task_id = _text(self._raw.get("task_id"))
        return None if task_id == self.id else task_id

    @property
    def synthetic(self) -> bool:
        """Whether the client made the event itself, of what run detail says."""
        return bool(self._raw.get("synthetic"))

    @property
    def status(self) -> RunStatus:
        """State of the run: ``"running"`` until a final event says otherwise."""
        return "running"

    @property
    def message(self) -> str | None:
        """The error text that the event carries; None where there is none."""
        payload = self._payload
        return (payload.get("error") or None) if is_object(payload) else None

    @property
    def error(self) -> str | None:
        """The error text, as `message`."""
        return self.message

    @property
    def node_id(self) -> str | None:
        """Id of the node that the event is of; None where it is of none."""
        return _text(self._value("node_id"))

    @property
    def node_title(self) -> str | None:
        """Title of the node; None where the event does not carry it."""
        return _text(self._value("title") or self._value("node_title"))

    @property
    def elapsed_time(self) -> float | None:
        """Duration of the node or run in seconds; None where the event does not carry it."""
        return _number(self._value("elapsed_time"))

    @property
    def created_time(self) -> datetime | None:
        """The ``created_at`` of the payload as a datetime in UTC; None where it carries none."""
        return moment_of(_number(self._value("created_at")))

    @property
    def payload(self) -> JSON:
        """The payload as it was decoded, of which `data` is the model."""
        return self._payload

    def to_dict(self) -> JSONObject:
        """The message as it was decoded (`raw`), as a copy."""
        return deepcopy(self._raw)

    def to_json(self, *, indent: int | None = None) -> str:
        """The message as JSON text.

        Args:
            indent: Spaces for each level; by default all on one line.
        """
        return text_of(self._raw, indent)

    def _value(self, name: str) -> JSON:
        payload = self._payload
        return payload.get(name) if is_object(payload) else None

    @property
    def data(self) -> DataT_co:
        """The payload as the generated model; built when first asked for.

        Raises:
            InvalidResponseError: The payload does not have the shape that openapi.yaml gives it;
                `raw` still shows it.
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
                raise TypeError(f"its payload is no JSON object but {type(payload).__name__}")
            return load(self._model).from_dict(payload)
        except SHAPE_ERRORS as error:
            failure = InvalidResponseError(
                f"The event {self.event} does not have the expected shape ({error!r}): "
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

    __hash__ = None  # type: ignore[assignment]  # dicts have none either

    def __reduce__(self) -> tuple[type[StreamEvent[DataT_co]], tuple[JSONObject]]:
        return type(self), (self.raw,)


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: JSON) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


class FinalEvent(StreamEvent[DataT_co]):
    """An event that ends a stream: the run has ended or waits for people."""

    __slots__ = ()

    @property
    def status(self) -> RunStatus:
        """How the run ended, or ``"paused"``; a stop that the server calls a failure is a stop."""
        payload = self._payload
        if not is_object(payload):
            return "unknown"
        return status_of(str(payload.get("status")), payload.get("error"))


class FailureEvent(StreamEvent[DataT_co]):
    """An event that reports that the run could not be set up."""

    __slots__ = ()

    _payload_key: ClassVar[str | None] = None

    @property
    def status(self) -> RunStatus:
        """``"failed"``."""
        return "failed"

    @property
    def message(self) -> str | None:
        """What went wrong."""
        return _text(self._raw.get("message")) or None


@final
class UnknownEvent(StreamEvent[Any]):
    """An event that this version of the client does not know; its ``data`` is plain JSON."""

    __slots__ = ()


@final
class UnreadableEvent(StreamEvent[JSONObject]):
    """A message of the stream that is no event: broken JSON, plain text, a gateway's error.

    It is delivered in its place, and the stream goes on. The client makes this event itself;
    ``data`` has the reason and what came, without the API key.
    """

    __slots__ = ()

    @classmethod
    def of(
        cls, reason: str, content: bytes, run_id: str | None, task_id: str | None
    ) -> UnreadableEvent:
        """The event for a message that cannot be read.

        Args:
            reason: What is wrong with it.
            content: What came, without the API key.
            run_id: Id of the run, where it is known.
            task_id: Id of the task, where it is known.
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
        """What came, without the API key."""
        data: JSONObject = self._raw["data"]
        return b64decode(data["base64"]) if "base64" in data else str(data["text"]).encode()
