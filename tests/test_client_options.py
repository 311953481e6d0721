"""Where options come from, and what copies of a client share."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from dify_workflow import (
    AsyncDifyWorkflow,
    ConfigurationError,
    DifyWorkflow,
)
from dify_workflow.emulator import Emulator
from support.answering import BLOCKING, KEY, Answering
from support.recordings import recording
from support.replay import ReplayServer
from support.worlds import World

# ------------------------------------------------------------------------------------- options


def test_the_environment_gives_missing_options(
    both: World, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = Answering(server, BLOCKING)
    monkeypatch.setenv("DIFY_API_KEY", "app-env-key")
    monkeypatch.setenv("DIFY_BASE_URL", answering.url + "/")
    monkeypatch.setenv("DIFY_USER", "env-user")
    client = both.client(api_key=None)
    client.run_workflow({}, response_mode="blocking")
    assert answering.request.headers["authorization"] == "Bearer app-env-key"
    assert answering.json["user"] == "env-user"
    assert client.base_url == answering.url
    given = both.client(api_key="app-x", base_url="http://example.com/v1", user_id="me")
    assert (given.base_url, given.user_id) == ("http://example.com/v1", "me")


def test_without_anything_the_cloud_is_meant(both: World) -> None:
    client = both.client(api_key=None)
    assert client.base_url == "https://api.dify.ai/v1"
    assert client.user_id == "dify-workflow"
    assert client.server_version is None


def test_with_options_changes_the_given_options_and_shares_the_connections(
    both: World, emulator: Emulator
) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo", user_id="a")
    copy = client.with_options(user_id="b", timeout=3, max_retries=0)
    assert (client.user_id, copy.user_id) == ("a", "b")
    assert copy.run_workflow({"name": "x"}).inputs["sys.user_id"] == "b"
    copy.close()
    assert client.run_workflow({"name": "x"}).inputs["sys.user_id"] == "a", "still open"
    assert client.server_version == copy.server_version == "1.14.2"


def test_with_options_takes_another_key_and_server(both: World, emulator: Emulator) -> None:
    client = both.client(base_url="http://127.0.0.1:1/v1", api_key="app-none")
    copy = client.with_options(base_url=emulator.base_url, api_key="app-echo")
    assert copy.app_info().name == "echo"


def test_a_closed_client_says_so(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    client.app_info()
    client.close()
    client.close()
    with pytest.raises(ConfigurationError, match="app_info: this client was closed"):
        client.app_info()
    with pytest.raises(ConfigurationError, match="closed"):
        client.with_options(user_id="b").app_info()


def test_a_client_of_the_users_own_is_used_and_never_closed(
    both: World, emulator: Emulator
) -> None:
    sent: list[str] = []

    def note(request: httpx.Request) -> None:
        sent.append(request.headers["x-gateway"])

    async def note_async(request: httpx.Request) -> None:
        note(request)

    def make() -> Any:
        headers = {"X-Gateway": "yes"}
        if both.name == "sync":
            return httpx.Client(headers=headers, event_hooks={"request": [note]})
        return httpx.AsyncClient(headers=headers, event_hooks={"request": [note_async]})

    own = both.call(make)
    client = both.client(base_url=emulator.base_url, api_key="app-echo", http_client=own)
    assert client.run_workflow({"name": "x"}).status == "succeeded"
    client.close()
    assert set(sent) == {"yes"}
    assert not own.is_closed
    both.call(own.close if both.name == "sync" else own.aclose)


def test_the_base_url_of_the_users_own_client_is_used_without_base_url(
    both: World, server: ReplayServer
) -> None:
    answering = Answering(server, json.loads(recording("1.14.2/get_info_echo").body))
    cls = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = both.call(lambda: cls(base_url=answering.url))
    client = both.client(http_client=own)
    client.app_info()
    assert client.base_url == answering.url
    given = both.client(http_client=own, base_url="http://127.0.0.1:1/v1")
    assert given.base_url == "http://127.0.0.1:1/v1"
    both.call(own.close if both.name == "sync" else own.aclose)
    with pytest.raises(ConfigurationError, match="this client was closed"):
        client.app_info()


def test_empty_environment_variables_are_ignored(
    both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DIFY_API_KEY", "DIFY_BASE_URL", "DIFY_USER"):
        monkeypatch.setenv(name, "")
    client = both.client(api_key=None)
    assert (client.base_url, client.user_id) == ("https://api.dify.ai/v1", "dify-workflow")
    with pytest.raises(ConfigurationError, match="No API key"):
        client.app_info()


def test_the_users_own_timeout_is_used_unless_it_is_the_default_of_httpx(
    server: ReplayServer,
) -> None:
    """Five seconds of silence, httpx's default, would cut every stream between two pings."""
    waits: list[float | None] = []

    def note(request: httpx.Request) -> None:
        waits.append(request.extensions["timeout"]["read"])

    url = server.url("1.14.2/run_streaming_echo")
    for timeout in (httpx.Timeout(5.0), httpx.Timeout(7.0)):
        with httpx.Client(timeout=timeout, event_hooks={"request": [note]}) as own:
            client = DifyWorkflow(KEY, base_url=url, http_client=own, check_inputs=False)
            client.run_workflow({})
            client.with_options(timeout=9).run_workflow({})
    assert waits == [35.0, 9, 7.0, 9]


def test_the_check_of_inputs_waits_no_longer_than_the_users_timeout(emulator: Emulator) -> None:
    waits: list[float | None] = []

    def note(request: httpx.Request) -> None:
        if request.url.path.endswith("/parameters"):
            waits.append(request.extensions["timeout"]["read"])

    for timeout in (3, 60, httpx.Timeout(4.0), None):
        with httpx.Client(event_hooks={"request": [note]}) as own:
            client = emulator.client("echo", http_client=own, timeout=timeout)
            client.run_workflow({"name": "Ann"})
    assert waits == [3, 10, 4, 10]


def test_default_timeouts(server: ReplayServer) -> None:
    seen: list[dict[str, float]] = []
    with httpx.Client(
        event_hooks={"request": [lambda request: seen.append({**request.extensions["timeout"]})]}
    ) as own:
        client = DifyWorkflow(KEY, http_client=own, check_inputs=False)
        client.with_options(base_url=server.url("1.14.2/run_streaming_echo")).run_workflow({})
        client.with_options(base_url=server.url("1.14.2/get_info_echo")).app_info()
        unbound = client.with_options(timeout=None)
        unbound.with_options(base_url=server.url("1.14.2/get_info_echo")).app_info()
    assert seen == [
        {"connect": 5.0, "read": 35.0, "write": 30.0, "pool": 30.0},
        {"connect": 5.0, "read": 60.0, "write": 30.0, "pool": 30.0},
        {"connect": None, "read": None, "write": None, "pool": None},
    ]


def test_the_users_own_auth_does_not_replace_the_key(both: World, server: ReplayServer) -> None:
    answering = Answering(server, json.loads(recording("1.14.2/get_info_echo").body))
    cls = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = both.call(lambda: cls(auth=("user", "password")))
    both.client(base_url=answering.url, http_client=own).app_info()
    both.call(own.close if both.name == "sync" else own.aclose)
    assert answering.request.headers["authorization"] == f"Bearer {KEY}"


def test_constructing_a_client_builds_no_connections() -> None:
    client = DifyWorkflow(KEY)
    assert client._transport._made is None
    assert not AsyncDifyWorkflow(KEY)._transport._loops
