"""What sources report about orders becomes orders and refunds."""

from __future__ import annotations

from app.commerce.models import Order
from app.core.announce import subscribe
from app.sources.facts import OrderCancelled, OrderPaid, OrderRefunded
from app.sources.models import Reported


@subscribe(Reported)
def record(reported: Reported) -> None:
    source, fact = reported.source, reported.fact
    if isinstance(fact, OrderPaid):
        reported.became.append(("order", Order.pay(source, fact).id))
    elif isinstance(fact, OrderCancelled):
        reported.became.append(("order", Order.cancel(source, fact).id))
    elif isinstance(fact, OrderRefunded):
        order, refund = Order.refund(source, fact)
        reported.became.append(("refund", refund.id) if refund else ("order", order.id))
