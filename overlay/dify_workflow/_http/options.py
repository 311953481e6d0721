"""The options of a client: where they come from, and what makes one invalid."""

from __future__ import annotations

import math
import os
import re
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
from .deadline import NO_DEADLINE, Deadline

if TYPE_CHECKING:
    from ..tracing import Tracing
    from .answer import ResponseInfo

Timeout: TypeAlias = float | httpx.Timeout | None
"""Seconds that each phase of a call may make no progress; None for no bound."""

CLOUD_URL = "https://api.dify.ai/v1"
"""Base URL of Dify Cloud."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Longest answer that is read whole, by default."""

MAX_USER_LENGTH = 255
"""Most characters of a `user`; the server answers 500 to more."""

QUEUE_TIMEOUT = 60.0
"""Seconds that a call waits, all in all, for the app's concurrency limit."""


@final
class NotGiven:
    """The type of `NOT_GIVEN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven()
"""Stands for an option that was left out, where None has a meaning of its own."""


def checked_url(url: str) -> str:
    """The base URL without a slash at its end.

    Raises:
        ConfigurationError: It has no scheme or host, or carries what a base URL cannot.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"The base URL is not a URL: {error}.") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("The base URL must not carry a user name or a password.")
    problem = None
    if any(character.isspace() for character in url):
        problem = "contains white space"
    elif parts.scheme not in {"http", "https"}:
        problem = "must start with http:// or https://"
    elif not host:
        problem = "has no host"
    elif ":" not in host and not all(0 < len(label) <= 63 for label in host.strip(".").split(".")):  # noqa: PLR2004  # RFC 1035
        problem = "has a host that cannot be one"
    elif parts.query or parts.fragment:
        problem = "must not have a query or a fragment"
    if problem:
        raise ConfigurationError(f"The base URL {url!r} {problem}; one looks like {CLOUD_URL}.")
    return url.rstrip("/")


def checked_user(user: str, error: type[DifyError] = InvalidRequestError) -> str:
    """The user as the server takes it.

    Raises:
        InvalidRequestError: It is empty or longer than 255 characters (or the error given).
    """
    if not isinstance(user, str) or not user:
        raise error(f"user_id must be a string that is not empty, not {user!r}.")
    if not is_text(user):
        raise error("user_id has half a surrogate pair, which is no text.")
    if len(user) > MAX_USER_LENGTH:
        raise error(f"user_id has {len(user)} characters; Dify takes at most {MAX_USER_LENGTH}.")
    return user


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def checked_timeout(
    timeout: Timeout | NotGiven, error: type[DifyError] = ConfigurationError
) -> Timeout | NotGiven:
    """The bounds, if they are valid.

    Raises:
        ConfigurationError: They are neither seconds, nor an `httpx.Timeout`, nor None (or the error
            given).
    """
    if _is_number(timeout) and 0 < timeout < math.inf:
        return timeout
    if isinstance(timeout, int | float | str | bytes | dict):
        raise error(
            "timeout must be seconds above zero, an httpx.Timeout, or None for no bound, not "
            f"{timeout!r}."
        )
    return timeout


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_OWN_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type"}
    | {"expect", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that belong to the key, to the body, or to the connection."""


def checked_headers(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Further headers of a call, names in lower case.

    Raises:
        InvalidRequestError: They are no headers, or one is among those that the client sets itself.
    """
    if headers is None:
        return None
    if not isinstance(headers, Mapping):
        kind = type(headers).__name__
        raise InvalidRequestError(f"extra_headers must be values by name, not {kind}.")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise InvalidRequestError(f"extra_headers: {name!r} cannot be the name of a header.")
        if name.lower() in _OWN_HEADERS:
            raise InvalidRequestError(f"extra_headers: the client sets {name} itself.")
        if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
            # A gateway's secret may stand in it, so it is not shown.
            raise InvalidRequestError(
                f"extra_headers: the value of {name} must be ASCII characters on one line."
            )
    return {name.lower(): value for name, value in headers.items()}


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


_WHOLE_FROM_0 = (partial(_is_whole, lowest=0), "a whole number from 0 on")
_WHOLE_FROM_1 = (partial(_is_whole, lowest=1), "a whole number from 1 on")
_SECONDS_OR_NONE = (_is_above_zero_or_none, "seconds above zero, or None for no bound")

_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_retries": _WHOLE_FROM_0,
    "max_reattach": _WHOLE_FROM_0,
    "max_event_bytes": _WHOLE_FROM_1,
    "max_answer_bytes": _WHOLE_FROM_1,
    "lost_run_timeout": _SECONDS_OR_NONE,
    "start_timeout": _SECONDS_OR_NONE,
    "queue_timeout": (_is_queue_timeout, "seconds, or 0 for not waiting"),
    "at_least_once": (lambda value: isinstance(value, bool), "True or False"),
    "on_response": (lambda value: value is None or callable(value), "a function"),
    "not_sent_statuses": (_are_statuses, "HTTP statuses from 400 to 599, such as {429, 503}"),
}
"""Whether the value of an option is valid, and what it must be, for the message."""

_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "api_key": lambda key: key and key.checked(),
    "base_url": checked_url,
    "user_id": partial(checked_user, error=ConfigurationError),
    "timeout": checked_timeout,
    "not_sent_statuses": frozenset,
}
"""What checks the value of an option and makes it the one that counts."""


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    # Not as converters of the class: a debugger must be able to show one that was refused.
    for name, (is_valid, what) in _RULES.items():
        if name in options and not is_valid(options[name]):
            raise ConfigurationError(f"{name} must be {what}, not {options[name]!r}.")
    return {
        name: _CONVERTERS[name](value) if name in _CONVERTERS else value
        for name, value in options.items()
    }


_MAY_BE_NONE = ("timeout", "lost_run_timeout", "start_timeout")
"""Options of which None is a value."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Options:
    """What a client is set up with; `DifyWorkflow` says what each option means.

    Those of a call that has to be over at some time have a deadline, and those of a call may have
    further headers.
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

    @classmethod
    def with_environment(
        cls,
        *,
        api_key: ApiKey | None,
        base_url: str | None,
        user_id: str | None,
        **others: Any,
    ) -> Options:
        """Options whose gaps DIFY_API_KEY, DIFY_BASE_URL and DIFY_USER fill, where not empty.

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
        """A copy with the options that are given: neither None nor `NOT_GIVEN`.

        A timeout of None is given; it means no bound.

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
        """Seconds to wait for the concurrency limit; none where each call is sent once alone."""
        if isinstance(self.queue_timeout, NotGiven):
            return QUEUE_TIMEOUT if self.max_retries else 0.0
        return self.queue_timeout

    def for_app(self, api_key: ApiKey | None, user_id: str | None) -> Options:
        """A copy with the key and the user of a request, where it has its own.

        Raises:
            ConfigurationError: The key cannot be one.
            InvalidRequestError: The user is empty or too long, or a header holds the key.
        """
        user_id = None if user_id is None else checked_user(user_id)
        options = self.changed(api_key=api_key, user_id=user_id)
        for name, value in options.extra_headers.items():
            if options.api_key is not None and options.api_key.hide_in(value) != value:
                raise InvalidRequestError(f"extra_headers: {name} must not hold the API key.")
        return options

    def key(self) -> ApiKey:
        """The key of the app.

        Raises:
            ConfigurationError: There is none.
        """
        if self.api_key is None:
            raise ConfigurationError(
                "No API key: pass api_key to the client or the request, or set DIFY_API_KEY."
            )
        return self.api_key
