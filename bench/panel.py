"""The panel with a lot in it: how long its pages take, how heavy the builder is, and how long it is
from a key to the picture in the builder's frames."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import insert

from app.config import Settings
from app.core import clock, tenancy
from app.core.db import db
from app.core.ids import public_token, uuid7
from app.proof.models import Activity
from app.sites.models import Site, SiteDomain
from app.sources.models import InboundDelivery
from app.wiring import create_app
from bench.asking import p95, signed_in, slug_of, times
from bench.rows import row
from bench.stage import PASSWORD, USER, Stage, stage
from tests.pages import OPEN_ROOTS
from tests.services import CHROMIUM_FLAGS, chromium

SITES, ACTIVITIES, DELIVERIES = 10_000, 100_000, 20_000
BUSY = 200  # sites that have the activities
KEYS = 60
WORDS = "a fine pot of tea from the hills "

PAGES = {
    "home": "/",
    "sites": "/sites",
    "sites found": "/sites?q=shop+77",
    "search": "/search?q=shop+77",
    "campaigns": "/campaigns",
    "new campaign": "/campaigns/new",
    "activities": "/activities",
    "sources": "/sources",
    "deliveries": "/sources/deliveries",
    "members": "/settings/members",
    "a site": "/sites/{site}",
    "builder": "/campaigns/{campaign}",
}


def pages() -> Iterator[dict[str, Any]]:
    """Each page with 10,000 sites and 100,000 activities on SQLite. The ceiling is the liveness
    answer of the same process."""
    with stage() as on:
        _fill(on)
        session = signed_in(on.program.url)
        slug = slug_of(on.program.url, session)
        places = {"site": on.site_id, "campaign": on.campaign_id}
        floor = statistics.median(times(session, f"{on.program.url}/health/live"))
        for name, path in PAGES.items():
            address = f"{on.program.url}/o/{slug}{path.format(**places)}"
            taken = times(session, address)
            value = p95(taken)
            yield row(f"page: {name}, p95", value, "ms", 100, ceiling=floor)


def builder() -> Iterator[dict[str, Any]]:
    """The weight of the builder as it comes over the wire, and from a key to the picture."""
    with stage() as on, sync_playwright() as playwright:
        _fill(on, sites=10, activities=100)
        slug = slug_of(on.program.url, signed_in(on.program.url))
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = _open_builder(browser, on, slug)
        yield row("builder, all that is loaded", page.weight / 1024, "KB", 120)  # type: ignore[attr-defined]
        taken = sorted(_keys(page))
        browser.close()
    yield row("key to picture, median", statistics.median(taken), "ms", 150)
    yield row("key to picture, p95", p95(taken), "ms", 150)


def _fill(on: Stage, sites: int = SITES, activities: int = ACTIVITIES) -> None:
    """Rows as the program writes them, many at a time."""
    app = create_app(Settings.from_environment(on.program.environ))
    with app.app_context(), tenancy.scope(UUID(on.organization_id)):
        site = db.session.get_one(Site, UUID(on.site_id))
        kept = [_site(site, number) for number in range(sites)]
        db.session.execute(insert(Site), kept)
        db.session.execute(insert(SiteDomain), [_domain(each) for each in kept])
        chance = random.Random(7)
        busy = [each["id"] for each in kept[:BUSY]] + [site.id]
        db.session.execute(
            insert(Activity), [_activity(site, chance.choice(busy), n) for n in range(activities)]
        )
        db.session.execute(
            insert(InboundDelivery), [_delivery(on, site, n) for n in range(DELIVERIES)]
        )
        db.session.commit()


def _site(like: Site, number: int) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "organization_id": like.organization_id,
        "name": f"Shop {number}",
        "client_name": f"Client {number % 500}",
        "key": public_token(),
    }


def _domain(site: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "organization_id": site["organization_id"],
        "site_id": site["id"],
        "host": f"{site['name'].replace(' ', '-').lower()}.example",
    }


def _activity(site: Site, site_id: UUID, number: int) -> dict[str, Any]:
    moment = clock.now() - timedelta(days=30) * ((number * 7919 % ACTIVITIES) / ACTIVITIES)
    return {
        "id": uuid7(),
        "organization_id": site.organization_id,
        "site_id": site_id,
        "source_id": site.id,
        "source_kind": "shopify",
        "type": "purchase",
        "external_id": str(number),
        "strength": "signed",
        "product": {"name": f"Tea {number % 40}", "url": None, "image": None},
        "occurred_at": moment,
        "created_change": number,
        "receipt": public_token(),
    }


def _delivery(on: Stage, site: Site, number: int) -> dict[str, Any]:
    moment = clock.now() - timedelta(minutes=number)
    return {
        "id": uuid7(),
        "organization_id": site.organization_id,
        "source_id": UUID(on.source_id),
        "key": f"made-{number}",
        "topic": "orders/paid",
        "verdict": "accepted",
        "size": 100,
        "received_at": moment,
        "settled_at": moment,
    }


def _open_builder(browser: Browser, on: Stage, slug: str) -> Page:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(OPEN_ROOTS)
    page = context.new_page()
    page.goto(f"{on.program.url}/sign-in")
    page.get_by_label("E-mail").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/o/**")
    weight = _weigh(context, page, f"{on.program.url}/o/{slug}/campaigns/{on.campaign_id}")
    page.weight = weight  # type: ignore[attr-defined]
    return page


def _weigh(context: Any, page: Page, address: str) -> int:
    """Bytes over the wire of everything that the page loads with an empty cache."""
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address, wait_until="networkidle")
    return sum(sizes)


# In each frame: the moment at which the text of the widget was another, as the clock says.
WATCH = """
  () => {
    const root = document.querySelector("candor-widget").shadowRoot;
    window.text = () => root.textContent;
    window.changed = (before) => new Promise((done) => {
      const look = () => root.textContent === before ? requestAnimationFrame(look)
        : requestAnimationFrame(() => done(performance.timeOrigin + performance.now()));
      look();
    });
  }
"""


def _keys(page: Page) -> Iterator[float]:
    """Milliseconds from each key going down to the picture in both frames."""
    frames = [frame for frame in page.frames if frame.url.endswith("/frame")]
    for frame in frames:
        frame.wait_for_function("document.querySelector('candor-widget')?.shadowRoot.textContent")
        frame.evaluate(WATCH)
    page.evaluate(
        "addEventListener('keydown', () => { window.pressed = performance.timeOrigin + performance.now() }, true)"
    )
    field = page.get_by_label("Wording", exact=True)
    field.fill("")
    field.press_sequentially("Somebody chose")
    page.wait_for_timeout(800)
    for key in (WORDS * 3)[:KEYS].replace(" ", "-"):
        before = [frame.evaluate("text()") for frame in frames]
        page.wait_for_timeout(120)
        waiting = [
            frame.evaluate_handle("(before) => ({done: changed(before)})", text)
            for frame, text in zip(frames, before, strict=True)
        ]
        field.press(key)
        moments = [handle.evaluate("async (it) => await it.done") for handle in waiting]
        yield max(moments) - page.evaluate("pressed")
