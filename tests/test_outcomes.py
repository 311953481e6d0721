"""What an answer to a run's POST means: no run is sent twice or lost, and `outcome` says it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import httpx2
import pytest

from dify_workflow import (
    APIConnectionError,
    APIStatusError,
    ConfigurationError,
    DifyError,
    DifyWorkflow,
    InvalidRequestError,
    PreconditionFailedError,
    RateLimitError,
    RunDeadlineExceededError,
    RunOutcomeUnknownError,
    ServerError,
    WorkflowFailedError,
)
from dify_workflow._http.retry import without_waiting
from support import events
from support.events import RUN
from support.lost_answers import MODES, UNKNOWN, Server, answer, closes, run
from support.pace import hurried
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.worlds import World


@pytest.fixture(autouse=True)
def _no_waits() -> Iterator[None]:
    with without_waiting():
        yield


LIMIT = recording("1.14.2/rate_blocking_second")
QUOTA = b'{"code": "rate_limit_error", "message": "Rate Limit Error", "status": 429}'

NOT_RUN: dict[str, tuple[Any, type[DifyError]]] = {
    **{str(code): (answer(code), APIStatusError) for code in (400, 401, 403, 404, 405, 413, 415)},
    "301": (answer(301, location="/elsewhere"), APIStatusError),
    "307": (answer(307, location="/elsewhere"), APIStatusError),
    "401 of Dify": (answer(401, recording("1.14.2/err_get_wrong_key").body), APIStatusError),
}


@pytest.fixture
def failing(both: World, server: ReplayServer) -> Callable[..., tuple[Any, Server]]:
    def make(fail: Any, **options: Any) -> tuple[Any, Server]:
        made = Server(server, fail)
        return hurried(both.client(base_url=made.url, check_inputs=False, **options)), made

    return make


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_run_that_the_server_may_have_got_is_sent_once_and_searched_for(
    name: str, mode: str, failing: Callable[..., tuple[Any, Server]]
) -> None:
    fail, cls = UNKNOWN[name]
    client, served = failing(fail)
    with pytest.raises(cls) as caught:
        run(client, mode)
    assert caught.value.outcome == "unknown"
    assert served.seen["POST /run"] == 1
    assert served.seen["GET /logs"] == 4
    assert "no run of this user with these inputs is in the log" in str(caught.value)
    assert " Whether the run" not in str(caught.value).replace(". Whether the run", "")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NOT_RUN)
def test_a_run_that_was_refused_is_neither_repeated_nor_searched_for(
    name: str, mode: str, failing: Callable[..., tuple[Any, Server]]
) -> None:
    fail, cls = NOT_RUN[name]
    client, served = failing(fail)
    with pytest.raises(cls) as caught:
        run(client, mode)
    assert caught.value.outcome == "not_run"
    assert served.seen == {"POST /run": 1}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("status", "body"), [(LIMIT.status, LIMIT.body.replace(b"is 1.", b"is 3.")), (429, QUOTA)]
)
def test_what_dify_itself_refuses_for_now_is_repeated_and_was_not_run(
    status: int, body: bytes, mode: str, failing: Callable[..., tuple[Any, Server]]
) -> None:
    client, served = failing(answer(status, body, content_type="application/json"), queue_timeout=2)
    with pytest.raises(RateLimitError, match="nothing was run") as caught:
        run(client, mode)
    assert caught.value.outcome == "not_run"
    assert served.seen["POST /run"] >= 3
    assert served.seen["GET /logs"] == 0


@pytest.mark.parametrize("status", [0, 99, 101])
def test_a_status_that_is_no_answer_leaves_the_outcome_unknown(status: int) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status))
    with (
        httpx.Client(transport=transport) as own,
        DifyWorkflow("app-x", http_client=own, check_inputs=False, recover=False) as client,
        pytest.raises(APIStatusError) as caught,
    ):
        client.run_workflow({})
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_is_not_there_has_got_nothing(mode: str, both: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = both.client(base_url=f"http://127.0.0.1:{port}/v1", check_inputs=False)
    with pytest.raises(APIConnectionError, match="could not connect") as caught:
        run(client, mode)
    assert (caught.value.outcome, caught.value.request_sent) == ("not_run", False)


def test_a_refused_stream_behind_the_start_of_a_run_is_not_repeated(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    def fail(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        exchange.chunk(b'data: {"event":"error","status":429,"code":"x","message":"slow down"}\n\n')
        exchange.end_stream()

    client, served = failing(fail)
    assert client.with_options(lost_run_timeout=0.3)
    with pytest.raises(DifyError) as caught:
        client.with_options(lost_run_timeout=0.3).run_workflow({})
    assert (caught.value.outcome, caught.value.run_id) == ("unknown", RUN)
    assert served.seen["POST /run"] == 1


# --------------------------------------------------------------------- what the user vouches for


@pytest.mark.parametrize("mode", MODES)
def test_statuses_that_the_user_vouches_for_are_repeated(
    mode: str, failing: Callable[..., tuple[Any, Server]]
) -> None:
    client, served = failing(answer(503))
    with pytest.raises(ServerError) as caught:
        run(client, mode, not_sent_statuses={429, 503})
    assert caught.value.outcome == "not_run"
    assert served.seen == {"POST /run": 3}
    served.seen.clear()
    with pytest.raises(ServerError):
        run(client.with_options(not_sent_statuses=[503], max_retries=0), mode)
    assert served.seen == {"POST /run": 1}


@pytest.mark.parametrize("bad", [503, "503", {200}, {"503"}, None, {600}])
def test_statuses_that_are_none_are_refused(bad: Any, both: World) -> None:
    if bad is None:
        return
    with pytest.raises(ConfigurationError, match="not_sent_statuses"):
        both.client(not_sent_statuses=bad)


# ------------------------------------------------------------------------------- every error


def test_what_is_refused_before_sending_was_not_run(both: World) -> None:
    client = both.client(api_key=None)
    with pytest.raises(ConfigurationError) as unset:
        client.run_workflow({})
    with pytest.raises(InvalidRequestError) as invalid:
        both.client().run_workflow({"a": object()})
    assert unset.value.outcome == invalid.value.outcome == "not_run"


def test_a_file_that_cannot_be_uploaded_means_that_nothing_was_run(
    both: World, server: ReplayServer, tmp_path: Any
) -> None:
    (tmp_path / "a.txt").write_text("x")
    client = both.client(base_url=server.handle(answer(502)), check_inputs=False)
    with pytest.raises(ServerError) as caught:
        client.run_workflow({"a": tmp_path / "a.txt"})
    assert caught.value.outcome == "not_run"


def test_a_failed_run_has_ended_and_a_deadline_leaves_it_running(
    both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        if b"slow" in exchange.request.body:
            exchange.wait_until_left()
            return
        exchange.chunk(events.finished("failed", error="x"))
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with pytest.raises(WorkflowFailedError) as failed:
        client.run_workflow({}).raise_for_status()
    assert (failed.value.outcome, failed.value.run_id) == ("ended", RUN)
    with pytest.raises(RunDeadlineExceededError) as late:
        client.run_workflow({"speed": "slow"}, deadline=3)
    assert (late.value.outcome, late.value.run_id) == ("running", RUN)


def test_errors_that_are_not_about_a_run_have_no_outcome(both: World, server: ReplayServer) -> None:
    client = both.client(base_url=server.handle(answer(404)))
    with pytest.raises(APIStatusError) as caught:
        client.info(RUN)
    assert caught.value.outcome is None
    client.close()
    for call in (client.info, client.wait_for_run, client.resume_workflow_stream):
        for run_id in (RUN, "none"):
            with pytest.raises(DifyError) as refused, ExitStack() as stack:
                result = call(run_id)
                list(stack.enter_context(result))
            assert refused.value.outcome != "not_run"


# ------------------------------------------------------------------------------- forms


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_form_that_the_server_may_have_got_is_never_sent_again(
    name: str, failing: Callable[..., tuple[Any, Server]]
) -> None:
    client, served = failing(UNKNOWN[name][0], at_least_once=True)
    if name in {"204", "202", "200 with HTML", "200 with nothing"}:
        return  # a form's answer says nothing but its status
    with pytest.raises(DifyError) as caught:
        client.submit_human_input_form("token", "yes", {})
    assert caught.value.outcome == "unknown"
    assert served.seen["POST /form/"] == 1


def test_of_a_form_the_statuses_that_the_user_vouches_for_mean_not_submitted_too(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    client, served = failing(answer(503), not_sent_statuses={503})
    with pytest.raises(ServerError) as caught:
        client.submit_human_input_form("token", "yes", {})
    assert caught.value.outcome == "not_run"
    assert served.seen["POST /form/"] == 3


def test_ones_own_answer_to_a_form_is_not_taken_for_somebody_elses(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    late = recording("1.14.2/hi1_submit_again")
    answers = iter(
        [
            answer(200, b"{}"),
            answer(late.status, late.body),
            answer(502),
            answer(late.status, late.body),
        ]
    )
    client, _ = failing(lambda exchange: next(answers)(exchange))  # noqa: PLW0108  # each time
    client.submit_human_input_form("mine", "yes", {})
    with pytest.raises(PreconditionFailedError, match="this client submitted it"):
        client.submit_human_input_form("mine", "yes", {})
    with pytest.raises(ServerError):
        client.submit_human_input_form("lost", "yes", {})
    with pytest.raises(PreconditionFailedError, match="which may have been accepted"):
        client.submit_human_input_form("lost", "yes", {})


# ------------------------------------------------------------------------------- transports


@pytest.mark.parametrize("package", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_an_illegal_header_of_the_users_own_client_is_a_configuration_error(
    package: Any, both: World, server: ReplayServer
) -> None:
    url = server.handle(closes)
    kind = package.Client if both.name == "sync" else package.AsyncClient
    own = kind(headers={"X-Odd": "a\nb"})
    client = both.client(base_url=url, http_client=own, check_inputs=False)
    with pytest.raises(ConfigurationError, match="Illegal header value") as caught:
        client.run_workflow({})
    assert caught.value.outcome == "not_run"


class Foreign(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that reports nothing and calls any failure one of connecting."""

    def __init__(self, error: type[httpx.TransportError]) -> None:
        self._error = error

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise self._error("connecting took too long", request=request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise self._error("connecting took too long", request=request)


@pytest.mark.parametrize("error", [httpx.ConnectTimeout, httpx.ConnectError, httpx.PoolTimeout])
def test_a_transport_that_reports_nothing_may_have_sent_whatever_it_says(
    error: type[httpx.TransportError], both: World
) -> None:
    kind = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = kind(transport=Foreign(error))
    client = hurried(both.client(http_client=own, check_inputs=False))
    with pytest.raises(RunOutcomeUnknownError) as caught:
        client.run_workflow({})
    assert "connecting took too long" in str(caught.value)  # the transport's words, and no others
    assert "connecting took longer than" not in str(caught.value)


def test_a_pool_without_a_free_connection_has_sent_nothing(
    both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        exchange.wait_until_left()

    kind = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = kind(limits=httpx.Limits(max_connections=1), timeout=httpx.Timeout(9, pool=0.1))
    client = both.client(base_url=server.handle(handler), http_client=own, check_inputs=False)
    with client.run_workflow_stream({}) as first:
        next(first)
        with pytest.raises(APIConnectionError, match="no connection of the pool") as caught:
            client.run_workflow({})
    assert (caught.value.request_sent, caught.value.outcome) == (False, "not_run")


class Proxy:
    """A proxy that answers CONNECT with some bytes."""

    def __init__(self, reply: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._reply = reply
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(self._reply)

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize(
    "reply",
    [b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"HTTP/1.1 407 Auth\r\n\r\n", b"", b"nonsense\r\n\r\n"],
)
def test_a_proxy_that_does_not_connect_has_sent_nothing(reply: bytes, both: World) -> None:
    proxy = Proxy(reply)
    kind = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = kind(proxy=proxy.url)
    client = both.client(
        base_url="https://dify.example/v1", http_client=own, check_inputs=False, max_retries=0
    )
    with pytest.raises(APIConnectionError) as caught:
        client.run_workflow({})
    proxy.close()
    assert (caught.value.request_sent, caught.value.outcome) == (False, "not_run")
