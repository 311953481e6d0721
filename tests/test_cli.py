"""The command line runs, looks up, stops and lists; it never shows a traceback or a key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dify_workflow import __version__
from dify_workflow.cli._view import log_columns
from dify_workflow.emulator import Emulator
from support.events import TASK
from support.recordings import recording
from support.replay import ReplayServer
from support.spec import ROOT

COMMAND = [sys.executable, "-m", "dify_workflow"]


class Result:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        assert "Traceback" not in self.err, self.err
        assert "app-" not in self.err


def invoke(
    *arguments: str, base_url: str = "", key: str = "app-echo", stdin: str | None = None
) -> Result:
    environment = {**os.environ, "DIFY_BASE_URL": base_url, "DIFY_API_KEY": key}
    return Result(
        subprocess.run(
            [*COMMAND, *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    )


def test_run_shows_nodes_text_and_result(emulator: Emulator) -> None:
    done = invoke("run", "-i", "topic=boxes", base_url=emulator.base_url, key="app-story")
    assert (done.code, done.err) == (0, "")
    for shown in ("▶ run ", "✔ Search 0.4", "On boxes: A workflow", "✔ Write", " tokens"):
        assert shown in done.out
    assert "● succeeded" in done.out
    assert '"words": 26' in done.out


def test_run_prints_the_result_alone_as_json(emulator: Emulator) -> None:
    done = invoke("run", "--json", "-i", "name=Ann ☃", base_url=emulator.base_url)
    result = json.loads(done.out)
    assert (result["status"], result["outputs"]) == ("succeeded", {"greeting": "Ann ☃"})
    assert "raw" not in result


def test_run_prints_every_event_as_a_line(emulator: Emulator) -> None:
    done = invoke("run", "--jsonl", "-i", "name=Ann", base_url=emulator.base_url)
    names = [json.loads(line)["event"] for line in done.out.splitlines()]
    assert names[0] == "workflow_started"
    assert names[-1] == "workflow_finished"


def test_inputs_come_from_a_file_or_stdin_and_options_go_before(
    emulator: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "inputs.json"
    path.write_text('{"name": "file"}')
    run = ("run", "--json", "--inputs")
    for arguments, stdin, expected in (
        ((*run, str(path)), None, "file"),
        ((*run, "-"), '{"name": "stdin"}', "stdin"),
        ((*run, str(path), "-i", "name=option=x"), None, "option=x"),
    ):
        done = invoke(*arguments, base_url=emulator.base_url, stdin=stdin)
        assert json.loads(done.out)["outputs"] == {"greeting": expected}


@pytest.mark.parametrize(
    ("app", "inputs", "code"),
    [("failing", "msg=x", 1), ("partial", "msg=x", 0), ("echo", "name=x", 0)],
)
def test_the_exit_code_says_how_the_run_went(
    app: str, inputs: str, code: int, emulator: Emulator
) -> None:
    done = invoke("run", "-i", inputs, base_url=emulator.base_url, key=f"app-{app}")
    assert done.code == code
    assert done.err == ""


def test_a_failed_run_shows_why(emulator: Emulator) -> None:
    done = invoke("run", "-i", "msg=x", base_url=emulator.base_url, key="app-failing")
    assert "✘ Boom" in done.out
    assert "● failed" in done.out
    assert "RuntimeError: kaboom" in done.out


def test_a_paused_run_has_an_exit_code_of_its_own(server: ReplayServer) -> None:
    done = invoke("run", "-i", "topic=x", base_url=server.url("1.14.2/hi1_stream"))
    assert done.code == 4
    assert "‖ Ask waits for a person" in done.out


def test_retries_of_nodes_and_unknown_events_are_shown_or_passed_over(
    server: ReplayServer,
) -> None:
    done = invoke("run", base_url=server.url("1.14.2/run_streaming_httpreq_500"))
    assert done.code == 1
    assert "↻ HTTP Request: " in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "-i", "name"], 2, "--input takes NAME=VALUE, not 'name'"),
        (["run", "--inputs", "/does/not/exist"], 2, "--inputs /does/not/exist:"),
        (["run", "--inputs", "-"], 2, "the inputs must be a JSON object"),
        (["run"], 2, "name is required in input form"),
        (["info", "nope"], 2, "workflow_run_id must be a UUID"),
        (["info", "57455633-bab6-4ea6-b8d6-850b5ae09145"], 3, "not found (404 not_found"),
        (["logs", "--limit", "0"], 2, "limit must be 1 to 100"),
        (["logs", "--status", "wild"], 2, "wild"),
        (["--base-url", "nowhere", "logs"], 2, "must start with http:// or https://"),
        (["--base-url", "http://127.0.0.1:1/v1", "--timeout", "1", "logs"], 3, "could not connect"),
        (["nonsense"], 2, "nonsense"),
        (["run", "--json", "--jsonl"], 2, "take one"),
        (["--timeout", "-1", "logs"], 2, "--timeout"),
        (["emulate", "--port", "99999"], 2, "--port"),
    ],
)
def test_errors_are_a_sentence_on_stderr(
    arguments: list[str], code: int, message: str, emulator: Emulator
) -> None:
    done = invoke(*arguments, base_url=emulator.base_url, stdin="[]")
    assert (done.code, done.out) == (code, "")
    assert message in done.err.replace("\n", " ")


def test_a_wrong_key_is_refused_and_not_shown(emulator: Emulator) -> None:
    done = invoke("logs", base_url=emulator.base_url, key="app-S3cr3t")
    assert done.code == 3
    assert "wrong API key" in done.err


def test_info_shows_the_run(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
    done = invoke("info", run.id, base_url=emulator.base_url)
    assert run.id in done.out
    assert "succeeded" in done.out
    assert '{"greeting": "Ann"}' in done.out
    as_json = invoke("info", run.id, "--json", base_url=emulator.base_url)
    assert json.loads(as_json.out)["outputs"] == {"greeting": "Ann"}


def test_logs_is_a_table_or_lines_of_json(emulator: Emulator) -> None:
    with emulator.client("echo", user_id="log-reader") as client:
        run = client.run_workflow({"name": "Ann"})
    done = invoke("logs", "--keyword", run.id, base_url=emulator.base_url)
    assert "started" in done.out
    assert f"succeeded  {run.id}  log-reader" in done.out
    assert done.err == "1 of 1 runs\n"
    as_json = invoke("logs", "--json", "--keyword", run.id, base_url=emulator.base_url)
    page = json.loads(as_json.out)
    assert (page["total"], page["has_more"]) == (1, False)
    lines = invoke("logs", "--jsonl", "--keyword", run.id, base_url=emulator.base_url)
    assert [json.loads(line) for line in lines.out.splitlines()] == page["data"]
    assert page["data"][0]["workflow_run"]["id"] == run.id


def test_nothing_is_cut_wrapped_or_padded_in_a_pipe(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "x" * 48})
    shown = [
        invoke("info", run.id, base_url=emulator.base_url).out,
        invoke("logs", base_url=emulator.base_url).out,
        invoke("run", "-i", f"name={'y' * 48}", base_url=emulator.base_url).out,
    ]
    assert f'{{"greeting": "{"x" * 48}"}}' in shown[0]
    assert run.id in shown[1]
    assert json.loads(shown[2][shown[2].index("{") :]) == {"greeting": "y" * 48}
    assert all(line == line.rstrip() for line in shown[0].splitlines())


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (40, ["run"]),
        (60, ["status", "run"]),
        (80, ["started", "status", "run"]),
        (100, ["started", "status", "run", "seconds", "tokens"]),
        (200, ["started", "status", "run", "user", "seconds", "tokens", "message"]),
    ],
)
def test_a_narrow_table_of_logs_drops_columns_before_it_cuts_an_id(
    width: int, columns: list[str]
) -> None:
    assert log_columns(width) == columns


def test_logs_shows_rows_whose_run_or_user_is_gone(server: ReplayServer) -> None:
    done = invoke("logs", base_url=server.url("1.14.2/logs_row_whose_end_user_was_deleted"))
    assert done.code == 0
    played = json.loads(recording("1.14.2/logs_row_whose_end_user_was_deleted").body)
    assert f"{len(played['data'])} of {played['total']} runs" in done.err


def test_stop_says_what_the_server_says(emulator: Emulator) -> None:
    done = invoke("stop", TASK, base_url=emulator.base_url)
    assert (done.code, done.out) == (0, "success\n")


def test_verbose_tells_what_is_sent_on_stderr(emulator: Emulator) -> None:
    done = invoke("--verbose", "logs", base_url=emulator.base_url)
    assert "dify_workflow: logs: 200 after" in done.err


def test_version_and_help() -> None:
    assert invoke("--version").out == f"dify-workflow {__version__}\n"
    for command in ("run", "info", "stop", "logs", "emulate"):
        assert command in invoke("--help").out
        assert invoke(command, "-h").code == 0


@pytest.fixture
def emulating() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "emulate"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_emulate_serves_until_ctrl_c(emulating: subprocess.Popen[str]) -> None:
    assert emulating.stdout is not None
    name, _, base_url = emulating.stdout.readline().strip().partition("=")
    assert name == "DIFY_BASE_URL"
    assert emulating.stdout.readline().startswith("DIFY_API_KEY=app-story  # ")
    assert invoke("run", "-i", "name=Ann", base_url=base_url).code == 0
    emulating.send_signal(signal.SIGINT)
    output, errors = emulating.communicate(timeout=10)
    assert "Traceback" not in errors
    assert '"POST /v1/workflows/run HTTP/1.1" 200' in output, "a line for each request"


def test_a_port_that_is_taken_is_a_sentence(emulator: Emulator) -> None:
    port = emulator.base_url.rpartition(":")[2].removesuffix("/v1")
    done = invoke("emulate", "--port", port)
    assert done.code == 3
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use." in done.err


def test_without_a_key_the_command_says_where_to_put_one(emulator: Emulator) -> None:
    done = invoke("logs", base_url=emulator.base_url, key="")
    assert done.code == 2
    assert "dify-workflow --api-key KEY" in done.err


def test_a_reader_that_leaves_stops_the_run(emulator: Emulator) -> None:
    environment = {**os.environ, "DIFY_BASE_URL": emulator.base_url, "DIFY_API_KEY": "app-slow"}
    process = subprocess.Popen(
        [*COMMAND, "run", "--jsonl", "-i", "secs=1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.wait(10)
    process.stderr.close()
    assert "Traceback" not in errors
    assert "Stopped the run " in errors


def test_ctrl_c_stops_the_run_on_the_server_and_says_so(emulator: Emulator) -> None:
    environment = {**os.environ, "DIFY_BASE_URL": emulator.base_url, "DIFY_API_KEY": "app-slow"}
    process = subprocess.Popen(
        [*COMMAND, "run", "--jsonl", "-i", "secs=30"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while json.loads(process.stdout.readline())["event"] != "node_started":
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Stopped the run " in errors
    assert "Interrupted." in errors
    assert "Traceback" not in errors


def test_the_demo_leaves_nothing_running() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "1 of 1 runs\n")
    for shown in ("$ dify-workflow run", "● succeeded", "$ dify-workflow info", "started "):
        assert shown in done.stdout
