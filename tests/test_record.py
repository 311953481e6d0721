"""`make record`: what passes between a client and a server becomes a recording without keys."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import DifyWorkflow, StreamInterruptedError
from dify_workflow.emulator import Emulator
from scripts.record._exchange import Exchange, recording
from scripts.record._proxy import Proxy
from support.events import finished, started
from support.recordings import Recording
from support.replay import Exchange as Played
from support.replay import ReplayServer


@contextmanager
def recorder(server: str, folder: Path) -> Iterator[Proxy]:
    """A proxy before a server; when it is left, everything has been written."""
    with Proxy(server.removesuffix("/v1"), folder) as proxy:
        proxy.daemon_threads = False
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        yield proxy
        proxy.shutdown()


def client_of(proxy: Proxy, name: str, path: str = "v1", **options: Any) -> DifyWorkflow:
    base_url = f"{proxy.origin}/echo/{name}/{path}"
    return DifyWorkflow("app-echo", base_url=base_url, check_inputs=False, **options)


def test_a_stream_is_recorded_as_the_server_cut_it(emulator: Emulator, tmp_path: Path) -> None:
    with (
        recorder(emulator.base_url, tmp_path) as proxy,
        client_of(proxy, "run_streaming_echo") as client,
    ):
        run = client.run_workflow({"name": "Ann ☃"})
    assert run.outputs == {"greeting": "Ann ☃"}
    played = Recording(tmp_path / "1.14.2" / "run_streaming_echo.json")
    assert (played.app, played.method, played.target) == ("echo", "POST", "/v1/workflows/run")
    assert json.loads(played.request_body)["inputs"] == {"name": "Ann ☃"}
    assert played.status == 200
    assert played.is_stream
    assert not played.is_cut
    assert played.chunks[0] == b"event: ping\n\n"
    assert len(played.chunks) == len(played.messages)
    assert played.events[-1]["data"]["outputs"] == run.outputs
    timing = json.loads(played.path.read_text(encoding="utf-8"))["timing"]
    assert sum(int(line.split()[1]) for line in timing[1:]) > len(played.body)


def test_what_was_recorded_can_be_played_to_the_client(
    emulator: Emulator, tmp_path: Path, server: ReplayServer
) -> None:
    with (
        recorder(emulator.base_url, tmp_path) as proxy,
        client_of(proxy, "run_streaming_echo") as client,
    ):
        run = client.run_workflow({"name": "Ann"})
    played = Recording(tmp_path / "1.14.2" / "run_streaming_echo.json")

    def play(exchange: Played) -> None:
        exchange.start_stream()
        for chunk in played.chunks:
            exchange.chunk(chunk)
        exchange.end_stream()

    with DifyWorkflow("app-echo", base_url=server.handle(play), check_inputs=False) as client:
        again = client.run_workflow({"name": "Ann"})
    assert (again.id, again.outputs) == (run.id, run.outputs)


def test_no_key_and_no_host_is_recorded(emulator: Emulator, tmp_path: Path) -> None:
    with recorder(emulator.base_url, tmp_path) as proxy, client_of(proxy, "info") as client:
        client.app_info()
    path = tmp_path / "1.14.2" / "info.json"
    assert "app-echo" not in path.read_text(encoding="utf-8")
    headers = {name.lower(): value for name, value in Recording(path).request_headers}
    assert headers["authorization"] == "Bearer app-REDACTED"
    assert headers["host"] == "dify.example.com"


def test_several_calls_of_one_connection_get_numbers(emulator: Emulator, tmp_path: Path) -> None:
    with recorder(emulator.base_url, tmp_path) as proxy, client_of(proxy, "info") as client:
        client.app_info()
        client.app_info()
    names = sorted(path.name for path in (tmp_path / "1.14.2").iterdir())
    assert names == ["info.json", "info_2.json"]
    assert json.loads((tmp_path / "1.14.2" / "info_2.json").read_text("utf-8"))["name"] == "info_2"


def test_bytes_that_are_no_text_are_kept(emulator: Emulator, tmp_path: Path) -> None:
    with recorder(emulator.base_url, tmp_path) as proxy, client_of(proxy, "upload") as client:
        client.upload_file(BytesIO(b"\xff\xfe\x00"), filename="x.bin")
    played = Recording(tmp_path / "1.14.2" / "upload.json")
    assert b"\xff\xfe\x00" in played.request_bytes
    assert played.status == 201


def test_a_stream_that_breaks_is_recorded_as_cut(server: ReplayServer, tmp_path: Path) -> None:
    def breaks(exchange: Played) -> None:
        exchange.start_stream()
        exchange.chunk(started())
        exchange.send(b"ffff\r\n" + finished()[:20])

    base_url = server.handle(breaks)
    path = base_url.removeprefix(server.origin).lstrip("/")
    with (
        recorder(server.origin, tmp_path) as proxy,
        client_of(proxy, "cut", path, recover=False) as client,
        pytest.raises(StreamInterruptedError),
    ):
        client.run_workflow({"name": "Ann"})
    played = Recording(tmp_path / "1.14.2" / "cut.json")
    assert played.is_cut
    assert played.chunks == [started(), finished()[:20]]


@pytest.mark.parametrize(
    "text", ["app-0123456789abcdefABCDEF01", "Bearer app-my-key", '{"key": "app-my-key"}']
)
def test_keys_are_taken_out_wherever_they_are(text: str) -> None:
    headers = [(b"Authorization", b"Bearer app-my-key"), (b"X-Other", text.encode())]
    exchange = Exchange("a", "n", "GET", f"/v1/info?x={text}", headers, text.encode())
    exchange.chunks.append(text.encode())
    kept = json.dumps(recording(exchange))
    assert "app-my-key" not in kept
    assert "app-0123456789abcdefABCDEF01" not in kept
    assert kept.count("app-REDACTED") >= 4
