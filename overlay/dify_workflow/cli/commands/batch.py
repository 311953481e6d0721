"""``batch``: run the app's workflow over a table."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ...errors import DifyError, InvalidRequestError
from ...output import refuse_source
from ..console import command, say
from ..exits import of_batch
from ..options import User, connection_of

if TYPE_CHECKING:
    from ...batch import BatchSummary, RowFile
    from ...client import DifyWorkflow


def batch(
    context: typer.Context,
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            help="File with the rows: .xlsx, .csv, .jsonl or .parquet.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="File for the results: .xlsx, .csv, .jsonl or .parquet.",
        ),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Only write a table to fill in, with the app's inputs: .xlsx or .csv.",
        ),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Sheet of a .xlsx file.", show_default="the first visible one"
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHAR",
            help="Character between the cells of a .csv file, or the word tab.",
            show_default="detected",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Encoding of a .csv file, such as utf-8 or cp1252.",
            show_default="detected",
        ),
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            help="Where the state of each row is stored: a file, or the URL of a PostgreSQL "
            "database.",
            show_default="OUT.journal",
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(metavar="N", help="Maximum number of runs at a time.", min=1)
    ] = 8,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            help="Maximum number of runs that start per second.",
            min=0.001,
            show_default="no limit",
        ),
    ] = None,
    max_attempts: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="How many times a row is sent if its run fails, or is stopped because a worker "
            "shuts down.",
            min=1,
        ),
    ] = 1,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run the rows on the Dask cluster of this scheduler; needs a journal in "
            "PostgreSQL.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue with the rows of an existing journal.")
    ] = False,
    rerun_unknown: Annotated[
        bool,
        typer.Option(
            "--rerun-unknown",
            help="Send rows with an unknown outcome again; they may then run twice.",
        ),
    ] = False,
    rerun_failed: Annotated[
        bool,
        typer.Option(
            "--rerun-failed",
            help="Send rows that failed or were stopped again; you may correct them before.",
        ),
    ] = False,
    at_least_once: Annotated[
        bool,
        typer.Option(
            "--at-least-once",
            help="Send rows with an unknown outcome again if the log shows no run for them, up to "
            "two times; they may then run twice.",
        ),
    ] = False,
    on_interrupt: Annotated[
        Literal["wait", "stop", "detach"],
        typer.Option(help="What Ctrl-C does with running rows; a second Ctrl-C exits at once."),
    ] = "wait",
    escape_formulas: Annotated[
        bool,
        typer.Option(
            "--escape-formulas",
            help="In a .csv file, write ' before texts that a spreadsheet would run as formulas.",
        ),
    ] = False,
    user: User = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all rows and run nothing.")
    ] = False,
) -> None:
    """Run the app's workflow over the rows of a table.

    Writes a table of the results.

    A column with the name of an input is that input. A column "id" identifies the rows. If you have
    no table yet, --template rows.xlsx writes one to fill in. All rows are checked before the first
    one is sent. If the batch ends early for any reason, --resume continues it. No row is sent twice
    unless you ask for it.

    Exit codes: 0 all rows succeeded. 1 Some failed. 4 Some wait for human input. 5 The outcome of
    some is unknown. 130 Interrupted.

    Examples:
        dify-workflow batch questions.csv --output answers.csv --concurrency 4
        dify-workflow batch questions.csv --output answers.csv --resume
    """
    settings = {
        "concurrency": concurrency,
        "rate": rate,
        "max_attempts": max_attempts,
        "resume": resume,
        "rerun_unknown": rerun_unknown,
        "rerun_failed": rerun_failed,
        "at_least_once": at_least_once,
        "on_interrupt": on_interrupt,
    }
    from ...batch import read_rows
    from ...batch.journal import has_rows
    from ...batch.table import check_results_path
    from ..batch_view import show_summary

    if template is not None:
        with connection_of(context).client(user) as client:
            _write_template(client, template)
        return
    if table is None:
        raise InvalidRequestError(
            "Give the file with the rows; --template rows.xlsx writes one to fill in."
        )
    rows = read_rows(table, delimiter=delimiter, encoding=encoding, sheet=sheet)
    where = journal or f"{output}.journal"
    if output is not None:
        refuse_source(Path(where), table)
        check_results_path(output, table, where, escape_formulas=escape_formulas)
    elif not dry_run:
        raise InvalidRequestError("Give the file for the results with --output OUT.")
    if rows.description is not None:
        say(f"{table.name}: {rows.description}.")
    with connection_of(context).client(user) as client:
        if output is None or dry_run:
            _check(client, rows)
            return
        if not resume and has_rows(where):
            raise InvalidRequestError(
                f"{_without_password(where)} has the rows of an earlier batch: --resume "
                "continues it, and another --output or --journal starts a new one."
            )
        summary = _watched(client, rows, where, dask, settings)
        try:
            summary.write_results(output, escape_formulas=escape_formulas)
        except InvalidRequestError as error:
            # If the file could be written, the sheet has too little room.
            other = output if error.__cause__ else output.with_suffix(".csv")
            again = _to_resume(context, output=other, journal=_without_password(where))
            say("Nothing is lost: --resume writes the results again.")
            say(f"  {command(*again, str(table))}")
            raise
        show_summary(summary, table, output, _to_resume(context))
    raise typer.Exit(of_batch(summary))


def _write_template(client: DifyWorkflow, path: Path) -> None:
    from ...batch.template import described, write_template
    from ...inputs import fields_of_app
    from ..render import show_values

    fields = fields_of_app(client.parameters())
    write_template(path, fields)
    show_values({field.name: described(field) for field in fields})
    say(f"{path} has these columns. Replace its example row with your rows.")


def _watched(
    client: DifyWorkflow, rows: RowFile, journal: str, dask: str | None, settings: dict[str, Any]
) -> BatchSummary:
    from ...batch import JournalError, run_batch
    from ...batch.cluster import executor_at
    from ...batch.journal import has_rows
    from ..batch_view import announced, view_of_batch

    hint = _AFTER_INTERRUPT[settings["on_interrupt"]]
    with (
        executor_at(dask) as executor,
        closing(view_of_batch()) as view,
        announced(view, hint),
    ):
        own: dict[str, Any] = {"on_progress": view.show, "executor": executor}
        try:
            return run_batch(client, rows, journal=journal, **own, **settings)
        except (InvalidRequestError, JournalError):  # their messages are complete
            view.close()
            raise
        except (DifyError, KeyboardInterrupt):
            view.close()
            is_begun = has_rows(journal)
            say("Nothing is lost: --resume continues." if is_begun else "Nothing was sent.")
            raise


_AFTER_INTERRUPT = {
    "wait": "Waiting for the running rows; Ctrl-C again exits at once.",
    "stop": "Stopping the running rows; Ctrl-C again exits at once.",
    "detach": "Exiting; --resume follows the running rows.",
}


def _to_resume(context: typer.Context, **others: object) -> list[str]:
    """The words of the command that continues a batch, up to the table.

    Args:
        context: The command that was typed. Its options are repeated; those that say which app it
            asks are added by `command`.
        others: Options that get other values.
    """
    options: dict[str, Any] = {
        "timeout": connection_of(context).timeout,
        **{name: value for name, value in context.params.items() if _is_typed(context, name)},
    }
    if (journal := options.get("journal")) is not None:
        options["journal"] = _without_password(journal)
    words = ["batch"]
    for name, value in (options | others).items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return [*words, "--resume"]


_NOT_REPEATED = frozenset({"table", "resume", "rerun_unknown", "rerun_failed"})
"""Parameters that are not repeated when a batch is continued."""


def _is_typed(context: typer.Context, name: str) -> bool:
    """Whether an option was given in the command, and must be given again."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE" and name not in _NOT_REPEATED


def _without_password(journal: str) -> str:
    from ...batch.database import url_of

    if "://" not in journal:
        return journal
    return url_of(journal).render_as_string(hide_password=True)


def _check(client: DifyWorkflow, rows: RowFile) -> None:
    from ...batch import check_rows
    from ..render import show_values

    check = check_rows(client, rows)
    show_values(
        {
            "rows": check.rows,
            "inputs": ", ".join(f"{name} ({kind})" for name, kind in check.inputs.items()),
            "not given": ", ".join(check.missing),
            "no inputs": ", ".join(check.unused),
        }
    )
