"""What an endpoint may be: its address, its types and its own headers. For forms and REST alike."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.core.db import release
from app.core.outbound import Blocked, check_headers, check_url
from app.core.public import public_types
from app.tracking.checks import NAME
from app.webhooks.models import Refused
from app.webhooks.models.endpoint import EVERYTHING, RECORDED, wants

MOST_HEADERS = 10
LONGEST_VALUE = 500
# Stands for the value of a header, which is never shown again.
HIDDEN = "(hidden)"
MOST_EVENT_NAMES = 50
# Ours, by the rules of Standard Webhooks.
TAKEN = ("content-type",)
TAKEN_PREFIX = "webhook-"


def checked_url(url: str) -> str:
    """Raises Refused for what must not be reached. Asks the name server, with no connection to
    the database held: that may take as long as `outbound.TIMEOUT`, and nothing is written yet."""
    release()
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


def checked_event_names(names: list[str]) -> list[str]:
    """Names as events are called, whether or not any was called so yet."""
    if len(set(names)) > MOST_EVENT_NAMES:
        raise Refused("event_names", f"At most {MOST_EVENT_NAMES} events.")
    for name in names:
        if not NAME.fullmatch(name):
            message = f"{name[:64]} is no name of an event: small letters, digits and _ only."
            raise Refused("event_names", message)
    return sorted(set(names))


def check_events_named(types: list[str], names: list[str]) -> None:
    """Whoever asks for events says which; whoever does not has none to name."""
    if RECORDED in types and not names:
        raise Refused("event_names", "Name at least one event, such as signup.")
    if names and not wants(types, RECORDED):
        raise Refused("event_names", f"Events are told as {RECORDED}: add that type.")


def kept_at(url: str, before: str, headers: dict[str, str] | None) -> dict[str, str]:
    """Those of the `headers` that are kept untold: none where the address moves to another host,
    or they could be read there by whoever may change an address and was never shown them."""
    return headers or {} if _host_of(url) == _host_of(before) else {}


def _host_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def unhidden(headers: dict[str, str], kept: dict[str, str] | None) -> dict[str, str]:
    """With the values that are kept where they were not told anew."""
    known = kept or {}
    for name, value in headers.items():
        if value == HIDDEN and name not in known:
            raise Refused("headers", f"The value of {name} is not known. Type it anew.")
    return {name: known[name] if value == HIDDEN else value for name, value in headers.items()}


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
