"""The emulator on the command line."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dify_workflow import APIConnectionError, DifyWorkflow, StreamInterruptedError
from dify_workflow.emulator import Emulator
from support.cli import call, invoke, started
from support.program import PipedProgram
from support.waiting import PATIENCE


@pytest.fixture
def emulating() -> Iterator[PipedProgram]:
    process = started("emulate")
    yield process
    if process.returncode is None:
        process.kill()
        process.communicate()


def test_emulate_serves_until_ctrl_c(emulating: PipedProgram) -> None:
    name, _, base_url = emulating.stdout.readline().strip().partition("=")
    assert name == "DIFY_BASE_URL"
    assert emulating.stdout.readline().startswith("DIFY_API_KEY=app-story  # ")
    assert call("run", "-i", "name=Ann", base_url=base_url).code == 0
    emulating.send_signal(signal.SIGINT)
    output, errors = emulating.communicate(timeout=PATIENCE)
    assert emulating.returncode == 0
    assert "Traceback" not in errors
    assert "200 OK  POST /v1/workflows/run HTTP/1.1" in errors, "a line for each request"
    assert "POST" not in output


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_signals_take_the_server_away_and_restart_its_workers() -> None:
    process = started("emulate", "--server-version", "1.16", "--workers", "1")
    try:
        base_url = process.stdout.readline().strip().partition("=")[2]
        with DifyWorkflow("app-slow", base_url=base_url, recover=False) as client:
            stream = client.run_workflow_stream({"secs": 60})
            next(stream)
            process.send_signal(signal.SIGUSR2)
            assert "the worker is shutting down" in str(stream.result().message)
            stream = client.run_workflow_stream({"secs": 60})
            next(stream)
            process.send_signal(signal.SIGUSR1)
            with pytest.raises(StreamInterruptedError):
                stream.result()
            with pytest.raises(APIConnectionError):
                client.with_options(max_retries=0).app_info()
        process.send_signal(signal.SIGUSR1)
        said = iter(process.stderr.readline, "")
        assert next(line for line in said if "workers" in line) == "The workers were restarted.\n"
        assert (
            next(line for line in said if "Unavailable" in line) == "Unavailable for 15 seconds.\n"
        )
        assert next(said) == "There is an outage already.\n"
    finally:
        process.kill()
        process.communicate()


def test_a_port_that_is_taken_is_a_sentence(emulator: Emulator) -> None:
    port = emulator.base_url.rpartition(":")[2].removesuffix("/v1")
    done = invoke("emulate", "--port", port)
    assert done.code == 3
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in done.err


MODULE_OF_A_USER = '''
from dify_workflow.emulator import Emulator, Input, workflow

@workflow(Input("name"))
def greet(inputs):
    """Greets."""
    yield from ()
    return {"greeting": inputs["name"]}

@workflow()
def other(inputs):
    yield from ()
    return {}

both = [greet, other]
own = Emulator(greet)
number = 3
def plain(inputs): ...
'''


@pytest.mark.parametrize(
    ("place", "keys"),
    [
        ("flows:greet", ["DIFY_API_KEY=app-greet  # Greets."]),
        ("flows:both", ["DIFY_API_KEY=app-greet  # Greets.", "DIFY_API_KEY=app-other"]),
        ("flows:own", ["DIFY_API_KEY=app-greet  # Greets."]),
    ],
)
def test_emulate_serves_what_a_module_of_the_working_directory_has(
    place: str, keys: list[str], tmp_path: Path
) -> None:
    (tmp_path / "flows.py").write_text(MODULE_OF_A_USER)
    process = started("emulate", place, cwd=tmp_path)
    lines = [process.stdout.readline().strip() for _ in range(len(keys) + 1)]
    url = lines[0].partition("=")[2]
    assert process.stderr.readline() == f"Its page, with apps and runs: {url.removesuffix('v1')}\n"
    assert process.stderr.readline() == "Ctrl-C ends it.\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert lines[0].startswith("DIFY_BASE_URL=http://127.0.0.1:")
    assert lines[1:] == keys


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flows"], "Give workflows as MODULE:NAME, not 'flows'."),
        (["flows.py:greet"], "Give the module as for import, not its file 'flows.py'."),
        (["nowhere:greet"], "There is no module 'nowhere' in the working directory or installed."),
        (["flows:nothing"], "The module 'flows' has no 'nothing'; there are greet, other, own."),
        (
            ["flows:number"],
            "flows:number has the type int. It must be a workflow made by @workflow",
        ),
        (["flows:plain"], "flows:plain has the type function"),
        (["broken:greet"], "The module 'broken' cannot be imported: ValueError: oh no"),
        (["crooked:greet"], "The module 'crooked' cannot be imported: SyntaxError"),
        (["needy:greet"], "The module 'needy' cannot be imported: ModuleNotFoundError: No module"),
        (["flows:own", "--port", "8000"], "flows:own is an Emulator with its own options"),
        (["flows:greet", "--server-version", "0.1"], "0.1"),
        (["--database", "/nowhere/x.db"], "--database /nowhere/x.db: unable to open"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, program in (
        ("flows", MODULE_OF_A_USER),
        ("broken", "raise ValueError('oh no')"),
        ("crooked", "def ("),
        ("needy", "import not_there"),
    ):
        (tmp_path / f"{name}.py").write_text(program)
        sys.modules.pop(name, None)
    done = call("emulate", *arguments, base_url="")
    assert (done.code, done.out) == (2, "")
    assert message in done.said


def test_emulate_keeps_runs_in_a_database_and_is_the_version_that_is_named(
    tmp_path: Path,
) -> None:
    options = ("--database", str(tmp_path / "runs.db"), "--server-version", "1.16")
    for expected in ("1 of 1 runs", "2 of 2 runs"):
        process = started("emulate", *options)
        url = process.stdout.readline().strip().partition("=")[2]
        ran = call("run", "-i", "name=Ann", "--json", base_url=url)
        assert json.loads(ran.out)["status"] == "succeeded"
        assert expected in call("logs", base_url=url).err
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


def test_without_its_extra_emulate_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [*sys.modules]:
        if name.startswith(("dify_workflow.emulator", "dify_workflow.cli.serve")):
            monkeypatch.delitem(sys.modules, name)
    done = call("emulate", base_url="")
    assert done.code == 2
    assert "pip install 'dify-workflow[emulator]'" in done.err


def test_emulate_on_another_address_says_who_can_use_it() -> None:
    process = started("emulate", "--host", "0.0.0.0")
    told = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert told == "Note: anyone who can reach 0.0.0.0 can use it; the keys are not secret.\n"
