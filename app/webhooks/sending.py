"""Sending what is due: the turns that an endpoint takes in a worker.

A turn claims some deliveries, sends them one after the other with nothing open in the database,
and then records what came of them. A worker that is killed in between leaves claims that run out:
what it had is sent again, with the same id.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from app.core import clock
from app.core.crypto import SealError
from app.core.db import db
from app.core.outbound import TIMEOUT, Blocked, Failed, send
from app.core.signing import standard_webhooks_sign
from app.core.tenancy import current_organization_id
from app.core.turns import Turns
from app.webhooks.checks import HIDDEN
from app.webhooks.models import Delivery, Endpoint, Outcome
from app.webhooks.models.delivery import CLAIM

# Deliveries of one turn; of an endpoint whose last turn did not go well there is one.
BATCH = 20
LONGEST_TURN = 10.0  # seconds after which no other delivery of the turn is begun
# Turns that are in the database at once, of many that wait for an answer.
_database = threading.BoundedSemaphore(4)
UNREADABLE = "The key under which this delivery was encrypted is gone."


@dataclass(frozen=True)
class Message:
    """All that an attempt needs, apart from the database. `custom` are the endpoint's own headers,
    which nobody is shown again."""

    delivery_id: UUID
    message_id: str
    url: str
    secrets: list[str]
    custom: dict[str, str]
    body: bytes
    claimed_until: datetime | None

    @classmethod
    def of(cls, endpoint: Endpoint, delivery: Delivery) -> Message:
        return cls(
            delivery.id,
            delivery.message_id,
            endpoint.url or "",
            endpoint.secrets,
            endpoint.headers or {},
            delivery.payload or b"",
            delivery.next_attempt_at,
        )

    def headers(self, moment: datetime) -> dict[str, str]:
        """Standard Webhooks 1.0.0; with two secrets there are two signatures."""
        seconds = int(moment.timestamp())
        signatures = (
            standard_webhooks_sign(secret, self.message_id, seconds, self.body)
            for secret in self.secrets
        )
        return {
            "Content-Type": "application/json",
            "webhook-id": self.message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(signatures),
        }

    def send(self) -> Outcome:
        moment, began = clock.now(), time.monotonic()
        headers = self.headers(moment)
        shown = {**dict.fromkeys(self.custom, HIDDEN), **headers}

        def outcome(**found: object) -> Outcome:
            taken = int((time.monotonic() - began) * 1000)
            return Outcome(moment, taken, shown, **found)  # type: ignore[arg-type]

        try:
            answer = send("POST", self.url, {**self.custom, **headers}, self.body, TIMEOUT)
        except Blocked as error:
            return outcome(error=str(error), final=True)
        except Failed as error:
            return outcome(error=str(error))
        return outcome(status=answer.status, headers=answer.headers, body=answer.body)


def take_turn(endpoint_id: UUID, proven: bool) -> bool | None:
    """Whether what was sent was taken; None where nothing was due."""
    most = BATCH if proven else 1
    with _database:
        messages = _claim(endpoint_id, most)
    if not messages:
        return None
    if len(messages) == BATCH:
        _wake_again(endpoint_id)
    outcomes = _send(messages)
    with _database:
        _record(endpoint_id, messages, outcomes)
    _wake_again(endpoint_id)
    return outcomes[-1].delivered


turns = Turns(take_turn)


def _wake_again(endpoint_id: UUID) -> None:
    turns.wake(current_organization_id(), endpoint_id)


def _claim(endpoint_id: UUID, most: int) -> list[Message]:
    endpoint = db.session.get(Endpoint, endpoint_id)
    if endpoint is None or endpoint.disabled_at is not None or endpoint.waits:
        return []
    tries = endpoint.waits_until is not None
    if tries and not _is_first_to_try(endpoint):
        return []
    claimed = Delivery.claim(endpoint_id, 1 if tries else most)
    if not claimed:
        return []
    messages = [each for delivery in claimed if (each := _readable(endpoint, delivery))]
    db.session.commit()
    return messages


def _readable(endpoint: Endpoint, delivery: Delivery) -> Message | None:
    """What cannot be opened any more is set aside, or it would keep the others waiting for ever."""
    try:
        return Message.of(endpoint, delivery)
    except SealError:
        outcome = Outcome(clock.now(), 0, error=UNREADABLE, final=True)
        delivery.record(outcome, delivery.next_attempt_at)
        return None


def _is_first_to_try(endpoint: Endpoint) -> bool:
    """After a pause one delivery tries whether it works again; the others wait until it has."""
    moment = clock.now()
    mine = (
        update(Endpoint)
        .where(Endpoint.id == endpoint.id, Endpoint.waits_until <= moment)
        .values(waits_until=moment + CLAIM)
        .returning(Endpoint.id)
    )
    options = {"synchronize_session": False}
    return db.session.scalar(mine, execution_options=options) is not None


def _send(messages: list[Message]) -> list[Outcome]:
    """One after the other, until one is not taken or the turn has lasted long enough."""
    until, outcomes = time.monotonic() + LONGEST_TURN, []
    for message in messages:
        outcomes.append(message.send())
        if not outcomes[-1].delivered or turns.stopping or time.monotonic() > until:
            break
    return outcomes


def _record(endpoint_id: UUID, messages: list[Message], outcomes: list[Outcome]) -> None:
    Endpoint.lock(endpoint_id)
    endpoint = db.session.get(Endpoint, endpoint_id)
    if endpoint is None:
        return
    ids = [message.delivery_id for message in messages]
    found = db.session.scalars(select(Delivery).where(Delivery.id.in_(ids)))
    deliveries = {delivery.id: delivery for delivery in found}
    if outcomes and Delivery.was_quiet(endpoint, outcomes[0].at):
        endpoint.forget_failures()
    for number, message in enumerate(messages):
        delivery = deliveries.get(message.delivery_id)
        if delivery is None:
            continue
        if number < len(outcomes):
            delivery.record(outcomes[number], message.claimed_until)
            endpoint.hear(outcomes[number])
        else:
            delivery.release(message.claimed_until)
    db.session.commit()
