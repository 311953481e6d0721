"""The options of a client: where they come from, and what is wrong with them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import urlsplit

import attrs

from ._deadline import NO_DEADLINE, Deadline
from ._json import is_text
from ._retry import QUEUE_TIMEOUT
from ._secret import ApiKey, wrap
from .errors import ConfigurationError, DifyError, InvalidRequestError

if TYPE_CHECKING:
    from ._request import Timeout
    from .tracing import Tracing

CLOUD_URL = "https://api.dify.ai/v1"
"""Base URL of Dify Cloud."""

DEFAULT_USER = "dify-workflow"
"""The `user` of a request for which nobody named one; Dify needs one (DIFY.md section 3)."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Longest answer that is read whole, by default."""

MAX_USER_LENGTH = 255
"""Most characters of a `user`; the server answers 500 to more (DIFY.md section 3)."""


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


def _configured_user(user: str) -> str:
    return checked_user(user, ConfigurationError)


def _checked_key(key: ApiKey | None) -> ApiKey | None:
    return key and key.checked()


def _at_least(name: str, lowest: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not isinstance(value, int) or value < lowest:
            raise ConfigurationError(
                f"{name} must be a whole number from {lowest} on, not {value!r}."
            )
        return value

    return check


def checked_timeout(
    timeout: Timeout | NotGiven, error: type[DifyError] = ConfigurationError
) -> Timeout | NotGiven:
    """The bounds, if they can be some.

    Raises:
        ConfigurationError: They are neither seconds, nor an `httpx.Timeout`, nor None (or the error
            given).
    """
    seconds = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if seconds and 0 < timeout < math.inf:  # type: ignore[operator]  # a number, then
        return timeout
    if seconds or isinstance(timeout, bool | str | bytes | dict):
        raise error(
            "timeout must be seconds above zero, an httpx.Timeout, or None for no bound, not "
            f"{timeout!r}."
        )
    return timeout


def _seconds_or_none(name: str) -> Callable[[float | None], float | None]:
    def check(seconds: float | None) -> float | None:
        if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
            raise ConfigurationError(
                f"{name} must be seconds above zero, or None for no bound, not {seconds!r}."
            )
        return seconds

    return check


def _checked_statuses(statuses: Collection[int]) -> frozenset[int]:
    is_collection = isinstance(statuses, Collection) and not isinstance(statuses, str | bytes)
    given: list[object] = list(statuses) if is_collection else [statuses]
    if not is_collection or not all(isinstance(one, int) and 400 <= one < 600 for one in given):  # noqa: PLR2004  # RFC 9110
        raise ConfigurationError(
            f"not_sent_statuses must be HTTP statuses from 400 to 599, such as {{429, 503}}, not "
            f"{statuses!r}."
        )
    return frozenset(statuses)


def _is_bool(name: str) -> Callable[[bool], bool]:
    def check(value: bool) -> bool:  # the option itself
        if not isinstance(value, bool):
            raise ConfigurationError(f"{name} must be True or False, not {value!r}.")
        return value

    return check


def _checked_queue_timeout(seconds: float | NotGiven) -> float | NotGiven:
    if isinstance(seconds, NotGiven):
        return seconds
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds < math.inf:
        raise ConfigurationError(
            f"queue_timeout must be seconds, or 0 for not waiting, not {seconds!r}."
        )
    return seconds


def _checked_tracing(tracing: bool | Tracing | None) -> Tracing | None:
    if tracing is None or tracing is False:
        return None
    from .tracing.settings import checked  # most programs have none

    return checked(tracing)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "api_key": _checked_key,
    "base_url": checked_url,
    "user_id": _configured_user,
    "timeout": checked_timeout,
    "max_retries": _at_least("max_retries", 0),
    "max_reattach": _at_least("max_reattach", 0),
    "lost_run_timeout": _seconds_or_none("lost_run_timeout"),
    "start_timeout": _seconds_or_none("start_timeout"),
    "not_sent_statuses": _checked_statuses,
    "at_least_once": _is_bool("at_least_once"),
    "queue_timeout": _checked_queue_timeout,
    "max_event_bytes": _at_least("max_event_bytes", 1),
    "max_answer_bytes": _at_least("max_answer_bytes", 1),
    "tracing": _checked_tracing,
}
"""What each option goes through before it counts; the others can be anything of their type."""


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    # Not as converters of the class: a debugger must be able to show one that was refused.
    return {
        name: _CHECKS[name](value) if name in _CHECKS else value for name, value in options.items()
    }


_MAY_BE_NONE = ("timeout", "lost_run_timeout", "start_timeout")
"""Options of which None is a value."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Options:
    """What a client is set up with; `DifyWorkflow` says what each option means.

    Those of a call that has to be over at some time have a deadline.
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
    tracing: Tracing | None = None
    deadline: Deadline = NO_DEADLINE

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
            ConfigurationError: An option cannot be right.
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
            ConfigurationError: An option cannot be right.
        """
        changes = {
            name: value
            for name, value in given.items()
            if value is not NOT_GIVEN and (value is not None or name in _MAY_BE_NONE)
        }
        return attrs.evolve(self, **_checked(changes))

    @property
    def queue_seconds(self) -> float:
        """Seconds to wait for the concurrency limit; none where each call is sent once alone."""
        if isinstance(self.queue_timeout, NotGiven):
            return QUEUE_TIMEOUT if self.max_retries else 0.0
        return self.queue_timeout

    def key(self, own: ApiKey | None) -> ApiKey:
        """The key of a call: its own one, else the client's.

        Raises:
            ConfigurationError: There is neither, or it cannot be a key.
        """
        key = self.api_key if own is None else own.checked()
        if key is None:
            raise ConfigurationError(
                "No API key: pass api_key to the client or the request, or set DIFY_API_KEY."
            )
        return key

    def user(self, own: str | None) -> str:
        """The user of a call: its own one, else the client's.

        Raises:
            InvalidRequestError: It is empty or too long.
        """
        return self.user_id if own is None else checked_user(own)
