"""What the batch command shows while it runs, and how Ctrl-C ends it."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from rich.console import Console
from rich.text import Text

from dify_workflow.batch import BatchProgress, reconcile
from dify_workflow.cli import batch_view
from dify_workflow.cli.batch_view import Speed, facts
from support.batch_commands import KEY, batch, statuses, wait_until_running
from support.batches import Runs, counted_runs, counts, table
from support.cli import Result, environment, in_terminal, started
from support.program import PipedProgram


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SETTLING", 0.5)


@pytest.fixture
def runs() -> Iterator[Runs]:
    with counted_runs() as running:
        yield running


def interrupted(
    runs: Runs, folder: Path, *options: str, then: Callable[[PipedProgram], object]
) -> Result:
    """A batch that was interrupted when its first four runs had begun, and what followed."""
    names = [str(table(folder / "rows.csv", 12)), "--output", str(folder / "results.csv")]
    arguments = ("batch", *names, "--concurrency", "4", *options)
    with started(*arguments, base_url=runs.emulator.base_url, key=KEY) as process:
        wait_until_running(folder / "results.csv.journal", 4)
        process.send_signal(signal.SIGINT)
        err = ""
        for line in process.stderr:
            err += line
            if "Waiting for the running rows" in line:
                then(process)
        out = process.stdout.read()
    return Result(process.returncode, out, err)


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ("wait", {"succeeded": 4, "pending": 8}),
        ("stop", {"pending": 12}),
        ("detach", {"running": 4, "pending": 8}),
    ],
)
def test_ctrl_c_waits_for_runs_or_stops_or_leaves_them(
    tmp_path: Path, how: str, left: dict[str, int]
) -> None:
    go_on = threading.Event()
    with counted_runs(until=go_on, mends_stops=True) as runs:
        done = interrupted(runs, tmp_path, "--on-interrupt", how, then=lambda _: go_on.set())
        go_on.set()
        assert done.code == 130
        assert "Interrupted; --resume continues." in done.err
        assert counts(tmp_path / "results.csv.journal") == left
        assert len(statuses(tmp_path)) == 12
        resumed = batch(runs, tmp_path, "--resume", "--concurrency", "12", rows=12)
    assert (resumed.code, statuses(tmp_path)) == (0, ["succeeded"] * 12)
    assert runs.counts.total() == (16 if how == "stop" else 12)


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    is_told = threading.Event()

    def press(batch: PipedProgram) -> None:
        # One that comes while the first is being told of is the same one: people press again.
        while not is_told.wait(0.2):
            batch.send_signal(signal.SIGINT)

    def read(batch: PipedProgram) -> None:
        presser = threading.Thread(target=press, args=(batch,))
        presser.start()
        try:
            assert batch.stderr.readline() == "Nothing is lost: --resume continues.\n"
        finally:
            is_told.set()
            presser.join()

    with counted_runs(until=threading.Event()) as runs:
        done = interrupted(runs, tmp_path, then=read)
    assert done.code in {130, -signal.SIGINT}  # the second may have been pressed twice


def test_in_a_terminal_a_bar_shows_counts_rate_and_time_left(tmp_path: Path) -> None:
    rows, out = table(tmp_path / "rows.csv", 12), tmp_path / "results.csv"
    with counted_runs(0.15) as runs:
        arguments = ("batch", str(rows), "--output", str(out), "--concurrency", "2")
        options = {"base_url": runs.emulator.base_url, "key": KEY}
        with in_terminal(*arguments, **options) as terminal:
            terminal.see("of 12", "succeeded", "/s", "left")
            assert terminal.end() == 0
            assert "12 rows: 12 succeeded" in terminal.everything


def test_a_terminal_of_80_columns_has_room_for_all_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, legacy_windows=False)
    monkeypatch.setattr(batch_view, "errors", console)
    monkeypatch.setattr(batch_view, "can_draw", lambda: True)
    counts = {"succeeded": 12_000, "failed": 345}
    progress = BatchProgress(100_000, 0, counts, 1_234_567, {"USD": Decimal("12.34")}, 1)
    monkeypatch.setattr(Speed, "rate", lambda *_: 110.5)
    with closing(batch_view.view_of_batch()) as view:
        view.show(progress)
    assert isinstance(console.file, io.StringIO)
    shown = Text.from_ansi(console.file.getvalue()).plain
    for said in ("12,345 of 100,000 12,000 succeeded  345 failed", *facts(progress, 110.5)):
        assert said in shown


def test_rate_and_time_left_are_of_late() -> None:
    speed = Speed()
    for second in range(100):
        speed.note(float(second), second * 10 if second < 50 else 500 + (second - 50) * 2)
    rate = speed.rate(99.0, 598)
    assert 1.9 < rate < 2.1
    progress = BatchProgress(1000, 0, {"succeeded": 598}, tokens=5)
    assert facts(progress, 2.0) == ["2.0/s", "3 min 21 s left", "5 tokens"]
    costs = {"USD": Decimal("1234.5"), "RMB": Decimal("0.000123"), "\x1b[m": Decimal(1)}
    assert facts(attrs.evolve(progress, prices=costs), 0.0) == [
        "5 tokens",
        "1.00 \\x1b[m",
        "0.00012 RMB",
        "1,234.50 USD",
    ]
    assert facts(attrs.evolve(progress, prices={"USD": Decimal(2)}, unpriced=1), 0.0)[1:] == [
        "at least 2.00 USD"
    ]
    assert facts(BatchProgress(None), 0.0) == []


def test_what_the_results_need_is_told_before_the_batch(runs: Runs, tmp_path: Path) -> None:
    rows = table(tmp_path / "rows.csv", 1)
    for package, ending, extra in (
        ("openpyxl", "xlsx", "excel"),
        ("pyarrow", "parquet", "parquet"),
    ):
        program = (
            f"import sys; sys.modules[{package!r}] = None; "
            "from dify_workflow.__main__ import main; "
            f"sys.argv[1:] = ['batch', {str(rows)!r}, '--output', 'results.{ending}']; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment(runs.emulator.base_url, KEY),
        )
        assert (done.returncode, f"'dify-workflow[{extra}]'" in done.stderr) == (2, True)
    assert not runs.counts
    assert list(tmp_path.iterdir()) == [rows]


def test_without_the_extra_the_command_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['sqlalchemy'] = None; "
        "from dify_workflow.__main__ import main; sys.argv[1:] = ['batch', 'x.csv']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'dify-workflow[batch]'" in done.stderr
