"""The error for a server that is too old for an endpoint, from `x-since` in openapi.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from dify_workflow import APIStatusError, NotFoundError
from dify_workflow._http.endpoints import SINCE
from dify_workflow._http.failures import status_error
from dify_workflow._http.versions import version_needed
from dify_workflow.emulator import Emulator
from support.events import RUN
from support.spec import spec
from support.worlds import World

CALLS: dict[str, Callable[[Any], object]] = {
    "site": lambda client: client.site(),
    "end_user": lambda client: client.end_user(RUN),
    "human_input_form": lambda client: client.human_input_form("token"),
    "submit_human_input_form": lambda client: client.submit_human_input_form("token", "ok", {}),
}


@pytest.mark.parametrize(
    ("version", "method", "needed"),
    [
        ("1.0", "site", "needs Dify 1.4 or newer; this server is 1.0.1"),
        ("1.9", "end_user", "needs Dify 1.13 or newer; this server is 1.9.2"),
        ("1.13", "human_input_form", "needs Dify 1.14 or newer; this server is 1.13.3"),
        ("1.13", "submit_human_input_form", "needs Dify 1.14 or newer; this server is 1.13.3"),
    ],
)
def test_a_server_that_is_too_old_is_named_with_the_version_that_it_takes(
    both: World, version: str, method: str, needed: str
) -> None:
    with Emulator(server_version=version) as server:
        client = both.client(api_key="app-echo", base_url=server.base_url)
        with pytest.raises(NotFoundError, match=re.escape(f"{method}: {needed} (404: ")) as raised:
            CALLS[method](client)
    assert raised.value.needed_version
    assert client.server_version == needed.rpartition(" ")[2]


def test_a_stream_of_events_needs_1_14(both: World) -> None:
    with Emulator(server_version="1.13") as server:
        client = both.client(api_key="app-echo", base_url=server.base_url, recover=False)
        message = "needs Dify 1.14 or newer; this server is 1.13.3"
        with (
            pytest.raises(NotFoundError, match=message),
            client.resume_workflow_stream(RUN) as stream,
        ):
            list(stream)


def test_what_a_new_server_does_not_find_is_not_found(both: World) -> None:
    with Emulator() as server:
        client = both.client(api_key="app-echo", base_url=server.base_url)
        with pytest.raises(NotFoundError, match="human_input_form: not found") as raised:
            client.human_input_form("token")
    assert raised.value.needed_version is None


def test_the_table_is_what_the_spec_marks() -> None:
    marked = {
        (method, path): operation["x-since"]
        for path, item in spec()["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "x-since" in operation
    }
    assert marked == SINCE


@pytest.mark.parametrize(
    ("method", "path", "version", "expected"),
    [
        ("get", f"/workflow/{RUN}/events", "1.13.2", "1.14.0"),
        ("get", f"/workflow/{RUN}/events", "1.14.0", None),
        ("get", f"/workflow/{RUN}/events", "1.10.1-fix.1", "1.14.0"),
        ("get", f"/workflow/{RUN}/events", None, None),
        ("get", f"/workflow/{RUN}/events", "main", None),
        ("post", f"/workflows/{RUN}/run", "1.7.1", "1.7.2"),
        ("get", f"/workflows/run/{RUN}", "1.0.1", None),
        ("post", "/site", "1.0.1", None),
    ],
)
def test_the_version_needed(
    method: str, path: str, version: str | None, expected: str | None
) -> None:
    assert version_needed(method, path, version) == expected


@pytest.mark.parametrize(("status", "is_told"), [(404, True), (405, True), (400, False)])
def test_the_needed_version_is_named_only_if_the_endpoint_is_unknown(
    status: int, is_told: bool
) -> None:
    headers = {"x-version": "1.3.1"}
    error = status_error("app_site", status, headers, "", needed="1.4.0")
    assert isinstance(error, APIStatusError)
    assert ("needs Dify 1.4 or newer; this server is 1.3.1" in str(error)) == is_told
    assert error.needed_version == ("1.4.0" if is_told else None)
