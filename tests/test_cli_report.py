"""``report``, and ``run --report``."""

from __future__ import annotations

import signal
import stat
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dify_workflow import InvalidRequestError
from dify_workflow.emulator import Emulator
from dify_workflow.report import RunReport
from support.cli import COMMAND, call, invoke, started
from support.conducted import ConductedRun
from support.events import node_finished, text
from support.replay import ReplayServer
from support.waiting import PATIENCE


def test_a_run_is_reported_beside_whatever_is_shown_of_it(
    emulator: Emulator, tmp_path: Path
) -> None:
    for options in ((), ("--json",), ("--jsonl",)):
        place = tmp_path / "run.html"
        arguments = ("-i", "name=Ann", *options)
        plain = call("run", *arguments, base_url=emulator.base_url)
        done = call("run", *arguments, "--report", str(place), base_url=emulator.base_url)
        assert done.code == 0
        assert len(done.out.splitlines()) == len(plain.out.splitlines())
        assert "Ann" in place.read_text(encoding="utf-8")
        place.unlink()
    call("run", "-i", "name=Ann", "--report", str(tmp_path / "a.svg"), base_url=emulator.base_url)
    ET.parse(tmp_path / "a.svg")


def test_what_jsonl_prints_gives_the_same_nodes_as_the_report_of_the_run(
    emulator: Emulator, tmp_path: Path
) -> None:
    page = tmp_path / "run.html"
    run = ("run", "-i", "words=a b c", "--jsonl", "--report", str(page))
    events = tmp_path / "run.jsonl"
    done = call(*run, base_url=emulator.base_url, key="app-batch")
    events.write_text(done.out, encoding="utf-8")
    watched = page.read_text(encoding="utf-8")
    page.unlink()
    assert call("report", str(events), base_url="").out == f"{page}\n"
    read = page.read_text(encoding="utf-8")
    assert watched.count('class="row') == read.count('class="row') >= 9
    assert "when its events arrived" in watched
    assert "whole seconds" in read


def test_a_run_that_fails_or_is_stopped_is_reported_too(emulator: Emulator, tmp_path: Path) -> None:
    place = tmp_path / "run.html"
    report = ("--report", str(place))
    done = call("run", "-i", "msg=x", *report, base_url=emulator.base_url, key="app-failing")
    assert done.code == 1
    assert "RuntimeError: kaboom" in place.read_text(encoding="utf-8")

    slow = ("run", "--jsonl", "-i", "secs=30", *report)
    process = started(*slow, base_url=emulator.base_url, key="app-slow")
    while "node_started" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Stopped by user." in place.read_text(encoding="utf-8")


def test_a_stream_that_breaks_leaves_a_report_that_says_so(
    server: ReplayServer, tmp_path: Path
) -> None:
    run = ConductedRun(server)
    place = tmp_path / "run.html"
    run.end(text("one"), node_finished("search", {}), b"data: nonsense\n\n")
    done = call("run", "--report", str(place), base_url=run.url)
    assert done.code == 5
    page = place.read_text(encoding="utf-8")
    assert "the rest of the run is unknown" in page
    assert "is not JSON" in page


def test_a_run_that_was_refused_leaves_no_report(emulator: Emulator, tmp_path: Path) -> None:
    place = tmp_path / "run.html"
    report = ("--report", str(place))
    assert call("run", *report, base_url=emulator.base_url, key="app-unknown").code == 3
    assert not place.exists()


def test_where_no_report_can_be_written_nothing_is_run(emulator: Emulator, tmp_path: Path) -> None:
    emulator.reset()
    for place, said in (
        (tmp_path / "none" / "run.html", "There is no folder"),
        (tmp_path, "The report cannot be written to"),
    ):
        for command in (("run", "-i", "name=Ann"), ("resume", "id")):
            done = call(*command, "--report", str(place), base_url=emulator.base_url)
            assert done.code == 2
            assert said in done.said
    assert call("logs", "--json", base_url=emulator.base_url).out.count("workflow_run") == 0


def test_a_report_that_can_no_longer_be_written_is_said(
    server: ReplayServer, tmp_path: Path
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    run = ConductedRun(server)
    process = started("run", "--jsonl", "--report", str(folder / "run.html"), base_url=run.url)
    run.begin()
    process.stdout.readline()
    folder.rmdir()
    run.end(text("one"), b"data: nonsense\n\n")
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert "is not JSON" in errors, "what went wrong first says more"


def test_the_page_or_the_picture_goes_where_it_is_asked_for(
    emulator: Emulator, tmp_path: Path
) -> None:
    events = tmp_path / "run.jsonl"
    lines = call("run", "--jsonl", "-i", "name=Ann", base_url=emulator.base_url).out
    events.write_text(lines, encoding="utf-8")
    report = RunReport.read(events)

    assert invoke("report", "run.jsonl", "--svg", cwd=tmp_path).out == "run.svg\n"
    assert (tmp_path / "run.svg").read_text(encoding="utf-8") == report.svg()
    assert stat.S_IMODE((tmp_path / "run.svg").stat().st_mode) == stat.S_IMODE(
        events.stat().st_mode
    )
    other = str(tmp_path / "other")
    assert call("report", str(events), "-o", other, base_url="").out == f"{other}\n"
    assert Path(other).read_text(encoding="utf-8") == report.html()
    assert call("report", str(events), "-o", "-", base_url="").out == report.html()
    assert call("report", "-", "--svg", base_url="", stdin=lines).out == report.svg()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl",), "none.jsonl cannot be read: No such file or directory."),
        (("run.html",), "run.html is also the file that is read; name another file to write to."),
        (("run.html", "-o", "none/a.html"), "none/a.html cannot be written: No such file"),
        (("text.jsonl",), "text.jsonl, line 1, is not JSON"),
    ],
)
def test_what_cannot_be_reported_is_a_sentence(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.jsonl").write_text("text\n", encoding="utf-8")
    (tmp_path / "run.html").write_text('{"event": "new"}\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = call("report", *arguments, base_url="")
    assert done.code == 2
    assert said in done.said


def test_events_are_not_replaced_by_their_report(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(node_finished("a", {}).removeprefix(b"data: ").strip() + b"\n")
    before = events.read_bytes()
    (tmp_path / "link.html").symlink_to(events)
    (tmp_path / "hard.html").hardlink_to(events)
    for name in ("events.jsonl", "link.html", "hard.html", "../" + tmp_path.name + "/events.jsonl"):
        done = invoke("report", "events.jsonl", "-o", name, cwd=tmp_path)
        assert (done.code, done.out) == (2, "")
        assert "is also the file that is read; name another file to write to." in done.said
        with pytest.raises(InvalidRequestError, match="is also the file that is read"):
            RunReport.read(events).save(tmp_path / name)
    command = f"{' '.join(COMMAND)} report - -o events.jsonl <events.jsonl"
    assert subprocess.run(command, shell=True, cwd=tmp_path, check=False).returncode == 2
    assert events.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "events.jsonl",
        "hard.html",
        "link.html",
    ]
    assert invoke("report", "events.jsonl", "-o", "page.html", cwd=tmp_path).code == 0


def test_what_a_run_is_made_of_is_not_replaced_by_its_report(
    emulator: Emulator, tmp_path: Path
) -> None:
    inputs = tmp_path / "inputs.json"
    inputs.write_text('{"name": "Ann"}', encoding="utf-8")
    before = len(emulator.requests)
    for options in (("--inputs", str(inputs)), ("--file", f"name={inputs}")):
        done = call("run", *options, "--report", str(inputs), base_url=emulator.base_url)
        assert (done.code, "is also the file that is read" in done.said) == (2, True)
    assert inputs.read_text(encoding="utf-8") == '{"name": "Ann"}'
    assert len(emulator.requests) == before
