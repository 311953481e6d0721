from typing import Literal

ResponseMode = Literal["blocking", "streaming"] | str
"""Whether the server answers when the run has ended, or sends events during the run."""

RESPONSE_MODE_VALUES: frozenset[str] = frozenset(
    {
        "blocking",
        "streaming",
    }
)


def check_response_mode(value: str) -> ResponseMode:
    """Return the value as it is; RESPONSE_MODE_VALUES are the known ones."""
    return value
