"""Text of a server never commands a terminal."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.cli import in_terminal, invoke
from support.conducted import ConductedRun, field, node_finished, node_started
from support.events import RUN, TASK, finished, text
from support.replay import ReplayServer
from support.terminal import Terminal


@pytest.fixture
def run(server: ReplayServer) -> ConductedRun:
    return ConductedRun(server)


def test_text_of_the_server_never_commands_the_terminal(run: ConductedRun) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J[bold]x[/bold]\u202e"
    shown = r"\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J[bold]x[/bold]\u202e"
    with in_terminal("run", base_url=run.url, columns=150) as terminal:
        run.begin()
        run.send(node_started("a", title=evil), text(f"text {evil}"))
        terminal.see(f"text {shown}")
        failure = {"status": "failed", "error": f"error {evil}"}
        run.end(node_finished("a", **failure), finished("failed", error=f"message {evil}"))
        assert terminal.end() == 1
    for place in (f"✘ {shown}", f"error {shown}", f"text {shown}", f"message {shown}"):
        assert place in terminal.shown
    assert terminal.screen.title == ""


def test_outputs_and_log_rows_never_command_the_terminal(server: ReplayServer) -> None:
    evil = "\x1b]0;owned\x07"
    run = ConductedRun(server)
    with in_terminal("run", base_url=run.url) as terminal:
        run.end(finished(outputs={f"name {evil}": f"value {evil}", "deep": {"key": [evil]}}))
        assert terminal.end() == 0
    assert r"name \x1b]0;owned\x07" in terminal.shown
    assert r"value \x1b]0;owned\x07" in terminal.shown
    assert r"\u001b]0;owned" in terminal.shown
    for option in ("--json", "--jsonl"):
        with in_terminal("run", option, base_url=run.url) as terminal:
            run.end(finished(outputs={"name": f"\x9b{evil}"}))
            assert terminal.end() == 0
        assert r"\u009b\u001b]0;owned" in terminal.unwrapped
        assert terminal.screen.title == ""


EVIL = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e\u200f\u061c"
ESCAPED = r"\x1b]0;owned\x07\x1b[2J\x9b2J\u202e\u200f\u061c"
AS_JSON = r"\u001b]0;owned\u0007\u001b[2J\u009b2J\u202e\u200f\u061c"


def assert_inert(terminal: Terminal) -> None:
    """Nothing of `EVIL` has reached the terminal as it is."""
    assert terminal.screen.title == ""
    written = terminal.written.decode()
    for command in ("\x1b]", "\x1b[2J", "\x07", "\x9b", *"\u200e\u202e\u2066\u200f\u061c\u2028"):
        assert command not in written


def answering(server: ReplayServer, body: object, status: int = 200) -> str:
    """The base URL of a server that answers everything so."""
    return server.handle(lambda exchange: exchange.whole(json.dumps(body).encode(), status))


RUN_DETAIL = {
    "id": RUN,
    "workflow_id": RUN,
    "status": EVIL,
    "inputs": json.dumps({f"in {EVIL}": EVIL}),
    "outputs": {f"out {EVIL}": [EVIL], "text": EVIL},
    "error": EVIL,
    "total_steps": 1,
    "total_tokens": 1,
    "created_at": 1795344336,
    "finished_at": 1795344337,
    "elapsed_time": 1.0,
}
FORM = {
    "form_content": f"Read {EVIL} and &rlm;&#x202e;&lrm;&#8294; this",
    "inputs": [{"type": "paragraph", "output_variable_name": f"field {EVIL}", "default": None}],
    "resolved_default_values": {f"field {EVIL}": EVIL},
    "user_actions": [{"id": EVIL, "title": EVIL, "button_style": "primary"}],
    "expiration_time": 1795429254,
}
LOG_ROW = {
    "id": "row",
    "workflow_run": {
        "id": EVIL,
        "version": "1",
        "status": EVIL,
        "error": EVIL,
        "elapsed_time": 1.0,
        "total_tokens": 1,
        "total_steps": 1,
        "created_at": 1,
        "finished_at": 1,
        "exceptions_count": 0,
        "triggered_from": "x",
    },
    "created_from": EVIL,
    "created_by_role": "end_user",
    "created_by_account": None,
    "created_by_end_user": {"id": "u", "type": "t", "is_anonymous": False, "session_id": EVIL},
    "created_at": 1795344336,
}
LOGS = {"page": 1, "limit": 20, "total": 1, "has_more": False, "data": [LOG_ROW]}
PARAMETERS = [
    field("select", f"name {EVIL}", label=EVIL, options=[EVIL, "b"], default=EVIL),
]


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["info", RUN], RUN_DETAIL),
        pytest.param(["info", RUN, "--json"], RUN_DETAIL, marks=pytest.mark.slow),
        (["form", "show", "token"], FORM),
        pytest.param(["form", "show", "token", "--json"], FORM, marks=pytest.mark.slow),
        (["logs"], LOGS),
        pytest.param(["logs", "--json"], LOGS, marks=pytest.mark.slow),
        (["logs", "--jsonl"], LOGS),
        pytest.param(["logs", "--csv"], LOGS, marks=pytest.mark.slow),
        pytest.param(["stop", TASK], {"result": EVIL}, marks=pytest.mark.slow),
    ],
)
def test_whatever_a_server_answers_is_inert_in_a_terminal_and_as_it_is_in_a_pipe(
    arguments: list[str], body: dict[str, Any], server: ReplayServer
) -> None:
    url = answering(server, body)
    with in_terminal(*arguments, base_url=url, columns=4000) as terminal:
        assert terminal.end() == 0
    assert_inert(terminal)
    is_json = "--json" in arguments or "--jsonl" in arguments
    assert (AS_JSON if is_json else ESCAPED) in terminal.shown
    if arguments[0] == "form" and not is_json:
        assert r"and \u200f\u202e\u200e\u2066 this" in terminal.shown
    piped = invoke(*arguments, base_url=url)
    assert piped.code == 0
    if is_json:
        assert json.loads(terminal.shown) == json.loads(piped.out)
        assert "\\u202e" not in piped.out
    if arguments[0] == "stop":
        assert piped.out == f"{EVIL}\n"
    assert "\u202e\u200f\u061c" in piped.out


def test_parameters_and_questions_are_inert(server: ReplayServer) -> None:
    url = ConductedRun(server, PARAMETERS).url
    for arguments in (["parameters"], ["parameters", "--json"], ["run"]):
        with in_terminal(*arguments, base_url=url, columns=1000) as terminal:
            if arguments == ["run"]:
                terminal.see("\n>")
                terminal.type("wrong\n")
                terminal.see("must be one of")
                terminal.type("\x04")
            terminal.end()
        assert_inert(terminal)
        assert (AS_JSON if "--json" in arguments else ESCAPED) in terminal.shown


def test_log_lines_and_errors_are_inert_where_a_proxy_answers(server: ReplayServer) -> None:
    page = f"<title>{EVIL}</title>\n".encode()
    url = server.handle(lambda exchange: exchange.whole(page, 502, "Bad Gateway"))
    commands = {("logs",): 3, ("-v", "logs"): 3, ("-v", "run"): 5, ("-v", "resume", RUN): 5}
    with ExitStack() as open_terminals:  # at the same time, as each waits before it tries again
        for terminal, code in [
            (open_terminals.enter_context(in_terminal(*words, base_url=url, columns=1000)), code)
            for words, code in commands.items()
        ]:
            assert terminal.end() == code
            assert_inert(terminal)
            assert ESCAPED in terminal.shown


def test_the_view_of_a_batch_is_inert_and_takes_no_status_for_markup(
    server: ReplayServer, tmp_path: Path
) -> None:
    run = ConductedRun(server, [field("text-input", "name")])
    status = f"[link=https://evil.example]{EVIL}[/]"
    run.end(finished(status, error=EVIL))
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": f"a{EVIL}", "name": "Ann"}), encoding="utf-8")
    arguments = ["batch", str(rows), "--output", str(tmp_path / "out.csv")]
    with in_terminal(*arguments, base_url=run.url, columns=1000) as terminal:
        terminal.end()
    assert_inert(terminal)
    assert f"1 [link=https://evil.example]{ESCAPED}[/]" in terminal.shown


def test_outputs_that_are_no_object_are_shown_as_they_came(server: ReplayServer) -> None:
    run = ConductedRun(server)
    for outputs, shown in ((["a", 1], '["a", 1]'), ("text", "text"), (5, "5")):
        with in_terminal("run", base_url=run.url) as terminal:
            run.end(finished(outputs=outputs))
            assert terminal.end() == 0
        assert f"outputs  {shown}" in terminal.shown
        run.end(finished(outputs=outputs))
        piped = invoke("run", base_url=run.url)
        assert (piped.code, json.loads(piped.out)) == (0, outputs)
