"""What is known of an app and its users: the generated models, as JSON text too."""

from __future__ import annotations

from dify_workflow_api import models as wire

from .._record import JSONText


class AppInfo(wire.AppInfo, JSONText):
    """Name, description, tags and type of the app (GET /info)."""


class AppMeta(wire.AppMeta, JSONText):
    """Icons of the tools that the app uses (GET /meta)."""


class AppSite(wire.AppSite, JSONText):
    """Settings of the app's web page, such as its title and icon (GET /site)."""


class EndUser(wire.EndUser, JSONText):
    """An end user of the app (GET /end-users/{end_user_id})."""


class Transcript(wire.Transcript, JSONText):
    """The text of speech (POST /audio-to-text)."""
