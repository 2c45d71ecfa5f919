"""Which hosts a snippet may run on."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import idna

LONGEST = 253
MOST_DOMAINS = 50
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
ANY_BELOW = "*."
# What an address has and a domain has not: a scheme, a path, a user, a port.
MORE_THAN_A_DOMAIN = re.compile(r"[/@?#\\:]")
MORE_THAN_AN_ADDRESS = re.compile(r"[^0-9a-fA-F:.\[\]]|\].")

LONGEST_ORIGIN = 300


class DomainError(ValueError):
    """This is not a host name; the message says what one looks like."""


def normal_host(text: str) -> str:
    """`https://Shop.Example:8443/x` and `shop.example` are the same host, in ASCII.

    Raises DomainError for what cannot be the host of a web page.
    """
    return _checked(_host_in(text))


def normal_domain(text: str) -> str:
    """What somebody wrote as a site's domain: a host alone, or `*.shop.example` for each host
    below shop.example. Raises DomainError; the message says what to write instead."""
    written = _host_in(text)
    below = written.startswith(ANY_BELOW)
    domain = _checked(written.removeprefix(ANY_BELOW))
    if below and not _has_an_owner(domain):
        raise DomainError("*. stands before a whole domain, as in *.shop.example.")
    domain = ANY_BELOW + domain if below else domain
    more = MORE_THAN_AN_ADDRESS if ":" in domain else MORE_THAN_A_DOMAIN
    if more.search(text.strip()):
        raise DomainError(f"Write the domain alone: {domain}")
    return domain


@lru_cache(1024)
def domains_of(host: str) -> tuple[str, ...]:
    """Each way in which a site's domains can name this host."""
    if _is_address(host):
        return (host,)
    labels = host.split(".")
    above = (".".join(labels[start:]) for start in range(1, len(labels) - 1))
    return (host, *(ANY_BELOW + domain for domain in above))


def host_of(origin: str | None) -> str | None:
    """The host of an Origin header; None when there is none to speak of ("null", malformed)."""
    return _host_of(origin) if origin and len(origin) <= LONGEST_ORIGIN else None


@lru_cache(1024)
def _host_of(origin: str) -> str | None:
    if not origin.startswith(("http://", "https://")):
        return None
    try:
        return normal_host(origin)
    except DomainError:
        return None


def _host_in(text: str) -> str:
    text = text.strip()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        below, host = host.startswith(ANY_BELOW), host.removeprefix(ANY_BELOW)
        host = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except ValueError as error:
        raise DomainError("This is not a domain.") from error
    return (ANY_BELOW if below else "") + host.rstrip(".")


def _checked(host: str) -> str:
    if not _is_address(host) and not _is_name(host):
        raise DomainError("A domain looks like shop.example.")
    return host


def _has_an_owner(domain: str) -> bool:
    """Not a top-level domain, which belongs to everybody, nor the half of an address."""
    return "." in domain and not domain.rpartition(".")[2].isdigit() and not _is_address(domain)


def _is_name(host: str) -> bool:
    return 0 < len(host) <= LONGEST and all(LABEL.fullmatch(part) for part in host.split("."))


def _is_address(host: str) -> bool:
    try:
        # A zone ("fe80::1%eth0") is a name of the visitor's own machine, and any text at all.
        return ip_address(host) is not None and "%" not in host
    except ValueError:
        return False
