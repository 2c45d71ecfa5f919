"""The inbox with ten thousand conversations, and what others feel while somebody searches."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import insert, select

from app.accounts.models import Member
from app.chat.models import ChatSettings, Conversation, Guest, Label, Message
from app.chat.models.label import ConversationLabel
from app.config import Settings
from app.core import clock, tenancy
from app.core.db import db
from app.core.ids import uuid7
from app.sites.models import Site
from app.wiring import create_app
from bench.asking import p95, signed_in, slug_of, times
from bench.rows import row
from bench.stage import Stage, stage
from tests.services import running_postgres

CONVERSATIONS, MESSAGES_EACH = 10_000, 2
CLOSED = 0.7  # of all
WORDS = ("where", "is", "my", "parcel", "smoked", "tea", "small", "pot", "hills", "and", "the")

PAGES = {
    "inbox": "/inbox",
    "mine": "/inbox?view=mine",
    "closed": "/inbox?view=closed",
    "of a label": "/inbox?label={label}",
    "a conversation": "/inbox/{conversation}",
}


def inbox() -> Iterator[dict[str, Any]]:
    """On SQLite, then on Postgres. The ceiling is the liveness answer of the same process."""
    yield from _measure("SQLite")
    with running_postgres() as url:
        yield from _measure("Postgres", DATABASE_URL=url)


def _measure(name: str, **environ: str) -> Iterator[dict[str, Any]]:
    with stage(**environ) as on:
        places = _fill(on)
        session = signed_in(on.program.url)
        slug = slug_of(on.program.url, session)
        floor = statistics.median(times(session, f"{on.program.url}/health/live"))
        for page, path in PAGES.items():
            address = f"{on.program.url}/o/{slug}{path.format(**places)}"
            taken = times(session, address)
            value = p95(taken)
            yield row(f"{name}: {page}, p95", value, "ms", 150, ceiling=floor)
        taken = times(session, f"{on.program.url}/o/{slug}/inbox/reports")
        yield row(f"{name}: reports, p95", p95(taken), "ms", 1000)
        search, others = _search(on, session, f"{on.program.url}/o/{slug}/inbox?q=zebra")
        yield row(f"{name}: search in 20,000 messages", search, "ms", 3000)
        yield row(f"{name}: another request meanwhile, worst", others, "ms", 100)


def _search(on: Stage, session: requests.Session, address: str) -> tuple[float, float]:
    """How long a search takes, and the worst that others wait while it runs."""
    waits, done = [], threading.Event()

    def ask() -> None:
        others = requests.Session()
        while not done.is_set():
            started = time.perf_counter()
            others.get(f"{on.program.url}/health/live", timeout=30)
            waits.append((time.perf_counter() - started) * 1000)

    asking = threading.Thread(target=ask)
    session.get(address, timeout=60)
    asking.start()
    started = time.perf_counter()
    session.get(address, timeout=60).raise_for_status()
    taken = (time.perf_counter() - started) * 1000
    done.set()
    asking.join()
    return taken, max(waits)


def _fill(on: Stage) -> dict[str, Any]:
    """Rows as the program writes them, many at a time."""
    app = create_app(Settings.from_environment(on.program.environ))
    chance = random.Random(7)
    with app.app_context(), tenancy.scope(UUID(on.organization_id)):
        site = db.session.get_one(Site, UUID(on.site_id))
        ChatSettings.of(site.id).change(site, on=True)
        owner = db.session.scalars(select(Member)).first()
        label = Label.create("Refund").id
        guests = [_guest(site) for _ in range(CONVERSATIONS)]
        talks = [_talk(each, number, chance, owner) for number, each in enumerate(guests)]
        messages = [_message(each, seq, chance) for each in talks for seq in (1, 2)]
        labelled = [_labelled(each, label) for each in talks[::10]]
        for model, rows in (
            (Guest, guests),
            (Conversation, talks),
            (Message, messages),
            (ConversationLabel, labelled),
        ):
            for start in range(0, len(rows), 2000):
                db.session.execute(insert(model), rows[start : start + 2000])
        db.session.commit()
        return {"label": label, "conversation": talks[-1]["id"]}


def _guest(site: Site) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "organization_id": site.organization_id,
        "site_id": site.id,
        "verified": False,
    }


def _talk(guest: dict[str, Any], number: int, chance: random.Random, owner: Any) -> dict[str, Any]:
    at: datetime = clock.now() - timedelta(minutes=CONVERSATIONS - number)
    closed = chance.random() < CLOSED
    return {
        "id": uuid7(),
        "organization_id": guest["organization_id"],
        "site_id": guest["site_id"],
        "guest_id": guest["id"],
        "state": "closed" if closed else "open",
        "assignee_id": owner.id if chance.random() < 0.3 else None,
        "last_seq": MESSAGES_EACH,
        "last_public_seq": MESSAGES_EACH,
        "last_said_seq": MESSAGES_EACH,
        "last_author": "visitor",
        "page": {},
        "utm": {},
        "created_at": at,
        "opened_at": at,
        "last_at": at,
        "first_reply_at": at + timedelta(minutes=3) if closed else None,
        "closed_at": at + timedelta(minutes=30) if closed else None,
        "rating": chance.choice((None, 3, 4, 5)) if closed else None,
    }


def _message(talk: dict[str, Any], seq: int, chance: random.Random) -> dict[str, Any]:
    message = Message(id=uuid7(), organization_id=talk["organization_id"])
    message.body = " ".join(chance.choices(WORDS, k=30))
    return {
        "id": message.id,
        "organization_id": message.organization_id,
        "conversation_id": talk["id"],
        "seq": seq,
        "previous": seq - 1,
        "author": "visitor",
        "kind": "text",
        "body_sealed": message.body_sealed,
        "created_at": talk["last_at"],
    }


def _labelled(talk: dict[str, Any], label: UUID) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "organization_id": talk["organization_id"],
        "conversation_id": talk["id"],
        "label_id": label,
    }
