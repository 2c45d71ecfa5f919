"""What an endpoint may be: its address, its types and its own headers. For forms and REST alike."""

from __future__ import annotations

from app.core.outbound import Blocked, check_headers, check_url
from app.core.public import public_types
from app.webhooks.models import Refused
from app.webhooks.models.endpoint import EVERYTHING

MOST_HEADERS = 10
LONGEST_VALUE = 500
# Ours, by the rules of Standard Webhooks.
TAKEN = ("content-type",)
TAKEN_PREFIX = "webhook-"


def checked_url(url: str) -> str:
    """Raises Refused for what must not be reached. Asks the name server."""
    try:
        check_url(url)
    except Blocked as error:
        raise Refused("url", str(error)) from error
    return url


def checked_types(types: list[str]) -> list[str]:
    """Names of types, or `*` alone for all of them, also later ones."""
    if types == [EVERYTHING]:
        return types
    unknown = sorted(set(types) - set(public_types()))
    if unknown:
        raise Refused("types", f"There is no type {unknown[0][:60]}.")
    if not types:
        raise Refused("types", "Choose at least one type.")
    return sorted(set(types))


def checked_headers(headers: dict[str, str]) -> dict[str, str]:
    if len(headers) > MOST_HEADERS:
        raise Refused("headers", f"At most {MOST_HEADERS} headers.")
    for name, value in headers.items():
        if name.lower() in TAKEN or name.lower().startswith(TAKEN_PREFIX):
            raise Refused("headers", f"The header {name} is set by Candor.")
        if len(name) > 100 or len(value) > LONGEST_VALUE:
            raise Refused("headers", f"A header has at most {LONGEST_VALUE} characters.")
    if len({name.lower() for name in headers}) < len(headers):
        raise Refused("headers", "A header is named twice.")
    try:
        check_headers(headers)
    except Blocked as error:
        raise Refused("headers", str(error)) from error
    return headers
