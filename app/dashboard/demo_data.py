"""The demo organization: two sites of a tea house, made through the verbs that everybody uses."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import current_app

from app.accounts.models import Member, Organization, User
from app.accounts.permissions import Role
from app.accounts.queries import organization_id_of
from app.analytics.matches import match_of
from app.analytics.models import Funnel, Goal
from app.analytics.steps import step_of
from app.campaigns.models import Campaign
from app.core import clock, tenancy
from app.core.db import db
from app.dashboard.demo_events import tell_events
from app.dashboard.demo_month import BOOKING_MAPPING, tell_a_month
from app.dashboard.demo_talks import tell_talks
from app.sites.models import Site
from app.sources.models import Source

DAY = 86_400  # seconds
SLUG = "demo"
EMAIL = "demo@candor.example"
PASSWORD = "show me around"  # printed by `make up`; only ever the demo's


def create_demo() -> bool:
    """Create the demo organization unless it is there; answers whether it was created."""
    if organization_id_of(SLUG) is not None:
        return False
    organization = Organization.found("Demo Tea Shop")
    organization.slug, organization.demo = SLUG, True
    user = User.by_email(EMAIL) or User.register(email=EMAIL, name="Demo Owner", password=PASSWORD)
    user.verify_email()
    db.session.flush()
    Member.join(user, Role.OWNER)
    shop = Site.create(name="Tea shop", domains=_hosts(), time_zone="Europe/Berlin")
    school = Site.create(
        name="Tea school",
        client_name="Kettle & Leaf",
        domains=["school.tea.example", "*.courses.tea.example"],
        time_zone="Europe/Berlin",
        language="de",
    )
    sources = [each.id for each in _sources(shop, school)]
    _shop_campaigns(shop)
    _school_campaigns(school)
    _goals(shop)
    db.session.commit()
    with tenancy.scope(organization.id):
        tell_a_month(*(db.session.get_one(Source, each) for each in sources))
    return True


def have_events(number: int, seed: int) -> int:
    """Bring the demo's last month up to this many events; answers how many were added."""
    organization_id = organization_id_of(SLUG)
    assert organization_id is not None
    with tenancy.scope(organization_id):
        return tell_events(number, seed)


def have_talks() -> None:
    """Let the demo's visitors and agents talk, once its visits are there."""
    organization_id = organization_id_of(SLUG)
    assert organization_id is not None
    with tenancy.scope(organization_id):
        tell_talks()


def _hosts() -> list[str]:
    own = urlsplit(current_app.extensions["candor_settings"].url).hostname or "localhost"
    return list(dict.fromkeys([own, "localhost", "127.0.0.1"]))


def _sources(shop: Site, school: Site) -> tuple[Source, Source, Source]:
    """The shop's orders and reviews, and the school's bookings, which need a mapping."""
    return (
        Source.connect(shop, "shopify", "Tea shop on Shopify"),
        Source.connect(shop, "custom", "Review requests"),
        Source.connect(school, "custom", "Booking calendar", mapping=BOOKING_MAPPING),
    )


def _goals(site: Site) -> None:
    """What the shop wants of its visitors, and the way there."""
    wanted = {"Order": "order", "Tea in the cart": "event:cart_add", "Newsletter": "event:signup"}
    for name, text in wanted.items():
        Goal.create(site, name, match_of(text))
    steps = [step_of(text) for text in ("page:/teas*", "event:cart_add", "event:checkout", "order")]
    Funnel.create(site, "From a tea to its order", steps, DAY)


def _shop_campaigns(site: Site) -> None:
    Campaign.draft(
        site,
        name="Recent purchases",
        format="recent_activity",
        content={
            "template": "{{first_name}} from {{city}} bought {{product}}",
            "accent": "#2f7d5b",
        },
        triggers={"delay": 2},
    ).publish()
    Campaign.draft(
        site,
        name="Orders of the week",
        format="period_count",
        content={
            "template": "{{count}} orders in the last {{period}}",
            "period": "week",
            "accent": "#2f7d5b",
            "position": "bottom-right",
        },
        triggers={"delay": 12},
        rules={"include": ["/cart*"]},
    ).publish()
    Campaign.draft(
        site,
        name="What customers say",
        format="rating_summary",
        content={"accent": "#b7791f", "duration": 12},
        triggers={"scroll": 60},
        frequency={"page": 1},
    ).publish()
    changed = Campaign.draft(
        site,
        name="Spring opening hours",
        format="notice",
        content={"message": "Order before noon and your tea leaves today.", "tone": "info"},
        rules={"exclude": ["/demo*"]},
    )
    changed.publish()
    changed.change(content={**changed.content, "message": "Order before two, it leaves today."})
    Campaign.draft(
        site,
        name="Welcome gift",
        format="coupon_card",
        content={
            "title": "Your first pot",
            "message": "Use this code at the checkout.",
            "coupon": "FIRSTPOT",
            "accent": "#2f7d5b",
        },
        triggers={"exit": True},
    )


def _school_campaigns(site: Site) -> None:
    Campaign.draft(
        site,
        name="Bookings",
        format="recent_activity",
        content={
            "template": "{{first_name}} aus {{city}} hat {{product}} gebucht",
            "types": ["booking"],
            "translations": {
                "en": {"template": "{{first_name}} from {{city}} booked {{product}}"},
            },
        },
    ).publish()
    Campaign.draft(
        site,
        name="Summer course",
        format="button_bar",
        content={
            "message": "Der Sommerkurs beginnt im Juni.",
            "link": {"url": "https://school.tea.example/sommer", "label": "Ansehen"},
            "translations": {
                "en": {"message": "The summer course begins in June.", "label": "Take a look"},
            },
        },
    ).schedule(clock.now() + timedelta(days=3))
