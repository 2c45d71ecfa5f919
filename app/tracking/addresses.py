"""Web addresses that visitors bring: cleaned of what a site does not ask for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

LONGEST = 2000
LONGEST_KEPT = 1000
LONGEST_PARAMETER = 200
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")
# A route of a single-page application, which is a page and not a place on one.
ROUTE = re.compile(r"!?/")
CARRIED = re.compile("[?&=#;]")


class Address(NamedTuple):
    """`url` with those parameters that the site keeps, and these by name as well."""

    url: str
    host: str
    parameters: dict[str, str]


@lru_cache(1024)
def read_address(text: str, kept: tuple[str, ...] | None = None) -> Address | None:
    """The address of a page; None for what is none: not http(s), too long, no host.

    A query is left out but for the parameters in `kept`, user names and passwords always, a
    fragment unless it is a route. Without `kept` it is a referrer: host and path.
    """
    if len(text) > LONGEST or UNPRINTABLE.search(text):
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or len(host) > 253:
        return None
    parameters = _parameters(parts.query, kept or ())
    url = f"{parts.scheme}://{_bracketed(host)}{f':{port}' if port else ''}{parts.path or '/'}"
    if parameters:
        url += f"?{urlencode(parameters)}"
    if kept is not None and ROUTE.match(parts.fragment):
        # What a route carries along may be as secret as a query.
        url += f"#{CARRIED.split(parts.fragment, maxsplit=1)[0]}"
    return Address(url[:LONGEST_KEPT], host.rstrip("."), parameters)


def _parameters(query: str, kept: tuple[str, ...]) -> dict[str, str]:
    """The first value of each, as a person reads it."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, max_num_fields=100) if query and kept else []
    except ValueError:
        return {}
    for name, value in pairs:
        name = name.lower()
        if name in kept and name not in found:
            found[name] = UNPRINTABLE.sub(" ", value).strip()[:LONGEST_PARAMETER]
    return {name: value for name, value in found.items() if value}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
