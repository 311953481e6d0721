"""``logs``: the runs of the app."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Literal

import typer

from ...models import WorkflowLogsRequest
from ..options import connection_of, only_one
from ..options import since as moment_since
from ..options import until as moment_until

_MOST = 20
"""Maximum number of rows by default."""

_PAGE = 100
"""Maximum number of rows that the server returns at once."""


def logs(
    context: typer.Context,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Maximum number of rows.",
            min=1,
            show_default="20; with --follow, no limit",
        ),
    ] = None,
    list_all: Annotated[bool, typer.Option("--all", help="List all rows that match.")] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            "-f",
            help="Wait for new rows and print each one when it appears, oldest first. With "
            "--cursor, print the rows after the cursor before.",
        ),
    ] = False,
    status: Annotated[
        Literal["succeeded", "failed", "stopped"] | None,
        typer.Option(help="Only runs with this status."),
    ] = None,
    keyword: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Text to find in inputs, outputs or the user, or a run id.",
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only runs for this user (Dify 1.5 and newer)."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Only runs since this time: how long ago (90s, 30m, 2h, 3d, 1w), a date, or a "
            "date and time (2026-01-31T14:00).",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Only runs up to this time; a date means the end of that day.",
        ),
    ] = None,
    cursor: Annotated[
        str | None,
        typer.Option(
            metavar="CURSOR",
            help="Continue where an earlier call stopped, with the cursor that it printed and the "
            "same filters.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print an object with the rows (data), has_more, total and cursor."
        ),
    ] = False,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print each row as a line of JSON.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for programs.")] = False,
    escape_formulas: Annotated[
        bool,
        typer.Option(
            "--escape-formulas",
            help="With --csv, write ' before texts that a spreadsheet would run as formulas.",
        ),
    ] = False,
) -> None:
    """List the runs of the app, newest first.

    Times without a time zone are local. The log has whole seconds, rounded.

    Examples:
        dify-workflow logs --status failed --since 2h
        dify-workflow logs --all --since 2026-01-01 --csv > runs.csv
        dify-workflow logs --follow
    """
    only_one(("--json", as_json), ("--jsonl", as_jsonl), ("--csv", as_csv))
    if escape_formulas and not as_csv:
        raise typer.BadParameter("--escape-formulas is for --csv.")
    listing = {"--all": list_all, "--json": as_json, "--since": since, "--until": until}
    for option, given in listing.items():
        only_one(("--follow", follow), (option, bool(given)))
    from .. import log_output as to

    now = datetime.now(UTC).replace(microsecond=0)  # the log has whole seconds
    most = None if list_all else limit if follow else limit or _MOST
    request = WorkflowLogsRequest(
        limit=min(most or _PAGE, _PAGE),
        cursor=cursor,
        status=status,
        keyword=keyword,
        created_by_end_user_session_id=user,
        created_at_after=None if since is None else moment_since(since, "--since", now),
        created_at_before=None if until is None else moment_until(until, "--until", now),
    )
    write = to.writer_of(as_jsonl=as_jsonl, as_csv=as_csv, escape_formulas=escape_formulas)
    with connection_of(context).client() as client:
        if follow:
            to.follow(islice(client.tail_logs(request), most), write)
            return
        rows = to.LogRows(client, request, most)
        if write is not None:
            to.print_each(rows, write)
        elif as_json:
            to.print_json(rows)
        else:
            to.print_table(rows)
