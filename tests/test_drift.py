"""`make drift`: what Dify's published document says otherwise than openapi.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.drift._accepted import AcceptedError, read, sort
from scripts.drift._compared import contracts
from scripts.drift._difference import Difference, differences
from scripts.drift._document import Document, DocumentError, load
from scripts.drift._report import for_people
from support.published import published
from support.spec import ROOT, spec

ACCEPTED = ROOT / "drift-accepted.yml"
SCHEMAS = "#/components/schemas"


def found(upstream: dict[str, Any]) -> list[Difference]:
    return differences(*contracts(Document(spec()), Document(upstream)))


def changed(change: Callable[[dict[str, Any]], object]) -> list[Difference]:
    upstream = published()
    change(upstream)
    return found(upstream)


def members(upstream: dict[str, Any], schema: str) -> Any:
    return upstream["components"]["schemas"][f"Dify{schema}"]["properties"]


def drift(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.drift", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# ------------------------------------------------------------------------------- the comparison


def test_a_document_does_not_differ_from_itself() -> None:
    assert found(spec()) == []


def test_other_names_of_schemas_and_other_ways_to_write_them_are_no_difference() -> None:
    assert found(published()) == []


def test_a_new_operation_for_workflow_apps_is_reported_and_one_for_others_is_not() -> None:
    def change(upstream: dict[str, Any]) -> None:
        answers = {"200": {"description": "Done."}}
        upstream["paths"] |= {
            "/workflows/runs/{run}/nodes": {
                "get": {"description": "**Available for**: Workflow apps.", "responses": answers}
            },
            "/workflows/untold": {"get": {"tags": ["workflows"], "responses": answers}},
            "/datasets": {"get": {"tags": ["knowledge"], "responses": answers}},
        }

    assert [(each.kind, each.place) for each in changed(change)] == [
        ("new", "GET /workflows/runs/{}/nodes"),
        ("new", "GET /workflows/untold"),
    ]


def test_of_an_operation_that_is_gone_only_its_name_is_reported() -> None:
    (one,) = changed(lambda upstream: upstream["paths"].pop("/site"))
    assert (one.kind, one.place) == ("gone", "GET /site")
    assert one.ours_at == "#/paths/~1site/get"
    assert one.upstream_at is None


def test_a_variable_of_a_path_may_be_called_otherwise() -> None:
    def change(upstream: dict[str, Any]) -> None:
        item = upstream["paths"].pop("/form/human_input/{form_token}")
        item["parameters"][0]["name"] = "token"
        upstream["paths"]["/form/human_input/{token}"] = item

    assert changed(change) == []


def logs(upstream: dict[str, Any]) -> Any:
    return upstream["paths"]["/workflows/logs"]["get"]["parameters"]


CHANGES: list[tuple[Callable[[dict[str, Any]], object], Difference]] = [
    (
        lambda d: logs(d).append({"name": "sort", "in": "query", "schema": {"type": "string"}}),
        Difference("new", "GET /workflows/logs query sort", None, None, "string"),
    ),
    (
        lambda d: logs(d).pop(0),
        Difference("gone", "GET /workflows/logs query keyword", None, "string", None),
    ),
    (
        lambda d: logs(d)[6]["schema"].update(maximum=9),
        Difference("changed", "GET /workflows/logs query page", "maximum", 99999, 9),
    ),
    (
        lambda d: logs(d)[6]["schema"].update(default=0),
        Difference("changed", "GET /workflows/logs query page", "default", 1, 0),
    ),
    (
        lambda d: logs(d)[4].update(required=True),
        Difference(
            "changed",
            "GET /workflows/logs query created_by_end_user_session_id",
            "required",
            ours=False,
            upstream=True,
        ),
    ),
    (
        lambda d: members(d, "Account").update(avatar={"type": "string"}),
        Difference(
            "new", "GET /workflows/logs 200 data[].created_by_account.avatar", None, None, "string"
        ),
    ),
    (
        lambda d: members(d, "WorkflowLogRun")["finished_at"].update(nullable=False),
        Difference(
            "changed",
            "GET /workflows/logs 200 data[].workflow_run.finished_at",
            "nullable",
            ours=True,
            upstream=False,
        ),
    ),
    (
        lambda d: members(d, "EndUser")["session_id"].update(type="integer"),
        Difference("changed", "GET /end-users/{} 200 session_id", "type", "string", "integer"),
    ),
    (
        lambda d: members(d, "StopTaskBody")["user"].update(maxLength=64),
        Difference("changed", "POST /workflows/tasks/{}/stop body user", "maxLength", 255, 64),
    ),
    (
        lambda d: d["components"]["schemas"]["DifyLogStatusFilter"].update(enum=["paused"]),
        Difference(
            "changed",
            "GET /workflows/logs query status",
            "values",
            ["failed", "stopped", "succeeded"],
            ["paused"],
        ),
    ),
    (
        lambda d: members(d, "TextChunkData").update(channel={"type": "string"}),
        Difference("new", "event text_chunk data.channel", None, None, "string"),
    ),
    (
        lambda d: d["components"]["schemas"]["RunChunk"]["discriminator"]["mapping"].update(
            weather_changed=f"{SCHEMAS}/DifyTextChunkEvent"
        ),
        Difference("new", "event weather_changed"),
    ),
    (
        lambda d: d["components"]["schemas"]["RunChunk"]["discriminator"]["mapping"].pop(
            "loop_next"
        ),
        Difference("gone", "event loop_next"),
    ),
    (
        lambda d: d["paths"]["/meta"]["get"]["responses"].update(
            {"409": {"description": "`app_locked` : Somebody edits it."}}
        ),
        Difference("new", "GET /meta error 409 app_locked"),
    ),
    (
        lambda d: d["paths"]["/parameters"]["get"]["responses"].pop("400"),
        Difference("gone", "GET /parameters error 400 app_unavailable"),
    ),
    (
        lambda d: d["paths"]["/meta"]["get"].update(
            description="**Available for**: Chatflow, Agent apps."
        ),
        Difference("changed", "GET /meta", "apps", "workflow", "others"),
    ),
    (
        lambda d: d["paths"]["/files/{file_id}/preview"]["get"]["responses"]["200"].update(
            content={"text/plain": {}}
        ),
        Difference(
            "changed",
            "GET /files/{}/preview 200",
            "media",
            ["application/octet-stream"],
            ["text/plain"],
        ),
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), CHANGES, ids=[f"{each.kind} {each.place}" for _, each in CHANGES]
)
def test_a_change_is_reported_once_with_its_place_in_both_documents(
    change: Callable[[dict[str, Any]], object], expected: Difference
) -> None:
    (one,) = changed(change)
    assert (one.kind, one.place, one.aspect) == (expected.kind, expected.place, expected.aspect)
    assert (one.ours, one.upstream) == (expected.ours, expected.upstream)
    assert (one.ours_at is None) == (one.kind == "new")
    assert (one.upstream_at is None) == (one.kind == "gone")


def test_the_places_in_the_documents_are_json_pointers_that_lead_there() -> None:
    upstream = published()
    members(upstream, "EndUser")["session_id"]["type"] = "integer"
    (one,) = found(upstream)
    assert one.ours_at == f"{SCHEMAS}/EndUser/properties/session_id"
    assert one.upstream_at == f"{SCHEMAS}/DifyEndUser/properties/session_id"


def test_an_error_that_every_operation_has_needs_no_naming() -> None:
    def change(upstream: dict[str, Any]) -> None:
        answers = upstream["paths"]["/meta"]["get"]["responses"]
        answers["403"] = {"description": "`forbidden` : Switched off."}

    assert changed(change) == []


def test_members_below_what_upstream_leaves_open_are_not_reported_one_by_one() -> None:
    (one,) = changed(lambda d: members(d, "AppInfo").update(tags={"type": "object"}))
    assert (one.aspect, one.ours, one.upstream) == ("type", "array", "open object")


def test_alternatives_are_compared_by_what_any_of_them_allows() -> None:
    def change(upstream: dict[str, Any]) -> None:
        old = members(upstream, "EndUser")["session_id"]
        members(upstream, "EndUser")["session_id"] = {"oneOf": [old, {"type": "integer"}]}

    (one,) = changed(change)
    assert (one.aspect, one.upstream) == ("type", "integer or string")


# ------------------------------------------------------------------------- what is known already

KNOWN = {"kind": "gone", "places": ["GET /s*"], "reason": "No pages.", "proof": "a note"}


def test_a_known_difference_is_set_aside() -> None:
    result = sort(changed(lambda d: d["paths"].pop("/site")), read([KNOWN]))
    assert not result.unexplained
    assert not result.stale
    assert [(each.place, entry.reason) for each, entry in result.explained] == [
        ("GET /site", "No pages.")
    ]


def test_an_accepted_difference_that_is_none_any_more_is_reported() -> None:
    result = sort(found(published()), read([KNOWN]))
    assert [place for _, place in result.stale] == ["GET /s*"]
    assert "Accepted, but no longer different (1)\n  gone GET /s*: No pages." in for_people(result)


@pytest.mark.parametrize("said", [{"ours": 1, "upstream": 60}, {"ours": 10, "upstream": 0}])
def test_another_change_at_an_accepted_place_is_not_accepted(said: dict[str, int]) -> None:
    entry = {**KNOWN, "kind": "changed", "places": ["*page"], "aspect": "default", **said}
    result = sort(changed(lambda d: logs(d)[6]["schema"].update(default=0)), read([entry]))
    assert [each.place for each in result.unexplained] == ["GET /workflows/logs query page"]
    assert result.stale


def test_brackets_of_a_place_are_no_wildcards() -> None:
    entry = {**KNOWN, "kind": "new", "places": ["GET /workflows/logs 200 data[].x"]}
    (accepted,) = read([entry])
    assert accepted.place_of(Difference("new", "GET /workflows/logs 200 data[].x"))
    assert not accepted.place_of(Difference("new", "GET /workflows/logs 200 data.x"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({**KNOWN, "because": "x"}, "entry 1 of the accepted differences has unknown keys"),
        ({"kind": "new", "places": "x"}, "entry 1 of the accepted differences has no value for"),
        ("text", "entry 1 of the accepted differences is not a mapping"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(entry: Any, message: str) -> None:
    with pytest.raises(AcceptedError, match=message):
        read([entry])


def test_each_accepted_difference_names_a_recording_that_is_here_or_a_note() -> None:
    for entry in read(yaml.safe_load(ACCEPTED.read_text(encoding="utf-8"))):
        assert entry.proof, entry.reason
        for proof in entry.proof:
            if proof.startswith("recordings/"):
                assert (ROOT / "tests" / f"{proof}.json").is_file(), proof


# ----------------------------------------------------------------------------------- the command


@pytest.fixture
def accepted(tmp_path: Path) -> str:
    path = tmp_path / "accepted.yml"
    path.write_text("[]", encoding="utf-8")
    return f"--accepted={path}"


def test_the_command_reports_for_people_and_fails_on_a_difference(
    tmp_path: Path, accepted: str
) -> None:
    upstream = published()
    logs(upstream)[6]["schema"]["maximum"] = 9
    path = tmp_path / "upstream.json"
    path.write_text(json.dumps(upstream), encoding="utf-8")
    done = drift(str(path), accepted)
    assert done.returncode == 1
    assert (
        "Changed upstream (1)\n  GET /workflows/logs query page: maximum 99999 → 9" in done.stdout
    )
    assert "      upstream  #/paths/~1workflows~1logs/get/parameters/6/schema" in done.stdout
    assert "1 unexplained differences" in done.stdout
    report = json.loads(drift(str(path), accepted, "--json").stdout)
    assert report["unexplained"][0]["place"] == "GET /workflows/logs query page"
    assert report["accepted"] == report["stale"] == []


def test_the_command_is_content_where_nothing_differs(tmp_path: Path, accepted: str) -> None:
    path = tmp_path / "upstream.yaml"
    path.write_text(yaml.safe_dump(published()), encoding="utf-8")
    done = drift(str(path), accepted)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No drift: 0 differences, all of them accepted.\n"


def test_a_document_that_cannot_be_had_is_told_in_a_sentence(accepted: str) -> None:
    done = drift("http://127.0.0.1:9/openapi.json", accepted)
    assert done.returncode == 2
    assert done.stderr.startswith("drift: cannot read http://127.0.0.1:9/openapi.json: ")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("[1]", "it is not an OpenAPI document"),
        ("a: [", "cannot read"),
        ('{"swagger": "2.0"}', "it is not an OpenAPI document"),
    ],
)
def test_what_is_no_openapi_document_is_refused(
    contents: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "upstream.yaml"
    path.write_text(contents, encoding="utf-8")
    with pytest.raises(DocumentError, match=message):
        load(str(path))


@pytest.mark.parametrize(
    ("reference", "message"),
    [(f"{SCHEMAS}/Nothing", "refers to"), (f"{SCHEMAS}/DifyAccount", "refers to itself")],
)
def test_a_reference_that_leads_nowhere_is_named(reference: str, message: str) -> None:
    upstream = published()
    upstream["components"]["schemas"]["DifyAccount"] = {"$ref": reference}
    with pytest.raises(DocumentError, match=message):
        found(upstream)


@pytest.mark.skipif("DIFY_UPSTREAM" not in os.environ, reason="DIFY_UPSTREAM names no document")
def test_every_difference_from_the_published_document_is_explained() -> None:
    done = drift(os.environ["DIFY_UPSTREAM"])
    assert done.returncode == 0, done.stdout
