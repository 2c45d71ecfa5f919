"""Which hosts a snippet may run on."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

import idna

LONGEST = 253
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class DomainError(ValueError):
    """This is not a host name; the message says what one looks like."""


def normal_host(text: str) -> str:
    """`https://Shop.Example:8443/x` and `shop.example` are the same host, in ASCII.

    Raises DomainError for what cannot be the host of a web page.
    """
    text = text.strip()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        host = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except ValueError as error:
        raise DomainError("This is not a domain.") from error
    host = host.rstrip(".")
    if not _is_address(host) and not _is_name(host):
        raise DomainError("A domain looks like shop.example.")
    return host


def host_of(origin: str | None) -> str | None:
    """The host of an Origin header; None when there is none to speak of ("null", malformed)."""
    if not origin or not origin.startswith(("http://", "https://")):
        return None
    try:
        return normal_host(origin)
    except DomainError:
        return None


def _is_name(host: str) -> bool:
    return 0 < len(host) <= LONGEST and all(LABEL.fullmatch(part) for part in host.split("."))


def _is_address(host: str) -> bool:
    try:
        # A zone ("fe80::1%eth0") is a name of the visitor's own machine, and any text at all.
        return ip_address(host) is not None and "%" not in host
    except ValueError:
        return False
