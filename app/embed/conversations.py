"""The chat as pages see it: /widget/v1/conversations. Messages come by HTTP and are known by the
page's own `client_id`; what happens is told over the socket, and read again from here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, make_response, request
from sqlalchemy import select

from app.chat import letters, tokens
from app.chat.announcements import ChatClosed, ChatOpened, PanelAnnouncement
from app.chat.files import LARGEST, Upload
from app.chat.models import Attachment, Conversation, Guest
from app.chat.queries import organization_of_file
from app.core import tenancy
from app.core.announce import announce
from app.core.db import db, release
from app.core.errors import ApiError, not_found
from app.core.ratelimit import address
from app.core.request import takes_upload
from app.embed.chat_access import (
    Way,
    check_on,
    enter_in_measure,
    own_conversation,
    settings_of,
    way_to,
)
from app.embed.chat_bodies import (
    LARGEST_BODY,
    Said,
    Saying,
    after_now,
    first_words_of,
    person_of,
    rating_of,
    refused,
    said_now,
    said_with_file,
    saying_of,
    seq_of,
    site_key_of,
    upload_now,
)
from app.embed.chat_limits import (
    addresses,
    demand_beginning,
    demand_panel,
    may_mail,
    readers,
    writers,
)
from app.embed.guests import bearer, guest_of, is_told_of, told_surroundings
from app.embed.hearing import begin, confirms, hear, is_unheard, look_around, suggested
from app.embed.introductions import vouch
from app.embed.panels import begun, panel_of
from app.embed.published import known_origin
from app.sites.queries import PublishedSite

MOST_READ = 200  # messages of one answer

blueprint = Blueprint("conversations", __name__, url_prefix="/widget/v1")


@blueprint.after_request
def open_to_the_page(response: Response) -> Response:
    """A page must be able to read also what went wrong."""
    origin = request.headers.get("Origin")
    if origin and (g.get("page_is_known") or response.status_code in (404, 413)):
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


@blueprint.before_request
def read_first() -> None:
    """What is said is there as a whole before anything is asked for: whoever sends it slowly keeps
    no connection to the database meanwhile, and no lock that others wait for."""
    if request.mimetype == "multipart/form-data":
        request.form  # noqa: B018 (read now)
    elif len(request.get_data()) > LARGEST_BODY:
        raise ApiError(413, "too_large", f"At most {LARGEST_BODY // 1024} KB can be said at once.")


@blueprint.get("/chat/<key>")
def chat(key: str) -> dict[str, Any]:
    """What a panel shows first: its texts, whether somebody is there, and what was said before."""
    site = enter_in_measure(key)
    settings, guest = settings_of(site), guest_of(site, bearer())
    return panel_of(site, settings, guest, request.args.get("language"))


@blueprint.post("/chat/<key>/openings")
def note_opening(key: str) -> Any:
    """The panel, or an outside chat, was opened. What is said is text/plain, so that a page that
    goes can still say it."""
    return _note(key, ChatOpened)


@blueprint.post("/chat/<key>/closings")
def note_closing(key: str) -> Any:
    return _note(key, ChatClosed)


def _note(key: str, kind: type[PanelAnnouncement]) -> Any:
    """A strict site has no chat before consent, so whoever opens one there is told of to nobody."""
    site, said = enter_in_measure(key), said_now()
    demand_panel()
    guest = _guest_in(site, said)
    if guest or is_told_of(site, said):
        announce(kind(site_id=site.id, around=told_surroundings(site, said), guest=guest))
        db.session.commit()
    return "", 204


def _guest_in(site: PublishedSite, said: Said) -> Guest | None:
    """By the header or, where none can be set, by `chat` in the body."""
    token = said.get("chat")
    return guest_of(site, bearer() or (token if isinstance(token, str) else ""))


@blueprint.post("/conversations")
def open_conversation() -> Any:
    """A new conversation, and with `body` its first message. 201 with the chat token."""
    said = said_now()
    site = enter_in_measure(site_key_of(said))
    demand_beginning()
    found = suggested(site, first_words_of(said))
    conversation = begin(site, said)
    answer = {**begun(conversation), **found}
    token = tokens.issue(tokens.CHAT, site.id, conversation.guest_id)
    db.session.commit()
    return {**answer, "token": token}, 201


@blueprint.get("/conversations/<conversation_id>/messages")
def read_messages(conversation_id: str) -> dict[str, Any]:
    """Those after a seq, and how the conversation stands."""
    conversation = own_conversation(conversation_id)
    found = conversation.messages(after=after_now(), public=True, most=MOST_READ)
    return {
        "messages": [each.public() for each in found],
        "more": len(found) == MOST_READ,
        **conversation.status(),
    }


@blueprint.post("/conversations/<conversation_id>/messages")
@takes_upload(LARGEST)
def write_message(conversation_id: str) -> Any:
    """A message by its `client_id`: JSON with `body`, or a form with `file`. 201 with its seq."""
    upload = _upload_of(conversation_id) if request.files else None
    way, said = way_to(conversation_id), said_with_file()
    saying = saying_of(said, upload)
    found: dict[str, Any] = {}
    conversation, confirmed = _written_to(way), False
    if conversation.opened_at is None or is_unheard(conversation, way.site):
        confirmed, found = _asked_at_first(conversation, way.site, saying)
        conversation = way.conversation(writing=True)
    look_around(conversation, way.site, said)
    message = hear(conversation, way.site, saying, confirmed=confirmed)
    answer = {**message.public(), **found}
    db.session.commit()
    return answer, 201


def _asked_at_first(
    conversation: Conversation, site: PublishedSite, saying: Saying
) -> tuple[bool, dict[str, Any]]:
    """Whether what nobody is there to hear is confirmed by mail, and of a first message what may
    answer it. Nobody waits for that: the conversation is free meanwhile."""
    email, opening = conversation.guest.email, conversation.opened_at is None
    release()
    confirmed = confirms(site, settings_of(site), email)
    return confirmed, suggested(site, saying.body) if opening else {}


def _upload_of(conversation_id: str) -> Upload:
    """The file of whoever may write here, judged before anything is locked: a picture is written
    anew, and may have to wait for others."""
    own_conversation(conversation_id)
    check_on(g.site)
    return upload_now(g.site.id)


def _written_to(way: Way) -> Conversation:
    """As often as somebody may write, while the site chats."""
    addresses.demand(address())
    conversation = way.conversation(writing=True)
    check_on(way.site)
    writers.demand(conversation.guest_id.hex)
    return conversation


@blueprint.put("/conversations/<conversation_id>/reading")
def read_up_to(conversation_id: str) -> dict[str, Any]:
    """How far the guest has read (`seq`), or how far it has reached his page (`delivered`)."""
    conversation, said = own_conversation(conversation_id), said_now()
    if "delivered" in said:
        conversation.delivered_to_guest(seq_of(said, "delivered"))
    if "seq" in said:
        conversation.read_by_guest(seq_of(said, "seq"))
    return _stands(conversation)


@blueprint.put("/conversations/<conversation_id>/rating")
def rate(conversation_id: str) -> dict[str, Any]:
    """1 to 5, and a comment."""
    way, rating = way_to(conversation_id), rating_of(said_now())
    conversation = _changed_by_guest(way)
    conversation.rate(*rating)
    return _stands(conversation)


@blueprint.post("/conversations/<conversation_id>/transcript")
def mail_transcript(conversation_id: str) -> Any:
    """All that was said, to `email` or to the guest's own address. 202."""
    conversation = own_conversation(conversation_id)
    email = person_of(said_now()).email or conversation.guest.email
    if not email:
        raise refused("email", "Say to which address.")
    release()
    if not may_mail(email):
        raise _enough_mail()
    letters.transcript(conversation, email)
    db.session.commit()
    return "", 202


@blueprint.put("/conversations/<conversation_id>/closure")
def close(conversation_id: str) -> dict[str, Any]:
    """The guest has nothing more to ask."""
    conversation = _changed_by_guest(way_to(conversation_id))
    conversation.close(by=None)
    return _stands(conversation)


def _changed_by_guest(way: Way) -> Conversation:
    """What agents are told of, as often as somebody may write."""
    addresses.demand(address())
    conversation = way.conversation(writing=True)
    writers.demand(conversation.guest_id.hex)
    return conversation


def _stands(conversation: Conversation) -> dict[str, Any]:
    """How it is after a change."""
    status = conversation.status()
    db.session.commit()
    return status


def _enough_mail() -> ApiError:
    message = "That is enough mail for now. Try again in an hour."
    return ApiError(429, "rate_limited", message, {}, {"Retry-After": "3600"})


@blueprint.post("/chat/<key>/resumption")
def resume(key: str) -> dict[str, Any]:
    """A chat token for another device, for the token of a mailed link."""
    site = enter_in_measure(key)
    identifier = tokens.read(tokens.RESUME, site.id, said_now().get("token"))
    guest = db.session.get(Guest, identifier) if identifier else None
    if guest is None or guest.site_id != site.id:
        raise ApiError(404, "not_found", "This link is no longer good.")
    return {"token": tokens.issue(tokens.CHAT, site.id, guest.id)}


@blueprint.put("/chat/<key>/identity")
def identify_guest(key: str) -> Any:
    """The site's server vouches for its user: `{id, hash, name?, email?}`. Answers his chat token,
    the same conversations on each of his devices. 403 for a wrong hash."""
    site = enter_in_measure(key)
    guest = vouch(site, said_now())
    token = tokens.issue(tokens.CHAT, site.id, guest.id)
    db.session.commit()
    return {"token": token}


@blueprint.get("/files/<token>")
def file(token: str) -> Response:
    """A file that was sent. Its address is the key to it."""
    readers.demand(address())
    organization_id = organization_of_file(token)
    if organization_id is None:
        raise not_found()
    tenancy.enter(organization_id)
    return _harmless(db.session.scalars(select(Attachment).filter_by(token=token)).one())


def _harmless(attachment: Attachment) -> Response:
    """Its content never runs here."""
    response = Response(attachment.data, content_type=attachment.content_type)
    if not attachment.is_picture:
        response.headers.set("Content-Disposition", "attachment", filename=attachment.name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
