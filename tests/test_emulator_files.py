"""Files of the emulator: who may use them and which it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dify_workflow import BadRequestError, PayloadTooLargeError, WorkflowFile
from dify_workflow.emulator import Emulator
from support.bench import Bench, bench_with
from support.versions import SOME_ID, logged

MEGABYTE = 1024 * 1024


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(linger=0) as running:
        yield running


def document(file_id: str) -> dict[str, Any]:
    return {"document": WorkflowFile.uploaded(file_id, type="document")}


def test_a_file_is_given_back_as_the_server_describes_it(emulator: Emulator) -> None:
    with emulator.client("files", user_id="u1") as client:
        uploaded = client.upload_file(b"hello", filename="a.txt", content_type="text/plain")
        outputs = client.run_workflow(document(uploaded.id)).outputs
    assert outputs["name"] == "a.txt"
    described = outputs["document"]
    assert described["dify_model_identity"] == "__dify__file__"
    assert (described["size"], described["related_id"]) == (5, uploaded.id)


@pytest.mark.parametrize(("version", "is_owners"), [("1.14", True), ("1.13", False)])
def test_a_file_is_its_users_alone_from_1_14_on(version: str, is_owners: bool) -> None:
    with Emulator(linger=0, server_version=version) as emulator:
        client = emulator.client("files", user_id="u1")
        with client:
            uploaded = client.upload_file(b"hello", filename="a.txt", content_type="text/plain")
            other = client.with_options(user_id="u2")
            if is_owners:  # files_run_other_user
                with pytest.raises(BadRequestError, match="Invalid upload file"):
                    other.run_workflow(document(uploaded.id), response_mode="blocking")
            else:
                assert other.run_workflow(document(uploaded.id)).status == "succeeded"


@pytest.mark.parametrize(
    ("name", "kind", "most"), [("a.pdf", "document", 15), ("a.png", "image", 10)]
)
def test_a_file_that_is_too_large_is_refused_without_a_word(
    name: str, kind: str, most: int, emulator: Emulator
) -> None:
    mime = "image/png" if kind == "image" else "application/pdf"
    with emulator.client("files") as client:
        client.upload_file(bytes(most * MEGABYTE), filename=name, content_type=mime)
        with pytest.raises(PayloadTooLargeError) as refused:
            client.upload_file(bytes(most * MEGABYTE + 1), filename=name, content_type=mime)
    assert (refused.value.code, refused.value.message) == ("file_too_large", "")


def test_a_stop_is_recorded_where_the_server_mends_that() -> None:
    with Emulator(linger=0, mends_stops=True) as emulator, emulator.client("slow") as client:
        with client.run_workflow_stream({"secs": 30}) as stream:
            stream.stop()
            assert stream.result().status == "stopped"
        assert stream.run_id is not None
        assert client.info(stream.run_id).status == "stopped"
        assert [row.status for row in client.logs()] == ["stopped"]


def test_a_row_whose_run_was_deleted_has_none(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
        assert run.id is not None
        emulator.delete_runs([run.id])  # logs_row_whose_run_was_deleted
        (row,) = client.logs()
        assert row.workflow_run is None
        assert row.status is None


def test_a_part_without_a_type_is_refused(emulator: Emulator) -> None:
    head = 'Content-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\nx\r\n'
    answer = httpx.post(
        f"{emulator.base_url}/files/upload",
        content=f"--b\r\n{head}--b--\r\n".encode(),
        headers={
            "Authorization": "Bearer app-files",
            "Content-Type": "multipart/form-data; boundary=b",
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_file_type")


# ------------------------------------------------------- files that only the run finds wrong


def uploaded(bench: Bench, user: str) -> str:
    answer = httpx.post(
        f"{bench.emulator.base_url}/files/upload",
        files={"file": ("a.txt", b"hello", "text/plain")},
        data={"user": user},
        headers={"Authorization": "Bearer app-files"},
    )
    return str(answer.raise_for_status().json()["id"])


def local(file_id: str, kind: str = "document") -> dict[str, str]:
    return {"type": kind, "transfer_method": "local_file", "upload_file_id": file_id}


DEAD = "http://nobody.invalid/a.pdf"
WRONG_FILES = {
    "another user's": (lambda bench: local(uploaded(bench, "u2")), "Invalid upload file"),
    "unknown": (lambda _bench: local(SOME_ID), "Invalid upload file"),
    "of a dead address": (
        lambda _bench: {"type": "document", "transfer_method": "remote_url", "url": DEAD},
        f"Reached maximum retries for URL {DEAD}",
    ),
    "of another type": (
        lambda bench: local(uploaded(bench, "u1"), "image"),
        "Detected file type does not match the specified type. Please verify the file.",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_FILES)
@pytest.mark.parametrize("version", ["1.13", "1.14", "1.15", "1.16"])
def test_a_worker_makes_no_run_of_a_wrong_file_and_tells_of_it_from_1_15_on(
    version: str, wrong: str
) -> None:
    given, reason = WRONG_FILES[wrong]
    with bench_with(server_version=version, silence=0.5) as bench:
        inputs = {"document": given(bench)}
        live = bench.start("files", inputs, "u1").read()
        if (version, wrong) == ("1.13", "another user's"):
            assert live.names[-1] == "workflow_finished", "there a file is anybody's"
            return
        assert logged(bench, "files") == []
        if version in {"1.13", "1.14"}:
            assert live.names == ["ping"]
            return
        assert live.names == ["ping", "workflow_started", "workflow_finished"]
        started, finished = live.events
        assert started["task_id"] == started["workflow_run_id"] == finished["task_id"]
        assert started["data"]["inputs"] == inputs
        last = finished["data"]
        assert (last["status"], last["error"], last["outputs"]) == ("failed", reason, None)
        answer = httpx.get(
            f"{bench.emulator.base_url}/workflows/run/{live.run_id}",
            headers={"Authorization": "Bearer app-files"},
        )
        assert answer.status_code == 404


@pytest.mark.parametrize("wrong", ["unknown", "of a dead address", "of another type"])
def test_in_blocking_mode_and_before_1_13_a_wrong_file_is_refused(wrong: str) -> None:
    for version, mode in (("1.14", "blocking"), ("1.10", "streaming"), ("1.10", "blocking")):
        with bench_with(server_version=version) as bench:
            inputs = {"document": WRONG_FILES[wrong][0](bench)}
            answer = httpx.post(
                f"{bench.emulator.base_url}/workflows/run",
                json={"inputs": inputs, "user": "u1", "response_mode": mode},
                headers={"Authorization": "Bearer app-files"},
            )
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")
            assert logged(bench, "files") == []
