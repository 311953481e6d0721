"""Batches on the command line."""

from __future__ import annotations

import shlex
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from dify_workflow.batch import excel, reconcile
from dify_workflow.cli.commands.batch import _without_password
from dify_workflow.cli.console import quoted
from dify_workflow.emulator import BeginNode, Emulator, EndNode, Input, NodeError, node, workflow
from support.batch_commands import KEY, batch, statuses, wait_until_running
from support.batches import Runs, counted_runs, sent_long_ago, table
from support.cli import Result, call, in_terminal

RUN = "POST /workflows/run"
NOT_CALCULATED = "has a formula whose value is not in the file; open it in Excel and save it"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SETTLING", 0.5)


@pytest.fixture
def runs() -> Iterator[Runs]:
    with counted_runs() as running:
        yield running


def test_a_table_in_and_a_table_out(runs: Runs, tmp_path: Path) -> None:
    done = batch(runs, tmp_path)
    assert (done.code, done.out) == (0, "")
    assert "0 of 5 rows" in done.err
    assert "5 rows: 5 succeeded" in done.err
    assert f"Results: {tmp_path / 'results.csv'}" in done.err
    assert "The slowest:" in done.err
    assert statuses(tmp_path) == ["succeeded"] * 5


def test_a_journal_that_is_there_is_gone_on_with_only_if_that_is_said(
    runs: Runs, tmp_path: Path
) -> None:
    batch(runs, tmp_path)
    again = batch(runs, tmp_path)
    assert again.code == 2
    assert "--resume continues it" in again.said
    resumed = batch(runs, tmp_path, "--resume", rows=7)
    assert (resumed.code, statuses(tmp_path)) == (0, ["succeeded"] * 7)
    assert runs.counts.total() == 7


def test_the_exit_code_tells_of_rows_that_failed_or_are_unknown(tmp_path: Path) -> None:
    with counted_runs(fails=1) as runs:
        failed = batch(runs, tmp_path, rows=2)
    assert failed.code == 1
    assert "Rows that did not succeed:" in failed.err
    assert "failed    row 2 (row-0)  Name 0" in failed.err
    folder = tmp_path / "unknown"
    folder.mkdir()
    with counted_runs() as runs:
        runs.emulator.faults.answer(500, on=RUN)
        unknown = batch(runs, folder, rows=3)
        assert unknown.code == 5
        command = f"  dify-workflow batch --output {folder}/results.csv --resume"
        assert "their runs may still wait in the server's queue" in unknown.said
        assert f"{command} {folder}/rows.csv\n" in unknown.err
        sent_long_ago(folder / "results.csv.journal", 400)
        later = batch(runs, folder, "--resume", rows=3)
        assert later.code == 5
        assert f"{command} --rerun-unknown {folder}/rows.csv\n" in later.err
        fixed = batch(runs, folder, "--resume", "--rerun-unknown", rows=3)
    assert (fixed.code, statuses(folder)) == (0, ["succeeded"] * 3)


def test_at_least_once_sends_rows_again_by_itself(runs: Runs, tmp_path: Path) -> None:
    runs.emulator.faults.answer(500, on=RUN)
    assert batch(runs, tmp_path, "--at-least-once", rows=3).code == 0
    assert statuses(tmp_path) == ["succeeded"] * 3


def test_rows_that_a_deploy_stopped_are_counted_and_can_be_run_again(tmp_path: Path) -> None:
    go_on = threading.Event()
    journal = tmp_path / "results.csv.journal"
    with counted_runs(until=go_on, server_version="1.16") as runs:

        def deploy() -> None:
            wait_until_running(journal, 2)
            runs.emulator.restart_workers()
            go_on.set()

        thread = threading.Thread(target=deploy)
        thread.start()
        stopped = batch(runs, tmp_path, rows=2)
        thread.join()
        assert (stopped.code, statuses(tmp_path)) == (1, ["stopped"] * 2)
        assert "Stopped because the server's workers were shut down: 2 runs." in stopped.said
        assert stopped.err.endswith(f" --resume --max-attempts 2 {tmp_path}/rows.csv\n")
        again = batch(runs, tmp_path, "--resume", "--max-attempts", "2", rows=2)
    assert (again.code, statuses(tmp_path)) == (0, ["succeeded"] * 2)


def test_the_command_that_goes_on_shows_no_password(tmp_path: Path) -> None:
    assert _without_password("postgresql://me:S3cr3t@db/batch") == (
        "postgresql+psycopg://me:***@db/batch"
    )
    assert _without_password(str(tmp_path)) == str(tmp_path)


def test_rows_that_wait_for_people_have_an_exit_code_of_their_own(
    forms: Emulator, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("topic\nboxes\n", encoding="utf-8")
    options = ("--output", str(tmp_path / "results.csv"))
    done = call("batch", str(rows), *options, base_url=forms.base_url, key="app-approval")
    assert (done.code, "1 row: 1 paused" in done.err) == (4, True)


def test_dry_run_checks_and_runs_nothing(runs: Runs, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("name,team\nAnn,red\nBob,blue\n", encoding="utf-8")
    url = runs.emulator.base_url
    done = call("batch", str(rows), "--dry-run", base_url=url, key=KEY)
    assert (done.code, done.out.split()) == (
        0,
        ["rows", "2", "inputs", "name", "(text-input)", "not", "given", "no", "inputs", "team"],
    )
    rows.write_text("nmae\nAnn\n", encoding="utf-8")
    bad = call("batch", str(rows), "--dry-run", base_url=url, key=KEY)
    assert (bad.code, "row 2: name is required" in bad.said) == (2, True)
    assert not runs.counts
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_from_a_template_by_excel_to_results_and_what_failed_is_corrected_and_run_again(
    tmp_path: Path,
) -> None:
    """What a person does who has a spreadsheet and a terminal."""
    rows, out = tmp_path / "rows.xlsx", tmp_path / "results.xlsx"

    @workflow(Input("name", label="Name of the customer"), Input("visits", "number"))
    def letter(inputs: Any) -> Any:
        yield from node("write")
        if inputs["name"] == "Otto":
            raise NodeError("no Ottos")
        return {"letter": f"=Dear {inputs['name']}"}

    with Emulator(letter, linger=0.05) as emulator:

        def run(*arguments: str) -> Result:
            return call("batch", *arguments, base_url=emulator.base_url, key="app-letter")

        made = run("--template", str(rows))
        assert (made.code, made.out) == (
            0,
            "name    Name of the customer: a text; at most 48 characters\nvisits  a number\n",
        )
        filled(rows, [[f"Name {n}", n] for n in range(200)])
        changed(rows, {"A51": "x" * 60, "B101": "many", "A151": "=1/0"})
        wrong = run(str(rows), "--output", str(out))
        assert wrong.code == 2
        assert wrong.err.splitlines()[1:] == [
            "Error: Rows of rows.xlsx are invalid; nothing was run:",
            "  row 51: name takes at most 48 characters, not 60",
            "  row 101: visits must be a number, not 'many'",
            f"  row 151: cell A151 {NOT_CALCULATED}",
        ]
        changed(rows, {"A51": "Otto", "B101": 3, "A151": "Eve"})
        done = run(str(rows), "--output", str(out))
        assert (done.code, "failed    row 51  no Ottos" in done.err) == (1, True), done.err
        again = f"dify-workflow batch --output {out} --resume --rerun-failed {rows}"
        assert done.err.endswith(f"you may correct them before):\n  {again}\n")
        changed(rows, {"A51": "Ottilie"})
        corrected = run(*again.split()[2:])
        assert (corrected.code, "200 rows: 200 succeeded" in corrected.err) == (0, True)
        changed(rows, {"A52": "Another"})
        refused = run(*again.split()[2:])
        said = f"The journal {out}.journal has a different row 52 than your table"
        assert (refused.code, said in refused.said) == (3, True)
    cells = load_workbook(out).worksheets[0][51]
    assert [cell.value for cell in cells][:5] == [
        "Ottilie",
        49,
        "succeeded",
        None,
        "=Dear Ottilie",
    ]


def filled(path: Path, rows: list[list[Any]]) -> None:
    """Put rows into a template, in the place of its example."""
    book = load_workbook(path)
    sheet = book.worksheets[0]
    sheet.delete_rows(2)
    for row in rows:
        sheet.append(row)
    book.save(path)


def changed(path: Path, cells: dict[str, Any]) -> None:
    """Write some cells of a sheet."""
    book = load_workbook(path)
    for place, value in cells.items():
        book.worksheets[0][place] = value
    book.save(path)


def test_the_command_that_goes_on_reads_the_table_as_before(runs: Runs, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "results.csv"
    rows.write_bytes("name|x\nZoé|1\n".encode("cp1252"))
    options = ("--output", str(out), "--delimiter", "|", "--encoding", "cp1252")
    runs.emulator.faults.answer(500, on=RUN)
    done = call("batch", str(rows), *options, base_url=runs.emulator.base_url, key=KEY)
    assert done.err.startswith("rows.csv: cp1252 (Western European), cells separated by |.\n")
    assert f"--output {out} --delimiter '|' --encoding cp1252 --resume {rows}" in done.err


def test_the_command_that_goes_on_has_the_options_that_were_given(tmp_path: Path) -> None:
    rows, out = table(tmp_path / "it's $1.csv", 1), tmp_path / "a b.csv"
    options = ("--concurrency", "2", "--rate", "50.0", "--escape-formulas", "--timeout", "60.0")
    with counted_runs(fails=1) as runs:
        done = call(
            "batch",
            str(rows),
            "--output",
            str(out),
            *options,
            base_url=runs.emulator.base_url,
            key=KEY,
        )
        assert done.code == 1
        words = shlex.split(done.err.splitlines()[-1])
        given = ["batch", "--output", str(out), *options, "--resume", "--rerun-failed", str(rows)]
        assert sorted(words) == sorted(["dify-workflow", *given])
        again = call(*words[1:], base_url=runs.emulator.base_url, key=KEY)
    assert again.code == 0


def test_the_command_that_continues_names_the_server_once(tmp_path: Path) -> None:
    rows, out = table(tmp_path / "a.csv", 1), str(tmp_path / "b.csv")
    with counted_runs(fails=1) as runs:
        server = ["--base-url", runs.emulator.base_url]
        done = call("batch", str(rows), "--output", out, *server, base_url=server[1], key=KEY)
    words = shlex.split(done.err.splitlines()[-1])
    rest = ["batch", "--output", out, "--resume", "--rerun-failed", str(rows)]
    assert words == ["dify-workflow", *server, *rest]


def test_a_command_for_windows_has_no_single_quotes() -> None:
    words = ["batch", "--output", r"C:\My files\it's.csv", "--delimiter", "|", r"C:\a.xlsx"]
    assert quoted(words, is_windows=True) == (
        r"""batch --output "C:\My files\it's.csv" --delimiter "|" C:\a.xlsx"""
    )


def test_results_that_no_sheet_can_hold_are_written_by_the_command_that_is_named(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", 2)
    rows, out = table(tmp_path / "rows.csv", 3), tmp_path / "results.xlsx"
    url = runs.emulator.base_url
    done = call("batch", str(rows), "--output", str(out), base_url=url, key=KEY)
    assert (done.code, "A sheet has at most 2 rows" in done.said) == (2, True)
    again = next(line for line in done.err.splitlines() if line.startswith("  dify-workflow"))
    assert call(*shlex.split(again)[1:], base_url=url, key=KEY).code == 0
    assert statuses(tmp_path) == ["succeeded"] * 3
    assert runs.counts.total() == 3


def test_formulas_in_a_csv_are_counted_and_numbers_are_none(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "results.csv"
    rows.write_text("name,x\n=Ann,-1\n@Bob,+49170\nEve,\n", encoding="utf-8")
    command = ("batch", str(rows), "--output", str(out))
    url = runs.emulator.base_url
    assert call(*command, base_url=url, key=KEY).code == 0
    assert "results.csv: 2 texts begin like a formula" in caplog.text
    caplog.clear()
    assert call(*command, "--resume", "--escape-formulas", base_url=url, key=KEY).code == 0
    sheet = ("batch", str(rows), "--output", str(tmp_path / "results.xlsx"))
    assert call(*sheet, base_url=url, key=KEY).code == 0
    assert "formula" not in caplog.text


@workflow(Input("name"), Input("unit"))
def costly(inputs: Any) -> Any:
    yield BeginNode("model", "llm")
    cost = {"total_tokens": 12, "total_price": "0.0123", "currency": inputs["unit"]}
    yield EndNode("model", metadata=cost)
    return {}


def test_the_price_so_far_is_told_by_currency_and_kept_in_the_journal(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "results.csv"
    lines = "".join(f"Ann {n},USD\nBob {n},RMB\n" for n in range(3))
    rows.write_text(f"name,unit\n{lines}", encoding="utf-8")
    command = ("batch", str(rows), "--output", str(out), "--concurrency", "1")
    with Emulator(costly, linger=0.05) as emulator:
        options = {"base_url": emulator.base_url, "key": "app-costly"}
        with in_terminal(*command, **options) as terminal:
            terminal.see("tokens", "USD", "RMB")
            assert terminal.end() == 0
        done = call(*command, "--resume", **options)
        assert "72 tokens, 0.037 RMB, 0.037 USD\n" in done.err
        rows.write_text(f"name,unit\n{lines}Eve,USD\n", encoding="utf-8")
        with closing(sqlite3.connect(f"{out}.journal")) as journal, journal:
            journal.execute("UPDATE dify_batch_row SET prices = NULL WHERE number = 0")
        more = call(*command, "--resume", **options)
    assert "84 tokens, at least 0.037 RMB, at least 0.037 USD\n" in more.err


def test_wrong_usage_is_told_before_anything_is_run(runs: Runs, tmp_path: Path) -> None:
    rows, url = str(table(tmp_path / "rows.csv", 1)), runs.emulator.base_url
    for arguments, problem in (
        ([rows], "--output OUT"),
        ([rows, "--output", "r.ods"], "must end in .csv"),
        (["rows.txt", "--output", "r.csv"], "cannot be read as a table"),
        ([], "--template rows.xlsx writes one to fill in"),
        (
            [rows, "--sheet", "x", "--output", str(tmp_path / "r.csv")],
            "rows.csv: sheet is only for .xlsx files",
        ),
        ([rows, "--output", str(tmp_path / "r.csv"), "--dask", "nowhere"], "No Dask scheduler"),
    ):
        done = call("batch", *arguments, base_url=url, key=KEY)
        assert (done.code, problem in done.said) == (2, True), done.said
    assert not runs.counts


def test_errors_tell_that_nothing_is_lost(runs: Runs, tmp_path: Path) -> None:
    runs.emulator.faults.answer(403, on=RUN, times=None)
    done = batch(runs, tmp_path)
    assert done.code == 3
    assert "Nothing is lost: --resume continues." in done.err
