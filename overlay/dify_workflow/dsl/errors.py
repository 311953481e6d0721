"""The error for an exported app that cannot be used."""

from __future__ import annotations

from ..errors import InvalidRequestError


class DSLError(InvalidRequestError):
    """A file is not an app that was exported as DSL, or not a workflow that the API can run."""
