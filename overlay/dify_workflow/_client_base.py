"""What both clients decide; they themselves only send."""

from __future__ import annotations

from typing import Any, Generic, Protocol, Self, TypeVar

from ._operations import Operation
from ._options import Options
from ._preparation import InputForms, Preparation
from ._secret import ApiKey
from ._stream_core import StreamCore
from ._transport import Call, Versions, call_for
from .errors import InvalidRequestError

T = TypeVar("T")


class AnyTransport(Protocol):
    """What both transports have."""

    versions: Versions


TransportT = TypeVar("TransportT", bound=AnyTransport)


class ClientBase(Generic[TransportT]):
    """Options, connections and what is remembered between calls.

    Args:
        options: How the client is set up.
        transport: What it sends with; copies share it.
    """

    def __init__(self, options: Options, transport: TransportT) -> None:
        self._options = options
        self._transport = transport
        self._owns_transport = True
        self._forms = InputForms()

    @property
    def base_url(self) -> str:
        """Base URL of the server, without a slash at its end."""
        return self._options.base_url

    @property
    def user_id(self) -> str:
        """Who runs are for, where a request does not say."""
        return self._options.user_id

    @property
    def server_version(self) -> str | None:
        """Version of the server, such as ``"1.14.2"``; None until it has answered.

        Proxies may drop the header that says it (X-Version).
        """
        return self._transport.versions[self._options.base_url]

    def __repr__(self) -> str:
        if not hasattr(self, "_options"):  # a debugger looks at a constructor that failed
            return f"<{type(self).__name__} without options>"
        return f"{type(self).__name__}(base_url={self.base_url!r}, user_id={self.user_id!r})"

    def _call(self, operation: Operation[T], key: ApiKey | None) -> Call[T]:
        return call_for(self._options, operation, self._options.key(key))

    def _preparation(self, name: str) -> Preparation:
        return Preparation(name, self._options, self._transport.versions, self._forms)

    def _core(
        self, name: str, *, run_id: str | None = None, ends_at_pause: bool = True
    ) -> StreamCore:
        return StreamCore(
            name,
            max_event_bytes=self._options.max_event_bytes,
            ends_at_pause=ends_at_pause,
            run_id=run_id,
        )

    def _copy(self, transport: TransportT | None, **changes: Any) -> Self:
        """A copy with other options, whose closing leaves the connections open."""
        copy = object.__new__(type(self))
        copy._options = self._options.changed(**changes)
        copy._transport = transport or self._transport
        copy._owns_transport = False
        copy._forms = self._forms
        return copy


def checked_mode(response_mode: str) -> None:
    """Refuse a response mode that there is not.

    Raises:
        InvalidRequestError: It is neither of the two.
    """
    if response_mode not in {"streaming", "blocking"}:
        raise InvalidRequestError(
            f"response_mode must be 'streaming' or 'blocking', not {response_mode!r}."
        )
