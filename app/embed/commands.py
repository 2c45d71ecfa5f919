"""Commands of an outside chat system to the widget of one visitor: POST
/api/v1/sites/<site_id>/commands. They reach whoever has a page open, and are kept by nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, Literal, TypeVar
from uuid import UUID

from apiflask import APIBlueprint
from flask import g, request
from pydantic import Field, field_validator, model_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.models.audit import actor
from app.accounts.permissions import Permission
from app.campaigns.models import Campaign
from app.core import bus, clock, tenancy
from app.core.announce import Announcement, announce
from app.core.api import LIMITED, Schema, writes
from app.core.db import db, system
from app.core.errors import ApiError, invalid, not_found
from app.core.ids import uuid7
from app.core.languages import LANGUAGES
from app.core.ratelimit import limiter
from app.core.request import takes_at_most
from app.embed.hub import VISITOR
from app.sites.models import Site
from app.sources.kinds import KINDS
from app.sources.kinds.base import Incoming, Refused
from app.sources.models import Source
from app.tracking.checks import PROPERTY, is_plain

A_MINUTE = "60 per minute"
LARGEST_BODY = 16 * 1024
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
LONGEST_MESSAGE = 500
LONGEST_EVENT = 64

V = TypeVar("V", bound=Callable[..., Any])

blueprint = APIBlueprint("commands_api", __name__, url_prefix="/api/v1/sites", tag="Commands")


class CommandData(Schema):
    """What the command needs: `campaign` for show_notification, `event` and `props` for
    track_event, any of `position`, `locale` and `open` for update_settings; `message` is said in
    the panel by open_chat."""

    message: str | None = Field(default=None, max_length=LONGEST_MESSAGE)
    priority: Literal["normal", "high"] = "normal"
    campaign: UUID | None = None
    event: str | None = Field(default=None, pattern=f"^[a-z][a-z0-9_]{{0,{LONGEST_EVENT - 1}}}$")
    props: dict[str, str | int | float | bool] | None = Field(default=None, max_length=30)
    position: Literal["bottom-left", "bottom-right"] | None = None
    locale: str | None = Field(default=None, max_length=12)
    open: bool | None = None

    @field_validator("props")
    @classmethod
    def plain(cls, props: Any) -> Any:
        for name, value in (props or {}).items():
            if not PROPERTY.fullmatch(name) or not is_plain(value):
                raise ValueError(f"{name[:60]} cannot be a property of an event.")
        return props


class CommandIn(Schema):
    """To one visitor, by the `visitor.id` that webhooks carry."""

    command: Literal["open_chat", "show_notification", "update_settings", "track_event"]
    visitor: str = Field(pattern="^[0-9a-f]{32}$")
    data: CommandData = Field(default_factory=CommandData)

    @model_validator(mode="after")
    def whole(self) -> CommandIn:
        needs = {"show_notification": "campaign", "track_event": "event"}.get(self.command)
        if needs and getattr(self.data, needs) is None:
            raise ValueError(f"{self.command} needs data.{needs}")
        return self


class CommandOut(Schema):
    id: UUID


def _commanding(view: V) -> V:
    """For an API key with the scope commands:send, or whoever signs as a custom source of the site
    does."""
    by_key = authorized(Permission.COMMANDS_SEND)(view)

    @wraps(by_key)
    def wrapper(site_id: UUID, **values: Any) -> Any:
        if request.headers.get("Authorization") or not _is_signed():
            return by_key(site_id=site_id, **values)
        _enter_by_signature(site_id)
        return view(site_id=site_id, **values)

    for name in ("permission", "_spec"):
        setattr(wrapper, name, getattr(by_key, name))
    return wrapper  # type: ignore[return-value]


def _is_signed() -> bool:
    return "webhook-signature" in request.headers or "X-Signature" in request.headers


def _enter_by_signature(site_id: UUID) -> None:
    """401 unless a custom source of this site has signed the body; the same for an unknown site."""
    with system() as connection:
        found = select(Site.organization_id).where(Site.id == site_id)
        organization_id = connection.scalar(found)
    if organization_id is None:
        raise _unsigned("There is no custom source of this site that signs so.")
    tenancy.enter(organization_id)
    incoming = Incoming({k.lower(): v for k, v in request.headers.items()}, request.get_data())
    custom = select(Source).filter_by(site_id=site_id, kind="custom").order_by(Source.id)
    for source in db.session.scalars(custom):
        try:
            KINDS["custom"].verify(incoming, [source.secret or ""], clock.now())
        except Refused:
            continue
        actor.set(("source", source.id))
        g.signed_id = incoming.header("webhook-id") or None
        return
    raise _unsigned("There is no custom source of this site that signs so.")


def _site_of_sender() -> str:
    """Whom the limit counts: with the organization, or a stranger's key would use up what the site
    that it names may send."""
    named = (request.view_args or {}).get("site_id")
    return f"{tenancy.current_organization_id()}/{named}"


def _unsigned(message: str) -> ApiError:
    return ApiError(401, "bad_signature", message)


@blueprint.post("/<uuid:site_id>/commands")
@takes_at_most(LARGEST_BODY)
@_commanding
@limiter.limit(A_MINUTE, key_func=_site_of_sender)
@blueprint.input(CommandIn)
@blueprint.output(CommandOut, status_code=202)
@writes
@blueprint.doc(responses=LIMITED)
def send_command(site_id: UUID, json_data: CommandIn) -> Any:
    """Accepted, not delivered: whoever has no page open misses it. A signed one counts once by its
    `webhook-id`, as with an Idempotency-Key."""
    site = get_or_404(Site, site_id)
    if not site.active:
        raise not_found()
    identifier = uuid7()
    data = _checked(site, json_data)
    frame = {"type": "command", "id": str(identifier), "command": json_data.command, "data": data}
    channel = f"{VISITOR}{site.key}/{json_data.visitor}"
    bus.tell(channel, frame)
    announce(CommandSent(site=site, command=json_data.command, visitor=json_data.visitor))
    return CommandOut(id=identifier)


def _checked(site: Site, said: CommandIn) -> dict[str, Any]:
    data = said.data.model_dump(mode="json", exclude_none=True)
    if said.data.campaign is not None:
        found = select(Campaign).filter_by(id=said.data.campaign, site_id=site.id)
        campaign = db.session.scalars(found).first()
        if campaign is None or campaign.status != "published":
            raise invalid("data.campaign", "There is no published campaign of this id.")
    locale = said.data.locale
    if locale and not (LOCALE.fullmatch(locale) and locale.partition("-")[0] in LANGUAGES):
        raise invalid("data.locale", "A language that the widget speaks.")
    return data


@dataclass(frozen=True, kw_only=True)
class CommandSent(Announcement):
    """From outside, to one visitor's pages."""

    name: ClassVar[str] = "command.sent"
    site: Site
    command: str
    visitor: str

    def details(self) -> dict[str, Any]:
        return {"command": self.command}
