"""Every page for everybody: axe finds nothing in light and in dark, and nothing is wider than the
screen, be it a phone or a desk. Names are long, and what can be unfolded is unfolded."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from app.dashboard.demo_data import create_demo
from tests.walls.conftest import furnish

LONG = "Donaudampfschifffahrtselektrizitaet"
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 740}
# What answers with something else than a page for people. The API's reference is Swagger UI.
OTHER = re.compile(
    r"^/(health|metrics|favicon|media|static|w/|widget)|^/api/"
    r"|^/demo|^/dev/mail/|/body$|/publications/export$|/installation$|/frame$|/ws$|/series$"
    r"|/ws/inbox$|conversation_id>/canned-replies$"
)
# Opened from a mail; here without what the mail says, so they say that the link is not good any more.
WITHOUT_TOKEN = (
    "/email-verification",
    "/invitation",
    "/password-reset/password",
    "/sign-up/confirmation",
)
# Of which token an address is, if not of a receipt.
TOKENS = {"/proof/opt-out/<token>": "opt_out", "/shared/<token>": "shared"}
# So many tests share the pages of a member, or one would take too long.
PARTS = 4
# Colours are there at once, or they would be judged on their way from light to dark.
PREPARE = """() => {
  document.querySelectorAll("details:not([data-menu])").forEach((each) => (each.open = true));
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets.push(still);
}"""
AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const why = ({ any, all, none }) => [...any, ...all, ...none].map((each) => each.message).join("; ");
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")} ${why(node)}`));
}"""
# What makes the page scroll sideways.
WIDER = """() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  const out = [...document.body.querySelectorAll("*")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > edge + 1);
  return out.slice(-3).map((each) => `wider than ${edge} px: ${each.outerHTML.slice(0, 120)}`);
}"""


@pytest.fixture
def ids(app, acme):
    return furnish(app, acme, LONG)


def addresses(app, ids):
    """Where each page is, filled with the ids of one organization."""
    values = {"organization": ids.slug, "token": ids.receipt, "dimension": "page"}
    for rule in sorted(app.url_map.iter_rules(), key=lambda each: each.rule):
        if "GET" not in rule.methods or OTHER.search(rule.rule):
            continue
        token = TOKENS.get(rule.rule)
        known = {**values, "token": getattr(ids, token)} if token else values
        names = {name: known.get(name) or getattr(ids, name) for name in rule.arguments}
        yield app.url_map.bind("", url_scheme="http").build(rule.endpoint, names)


def problems(page, address):
    """At a desk in light, then on a phone in dark, without reading the page again."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(DESK)
    answer = page.goto(address, wait_until="domcontentloaded")
    assert answer.status == 200 or address.endswith(WITHOUT_TOKEN), (address, answer.status)
    page.evaluate(PREPARE)
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE) + page.evaluate(WIDER)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    found += page.evaluate(AXE) + page.evaluate(WIDER)
    return [f"{address}: {each}" for each in dict.fromkeys(found)]


# axe measures with inline styles, which the policy forbids.
MEASURED = {"bypass_csp": True}


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_of_a_member(app, program, ids, dashboard, part):
    page = dashboard(**MEASURED)
    paths = list(addresses(app, ids))[part::PARTS]
    found = [each for path in paths for each in problems(page, f"{program.url}{path}")]
    assert not found, "\n".join(found)


def test_every_page_of_somebody_who_is_not_signed_in(app, program, ids, visit):
    page = visit(program.url, **MEASURED)
    paths = [path for path in addresses(app, ids) if not path.startswith(("/o/", "/account"))]
    found = [each for path in paths for each in problems(page, f"{program.url}{path}")]
    assert not found, "\n".join(found)


def test_menus_the_search_and_a_form_that_came_back(program, ids, dashboard):
    """What is not there when a page is opened, and the rail in dark."""
    page = dashboard(color_scheme="dark", viewport=DESK, **MEASURED)
    page.goto(f"{program.url}/o/{ids.slug}/campaigns/{ids.campaign_id}")
    page.evaluate(PREPARE)
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE)
    menus = page.locator("details[data-menu] > summary").filter(visible=True)
    assert menus.count() == 3
    for menu in menus.all():
        menu.click()
        found += page.evaluate(AXE)
        page.keyboard.press("Escape")
    page.get_by_label("Accent", exact=True).fill("blue")
    expect(page.get_by_text("A colour looks like #2563eb.")).to_be_visible()
    found += page.evaluate(AXE)
    page.keyboard.press("Control+k")
    page.keyboard.type("acme")
    expect(page.get_by_role("dialog").get_by_role("link", name="Acme shop")).to_be_visible()
    found += page.evaluate(AXE)
    assert not found, "\n".join(dict.fromkeys(found))


def test_the_demo_shop(app, program, visit):
    with app.app_context():
        create_demo()
    page = visit(program.url, **MEASURED)
    assert not problems(page, f"{program.url}/demo")
