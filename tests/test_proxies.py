"""Proxies from the environment variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow import APIConnectionError
from dify_workflow._http.proxies import proxy_map, proxy_of
from dify_workflow.emulator import Emulator
from support.cli import call
from support.worlds import World

NOWHERE = "http://127.0.0.1:9"
_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what whoever runs the tests has set."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("exempt", "patterns"),
    [
        ("", []),
        ("[::1]", ["all://[::1]"]),
        ("::1", ["all://[::1]"]),
        ("fe80::/10", []),
        ("10.0.0.0/8", []),
        ("127.0.0.1", ["all://127.0.0.1"]),
        ("[::1]:8080", ["all://[::1]:8080"]),
        ("localhost, example.com", ["all://localhost", "all://*example.com"]),
        (".example.com,fe80::1", ["all://*.example.com", "all://[fe80::1]"]),
    ],
)
def test_what_takes_no_proxy_is_written_as_httpx_does_also_for_ipv6(
    exempt: str, patterns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert proxy_map() == {"http://": "http://proxy:3128"} | dict.fromkeys(patterns)


NAMES = st.sampled_from(
    [
        *("*", "localhost", "LocalHost", ".google.com", "google.com", "127.0.0.1"),
        *("::1", "", "http://x.example", "https://y.example:8443", "a b"),
    ]
)


@given(
    st.dictionaries(
        st.sampled_from(["http_proxy", "https_proxy", "all_proxy"]),
        st.sampled_from(["http://a.example:1", "b.example", "socks5://c", ""]),
    ),
    st.lists(NAMES, max_size=4),
)
def test_but_for_ranges_the_environment_is_read_as_httpx_reads_it(
    proxies: dict[str, str], exceptions: list[str]
) -> None:
    from httpx._utils import get_environment_proxies  # noqa: PLC0415  # private: to compare with

    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        for name, value in {**proxies, "no_proxy": ",".join(exceptions)}.items():
            patch.setenv(name, value)
        assert proxy_map() == get_environment_proxies()


def test_a_star_takes_all_proxies_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", NOWHERE)
    assert proxy_map() == {"all://": NOWHERE}
    monkeypatch.setenv("NO_PROXY", "localhost,*")
    assert proxy_map() == {}


@pytest.mark.own_client("proxies of the environment are those of our own clients")
@pytest.mark.parametrize("exempt", ["[::1],127.0.0.1", "fe80::/10,127.0.0.1", "127.0.0.1,[::1]:80"])
def test_ipv6_in_no_proxy_breaks_nothing(
    exempt: str, both: World, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", NOWHERE)
    monkeypatch.setenv("NO_PROXY", exempt)
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    assert client.run_workflow({"name": "Ann"}).outputs == {"greeting": "Ann"}


@pytest.mark.own_client("proxies of the environment are those of our own clients")
def test_a_dead_proxy_is_named_without_its_password(
    both: World, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    client = both.client(base_url=emulator.base_url, api_key="app-echo", max_retries=0)
    with pytest.raises(
        APIConnectionError, match=r"through the proxy http://127\.0\.0\.1:9\)"
    ) as caught:
        client.parameters()
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert proxy_of(emulator.base_url) is None


def test_the_command_line_says_whose_proxy_it_is(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", NOWHERE)
    done = call("info", "57455633-bab6-4ea6-b8d6-850b5ae09145", base_url=emulator.base_url)
    assert done.code == 3
    assert f"through the proxy {NOWHERE}" in done.said
    assert "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY sets the proxy" in done.said
