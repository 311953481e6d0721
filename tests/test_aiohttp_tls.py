"""Certificates and proxies over aiohttp."""

from __future__ import annotations

import base64
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from dify_workflow import DefaultAioHttpClient
from support.listeners import OK, head_of, listening, with_client

TLS = Path(__file__).parent / "support" / "tls"


# ---------------------------------------------------------------------------- TLS and proxies


def tls_server(connection: socket.socket, *, asks: bool = False) -> None:
    """Answers one request over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(TLS / "authority.pem")
    with context.wrap_socket(connection, server_side=True) as secured:
        while head_of(secured):  # type: ignore[arg-type]  # it reads as sockets do
            secured.sendall(OK)


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(TLS / "authority.pem"))


def test_an_untrusted_certificate_is_refused() -> None:
    with listening(tls_server) as listener:
        url = f"https://{listener.address}"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            with_client(lambda client: client.post(url))
        for verify in (trusting(), False):
            response = with_client(lambda client: client.post(url), verify=verify)
            assert response.text == "ok"


def test_certificates_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "authority.pem"))
    with listening(tls_server) as listener:
        url = f"https://{listener.address}"
        assert with_client(lambda client: client.get(url), trust_env=True).text == "ok"


def test_a_client_certificate_is_shown() -> None:
    with listening(lambda connection: tls_server(connection, asks=True)) as listener:
        url = f"https://{listener.address}"
        context = trusting()
        with pytest.raises(httpx.TransportError):
            with_client(lambda client: client.get(url), verify=context)
        context.load_cert_chain(TLS / "client.pem")
        assert with_client(lambda client: client.get(url), verify=context).text == "ok"


def login(text: str) -> bytes:
    return b"Proxy-Authorization: Basic " + base64.b64encode(text.encode())


def test_a_proxy_is_asked_for_http_each_time_with_its_password() -> None:
    def serve(connection: socket.socket) -> None:
        while head := head_of(connection):
            proxy.heads.append(head)
            connection.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> None:
        for _ in range(2):
            assert (await client.get("http://dify.example:81/v1/a%2Fb?c")).text == "ok"

    with listening(serve) as proxy:
        with_client(use, proxy=f"http://us%40er:p%3Aw@{proxy.address}")
        assert proxy.connections == 1
        for head in proxy.heads:
            assert head.startswith(b"GET http://dify.example:81/v1/a%2Fb?c HTTP/1.1\r\n")
            assert login("us@er:p:w") in head


def test_a_proxy_tunnels_https_and_the_password_is_for_it_alone() -> None:
    inside: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        proxy.heads.append(head_of(connection))
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem")
        with context.wrap_socket(connection, server_side=True) as secured:
            while head := head_of(secured):  # type: ignore[arg-type]  # it reads as sockets do
                inside.append(head)
                secured.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> None:
        for _ in range(2):
            assert (await client.post("https://localhost:81/v1")).text == "ok"

    with listening(serve) as proxy:
        made = httpx.Proxy(proxy.url, auth=("user", "word"), headers={"X-Team": "billing"})
        with_client(use, proxy=made, verify=trusting())
        (asked,) = proxy.heads
        assert asked.startswith(b"CONNECT localhost:81 HTTP/1.1\r\n")
        assert login("user:word") in asked
        assert b"X-Team: billing" in asked.replace(b"x-team", b"X-Team")
        assert len(inside) == 2
        assert not any(b"proxy-auth" in head.lower() or b"billing" in head for head in inside)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", b""])
def test_a_proxy_that_does_not_connect(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    with listening(serve) as proxy:
        kind = httpx.ProxyError if answer else httpx.ConnectError
        with pytest.raises(kind):
            with_client(lambda client: client.post("https://dify.example"), proxy=proxy.url)


def test_the_proxies_of_the_environment_count_but_for_its_exceptions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK.replace(b"ok", b"by"))

    def direct(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> tuple[str, str]:
        through = await client.get("http://dify.example/")
        return through.text, (await client.get(server.url)).text

    with listening(serve) as proxy, listening(direct) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "localhost, 127.0.0.1")
        assert with_client(use, trust_env=True) == ("by", "ok")
