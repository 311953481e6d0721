"""What is known of an app and its users: the generated models, as JSON text too."""

from __future__ import annotations

from dify_workflow_api import models as wire

from .._record import JSONText


class AppInfo(wire.AppInfo, JSONText):
    """What the app is called (GET /info)."""


class AppMeta(wire.AppMeta, JSONText):
    """Icons of the tools that the app uses (GET /meta)."""


class AppSite(wire.AppSite, JSONText):
    """Look of the app's web page (GET /site)."""


class EndUser(wire.EndUser, JSONText):
    """Who runs are for (GET /end-users/{end_user_id})."""


class Transcript(wire.Transcript, JSONText):
    """The text of speech (POST /audio-to-text)."""
