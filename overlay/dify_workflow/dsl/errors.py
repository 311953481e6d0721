"""What is raised where an exported app cannot be used."""

from __future__ import annotations

from ..errors import InvalidRequestError


class DSLError(InvalidRequestError):
    """A file is no app that was exported as DSL, or no workflow that the API runs."""
