"""One call of a page: who sends it, what becomes of each of its events, what it is told."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from app.core import clock, strict_json
from app.core.errors import ApiError
from app.core.ratelimit import Buckets, counted_address
from app.embed.seen import context_of, count_impressions
from app.sites.queries import PublishedSite
from app.tracking.arrivals import PAGE_VIEW, key_of
from app.tracking.bots import DATA_CENTRE, TOO_FAST, bot_reason
from app.tracking.checks import Sender, Verdict, judge
from app.tracking.committer import Parcel
from app.tracking.data_centres import is_in_data_centre
from app.tracking.devices import Device, device_of
from app.tracking.identity import LONGEST_HASHED, Token, identify, read_token, renewed_token
from app.tracking.places import Place, masked, place_of

MOST_EVENTS = 50
LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})?")
LONGEST_LANGUAGE = 12
IMPRESSION = "impression"
# Milliseconds: a page sends every five seconds. What is older was gathered while it could not send.
JUST_NOW = 10_000

Environ = dict[str, Any]


class Call:
    """What one request brings for one site, judged event by event, and by how many pages its
    visitor opens: `views` counts them."""

    def __init__(
        self, environ: Environ, site: PublishedSite, said: dict[str, Any], views: Buckets
    ) -> None:
        self._text = said.get("visitor")
        self._token = read_token(site.id, self._text)
        self._user_agent = environ.get("HTTP_USER_AGENT", "")[:LONGEST_HASHED]
        self._sender = self._read_sender(environ, site, said)
        self.verdicts: list[Verdict] = [judge(self._sender, raw) for raw in said["events"]]
        self._judge_speed(views)
        self.parcel = self._pack()

    def _read_sender(self, environ: Environ, site: PublishedSite, said: dict[str, Any]) -> Sender:
        address, browser = whereabouts(environ.get("REMOTE_ADDR") or ""), _browser(self._user_agent)
        now = clock.milliseconds()
        consent = said.get("consent") is True
        consented = consent or has_agreed(site, self._token)
        unfollowed = is_unfollowed(environ)
        sender = Sender(
            site=site,
            now=now,
            who=None,
            device=browser.device,
            place=address.place,
            language=language_of(environ),
            masked_address=None if unfollowed else address.masked,
            consented=consented,
            bot=browser.bot or _bot_by_circumstances(environ, said),
            skew=_skew(said.get("sent_at"), now),
        )
        if consented and not unfollowed:
            counted, agent = address.counted, self._user_agent
            sender.who = identify(site, counted, agent, self._token, consent=consent)
        return sender

    def _judge_speed(self, views: Buckets) -> None:
        """Whoever opens more pages than a person can is a program, whatever it calls itself. By
        the clock of the server, and only what just happened: a page that was offline sends what it
        gathered all at once. A page that writes its state into its address, say a map, is one page.
        Who asked not to be followed has no name by which to count."""
        sender = self._sender
        if sender.who is None or sender.bot:
            return
        good = [each for each in self.verdicts if each.reason is None]
        opened = len(_opened(good, since=sender.now - JUST_NOW))
        if not opened or views.charge(f"{sender.site.number} {sender.who.visitor.hex()}", opened):
            return
        sender.bot = TOO_FAST
        for verdict in good:
            verdict.reason = "bot"

    def _pack(self) -> Parcel:
        parcel = Parcel([])
        for verdict in self.verdicts:
            parcel.put(verdict, self._sender.bot, self._user_agent if self._sender.who else "")
        return parcel

    def _count_seen(self) -> None:
        """For campaigns that are shown only so often a day: once an impression is stored."""
        who, parcel = self._sender.who, self.parcel
        stored = [each for each in parcel.arrivals if key_of(each) in parcel.new]
        seen = [str(each.campaign_id) for each in stored if each.name == IMPRESSION]
        if who is not None and seen:
            count_impressions(self._sender.site, who.visitor.hex(), seen)

    def answer(self) -> dict[str, Any]:
        """What the page is told once the parcel is stored."""
        self._count_seen()
        parcel, dropped = self.parcel, [each for each in self.verdicts if each.reason]
        dropped += [Verdict(str(each.id), "site") for each in parcel.lost]
        answer: dict[str, Any] = {
            "accepted": len(parcel.new),
            "duplicates": len(parcel.arrivals) - len(parcel.new),
            "dropped": [{"id": each.id, "reason": each.reason} for each in dropped],
        }
        site, who = self._sender.site, self._sender.who
        if who is None:
            return {**answer, "context": {"place": self._place()}}
        context = {**self._unit(), "place": self._place(), **context_of(site, who.visitor.hex())}
        token = renewed_token(site, who, self._text, self._token)
        return {**answer, "visitor": token, "context": context}

    def _unit(self) -> dict[str, str]:
        """What an experiment assigns a variant to: the person, else this visit."""
        who = self._sender.who
        if who is not None and who.person:
            return {"unit": who.visitor.hex(), "unit_kind": "person"}
        sessions: list[UUID] = list(self.parcel.sessions.values())
        return {"unit": sessions[-1].hex, "unit_kind": "visit"} if sessions else {}

    def _place(self) -> dict[str, str]:
        return {name: value for name, value in self._sender.place._asdict().items() if value}


def said_in(sent: bytes) -> dict[str, Any]:
    """The body: an object with the key of a site and a list of at most fifty events."""
    try:
        call = strict_json.loads(sent)
    except strict_json.BadJSON as error:
        raise ApiError(400, "bad_json", f"The body is {error}.") from error
    if not isinstance(call, dict):
        raise ApiError(400, "bad_body", "The body is an object.")
    if not isinstance(call.get("site"), str):
        raise ApiError(422, "invalid", "A field is not valid.", {"site": ["The key of a site."]})
    events = call.get("events")
    if not isinstance(events, list):
        raise ApiError(422, "invalid", "A field is not valid.", {"events": ["A list of events."]})
    if len(events) > MOST_EVENTS:
        raise ApiError(413, "too_large", f"At most {MOST_EVENTS} events at once.")
    return call


def _opened(verdicts: list[Verdict], since: int) -> set[str]:
    """The pages that were opened since then."""
    arrivals = [each.arrival for each in verdicts if each.arrival]
    return {each.url for each in arrivals if each.name == PAGE_VIEW and each.at >= since}


class Browser(NamedTuple):
    device: Device
    bot: str | None


@lru_cache(4096)
def _browser(user_agent: str) -> Browser:
    return Browser(device_of(user_agent), bot_reason(user_agent))


def _bot_by_circumstances(environ: Environ, said: dict[str, Any]) -> str | None:
    """What no user agent tells."""
    if said.get("webdriver") is True:
        return "webdriver"
    return DATA_CENTRE if is_in_data_centre(environ.get("REMOTE_ADDR") or "") else None


class Whereabouts(NamedTuple):
    """`counted` is whom limits count and visitors are known by: of IPv6 a whole network."""

    place: Place
    masked: str
    counted: str


@lru_cache(4096)
def whereabouts(address: str) -> Whereabouts:
    return Whereabouts(place_of(address), masked(address), counted_address(address))


def is_unfollowed(environ: Environ) -> bool:
    """Whether the browser says that its visitor is to be counted and no more."""
    return environ.get("HTTP_SEC_GPC") == "1" or environ.get("HTTP_DNT") == "1"


def has_agreed(site: PublishedSite, token: Token | None) -> bool:
    """Whether more than a page's configuration is for this visitor: on a strict site only for a
    person, whom consent has made him."""
    return site.mode != "strict" or (token is not None and token.person)


def language_of(environ: Environ) -> str | None:
    """The one that is wanted most."""
    first = LANGUAGE.match(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    return first[0][:LONGEST_LANGUAGE] if first else None


def _skew(sent_at: Any, now: int) -> int:
    """What has to be added to the sender's times, in milliseconds."""
    if isinstance(sent_at, bool) or not isinstance(sent_at, (int, float)):
        return 0
    return now - int(sent_at) if abs(sent_at) < 2**53 else 0
