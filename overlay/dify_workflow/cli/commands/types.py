"""``types``: write or check a typed module for an app."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from ... import DifyWorkflow
from ...errors import ConfigurationError, InvalidRequestError
from ...output import refuse_source, replacing
from ..console import print_document, print_line, say
from ..exits import FAILED
from ..options import Connection, connection_of

if TYPE_CHECKING:
    from ...codegen import AppSettings
    from ...dsl import ExportedApp

_STANDARD = Path("-")
"""Means stdout."""


def types(
    context: typer.Context,
    dsl: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The app's export from Dify (Export DSL), which also has its outputs.",
            show_default="ask the server, which knows only the inputs",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File for the module; - for stdout.",
            show_default="the files in pyproject.toml",
        ),
    ] = None,
    class_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of its class.", show_default="from the name of the file"
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit with 1 if a module no longer fits."),
    ] = False,
    samples: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Number of past runs to look at for types that are not in the export, up to 1000.",
            min=0,
            max=1000,
        ),
    ] = 0,
) -> None:
    r"""Write a module with types for an app: its inputs, outputs and nodes.

    Without --output, the command writes a module for each app in pyproject.toml:

    \b
    [tool.dify-workflow.types.story]
    output = "story.py"
    dsl = "story.yml"
    key = "DIFY_STORY_KEY"

    Only the setting output is required. You can give profile = "story" instead of key. With a key,
    --check also compares the export with the published version.

    Examples:
        dify-workflow types --output story.py
        dify-workflow types --dsl story.yml --output story.py
        dify-workflow types --check
    """
    jobs = _jobs(connection_of(context), dsl, output, class_name, samples)
    if check:
        fitting = [_fits(job) for job in jobs]
        raise typer.Exit(0 if all(fitting) else FAILED)
    modules = [(job.settings.output, _module(job, job.app())) for job in jobs]
    for place, text in modules:  # only after all of them could be made
        _write(place, text)


@attrs.frozen
class _Job:
    """A module to write or check.

    Args:
        settings: The app's settings.
        connection: How to reach the app; None if nothing says with which key.
    """

    settings: AppSettings
    connection: Connection | None

    @property
    def has_key(self) -> bool:
        return self.connection is not None and self.connection.has_key

    def client(self) -> DifyWorkflow:
        """A client with the app's key.

        Raises:
            ConfigurationError: There is no key.
        """
        if self.connection is not None:
            return self.connection.client()
        if self.settings.key is not None:
            raise ConfigurationError(f"{self.settings.key} has no API key.")
        raise ConfigurationError(
            f"No API key for {self.settings.output.name}: pyproject.toml has several apps, so each "
            "needs key or profile there."
        )

    def app(self) -> ExportedApp:
        """What is known about the app."""
        from ...codegen import narrowed, past_outputs, published_app
        from ...dsl import read_app

        settings = self.settings
        if settings.dsl is None:
            with self.client() as client:
                return published_app(client)
        app = read_app(settings.dsl)
        if not settings.samples:
            return app
        with self.client() as client:
            return narrowed(app, past_outputs(client, settings.samples))


def _jobs(
    connection: Connection,
    dsl: Path | None,
    output: Path | None,
    class_name: str | None,
    samples: int,
) -> list[_Job]:
    """The module that the command was asked for, or the modules in pyproject.toml."""
    from ...codegen import AppSettings, find_settings, read_settings
    from ...codegen.names import checked, named_after

    if output is not None:
        if samples and dsl is None:
            raise InvalidRequestError("--samples adds types to an export: give --dsl too.")
        if class_name is not None:
            checked(class_name)
        elif output != _STANDARD:
            class_name = named_after(output.stem)
        if dsl is not None and output != _STANDARD:
            refuse_source(output, str(dsl))
        return [_Job(AppSettings(output, class_name, dsl, samples=samples), connection)]
    if dsl is not None or class_name is not None or samples:
        raise InvalidRequestError("Give the module's file with --output FILE, or - for stdout.")
    place = find_settings(Path.cwd())
    apps = read_settings(place) if place else []
    if not apps:
        raise InvalidRequestError(
            "Give the module's file with --output FILE, or name your apps in pyproject.toml, each "
            "in a table [tool.dify-workflow.types.<name>]."
        )
    return [_Job(app, _of_app(connection, app, is_only=len(apps) == 1)) for app in apps]


def _of_app(connection: Connection, app: AppSettings, *, is_only: bool) -> Connection | None:
    """The connection with the key of this app. With another key it would reach another app."""
    if app.profile is not None:
        return attrs.evolve(connection, api_key=None, profile=app.profile)
    if app.key is not None:
        value = os.environ.get(app.key)
        return attrs.evolve(connection, api_key=value, profile=None) if value else None
    return connection if is_only else None


def _module(job: _Job, app: ExportedApp) -> str:
    from ...codegen import generate

    return generate(app, class_name=job.settings.class_name)


def _fits(job: _Job) -> bool:
    """Say how a module differs from its app, and the export from the published version."""
    from ...codegen import changes, differences, published_inputs

    place, app = job.settings.output, job.app()
    written = _read(place)
    if written is None:
        raise InvalidRequestError(f"There is no module {place}: run types without --check first.")
    found = changes(written, _module(job, app), str(place))
    if found:
        for line in found.splitlines():
            print_line(line)
        say(f"{place} no longer fits the app. To write it again: dify-workflow types")
    if job.settings.dsl is None:
        return not found
    if not job.has_key:
        if job.settings.key is not None:
            say(f"{job.settings.dsl} was not compared: {job.settings.key} has no API key.")
        return not found
    with job.client() as client:
        other = differences(app.inputs, published_inputs(client))
    for each in other:
        say(f"The published version differs from {job.settings.dsl}: {each}.")
    return not found and not other


def _read(place: Path) -> str | None:
    """The text of a module; None if it does not exist or is not a regular file, such as a pipe."""
    try:
        return place.read_text(encoding="utf-8") if place.is_file() else None
    except OSError as error:
        raise InvalidRequestError(f"{place} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{place} is not UTF-8 text.") from None


def _write(place: Path, text: str) -> None:
    """Write a module completely or not at all. Never replace code that was written by hand."""
    from ...codegen import is_ours

    if place == _STANDARD:
        print_document(text)
        return
    written = _read(place)
    if written and not is_ours(written):
        raise InvalidRequestError(
            f"{place} was not written by this command: give another file, or delete it."
        )
    try:
        with replacing(place) as file:
            file.write(text.encode())
    except OSError as error:
        raise InvalidRequestError(f"{place} cannot be written: {error.strerror}.") from error
    if place.is_file():
        print_line(str(place))
