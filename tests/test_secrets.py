"""No key appears in any repr, log record, exception, traceback or pickle."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx
import httpx2
import pytest

from dify_workflow import (
    ApiKey,
    AsyncDifyWorkflow,
    DifyError,
    DifyWorkflow,
    InvalidResponseError,
    WorkflowLogsRequest,
    WorkflowRunRequest,
)
from support import events
from support.events import RUN
from support.http2 import http2_server
from support.pace import hurried
from support.replay import Exchange, ReplayServer
from support.traces import Traces
from support.waiting import PATIENCE
from support.worlds import World

# Not in a local variable of any test: a traceback would show it there.
SECRET = "app-S3cr3tS3cr3tS3cr3t"  # made up


HERE = str(Path(__file__).parent)


def clean(*texts: str) -> None:
    for text in texts:
        assert SECRET not in text
        assert "S3cr3t" not in text


def everything_about(error: BaseException) -> list[str]:
    """What a logger or debugger could show of an exception: its chain and all local variables.

    But for those of the tests, which call with bare keys as any user's code does.
    """
    shown = [str(error), repr(error), repr(error.__dict__)]
    trace: traceback.TracebackException | None
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    while trace is not None:
        shown += trace.format_exception_only()
        for frame in trace.stack:
            if not frame.filename.startswith(HERE):
                shown.append(f"{frame.filename}:{frame.lineno} {frame.locals}")
        trace = trace.__cause__ or trace.__context__
    return shown


FAILURES: dict[str, Callable[[Any], Any]] = {
    "refused by the server": lambda c: c.info(RUN, SECRET),
    "a run that is refused": lambda c: c.run_workflow(WorkflowRunRequest({}, api_key=SECRET)),
    "a stream that breaks": lambda c: list(c.run_workflow_stream({"break": True})),
    "a bad id with a key": lambda c: c.info("nope", SECRET),
    "a key with white space": lambda c: c.info(RUN, f"{SECRET} x"),
    "a key with white space in a request": lambda c: c.run_workflow(
        WorkflowRunRequest({}, api_key=f"{SECRET}\n")
    ),
    "a bad request with a key": lambda _: WorkflowLogsRequest(SECRET, limit=0),
    "a bad option beside a key": lambda c: c.with_options(api_key=SECRET, base_url="nowhere"),
    "a bad key as an option": lambda c: c.with_options(api_key=f"{SECRET} x"),
    "inputs that are no JSON": lambda c: c.run_workflow({"x": object()}),
    "a server that is not there": lambda c: c.with_options(
        base_url="http://127.0.0.1:1/v1", max_retries=0
    ).info(RUN),
    "a connection that breaks": lambda c: c.app_info(api_key=SECRET),
    "an upload": lambda c: c.upload_file(b"x", api_key=SECRET),
    "a form": lambda c: c.submit_human_input_form("t", "a", {}, api_key=SECRET),
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_failure_shows_the_key(
    name: str, both: World, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/info"):
            return
        if b"break" in exchange.request.body:
            exchange.start_stream()
            exchange.chunk(events.started())
            return
        # A proxy that shows what it was sent.
        echoed = exchange.request.headers["authorization"]
        exchange.whole(f"<title>400 {echoed}</title>".encode(), 400, content_type="text/html")

    caplog.set_level(logging.DEBUG)
    client = both.client(
        api_key=SECRET, base_url=server.handle(handler), check_inputs=False, max_retries=0
    )
    with pytest.raises(DifyError) as caught:
        FAILURES[name](client)
    clean(*everything_about(caught.value))
    clean(*(record.getMessage() + repr(record.__dict__) for record in caplog.records))
    try:
        clean(repr(pickle.dumps(caught.value)))
    except TypeError as error:
        clean(*everything_about(error))


@pytest.mark.parametrize("name", FAILURES)
def test_no_span_and_no_metric_shows_the_key(
    name: str, both: World, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(exchange: Exchange) -> None:
        if b"break" in exchange.request.body:
            exchange.start_stream()
            exchange.chunk(events.started())
            return
        echoed = exchange.request.headers["authorization"]
        exchange.whole(f"<title>400 {echoed}</title>".encode(), 400, content_type="text/html")

    traces, url = Traces(), server.handle(handler)
    caplog.set_level(logging.DEBUG)
    tracing = traces.tracing(content=True)
    client = both.client(
        api_key=SECRET, base_url=url, check_inputs=False, max_retries=0, tracing=tracing
    )
    with pytest.raises(DifyError) as caught:
        FAILURES[name](client)
    clean(traces.everything(), repr(tracing), *everything_about(caught.value))
    clean(*(record.getMessage() + repr(record.__dict__) for record in caplog.records))


def test_a_page_instead_of_json_that_shows_the_key_is_not_repeated(
    both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        echoed = exchange.request.headers["authorization"]
        exchange.whole(f"You sent {echoed}".encode(), content_type="text/plain", x_echo=echoed)

    client = both.client(api_key=SECRET, base_url=server.handle(handler), check_inputs=False)
    for call in (client.app_info, lambda: list(client.run_workflow_stream({}))):
        with pytest.raises(InvalidResponseError, match=r"You sent Bearer \*\*\*") as caught:
            call()
        clean(str(caught.value), repr(caught.value))


def test_no_repr_shows_the_key(both: World, server: ReplayServer) -> None:
    client = both.client(api_key=SECRET, base_url=server.url("1.14.2/run_streaming_echo"))
    clean(repr(client), repr(client.with_options(api_key=SECRET)), repr(client._options))
    clean(repr(WorkflowRunRequest({}, api_key=SECRET)), repr(WorkflowLogsRequest(SECRET)))
    with client.with_options(check_inputs=False).run_workflow_stream({}) as stream:
        clean(repr(stream), *(repr(event) for event in stream), repr(stream.result()))


def test_a_wrong_environment_does_not_show_the_key(
    both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFY_API_KEY", SECRET)
    monkeypatch.setenv("DIFY_BASE_URL", "nowhere")
    with pytest.raises(DifyError) as caught:
        both.client(api_key=None)
    ours = [text for text in everything_about(caught.value) if "dify_workflow" in text]
    assert ours
    clean(*ours)


def test_a_key_is_compared_and_copied_but_not_pickled() -> None:
    key = ApiKey(SECRET)
    assert key == ApiKey(SECRET)
    assert key != ApiKey("app-other")
    assert key != SECRET
    assert len({key, ApiKey(SECRET)}) == 1
    assert copy.copy(key) is copy.deepcopy(key) is key
    assert key.get_secret_value() == SECRET
    assert repr(key) == str(key) == f"{key}" == "ApiKey('***')"
    with pytest.raises(TypeError, match="an ApiKey cannot be pickled; set DIFY_API_KEY") as caught:
        pickle.dumps(WorkflowRunRequest({}, api_key=key))
    clean(*everything_about(caught.value))


def test_a_request_without_a_key_is_pickled() -> None:
    request = WorkflowRunRequest({"name": "Ann"}, user_id="u1")
    assert pickle.loads(pickle.dumps(request)) == request


def test_a_client_is_not_pickled(both: World) -> None:
    client = both.client(api_key=SECRET)
    with pytest.raises(TypeError) as caught:
        pickle.dumps(client if both.name == "sync" else client.target)
    clean(*everything_about(caught.value))


def test_the_logger_has_no_handlers_and_tells_operations_without_bodies(
    both: World, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="dify_workflow")
    both.client(base_url=server.url("1.14.2/run_blocking_echo")).run_workflow(
        {"name": "private"}, response_mode="blocking"
    )
    ours = [record for record in caplog.records if record.name == "dify_workflow"]
    assert [record.levelname for record in ours] == ["DEBUG"]
    assert ours[0].getMessage().startswith("run_workflow: POST /workflows/run: 200 after ")
    assert "private" not in ours[0].getMessage()
    assert logging.getLogger("dify_workflow").handlers == []


# ------------------------------------------------------------- a server that shows what it was sent

ECHO = "Bearer " + SECRET

ECHOES: dict[str, Callable[[Exchange], None]] = {
    "in Content-Type": lambda e: e.whole(b"x", content_type=f"text/{SECRET}"),
    "in the reason phrase": lambda e: e.whole(b"{}", 500, SECRET),
    "in a header": lambda e: e.whole(b"{}", 500, x_seen=ECHO, x_version=SECRET),
    "in the name of a header": lambda e: e.whole(b"{}", 404, **{SECRET: "x"}),
    "in a redirect": lambda e: e.whole(b"", 302, location=f"https://x/{SECRET}"),
    "in a malformed status": lambda e: e.send(f"HTTP/1.1 {SECRET} OK\r\n\r\n".encode()),
    "in a malformed status line": lambda e: e.send(f"{SECRET} 200 OK\r\n\r\n".encode()),
    "in a malformed header": lambda e: e.send(f"HTTP/1.1 200 OK\r\n{SECRET}\x00\r\n\r\n".encode()),
    "in a malformed chunk": lambda e: (e.start_stream(), e.send(f"{SECRET}\r\nx".encode()))[0],
    "in the encoding": lambda e: e.whole(b"x", content_encoding=SECRET),
    "in an error event": lambda e: (e.start_stream(), e.chunk(events.error(message=ECHO)))[0],
    "in the code of an error event": lambda e: (e.start_stream(), e.chunk(events.error(code=ECHO)))[
        0
    ],
    "in an error event behind the start": lambda e: (
        e.start_stream(),
        e.chunk(events.started() + events.error(message=ECHO)),
    )[0],
    "in what is no event": lambda e: (e.start_stream(), e.chunk(f"data: {ECHO}\n\n".encode()))[0],
    "in an event that is cut": lambda e: (e.start_stream(), e.chunk(f"data: {ECHO}".encode()))[0],
    "in the body of an error": lambda e: e.whole(f'{{"message": "{ECHO}"}}'.encode(), 400),
    "in a page": lambda e: e.whole(f"<title>{ECHO}</title>".encode(), 502),
}


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
@pytest.mark.parametrize("recover", [True, False])
@pytest.mark.parametrize("name", ECHOES)
def test_a_server_that_shows_the_key_makes_no_failure_show_it(
    name: str,
    mode: str,
    both: World,
    server: ReplayServer,
    caplog: pytest.LogCaptureFixture,
    *,
    recover: bool,
) -> None:
    traces = Traces()
    caplog.set_level(logging.DEBUG)  # of all loggers: HTTP libraries write headers
    client = hurried(
        both.client(
            api_key=ApiKey(SECRET),
            base_url=server.handle(ECHOES[name]),
            check_inputs=False,
            recover=recover,
            lost_run_timeout=0.2,
            tracing=traces.tracing(content=True),
        )
    )
    with pytest.raises(DifyError) as caught:
        client.run_workflow({}, response_mode=mode)
    error = caught.value
    pickled = pickle.dumps(error)
    assert SECRET.encode() not in pickled
    chain: BaseException | None = error
    while chain is not None:
        clean(str(chain), repr(chain), repr(chain.args))
        chain = chain.__cause__ or chain.__context__
    clean(*everything_about(error), caplog.text, traces.everything())


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_over_http_2_no_log_shows_a_key_that_the_server_sends_back(
    library: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        http2_server() as url,
        library.Client(http1=False, http2=True, trust_env=False) as own,
        DifyWorkflow(ApiKey(SECRET), base_url=url, http_client=own, check_inputs=False) as client,
        pytest.raises(DifyError, match="refused"),
    ):
        client.run_workflow({"kind": "refused"})
    shown = [f"{record.name} {record.getMessage()}" for record in caplog.records]
    assert any(
        line.startswith("hpack.hpack") and "'x-seen', b'Bearer ***'" in line for line in shown
    )
    clean(*shown, *(repr(record.__dict__) for record in caplog.records))
    # Encoded headers contain the key, too.
    assert not any("header block" in line or "Decoding" in line for line in shown)


def frames_of(error: BaseException) -> list[str]:
    """The local variables of all frames of an exception and its chain, but for those of tests."""
    shown: list[str] = []
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        for frame, _ in traceback.walk_tb(chain.__traceback__):
            if not frame.f_code.co_filename.startswith(HERE):
                shown += [shown_of(value) for value in frame.f_locals.values()]
        chain = chain.__cause__ or chain.__context__
    return shown


def shown_of(value: object) -> str:
    """What an error tracker may show of a variable; of the HTTP libraries, what is within."""
    is_library = type(value).__module__.startswith(("httpx", "httpcore", "h11"))
    try:
        return repr(value) + (repr(vars(value)) if is_library else "")
    except Exception:  # noqa: BLE001  # it was interrupted while it was made
        return ""


def test_a_cancelled_call_has_no_frame_that_holds_the_key(server: ReplayServer) -> None:
    url = server.handle(lambda exchange: exchange.wait_until_left(30) and None)

    async def main() -> list[BaseException]:
        caught: list[BaseException] = []
        async with AsyncDifyWorkflow(ApiKey(SECRET), base_url=url, max_retries=0) as client:
            for number in range(200):
                call = asyncio.ensure_future(client.info(RUN))
                for _ in range(number % 40):
                    await asyncio.sleep(0)
                call.cancel()
                try:
                    await call
                except asyncio.CancelledError as error:
                    caught.append(error)
                except DifyError:
                    pass
        return caught

    found = asyncio.run(main())
    assert len(found) > 100
    for error in found:
        clean(*frames_of(error))


@pytest.mark.slow  # slow tests run without coverage, whose lock an interrupt may leave locked
@pytest.mark.filterwarnings("ignore:unclosed")  # Python closes what it was about to hand over
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # likewise
def test_a_call_that_ctrl_c_interrupts_has_no_frame_that_holds_the_key(
    server: ReplayServer,
) -> None:
    """In this very thread, at places all over a call."""
    url = server.handle(lambda exchange: exchange.whole(b"{}", 500))
    client = DifyWorkflow(ApiKey(SECRET), base_url=url, max_retries=0)
    with suppress(DifyError):
        client.info(RUN)  # what is imported by the first call is not interrupted
    main, waits = threading.get_ident(), SimpleQueue[tuple[float, threading.Event] | None]()

    def interrupt() -> None:
        while (order := waits.get()) is not None:
            wait, is_sent = order
            time.sleep(wait)
            signal.pthread_kill(main, signal.SIGUSR1)
            is_sent.set()

    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    interrupted = 0
    for number in range(300):
        is_sent = threading.Event()
        try:
            waits.put(((number % 50) * 0.0001, is_sent))
            with suppress(DifyError):
                client.info(RUN)
            is_sent.wait(PATIENCE)  # however busy the machine is; a finalizer may swallow it
            time.sleep(0.01)
        except KeyboardInterrupt as error:
            interrupted += "dify_workflow" in str(traceback.extract_tb(error.__traceback__))
            clean(*frames_of(error))
    waits.put(None)
    thread.join()
    signal.signal(signal.SIGUSR1, before)
    client.close()
    assert interrupted > 20
