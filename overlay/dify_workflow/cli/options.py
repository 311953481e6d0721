"""Options that several commands have, and the connection to the server that they describe."""
# pyright: reportUnknownMemberType=false
# typer leaves type arguments open.

from __future__ import annotations

import copy
import logging
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import attrs
import typer

from .. import NOT_GIVEN, ApiKey, DifyWorkflow, profiles
from .._secret import wrap
from ..errors import ConfigurationError, InvalidRequestError
from .console import log_to_stderr, of_same_app
from .exits import handled
from .help import HelpfulCommand

if TYPE_CHECKING:
    import click

INPUTS, OUTPUT = "Inputs", "Output"
"""Headings of options in the help."""

User: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="DIFY_USER",
        metavar="ID",
        help="User of the run: any name you choose.",
        show_default="dify-workflow",
    ),
]
Values: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE",
        help="Value of an input; repeatable.",
        rich_help_panel=INPUTS,
    ),
]
Files: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="NAME=PATH",
        help="File to upload, or an http(s) address, for an input; repeatable.",
        rich_help_panel=INPUTS,
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)
]
ResultAsJson: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="Print only the result, as JSON.", rich_help_panel=OUTPUT),
]
EventsAsJson: TypeAlias = Annotated[
    bool,
    typer.Option("--jsonl", help="Print each event as a line of JSON.", rich_help_panel=OUTPUT),
]

Report: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Also write a page about the run, or its timeline if FILE ends in .svg.",
        rich_help_panel=OUTPUT,
    ),
]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d+)([smhdw])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@attrs.frozen
class Connection:
    """How the commands reach the server, as the options say.

    Args:
        profile: Name of the profile of the app.
        api_key: Key of the app.
        base_url: Base URL of the server, with its ``/v1``.
        timeout: Seconds to wait while the server sends nothing.
        verbose: Whether requests are logged on stderr.
    """

    profile: str | None = None
    api_key: ApiKey | None = attrs.field(default=None, converter=wrap)
    base_url: str | None = None
    timeout: float | None = None
    verbose: bool = False

    @property
    def has_key(self) -> bool:
        """Whether an option, the environment or the profile in use gives a key."""
        if self.api_key is not None or self.profile is not None:
            return True
        of_environment = os.environ.get("DIFY_PROFILE") or os.environ.get("DIFY_API_KEY")
        return bool(of_environment) or profiles.in_use() is not None

    @property
    def same_app(self) -> list[str]:
        """The options with which another command reaches the same app, if they can be shown.

        A key cannot be shown. Without it, the other options would send another key to the server.
        """
        if self.api_key is not None:
            return []
        given = {"--profile": self.profile, "--base-url": self.base_url}
        return [word for name, value in given.items() if value for word in (name, value)]

    def client(self, user: str | None = None) -> DifyWorkflow:
        """A client with these options.

        Args:
            user: User of its requests; by default the client's default.

        Raises:
            ConfigurationError: There is no key, or an option is invalid.
        """
        if self.verbose:
            log_to_stderr()
            logging.getLogger("dify_workflow").setLevel(logging.DEBUG)
        key, base_url = self._app()
        timeout = NOT_GIVEN if self.timeout is None else self.timeout
        return DifyWorkflow(key, base_url=base_url, user_id=user, timeout=timeout)

    def _app(self) -> tuple[ApiKey, str | None]:
        """Key and base URL, from one source: a profile's key is never sent to another server.

        The first of these that is set gives the key: --api-key, --profile, DIFY_PROFILE,
        DIFY_API_KEY, the profile in use. A profile has a base URL, too. A key without a profile
        is sent to --base-url or DIFY_BASE_URL.

        Raises:
            ConfigurationError: There is no key, or two sources contradict each other.
        """
        option = "--base-url" if self.base_url else "DIFY_BASE_URL"
        base_url = self.base_url or os.environ.get("DIFY_BASE_URL") or None
        name = self.profile or os.environ.get("DIFY_PROFILE") or None
        key = self.api_key
        if key is not None and self.profile:
            raise ConfigurationError("Give only one of --api-key and --profile.")
        if key is None and name is None and (own := os.environ.get("DIFY_API_KEY")):
            key = ApiKey(own)
        if key is not None:
            return key, base_url
        name = profiles.in_use() if name is None else name
        if name is None:
            raise ConfigurationError(
                "No API key: give --api-key KEY, set DIFY_API_KEY, or store the app with "
                "dify-workflow profile add NAME."
            )
        profile = profiles.load(name)
        if base_url is not None and base_url.rstrip("/") != profile.base_url:
            raise ConfigurationError(
                f"The key of the profile {name!r} is only for {profile.base_url}, but {option} "
                f"names {base_url}. Nothing was sent: leave one of the two out."
            )
        return profile.api_key, profile.base_url


def names_of_profiles(incomplete: str) -> list[str]:
    """The names of profiles that begin with a text, for completion in a shell."""
    try:
        return [name for name in profiles.base_urls() if name.startswith(incomplete)]
    except ConfigurationError:
        return []


class Command(HelpfulCommand):
    """A command that never raises."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an exception becomes a sentence and an exit code."""
        with handled(ctx.params):
            return super().invoke(ctx)


class AppCommand(Command):
    """A command that also takes the options of `Connection` after its name."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters and the options of the connection."""
        names = attrs.fields_dict(Connection)
        shared = (param for param in ctx.find_root().command.params if param.name in names)
        *own, help_option = super().get_params(ctx)
        return [*own, *map(_repeated, shared), help_option]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; commands that it shows use the same app."""
        connection: Connection = ctx.obj or Connection()
        with of_same_app(connection.same_app):
            return super().invoke(ctx)


def _repeated(option: click.Parameter) -> click.Parameter:
    """The same option after the command's name, which overrides the one before the name."""

    def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value:
            ctx.obj = attrs.evolve(ctx.obj or Connection(), **{str(param.name): value})

    repeated = copy.copy(option)
    repeated.callback = keep
    repeated.expose_value = False
    return repeated


def connection_of(context: typer.Context) -> Connection:
    """The connection that the command was given."""
    connection: Connection = context.obj
    return connection


def only_one(*options: tuple[str, bool]) -> None:
    """Refuse options that exclude each other.

    Raises:
        BadParameter: More than one of them was given.
    """
    given = [name for name, is_given in options if is_given]
    if len(given) > 1:
        raise typer.BadParameter(f"Give only one of {', '.join(given)}.")


def since(text: str, option: str, now: datetime) -> datetime:
    """The first moment that a text means.

    Args:
        text: How long ago (``90s``, ``30m``, ``2h``, ``3d``, ``1w``), a date, or a date and time
            (ISO 8601); in the local time zone if it has none.
        option: Name of the option, for messages.
        now: The time, with a time zone.

    Raises:
        InvalidRequestError: The text is not a time.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"{option} takes a duration before now, such as 2h or 3d, or a time, such as "
            f"2026-01-31 or 2026-01-31T14:00, not {text!r}."
        ) from None


def until(text: str, option: str, now: datetime) -> datetime:
    """The last second that a text means; for a date, the end of that day.

    Args:
        text: As for `since`.
        option: Name of the option, for messages.
        now: The time, with a time zone.

    Raises:
        InvalidRequestError: The text is not a time.
    """
    moment = since(text, option, now)
    if _DAY.fullmatch(text):
        next_day = datetime.fromisoformat(text) + timedelta(days=1)  # a day in local time
        return next_day.astimezone() - timedelta(seconds=1)
    return moment
