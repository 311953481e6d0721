"""Runs in pipes: data is all that stdout gets, and the exit code says how the run went."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
import typer

from dify_workflow import (
    APIConnectionError,
    DifyError,
    InvalidResponseError,
    RunLostError,
    RunOutcomeUnknownError,
    StreamInterruptedError,
)
from dify_workflow.cli.exits import handled
from dify_workflow.emulator import Emulator
from dify_workflow.events import EVENT_CLASSES
from support.cli import COMMAND, call, invoke, started
from support.conducted import ConductedRun, field, node_finished, node_started
from support.events import RUN, TASK, finished, message, paused, text
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE


def test_run_writes_text_and_outputs_on_stdout_and_what_happens_on_stderr(
    emulator: Emulator,
) -> None:
    done = invoke("run", "-i", "topic=boxes", base_url=emulator.base_url, key="app-story")
    assert done.code == 0
    streamed, outputs = done.out.splitlines()
    assert streamed.startswith("On boxes: A workflow server")
    assert json.loads(outputs) == {"text": streamed, "words": 26}
    for line in (r"▶ run [0-9a-f-]{36}", r"… Search  http-request", r"✔ Search  http-request  0.4"):
        assert re.search(f"^{line}", done.err, re.MULTILINE)
    assert re.search(r"^✔ succeeded in 1.\d\d s, \d+ tokens$", done.err, re.MULTILINE)


def test_text_goes_to_a_pipe_as_it_streams(server: ReplayServer) -> None:
    run = ConductedRun(server)
    process = started("run", base_url=run.url)
    run.begin()
    run.send(text("Once"))
    assert process.stdout.read(4) == "Once"
    run.end(text(" upon"), finished())
    rest, _ = process.communicate(timeout=PATIENCE)
    assert rest == ' upon\n{"greeting": "Ann"}\n'


def test_lines_and_text_that_share_a_pipe_do_not_run_into_each_other(
    server: ReplayServer,
) -> None:
    run = ConductedRun(server)
    run.end(text("one"), node_started("search"), text("two\n"), node_finished("search"), finished())
    done = subprocess.run(
        f"{sys.executable} -m dify_workflow --api-key app-x --base-url {run.url} run 2>&1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[:6] == [
        f"▶ run {RUN}",
        f"  task {TASK}",
        "one",
        "… Search  code",
        "two",
        "✔ Search  code  0.25 s",
    ]


def test_text_that_is_replaced_begins_a_new_line(server: ReplayServer) -> None:
    run = ConductedRun(server)
    run.end(text("wrong"), message("text_replace", {"text": "right"}), finished())
    assert call("run", base_url=run.url).out.splitlines()[:2] == ["wrong", "right"]


def test_run_prints_the_result_alone_as_json(emulator: Emulator) -> None:
    done = call("run", "--json", "-i", "name=Ann ☃", base_url=emulator.base_url)
    result = json.loads(done.out)
    assert (result["status"], result["outputs"]) == ("succeeded", {"greeting": "Ann ☃"})
    assert "raw" not in result
    assert done.err == ""


def test_run_prints_every_event_as_a_line(emulator: Emulator) -> None:
    done = call("run", "--jsonl", "-i", "name=Ann", base_url=emulator.base_url)
    names = [json.loads(line)["event"] for line in done.out.splitlines()]
    assert names[0] == "workflow_started"
    assert names[-1] == "workflow_finished"
    assert done.err == ""


@pytest.mark.parametrize(
    ("app", "inputs", "code", "said"),
    [
        ("failing", "msg=x", 1, "✘ failed in"),
        ("partial", "msg=x", 0, "✔ partial-succeeded in"),
        ("echo", "name=x", 0, "✔ succeeded in"),
    ],
)
def test_the_exit_code_says_how_the_run_went(
    app: str, inputs: str, code: int, said: str, emulator: Emulator
) -> None:
    done = call("run", "-i", inputs, base_url=emulator.base_url, key=f"app-{app}")
    assert done.code == code
    assert said in done.err


def test_a_failed_run_shows_why(emulator: Emulator) -> None:
    done = call("run", "-i", "msg=x", base_url=emulator.base_url, key="app-failing")
    assert re.search(r"^✘ Boom  code  .*  RuntimeError: kaboom$", done.err, re.MULTILINE)
    assert done.err.splitlines()[-1] == "RuntimeError: kaboom"
    assert done.out == ""


def test_a_paused_run_has_an_exit_code_of_its_own_and_says_how_to_go_on(
    server: ReplayServer,
) -> None:
    done = call("run", "-i", "topic=x", base_url=server.url("1.14.2/hi1_stream"))
    assert done.code == 4
    assert "‖ Ask  human-input" in done.err
    assert "To answer (approve or reject) and continue:" in done.err
    assert "  dify-workflow form submit fYcrw7GHGH7AYQ4ZaTyC8z\n" in done.err
    assert "  dify-workflow resume 92c04b77-6fc2-46d0-822a-b6e5dc590411\n" in done.err


def test_a_paused_run_as_json_has_the_forms_with_the_keys_of_the_server(
    server: ReplayServer,
) -> None:
    done = call("run", "--json", "-i", "topic=x", base_url=server.url("1.14.2/hi1_stream"))
    (form,) = json.loads(done.out)["paused"]["forms"]
    assert [field["type"] for field in form["inputs"]][:1] == ["paragraph"]
    assert form["actions"][0].keys() == {"id", "title", "button_style"}


def test_commands_to_copy_are_safe_whatever_the_server_calls_its_forms(
    server: ReplayServer,
) -> None:
    for token, shown in (("-abc", "-- -abc"), ("x; rm -rf ~", "'x; rm -rf ~'")):
        run = ConductedRun(server)
        event = json.loads(paused().removeprefix(b"data: "))
        event["data"]["reasons"][0]["form_token"] = token
        run.end(message("workflow_paused", event["data"]))
        assert f"  dify-workflow form submit {shown}\n" in call("run", base_url=run.url).err


def test_a_form_that_is_answered_elsewhere_says_where(server: ReplayServer) -> None:
    run = ConductedRun(server)
    event = json.loads(paused().removeprefix(b"data: "))
    event["data"]["reasons"][0] |= {"form_token": None, "approval_channels": ["console"]}
    run.end(message("workflow_paused", event["data"]))
    done = call("run", base_url=run.url)
    assert "Ask waits for a person until" in done.err
    assert "in console. To continue after that:" in done.err


def test_retries_are_lines_and_events_that_cannot_be_read_are_passed_over(
    server: ReplayServer,
) -> None:
    done = call("run", base_url=server.url("1.14.2/run_streaming_httpreq_500"))
    assert done.code == 1
    assert "↻ HTTP Request  Reached maximum retries" in done.err
    run = ConductedRun(server)
    odd = {"node_id": 3, "title": ["x"], "index": None, "metadata": 5, "text": 7, "error": {}}
    for name in EVENT_CLASSES:
        if name not in {"workflow_finished", "workflow_paused", "error"}:
            run.send(message(name, {}), message(name), message(name, odd))
    run.end(message("new"), finished())
    assert call("run", base_url=run.url).code == 0


def test_a_message_that_is_no_event_is_said_and_the_run_goes_on(server: ReplayServer) -> None:
    run = ConductedRun(server)
    run.begin()
    run.send(b'data: {"error": "\x1b]0;gone\x07"}\n\n')
    run.end(finished())
    done = call("run", base_url=run.url)
    assert done.code == 0
    assert "! a message of the stream could not be read: " in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("1.14.2/run_streaming_manysteps_200", 30),
        ("1.7.2/run_streaming_iter", 20),
        ("1.14.2/run_streaming_loop", 20),
    ],
)
def test_rounds_of_iterations_and_loops_are_counted_and_not_listed(
    name: str, lines: int, server: ReplayServer
) -> None:
    done = call("run", base_url=server.url(name))
    assert done.code == 0
    assert len(done.err.splitlines()) <= lines
    counts = re.findall(r"(\d+) (?:items|rounds)$", done.err, re.MULTILINE)
    assert counts, done.err
    assert re.search(rf"^[├└]─ ✔ .*  ×{counts[-1]}$", done.err, re.MULTILINE), done.err


def test_a_run_of_another_version_takes_what_is_given(server: ReplayServer) -> None:
    run = ConductedRun(server, [field("number", "count"), field("select", "kind", options=["x"])])
    run.end(finished())
    version = ("--workflow-id", "48ce767e-af1e-4a18-97ec-102a512e769f")
    page = ("--file", "page=https://example.com/a.pdf")
    values = ("-i", "count=3", "-i", "kind=other", "-i", "new=text", *page)
    assert call("run", *version, *values, base_url=run.url).code == 0
    inputs = run.inputs.get(timeout=PATIENCE)
    assert inputs.pop("page")["type"] == "document"
    assert inputs == {"count": 3, "kind": "other", "new": "text"}


def test_ctrl_c_stops_the_run_on_the_server_and_says_so(emulator: Emulator) -> None:
    process = started("run", "--jsonl", "-i", "secs=30", base_url=emulator.base_url, key="app-slow")
    while json.loads(process.stdout.readline())["event"] != "node_started":
        pass
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert json.loads(rest.splitlines()[-1])["data"]["status"] == "stopped"
    assert "Stopping the run on the server" in errors
    assert "Stopped the run " in errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_the_end_of_a_container_or_terminal_stops_the_run_as_ctrl_c_does(
    name: str, server: ReplayServer
) -> None:
    run = ConductedRun(server)
    process = started("run", "--jsonl", base_url=run.url)
    run.begin()
    process.stdout.readline()
    process.send_signal(signal.Signals[name])
    assert run.stops.get(timeout=PATIENCE) == TASK
    run.end(finished("stopped", error="Stopped by user."))
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"Stopped the run {RUN}" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_the_end_of_a_terminal_is_ignored_with_nohup(server: ReplayServer) -> None:
    run = ConductedRun(server)
    arguments = ["run", "--jsonl", "--base-url", run.url, "--api-key", "app-x"]
    with subprocess.Popen(
        ["nohup", *COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        run.begin()
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        run.end(finished())
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert run.stops.empty()


def test_a_stop_that_fails_or_comes_too_late_is_told(server: ReplayServer) -> None:
    class Refusing(ConductedRun):
        def _answer(self, exchange: Exchange) -> None:
            if exchange.request.target.endswith("/stop"):
                exchange.whole(b'{"code":"x","message":"no","status":403}', 403)
                self.end(finished())
            else:
                super()._answer(exchange)

    class Late(ConductedRun):
        def _answer(self, exchange: Exchange) -> None:
            super()._answer(exchange)
            if exchange.request.target.endswith("/stop"):
                self.end(finished())

    for kind, said in (
        (Refusing, f"The run {RUN} could not be stopped: "),
        (Late, f"The run {RUN} had ended before it could be stopped."),
    ):
        run = kind(server)
        process = started("run", "--jsonl", base_url=run.url)
        run.begin()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, "the run succeeded"
        assert said in errors


def test_a_reader_that_leaves_stops_the_run(server: ReplayServer) -> None:
    run = ConductedRun(server)
    process = started("run", "--jsonl", base_url=run.url)
    run.begin()
    process.stdout.readline()
    process.stdout.close()
    run.send(node_started("search"))
    assert run.stops.get(timeout=PATIENCE) == TASK
    errors = process.stderr.read()
    process.wait(PATIENCE)
    process.stderr.close()
    run.end()
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert f"Stopped the run {RUN}: the reader of its output has gone." in errors


def test_ctrl_c_is_ignored_where_the_shell_ignores_it(server: ReplayServer) -> None:
    run = ConductedRun(server)
    arguments = ["run", "--jsonl", "--base-url", run.url, "--api-key", "app-x"]
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *COMMAND, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    run.begin()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    run.end(finished())
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert run.stops.empty()


# ------------------------------------------------------------------ outcomes that are not known


def test_a_run_that_may_have_been_made_has_an_exit_code_and_the_next_command(
    emulator: Emulator,
) -> None:
    emulator.reset()
    emulator.faults.answer(408, "", on="POST /workflows/run")
    arguments = ("run", "-i", "name=Ann", "--user", "the judge")
    done = call(*arguments, base_url=emulator.base_url)
    assert (done.code, done.out) == (5, "")
    assert "Whether the run has started is not known" in done.said
    assert done.err.endswith("dify-workflow logs --user 'the judge'\n")
    listed = call("logs", "--user", "the judge", "--json", base_url=emulator.base_url)
    assert json.loads(listed.out)["data"] == []


def test_runs_that_may_be_the_one_are_named(emulator: Emulator) -> None:
    emulator.reset()
    emulator.faults.answer(502, runs_anyway=True, on="POST /workflows/run")
    done = call("run", "-i", "name=Ann", base_url=emulator.base_url)
    assert done.code == 5
    with emulator.client("echo") as client:
        (row,) = client.logs().data
    assert row.workflow_run is not None
    assert done.err.endswith(f"\n  dify-workflow info {row.workflow_run.id}\n")


UNREADABLE = InvalidResponseError("The answer cannot be read.")
UNREADABLE.outcome, UNREADABLE.run_id = "running", RUN


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RunLostError("Gone.", run_id=RUN), 5, f"dify-workflow info {RUN}"),
        (StreamInterruptedError("Broken.", run_id=RUN), 5, f"dify-workflow resume {RUN}"),
        (UNREADABLE, 5, f"dify-workflow resume {RUN}"),
        (RunOutcomeUnknownError("?"), 5, "dify-workflow logs --user dify-workflow"),
        (RunOutcomeUnknownError("?", possible_runs=[RUN]), 5, f"dify-workflow info {RUN}"),
        (APIConnectionError("Down.", request_sent=False), 3, "sets the server"),
    ],
)
def test_what_is_said_of_an_outcome(
    error: DifyError, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, handled():
        raise error
    assert caught.value.exit_code == code
    assert said in capsys.readouterr().err


def test_a_run_that_was_not_made_has_the_exit_code_of_a_refusal(emulator: Emulator) -> None:
    emulator.reset()
    for status in (401, 403, 404, 413):
        emulator.faults.answer(status, on="POST /workflows/run")
        assert call("run", "-i", "name=Ann", base_url=emulator.base_url).code == 3


@pytest.mark.parametrize("path", ["", "/elsewhere"])
def test_resume_at_a_wrong_address_has_the_exit_code_of_a_refusal(
    emulator: Emulator, path: str
) -> None:
    wrong = emulator.base_url.removesuffix("/v1") + path if path else "http://127.0.0.1:1/v1"
    assert call("resume", RUN, base_url=wrong).code == 3


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_resume_of_a_run_that_is_not_found_says_whose_it_may_be(
    emulator: Emulator, user: str
) -> None:
    run_id = RUN
    if user == "bob":  # the run is Ann's
        with emulator.client("slow") as client:
            run_id = str(client.submit_workflow({"secs": 9}, user="ann").id)
    done = call("resume", run_id, "--user", user, base_url=emulator.base_url, key="app-slow")
    assert done.code == 3
    assert "Only the user who started a run can follow it: --user." in done.said
    assert "dify-workflow resume" not in done.said


def test_resume_at_a_server_that_is_too_old_names_the_command_that_works() -> None:
    with Emulator(server_version="1.13") as emulator, emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
        done = call("resume", run.id, base_url=emulator.base_url)
        assert "needs Dify 1.14 or newer" in done.said
        assert f"To look the run up: dify-workflow info {run.id}" in done.said
        assert "dify-workflow resume" not in done.said


# ----------------------------------------------------------------------------- time of a run


def test_of_a_run_that_waited_for_people_the_time_is_said_to_be_that_of_the_end(
    server: ReplayServer,
) -> None:
    resumed: tuple[str, dict[str, Any]] = (
        "workflow_started",
        {"reason": "resumption", "created_at": 1_795_342_869},
    )
    end: dict[str, Any] = {
        "elapsed_time": 0.9,
        "created_at": 1_795_342_869,
        "finished_at": 1_795_342_870,
    }
    run = ConductedRun(server)
    began = message("workflow_started", {"reason": "initial", "created_at": 1_795_342_854})
    run.end(began, message(*resumed), finished(**end))
    done = call("run", base_url=run.url)
    assert "succeeded in 0.90 s since it last continued, 16.0 s in all" in done.err
    run = ConductedRun(server)
    run.end(message(*resumed), finished(**end))
    assert "succeeded in 0.90 s since it last continued" in call("run", base_url=run.url).err
