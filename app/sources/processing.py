"""From a stored delivery to facts, announced to those who make rows of them."""

from __future__ import annotations

from uuid import UUID

from app.core.announce import announce
from app.sources.kinds import KINDS
from app.sources.kinds.base import Ignored, Incoming, Unmapped
from app.sources.models import InboundDelivery, Reported

# Of several rows that a delivery became, the one that its owner is looking for.
FOREMOST = ("activity", "refund", "order")


def process(delivery: InboundDelivery) -> None:
    """Settle a delivery, in the caller's transaction: all of its effects or none."""
    source = delivery.source
    try:
        incoming = Incoming(delivery.headers or {}, delivery.body or b"")
        facts = KINDS[source.kind].read(incoming, source.mapping)
    except Ignored as error:
        return delivery.settle("ignored", str(error))
    except Unmapped as error:
        return delivery.settle("failed", str(error))
    became: list[tuple[str, UUID]] = []
    for fact in facts:
        announce(Reported(source=source, fact=fact, became=became))
    became.sort(key=lambda row: FOREMOST.index(row[0]))
    return delivery.settle("accepted", None, became[0] if became else None)
