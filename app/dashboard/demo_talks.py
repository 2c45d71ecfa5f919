"""What the demo's visitors and agents say to each other. Said through the verbs that everybody
uses, then moved to when it happened; each visitor is one whose visit is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Member, User
from app.accounts.permissions import Role
from app.chat.models import (
    CannedReply,
    ChatSettings,
    Conversation,
    Guest,
    Label,
    Message,
    Surroundings,
)
from app.core import clock
from app.core.db import db
from app.core.ids import secret_token
from app.dashboard.demo_people import CUSTOMERS
from app.sites.models import Site
from app.tracking.models import Session

AGENTS = {"mira": "Mira Okafor", "jonas": "Jonas Weber"}
LABELS = {"Shipping": "accent", "Refund": "bad", "Wholesale": "good", "Courses": "warn"}
REPLIES = {
    "hello": "Hello {{name}}, this is {{agent}} from {{site}}. How can I help?",
    "shipping": "Hello {{name}}, we ship to all of Europe. It takes two to four working days; from "
    "49 € on it is free.",
    "refund": "Hello {{name}}, I have returned the money. It is with you in three to five days.\n\n"
    "{{agent}}",
    "brewing": "For green tea: 70 to 80 °C, two minutes, and never boiling water.",
}
GREETING = {
    "title": "Tea shop",
    "greeting": "Hello! Ask us anything about tea.",
    "away": "We are at the teapot. Leave a message, we write back.",
}
VISITOR, NOTE = "", "note"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Talk:
    """`lines` are (minutes since the line before, who, what): who is an agent, "" the visitor, or
    "note agent". `ago` is when it began, in minutes before now."""

    ago: int
    lines: Sequence[tuple[float, str, str]]
    name: str | None = None
    customer: int | None = None  # of CUSTOMERS: the site vouches for him
    email: str | None = None
    page: str = "/teas"
    labels: Sequence[str] = ()
    whose: str | None = None
    end: str | None = None  # closed or snoozed
    rating: int | None = None
    comment: str | None = None
    read: bool = True


TALKS = (
    Talk(4, [(0, "", "Hi, do you ship to Norway?"), (1, "", "And what about customs?")],
         page="/teas/gyokuro", labels=["Shipping"], read=False),
    Talk(11, [(0, "", "My pot came with a crack in the lid. Order 5400000000071."),
              (2, "mira", "Oh no, I am sorry! Could you send me a picture of it?"),
              (3, "", "Sure, one moment, it is on my phone."),
              (2, "", "It is right next to the handle. Otherwise it is fine, but it drips.")],
         customer=4, page="/teas/cast-iron-pot", labels=["Refund"], whose="mira", read=False),
    Talk(26, [(0, "", "Is the Gyokuro from this spring's harvest?"),
              (4, "jonas", "It is: picked in the first week of May, in Yame."),
              (0.5, "jonas", "We keep it cold until it is packed, so it arrives green.")],
         name="Sora", page="/teas/gyokuro", whose="jonas"),
    Talk(48, [(0, "", "We run a café in Utrecht and go through 5 kg of Darjeeling a month. Do you "
                      "have prices for that?"),
              (6, "note mira", "They asked last year as well. Jonas, is the old list still good?"),
              (9, "note jonas", "Yes, minus the Lapsang. I'll send it over after lunch.")],
         name="Femke de Vries", email="femke@cafedekade.example", labels=["Wholesale"],
         whose="jonas", page="/wholesale"),
    Talk(95, [(0, "", "Which tea would you drink after dinner, with little caffeine?")],
         page="/teas", read=False),
    Talk(150, [(0, "", "I typed the wrong address in my order. Can you still change it?"),
               (3, "jonas", "Done! It now goes to Lindenweg 4. It leaves at two."),
               (1, "", "That was quick. Thank you!")],
         customer=10, whose="jonas", page="/account", labels=["Shipping"]),
    Talk(320, [(0, "", "Wann ist der nächste Matcha-Kurs? Ich würde gern zu zweit kommen."),
               (20, "mira", "Am Samstag in zwei Wochen, um 14 Uhr. Zwei Plätze sind noch frei."),
               (5, "", "Wunderbar, ich frage meine Schwester und melde mich.")],
         name="Annegret Schwarzenbacher-Löwenstein", labels=["Courses"], whose="mira",
         end="snoozed", page="/courses"),
    Talk(1500, [(0, "", "Can I return an opened bag? The Lapsang is too smoky for me."),
                (7, "mira", "Of course. I have sent you a label; the money comes back after that."),
                (2, "", "Lovely, thanks."), (30, "mira", "You are welcome. Try a Darjeeling!")],
         customer=16, labels=["Refund"], whose="mira", end="closed", rating=5,
         comment="So friendly, and it took five minutes."),
    Talk(2900, [(0, "", "What temperature for the Gyokuro?"),
                (3, "jonas", "60 °C and ninety seconds. It turns bitter if it is hotter.")],
         name="Pavel", whose="jonas", end="closed", rating=5, page="/teas/gyokuro"),
    Talk(4400, [(0, "", "The code FIRSTPOT does not work at the checkout."),
                (55, "mira", "It is for the first order only, and I see two of yours. Sorry!"),
                (4, "", "Hm. The banner did not say so.")],
         customer=22, whose="mira", end="closed", rating=3,
         comment="The answer was fine, the banner is misleading."),
    Talk(7300, [(0, "", "Do you sell gift cards?"),
                (12, "jonas", "We do, from 10 € on. You find them at the bottom of the shop.")],
         whose="jonas", end="closed", rating=4, page="/gifts"),
    Talk(11800, [(0, "", "Is your packaging plastic-free?"),
                 (2, "mira", "All of it: paper outside, cellulose inside. Both can be composted."),
                 (1, "", "Great, that decides it.")],
         name="Lina", email="lina@post.example", whose="mira", end="closed", rating=5),
    Talk(17400, [(0, "", "I have not received anything yet, it has been nine days!"),
                 (140, "jonas", "I am sorry. The parcel was stuck; a new one is under way.")],
         customer=31, labels=["Shipping"], whose="jonas", end="closed", rating=2,
         comment="It arrived in the end, but nobody told me until I asked."),
)  # fmt: skip


def tell_talks() -> None:
    """Under the scope of the demo."""
    site = db.session.scalars(select(Site).order_by(Site.number)).first()
    if site is None:
        return
    ChatSettings.of(site.id).change(
        site,
        on=True,
        texts={site.language: GREETING},
        reply_target=15,
        resolution_target=24 * 60,
    )
    labels = {name: Label.create(name, colour) for name, colour in LABELS.items()}
    for shortcut, body in REPLIES.items():
        CannedReply.create(shortcut, body)
    agents = {word: _agent(word, name) for word, name in AGENTS.items()}
    visits = _visits(site, len(TALKS))
    for number, talk in enumerate(reversed(TALKS)):
        _tell(site, talk, agents, labels, visits[number] if number < len(visits) else None)
    db.session.commit()


def _agent(word: str, name: str) -> Member:
    email = f"{word}@demo.candor.example"
    user = User.by_email(email) or User.register(email=email, name=name, password=secret_token())
    return Member.join(user, Role.AGENT)


def _visits(site: Site, number: int) -> list[Session]:
    """The newest visits of some length, the oldest of them first."""
    found = select(Session).where(Session.site_number == site.number, Session.page_views > 1)
    newest = db.session.scalars(found.order_by(Session.last_at.desc()).limit(number))
    return list(reversed(list(newest)))


def _tell(
    site: Site,
    talk: Talk,
    agents: dict[str, Member],
    labels: dict[str, Label],
    visit: Session | None,
) -> None:
    around = _around(site, talk, visit)
    guest = _guest(site, talk, around)
    conversation = Conversation.begin(guest, around, None)
    at, moments = clock.now() - talk.ago * MINUTE, []
    for minutes, who, text in talk.lines:
        at += minutes * MINUTE
        moments.append((_say(conversation, agents, who, text), at))
    if talk.labels:
        conversation.label([labels[each] for each in talk.labels], by=agents["mira"])
    if talk.whose:
        conversation.assign(agents[talk.whose], by=agents["mira"])
    if talk.read:
        conversation.read_by_agents(conversation.last_seq)
    if talk.end == "closed":
        conversation.close(by=agents[talk.whose or "mira"])
    elif talk.end == "snoozed":
        conversation.snooze(clock.now() + timedelta(days=2), by=agents[talk.whose or "mira"])
    if talk.rating:
        conversation.rate(talk.rating, talk.comment)
    _move(conversation, moments)


def _around(site: Site, talk: Talk, visit: Session | None) -> Surroundings:
    page = {"url": f"https://{site.hosts[0]}{talk.page}", "title": "Tea shop"}
    if visit is None:
        return Surroundings(None, None, page, {}, "", None, None, None, site.language)
    names = ("source", "medium", "campaign", "term", "content")
    words = {name: getattr(visit, f"utm_{name}") for name in names}
    return Surroundings(
        visit.visitor,
        visit.id,
        page,
        {name: word for name, word in words.items() if word},
        f"{visit.browser} on {visit.system}",
        visit.masked_address,
        visit.country,
        visit.city,
        visit.language,
    )


def _guest(site: Site, talk: Talk, around: Surroundings) -> Guest:
    if talk.customer is not None:
        person = CUSTOMERS[talk.customer].person
        said = {"name": person.first_name, "email": person.email}
        return Guest.vouched(site.id, f"customer-{talk.customer}", around, **said)[0]
    guest = Guest.arrive(site.id, around)
    if talk.name:
        guest.introduce(name=talk.name, email=talk.email)
    return guest


def _say(conversation: Conversation, agents: dict[str, Member], who: str, text: str) -> Message:
    if who == VISITOR:
        return conversation.hear(text)
    if who.startswith(NOTE):
        return conversation.note(agents[who.removeprefix(NOTE).strip()], text)
    return conversation.reply(agents[who], text)


def _move(conversation: Conversation, said: list[tuple[Message, datetime]]) -> None:
    """To when it happened: what was said, and what followed from it."""
    moments: dict[UUID, datetime] = {message.id: at for message, at in said}
    last = said[-1][1] + MINUTE
    first_reply = None
    messages = conversation.messages(public=False)
    for message in messages:
        message.created_at = moments.get(message.id, min(last, clock.now()))
        if message.author == "agent" and message.kind == "text":
            first_reply = first_reply or message.created_at
    values: dict[str, Any] = {
        "created_at": said[0][1],
        "opened_at": said[0][1],
        "first_reply_at": first_reply,
        "last_at": said[-1][1],
        "waiting_since": said[-1][1] if conversation.waiting_since else None,
        "closed_at": last if conversation.closed_at else None,
    }
    for name, value in values.items():
        setattr(conversation, name, value)
    conversation.guest.last_seen_at = said[-1][1]
    db.session.flush()
