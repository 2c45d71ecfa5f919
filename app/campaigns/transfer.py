"""A site's configuration on its way to another: as rows, as a JSON document, and back to drafts.

What comes from outside is checked by the same schemas as everything else; pictures travel inside
the document and are decoded and written anew.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from sqlalchemy import select

from app.campaigns.content import PARTS, Invalid, Language, message_of
from app.campaigns.formats import FORMATS, checked_parts
from app.campaigns.models import Campaign, Image
from app.campaigns.models.campaign import DRAFTED
from app.core import strict_json
from app.core.announce import Announcement, announce
from app.core.api import Schema
from app.core.db import db, exclusive
from app.core.forms import clean_line
from app.core.pictures import WIDEST, Picture, PictureError, read_picture
from app.sites.models import SMALLEST_K, Site
from app.sites.parameters import kept_parameters

VERSION = 1
LARGEST = 1024 * 1024
MOST_CAMPAIGNS = 100
MOST_PICTURES = 10  # each takes a fifth of a second to read
# Pictures in a document were written by a program like this one, so none is larger than those.
MOST_PIXELS = WIDEST * WIDEST * 2
LONGEST_NAME = 120


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("A time zone looks like Europe/Berlin.")
    return name


def _known_format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"There is no such format. The formats are {', '.join(FORMATS)}.")
    return name


class Settings(Schema):
    """A site's own settings; `k` is from how many people on a place is named. Without `mode` and
    `parameters` the site keeps its own: no document from before them weakens it."""

    language: Language = "en"
    person_style: Literal["first_name", "initial", "someone"] = "first_name"
    k: Annotated[int, Field(ge=SMALLEST_K, le=1000)] = 5
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    mode: Literal["anonymous", "strict"] | None = None
    parameters: Annotated[list[str], AfterValidator(kept_parameters)] | None = None


class PictureIn(Schema):
    """A picture inside a document, in base64."""

    data: str
    alt: Annotated[str, Field(max_length=200), BeforeValidator(clean_line)] = ""


class CampaignIn(Schema):
    """A campaign of a document. `published` says how it was there; it arrives as a draft."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), BeforeValidator(clean_line)]
    format: Annotated[str, AfterValidator(_known_format)]
    content: dict[str, Any] = {}
    triggers: dict[str, Any] = {}
    rules: dict[str, Any] = {}
    frequency: dict[str, Any] = {}
    tracking: dict[str, Any] = {}
    published: bool = False


class Configuration(Schema):
    """A site's configuration as it is exported: its settings and its campaigns with all that
    belongs to them, pictures in base64, no ids and no keys."""

    candor: Literal[1]
    site: Settings | None = None
    campaigns: Annotated[list[dict[str, Any]], Field(max_length=MOST_CAMPAIGNS)]


@dataclass(frozen=True)
class Problem:
    """Something in a document that cannot be used: where, in which campaign, and what to do."""

    path: str
    message: str
    campaign: str = ""


@dataclass(frozen=True)
class Planned:
    """A campaign that is to become a draft; its picture is beside its content."""

    name: str
    format: str
    parts: dict[str, dict[str, Any]]
    picture: Picture | None = None
    published: bool = False

    @classmethod
    def of(cls, campaign: Campaign) -> Self:
        return cls(
            name=campaign.name,
            format=campaign.format,
            parts={part: getattr(campaign, part) for part in DRAFTED},
            picture=_kept_picture(campaign.content.get("image")),
            published=campaign.status == "published",
        )

    @property
    def label(self) -> str:
        return FORMATS[self.format].label

    def document(self) -> dict[str, Any]:
        content = dict(self.parts["content"])
        if "image" in content:
            content["image"] = self.picture and {
                "data": base64.b64encode(self.picture.data).decode(),
                "alt": content["image"].get("alt", ""),
            }
        parts = {**self.parts, "content": content}
        return {"name": self.name, "format": self.format, **parts, "published": self.published}

    def draft_in(self, site: Site, name: str) -> Campaign:
        content = dict(self.parts["content"])
        if "image" in content:
            image = self.picture and Image.keep(site, self.picture)
            content["image"] = image and {**content["image"], **image.reference}
        parts = {part: self.parts[part] for part in PARTS}
        return Campaign.draft(site, name=name, format=self.format, content=content, **parts)


@dataclass(frozen=True)
class Transfer:
    """What is to come into a site. With problems nothing of it does."""

    settings: dict[str, Any] | None = None
    campaigns: list[Planned] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, site: Site) -> Self:
        """The drafts of a site as they are, with what could not be made anew elsewhere."""
        found = select(Campaign).filter_by(site_id=site.id)
        rows = db.session.scalars(found.order_by(Campaign.created_at, Campaign.id))
        campaigns = [Planned.of(campaign) for campaign in rows]
        problems = [
            problem
            for number, campaign in enumerate(campaigns)
            for problem in _problems(number, campaign)
        ]
        return cls(site.settings, campaigns, problems)

    @classmethod
    def read(cls, text: str) -> Self:
        """From a document as it was sent or pasted."""
        if len(text.encode(errors="replace")) > LARGEST:
            return cls(problems=[Problem("", "A configuration has at most 1 MB.")])
        try:
            document = strict_json.loads(text)
        except strict_json.BadJSON as error:
            return cls(problems=[Problem("", f"This is {error}.")])
        return cls.check(document)

    @classmethod
    def check(cls, document: Any) -> Self:
        """From a parsed document."""
        try:
            known = Configuration.model_validate(document)
        except ValidationError as error:
            found = error.errors()
            return cls(problems=[Problem(_path(each["loc"]), _message(each)) for each in found])
        pictured = [each for each in known.campaigns if _has_picture(each)]
        if len(pictured) > MOST_PICTURES:
            message = f"A configuration has at most {MOST_PICTURES} pictures."
            return cls(problems=[Problem("campaigns", message)])
        read = [_campaign(number, each) for number, each in enumerate(known.campaigns)]
        return cls(
            known.site.model_dump(exclude_none=True) if known.site else None,
            [each for each in read if isinstance(each, Planned)],
            [problem for each in read if isinstance(each, list) for problem in each],
        )

    def document(self) -> dict[str, Any]:
        """As it is exported: `Configuration`, ready for JSON."""
        campaigns = [campaign.document() for campaign in self.campaigns]
        return {"candor": VERSION, "site": self.settings, "campaigns": campaigns}

    def names_in(self, site: Site) -> list[str]:
        """The names that the campaigns will have there: a taken one says that it is a copy."""
        taken = set(db.session.scalars(select(Campaign.name).filter_by(site_id=site.id)))
        names = []
        for campaign in self.campaigns:
            names.append(_free_name(campaign.name, taken))
            taken.add(names[-1])
        return names

    def bring_into(self, site: Site, *, settings: bool) -> list[Campaign]:
        """Make drafts of all campaigns, and take the settings over if that is wished. The caller
        has seen to it that there are no problems."""
        exclusive(f"publication/{site.id}")
        names = self.names_in(site)
        drafts = [
            campaign.draft_in(site, name)
            for campaign, name in zip(self.campaigns, names, strict=True)
        ]
        announce(ConfigurationImported(site=site, campaigns=len(drafts)))
        if settings and self.settings and {**site.settings, **self.settings} != site.settings:
            site.change(**self.settings)
        return drafts


def _has_picture(campaign: dict[str, Any]) -> bool:
    content = campaign.get("content")
    return isinstance(content, dict) and bool(content.get("image"))


def _campaign(number: int, sent: dict[str, Any]) -> Planned | list[Problem]:
    prefix = f"campaigns.{number}"
    try:
        known = CampaignIn.model_validate(sent)
    except ValidationError as error:
        name = _name(number, sent.get("name"))
        return [Problem(f"{prefix}.{_path(e['loc'])}", _message(e), name) for e in error.errors()]
    try:
        content, picture = _without_picture(known.content)
        parts = {"content": content, **{part: getattr(known, part) for part in PARTS}}
        checked = checked_parts(known.format, parts)
    except Invalid as error:
        name = _name(number, known.name)
        return [Problem(f"{prefix}.{path}", text, name) for path, text in error.errors.items()]
    return Planned(known.name, known.format, checked, picture, known.published)


def _problems(number: int, campaign: Planned) -> list[Problem]:
    try:
        checked_parts(campaign.format, campaign.parts)
    except Invalid as error:
        prefix = f"campaigns.{number}"
        errors = error.errors.items()
        return [Problem(f"{prefix}.{path}", text, campaign.name) for path, text in errors]
    return []


def _without_picture(content: dict[str, Any]) -> tuple[dict[str, Any], Picture | None]:
    """The content with a stand-in for the picture that it holds. Raises Invalid."""
    if not content.get("image"):
        return content, None
    try:
        sent = PictureIn.model_validate(content["image"])
        picture = read_picture(base64.b64decode(sent.data, validate=True), MOST_PIXELS)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(("content.image", *map(str, first["loc"])))
        raise Invalid({path: _message(first)}) from error
    except PictureError as error:
        raise Invalid({"content.image.data": str(error)}) from error
    except (binascii.Error, ValueError) as error:
        raise Invalid({"content.image.data": "This is not base64."}) from error
    stand_in = {"token": "0" * 22, "width": picture.width, "height": picture.height}
    return {**content, "image": {**stand_in, "alt": sent.alt}}, picture


def _kept_picture(image: dict[str, Any] | None) -> Picture | None:
    if not image:
        return None
    kept = db.session.scalars(select(Image).filter_by(token=image["token"])).one_or_none()
    return Picture(kept.data, kept.width, kept.height) if kept else None


def _free_name(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        ending = " (copy)" if number == 1 else f" (copy {number})"
        candidate, number = name[: LONGEST_NAME - len(ending)] + ending, number + 1
    return candidate


def _name(number: int, name: Any) -> str:
    """How a person finds the campaign in the document, also one whose name cannot be used."""
    known = clean_line(name)
    return known[:LONGEST_NAME] if isinstance(known, str) and known else f"Campaign {number + 1}"


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:80] for part in location)


def _message(problem: Any) -> str:
    match problem["type"]:
        case "model_type" | "dict_type" | "model_attributes_type":
            return "This is an object in braces."
        case "list_type":
            return "This is a list in brackets."
        case "literal_error" if problem["loc"] == ("candor",):
            return "Only configurations with version 1 can be read."
    return message_of(problem)


@dataclass(frozen=True, kw_only=True)
class ConfigurationImported(Announcement):
    name: ClassVar[str] = "configuration.imported"
    site: Site
    campaigns: int

    def details(self) -> dict[str, Any]:
        return {"campaigns": self.campaigns}
