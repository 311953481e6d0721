"""The program as a whole: its options, errors, help and demo."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import __version__
from dify_workflow.emulator import Emulator, Input, node, workflow
from support.cli import COMMAND, Result, call, environment, in_terminal, invoke
from support.events import RUN
from support.replay import Exchange, ReplayServer
from support.tiers import first_of


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run"], 2, "Error: Inputs are missing; give them with -i name=VALUE."),
        (["info", "nope"], 2, "workflow_run_id must be a UUID"),
        (["resume", "nope"], 2, "workflow_run_id must be a UUID"),
        (["info", "57455633-bab6-4ea6-b8d6-850b5ae09145"], 3, "Error: not found (404 not_found"),
        (["logs", "--limit", "0"], 2, "0 is not in the range x>=1"),
        (["logs", "--status", "wild"], 2, "wild"),
        (
            ["logs", "--since", "tomorrow"],
            2,
            "--since takes a duration before now, such as 2h or 3d",
        ),
        (["logs", "--until", "99999999w"], 2, "--until takes a duration before now"),
        (["logs", "--csv", "--json"], 2, "Give only one of --json, --csv."),
        (["form", "show", "nope"], 3, "Error: not found (404 not_found"),
        (["upload", "/nowhere"], 2, "Cannot read the file /nowhere"),
        (["--base-url", "nowhere", "logs"], 2, "must start with http:// or https://"),
        (["--base-url", "http://127.0.0.1:1/v1", "--timeout", "1", "logs"], 3, "could not connect"),
        (["logs", "--base-url", "http://127.0.0.1:1/v1"], 3, "sets the server"),
        (["--api-key", "app-broken", "run"], 3, "The workflow must be fixed in Dify."),
        (["nonsense"], 2, "nonsense"),
        (["--timeout", "-1", "logs"], 2, "--timeout"),
        (["emulate", "--port", "99999"], 2, "--port"),
    ],
)
def test_errors_are_a_sentence_on_stderr(
    arguments: list[str], code: int, message: str, emulator: Emulator
) -> None:
    done = call(*arguments, base_url=emulator.base_url)
    assert (done.code, done.out) == (code, "")
    assert message in done.said


def test_a_wrong_key_is_refused_and_not_shown(emulator: Emulator) -> None:
    for arguments in (["logs"], ["logs", "--api-key", "app-S3cr3t"]):
        done = call(*arguments, base_url=emulator.base_url, key="app-S3cr3t")
        assert done.code == 3
        assert "Error: the API key is wrong" in done.err
        assert "DIFY_API_KEY or --api-key sets the key" in done.err


def test_without_a_key_the_command_says_where_to_put_one(emulator: Emulator) -> None:
    done = call("logs", base_url=emulator.base_url, key="")
    assert done.code == 2
    assert "No API key: give --api-key KEY, set DIFY_API_KEY, or store the app with" in done.err


def test_the_options_of_the_connection_stand_before_or_behind_the_command(
    emulator: Emulator,
) -> None:
    given = ("--api-key", "app-echo", "--base-url", emulator.base_url, "--timeout", "5")
    for arguments in ((*given, "logs"), ("logs", *given), (*given[:2], "logs", *given[2:])):
        assert call(*arguments, base_url="http://127.0.0.1:1/v1", key="app-wrong").code == 0
    behind = ("form", "show", "nope", *given, "--verbose")
    assert "dify_workflow: human_input_form: GET /form/human_input/***: 404" in invoke(*behind).err


def test_errors_of_the_server_show_no_escape_sequence(server: ReplayServer) -> None:
    def refuse(exchange: Exchange) -> None:
        body = {"code": "evil", "message": "\x1b[2J\x9b[red]", "status": 400}
        exchange.whole(json.dumps(body).encode(), 400, "BAD REQUEST")

    done = call("logs", base_url=server.handle(refuse))
    assert done.code == 3
    assert r"\x1b[2J\x9b[red]" in done.err


def test_what_no_command_expects_is_a_sentence_too(emulator: Emulator) -> None:
    arguments = ["--base-url", emulator.base_url, "logs", "--api-key", "app-echo"]
    program = (
        "import sys\n"
        "from dify_workflow import DifyWorkflow, __main__\n"
        "DifyWorkflow.iter_logs = lambda *_, **__: 1 / 0\n"
        f"sys.argv = ['dify-workflow', *{arguments}]\n"
    )
    for verbose, has_place in (("", False), ("sys.argv.append('--verbose')\n", True)):
        broken = subprocess.run(
            [sys.executable, "-c", f"{program}{verbose}__main__.main()"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert broken.returncode == 70
        assert "This is a bug in dify-workflow: ZeroDivisionError" in broken.stderr
        assert ("Traceback" in broken.stderr) == has_place


def test_verbose_tells_what_is_sent_on_stderr(emulator: Emulator) -> None:
    done = invoke("--verbose", "logs", base_url=emulator.base_url)
    assert "dify_workflow: iter_logs: GET /workflows/logs: 200 after" in done.err


SHELL = " ".join(COMMAND)


def in_shell(line: str, base_url: str) -> Result:
    """Run a line of a shell."""
    done = subprocess.run(
        ["sh", "-c", line],
        env=environment(base_url, "app-echo"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        *("run -i name=Ann", "run -i name=Ann --json", "resume {run}", "info {run}", "logs --csv"),
        *("stop {run}", "parameters", "upload README.md", "form show x", "form submit x"),
        *("batch rows.csv --output out.csv", "report events.jsonl", "emulate"),
    ],
)
def test_with_stdout_closed_nothing_is_done_and_stderr_says_why(
    arguments: str, server: ReplayServer
) -> None:
    url = server.handle(lambda exchange: exchange.whole(b"{}"))
    before = len(server.requests)
    done = invoke(*arguments.format(run=RUN).split(), base_url=url, closed=["stdout"])
    assert done.code == 2
    assert "Error: stdout is closed, so nothing was done." in done.err
    assert len(server.requests) == before


def test_with_stdin_or_stderr_closed_commands_do_what_they_do(emulator: Emulator) -> None:
    url = emulator.base_url
    for closed in (["stdin"], ["stderr"], ["stdin", "stderr"]):
        done = invoke("run", "-i", "name=Ann", base_url=url, closed=closed)
        assert (done.code, done.out) == (0, 'Ann\n{"greeting": "Ann"}\n')
        assert invoke("info", "x", base_url=url, closed=closed).code == 2
    assert invoke("run", base_url=url, closed=["stdin"]).code == 2
    assert invoke("run", "--inputs", "-", base_url=url, closed=["stdin"]).code == 2


def test_a_shell_may_close_streams_or_send_them_where_nothing_fits(emulator: Emulator) -> None:
    done = in_shell(f"{SHELL} run -i name=Ann <&- 2>&-", emulator.base_url)
    assert (done.code, done.out) == (0, 'Ann\n{"greeting": "Ann"}\n')
    done = in_shell(f"{SHELL} info x >&-", emulator.base_url)
    assert (done.code, "Error: stdout is closed" in done.err) == (2, True)
    assert in_shell(f"{SHELL} info x 2>/dev/full", emulator.base_url).code == 2
    assert in_shell(f"{SHELL} info x <&- >&- 2>&-", emulator.base_url).code == 2


def test_a_run_whose_output_cannot_be_written_is_stopped_or_named(emulator: Emulator) -> None:
    done = in_shell(f"{SHELL} run -i name=Ann --jsonl >/dev/full", emulator.base_url)
    assert done.code == 70
    assert "Stopped the run" in done.err
    assert "its output cannot be written." in done.err
    done = in_shell(f"{SHELL} run -i name=Ann --json >/dev/full", emulator.base_url)
    assert done.code == 70
    (run_id,) = re.findall(r"has ended: dify-workflow info (\S+) shows its outputs", done.err)
    assert "Ann" in call("info", run_id, base_url=emulator.base_url).out


@first_of("encoding", "cp1252", "ascii", "latin-1", "utf-16")
def test_json_is_json_in_any_encoding_of_the_output(encoding: str, emulator: Emulator) -> None:
    name = "é☃\x9b\U0001f600"
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": name})

    def said(*arguments: str) -> str:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=environment(emulator.base_url, "app-echo", PYTHONIOENCODING=encoding),
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout.decode(encoding)

    greeting = {"greeting": name}
    assert json.loads(said("run", "--json", "-i", f"name={name}"))["outputs"] == greeting
    assert json.loads(said("run", "-i", f"name={name}").splitlines()[-1]) == greeting
    last = said("run", "--jsonl", "-i", f"name={name}").splitlines()[-1]
    assert json.loads(last)["data"]["outputs"] == greeting
    shown = re.search(r"^outputs +(.*)$", said("info", run.id), re.MULTILINE)
    assert shown is not None
    assert json.loads(shown[1]) == greeting


@first_of("encoding", "utf-16", "utf-8", "utf-8-sig", "utf-16-le", "utf-32")
def test_inputs_are_read_in_any_encoding_of_unicode_whatever_the_locale(
    encoding: str, emulator: Emulator, tmp_path: Path
) -> None:
    data = json.dumps({"name": "café \U0001f600"}, ensure_ascii=False).encode(encoding)
    place = tmp_path / "inputs.json"
    place.write_bytes(data)
    for source in ("-", str(place)):
        done = subprocess.run(
            [*COMMAND, "run", "--json", "--inputs", source],
            input=data,
            env=environment(emulator.base_url, "app-echo", PYTHONIOENCODING="cp1252"),
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert json.loads(done.stdout)["outputs"] == {"greeting": "café \U0001f600"}


@first_of("encoding", "cp1252", "utf-8-sig", "utf-16")
def test_report_reads_what_run_wrote_whatever_the_encoding(
    encoding: str, emulator: Emulator, tmp_path: Path
) -> None:
    place = tmp_path / "events.jsonl"
    names = environment(emulator.base_url, "app-echo", PYTHONIOENCODING=encoding)
    with place.open("wb") as file:
        arguments = [*COMMAND, "run", "--jsonl", "-i", "name=\U0001f600"]
        subprocess.run(arguments, env=names, stdout=file, stderr=subprocess.PIPE, check=True)
    for source, data in ((str(place), b""), ("-", place.read_bytes())):
        out = tmp_path / "page.html"
        arguments = [*COMMAND, "report", source, "--output", str(out)]
        subprocess.run(arguments, env=names, input=data, capture_output=True, check=True)
        assert "\U0001f600" in out.read_text(encoding="utf-8")
        shown = subprocess.run(
            [*COMMAND, "report", source, "--output", "-"],
            env=names,
            input=data,
            stdout=subprocess.PIPE,
            check=True,
        )
        assert "\U0001f600" in shown.stdout.decode("utf-8"), "it is the page, not text about it"


@first_of("encoding", "cp1252", "utf-16")
def test_a_module_on_stdout_is_the_one_that_would_be_written(encoding: str, tmp_path: Path) -> None:
    @workflow(Input("topic", label="Thema \U0001f600"))
    def labelled(inputs: dict[str, Any]) -> Any:
        yield from node("write")
        return inputs

    with Emulator(labelled, linger=0.0) as emulator:
        names = environment(emulator.base_url, "app-labelled", PYTHONIOENCODING=encoding)
        place = tmp_path / "labelled.py"
        arguments = [*COMMAND, "types", "--class-name", "Labelled", "--output"]
        subprocess.run([*arguments, str(place)], env=names, capture_output=True, check=True)
        shown = subprocess.run([*arguments, "-"], env=names, stdout=subprocess.PIPE, check=True)
    assert "\U0001f600" in place.read_text(encoding="utf-8")
    assert shown.stdout == place.read_bytes()


def test_a_report_that_is_written_beside_a_run_is_named(emulator: Emulator, tmp_path: Path) -> None:
    place = tmp_path / "run.html"
    done = call("run", "-i", "name=Ann", "--report", str(place), base_url=emulator.base_url)
    assert f"Report: {place}" in done.err
    assert place.exists()


_PAGE = b"<!doctype html><title>Dify</title><h1>Sign in</h1>"


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (404, "text/html", _PAGE),
        (405, "text/html", _PAGE),
        (405, "application/json", b'{"detail": "Method Not Allowed"}'),
        (200, "text/html; charset=utf-8", _PAGE),
    ],
)
@pytest.mark.parametrize("arguments", [("info", RUN), ("run",), ("logs",)])
def test_where_no_dify_answers_the_base_url_is_to_be_checked(
    arguments: tuple[str, ...], status: int, kind: str, body: bytes, server: ReplayServer
) -> None:
    url = server.handle(lambda exchange: exchange.whole(body, status, content_type=kind))
    done = call(*arguments, base_url=url)
    assert (done.code, done.out) == ((5 if arguments == ("run",) and status == 200 else 3), "")
    assert "Check the base URL, which ends in /v1." in done.said
    assert "An id is found" not in done.said


def test_an_id_that_a_dify_does_not_know_is_not_blamed_on_the_base_url(emulator: Emulator) -> None:
    done = call("info", RUN, base_url=emulator.base_url)
    assert "An id is found only with the key of its own app." in done.said
    assert "/v1" not in done.said


@pytest.mark.parametrize("app", ["echo", "unpublished"])
def test_verbose_shows_each_request_and_the_run_and_asks_for_parameters_once(
    app: str, emulator: Emulator, server: ReplayServer
) -> None:
    url = emulator.base_url
    if app == "unpublished":
        url = server.handle(lambda exchange: exchange.whole(b"{}", 400, "BAD REQUEST"))
    lines = invoke("-v", "run", "-i", "name=Ann", base_url=url).err.splitlines()
    asked = [line for line in lines if "GET /parameters: " in line]
    assert len(asked) == 1
    assert re.fullmatch(r"dify_workflow: parameters: GET /parameters: \d+ after \d+ ms", asked[0])
    if app == "echo":
        said = "\n".join(lines)
        assert re.search(r"POST /workflows/run: 200 after \d+ ms", said)
        assert re.search(r"the server reports run \S{36}, task \S{36}", said)


def test_the_version_is_told() -> None:
    assert invoke("--version").out == f"dify-workflow {__version__}\n"


def test_help_loads_no_emulator() -> None:
    program = (
        "import sys\n"
        "from dify_workflow.cli import app\n"
        "try:\n"
        "    app(['run', '--help'])\n"
        "except SystemExit:\n"
        "    loaded = {'dify_workflow.emulator', 'starlette', 'uvicorn'} & {*sys.modules}\n"
        "    sys.exit(f'loaded: {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_demo_shows_a_run_its_form_and_the_log_whatever_the_environment_says() -> None:
    nowhere = "http://127.0.0.1:9"
    done = invoke("demo", base_url=f"{nowhere}/v1", variables={"HTTP_PROXY": nowhere})
    assert done.code == 0, done.err
    commands = ("run -i topic=boxes", "form submit", "resume", "logs")
    shown = [done.out.index(f"\n$ dify-workflow {command}") for command in commands]
    assert shown == sorted(shown)
    assert json.loads(done.out.splitlines()[-5])["published"] is True
    assert done.err.endswith("1 of 1 runs\n")


def test_ctrl_c_ends_the_demo() -> None:
    with in_terminal("demo", base_url="") as person:
        person.see("Search the web")
        person.interrupt()
        assert person.end() == 130
        assert "Stopped the run" in person.everything


def test_without_the_extra_the_demo_says_what_it_needs() -> None:
    code = (
        "import sys\n"
        "sys.modules['uvicorn'] = None\n"
        "from dify_workflow.__main__ import main\n"
        "sys.argv[1:] = ['demo']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'dify-workflow[emulator]'" in done.stderr
