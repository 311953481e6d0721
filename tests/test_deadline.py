"""A deadline covers all phases of running a workflow."""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from test_stream import Left

from dify_workflow import (
    APIStatusError,
    AsyncDifyWorkflow,
    DifyWorkflow,
    InvalidResponseError,
    RateLimitError,
    RunDeadlineExceededError,
    TextChunk,
)
from dify_workflow.emulator import Emulator
from support import events
from support.deadlines import DEADLINE, passes, send_for_ever, stream_of, wait_until_left
from support.events import PING, RUN, TASK
from support.http2 import http2_server
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World, world


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported(emulator: Emulator) -> None:
    """What the first call of a process imports may take longer than a deadline of these tests."""
    for name in ("sync", "async"):
        with world(name) as made:
            client = made.client(base_url=emulator.base_url, api_key="app-echo")
            for mode in ("streaming", "blocking"):
                client.run_workflow({"name": "Ann"}, response_mode=mode, deadline=PATIENCE)


# -------------------------------------------------------------------------- where it can pass


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_between_two_attempts(both: World, server: ReplayServer, mode: str) -> None:
    quota = b'{"code": "rate_limit_error", "message": "Rate Limit Error", "status": 429}'
    url = server.handle(lambda exchange: exchange.whole(quota, 429, retry_after="30"))
    client = both.client(base_url=url, check_inputs=False)
    with passes() as caught:
        client.run_workflow({}, response_mode=mode, deadline=DEADLINE)
    error = caught.value
    assert "run_workflow: the deadline" in str(error)
    assert "before the run was sent; nothing was run" in str(error)
    assert (error.request_sent, error.run_id, error.stop_requested) == (False, None, False)
    assert isinstance(error.__cause__, RateLimitError)


def test_while_connecting(both: World, unreachable: str) -> None:
    client = both.client(base_url=unreachable, check_inputs=False)
    with passes() as caught:
        client.run_workflow({}, deadline=DEADLINE)
    assert caught.value.request_sent is False


def test_a_stream_says_that_its_run_may_be_sent(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    stream = client.run_workflow_stream({"name": "Ann"})
    stream.result()
    assert stream.request_sent is True


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_stream_whose_deadline_passed_before_the_answer_may_be_sent(
    backend: str, server: ReplayServer
) -> None:
    url = server.handle(lambda exchange: exchange.wait_until_left(60) and None)

    async def run() -> None:
        async with AsyncDifyWorkflow(
            "k", base_url=url, check_inputs=False, recover=False
        ) as client:
            stream = client.run_workflow_stream({}, deadline=DEADLINE)
            with pytest.raises(RunDeadlineExceededError):
                await stream
            assert stream.request_sent is True

    anyio.run(run, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_stream_that_was_cancelled_while_connecting_was_not_sent(
    unreachable: str, backend: str
) -> None:
    async def run() -> None:
        async with AsyncDifyWorkflow("k", base_url=unreachable, check_inputs=False) as client:
            stream = client.run_workflow_stream({})
            with anyio.move_on_after(0.2):
                await stream
            assert stream.request_sent is False

    anyio.run(run, backend=backend)


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_before_the_server_answers(both: World, server: ReplayServer, mode: str) -> None:
    left = Left()
    client = both.client(base_url=server.handle(left), check_inputs=False)
    with passes() as caught:
        client.run_workflow({}, response_mode=mode, deadline=DEADLINE)
    assert caught.value.request_sent is True
    assert "whether the run has started is not known" in str(caught.value)
    assert left.seconds_since(time.monotonic()) < SOON


def drip(exchange: Exchange) -> None:
    """Send the answer to a blocking run byte by byte, which never ends."""
    exchange.head(content_type="application/json", content_length="100000")
    with suppress(OSError):
        while not exchange.wait_until_left(0.05):
            exchange.send(b" ")


def stall(exchange: Exchange) -> None:
    exchange.head(content_type="application/json", content_length="100000")
    exchange.send(b'{"task_id": ')
    exchange.wait_until_left()


@pytest.mark.parametrize("handler", [drip, stall])
def test_within_the_answer_to_a_blocking_run(
    both: World, server: ReplayServer, handler: Callable[[Exchange], None]
) -> None:
    client = both.client(base_url=server.handle(handler))
    with passes() as caught:
        client.run_workflow({}, response_mode="blocking", deadline=DEADLINE)
    assert (caught.value.request_sent, caught.value.run_id) == (True, None)


def test_within_a_refusal_whose_body_does_not_end_the_refusal_counts(
    both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(400, "Bad", content_type="text/plain", content_length="1000")
        exchange.send(b"too much of it")
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    began = time.monotonic()
    with pytest.raises(APIStatusError, match="too much of it"):
        client.run_workflow({}, deadline=DEADLINE)
    assert time.monotonic() - began < DEADLINE + SOON


AFTER_ONE_EVENT = {
    "silence": wait_until_left,
    "pings": send_for_ever(PING, 0.02),
    "events": send_for_ever(events.text("x"), 0.0),
    "pieces of an event": send_for_ever(b"data: ", 0.02),
}


@pytest.mark.parametrize("then", AFTER_ONE_EVENT.values(), ids=AFTER_ONE_EVENT.keys())
def test_in_a_stream(both: World, server: ReplayServer, then: Callable[[Exchange], None]) -> None:
    left = Left()

    def handler(exchange: Exchange) -> None:
        with suppress(OSError):
            then(exchange)
        left(exchange)

    url = server.handle(stream_of(PING, events.started(), then=handler))
    client = both.client(base_url=url, check_inputs=False)
    got: list[Any] = []
    with passes() as caught, client.run_workflow_stream({}, deadline=DEADLINE) as stream:
        got.extend(stream)
    error = caught.value
    assert (error.run_id, error.task_id, error.request_sent) == (RUN, TASK, True)
    assert f"before the end of run {RUN}; it may still be running." in str(error)
    assert error.last_event.event == (
        "text_chunk" if then is AFTER_ONE_EVENT["events"] else "workflow_started"
    )
    assert left.seconds_since(time.monotonic()) < SOON
    with pytest.raises(RunDeadlineExceededError):
        stream.result()


def test_in_result_and_while_stop_waits_for_the_task(both: World, server: ReplayServer) -> None:
    url = server.handle(stream_of(PING, then=wait_until_left))
    client = both.client(base_url=url, check_inputs=False)
    for use in ("result", "stop"):
        with passes() as caught, client.run_workflow_stream({}, deadline=DEADLINE) as stream:
            getattr(stream, use)()
        assert "before any event of the run came; whether it has started is not known" in str(
            caught.value
        )
        assert "sends nothing if the inputs are invalid: a wrong type" in str(caught.value)


def test_within_a_compressed_stream(both: World, server: ReplayServer) -> None:
    """A thread cannot bound the reads of one, so it looks between them."""
    gone = threading.Event()

    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream", transfer_encoding="chunked", content_encoding="gzip"
        )
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        with suppress(OSError):
            while not gone.wait(0.02):
                exchange.chunk(packer.compress(PING) + packer.flush(zlib.Z_SYNC_FLUSH))

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with passes():
        client.run_workflow({}, deadline=DEADLINE)
    gone.set()


def test_streams_are_asked_for_uncompressed_and_other_answers_as_gzip_alone(
    both: World, server: ReplayServer
) -> None:
    answer = recording("1.14.2/run_blocking_echo")
    asked: list[str] = []

    def handler(exchange: Exchange) -> None:
        asked.append(exchange.request.headers["accept-encoding"])
        exchange.whole(answer.body, answer.status)

    client = both.client(base_url=server.handle(handler), check_inputs=False, recover=False)
    client.run_workflow({}, response_mode="blocking", deadline=9)
    with pytest.raises(InvalidResponseError):
        client.run_workflow({})
    assert asked == ["gzip", "identity"]


def test_while_the_inputs_that_the_app_takes_are_asked_for(
    both: World, server: ReplayServer
) -> None:
    asked: list[str] = []

    def handler(exchange: Exchange) -> None:
        asked.append(exchange.request.target)
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler))
    with passes() as caught:
        client.run_workflow({}, deadline=DEADLINE)
    assert caught.value.request_sent is False
    assert f"run_workflow: the deadline of {DEADLINE:g} s passed during parameters" in str(
        caught.value
    )
    assert [target.rpartition("/")[2] for target in asked] == ["parameters"]


@contextmanager
def reading(slowly: bool) -> Iterator[str]:
    """A server that takes connections, and a piece now and then or nothing from them."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)  # not in large leaps

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    while not done.wait(0.01):
                        if slowly:
                            connection.recv(16_384)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        done.set()
        thread.join()


@pytest.mark.parametrize("slowly", [True, False])
def test_while_a_file_is_uploaded(both: World, tmp_path: Path, *, slowly: bool) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(64 * 2**20)
    with reading(slowly) as url:
        client = both.client(base_url=url, check_inputs=False)
        with passes() as caught:
            client.run_workflow({"doc": path}, deadline=DEADLINE)
    assert caught.value.request_sent is False
    assert "during upload_file" in str(caught.value)


def test_a_deadline_that_does_not_pass_changes_nothing(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    run = client.run_workflow({"name": "Ann"}, deadline=60)
    assert run.status == "succeeded"
    run = client.run_workflow({"name": "Ann"}, deadline=60, response_mode="blocking")
    assert run.status == "succeeded"


def test_what_has_come_in_time_is_delivered_afterwards(both: World, server: ReplayServer) -> None:
    chunks = events.started() + events.text("x") + events.finished()
    url = server.handle(stream_of(chunks, then=wait_until_left))
    client = both.client(base_url=url, check_inputs=False)
    stream = client.run_workflow_stream({}, deadline=DEADLINE)
    next(stream)
    threading.Event().wait(DEADLINE)  # somebody who takes their time
    assert isinstance(next(stream), TextChunk)
    assert stream.result().status == "succeeded"


# ----------------------------------------------------------------------------- others' calls


def test_the_deadline_of_one_run_spoils_no_other_that_waits_for_the_same_answer(
    both: World, server: ReplayServer
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/parameters"):
            asked.set()
            go_on.wait(PATIENCE)
            exchange.whole(b'{"user_input_form": []}', x_version="1.14.2")
            return
        exchange.start_stream()
        exchange.chunk(events.started() + events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler))
    results: list[Any] = []

    def run(deadline: float | None) -> None:
        try:
            results.append(client.run_workflow({}, deadline=deadline).status)
        except RunDeadlineExceededError as error:
            results.append(error.request_sent)

    short = threading.Thread(target=run, args=(DEADLINE,))
    short.start()
    assert asked.wait(PATIENCE)
    others = [threading.Thread(target=run, args=(each,)) for each in (None, DEADLINE, None)]
    for thread in others:
        thread.start()
    short.join()
    others[1].join()
    assert results == [False, False]
    go_on.set()
    for thread in others:
        thread.join()
    assert results == [False, False, "succeeded", "succeeded"]


def test_over_http_2_tasks_keep_their_deadline_and_leave_the_other_streams_alone() -> None:
    async def main(url: str) -> None:
        own = httpx.AsyncClient(http1=False, http2=True, trust_env=False)
        client = AsyncDifyWorkflow("app-x", base_url=url, http_client=own, check_inputs=False)
        async with own, client.run_workflow_stream({"kind": "slow"}) as slow:
            await anext(slow)
            for kind in ("mute", "silent"):
                with passes():
                    await client.run_workflow({"kind": kind}, deadline=DEADLINE)
            await client.stop_workflow_stream("go-on")
            assert (await slow.result()).status == "succeeded"

    with http2_server() as url:
        anyio.run(main, url)


@pytest.mark.parametrize("kind", ["mute", "silent"])
def test_over_http_2_threads_leave_the_other_streams_alone_and_look_between_reads(
    kind: str,
) -> None:
    """httpcore gives up a connection with all its streams when one read takes too long."""
    late: list[RunDeadlineExceededError] = []
    with http2_server() as url, httpx.Client(http1=False, http2=True, trust_env=False) as own:
        client = DifyWorkflow("app-x", base_url=url, http_client=own, check_inputs=False)

        def run() -> None:
            with pytest.raises(RunDeadlineExceededError) as caught:
                client.run_workflow({"kind": kind}, deadline=DEADLINE, timeout=2 * DEADLINE)
            late.append(caught.value)

        with client.run_workflow_stream({"kind": "slow"}) as slow:
            next(slow)
            thread = threading.Thread(target=run)
            thread.start()
            thread.join(1.2 * DEADLINE)
            client.stop_workflow_stream("go-on")
            assert slow.result().status == "succeeded"
        thread.join()
    assert late[0].run_id == (RUN if kind == "silent" else None)


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio's, of loops left
@pytest.mark.parametrize("where", ["before the answer", "in the stream", "between two attempts"])
def test_in_trio(server: ReplayServer, where: str) -> None:
    url = server.handle(
        {
            "before the answer": wait_until_left,
            "in the stream": stream_of(events.started(), then=send_for_ever(PING, 0.02)),
            "between two attempts": lambda exchange: exchange.whole(
                b'{"code": "rate_limit_error", "message": "x", "status": 429}', 429
            ),
        }[where]
    )

    async def main() -> None:
        async with AsyncDifyWorkflow("app-x", base_url=url, max_retries=99) as client:
            with passes():
                await client.run_workflow({}, deadline=DEADLINE)

    anyio.run(main, backend="trio")


def test_a_transport_of_the_users_own_is_looked_at_between_reads(both: World) -> None:
    class Pings(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                time.sleep(0.02)
                yield PING

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await anyio.sleep(0.02)
                yield PING

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pings())

    cls: Any = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = both.call(lambda: cls(transport=httpx.MockTransport(answer)))
    client = both.client(http_client=own, check_inputs=False)
    with passes():
        client.run_workflow({}, deadline=DEADLINE)
    both.call(own.close if both.name == "sync" else own.aclose)


def test_the_last_seconds_of_a_stream_of_many_pieces_hold_little_memory(
    server: ReplayServer,
) -> None:
    """Each bound on a thread's reads takes an iteration, which lives as long as the stream."""
    url = server.handle(stream_of(then=send_for_ever(events.text("x"), 0.0005)))
    with DifyWorkflow("app-x", base_url=url, check_inputs=False) as client:
        count = 0
        with passes(2), client.run_workflow_stream({}, deadline=2) as stream:
            body: Any = stream._body
            for count, _ in enumerate(stream, 1):  # noqa: B007  # it is looked at below
                pass
    assert count > 120
    assert len(body._suspended) < 60
