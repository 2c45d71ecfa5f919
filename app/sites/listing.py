"""Lists of sites that stay quick with ten thousand of them: a page of a list, and the choice of
one site for a form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import request
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from app.core.api import parsed_uuid
from app.core.db import db
from app.sites.models import Site
from app.sites.queries import last_seen

PAGE = 50
CHOICES = 12
LONGEST_SEARCH = 100
LAST_PAGE = 100_000


@dataclass(frozen=True)
class Listing:
    """A page of the sites that match, by name. `any` says whether there are sites at all."""

    text: str
    sites: list[Site]
    seen: dict[UUID, datetime]
    total: int
    number: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE + 1

    @property
    def last(self) -> int:
        return self.first - 1 + len(self.sites)

    @property
    def any(self) -> bool:
        return bool(self.total or self.text)


def list_sites() -> Listing:
    """What the request asks for: `?q=` words, `?page=` number."""
    text, number = searched(), max(1, min(LAST_PAGE, request.args.get("page", 1, int)))
    matching = Site.matching(text)
    page = matching.options(selectinload(Site.domains)).offset((number - 1) * PAGE).limit(PAGE)
    sites = list(db.session.scalars(page))
    return Listing(
        text, sites, last_seen(db.session(), [site.id for site in sites]), _count(text), number
    )


@dataclass(frozen=True)
class Choice:
    """One site to be chosen: the chosen one, or those among which to choose."""

    text: str
    chosen: Site | None
    sites: list[Site]
    total: int


def choose_site(identifier: str | None = None) -> Choice:
    """The site that `identifier` or `?site=` names, or the only one; else the first that match."""
    text = searched()
    named = parsed_uuid(identifier or request.args.get("site", ""))
    chosen = db.session.scalars(select(Site).filter_by(id=named)).first() if named else None
    if chosen is not None:
        return Choice(text, chosen, [], 1)
    matching = Site.matching(text).options(selectinload(Site.domains)).limit(CHOICES)
    sites, total = list(db.session.scalars(matching)), _count(text)
    only = sites[0] if total == 1 and not text else None
    return Choice(text, only, sites, total)


def searched() -> str:
    """The words of `?q=`."""
    return request.args.get("q", "").replace("\x00", "")[:LONGEST_SEARCH].strip()


def _count(text: str) -> int:
    matching = Site.matching(text).order_by(None).with_only_columns(func.count(Site.id))
    return db.session.scalar(matching) or 0
