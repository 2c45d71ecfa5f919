"""What a user agent says of the device, as far as it matters for a report."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from ua_parser import Domain, load_lazy_builtins
from ua_parser.regex import Resolver

LONGEST_USER_AGENT = 512
LONGEST_FAMILY = 40
OTHER = "Other"

TELEVISION = re.compile(r"TV|BRAVIA|; AFT")
TABLET = re.compile(r"iPad|Tablet(?! PC)|PlayBook|Kindle|Silk/")
MOBILE = re.compile(r"Mobi|iPhone|iPod|Windows Phone|Opera Mini|BlackBerry|KAIOS")
# The device says what it runs on; a browser is the same one wherever it runs.
FAMILIES = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Edge Mobile": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "IE Mobile": "IE",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "iOS WebView",
    "Opera Mobile": "Opera",
    "Mac OS X": "macOS",
}


class Device(NamedTuple):
    """Families come from a list, but a few rules of it take a name from the text itself: they are
    at most 40 printable characters and as little to be trusted as all that visitors say."""

    kind: str  # desktop, mobile or tablet
    browser: str
    system: str


@cache
def resolver() -> Resolver:
    """Linear in time whatever the text is. Without the list of device models, which is most of it.
    Ten megabytes: made before web processes fork (wsgi.py), and where nobody asks for it not at
    all."""
    browsers, systems, _ = load_lazy_builtins()
    return Resolver((browsers, systems, []))


def device_of(user_agent: str) -> Device:
    """Kind and families of browser and system, "Other" when unknown. Reads 512 characters."""
    return _device(legible(user_agent))


def legible(user_agent: str) -> str:
    """Its first 512 characters without those that cannot be printed: the engine raises for lone
    surrogates, and names may be taken from the text."""
    text = user_agent[:LONGEST_USER_AGENT]
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())


@lru_cache(maxsize=5000)
def _device(text: str) -> Device:
    found = resolver()(text, Domain.USER_AGENT | Domain.OS)
    return Device(
        kind=_kind(text),
        browser=_family(found.user_agent.family if found.user_agent else None),
        system=_family(found.os.family if found.os else None),
    )


def _kind(text: str) -> str:
    if TELEVISION.search(text):
        return "desktop"
    if TABLET.search(text):
        return "tablet"
    if MOBILE.search(text):
        return "mobile"
    # Telephones with Android say "Mobile", tablets do not.
    return "tablet" if "Android" in text else "desktop"


def _family(name: str | None) -> str:
    return FAMILIES.get(name, name)[:LONGEST_FAMILY].strip() or OTHER if name else OTHER
