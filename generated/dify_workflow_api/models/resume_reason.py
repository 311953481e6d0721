from typing import Literal

ResumeReason = Literal["initial", "resumption"] | str
"""Whether the run starts, or continues after a pause."""

RESUME_REASON_VALUES: frozenset[str] = frozenset(
    {
        "initial",
        "resumption",
    }
)


def check_resume_reason(value: str) -> ResumeReason:
    """Return the value as it is; RESUME_REASON_VALUES are the known ones."""
    return value
