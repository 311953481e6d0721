"""Which hosts the emulator answers to, and what of a request's JSON it takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dify_workflow import PermissionDeniedError
from dify_workflow.emulator import Emulator, Input, node, workflow
from support.cli import invoke, started
from support.waiting import PATIENCE

KEY = "app-work"


@workflow(Input("data", "json_object", required=False), Input("n", "number", required=False))
def work(inputs: dict[str, object]) -> Iterator[object]:
    yield from node("think")
    return {"data": inputs.get("data")}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(work, linger=0.0, log_level="critical") as running:
        yield running


def asked(emulator: Emulator, path: str, host: str) -> httpx.Response:
    headers = {"Host": host, "Authorization": f"Bearer {KEY}"}
    return httpx.get(emulator.base_url.removesuffix("/v1") + path, headers=headers)


@pytest.mark.parametrize("path", ["/", "/page/apps.json", "/v1/parameters", "/nowhere"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"],
)
def test_a_name_of_elsewhere_is_refused_and_shows_no_key(
    emulator: Emulator, path: str, host: str
) -> None:
    answer = asked(emulator, path, host)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/json"
    assert "--allowed-host" in answer.json()["message"]
    assert KEY not in answer.text


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:99", "127.8.9.1", "[::1]", "[::1]:8"],
)
def test_loopback_is_answered_by_each_of_its_names(emulator: Emulator, host: str) -> None:
    assert asked(emulator, "/page/apps.json", host).json()["apps"][0]["key"] == KEY
    assert asked(emulator, "/v1/parameters", host).status_code == 200


def test_hosts_that_are_named_are_answered_too() -> None:
    with Emulator(work, host="0.0.0.0", allowed_hosts=["emulator", "Box:80"]) as running:
        for host in ("emulator:8000", "EMULATOR", "box", "0.0.0.0:1", "localhost"):
            assert asked(running, "/v1/parameters", host).status_code == 200
        assert asked(running, "/v1/parameters", "emulator.evil.example").status_code == 403
        with running.client() as client:  # by its own base URL
            assert client.run_workflow({}).status == "succeeded"
    with Emulator(work, allowed_hosts=["*"]) as running:
        assert asked(running, "/v1/parameters", "10.1.2.3:8000").status_code == 200


def test_the_client_says_what_is_to_be_allowed(emulator: Emulator) -> None:
    http = httpx.Client(headers={"Host": "emulator:8000"})
    with (
        http,
        emulator.client(http_client=http) as client,
        pytest.raises(PermissionDeniedError, match="--allowed-host emulator"),
    ):
        client.run_workflow({})


@pytest.mark.parametrize("hosts", ["emulator", ["http://emulator:8000"], [""], ["a b"]])
def test_what_is_no_host_is_refused(hosts: list[str]) -> None:
    with pytest.raises((TypeError, ValueError), match="host"):
        Emulator(work, allowed_hosts=hosts)


def test_the_command_takes_hosts() -> None:
    process = started("emulate", "--allowed-host", "emulator", "--allowed-host", "box")
    try:
        url = process.stdout.readline().strip().removeprefix("DIFY_BASE_URL=")
        key = process.stdout.readline().removeprefix("DIFY_API_KEY=").split()[0]
        for host, status in (("emulator:8000", 200), ("box", 200), ("other", 403)):
            headers = {"Host": host, "Authorization": f"Bearer {key}"}
            assert httpx.get(f"{url}/parameters", headers=headers).status_code == status
    finally:
        process.kill()
        process.communicate()
    refused = invoke("emulate", "--allowed-host", "http://emulator")
    assert (refused.code, "is not a host" in refused.said) == (2, True)


def test_an_emulator_of_a_module_has_its_own_hosts(tmp_path: Path) -> None:
    program = "from dify_workflow.emulator import Emulator\nserver = Emulator()\n"
    (tmp_path / "mine.py").write_text(program, encoding="utf-8")
    refused = invoke("emulate", "mine:server", "--allowed-host", "box", cwd=tmp_path)
    assert (refused.code, "so leave out --allowed-host." in refused.said) == (2, True)


def nested(depth: int) -> bytes:
    value = b'{"a":' * depth + b"1" + b"}" * depth
    return b'{"inputs":{"data":' + value + b'},"user":"u","response_mode":"blocking"}'


@pytest.mark.parametrize("version", ["1.0", "1.7", "1.9", "1.14", "1.16"])
def test_json_that_is_nested_too_deeply_is_a_bad_request(version: str) -> None:
    paths = ["/workflows/run", "/workflows/tasks/x/stop", "/text-to-audio"]
    paths += ["/form/human_input/x"] if version in {"1.14", "1.16"} else []
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with (
        Emulator(work, server_version=version, linger=0.0) as running,
        httpx.Client(base_url=running.base_url, headers=headers, timeout=PATIENCE) as http,
    ):
        for path in paths:
            answer = http.post(path, content=nested(100_000))
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        for depth in (100, 500, 800, 900, 950, 980, 1000, 1020, 1100):
            assert http.post("/workflows/run", content=nested(depth)).status_code in {200, 400}
        assert http.post("/workflows/run", content=nested(100)).status_code == 200


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "9" * 5000])
def test_numbers_beyond_64_bits_are_a_bad_request(emulator: Emulator, number: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    for body in ('{"inputs":{"n":%s},"user":"u"}', '{"inputs":{"data":{"a":[%s]}},"user":"u"}'):
        answer = httpx.post(
            f"{emulator.base_url}/workflows/run", content=body % number, headers=headers
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    root = emulator.base_url.removesuffix("/v1")
    answer = httpx.get(f"{root}/page/runs/none/nodes/{number.lstrip('-')}.json")
    assert answer.status_code == 400


def test_numbers_of_64_bits_are_taken_as_they_are(emulator: Emulator) -> None:
    data = {"most": 2**64 - 1, "least": -(2**63), "small": 1e-300}
    with emulator.client() as client:
        assert client.run_workflow({"data": data}).outputs["data"] == data
