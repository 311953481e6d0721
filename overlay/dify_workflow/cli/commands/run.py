"""``run`` and ``resume``: start a run and show it, or show an earlier one."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ... import DifyWorkflow
from ..._json import JSONObject
from ...errors import APIConnectionError, DifyError, InvalidRequestError
from ...models import WorkflowRunRequest
from ..console import can_ask, say
from ..options import (
    INPUTS,
    EventsAsJson,
    Files,
    Report,
    ResultAsJson,
    User,
    Values,
    connection_of,
    only_one,
)

if TYPE_CHECKING:
    from ...inputs import Field
    from ..inputs import Given


def run(
    context: typer.Context,
    values: Values = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="All inputs, as a JSON object; - for stdin.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    files: Files = None,
    workflow_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Id of the published version to run.", show_default="the latest"
        ),
    ] = None,
    user: User = None,
    as_json: ResultAsJson = False,
    as_jsonl: EventsAsJson = False,
    report: Report = None,
) -> None:
    """Run the app's workflow and show it while it runs.

    A value is text; or a number, true or false, or a JSON object if the app's input has that kind.
    In a terminal, the command asks for required inputs that are missing. Ctrl-C stops the run on
    the server; a second Ctrl-C exits at once.

    Examples:
        dify-workflow run -i topic=boxes -i count=3
        dify-workflow run --inputs - --json < inputs.json | jq .outputs
        dify-workflow run --file contract=./contract.pdf --report run.html
    """
    only_one(("--json", as_json), ("--jsonl", as_jsonl))
    from ..inputs import Given
    from ..watch import ReportFile, view_of, watch

    connection = connection_of(context)
    view = view_of(connection, as_json=as_json, as_jsonl=as_jsonl)
    given = Given.of(values, files, inputs)
    written = None if report is None else ReportFile(report, given.sources)
    with connection.client(user) as client:
        fields = _fields(client)
        complete = _completed(given, fields, is_latest=workflow_id is None)
        request = WorkflowRunRequest(complete, workflow_id=workflow_id)
        # If the app did not say which inputs it has, the client must not ask again.
        sending = client.with_options(check_inputs=fields is not None)
        code = watch(partial(sending.run_workflow_stream, request), view, written)
    raise typer.Exit(code)


def resume(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="Id of the run.")],
    user: User = None,
    as_json: ResultAsJson = False,
    as_jsonl: EventsAsJson = False,
    report: Report = None,
) -> None:
    """Attach to a running, paused or finished run.

    Shows the run like the command run, beginning with what its nodes did so far. Text that was
    streamed before is not sent again. Only the user who started a run can follow it. Ctrl-C exits,
    and the run continues. Needs Dify 1.14.

    Examples:
        dify-workflow resume 5743c9b7-7efc-4f3a-a6e5-4e8f8c1d2b90
    """
    only_one(("--json", as_json), ("--jsonl", as_jsonl))
    from ..watch import ReportFile, follow, view_of

    connection = connection_of(context)
    view = view_of(connection, as_json=as_json, as_jsonl=as_jsonl, hint="Ctrl-C exits")
    written = None if report is None else ReportFile(report)
    with connection.client(user) as client:
        code = follow(partial(client.resume_workflow_stream, run_id), view, written)
    raise typer.Exit(code)


def _completed(given: Given, fields: list[Field] | None, *, is_latest: bool) -> JSONObject:
    """The inputs with the app's types; in a terminal, a person is asked for missing ones.

    Args:
        given: What the command was given.
        fields: The inputs of the app; None if the server does not say.
        is_latest: Whether the latest version runs. Other versions may have other inputs.
    """
    from ..inputs import typed, untyped

    if fields is None or not is_latest:
        return untyped(given, fields or ())
    inputs = typed(given, fields)
    known = {field.name for field in fields}
    for name in [name for name in given.json if name not in known]:
        say(f"Note: the app has no input {name!r}, so it is not sent.")
        del inputs[name]
    absent = [field for field in fields if field.required and inputs.get(field.name) is None]
    if absent and can_ask():
        from ..prompts import ask_all

        return inputs | ask_all(absent)
    if absent:
        options = " ".join(
            f"--file {field.name}=PATH" if field.takes_files else f"-i {field.name}=VALUE"
            for field in absent
        )
        raise InvalidRequestError(f"Inputs are missing; give them with {options}.")
    return inputs


def _fields(client: DifyWorkflow) -> list[Field] | None:
    """The inputs of the app; None if the server does not say, so that the run starts anyway."""
    from ...inputs import fields_of_app

    try:
        return fields_of_app(client.parameters())
    except APIConnectionError:
        raise
    except DifyError:
        return None
