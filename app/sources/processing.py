"""From a stored delivery to facts, announced to those who make rows of them."""

from __future__ import annotations

from uuid import UUID

from app.core.announce import announce
from app.sources.facts import ActivityReported, Fact, subject_of
from app.sources.kinds import KINDS
from app.sources.kinds.base import Ignored, Incoming, Unmapped
from app.sources.models import InboundDelivery, Reported

# Of several rows that a delivery became, the one that its owner is looking for.
FOREMOST = ("activity", "refund", "order")
NOBODY_AND_NOTHING = "it names neither a person nor a product, so there is nothing to show"
COUNTED_OTHERWISE = (
    "With the present mapping it would be something else and count twice. It stays as it is."
)


def process(delivery: InboundDelivery) -> None:
    """Settle a delivery, in the caller's transaction: all of its effects or none."""
    source = delivery.source
    try:
        facts = read(delivery)
    except Ignored as error:
        return delivery.settle("ignored", str(error))
    except Unmapped as error:
        return delivery.settle("failed", str(error))
    became: list[tuple[str, UUID]] = []
    for fact in facts:
        announce(Reported(source=source, fact=fact, became=became))
    became.sort(key=lambda row: FOREMOST.index(row[0]))
    delivery.subject, delivery.external_id = subject_of(facts[0])
    return delivery.settle("accepted", None, became[0] if became else None)


def process_again(delivery: InboundDelivery) -> tuple[str, str | None]:
    """Process a delivery once more and answer what came of it: verdict and reason.

    What it has become before is not undone, and nothing counts twice: a delivery that was
    accepted stays so, whatever the present mapping says.
    """
    if delivery.verdict != "accepted":
        process(delivery)
        return delivery.verdict, delivery.reason
    became = (delivery.became_type, delivery.became_id)
    try:
        facts = read(delivery)
    except Ignored as error:
        return "ignored", str(error)
    except Unmapped as error:
        return "failed", str(error)
    told = (delivery.subject, delivery.external_id)
    if delivery.subject and subject_of(facts[0]) != told:
        return "ignored", COUNTED_OTHERWISE
    process(delivery)
    delivery.became_type, delivery.became_id = became
    return "accepted", None


def read(delivery: InboundDelivery) -> list[Fact]:
    """The facts that a delivery tells, or Ignored or Unmapped."""
    source = delivery.source
    incoming = Incoming(delivery.headers or {}, delivery.body or b"")
    return tellable(KINDS[source.kind].read(incoming, source.mapping))


def tellable(facts: list[Fact]) -> list[Fact]:
    """The facts, or Ignored where an activity names neither who nor what."""
    for fact in facts:
        if isinstance(fact, ActivityReported) and fact.person is None and fact.product is None:
            raise Ignored(NOBODY_AND_NOTHING)
    return facts
