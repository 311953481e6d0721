"""Ctrl-C and questions in a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.cli import FOOT, in_terminal
from support.conducted import ConductedRun, field, node_started
from support.events import RUN, TASK, finished
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE


@pytest.fixture
def run(server: ReplayServer) -> ConductedRun:
    return ConductedRun(server)


def test_ctrl_c_stops_the_run_on_the_server_and_its_end_is_shown(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(node_started("search"))
        terminal.see("Search", FOOT)
        terminal.interrupt()
        terminal.see("Stopping the run on the server; Ctrl-C again exits at once.")
        assert run.stops.get(timeout=PATIENCE) == TASK
        run.end(finished("stopped", error="Stopped by user."))
        assert terminal.end() == 130
    for line in ("└─ ■ Search", "■ stopped", "Stopped by user.", f"Stopped the run {RUN}"):
        assert line in terminal.shown
    assert not terminal.screen.cursor.hidden


def test_ctrl_c_while_modules_are_loaded_shows_no_traceback() -> None:
    program = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "dify_workflow.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from dify_workflow.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


def test_a_second_ctrl_c_leaves_at_once(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(node_started("search"))
        terminal.see("Search", FOOT)
        terminal.interrupt()
        assert run.stops.get(timeout=PATIENCE) == TASK
        terminal.interrupt()
        assert terminal.end() == 130
    told = f"The run {RUN} may still be running; dify-workflow stop {TASK} stops it."
    assert told in terminal.unwrapped
    assert "Interrupted." in terminal.shown
    assert not terminal.screen.cursor.hidden


def test_ctrl_c_stops_a_run_as_soon_as_its_task_is_known(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.send(node_started("search", task_id=None))
        terminal.see("Search", FOOT)
        terminal.interrupt()
        terminal.see("Stopping the run")
        assert run.stops.empty()
        run.begin()
        assert run.stops.get(timeout=PATIENCE) == TASK
        run.end(finished("stopped"))
        assert terminal.end() == 130


def test_ctrl_c_before_the_server_answered_says_that_nobody_knows(server: ReplayServer) -> None:
    asked = threading.Event()

    def keep_waiting(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/run"):
            asked.set()
            exchange.wait_until_left(20)
        else:
            exchange.whole(b"{}", 404)

    with in_terminal("run", base_url=server.handle(keep_waiting)) as terminal:
        terminal.see(FOOT)
        assert asked.wait(PATIENCE)
        terminal.interrupt()
        assert terminal.end() == 130
    assert "The run may have started" in terminal.unwrapped


def test_missing_inputs_are_asked_for_by_their_kinds(server: ReplayServer) -> None:
    form = [
        field("text-input", "topic", label="Topic", max_length=5),
        field("number", "count"),
        field("select", "style", options=["plain", "loud", "1"]),
        field("checkbox", "flag"),
        field("paragraph", "note"),
        field("json_object", "filter"),
        field("file", "picture"),
        field("file-list", "pages", allowed_file_types=["document"]),
        field("text-input", "greeting", default="hello"),
        field("text-input", "optional", required=False),
    ]
    run = ConductedRun(server, form)
    address = "https://example.com/page"
    with in_terminal("run", base_url=run.url, columns=100, lines=60) as terminal:
        for seen, typed in (
            ("Topic  at most 5 characters\n>", "\n"),
            ("topic is required.\n>", "too long\n"),
            ("topic takes at most 5 characters, not 8.\n>", "boxes\n"),
            ("count  a number\n>", "many\n"),
            ("count must be a number, not 'many'.\n>", "3\n"),
            ("style\n  1  plain\n  2  loud\n  3  1\n>", "7\n"),
            ("style must be one of plain, loud, 1, not '7'.\n>", "2\n"),
            ("flag  y or n\n>", "yes\n"),
            ("note  several lines; an empty line ends the text\n>", "one\ntwo\n\n"),
            ("filter  a JSON object\n>", "[1]\n"),
            ("filter must be a JSON object, not '[1]'.\n>", '{"a": 1}\n'),
            ("picture  a path, or an http(s) address\n>", "/nowhere.png\n"),
            ("There is no file /nowhere.png.\n>", f"{address}.png\n"),
            ("an empty line ends the list\n>", f"{address}\n{address}.pdf\n\n"),
            ("greeting  Enter for hello\n>", "\n"),
        ):
            terminal.see(lambda shown, seen=seen: shown.endswith(seen))
            terminal.type(typed)
        run.end(finished())
        assert terminal.end() == 0
    remote = {"transfer_method": "remote_url"}
    assert run.inputs.get(timeout=PATIENCE) == {
        "topic": "boxes",
        "count": 3,
        "style": "loud",
        "flag": True,
        "note": "one\ntwo",
        "filter": {"a": 1},
        "picture": {"type": "image", "url": f"{address}.png", **remote},
        "pages": [
            {"type": "document", "url": address, **remote},
            {"type": "document", "url": f"{address}.pdf", **remote},
        ],
        "greeting": "hello",
    }


def test_questions_are_no_data_and_one_that_is_left_runs_nothing(
    server: ReplayServer, tmp_path: Path
) -> None:
    run = ConductedRun(server, [field("text-input", "topic")])
    path = tmp_path / "out"
    for key, code, said in (
        ("\x04", 2, "No answer: topic is missing."),
        ("\x03", 130, "Interrupted."),
    ):
        with (
            path.open("wb") as file,
            in_terminal("run", base_url=run.url, stdout=file) as terminal,
        ):
            terminal.see("topic\n>")
            terminal.type(key)
            assert terminal.end() == code
        assert said in terminal.shown
        assert path.read_bytes() == b""
    assert run.inputs.empty()


def test_a_piped_stdin_is_no_person_to_ask(server: ReplayServer) -> None:
    run = ConductedRun(server, [field("text-input", "topic"), field("file", "doc")])
    with (
        Path(os.devnull).open("rb") as nothing,
        in_terminal("run", base_url=run.url, stdin=nothing) as terminal,
    ):
        assert terminal.end() == 2
    assert "give them with -i topic=VALUE --file doc=PATH." in terminal.shown
