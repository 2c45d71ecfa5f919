"""The test bench of a source: what a payload would become, told before it becomes anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select

from app.core import strict_json
from app.core.db import db
from app.core.threads import in_native_thread
from app.proof import wording
from app.proof.values import values_of
from app.sites.models import Revision, Site
from app.sources.facts import (
    ActivityReported,
    ActivityWithdrawn,
    Fact,
    Money,
    OrderCancelled,
    OrderPaid,
    OrderRefunded,
    Person,
    Place,
    Product,
)
from app.sources.kinds import KINDS
from app.sources.kinds.base import Ignored, Incoming, Unmapped
from app.sources.kinds.custom import DEFAULT_MAPPING
from app.sources.mapping import Found, trial
from app.sources.models import Source
from app.sources.processing import tellable

SHOWN_LIMIT = 200
FACTS_SHOWN = 10
DEFAULT_TEMPLATE = "{{first_name}} from {{city}} bought {{product}}"


@dataclass(slots=True)
class Trial:
    """What came of it: the verdict it would get, its facts in rows, and the sentence."""

    verdict: str = ""
    reason: str | None = None
    facts: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    sentence: str | None = None
    campaign: str | None = None
    found: dict[str, tuple[str, str | None]] = field(default_factory=dict)


def attempt(
    source: Source, payload: str, headers: dict[str, str], mapping: dict[str, str] | None
) -> Trial:
    """Try a payload on a source with a mapping. Stores nothing and announces nothing."""
    made = Trial()
    body = payload.encode("utf-8", "replace")
    if not body.strip():
        return made
    if source.kind == "custom":
        made.found = in_native_thread(_found, body, mapping or {})
    try:
        facts = in_native_thread(_facts, source.kind, Incoming(headers, body), mapping)
    except Ignored as error:
        made.verdict, made.reason = "ignored", error.reason
    except Unmapped as error:
        made.verdict, made.reason = "failed", error.reason
    else:
        made.verdict = "accepted"
        made.facts = [_described(fact) for fact in facts[:FACTS_SHOWN]]
        _word(made, source.site, facts)
    return made


def _facts(kind: str, incoming: Incoming, mapping: dict[str, str] | None) -> list[Fact]:
    return tellable(KINDS[kind].read(incoming, mapping))


def _found(body: bytes, mapping: dict[str, str]) -> dict[str, tuple[str, str | None]]:
    """For each field what it finds, shortened, and what is wrong with its expression."""
    try:
        document = strict_json.loads(body)
    except strict_json.BadJSON:
        document = {}
    # As in earnest: a field that is not mapped is looked for under its own names.
    tried = trial(DEFAULT_MAPPING | mapping, document if isinstance(document, dict) else {})
    return {target: (_shown(found), found.problem) for target, found in tried.items()}


def _shown(found: Found) -> str:
    if found.value is None:
        return ""
    if isinstance(found.value, (dict, list)):
        kind = "object" if isinstance(found.value, dict) else "list"
        return f"{kind} of {len(found.value)}"
    text = str(found.value).lower() if isinstance(found.value, bool) else str(found.value)
    return text if len(text) <= SHOWN_LIMIT else text[:SHOWN_LIMIT] + "…"


def _described(fact: Fact) -> tuple[str, list[tuple[str, str]]]:
    title, rows = _TITLES[type(fact)], [("Id", fact.external_id or "")]
    if isinstance(fact, (ActivityReported, ActivityWithdrawn)):
        rows.append(("Type", fact.type))
    if isinstance(fact, (ActivityReported, OrderPaid)):
        rows += _of_person(fact.person) + _of_place(fact.place)
        rows.append(("When", fact.occurred_at.strftime("%-d %b %Y, %H:%M UTC"))) if (
            fact.occurred_at
        ) else rows.append(("When", "the moment it comes in"))
    if isinstance(fact, ActivityReported):
        rows += _of_product(fact.product) + _of_money("Value", fact.value)
        rows += [(name.replace("_", " ").capitalize(), str(v)) for name, v in fact.data.items()]
    if isinstance(fact, OrderPaid):
        rows += _of_product(fact.products[0] if fact.products else None)
        rows += _of_money("Total", fact.total)
    if isinstance(fact, OrderCancelled):
        rows.append(("Reason", fact.reason))
    if isinstance(fact, OrderRefunded):
        rows += _of_money("Given back", fact.amount)
        rows.append(("In full", {True: "yes", False: "no", None: "if the sum says so"}[fact.full]))
    return title, [(name, value) for name, value in rows if value]


def _of_person(person: Person | None) -> list[tuple[str, str]]:
    if person is None:
        return []
    name = " ".join(filter(None, (person.first_name, person.last_name)))
    return [("Person", name), ("E-mail", person.email or "")]


def _of_place(place: Place | None) -> list[tuple[str, str]]:
    parts = (place.city, place.region, place.country) if place else ()
    return [("Place", ", ".join(filter(None, parts)))]


def _of_product(product: Product | None) -> list[tuple[str, str]]:
    return [("Product", product.name or ""), ("Address", product.url or "")] if product else []


def _of_money(name: str, money: Money | None) -> list[tuple[str, str]]:
    return [(name, f"{money.decimal()} {money.currency}")] if money else []


def _word(made: Trial, site: Site, facts: list[Fact]) -> None:
    """The sentence of the first fact that would be shown, as a campaign of the site words it."""
    fact = next((each for each in facts if isinstance(each, (ActivityReported, OrderPaid))), None)
    if fact is None:
        return
    kind = fact.type if isinstance(fact, ActivityReported) else "purchase"
    made.campaign, template = _template(site, kind)
    product = (
        fact.product
        if isinstance(fact, ActivityReported)
        else (fact.products[0] if fact.products else None)
    )
    values = values_of(
        type=kind,
        first_name=fact.person.first_name if fact.person else None,
        person_style=site.person_style,
        place=fact.place or Place(),
        product=product.name if product else None,
        rating=fact.data.get("rating") if isinstance(fact, ActivityReported) else None,
    )
    message = wording.render(template, values, site.language)
    made.sentence = message.replace(wording.TIME_AGO, "just now")


def _template(site: Site, kind: str) -> tuple[str | None, str]:
    """The live campaign that shows this type and its template; None for our own example."""
    found = select(Revision.content).filter_by(site_id=site.id, number=site.revision_number)
    content = db.session.scalars(found).first() if site.revision_number else None
    for campaign in (content or {}).get("campaigns", ()):
        said = campaign.get("content", {})
        if kind in said.get("types", ()) and said.get("template"):
            return campaign.get("name") or "a live campaign", said["template"]
    return None, DEFAULT_TEMPLATE


_TITLES: dict[type, str] = {
    OrderPaid: "An order was paid",
    OrderCancelled: "An order no longer stands",
    OrderRefunded: "An order was refunded",
    ActivityReported: "An activity",
    ActivityWithdrawn: "An activity is taken back",
}
