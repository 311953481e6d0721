"""What all stream events have in common."""
# The functions beside the class are of it, too:
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast, final

from ._json import JSON, JSONObject, abridged, is_object
from ._reading import SHAPE_ERRORS, load, read
from .errors import InvalidResponseError

if TYPE_CHECKING:
    from dify_workflow_api.models import RunStatus

    from ._envelope import Envelope
    from ._sse import Data

DataT_co = TypeVar("DataT_co", covariant=True)
_new = object.__new__

_UNREAD: Any = object()
"""In the place of a payload that nobody has asked for."""


class StreamEvent(Generic[DataT_co]):
    """One message of a workflow stream, shaped like `WorkflowRunResponse`.

    Immutable, and equal to another one of its class with the same message.

    Args:
        raw: The message as it was decoded, never copied: the way to fields that this version of
            the client does not know yet.
    """

    _envelope: Envelope

    # By hand, because streams make hundreds of thousands: attrs takes twice as long for a frozen
    # class, and five times for the first look at a cached property.
    __slots__ = ("_data", "_envelope", "_raw")
    __match_args__ = ("raw",)

    _model: ClassVar[str | None] = None
    _payload_key: ClassVar[str | None] = "data"

    if not TYPE_CHECKING:

        def __class_getitem__(cls, _data: object) -> type[Self]:
            # Only type checkers ask of what the data is, and typing's answer takes most of the time
            # that the thirty classes of events take to be made.
            return cls

    def __init__(self, raw: JSONObject) -> None:
        self._raw: JSONObject | Data = raw  # bytes, while nobody has looked at them
        self._data: DataT_co = _UNREAD

    @property
    def raw(self) -> JSONObject:
        """The message as it was decoded: the way to fields that this version does not know yet.

        Raises:
            StreamDecodeError: It cannot be read.
        """
        raw = self._raw
        if not isinstance(raw, dict):
            self._raw = raw = self._envelope.whole(raw)
        return raw

    @property
    def event(self) -> str:
        """Name of the event, such as ``"text_chunk"``."""
        return str(self._head.get("event"))

    @property
    def id(self) -> str | None:
        """Id of the run (UUID); None where the event does not carry it."""
        return cast("str | None", self._head.get("workflow_run_id"))

    @property
    def task_id(self) -> str | None:
        """Id of the task, with which the run is stopped; None where the event does not carry it.

        The replay of a finished run carries the run id in its place (DIFY.md section 5), which
        stops nothing; that is None here.
        """
        task_id = self._head.get("task_id")
        return None if task_id == self.id else cast("str | None", task_id)

    @property
    def synthetic(self) -> bool:
        """Whether the client made the event itself, of what run detail says."""
        return bool(self._head.get("synthetic"))

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
    def data(self) -> DataT_co:
        """The payload as the generated model; built when first asked for.

        Raises:
            InvalidResponseError: The payload has not the shape that openapi.yaml gives it; `raw`
                still shows it.
            StreamDecodeError: The message cannot be read.
        """
        if self._data is _UNREAD:
            self._data = self._read()
        return self._data

    def _read(self) -> Any:
        raw, model = self._raw, self._model
        payload = self._payload if isinstance(raw, dict) else self._envelope.payload(raw)
        if model is None:
            return payload
        try:
            return read(load(model), payload)
        except SHAPE_ERRORS as error:
            raise InvalidResponseError(
                f"The event {self.event} does not have the expected shape ({error!r}): "
                f"{abridged(self.raw)}"
            ) from error

    @property
    def _head(self) -> JSONObject:
        """The message, maybe without its data."""
        raw = self._raw
        return raw if isinstance(raw, dict) else self._envelope.fields

    @property
    def _payload(self) -> JSON:
        raw = self._raw
        if not isinstance(raw, dict):
            return self._envelope.payload(raw)
        return raw.get(self._payload_key) if self._payload_key else raw

    def __repr__(self) -> str:
        try:
            shown = abridged(self.raw)
        except InvalidResponseError as error:  # a debugger must be able to show it
            shown = str(error)
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.raw == cast("StreamEvent[object]", other).raw

    __hash__ = None  # type: ignore[assignment]  # dicts have none either

    def __reduce__(self) -> tuple[type[StreamEvent[DataT_co]], tuple[JSONObject]]:
        return type(self), (self.raw,)


def unread_event(
    event_class: type[StreamEvent[object]], message: Data, envelope: Envelope
) -> StreamEvent[object]:
    """The event of a message that nobody has looked at yet.

    Args:
        event_class: Its class.
        message: The message.
        envelope: What it begins with.
    """
    event = _new(event_class)
    event._raw = message
    event._data = _UNREAD
    event._envelope = envelope
    return event


def unread_events(
    event_class: type[StreamEvent[object]], messages: Sequence[Data], envelope: Envelope
) -> list[StreamEvent[object]]:
    """The same of many messages, in two thirds of the time."""
    unread = _UNREAD
    events = list(map(_new, repeat(event_class, len(messages))))
    for event, message in zip(events, messages, strict=True):
        event._raw = message
        event._data = unread
        event._envelope = envelope
    return events


class FinalEvent(StreamEvent[DataT_co]):
    """An event that ends a stream: the run has ended or waits for people."""

    __slots__ = ()

    @property
    def status(self) -> RunStatus:
        """How the run ended, or ``"paused"``."""
        payload = self._payload
        return str(payload.get("status")) if is_object(payload) else "unknown"


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
        return self.raw.get("message") or None


@final
class UnknownEvent(StreamEvent[Any]):
    """An event that this version of the client does not know; its ``data`` is plain JSON."""

    __slots__ = ()
