"""How a status looks: a colour, a sign of its own shape, and a word."""

from __future__ import annotations

from .markup import Markup, element

LEGEND = {
    "failed": "failed",
    "exception": "failed, handled",
    "lost": "end not seen",
    "paused": "waiting for a person",
    "stopped": "stopped",
    "running": "running",
    "succeeded": "succeeded",
    "partial-succeeded": "succeeded in part",
}
"""Words for statuses, the worst one of nodes first."""

_TONES = {
    "succeeded": "succeeded",
    "partial-succeeded": "partial",
    "exception": "partial",
    "failed": "failed",
    "stopped": "stopped",
    "paused": "paused",
    "running": "running",
    "gap": "gap",
}

SHAPES = {
    "succeeded": "22,52 32,42 44,54 69,29 79,39 44,74",
    "partial": "43,18 57,18 55,60 45,60 45,67 57,67 57,81 43,81 43,67 45,67 45,60",
    "failed": "23,33 33,23 50,40 67,23 77,33 60,50 77,67 67,77 50,60 33,77 23,67 40,50",
    "stopped": "30,30 70,30 70,70 30,70",
    "paused": "30,27 44,27 44,73 56,73 56,27 70,27 70,73 30,73",
    "running": "38,25 76,50 38,75",
    "gap": "43,18 57,18 55,60 45,60 45,67 57,67 57,81 43,81 43,67 45,67 45,60",
    "lost": "25,43 75,43 75,57 25,57",
}
"""The sign in the disc of each tone, as a polygon in a square of 100."""


def tone(status: str) -> str:
    """The colour of a status, by name; one that is not known looks like one that was lost."""
    return _TONES.get(status, "lost")


def word(status: str) -> str:
    """A status as people say it; one that is not known is said as the server does."""
    return LEGEND.get(status, status)


def mark(status: str) -> Markup:
    """The sign of a status; its word is there for those who cannot see it."""
    label = {"class": f"mark is-{tone(status)}", "role": "img", "aria-label": word(status)}
    return element("span", label)
