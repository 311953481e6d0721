"""The commands."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import attrs
import typer
from rich.console import Console

from .._json import JSON, JSONObject, is_object
from .._secret import ApiKey
from .._version import __version__
from ..client import DifyWorkflow
from ..errors import InvalidRequestError
from ..models import WorkflowLogsRequest, WorkflowRunRequest, WorkflowRunResponse
from . import _exits
from ._exits import handled
from ._view import RunView, show_logs, show_run

app = typer.Typer(
    name="dify-workflow",
    help="Run Dify workflows, watch them, stop them, look them up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
output = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
"""Where data goes; a pipe has no width that lines would have to be cut to."""


@attrs.frozen
class Connection:
    """How the commands reach the server."""

    api_key: ApiKey | None
    base_url: str | None
    timeout: float | None

    def client(self, user: str | None = None) -> DifyWorkflow:
        """A client with these options; what is missing, the environment says."""
        client = DifyWorkflow(self.api_key, base_url=self.base_url, user_id=user)
        return client if self.timeout is None else client.with_options(timeout=self.timeout)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dify-workflow {__version__}")
        raise typer.Exit


@app.callback()
def connect(
    context: typer.Context,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="DIFY_API_KEY", help="Key of the app.", show_default=False),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            envvar="DIFY_BASE_URL",
            help="Base URL of the server, with its /v1.",
            show_default="https://api.dify.ai/v1",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds that the server may be silent.", min=0.001, show_default=False),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is sent.")] = False,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of all commands."""
    key = None if api_key is None else ApiKey(api_key)
    del api_key
    if verbose:
        logging.basicConfig(format="%(name)s: %(message)s", stream=sys.stderr)
        logging.getLogger("dify_workflow").setLevel(logging.DEBUG)
    context.obj = Connection(key, base_url, timeout)


User: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--user", envvar="DIFY_USER", help="Who the run is for.", show_default="dify-workflow"
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def run(
    context: typer.Context,
    values: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=VALUE", help="An input, as text; repeatable."),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="All inputs, as a JSON object; - for stdin."),
    ] = None,
    user: User = None,
    workflow_id: Annotated[
        str | None, typer.Option(help="Id of the published version to run.", show_default="latest")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result alone, as JSON.")
    ] = False,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print every event, as a line of JSON.")
    ] = False,
) -> None:
    """Run the app's workflow and show it while it runs."""
    connection: Connection = context.obj
    if as_json and as_jsonl:
        raise typer.BadParameter("--json prints the result alone, --jsonl every event: take one")
    with handled():
        given = {**_inputs_from(inputs), **_inputs_of(values or [])}
        request = WorkflowRunRequest(given, workflow_id=workflow_id)
        with connection.client(user) as client:
            result = _watch(client, request, as_json=as_json, as_jsonl=as_jsonl)
        raise typer.Exit(_exits.of_run(result))


def _watch(
    client: DifyWorkflow, request: WorkflowRunRequest, *, as_json: bool, as_jsonl: bool
) -> WorkflowRunResponse:
    """Run and show; Ctrl-C, or a reader that is gone, stops the run on the server."""
    view = RunView(output)
    with client.run_workflow_stream(request) as stream:
        try:
            for event in stream:
                if as_jsonl:
                    _print_json(event.raw)
                elif not as_json:
                    view.show(event)
        except (KeyboardInterrupt, BrokenPipeError):
            if stream.task_id is not None:
                client.stop_workflow_stream(stream.task_id)
                _exits.errors.print(f"Stopped the run {stream.run_id}.")
            raise
        result = stream.result()
    if as_json:
        _print_json(_plain(result))
    elif not as_jsonl:
        view.result(result)
    return result


@app.command()
def info(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="Id of the run.")],
    as_json: AsJson = False,
) -> None:
    """Look a run up."""
    connection: Connection = context.obj
    with handled(), connection.client() as client:
        found = client.info(run_id)
        if as_json:
            _print_json(_plain(found))
        else:
            show_run(output, found)


@app.command()
def stop(
    context: typer.Context,
    task_id: Annotated[str, typer.Argument(help="Id of the task, not of the run.")],
    user: User = None,
) -> None:
    """Stop a run."""
    connection: Connection = context.obj
    with handled(), connection.client(user) as client:
        typer.echo(client.stop_workflow_stream(task_id).result)


@app.command()
def logs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="Most rows, 1 to 100.")] = 20,
    status: Annotated[
        Literal["succeeded", "failed", "stopped"] | None,
        typer.Option(help="Only runs that ended so.", show_default=False),
    ] = None,
    keyword: Annotated[
        str | None,
        typer.Option(help="Text to find in inputs, outputs or the user.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page as JSON.")] = False,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print every row, as a line of JSON.")
    ] = False,
) -> None:
    """List the runs of the app, newest first."""
    connection: Connection = context.obj
    with handled(), connection.client() as client:
        request = WorkflowLogsRequest(limit=limit, status=status, keyword=keyword)
        page = client.logs(request)
        if as_jsonl:
            for row in page:
                _print_json(row.raw)
        elif as_json:
            rows = [row.raw for row in page]
            _print_json({"data": rows, "has_more": page.has_more, "total": page.total})
        else:
            show_logs(output, page)
            more = ", there are more" if page.has_more else ""
            _exits.errors.print(f"{len(page)} of {page.total} runs{more}", style="dim")


@app.command()
def emulate(
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 for a free one.", min=0, max=65535)
    ] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the built-in workflows on loopback until Ctrl-C."""
    try:
        from ..emulator import Emulator
    except ImportError as error:
        _exits.errors.print(f"Error: {error}")
        raise typer.Exit(_exits.USAGE) from None
    emulator = Emulator(host=host, port=port, log_level="info")
    try:
        emulator.listen()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        _exits.errors.print(f"Error: cannot listen on {host}:{port}: {reason}.")
        raise typer.Exit(_exits.REFUSED) from None
    typer.echo(f"DIFY_BASE_URL={emulator.base_url}")
    for workflow in emulator.workflows:
        typer.echo(f"DIFY_API_KEY={workflow.key}  # {workflow.description}")
    emulator.serve_forever()


def _inputs_from(source: str | None) -> JSONObject:
    """Inputs out of a file or stdin."""
    if source is None:
        return {}
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        value: JSON = json.loads(text)
    except (OSError, ValueError) as error:
        raise InvalidRequestError(f"--inputs {source}: {error}") from None
    if not is_object(value):
        raise InvalidRequestError(f"--inputs {source}: the inputs must be a JSON object.")
    return value


def _inputs_of(values: list[str]) -> JSONObject:
    """Inputs out of NAME=VALUE."""
    inputs: JSONObject = {}
    for value in values:
        name, separator, text = value.partition("=")
        if not separator or not name:
            raise InvalidRequestError(f"--input takes NAME=VALUE, not {value!r}.")
        inputs[name] = text
    return inputs


def _plain(run: WorkflowRunResponse) -> JSONObject:
    plain: dict[str, Any] = attrs.asdict(run, filter=lambda field, _: field.name != "raw")
    return plain


def _print_json(value: JSON) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))
