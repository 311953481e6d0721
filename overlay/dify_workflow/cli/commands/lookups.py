"""``info``, ``stop``, ``parameters`` and ``upload``: one call each."""
# pyright: reportUnknownMemberType=false
# typer.Argument leaves type arguments open.

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import print_json_line, print_line
from ..options import AsJson, User, connection_of


def info(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(help="Id of the run.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Look up the run of an id.

    The exit code says whether it was found, not how it went: 0 for a failed run, too.
    """
    from ..render import plain, show_run

    with connection_of(context).client() as client:
        found = client.info(run_id)
    if as_json:
        print_json_line(plain(found))
    else:
        show_run(found)


def stop(
    context: typer.Context,
    task_id: Annotated[
        str, typer.Argument(help="Id of the task, not of the run.", show_default=False)
    ],
    user: User = None,
) -> None:
    """Stop a run.

    The server says "success" to any id, whether or not there was something to stop.
    """
    with connection_of(context).client(user) as client:
        print_line(client.stop_workflow_stream(task_id).result)


def parameters(context: typer.Context, as_json: AsJson = False) -> None:
    """Show which inputs the app takes."""
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
    file: Annotated[Path, typer.Argument(help="The file.", show_default=False)],
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file for the inputs of runs of the same user.

    run --file does that by itself; this is for runs that are started elsewhere.
    """
    from ..render import show_values

    with connection_of(context).client(user) as client:
        stored = client.upload_file(file)
    if as_json:
        print_json_line(stored.raw)
    else:
        size = f"{stored.size:,} bytes"
        show_values({"id": stored.id, "name": stored.name, "type": stored.type, "size": size})
