"""How the commands reach the server: options that all of them take."""
# pyright: reportUnknownMemberType=false
# typer.core leaves type arguments open.

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

import attrs
import typer
from typer.core import TyperCommand

from .._options import NOT_GIVEN
from .._secret import ApiKey
from ..client import DifyWorkflow
from ..errors import ConfigurationError
from ._log_lines import log_to_stderr
from .exits import handled

if TYPE_CHECKING:
    import click

_NAMES = frozenset({"api_key", "base_url", "timeout", "verbose"})
"""Names of the options, those of `Connection`."""


@attrs.frozen
class Connection:
    """How the commands reach the server.

    Args:
        api_key: Key of the app.
        base_url: Base URL of the server, with its ``/v1``.
        timeout: Seconds that the server may be silent.
        verbose: Whether what is sent is logged on stderr.
    """

    api_key: ApiKey | None = None
    base_url: str | None = None
    timeout: float | None = None
    verbose: bool = False

    def client(self, user: str | None = None) -> DifyWorkflow:
        """A client with these options.

        Args:
            user: Who it acts for; by default the client's own default.

        Raises:
            ConfigurationError: There is no key, or an option cannot be right.
        """
        if self.verbose:
            log_to_stderr()
            logging.getLogger("dify_workflow").setLevel(logging.DEBUG)
        if self.api_key is None:
            raise ConfigurationError("No API key: give --api-key KEY, or set DIFY_API_KEY.")
        timeout = NOT_GIVEN if self.timeout is None else self.timeout
        return DifyWorkflow(self.api_key, base_url=self.base_url, user_id=user, timeout=timeout)


class Command(TyperCommand):
    """A command that takes the options of `Connection` behind its name too, and never raises."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters and the options of the connection."""
        shared = (param for param in ctx.find_root().command.params if param.name in _NAMES)
        *own, help_option = super().get_params(ctx)
        return [*own, *map(_repeated, shared), help_option]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises becomes a sentence and an exit code."""
        with handled(ctx.params):
            return super().invoke(ctx)


def _repeated(option: click.Parameter) -> click.Parameter:
    """The same option for another place, where it goes before the first one if it is given."""

    def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value:
            given = ApiKey(value) if param.name == "api_key" else value
            ctx.obj = attrs.evolve(ctx.obj or Connection(), **{str(param.name): given})

    repeated = copy.copy(option)
    repeated.callback = keep
    repeated.expose_value = False
    repeated.envvar = None
    return repeated


def connection_of(context: typer.Context) -> Connection:
    """The connection that the command was given."""
    connection: Connection = context.obj
    return connection
