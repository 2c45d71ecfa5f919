"""What happens becomes deliveries, in the transaction in which it happens. Nothing is sent here."""

from __future__ import annotations

from app.core import jobs
from app.core.announce import subscribe
from app.core.db import after_commit
from app.core.public import PublicAnnouncement, public_types
from app.core.tenancy import current_organization_id
from app.webhooks.jobs import NUDGED_FOR, nudge_of, send_due
from app.webhooks.models import Delivery, Endpoint
from app.webhooks.models.delivery import payload_of


@subscribe(PublicAnnouncement)
def write_deliveries(announcement: PublicAnnouncement) -> None:
    if not announcement.is_public():
        return
    wanting = Endpoint.wanting(announcement.name, announcement.public_site_id())
    if not wanting:
        return
    payload = payload_of(announcement.name, announcement.public_data())
    for endpoint in wanting:
        Delivery.write(endpoint, announcement.name, payload)
        nudge(endpoint)


def write_test(endpoint: Endpoint, kind: str) -> Delivery:
    """A delivery of the type's example, which is sent before all that wait."""
    payload = payload_of(kind, public_types()[kind].example)
    delivery = Delivery.write(endpoint, kind, payload, test=True)
    endpoint.let_try()
    nudge(endpoint)
    return delivery


def nudge(endpoint: Endpoint) -> None:
    """Have a worker look what is due for it once the transaction is on disk. Once for all that is
    written before a worker comes to it: a job for each delivery would cost more than sending it."""
    organization_id, endpoint_id = str(current_organization_id()), str(endpoint.id)

    def tell() -> None:
        if jobs.once(nudge_of(endpoint_id), NUDGED_FOR):
            send_due.nudge(organization_id, {"endpoint_id": endpoint_id})

    after_commit(tell)
