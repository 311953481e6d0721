"""Profiles on the command line: which app is asked, and where its key never goes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import ApiKey, profiles
from dify_workflow.emulator import Emulator
from support.cli import COMMAND, KEY, Result, environment, in_terminal, invoke
from support.replay import Exchange, ReplayServer
from support.tiers import first_of


@pytest.fixture(autouse=True)
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A configuration folder of the test's own, here and in the commands."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("DIFY_PROFILE", raising=False)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def _folder() -> dict[str, str]:
    """Where the profiles of a test are."""
    return {"XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}


def run(*arguments: str, stdin: str = "", **variables: str) -> Result:
    """Run a command without an app in its environment."""
    if not stdin:
        return invoke(*arguments, key="", variables={**_folder(), **variables})
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        env=environment("", "", **_folder(), **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_a_profile_is_kept_from_a_pipe_used_listed_and_removed(emulator: Emulator) -> None:
    done = run("profile", "list")
    assert (done.code, done.out, "There are no profiles yet" in done.err) == (0, "", True)
    url = emulator.base_url
    done = run("profile", "add", "echo", "--base-url", url, stdin="app-echo\n")
    assert (done.code, done.out) == (0, "")
    assert f"Stored the profile echo for {url}; its key is in {profiles.path()}." in done.said
    assert run("run", "-i", "name=Ann").out == 'Ann\n{"greeting": "Ann"}\n'
    assert run("profile", "add", "slow", "--base-url", url, stdin="app-slow").code == 0
    assert run("parameters", "--profile", "slow").out.split()[3] == "secs"
    assert run("parameters", DIFY_PROFILE="slow").out.split()[3] == "secs"
    assert run("profile", "use", "slow").code == 0
    rows = [line.split() for line in run("profile", "list").out.splitlines()]
    assert rows == [["name", "base", "URL"], ["echo", url], ["*", "slow", url]]
    listed = [json.loads(line) for line in run("profile", "list", "--json").out.splitlines()]
    assert listed[1] == {"name": "slow", "base_url": url, "in_use": True}
    assert run("profile", "remove", "slow").code == 0
    done = run("parameters")
    assert done.code == 2
    assert re.search("No API key: .* dify-workflow profile add NAME", done.said)


def test_a_person_types_the_key_without_seeing_it(variables: dict[str, str]) -> None:
    arguments = ("profile", "add", "story", "--base-url", "http://dify.example/v1")
    with in_terminal(*arguments, base_url="", key="", variables=variables) as terminal:
        terminal.see("API key of story:")
        terminal.type(f"{KEY}\n")
        assert terminal.end() == 0
        assert KEY not in terminal.everything
        assert "Stored the profile story" in terminal.everything
    assert profiles.load("story").api_key == ApiKey(KEY)


def test_a_command_to_copy_asks_the_same_app(emulator: Emulator) -> None:
    url = emulator.base_url
    run("profile", "add", "echo", "--base-url", url, stdin="app-echo")
    run("profile", "add", "slow", "--base-url", url, stdin="app-slow")
    for _ in range(2):
        assert run("run", "--profile", "slow", "-i", "secs=0").code == 0
    for arguments in (("logs", "--profile", "slow"), ("--profile", "slow", "logs")):
        listed = run(*arguments, "--limit", "1")
        _, _, words = listed.said.partition("To continue: dify-workflow ")
        assert run(*words.split(), "--json").code == 0, words
    listed = run("logs", "--base-url", url, "--limit", "1", DIFY_API_KEY="app-slow")
    assert f"To continue: dify-workflow --base-url {url} logs --cursor" in listed.said
    key = ("--api-key", "app-slow", "--base-url", url)
    assert "To continue: dify-workflow logs --cursor" in run("logs", *key, "--limit", "1").said


def test_a_key_is_never_read_with_an_echo(variables: dict[str, str], tmp_path: Path) -> None:
    """Not even where questions cannot be shown, because stderr goes into a file."""
    arguments = ("profile", "add", "story", "--base-url", "http://dify.example/v1")
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        in_terminal(
            *arguments, base_url="", key="", variables=variables, stderr=errors
        ) as terminal,
    ):
        terminal.see("API key of story:")
        terminal.type(f"{KEY}\n")
        assert terminal.end() == 0
        assert KEY not in terminal.everything
    assert "Stored the profile story" in log.read_text()
    assert profiles.load("story").api_key == ApiKey(KEY)


@first_of("encoding", "utf-16", "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be")
def test_a_key_comes_in_any_unicode_encoding(encoding: str) -> None:
    arguments = ("profile", "add", "story", "--base-url", "http://dify.example/v1")
    subprocess.run(
        [*COMMAND, *arguments],
        input=f"{KEY}\r\nlogin: Ann\r\n".encode(encoding),
        env=environment("", "", XDG_CONFIG_HOME=os.environ["XDG_CONFIG_HOME"]),
        check=True,
        timeout=60,
    )
    assert profiles.load("story").api_key == ApiKey(KEY)


def test_without_a_key_nothing_is_kept() -> None:
    done = run("profile", "add", "story", stdin="\n")
    assert (done.code, "No key was given, so nothing was stored." in done.said) == (2, True)
    assert not profiles.path().exists()


class Listening:
    """Two servers that note who asks them with which key."""

    def __init__(self, server: ReplayServer) -> None:
        self.asked: list[tuple[str, str]] = []
        self.own = server.handle(lambda exchange: self._answer("own", exchange))
        self.other = server.handle(lambda exchange: self._answer("other", exchange))

    def _answer(self, name: str, exchange: Exchange) -> None:
        self.asked.append((name, exchange.request.headers["authorization"]))
        exchange.whole(b'{"data": [], "has_more": false, "limit": 20, "page": 1, "total": 0}')


@pytest.mark.parametrize(
    ("arguments", "names", "asked"),
    [
        ((), {}, ("own", "app-mine")),
        (("--base-url", "{own}"), {}, ("own", "app-mine")),
        ((), {"DIFY_BASE_URL": "{own}/"}, ("own", "app-mine")),
        (("--base-url", "{other}"), {}, None),
        ((), {"DIFY_BASE_URL": "{other}"}, None),
        (("--profile", "mine"), {"DIFY_BASE_URL": "{other}"}, None),
        (("--profile", "mine", "--base-url", "{other}"), {"DIFY_API_KEY": "app-theirs"}, None),
        ((), {"DIFY_PROFILE": "mine", "DIFY_BASE_URL": "{other}"}, None),
        (("--api-key", "app-x", "--profile", "mine"), {}, None),
        (("--profile", "none"), {}, None),
        (("--profile", "mine"), {"DIFY_API_KEY": "app-theirs"}, ("own", "app-mine")),
        ((), {"DIFY_PROFILE": "mine", "DIFY_API_KEY": "app-theirs"}, ("own", "app-mine")),
        (
            (),
            {"DIFY_API_KEY": "app-theirs", "DIFY_BASE_URL": "{other}"},
            ("other", "app-theirs"),
        ),
        (("--api-key", "app-x", "--base-url", "{other}"), {}, ("other", "app-x")),
        (
            ("--api-key", "app-x", "--base-url", "{other}"),
            {"DIFY_PROFILE": "mine"},
            ("other", "app-x"),
        ),
    ],
)
def test_key_and_base_url_come_from_one_source_and_no_profile_is_sent_elsewhere(
    arguments: tuple[str, ...],
    names: dict[str, str],
    asked: tuple[str, str] | None,
    server: ReplayServer,
) -> None:
    listening = Listening(server)
    profiles.add("mine", "app-mine", base_url=listening.own)

    def filled(text: str) -> str:
        return text.format(own=listening.own, other=listening.other)

    variables: dict[str, Any] = {name: filled(value) for name, value in names.items()}
    for place in (("logs", *arguments), (*arguments, "logs")):
        listening.asked.clear()
        done = run(*map(filled, place), **variables)
        if asked is None:
            assert (done.code, listening.asked) == (2, [])
            assert re.search("only for .*, but|Give only one of|no profile 'none'", done.said)
        else:
            assert done.code == 0, done.err
            assert {*listening.asked} == {(asked[0], f"Bearer {asked[1]}")}


def test_a_batch_uses_profiles_too(
    emulator: Emulator, tmp_path: Path, variables: dict[str, str]
) -> None:
    profiles.add("echo", "app-echo", base_url=emulator.base_url)
    table = tmp_path / "rows.csv"
    table.write_text("name\nAnn\n")
    arguments = ("batch", str(table), "--output", str(tmp_path / "out.csv"), "--profile", "echo")
    done = invoke(*arguments, key="", variables=variables)
    assert done.code == 0, done.err
    assert "Ann" in (tmp_path / "out.csv").read_text()


def test_a_shell_completes_commands_and_names_of_profiles(variables: dict[str, str]) -> None:
    profiles.add("story", KEY, base_url="http://dify.example/v1")
    for words, found in {"inf": "info", "run --profile st": "story"}.items():
        asked = {
            "_DIFY_WORKFLOW_COMPLETE": "complete_bash",
            "COMP_WORDS": f"dify-workflow {words}",
            "COMP_CWORD": str(len(words.split())),
        }
        done = invoke(variables=variables | asked)
        assert done.out.split() == [found]


def test_the_script_for_a_shell_is_shown() -> None:
    shown = subprocess.run(
        [*COMMAND, "--show-completion", "bash"],
        env=environment("", "") | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "_DIFY_WORKFLOW_COMPLETE=complete_bash" in shown.stdout
