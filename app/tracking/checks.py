"""What an event must pass before it is stored: named checks in their order. The first that fails
says why the event is dropped, and that is counted and shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from app.core.api import parsed_uuid
from app.core.currencies import NAMES as CURRENCIES
from app.sites.queries import PublishedSite
from app.tracking.addresses import Address, read_address
from app.tracking.arrivals import ENGAGEMENT, Arrival, Circumstances, Who
from app.tracking.channels import channel_of
from app.tracking.devices import Device
from app.tracking.places import Place

MINUTE, DAY = 60_000, 86_400_000  # milliseconds
OLDEST, NEWEST = 7 * DAY, 5 * MINUTE  # around now, for an id
LATEST = DAY  # how long ago a browser's event may have happened

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
LONGEST_TITLE = 200
MOST_PROPERTIES = 30
LONGEST_PROPERTY = 500
LARGEST_PROPERTIES = 4000  # characters of all together
MOST_EXPERIMENTS = 20
LARGEST_NUMBER = 2**53
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


class Reason(NamedTuple):
    """Why events are refused: what that is called, and what it means for a person."""

    label: str
    meaning: str


REASONS = {
    "origin": Reason(
        "Another domain",
        "The snippet ran on a page whose domain this site does not have. If the page is "
        "yours, add its domain to the site.",
    ),
    "consent": Reason(
        "No consent yet",
        "The site asks for consent first, and these visitors had not agreed when it "
        "happened. Nothing of them is kept.",
    ),
    "bot": Reason(
        "Bots",
        "Crawlers, monitors and scripted browsers. They are kept apart for thirty days, "
        "so that a mistake can be seen, and count nowhere.",
    ),
    "rate": Reason(
        "Too many at once",
        "More came than the limits allow. Real visitors hardly ever reach them; pages "
        "send again what was refused.",
    ),
    "invalid": Reason(
        "Not an event",
        "The id, the name or the address is missing or malformed. This comes from code "
        "of your own that sends events, or from somebody who tries things out.",
    ),
    "time": Reason(
        "Wrong time", "It happened too long ago, or in the future by the clock of whoever sent it."
    ),
    "properties": Reason(
        "Properties too large",
        "A property, value or campaign that cannot be kept: too long, nested, or an "
        "amount without a currency.",
    ),
    "site": Reason("Site deleted", "It came while the site was being deleted."),
}


@dataclass(slots=True)
class Sender:
    """What one request says of all of its events. Times are milliseconds since 1970."""

    site: PublishedSite
    now: int
    who: Who | None
    device: Device
    place: Place
    language: str | None
    masked_address: str | None
    consented: bool = True
    bot: str | None = None
    skew: int = 0  # of the sender's clock: what has to be added to its times
    by_api: bool = False


@dataclass(slots=True)
class Draft:
    """An event while it is looked at."""

    raw: Any
    id: UUID | None = None
    at: int = 0
    name: str = ""
    address: Address | None = None
    referrer: Address | None = None
    title: str | None = None
    props: dict[str, Any] | None = None
    amount: int | None = None
    currency: str | None = None
    campaign_id: UUID | None = None
    experiments: dict[str, Any] | None = None


Check = Callable[[Sender, Draft], str | None]


def shape(sender: Sender, draft: Draft) -> str | None:
    raw = draft.raw
    if not isinstance(raw, dict):
        return "invalid"
    name, url, title = raw.get("name"), raw.get("url"), raw.get("title")
    if not isinstance(name, str) or not NAME.fullmatch(name) or not isinstance(url, str):
        return "invalid"
    draft.name, draft.address = name, read_address(url, sender.site.parameters)
    draft.referrer = _referrer(sender.site, raw.get("referrer"))
    if title is not None and not isinstance(title, str):
        return "invalid"
    draft.title = title[:LONGEST_TITLE] if title else None
    return None if draft.address else "invalid"


def _referrer(site: PublishedSite, text: Any) -> Address | None:
    """Where somebody came from; pages of the site itself are no such place."""
    found = read_address(text) if isinstance(text, str) and text else None
    return None if found is None or site.runs_on(found.host) else found


def consent(sender: Sender, _draft: Draft) -> str | None:
    return None if sender.consented else "consent"


def bot(sender: Sender, _draft: Draft) -> str | None:
    return "bot" if sender.bot else None


def identity(sender: Sender, draft: Draft) -> str | None:
    """The id is a UUIDv7 of the sender, made between a week ago and five minutes from now, by his
    clock or by ours: a clock that is wrong by less than a day is no reason."""
    text = draft.raw.get("id")
    draft.id = parsed_uuid(text) if isinstance(text, str) and len(text) <= 36 else None
    if draft.id is None or draft.id.version != 7:
        return "invalid"
    made = draft.id.int >> 80
    corrected = made + sender.skew if abs(sender.skew) <= DAY else made
    in_time = any(-OLDEST <= each - sender.now <= NEWEST for each in (made, corrected))
    return None if in_time else "time"


def time(sender: Sender, draft: Draft) -> str | None:
    """When it happened: by the sender's clock as far as that is right, and not tomorrow."""
    at = draft.raw.get("at", sender.now - sender.skew)
    if isinstance(at, bool) or not isinstance(at, (int, float)) or abs(at) > LARGEST_NUMBER:
        return "time"
    happened = int(at) + sender.skew
    earliest = sender.now - (OLDEST if sender.by_api else LATEST)
    if sender.by_api and not earliest <= happened <= sender.now + NEWEST:
        return "time"
    draft.at = min(max(happened, earliest), sender.now)
    return None


def properties(sender: Sender, draft: Draft) -> str | None:
    raw = draft.raw
    if not (_read_props(draft, raw.get("props")) and _read_value(draft, raw.get("value"))):
        return "properties"
    campaign, experiment = raw.get("campaign"), raw.get("experiment")
    if campaign is not None:
        # Of this site, and not of another that somebody names.
        if not isinstance(campaign, str) or campaign not in sender.site.campaign_ids:
            return "properties"
        draft.campaign_id = UUID(campaign)
    if experiment is not None and not _are_variants(experiment):
        return "properties"
    draft.experiments = experiment or None
    return None


def _read_props(draft: Draft, props: Any) -> bool:
    if props is None or props == {}:
        return True
    if not isinstance(props, dict) or len(props) > MOST_PROPERTIES:
        return False
    if not all(PROPERTY.fullmatch(name) and is_plain(value) for name, value in props.items()):
        return False
    if draft.name == ENGAGEMENT and not _is_engagement(props):
        return False
    draft.props = props
    return len(json.dumps(props, ensure_ascii=False)) <= LARGEST_PROPERTIES


def is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_PROPERTY
    if isinstance(value, (int, float)):
        return abs(value) <= LARGEST_NUMBER
    return value is None


def _is_engagement(props: Mapping[str, Any]) -> bool:
    """Milliseconds that are added up, so they are whole and no longer than a day."""
    times = (props.get(name, 0) for name in ("active", "visible"))
    return all(type(each) is int and 0 <= each <= DAY for each in times)


def _read_value(draft: Draft, value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict):
        return False
    amount, currency = value.get("amount"), value.get("currency")
    if type(amount) is not int or abs(amount) > LARGEST_NUMBER:
        return False
    if not isinstance(currency, str) or currency.upper() not in CURRENCIES:
        return False
    draft.amount, draft.currency = amount, currency.upper()
    return True


def _are_variants(experiment: Any) -> bool:
    return (
        isinstance(experiment, dict)
        and len(experiment) <= MOST_EXPERIMENTS
        and all(len(name) <= 64 for name in experiment)
        and all(isinstance(each, str) and len(each) <= 64 for each in experiment.values())
    )


CHECKS: tuple[Check, ...] = (shape, consent, bot, identity, time, properties)
AFTER_BOT = CHECKS[CHECKS.index(bot) + 1 :]


@dataclass(slots=True)
class Verdict:
    """Of one event: to be stored, or dropped for a reason, and then perhaps kept apart."""

    id: str | None
    reason: str | None = None
    arrival: Arrival | None = None


def judge(sender: Sender, raw: Any) -> Verdict:
    draft = Draft(raw)
    reason = _first_reason(CHECKS, sender, draft)
    # What a bot did is kept apart if there is something to keep.
    if reason is None or (reason == "bot" and not _first_reason(AFTER_BOT, sender, draft)):
        return Verdict(str(draft.id), reason, _arrival(sender, draft))
    named = raw.get("id") if isinstance(raw, dict) else None
    return Verdict(named if isinstance(named, str) and len(named) <= 64 else None, reason)


def _first_reason(checks: tuple[Check, ...], sender: Sender, draft: Draft) -> str | None:
    for check in checks:
        reason = check(sender, draft)
        if reason is not None:
            return reason
    return None


def _arrival(sender: Sender, draft: Draft) -> Arrival:
    assert draft.id is not None and draft.address is not None
    return Arrival(
        organization_id=sender.site.organization_id,
        site_number=sender.site.number,
        id=draft.id,
        at=draft.at,
        name=draft.name,
        url=draft.address.url,
        who=sender.who,
        circumstances=_circumstances(sender, draft.address, draft.referrer),
        referrer=draft.referrer.url if draft.referrer else None,
        title=draft.title,
        props=draft.props,
        amount=draft.amount,
        currency=draft.currency,
        campaign_id=draft.campaign_id,
        experiments=draft.experiments,
        by_api=sender.by_api,
    )


def _circumstances(sender: Sender, address: Address, referrer: Address | None) -> Circumstances:
    parameters = address.parameters
    host = referrer.host if referrer else None
    said = tuple(parameters.items())
    others = {name: value for name, value in parameters.items() if name not in UTM}
    return Circumstances(
        referrer.url if referrer else None,
        host,
        _channel(host, said, sender.site.hosts),
        *(parameters.get(name) for name in UTM),  # type: ignore[arg-type, call-arg]
        others or None,
        *sender.place,
        *sender.device,
        sender.language,
        sender.masked_address,
    )


@lru_cache(4096)
def _channel(
    referrer_host: str | None, parameters: tuple[tuple[str, str], ...], own_hosts: frozenset[str]
) -> str:
    return channel_of(referrer_host=referrer_host, params=dict(parameters), own_hosts=own_hosts)
