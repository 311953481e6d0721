"""``info``, ``stop``, ``parameters`` and ``upload``: one call each."""
# pyright: reportUnknownMemberType=false
# typer.Argument leaves type arguments open.

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ... import DifyWorkflow
from ...errors import (
    DifyError,
    InvalidRequestError,
    NotFoundError,
    RunDeadlineExceededError,
    RunLostError,
)
from ..console import complain, print_json_line, print_line, say
from ..exits import UNKNOWN, USAGE
from ..options import AsJson, User, connection_of


def info(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="Id of the run.")],
    as_json: AsJson = False,
) -> None:
    """Look up a run by its id.

    The exit code says whether the run was found, not how it ended: 0 also for a failed run.

    Examples:
        dify-workflow info 5743c9b7-7efc-4f3a-a6e5-4e8f8c1d2b90
    """
    from ..render import show_run

    with connection_of(context).client() as client:
        found = client.info(run_id)
    if as_json:
        print_json_line(found.to_dict())
    else:
        show_run(found)


def stop(
    context: typer.Context,
    task_id: Annotated[str, typer.Argument(help="Id of the task, not of the run.")],
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Wait for the end of the run, at most this long; needs --run.",
            min=0.1,
        ),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN_ID",
            help="Id of the run, for --wait: a server cannot look up a task.",
        ),
    ] = None,
    user: User = None,
) -> None:
    """Stop a run, by the id of its task.

    The command run shows the id of the task below the id of the run. The command resume shows it
    with the run's next event. The server accepts any id, even if there is nothing to stop. This
    command refuses the id of a run. With --wait, it prints the status of the run when it has ended,
    usually "stopped". Servers do not always record the end of a run that was stopped: then it
    prints "stop accepted; end not seen", with exit code 5.

    Examples:
        dify-workflow stop 0d9bc2c8-8a1f-4a3c-9c1f-0f9f5b0f6a55
        dify-workflow stop TASK_ID --run RUN_ID --wait 30
    """
    from ..render import where_its_task_is

    if (wait is None) != (run_id is None):
        raise typer.BadParameter("--wait and --run must be given together.")
    with connection_of(context).client(user) as client:
        result = client.stop_workflow_stream(task_id).result
        if _is_run(client, task_id):
            complain(
                f"{task_id} is the id of a run. stop takes the id of its task, so nothing was "
                "stopped.",
                f"While the run is running, {where_its_task_is(task_id)}",
            )
            raise typer.Exit(USAGE)
        if wait is None or run_id is None:
            print_line("stop accepted" if result == "success" else result)
            return
        try:
            found = client.wait_for_run(run_id, deadline=wait)
        except (RunDeadlineExceededError, RunLostError):
            print_line("stop accepted; end not seen")
            raise typer.Exit(UNKNOWN) from None
    print_line(found.status)


def _is_run(client: DifyWorkflow, given: str) -> bool:
    """Whether an id is the id of a run, as far as the server knows."""
    try:
        client.info(given)
    except InvalidRequestError:  # not a UUID
        return False
    except DifyError as error:
        if not isinstance(error, NotFoundError):
            say(f"Could not check whether this is the id of a run: {error}")
        return False
    return True


def parameters(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the inputs of the app.

    Examples:
        dify-workflow parameters
    """
    from ...inputs import fields_of_app
    from ..render import show_fields

    with connection_of(context).client() as client:
        found = client.parameters()
    if as_json:
        print_json_line(found.to_dict())
    else:
        show_fields(fields_of_app(found))


def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file.")],
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file for the inputs of runs of the same user.

    run --file uploads by itself; this command is for runs that you start in another way.

    Examples:
        dify-workflow upload ./contract.pdf --json | jq -r .id
    """
    from ..render import show_values

    with connection_of(context).client(user) as client:
        stored = client.upload_file(file)
    if as_json:
        print_json_line(stored.raw)
    else:
        size = f"{stored.size:,} bytes"
        show_values({"id": stored.id, "name": stored.name, "type": stored.type, "size": size})
