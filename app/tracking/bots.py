"""Which user agents are programs: the patterns of the crawler-user-agents list and our own."""

from __future__ import annotations

import re
from functools import cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser_rs import UserAgentExtractor

from app.tracking.devices import legible

# Of a visitor, by where he calls from and by how many pages he opens (embed/calls.py).
DATA_CENTRE, TOO_FAST = "data_centre", "impossible_speed"

HEADLESS = re.compile(
    r"headless|phantomjs|slimerjs|htmlunit|jsdom|puppeteer|playwright|cypress", re.IGNORECASE
)
# What the list leaves out.
PROGRAMS = (
    # HTTP libraries and tools.
    r"^(?:node|undici|Ruby|insomnia|k6|Bun|Deno|Dart|Java|Java-http-client|reqwest|hyper)(?:/|$)",
    r"^(?:PostmanRuntime|Faraday|GuzzleHttp|PycURL|RestSharp|Symfony HttpClient|uptime-kuma)",
    # Whoever calls himself one or gives the address of his explanation. CUBOT makes telephones.
    r"(?i)(?:^|[^a-z])bots?(?:[^a-z]|$)|crawler|spider",
    r"\+https?://",
    # No browser says so little.
    r"^(?:-|Mozilla/\d\.\d(?: \(compatible;?\))?)$",
)


@cache
def crawlers() -> UserAgentExtractor:
    """One automaton for all patterns, linear in the text: a hundred times faster than alternatives
    in `re`, and nobody can make it slow. So no answer is cached. Made before web processes fork
    (wsgi.py)."""
    return UserAgentExtractor(
        (pattern, "crawler", None, None, None, None)
        for pattern in (*(each["pattern"] for each in CRAWLER_USER_AGENTS_DATA), *PROGRAMS)
    )


def bot_reason(user_agent: str, *, webdriver: bool = False) -> str | None:
    """Why this is not a person: "empty_user_agent", "webdriver", "headless" or "crawler" (HTTP
    libraries are among these); None for people. `webdriver` is what the browser says of itself.
    Reads 512 characters."""
    text = legible(user_agent).strip()
    if not text:
        return "empty_user_agent"
    if webdriver:
        return "webdriver"
    if HEADLESS.search(text):
        return "headless"
    return "crawler" if crawlers().extract(text) else None
