"""The options of a client or a call: defaults, environment variables, checks, and the deadline."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeGuard, final
from urllib.parse import urlsplit

import attrs
import httpx

from .._json import is_text
from .._secret import ApiKey, wrap
from ..errors import ConfigurationError, DifyError, InvalidRequestError
from ..models.run import DEFAULT_USER

if TYPE_CHECKING:
    from ..tracing import Tracing
    from .answer import ResponseInfo

Timeout: TypeAlias = float | httpx.Timeout | None
"""Seconds without progress after which a phase of a call times out; None for no timeout."""

CLOUD_URL = "https://api.dify.ai/v1"
"""Base URL of Dify Cloud."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""The longest answer that is accepted by default (bytes), not counting streams."""

MAX_USER_LENGTH = 255
"""The most characters of a `user`. The server answers 500 to more."""

QUEUE_TIMEOUT = 60.0
"""Seconds that a call waits in total for the app's concurrency limit."""


@final
class NotGiven:
    """The type of `NOT_GIVEN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven()
"""The default of options for which None has a meaning of its own, such as `timeout`."""


_TICK = 0.01
"""A deadline counts as passed this many seconds early, because clocks have a resolution."""

_SHORTEST = 0.001
"""The shortest timeout for a socket (seconds). 0 would mean: do not wait at all."""

_LONGEST = 1e6
"""The longest timeout that sockets accept on all systems (seconds; eleven days)."""

_FAR = 1e9
"""The longest deadline (seconds; thirty years), so that it can be added to a clock."""


class Deadline:
    """The time by which a call of a method must be over. It starts now.

    Args:
        method: Name of the method, for messages.
        seconds: How long the call may take.
        stops: Whether to stop its run at the deadline.
    """

    __slots__ = ("_end", "method", "seconds", "stops")

    def __init__(self, method: str = "", seconds: float = math.inf, *, stops: bool = False) -> None:
        self.method = method
        self.seconds = seconds
        self.stops = stops
        self._end = time.monotonic() + seconds

    @property
    def is_set(self) -> bool:
        """Whether there is a deadline."""
        return self.seconds < math.inf

    @property
    def left(self) -> float:
        """Seconds until the deadline: infinity if there is none, 0 if it has passed."""
        return max(0.0, self._end - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether the deadline has passed."""
        return self.left <= _TICK

    def bound(self, seconds: float | None = None) -> float | None:
        """The timeout of a wait: `seconds`, or the time until the deadline if that is shorter."""
        left = self.left
        if left == math.inf:
            return seconds
        return max(_SHORTEST, min(left, _LONGEST if seconds is None else seconds))


NO_DEADLINE = Deadline()
"""A deadline that never passes."""


def checked_url(url: str) -> str:
    """Return the base URL without a slash at its end if it is valid.

    Raises:
        ConfigurationError: It has no scheme or host, or it has a user name, a password, a query or
            a fragment.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The base URL is not a URL: {error}; one looks like {CLOUD_URL}."
        ) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("The base URL must not contain a user name or a password.")
    problem = None
    if any(character.isspace() for character in url):
        problem = "contains white space"
    elif parts.scheme not in {"http", "https"}:
        problem = "must start with http:// or https://"
    elif not host:
        problem = "has no host"
    elif ":" not in host and not all(0 < len(label) <= 63 for label in host.strip(".").split(".")):  # noqa: PLR2004  # RFC 1035
        problem = "has an invalid host name"
    elif parts.query or parts.fragment:
        problem = "must not have a query or a fragment"
    if problem:
        raise ConfigurationError(f"The base URL {url!r} {problem}; one looks like {CLOUD_URL}.")
    return url.rstrip("/")


def checked_user(user: str, error: type[DifyError] = InvalidRequestError) -> str:
    """Return the user if it is valid.

    Args:
        user: The user.
        error: The class of the error to raise.

    Raises:
        InvalidRequestError: It is not a string, or it is empty or longer than 255 characters.
    """
    if not isinstance(user, str) or not user:
        raise error(f"user_id must be a string that is not empty, not {user!r}.")
    if not is_text(user):
        raise error("user_id has half a surrogate pair, which UTF-8 cannot encode; remove it.")
    if len(user) > MAX_USER_LENGTH:
        raise error(f"user_id has {len(user)} characters; Dify takes at most {MAX_USER_LENGTH}.")
    return user


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def checked_timeout(
    timeout: Timeout | NotGiven, error: type[DifyError] = ConfigurationError
) -> Timeout | NotGiven:
    """Return the timeout if it is valid.

    Args:
        timeout: The timeout.
        error: The class of the error to raise.

    Raises:
        ConfigurationError: It is not a number of seconds, an `httpx.Timeout` or None.
    """
    if _is_number(timeout) and 0 < timeout < math.inf:
        return timeout
    if isinstance(timeout, int | float | str | bytes | dict):
        raise error(
            "timeout must be a number of seconds above zero, an httpx.Timeout, or None for no "
            f"bound, not {timeout!r}."
        )
    return timeout


def deadline_in(seconds: float | None, method: str, *, stops: bool = False) -> Deadline:
    """The deadline of a method that is called now.

    Args:
        seconds: How long the call may take; None for no deadline.
        method: Name of the method.
        stops: Whether to stop its run at the deadline.

    Raises:
        InvalidRequestError: It is not a number of seconds, or `stops` is set without a deadline.
    """
    if seconds is None:
        if stops:
            raise InvalidRequestError(
                f"{method}: stop_on_deadline needs a deadline; pass deadline=SECONDS."
            )
        return NO_DEADLINE
    if not _is_number(seconds) or not 0 < seconds < math.inf:
        raise InvalidRequestError(
            f"{method}: deadline must be a number of seconds above zero, or None for none, not "
            f"{seconds!r}."
        )
    return Deadline(method, float(min(seconds, _FAR)), stops=stops)


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_OWN_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type"}
    | {"expect", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that the client sets itself: for the key, the body and the connection."""


def checked_headers(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return extra headers, with names in lower case, if they are valid.

    Raises:
        InvalidRequestError: A name or a value is invalid, or the client sets the header itself.
    """
    if headers is None:
        return None
    if not isinstance(headers, Mapping):
        kind = type(headers).__name__
        raise InvalidRequestError(
            f"extra_headers must be a dict of header names and values, not {kind}."
        )
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise InvalidRequestError(f"extra_headers: {name!r} is not a valid header name.")
        if name.lower() in _OWN_HEADERS:
            raise InvalidRequestError(
                f"extra_headers: the client sets {name} itself; leave it out."
            )
        if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
            # The value is not shown, because it may be a secret of a gateway.
            raise InvalidRequestError(
                f"extra_headers: the value of {name} must be ASCII characters on one line."
            )
    return {name.lower(): value for name, value in headers.items()}


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_whole(value: object, lowest: int) -> bool:
    return isinstance(value, int) and value >= lowest


def _is_above_zero_or_none(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and value > 0)


def _is_queue_timeout(value: object) -> bool:
    return isinstance(value, NotGiven) or (_is_number(value) and 0 <= value < math.inf)


def _are_statuses(value: Collection[object]) -> bool:
    if not isinstance(value, Collection) or isinstance(value, str | bytes):
        return False
    return all(isinstance(one, int) and 400 <= one < 600 for one in value)  # noqa: PLR2004  # RFC 9110


_WHOLE_FROM_0 = (partial(_is_whole, lowest=0), "a whole number, 0 or more")
_WHOLE_FROM_1 = (partial(_is_whole, lowest=1), "a whole number, 1 or more")
_SECONDS_OR_NONE = (_is_above_zero_or_none, "a number of seconds above zero, or None for no bound")
_TRUE_OR_FALSE = (_is_bool, "True or False")

_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_retries": _WHOLE_FROM_0,
    "max_reattach": _WHOLE_FROM_0,
    "max_event_bytes": _WHOLE_FROM_1,
    "max_answer_bytes": _WHOLE_FROM_1,
    "lost_run_timeout": _SECONDS_OR_NONE,
    "start_timeout": _SECONDS_OR_NONE,
    "queue_timeout": (_is_queue_timeout, "a number of seconds, or 0 for no wait"),
    "at_least_once": _TRUE_OR_FALSE,
    "check_inputs": _TRUE_OR_FALSE,
    "recover": _TRUE_OR_FALSE,
    "on_response": (lambda value: value is None or callable(value), "a function"),
    "not_sent_statuses": (_are_statuses, "a set of HTTP statuses from 400 to 599, such as {503}"),
}
"""For each option: whether a value is valid, and what it must be, for the message."""

_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "api_key": lambda key: key and key.checked(),
    "base_url": checked_url,
    "user_id": partial(checked_user, error=ConfigurationError),
    "timeout": checked_timeout,
    "not_sent_statuses": frozenset,
}
"""For each option: the function that checks and converts its value."""


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    # Not attrs converters, so that a debugger can show a refused value.
    for name, (is_valid, what) in _RULES.items():
        if name in options and not is_valid(options[name]):
            raise ConfigurationError(f"{name} must be {what}, not {options[name]!r}.")
    return {
        name: _CONVERTERS[name](value) if name in _CONVERTERS else value
        for name, value in options.items()
    }


_MAY_BE_NONE = ("timeout", "lost_run_timeout", "start_timeout")
"""Options for which None is a value."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Options:
    """The options of a client or a call; `DifyWorkflow` documents them.

    Only the options of a call can have a `deadline` and `extra_headers`.
    """

    api_key: ApiKey | None
    base_url: str
    user_id: str
    timeout: Timeout | NotGiven
    max_retries: int
    queue_timeout: float | NotGiven
    start_timeout: float | None
    not_sent_statuses: frozenset[int]
    at_least_once: bool
    check_inputs: bool
    recover: bool
    max_reattach: int
    lost_run_timeout: float | None
    max_event_bytes: int
    max_answer_bytes: int
    tracing: Tracing | Literal[False] = False
    deadline: Deadline = NO_DEADLINE
    extra_headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    on_response: Callable[[ResponseInfo], object] | None = None

    def __attrs_post_init__(self) -> None:
        if self.at_least_once and not self.recover:
            raise ConfigurationError(
                "at_least_once needs recover: a run is looked for before it is sent again."
            )

    @classmethod
    def with_environment(
        cls,
        *,
        api_key: ApiKey | None,
        base_url: str | None,
        user_id: str | None,
        **others: Any,
    ) -> Options:
        """Options with defaults from DIFY_API_KEY, DIFY_BASE_URL and DIFY_USER, if not empty.

        Raises:
            ConfigurationError: An option is invalid.
        """
        if api_key is None:
            api_key = wrap(os.environ.get("DIFY_API_KEY") or None)
        if base_url is None:
            base_url = os.environ.get("DIFY_BASE_URL") or CLOUD_URL
        if user_id is None:
            user_id = os.environ.get("DIFY_USER") or DEFAULT_USER
        options = {"api_key": api_key, "base_url": base_url, "user_id": user_id, **others}
        return cls(**_checked(options))

    def changed(self, **given: Any) -> Options:
        """A copy with the options that are given: not None and not `NOT_GIVEN`.

        None is a value of `timeout`, `lost_run_timeout` and `start_timeout`: no timeout.

        Raises:
            ConfigurationError: An option is invalid.
        """
        changes = {
            name: value
            for name, value in given.items()
            if value is not getattr(self, name)
            and not isinstance(value, NotGiven)
            and (value is not None or name in _MAY_BE_NONE)
        }
        return attrs.evolve(self, **_checked(changes)) if changes else self

    @property
    def queue_seconds(self) -> float:
        """Seconds to wait for the concurrency limit; 0 by default if `max_retries` is 0."""
        if isinstance(self.queue_timeout, NotGiven):
            return QUEUE_TIMEOUT if self.max_retries else 0.0
        return self.queue_timeout

    def for_app(self, api_key: ApiKey | None, user_id: str | None) -> Options:
        """A copy with the key and the user of a request, if they are given.

        Raises:
            ConfigurationError: The key is invalid.
            InvalidRequestError: The user is invalid, or an extra header contains the key.
        """
        user_id = None if user_id is None else checked_user(user_id)
        options = self.changed(api_key=api_key, user_id=user_id)
        for name, value in options.extra_headers.items():
            if options.api_key is not None and options.api_key.hide_in(value) != value:
                raise InvalidRequestError(f"extra_headers: {name} must not contain the API key.")
        return options

    def key(self) -> ApiKey:
        """The API key of the app.

        Raises:
            ConfigurationError: There is no API key.
        """
        if self.api_key is None:
            raise ConfigurationError(
                "No API key: pass api_key to the client or the request, or set DIFY_API_KEY."
            )
        return self.api_key
