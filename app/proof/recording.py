"""What sources report and what becomes of orders turns into activities and retractions."""

from __future__ import annotations

from uuid import UUID

from app.commerce.models import Order, OrderPlaced, OrderUndone, customer_index
from app.core.announce import subscribe
from app.core.tenancy import current_organization_id
from app.proof.models import Activity
from app.sources.facts import ActivityReported, ActivityWithdrawn, Money
from app.sources.models import Reported, Source

PURCHASE = "purchase"


@subscribe(Reported)
def record(reported: Reported) -> None:
    source, fact = reported.source, reported.fact
    if isinstance(fact, ActivityReported):
        activity, _new = report_activity(source, fact)
        reported.became.append(("activity", activity.id))
    elif isinstance(fact, ActivityWithdrawn):
        activity = Activity.withdraw(source, fact.external_id, fact.type, "withdrawn")
        reported.became.append(("activity", activity.id))


def report_activity(
    source: Source, fact: ActivityReported, import_id: UUID | None = None
) -> tuple[Activity, bool]:
    index = customer_index(fact.person, current_organization_id(), source.id)
    return Activity.create(source, fact, index, import_id)


@subscribe(OrderPlaced)
def show_purchase(placed: OrderPlaced) -> None:
    order = placed.order
    if order.known_person() is None and order.first_product() is None:
        return  # It counts as an order; there is nothing to show.
    fact = ActivityReported(
        type=PURCHASE,
        external_id=name_of(order),
        occurred_at=order.occurred_at,
        person=order.known_person(),
        place=order.known_place(),
        product=order.first_product(),
        value=Money(order.total or 0, order.currency or "XXX"),
    )
    Activity.create(placed.source, fact, order.customer_index)


@subscribe(OrderUndone)
def retract_purchase(undone: OrderUndone) -> None:
    activity = Activity.find(undone.source, name_of(undone.order), PURCHASE)
    if activity is not None:
        activity.retract(undone.order.status)


def name_of(order: Order) -> str:
    """The external id of the activity that an order becomes."""
    return order.external_id or str(order.id)
