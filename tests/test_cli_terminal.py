"""What a person sees of the command line in a terminal, and what becomes of what they type."""

from __future__ import annotations

import json
import os
import re
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dify_workflow.emulator import Emulator
from support.cli import in_terminal, invoke
from support.conducted import ConductedRun, field, node_finished, node_started
from support.events import RUN, TASK, finished, message, text
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.terminal import Terminal
from support.waiting import PATIENCE

FOOT = "Ctrl-C stops the run"


@pytest.fixture
def run(server: ReplayServer) -> ConductedRun:
    return ConductedRun(server)


def container(event: str, **data: object) -> bytes:
    kind = event.partition("_")[0]
    shown = {"id": kind, "node_id": kind, "title": kind.capitalize(), "node_type": kind}
    return message(event, {**shown, **data})


def test_the_tree_grows_while_the_run_goes_on_and_stays_when_it_has_ended(
    run: ConductedRun,
) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(node_started("search", kind="http-request"))
        assert re.search(
            rf"▶ run {RUN}\n  task {TASK}\n└─ \S Search  http-request", terminal.see("Search", FOOT)
        )
        assert terminal.screen.cursor.hidden
        run.send(node_finished("search"), node_started("write", kind="llm"))
        shown = terminal.see("Write", FOOT)
        assert "├─ ✔ Search  http-request  0.25 s" in shown
        run.send(text("Once upon "), text("a time"))
        assert terminal.see("Once upon a time").splitlines()[-1].endswith(FOOT)
        spent = {"total_tokens": 1234}
        run.end(node_finished("write", execution_metadata=spent), finished(total_tokens=1234))
        assert terminal.end() == 0
    assert terminal.shown.splitlines() == [
        f"▶ run {RUN}",
        "├─ ✔ Search  http-request  0.25 s",
        "└─ ✔ Write   llm           0.25 s  1,234 tokens",
        "",
        "Once upon a time",
        "",
        "greeting  Ann",
        "",
        "✔ succeeded in 0.05 s, 1,234 tokens",
    ]
    assert not terminal.screen.cursor.hidden


def test_running_nodes_have_a_spinner_that_turns(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(node_started("search"))
        first = re.search(r"└─ (\S) Search", terminal.see("Search", FOOT))
        assert first
        assert first[1] in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        terminal.see("Search", lambda shown: f"└─ {first[1]} Search" not in shown)
        run.end(finished())
        assert terminal.end() == 0


def test_text_that_the_outputs_repeat_is_shown_once_in_the_end(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(text("An"), text("n"))
        terminal.see("  Ann")
        run.end(finished())
        terminal.end()
    assert terminal.shown.count("Ann") == 1
    assert "greeting  Ann" in terminal.shown


def test_an_iteration_counts_its_items_and_lists_each_inner_node_once(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(container("iteration_started", metadata={"iteration_length": 10}))
        for index in range(3):
            ids = {"id": f"inner-{index}", "iteration_id": "iteration"}
            run.send(container("iteration_next", index=index), node_started("inner", **ids))
            terminal.see(f"item {index + 1} of 10")
            failed = {"status": "failed", "error": "ValueError: two!"} if index == 1 else {}
            run.send(node_finished("inner", **{**ids, **failed}))
        shown = terminal.see("1 failed, ValueError: two!", FOOT)
        assert shown.count("Inner") == 1
        run.end(container("iteration_completed", status="succeeded", elapsed_time=2.5), finished())
        assert terminal.end() == 0
    assert "└─ ✔ Iteration  iteration  2.50 s  10 items" in terminal.shown
    assert "   └─ ✔ Inner   code       0.75 s  ×3, 1 failed, ValueError: two!" in terminal.shown


def test_items_in_parallel_and_rounds_of_a_loop_are_told_as_such(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(container("iteration_started", metadata={"iteration_length": 4}))
        run.send(*(container("iteration_next", index=index) for index in range(4)))
        inside = {"iteration_id": "iteration"}
        run.send(*(node_started("inner", id=f"inner-{index}", **inside) for index in range(4)))
        run.send(node_finished("inner", id="inner-2", **inside))
        shown = terminal.see("×4", FOOT)
        assert "4 items in parallel" in shown
        assert not re.search("✔ Inner", shown), "three are going on"
        run.send(container("iteration_completed", status="succeeded", elapsed_time=1.0))
        run.send(container("loop_started", metadata={"loop_length": 5}))
        terminal.see("round 1 of 5")
        run.send(container("loop_next", index=1))
        terminal.see("round 2 of 5")
        run.end(container("loop_completed", status="succeeded", elapsed_time=1.0), finished())
        assert terminal.end() == 0
    assert re.search(r"✔ Loop +loop +1.00 s  2 rounds", terminal.shown)


def test_retries_people_and_what_an_agent_does_are_noted_at_the_node(run: ConductedRun) -> None:
    asking = recording("1.14.2/hi1_stream").events[-2]["data"]
    retry = {"id": "ask-1", "node_id": "ask", "title": "Ask", "node_type": "agent"}
    with in_terminal("run", base_url=run.url, columns=100) as terminal:
        run.begin()
        run.send(node_started("ask", kind="agent"))
        run.send(message("node_retry", {**retry, "retry_index": 1, "error": "HTTP 503"}))
        terminal.see("1 retry, HTTP 503")
        run.send(message("agent_log", {"node_id": "ask", "label": "ROUND 1", "id": "l"}))
        terminal.see("1 retry, ROUND 1")
        run.send(message("reasoning_chunk", {"node_id": "ask", "reasoning": "Hm"}))
        terminal.see("1 retry, thinking")
        run.send(message("human_input_required", asking))
        terminal.see("‖ Ask")
        filled = {"node_id": "ask", "node_title": "Ask", "action_text": "Approve"}
        run.send(message("human_input_form_filled", filled))
        terminal.see("1 retry, Approve")
        run.send(message("human_input_form_timeout", {"node_id": "ask", "node_title": "Ask"}))
        terminal.see("nobody answered in time")
        run.end(finished())
        assert terminal.end() == 0


def test_of_a_tree_higher_than_the_terminal_the_end_is_live_and_all_of_it_stays(
    run: ConductedRun,
) -> None:
    names = [f"node{number:02}" for number in range(30)]
    with in_terminal("run", base_url=run.url, lines=10) as terminal:
        run.begin()
        for name in names[:-1]:
            run.send(node_started(name), node_finished(name))
        run.send(node_started(names[-1]))
        shown = terminal.see("Node29", FOOT)
        assert len(shown.splitlines()) == 9
        assert "⋮ 26 nodes above" in shown
        assert "Node28" in shown
        assert FOOT in shown
        run.end(node_finished(names[-1]), finished())
        assert terminal.end() == 0
    everything = terminal.everything
    assert [everything.count(name.capitalize()) for name in names] == [1] * len(names)
    assert "nodes above" not in everything
    assert FOOT not in everything


def test_of_a_text_longer_than_the_terminal_the_end_is_live_and_all_of_it_stays(
    run: ConductedRun,
) -> None:
    lines = [f"line {number} of a long text" for number in range(200)]
    with in_terminal("run", base_url=run.url, lines=12) as terminal:
        run.begin()
        run.send(node_started("write"))
        for line in lines:
            run.send(text(f"{line}\n"))
        shown = terminal.see("  line 199 of a long text", FOOT)
        assert "Write" in shown
        assert FOOT in shown
        assert len(shown.splitlines()) <= 11
        run.end(node_finished("write"), finished())
        assert terminal.end() == 0
    everything = terminal.everything.splitlines()
    assert [line for line in everything if "of a long text" in line] == lines


def test_a_narrow_terminal_has_titles_and_no_kinds(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url, columns=30) as terminal:
        run.begin()
        run.send(node_started("search", title="Search far and wide", kind="http-request"))
        run.end(node_finished("search"), finished())
        assert terminal.end() == 0
    assert "└─ ✔ Search far and…  0.25 s\n" in terminal.shown


def test_inner_nodes_whose_iteration_was_never_told_stand_in_one(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        for name in ("fetch", "read"):
            run.send(node_started(name, iteration_id="1700"))
            run.send(node_finished(name, iteration_id="1700"))
        run.end(finished())
        assert terminal.end() == 0
    lines = [re.sub(r"  .*", "", line) for line in terminal.shown.splitlines()[1:4]]
    assert lines[0] == "└─ ■ Iteration"
    assert "├─ ✔ Fetch" in terminal.shown
    assert "└─ ✔ Read" in terminal.shown


@pytest.mark.parametrize("lines", [2, 3, 4, 5])
def test_the_smallest_terminals_are_not_garbled(lines: int, run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url, lines=lines, columns=30) as terminal:
        run.begin()
        run.send(node_started("search"), text("some text that is longer than the line"))
        terminal.see("Ctrl-C")
        run.end(node_finished("search"), finished())
        assert terminal.end() == 0
    everything = terminal.everything
    assert everything.count("Search") == 1
    assert everything.count("▶ run") == 1
    assert "Ctrl-C" not in everything


def test_wide_characters_take_two_columns_and_columns_stay_aligned(run: ConductedRun) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.send(node_started("a", title="検索する"), node_finished("a"))
        run.send(node_started("b", title="Write"), node_finished("b"), text("漢字" * 60))
        terminal.see("漢字")
        run.end(finished())
        assert terminal.end() == 0
    buffer = terminal.screen.buffer
    rows = [y for y in range(24) if "".join(buffer[y][x].data for x in range(80)).count("0.25 s")]
    columns = {next(x for x in range(80) if buffer[y][x].data == "0") for y in rows}
    assert len(rows) == 2
    assert len(columns) == 1
    assert terminal.unwrapped.count("漢字") == 60


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


def test_with_stdout_in_a_file_the_terminal_has_lines_and_the_file_the_data(
    run: ConductedRun, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file, in_terminal("run", base_url=run.url, stdout=file) as terminal:
        run.begin()
        run.send(node_started("search"))
        terminal.see("… Search  code")
        run.end(node_finished("search"), text("raw \x1b[31m"), finished())
        assert terminal.end() == 0
    assert path.read_bytes() == b'raw \x1b[31m\n{"greeting": "Ann"}\n'
    assert terminal.shown.splitlines()[-1] == "✔ succeeded in 0.05 s, 3 tokens"


@pytest.mark.parametrize(
    ("variable", "value", "absent"),
    [("NO_COLOR", "1", rb"\x1b\[(\d+;)*3\d"), ("TERM", "dumb", rb"\x1b")],
)
def test_terminals_that_want_less_get_less(
    variable: str, value: str, absent: bytes, run: ConductedRun
) -> None:
    with in_terminal("run", base_url=run.url, variables={variable: value}) as terminal:
        run.end(node_started("search"), node_finished("search"), finished())
        assert terminal.end() == 0
    assert not re.search(absent, terminal.written)
    assert "✔ Search" in terminal.shown


def test_verbose_tells_what_is_sent_between_lines_and_not_in_a_tree(run: ConductedRun) -> None:
    with in_terminal("--verbose", "run", base_url=run.url) as terminal:
        run.end(node_started("search"), node_finished("search"), finished())
        assert terminal.end() == 0
    assert "dify_workflow: run_workflow_stream: POST /workflows/run: 200" in terminal.shown
    assert FOOT.encode() not in terminal.written


def test_outputs_that_are_too_long_for_a_line_are_spread(run: ConductedRun) -> None:
    outputs = {"list": [f"item {number}" for number in range(12)], "short": {"a": [1]}}
    with in_terminal("run", base_url=run.url) as terminal:
        run.end(finished(outputs=outputs))
        assert terminal.end() == 0
    assert 'list   [\n         "item 0",\n         "item 1",' in terminal.shown
    assert 'short  {"a": [1]}' in terminal.shown


def test_what_was_seen_before_a_stream_broke_stays_and_the_way_on_is_told(
    run: ConductedRun,
) -> None:
    with in_terminal("run", base_url=run.url) as terminal:
        run.begin()
        run.end(node_started("search"), text("half a sen"))
        assert terminal.end() == 5
    assert "└─ … Search" in terminal.shown
    assert "half a sen" in terminal.shown
    assert f"dify-workflow info {RUN}" in terminal.unwrapped


def test_a_person_answers_a_form_and_sees_the_run_go_on(forms: Emulator) -> None:
    url, key = forms.base_url, "app-approval"
    with in_terminal("run", "-i", "topic=Budget", base_url=url, key=key) as terminal:
        assert terminal.end() == 4
    assert re.search(r"‖ Approve +human-input .* waits for a person", terminal.shown)
    submit = re.search(r"dify-workflow (form submit .*)", terminal.shown)
    resume = re.search(r"dify-workflow (resume \S+)", terminal.shown)
    assert submit
    assert resume
    with in_terminal(*submit[1].split(), base_url=url, key=key) as terminal:
        terminal.see("Please approve Budget")
        terminal.see("comment  several lines; an empty line ends the text, Enter for fine\n>")
        terminal.type("\n")
        terminal.see("Action\n  1  Approve\n  2  Reject\n>")
        terminal.type("3\n")
        terminal.see("Choose one of them by its number or name.\n>")
        terminal.type("approve\n")
        assert terminal.end() == 0
    assert "Submitted: the run continues." in terminal.shown
    with in_terminal(*resume[1].split(), base_url=url, key=key) as terminal:
        assert terminal.end() == 0
    assert re.search(r"^answer +approve$", terminal.shown, re.MULTILINE)
    assert re.search(r"^comment +fine$", terminal.shown, re.MULTILINE)


def test_a_form_is_shown_as_text_with_the_places_of_its_fields(server: ReplayServer) -> None:
    url = server.url("1.14.2/hi1_form_get")
    with in_terminal("form", "show", "token", base_url=url) as terminal:
        assert terminal.end() == 0
    for line in ("Please approve", "Comment: [comment]", "--action approve  Approve"):
        assert line in terminal.shown
    assert re.search(r"^draft +paragraph +Budget$", terminal.shown, re.MULTILINE)


def test_leaving_a_resumed_run_leaves_it_running(run: ConductedRun) -> None:
    with in_terminal("resume", RUN, base_url=run.url) as terminal:
        run.begin()
        run.send(node_started("search"))
        terminal.see("Search", "Ctrl-C exits")
        terminal.interrupt()
        assert terminal.end() == 130
    assert f"The run continues; dify-workflow stop {TASK} stops it." in terminal.unwrapped
    assert run.stops.empty()


def test_a_table_of_logs_fits_the_terminal(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
    with in_terminal("logs", "--limit=1", base_url=emulator.base_url, columns=60) as terminal:
        assert terminal.end() == 0
    assert re.search(rf"succeeded +{run.id}", terminal.shown)
    assert all(len(line) <= 60 for line in terminal.shown.splitlines())


def test_a_narrow_log_has_everything_on_two_lines_and_loses_nothing(emulator: Emulator) -> None:
    with emulator.client("failing") as client:
        run = client.run_workflow({})
    options = {"base_url": emulator.base_url, "key": "app-failing"}
    facts = r"dify-workflow · [\d.]+ s · 0 tokens · RuntimeError: kaboom"
    with in_terminal("logs", "--limit=1", **options) as terminal:
        assert terminal.end() == 0
    header, first, second, _ = terminal.shown.splitlines()[:4]
    assert header.split() == ["started", "status", "run"]
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  failed +{run.id}", first)
    assert re.fullmatch(f"  {facts}", second)
    with Emulator(server_version="1.10") as older:  # whose log has a run when it has ended
        options["base_url"] = older.base_url
        with in_terminal("logs", "--follow", "--limit=1", **options) as terminal:
            terminal.see("Waiting for new runs")
            with older.client("failing") as client:
                run = client.run_workflow({})
            assert terminal.end() == 0
    assert re.search(rf"failed +{run.id}\n  {facts}", terminal.shown)


def test_a_long_walk_through_the_log_shows_a_bar_that_goes(
    long_log: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    with (
        path.open("wb") as file,
        in_terminal("logs", "--all", "--csv", base_url=long_log.base_url, stdout=file) as terminal,
    ):
        assert terminal.end() == 0
    assert b"Reading the log" in terminal.written
    assert terminal.shown == ""
    assert len(path.read_text().splitlines()) == 251


def test_emulate_shows_each_request_and_ends_with_ctrl_c() -> None:
    with in_terminal("emulate", base_url="", columns=100) as terminal:
        terminal.see("Ctrl-C ends it.")
        url = re.search(r"DIFY_BASE_URL=(\S+)", terminal.shown)
        assert url
        with in_terminal("parameters", base_url=url[1], key="app-story") as other:
            assert other.end() == 0
        assert re.search(r"^style +select +plain, loud$", other.shown, re.MULTILINE)
        terminal.see("200 OK  GET /v1/parameters HTTP/1.1")
        terminal.interrupt()
        assert terminal.end() == 0
