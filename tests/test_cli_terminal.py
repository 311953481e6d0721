"""What a person sees of the command line in a terminal, and what becomes of what they type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dify_workflow.emulator import Emulator
from support.cli import FOOT, in_terminal
from support.conducted import ConductedRun, node_finished, node_started
from support.events import RUN, TASK, finished, message, text
from support.recordings import recording
from support.replay import ReplayServer


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
