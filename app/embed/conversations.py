"""The chat as pages see it: /widget/v1/conversations. Messages come by HTTP and are known by the
page's own `client_id`; what happens is told over the socket, and read again from here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from flask import Blueprint, Response, g, make_response, request
from sqlalchemy import select

from app.chat import letters, tokens
from app.chat.announcements import (
    ChatClosed,
    ChatOpened,
    LeadCaptured,
    PanelAnnouncement,
    VisitorIdentified,
)
from app.chat.automation import availability_of, begin_offline, greet
from app.chat.files import LARGEST, FileError, Upload, read_upload
from app.chat.models import (
    Attachment,
    ChatSettings,
    Conversation,
    Guest,
    Message,
    Surroundings,
)
from app.chat.models.conversation import LONGEST_COMMENT
from app.chat.models.message import LONGEST, LONGEST_CLIENT_ID
from app.chat.queries import home_of, organization_of_file
from app.contacts.suggestions import suggestions_for
from app.core import clock, tenancy
from app.core.announce import announce
from app.core.api import uuid_or_404
from app.core.db import db
from app.core.errors import ApiError, not_found
from app.core.forms import clean_line
from app.core.ratelimit import Buckets, address
from app.core.request import takes_upload
from app.embed.calls import language_of
from app.embed.chat_texts import words_for
from app.embed.guests import bearer, conversation_of, guest_of, surroundings, utm_of
from app.embed.opening_lines import begin_with_line
from app.embed.published import active_site, check_origin, known_origin
from app.sites.queries import PublishedSite

LONGEST_NAME = 120
LONGEST_USER_ID = 200
MOST_READ = 200  # messages of one answer
SHORTEST_CLIENT_ID = 16

blueprint = Blueprint("conversations", __name__, url_prefix="/widget/v1")

# A person types; an office behind one address has many.
writers = Buckets(rate=1, burst=30)
addresses = Buckets(rate=20, burst=300)
# From where a guest writes is looked at once a minute.
noted = Buckets(rate=1 / 60, burst=1)
# Anybody can claim any address: enough mail for himself, too little to fill a stranger's mailbox.
recipients = Buckets(rate=1 / 3600, burst=3)
senders = Buckets(rate=1 / 360, burst=10)
# Files are kept in the database.
uploads = Buckets(rate=1 / 60, burst=20)


@blueprint.after_request
def open_to_the_page(response: Response) -> Response:
    """A page must be able to read also what went wrong."""
    origin = request.headers.get("Origin")
    if origin and (g.get("page_is_known") or response.status_code == 404):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    response.vary.add("Origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@blueprint.before_request
def preflight() -> Response | None:
    """May a page send its token? Every page on which some site runs may ask."""
    if request.method != "OPTIONS":
        return None
    known_origin()
    g.page_is_known = True
    response = make_response("", 204)
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["Access-Control-Max-Age"] = "7200"
    return response


@blueprint.get("/chat/<key>")
def chat(key: str) -> dict[str, Any]:
    """What a panel shows first: its texts, whether somebody is there, and what was said before."""
    site = _enter(active_site(key))
    addresses.demand(address())
    settings = _settings(site)
    guest = guest_of(site, bearer())
    asked = request.args.get("language")
    return {
        "asks": settings.asks,
        "files": settings.takes_files,
        "largest": LARGEST,
        "rating": settings.asks_rating,
        **availability_of(settings, site.time_zone),
        **greet(settings, site.language, asked),
        **({"words": words_for(asked, site.language)} if asked else {}),
        **({"utm": utm_of(site)} if settings.outside else {}),
        "known": bool(guest and (guest.email or guest.verified)),
        "conversations": [_summary(each) for each in Conversation.of_guest(guest)] if guest else [],
    }


@blueprint.post("/chat/<key>/openings")
def note_opening(key: str) -> Any:
    """The panel, or an outside chat, was opened. What is said is text/plain, so that a page that
    goes can still say it."""
    return _note(key, ChatOpened)


@blueprint.post("/chat/<key>/closings")
def note_closing(key: str) -> Any:
    return _note(key, ChatClosed)


def _note(key: str, kind: type[PanelAnnouncement]) -> Any:
    site = _enter(active_site(key))
    addresses.demand(address())
    said = _said()
    announce(kind(site_id=site.id, around=surroundings(site, said), guest=_guest_in(site, said)))
    db.session.commit()
    return "", 204


def _guest_in(site: PublishedSite, said: dict[str, Any]) -> Guest | None:
    """By the header or, where none can be set, by `chat` in the body."""
    token = said.get("chat")
    return guest_of(site, bearer() or (token if isinstance(token, str) else ""))


@blueprint.post("/conversations")
def open_conversation() -> Any:
    """A new conversation, and with `body` its first message. 201 with the chat token."""
    said = _said()
    site = _enter(active_site(said["site"] if isinstance(said.get("site"), str) else ""))
    settings, around = _settings(site), surroundings(site, said)
    addresses.demand(address())
    client_id, body = _client_id(said), _body(said) if "body" in said else None
    name, email = _person(said)
    suggested = _suggested(site, body)
    known = _known_conversation(site, client_id, around)
    guest = known.guest if known else guest_of(site, bearer()) or Guest.arrive(site.id, around)
    writers.demand(guest.id.hex)
    _introduce(guest, name, email, around)
    absent = not settings.hours(site.time_zone).open_at(clock.now())
    if (settings.asks == "required" or absent) and not guest.email:
        raise _invalid("email", "Tell us your e-mail address first.")
    conversation = known or Conversation.begin(guest, around, client_id)
    if known is None:
        begin_with_line(conversation, site, said)
    if body:
        _hear(conversation, site, body, client_id)
    messages = conversation.messages(public=True)
    answer = {**_summary(conversation), "messages": [each.public() for each in messages]}
    token = tokens.issue(tokens.CHAT, site.id, guest.id)
    db.session.commit()
    return {**answer, **suggested, "token": token}, 201


@blueprint.get("/conversations/<conversation_id>/messages")
def read_messages(conversation_id: str) -> dict[str, Any]:
    """Those after a seq, and how the conversation stands."""
    conversation = _conversation(conversation_id)
    found = conversation.messages(after=_after(), public=True, most=MOST_READ)
    return {
        "messages": [each.public() for each in found],
        "more": len(found) == MOST_READ,
        **conversation.status(),
    }


@blueprint.post("/conversations/<conversation_id>/messages")
@takes_upload(LARGEST)
def write_message(conversation_id: str) -> Any:
    """A message by its `client_id`: JSON with `body`, or a form with `file`. 201 with its seq."""
    conversation = _conversation(conversation_id)
    _check_on(g.site)
    addresses.demand(address())
    writers.demand(conversation.guest_id.hex)
    said = request.form.to_dict() if request.files else _said()
    upload = _upload(conversation.site_id) if request.files else None
    client_id = _client_id(said)
    body = _body(said) if upload is None or said.get("body") else None
    site: PublishedSite = g.site
    if noted.take(conversation.guest_id.hex):
        conversation.guest.stand_in(surroundings(site, said))
    suggested = {} if conversation.opened_at else _suggested(site, body)
    message = _hear(conversation, site, body, client_id, upload)
    answer = {**message.public(), **suggested}
    db.session.commit()
    return answer, 201


@blueprint.put("/conversations/<conversation_id>/reading")
def read_up_to(conversation_id: str) -> dict[str, Any]:
    """How far the guest has read (`seq`), or how far it has reached his page (`delivered`)."""
    conversation = _conversation(conversation_id)
    said = _said()
    if "delivered" in said:
        conversation.delivered_to_guest(_seq(said, "delivered"))
    if "seq" in said:
        conversation.read_by_guest(_seq(said, "seq"))
    status = conversation.status()
    db.session.commit()
    return status


@blueprint.put("/conversations/<conversation_id>/rating")
def rate(conversation_id: str) -> dict[str, Any]:
    """1 to 5, and a comment."""
    conversation = _conversation(conversation_id)
    said = _said()
    rating, comment = said.get("rating"), said.get("comment") or ""
    if isinstance(rating, bool) or rating not in (1, 2, 3, 4, 5):
        raise _invalid("rating", "A whole number from 1 to 5.")
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT:
        raise _invalid("comment", f"At most {LONGEST_COMMENT} characters.")
    conversation.rate(rating, comment.strip())
    status = conversation.status()
    db.session.commit()
    return status


@blueprint.post("/conversations/<conversation_id>/transcript")
def mail_transcript(conversation_id: str) -> Any:
    """All that was said, to `email` or to the guest's own address. 202."""
    conversation = _conversation(conversation_id)
    _name, email = _person(_said())
    email = email or conversation.guest.email
    if not email:
        raise _invalid("email", "Say to which address.")
    if not _may_mail(email):
        message = "That is enough mail for now. Try again in an hour."
        raise ApiError(429, "rate_limited", message, {}, {"Retry-After": "3600"})
    letters.transcript(conversation, email)
    db.session.commit()
    return "", 202


@blueprint.put("/conversations/<conversation_id>/closure")
def close(conversation_id: str) -> dict[str, Any]:
    """The guest has nothing more to ask."""
    conversation = _conversation(conversation_id)
    conversation.close(by=None)
    status = conversation.status()
    db.session.commit()
    return status


@blueprint.post("/chat/<key>/resumption")
def resume(key: str) -> dict[str, Any]:
    """A chat token for another device, for the token of a mailed link."""
    site = _enter(active_site(key))
    addresses.demand(address())
    identifier = tokens.read(tokens.RESUME, site.id, _said().get("token"))
    guest = db.session.get(Guest, identifier) if identifier else None
    if guest is None or guest.site_id != site.id:
        raise ApiError(404, "not_found", "This link is no longer good.")
    return {"token": tokens.issue(tokens.CHAT, site.id, guest.id)}


@blueprint.put("/chat/<key>/identity")
def identify_guest(key: str) -> Any:
    """The site's server vouches for its user: `{id, hash, name?, email?}`. Answers his chat token,
    the same conversations on each of his devices. 403 for a wrong hash."""
    site = _enter(active_site(key))
    settings, said = _settings(site), _said()
    addresses.demand(address())
    user_id = said.get("id")
    if not isinstance(user_id, str) or not 0 < len(user_id) <= LONGEST_USER_ID:
        raise _invalid("id", f"Text of 1 to {LONGEST_USER_ID} characters.")
    name, email = _person(said)
    if not tokens.is_identity(settings.identity_secret or "", user_id, said.get("hash")):
        raise ApiError(403, "unverified", "The hash is not that of this user.")
    around = surroundings(site, said)
    guest = guest_of(site, bearer()) or Guest.arrive(site.id, around)
    guest = guest.vouch(user_id, name=name, email=email)
    announce(VisitorIdentified(guest=guest, user_id=user_id))
    token = tokens.issue(tokens.CHAT, site.id, guest.id)
    db.session.commit()
    return {"token": token}


def _enter(site: PublishedSite) -> PublishedSite:
    """Into the organization of the site, for a page that the site runs on."""
    check_origin(site)
    g.page_is_known = True
    g.site = site
    tenancy.enter(site.organization_id)
    return site


def _conversation(identifier: str) -> Conversation:
    home = home_of(uuid_or_404(identifier))
    if home is None:
        raise not_found()
    site = _enter(active_site(home.site_key))
    return conversation_of(site, identifier, bearer())


def _check_on(site: PublishedSite) -> None:
    """Published with the site: known without asking."""
    if not site.content.get("chat"):
        raise _no_chat(site)


def _settings(site: PublishedSite) -> ChatSettings:
    _check_on(site)
    settings = ChatSettings.find(site.id)
    if settings is None:
        raise _no_chat(site)
    return settings


def _no_chat(site: PublishedSite) -> ApiError:
    """In the words of a panel that may have been left open."""
    languages = (request.args.get("language"), language_of(request.environ), site.language)
    return ApiError(404, "no_chat", words_for(*languages)["off"])


def _known_conversation(
    site: PublishedSite, client_id: str, around: Surroundings
) -> Conversation | None:
    """One that was begun by the same page, whose answer got lost on its way."""
    known = Conversation.of_client_id(site.id, client_id)
    if known is None:
        return None
    own = guest_of(site, bearer())
    same = known.guest_id == own.id if own else known.guest.visitor == around.visitor
    if not same:
        raise ApiError(409, "taken", "Somebody else has begun a conversation of this name.")
    return known


def _hear(
    conversation: Conversation,
    site: PublishedSite,
    body: str | None,
    client_id: str,
    upload: Upload | None = None,
) -> Message:
    """The guest writes. A first message when nobody is there is a request besides."""
    opening = conversation.opened_at is None
    message = conversation.hear(body, client_id, upload)
    if opening and not _settings(site).hours(site.time_zone).open_at(clock.now()):
        told = _may_mail(conversation.guest.email or "")
        begin_offline(conversation, message, letters.resume_url(conversation), told=told)
    return message


def _suggested(site: PublishedSite, body: str | None) -> dict[str, Any]:
    """What may answer a first message, where somebody keeps such answers."""
    found = suggestions_for(site.id, body) if body else None
    return {} if found is None else {"suggestions": [each.public() for each in found]}


def _may_mail(email: str) -> bool:
    return senders.take(address()) and recipients.take(email.casefold())


def _introduce(guest: Guest, name: str | None, email: str | None, around: Surroundings) -> None:
    guest.stand_in(around)
    if (name or email) and guest.introduce(name=name, email=email):
        announce(LeadCaptured(guest=guest, page=around.page, utm=around.utm))


def _said() -> dict[str, Any]:
    said = request.get_json(force=True)
    if not isinstance(said, dict):
        raise ApiError(400, "bad_body", "The body is an object.")
    return said


def _body(said: dict[str, Any]) -> str:
    body = said.get("body")
    text = body.strip() if isinstance(body, str) else ""
    if not text or "\x00" in text:
        raise _invalid("body", "Write something.")
    if len(text) > LONGEST:
        raise _invalid("body", f"A message has at most {LONGEST:,} characters.")
    return text


def _client_id(said: dict[str, Any]) -> str:
    """A name that no other page gives: of at least 16 characters."""
    text = said.get("client_id")
    if not isinstance(text, str) or not SHORTEST_CLIENT_ID <= len(text) <= LONGEST_CLIENT_ID:
        message = f"A name of your own, of {SHORTEST_CLIENT_ID} to {LONGEST_CLIENT_ID} characters."
        raise _invalid("client_id", message)
    if not text.isascii() or not text.isprintable():
        raise _invalid("client_id", "Printable ASCII characters only.")
    return text


def _person(said: dict[str, Any]) -> tuple[str | None, str | None]:
    name, email = clean_line(said.get("name") or ""), clean_line(said.get("email") or "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise _invalid("name", f"At most {LONGEST_NAME} characters.")
    if not isinstance(email, str):
        raise _invalid("email", "This is not an e-mail address.")
    try:
        valid = validate_email(email, check_deliverability=False).normalized if email else None
    except EmailNotValidError:
        raise _invalid("email", "This is not an e-mail address.") from None
    return name or None, valid


def _upload(site_id: UUID) -> Upload:
    uploads.demand(address())
    settings = ChatSettings.find(site_id)
    if settings is None or not settings.takes_files:
        raise _invalid("file", "This site takes no files.")
    sent = request.files.get("file")
    if sent is None:
        raise _invalid("file", "Choose a file.")
    try:
        return read_upload(sent.filename or "", sent.read(LARGEST + 1))
    except FileError as error:
        raise _invalid("file", str(error)) from error


def _after() -> int:
    text = request.args.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ApiError(400, "bad_cursor", "after is the seq of a message.")
    return int(text)


def _seq(said: dict[str, Any], name: str) -> int:
    seq = said[name]
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 10**9:
        raise _invalid(name, "The seq of a message.")
    return seq


def _summary(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": str(conversation.id),
        **{k: v for k, v in conversation.status().items() if k != "conversation"},
        "excerpt": conversation.excerpt,
        "last_author": conversation.last_author,
    }


def _invalid(field: str, reason: str) -> ApiError:
    return ApiError(422, "invalid", reason, {field: [reason]})


@blueprint.get("/files/<token>")
def file(token: str) -> Response:
    """A file that was sent. Its address is the key to it, and its content never runs here."""
    organization_id = organization_of_file(token)
    if organization_id is None:
        raise not_found()
    tenancy.enter(organization_id)
    attachment = db.session.scalars(select(Attachment).filter_by(token=token)).one()
    response = Response(attachment.data, content_type=attachment.content_type)
    if not attachment.is_picture:
        response.headers.set("Content-Disposition", "attachment", filename=attachment.name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
