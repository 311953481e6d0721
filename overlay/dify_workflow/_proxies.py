"""The proxies that the environment names: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_SCHEMES = ("http", "https", "all")


def proxy_map() -> dict[str, str | None]:
    """Which proxy stands before which addresses, as httpx writes both; None for no proxy.

    It is what httpx itself finds, but for IPv6 in NO_PROXY: there httpx takes an address in
    brackets, and a range of addresses, for broken URLs.
    """
    found = getproxies()
    exempt = [host for each in found.get("no", "").split(",") if (host := each.strip())]
    if "*" in exempt:
        return {}
    proxies: dict[str, str | None] = {
        f"{scheme}://": proxy if "://" in proxy else f"http://{proxy}"
        for scheme in _SCHEMES
        if (proxy := found.get(scheme))
    }
    return proxies | {pattern: None for host in exempt if (pattern := _pattern(host))}


def proxy_of(url: str) -> str | None:
    """The proxy through which a URL is asked for, without user and password; None for no proxy."""
    parts, found = urlsplit(url), getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    if not proxy or proxy_bypass(parts.netloc) or proxy_bypass(parts.hostname or ""):
        return None
    scheme, separator, rest = proxy.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _pattern(host: str) -> str | None:
    """How httpx writes an address that takes no proxy; None for what it cannot write."""
    if "://" in host:
        return host
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        pass
    else:
        return f"all://[{address}]" if address.version == 6 else f"all://{address}"  # noqa: PLR2004
    if _is_range(host):  # which no pattern of httpx can say
        return None
    is_whole = host.lower() == "localhost" or host.startswith("[")  # an address with its port
    return f"all://{host}" if is_whole else f"all://*{host}"


def _is_range(host: str) -> bool:
    try:
        ip_network(host, strict=False)
    except ValueError:
        return False
    return True
