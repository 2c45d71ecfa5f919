"""A guest says who he is, or the site's own server says it for him."""

from __future__ import annotations

from app.chat import tokens
from app.chat.announcements import LeadCaptured, VisitorIdentified
from app.chat.automation import asked_of_guests
from app.chat.models import ChatSettings, Conversation, Guest, Surroundings
from app.core.announce import announce
from app.core.errors import ApiError
from app.embed.chat_access import settings_of
from app.embed.chat_bodies import Person, Said, person_of, refused, user_id_of
from app.embed.guests import bearer, guest_of, surroundings
from app.sites.queries import PublishedSite


def introduce(guest: Guest, person: Person, around: Surroundings) -> None:
    """By what he claims; for the first time it is told to the outside."""
    guest.stand_in(around)
    known_now = any(person) and guest.introduce(name=person.name, email=person.email)
    if known_now:
        announce(LeadCaptured(guest=guest, page=around.page, utm=around.utm))


def demand_address(guest: Guest, settings: ChatSettings, site: PublishedSite) -> None:
    """Where one is required."""
    if asked_of_guests(settings, site.time_zone) == "required" and not guest.email:
        raise refused("email", "Tell us your e-mail address first.")


def vouch(site: PublishedSite, said: Said) -> Guest:
    """The user of the site whom its server has named. 403 for a wrong hash."""
    settings, user_id, person = settings_of(site), user_id_of(said), person_of(said)
    if not tokens.is_identity(settings.identity_secret or "", user_id, said.get("hash")):
        raise ApiError(403, "unverified", "The hash is not that of this user.")
    around, before = surroundings(site, said), guest_of(site, bearer())
    guest, told = Guest.vouched(site.id, user_id, around, name=person.name, email=person.email)
    if before and not before.verified:
        Conversation.hand_over(before, guest)
    if told:
        announce(VisitorIdentified(guest=guest, user_id=user_id))
    return guest
