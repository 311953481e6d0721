"""Inputs of runs: from the command line, a file or stdin, of the kinds that the app names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dify_workflow.emulator import Emulator
from dify_workflow.errors import InvalidRequestError
from dify_workflow.inputs import Field
from support.cli import call
from support.conducted import ConductedRun
from support.events import finished
from support.replay import ReplayServer
from support.waiting import PATIENCE


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
        done = call(*arguments, base_url=emulator.base_url, stdin=stdin)
        assert json.loads(done.out)["outputs"] == {"greeting": expected}


def test_values_are_of_the_kinds_that_the_app_names(forms: Emulator, tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.pdf"]
    for path in paths:
        path.write_text("text")
    values = ("topic=007", "count=3", "style=loud", "flag=yes", 'filter={"a": [1]}')
    files = (f"doc={paths[0]}", f"pages={paths[1]}", "pages=https://example.com/c.png")
    options = [f"--input={value}" for value in values] + [f"--file={file}" for file in files]
    done = call("run", "--json", *options, base_url=forms.base_url, key="app-typed")
    outputs: dict[str, Any] = json.loads(done.out)["outputs"]
    doc, pages = outputs.pop("doc"), outputs.pop("pages")
    assert outputs == {
        "topic": "007",
        "count": 3,
        "style": "loud",
        "flag": True,
        "filter": {"a": [1]},
    }
    assert doc["transfer_method"] == "local_file"
    assert [page["transfer_method"] for page in pages] == ["local_file", "remote_url"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("-0.5", -0.5), ("1e3", 1000.0), ("", None), ("9" * 30, 10**30 - 1)],
)
def test_numbers_are_whole_where_they_are_written_so(text: str, number: float | None) -> None:
    read = Field("n", "number", "n").read(text)
    assert (read, type(read)) == (number, type(number))


@pytest.mark.parametrize("text", ["nan", "inf", "1,5", "0x10"])
def test_what_json_cannot_carry_is_no_number(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="n must be a number"):
        Field("n", "number", "n").read(text)


def test_names_in_a_file_of_inputs_that_the_app_has_not_are_left_out_and_told(
    emulator: Emulator,
) -> None:
    done = call(
        "run",
        "--json",
        "--inputs=-",
        base_url=emulator.base_url,
        stdin='{"name": "Ann", "nmae": "Bob"}',
    )
    assert done.code == 0
    assert done.err == "Note: the app has no input 'nmae', so it is not sent.\n"
    assert "nmae" not in json.loads(done.out)["inputs"]


def test_an_app_that_does_not_tell_its_inputs_gets_text(server: ReplayServer) -> None:
    run = ConductedRun(server)
    run.end(finished())
    files = ("--file=a=https://x.org/1.png", "--file=a=https://x.org/2.png")
    assert call("run", "-i", "count=3", *files, base_url=run.url).code == 0
    inputs = run.inputs.get(timeout=PATIENCE)
    assert inputs["count"] == "3"
    assert [file["type"] for file in inputs["a"]] == ["image", "image"]


def test_inputs_in_another_encoding_than_unicode_are_refused(
    emulator: Emulator, tmp_path: Path
) -> None:
    place = tmp_path / "inputs.json"
    place.write_bytes('{"name": "Zoé"}'.encode("cp1252"))
    done = call("run", "--inputs", str(place), base_url=emulator.base_url)
    assert (done.code, done.out) == (2, "")
    assert "inputs.json is not text in UTF-8 or UTF-16: " in done.said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-i", "topik=x"], "There is no input 'topik'; did you mean topic?"),
        (["-i", "zzz=x"], "There is no input 'zzz'; there are topic, count, style, flag,"),
        (["-i", "count=many"], "count must be a number, not 'many'."),
        (["-i", "flag=maybe"], "flag must be true or false, not 'maybe'."),
        (["-i", "filter={"], "filter must be a JSON object: Expecting property name"),
        (["-i", "style=wild"], "style must be one of plain, loud, not 'wild'."),
        (["-i", f"topic={'x' * 49}"], "topic takes at most 48 characters, not 49."),
        (["-i", "doc=a.txt"], "doc is a file; give it with --file doc=PATH."),
        (["--file", "topic=a.txt"], "topic is not a file input; pass it as -i topic=VALUE."),
        (["--file", "doc=/nowhere"], "There is no file /nowhere."),
        (["--file", "doc=http://a/b", "--file", "doc=http://a/c"], "doc takes one file, not 2."),
        ([f"--file=pages=http://a/{n}" for n in range(4)], "pages takes at most 3 files, not 4."),
        (["-i", "name"], "--input takes NAME=VALUE, not 'name'."),
        (["--file", "=x"], "--file takes NAME=PATH, not '=x'."),
        (["--inputs", "/does/not/exist"], "--inputs /does/not/exist: No such file or directory."),
        (["--inputs", "-"], "--inputs -: the inputs must be a JSON object."),
        (["--inputs", __file__], "test_cli_inputs.py is not JSON: "),
        (["-i", "filter=[1]"], "filter must be a JSON object, not '[1]'."),
        (["--json", "--jsonl"], "Give only one of --json, --jsonl."),
    ],
)
def test_inputs_that_cannot_be_right_are_refused_before_the_run(
    options: list[str], message: str, forms: Emulator
) -> None:
    before = len(forms.requests)
    done = call("run", *options, base_url=forms.base_url, key="app-typed", stdin="[]")
    assert (done.code, done.out) == (2, "")
    assert message in done.said
    sent = [request.path for request in forms.requests[before:]]
    assert not [path for path in sent if path.endswith("/run")]


@pytest.mark.parametrize("command", [("run",), ("form", "submit", "token")])
def test_an_input_without_its_option_is_refused_with_the_option(command: tuple[str, ...]) -> None:
    done = call(*command, "topic=two boxes", base_url="")
    assert done.code == 2
    assert "Inputs are given with -i, such as -i topic=VALUE." in done.said
