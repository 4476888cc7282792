"""Where a node added in the web UI may lie: https, in an allowed network, checked at the very address that is called.

Refused: plain HTTP, credentials in the URL, numeric spellings of addresses, and any name that resolves to a private,
loopback, link-local (cloud metadata), reserved, mapped or translated address. A network named in
`SVEND_NODE_NETWORKS` allows what lies in it, private ones too, but link-local never. Redirects are not followed by
NodeClient. Not for `SVEND_NODES`, which are trusted as they are.
"""

import asyncio
import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings

from backend.core.errors import ApplicationError

Address = IPv4Address | IPv6Address

# Inside these lies somebody else's IPv4 address, or the provider's metadata service.
_NEVER = [
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local: metadata services
        "fe80::/10",
        "fd00:ec2::/32",  # the metadata service by IPv6
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "100.100.100.200/32",  # another provider's metadata
        "0.0.0.0/8",
        "::/128",
    )
]
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)")  # a last label like this makes resolvers read the host as a number


class UrlRefused(ApplicationError):
    code = "node_url_refused"

    def __init__(self, message: str) -> None:
        super().__init__(message, param="url")


def address_check(address: Address) -> None:
    """Raises UrlRefused unless a node may lie there."""
    if any(address in network for network in _NEVER) or address.is_multicast or address.is_unspecified:
        raise UrlRefused(f"{address} is no place for a node.")
    if settings.SVEND_NODE_NETWORKS:
        if not any(address in network for network in settings.SVEND_NODE_NETWORKS):
            raise UrlRefused(f"{address} lies outside the allowed networks (SVEND_NODE_NETWORKS).")
    elif not address.is_global or address.is_reserved:
        raise UrlRefused(f"{address} is a private address; name its network in SVEND_NODE_NETWORKS to allow it.")


def url_parse(url: str) -> tuple[str, str, int]:
    """(normalised URL, host, port). Raises UrlRefused for every spelling but the plain one."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 443
    except ValueError as error:
        raise UrlRefused(f"{url!r} is no URL: {error}") from error
    host = (parts.hostname or "").lower()
    if parts.scheme != "https":
        raise UrlRefused("The URL of a node must begin with https://.")
    if parts.username or parts.password or "@" in parts.netloc:
        raise UrlRefused("The URL of a node carries no user or password: its secret is a field of its own.")
    if parts.query or parts.fragment or parts.path.strip("/"):
        raise UrlRefused("The URL of a node is https://host:port, without a path.")
    literal = _literal(host)
    if literal is None:
        if not _HOST.fullmatch(host) or len(host) > 253 or _NUMERIC.fullmatch(host.rpartition(".")[2]):
            raise UrlRefused(f"{host!r} is no host name: write a name, or an address in its usual form.")
    else:
        address_check(literal)
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{port}", host, port


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def url_check(url: str) -> str:
    """The URL as it is kept, once every address that its host has now is allowed. Raises UrlRefused."""
    plain, host, port = url_parse(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UrlRefused(f"The host {host!r} cannot be resolved: {error}") from error
    for *_, where in found:
        address_check(ip_address(str(where[0]).partition("%")[0]))
    return plain


class GuardedResolver(AbstractResolver):
    """Resolves for the connection itself and refuses there: a name that changed its mind after the check gains
    nothing."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results: list[Any] = []
        for place, _, protocol, _, where in found:
            try:
                address_check(ip_address(str(where[0]).partition("%")[0]))
            except UrlRefused as refused:
                raise OSError(refused.message) from refused
            flags = socket.AI_NUMERICHOST
            results.append(
                {"hostname": host, "host": where[0], "port": port, "family": place, "proto": protocol, "flags": flags}
            )
        return results

    async def close(self) -> None:
        return None
