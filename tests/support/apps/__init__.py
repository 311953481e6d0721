"""The recorded apps, as workflows of the emulator (tests/recordings/README.md)."""

from __future__ import annotations

from dify_workflow.emulator import Workflow
from support.apps.failing import failing_apps
from support.apps.plain import plain_apps, refused_apps
from support.apps.repeating import iterating_apps, loop
from support.apps.slow import slow_apps
from support.apps.steps import BEFORE_1_14, Pace
from support.apps.talking import files, human_apps, llm


def recorded_apps(version: str, pace: Pace) -> list[Workflow]:
    """The apps that were recorded.

    Args:
        version: The server's version, for what node kinds of that version say.
        pace: How fast they go.
    """
    return [
        *plain_apps(version),
        *slow_apps(pace),
        *failing_apps(version),
        *iterating_apps(pace),
        loop(has_variables=version != "1.0"),
        *human_apps(pace),
        files(),
        llm(pace, {} if version in BEFORE_1_14 else {"model_name": "fake-chat"}),
        *refused_apps(),
    ]
