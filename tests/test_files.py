"""Files are uploaded, sent with inputs, and read back."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import (
    InvalidRequestError,
    WorkflowFile,
    WorkflowRunRequest,
)
from support import events
from support.answering import BLOCKING, FILE, Answering
from support.events import RUN
from support.replay import Exchange, ReplayServer, Request
from support.waiting import PATIENCE
from support.worlds import World

# --------------------------------------------------------------------------------------- files


def parts(request: Request) -> dict[str, tuple[str | None, str, bytes]]:
    """File name, media type and content of each part by its name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.body)
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    }


def test_an_upload_carries_name_type_and_user(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "größe.png"
    path.write_bytes(b"\x89PNG")
    answering = Answering(server, FILE, status=201, reason="CREATED")
    uploaded = both.client(base_url=answering.url).upload_file(path, user_id="u1")
    assert answering.path == "/files/upload"
    sent = parts(answering.request)
    assert sent["user"] == (None, "text/plain", b"u1")
    assert sent["file"][1:] == ("image/png", b"\x89PNG")
    assert 'filename="größe.png"'.encode() in answering.request.body
    assert (uploaded.id, uploaded.name, uploaded.size) == (FILE["id"], FILE["name"], FILE["size"])
    assert uploaded.as_input() == WorkflowFile.uploaded(FILE["id"], type="image")
    assert uploaded.as_input(type="custom").type == "custom"
    assert uploaded.raw == FILE


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        (b"abc", {}, ("upload.bin", "application/octet-stream")),
        (b"abc", {"content_type": "image/png"}, ("upload.png", "image/png")),
        (b"abc", {"filename": "a.csv"}, ("a.csv", "text/csv")),
        (b"abc", {"filename": "a.csv", "content_type": "text/x"}, ("a.csv", "text/x")),
        (io.BytesIO(b"abc"), {"filename": "noending"}, ("noending", "application/octet-stream")),
    ],
)
def test_file_name_and_type_are_guessed_and_can_be_given(
    source: Any,
    options: dict[str, str],
    expected: tuple[str, str],
    both: World,
    server: ReplayServer,
) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(source, **options)
    assert parts(answering.request)["file"] == (*expected, b"abc")


def test_an_open_file_keeps_its_name_and_stays_open(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "open.txt"
    path.write_bytes(b"abc")
    answering = Answering(server, FILE, status=201)
    with path.open("rb") as file:
        both.client(base_url=answering.url).upload_file(file)
        assert not file.closed
    assert parts(answering.request)["file"] == ("open.txt", "text/plain", b"abc")


class Endless(io.RawIOBase):
    """A file of any size that takes no memory, and counts what is asked of it."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.largest_read = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "the file is read whole"
        self.largest_read = max(self.largest_read, size)
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


def test_a_file_is_sent_piece_by_piece_and_never_read_whole(
    both: World, server: ReplayServer
) -> None:
    answering = Answering(server, FILE, status=201)
    source = Endless(5_000_000)
    both.client(base_url=answering.url).upload_file(source, filename="big.bin")
    assert source.left == 0
    assert source.largest_read <= 65_536
    assert len(parts(answering.request)["file"][2]) == 5_000_000


def test_a_pipe_is_sent_as_it_comes(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as end:
        end.write(b"through a pipe")
    with os.fdopen(reading, "rb") as pipe:
        both.client(base_url=answering.url).upload_file(pipe, filename="p.txt")
    assert parts(answering.request)["file"][2] == b"through a pipe"


def test_a_file_that_is_unpacked_while_it_is_read_is_sent_unpacked(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "packed.txt.gz"
    path.write_bytes(gzip.compress(b"x" * 100_000))
    answering = Answering(server, FILE, status=201)
    with gzip.open(path) as file:
        file.read(10)
        both.client(base_url=answering.url).upload_file(file, filename="packed.txt")
    assert parts(answering.request)["file"][2] == b"x" * 100_000


def test_a_file_without_a_size_that_has_contents_is_sent(both: World, server: ReplayServer) -> None:
    source = Path("/proc/version")  # Linux makes it up while it is read, and calls it empty
    if not source.exists():
        pytest.skip("there is no such file here")
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(source)
    assert parts(answering.request)["file"][2] == source.read_bytes()


def test_an_empty_file_is_sent(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(b"", filename="empty.txt")
    assert parts(answering.request)["file"][2] == b""


class Changing(io.BytesIO):
    """A file whose length changes after it was measured."""

    def __init__(self, measured: int, real: int) -> None:
        super().__init__(b"y" * real)
        self.measured = measured

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        super().seek(offset, whence)
        return self.measured if whence == os.SEEK_END else offset


def test_of_a_file_that_grows_what_was_there_at_first_is_sent(
    both: World, server: ReplayServer
) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(Changing(1000, 5000), filename="log.txt")
    assert parts(answering.request)["file"][2] == b"y" * 1000


def test_a_file_that_shrinks_is_an_error(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    with pytest.raises(InvalidRequestError, match=r"log\.txt became shorter while it was sent"):
        both.client(base_url=answering.url).upload_file(Changing(5000, 1000), filename="log.txt")


@pytest.mark.parametrize("name", ["a\u00a0b.txt", "\u3000.txt", "\U0001f468\u200d\U0001f469.png"])
def test_file_names_may_have_any_letters_spaces_and_signs(
    name: str, both: World, server: ReplayServer
) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(b"x", filename=name)
    assert f'filename="{name}"'.encode() in answering.request.body


def test_a_path_among_the_inputs_is_uploaded_first_for_the_same_user(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "hello.txt"
    path.write_text("hello")
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        if exchange.request.target.endswith("/files/upload"):
            file = {**FILE, "name": "hello.txt", "extension": "txt", "mime_type": "text/plain"}
            exchange.whole(json.dumps(file).encode(), status=201)
            return
        exchange.start_stream()
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    request = WorkflowRunRequest(
        {"doc": path, "docs": [path]}, files=[path], user_id="u1", api_key="app-other-key"
    )
    client.run_workflow(request)
    upload, run = seen
    assert parts(upload)["user"][2] == b"u1"
    assert {item.headers["authorization"] for item in seen} == {"Bearer app-other-key"}
    file = {"type": "document", "transfer_method": "local_file", "upload_file_id": FILE["id"]}
    sent = json.loads(run.body)
    assert sent["inputs"] == {"doc": file, "docs": [file]}
    assert sent["files"] == [file]


def test_a_preview_comes_in_pieces(both: World, server: ReplayServer) -> None:
    is_read = threading.Event()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream("image/png")
        exchange.chunk(b"abc")
        is_read.wait(PATIENCE)
        exchange.chunk(b"def")
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler))
    with client.file_preview(RUN, as_attachment=True) as media:
        assert media.content_type == "image/png"
        assert next(media) == b"abc"
        is_read.set()
        assert next(media) == b"def"
        assert list(media) == []
    assert client.file_preview(RUN).read() == b"abcdef"


def test_text_to_audio_gives_the_sound(both: World, server: ReplayServer) -> None:
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        exchange.whole(b"ID3", content_type="audio/mpeg")

    client = both.client(base_url=server.handle(handler))
    media = client.text_to_audio("Hello", voice="alloy")
    assert media.read() == b"ID3"
    assert json.loads(seen[0].body) == {"text": "Hello", "user": "dify-workflow", "voice": "alloy"}
    with pytest.raises(StopIteration):
        next(media)


def test_audio_to_text_gives_the_text(both: World, server: ReplayServer) -> None:
    answering = Answering(server, {"text": "Hello"})
    transcript = both.client(base_url=answering.url).audio_to_text(b"RIFF", filename="a.wav")
    assert transcript.text == "Hello"
    assert parts(answering.request)["file"][0] == "a.wav"


def test_an_uploaded_file_is_an_input_as_it_is(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    uploaded = both.client(base_url=answering.url).upload_file(b"x", filename="x.png")
    run = Answering(server, BLOCKING)
    client = both.client(base_url=run.url)
    client.run_workflow({"pic": uploaded}, response_mode="blocking")
    assert run.json["inputs"] == {"pic": uploaded.as_input().to_wire()}
