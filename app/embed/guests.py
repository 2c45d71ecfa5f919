"""Who writes in the chat: what a request's token proves, and from where it comes."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from flask import request
from sqlalchemy import bindparam, select

from app.chat import tokens
from app.chat.models import Conversation, Guest, Surroundings
from app.core.db import db
from app.core.errors import not_found
from app.core.ratelimit import address
from app.embed.calls import has_agreed, is_unfollowed, language_of, whereabouts
from app.sites.queries import PublishedSite
from app.tracking.addresses import read_address
from app.tracking.identity import Token, identify, read_token
from app.tracking.models import Session, Visitor

LONGEST_TITLE = 200
LONGEST_AGENT = 500
UTM = "utm_"
UTMS = tuple(UTM + name for name in ("source", "medium", "campaign", "term", "content"))
NOWHERE = Surroundings(None, None, {}, {}, "", None, None, None, None)

# Made once: they are asked for with each message, and to make one costs what asking does.
OF_SITE = select(Conversation).where(
    Conversation.id == bindparam("id"), Conversation.site_id == bindparam("site")
)
VISIT = (
    select(Session)
    .join(
        Visitor,
        (Visitor.session_id == Session.id) & (Visitor.site_number == Session.site_number),
    )
    .where(Visitor.site_number == bindparam("site"), Visitor.visitor == bindparam("visitor"))
)


def bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def guest_of(site: PublishedSite, text: str) -> Guest | None:
    """Whom a chat token names, or a token of tracking that names a person: one of an anonymous
    visitor is only as good as his address and browser, which a colleague may share."""
    identifier = tokens.read(tokens.CHAT, site.id, text)
    if identifier is not None:
        return _one(Guest.id == identifier)
    token = read_token(site.id, text)
    if token is None or not token.person:
        return None
    return _one(Guest.site_id == site.id, Guest.visitor == bytes.fromhex(token.visitor))


class Proof(NamedTuple):
    """What a token of this site proves: which guest its owner is, else which visitor."""

    guest_id: UUID | None
    visitor: bytes | None

    def holds_for(self, conversation: Conversation) -> bool:
        if self.guest_id is not None:
            return self.guest_id == conversation.guest_id
        return conversation.guest.visitor == self.visitor


def proof_of(site: PublishedSite, text: str) -> Proof | None:
    """Of a token of the chat or of tracking that this site gave to somebody; None for any other."""
    guest_id = tokens.read(tokens.CHAT, site.id, text)
    if guest_id is not None:
        return Proof(guest_id, None)
    token = read_token(site.id, text)
    return Proof(None, bytes.fromhex(token.visitor)) if token else None


def conversation_of(site: PublishedSite, identifier: UUID, proof: Proof) -> Conversation:
    """A guest's own conversation, else 404. With its id, which only he was told, the token of an
    anonymous visitor is enough."""
    asked = {"id": identifier, "site": site.id}
    conversation = db.session.scalars(OF_SITE, asked).first()
    if conversation is None or not proof.holds_for(conversation):
        raise not_found()
    return conversation


def _one(*conditions: Any) -> Guest | None:
    return db.session.scalars(select(Guest).where(*conditions).order_by(Guest.id)).first()


def surroundings(site: PublishedSite, said: dict[str, Any]) -> Surroundings:
    """From where this request comes. What tracking calls the visitor only if he may be followed."""
    where = whereabouts(request.remote_addr or "")
    agent = request.user_agent.string
    visitor = _visitor(site, said, where.counted, agent)
    session = _session(site, visitor)
    return Surroundings(
        visitor=visitor,
        session_id=session.id if session else None,
        page=_page(site, said.get("page")),
        utm=_utm(site, session, said.get("page")),
        user_agent=agent[:LONGEST_AGENT],
        masked_address=None if is_unfollowed(request.environ) else where.masked or None,
        country=where.place.country,
        city=where.place.city,
        language=language_of(request.environ),
    )


def is_told_of(site: PublishedSite, said: dict[str, Any]) -> bool:
    """Whether others may hear what somebody does who has written nothing."""
    return has_agreed(site, _token(site, said))


def told_surroundings(site: PublishedSite, said: dict[str, Any]) -> Surroundings:
    """What others may hear of where he does it: nothing of who asked not to be followed."""
    return NOWHERE if is_unfollowed(request.environ) else surroundings(site, said)


def utm_of(site: PublishedSite) -> dict[str, str]:
    """How the visitor of this request came, as far as his visit is known."""
    where = whereabouts(request.remote_addr or "")
    visitor = _visitor(site, {}, where.counted, request.user_agent.string)
    return _utm(site, _session(site, visitor), None)


def _visitor(
    site: PublishedSite, said: dict[str, Any], counted: str, user_agent: str
) -> bytes | None:
    token = _token(site, said)
    if is_unfollowed(request.environ) or not has_agreed(site, token):
        return None
    return identify(site, counted or address(), user_agent, token, consent=False).visitor


def _token(site: PublishedSite, said: dict[str, Any]) -> Token | None:
    """Of tracking, wherever the page says it."""
    return read_token(site.id, said.get("visitor")) or read_token(site.id, bearer())


def _session(site: PublishedSite, visitor: bytes | None) -> Session | None:
    """The visit that he is in."""
    if visitor is None:
        return None
    return db.session.scalars(VISIT, {"site": site.number, "visitor": visitor}).first()


def _page(site: PublishedSite, page: Any) -> dict[str, Any]:
    """Address, title and referrer of the page, of its query only what the site keeps."""
    if not isinstance(page, dict):
        return {}
    url, referrer = _read(page.get("url"), site.parameters), _read(page.get("referrer"), None)
    title = page.get("title")
    kept = {
        "url": url and url.url,
        "title": " ".join(title.split())[:LONGEST_TITLE] if isinstance(title, str) else None,
        "referrer": referrer and referrer.url,
    }
    return {name: value for name, value in kept.items() if value}


def _utm(site: PublishedSite, session: Session | None, page: Any) -> dict[str, str]:
    """How he came, from the visit that is known, else from the page's own address. A parameter of
    the site's own that is called as one of UTM does not hide it."""
    if session is not None:
        found = {name: getattr(session, name) for name in UTMS} | (session.parameters or {})
    else:
        url = _read(page.get("url"), site.parameters) if isinstance(page, dict) else None
        found = url.parameters if url else {}
    said = {name: value for name, value in found.items() if value}
    utm = {name.removeprefix(UTM): said.pop(name) for name in UTMS if name in said}
    return said | utm


def _read(text: Any, kept: tuple[str, ...] | None) -> Any:
    return read_address(text, kept) if isinstance(text, str) else None
