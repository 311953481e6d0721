"""Refusals, as the server words them (DIFY.md section 8)."""

from __future__ import annotations

from .._json import JSONObject
from .dialect import Dialect

_SERVER_ERROR = 500


class ApiError(Exception):
    """An answer that refuses.

    Args:
        status: HTTP status.
        code: Dify's name of the error; None where the body has none.
        message: What is wrong.
        more: Further keys of the body.
        with_status: Whether the body repeats the status.
    """

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        more: JSONObject | None = None,
        *,
        with_status: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self._more = more or {}
        self._with_status = with_status

    def body(self) -> JSONObject:
        """The body of the answer."""
        body: JSONObject = {} if self.code is None else {"code": self.code}
        body |= {"message": self.message, **self._more}
        return body | ({"status": self.status} if self._with_status else {})


def invalid(message: str) -> ApiError:
    """400 for a parameter that is not right."""
    return ApiError(400, "invalid_param", message)


def not_found(message: str) -> ApiError:
    """404 for an id that is not known."""
    return ApiError(404, "not_found", message)


def server_error(dialect: Dialect) -> ApiError:
    """500, as for ids that are no UUID."""
    return ApiError(
        _SERVER_ERROR, "unknown", "Internal Server Error", with_status=dialect.since(1, 8)
    )
