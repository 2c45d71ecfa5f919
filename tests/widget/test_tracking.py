"""What the server learns of a page and of what its visitor does there."""

import re
import time

import pytest
from playwright.sync_api import expect

from .hosts import (
    HEAR,
    STUB,
    TAB,
    enriched,
    hide,
    moments,
    pass_time,
    reveal,
    scroll,
    stop_clock,
)
from .stand_in import CARD, KEY, NOTICE
from .test_widget_alone import STRICT_CSP, card, joined

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TALL_PAGE = "<style>main {height: 4000px}</style>"
QUIET = {**NOTICE, "triggers": {"time": 999}}
STAY = "addEventListener('click', (e) => e.preventDefault()); addEventListener('auxclick', (e) => e.preventDefault());"


@pytest.fixture(autouse=True)
def no_cards(candor):
    candor.campaigns = [QUIET]


# Page views


def test_a_page_view_is_told_at_once_in_the_form_of_the_contract(candor, open_page):
    page = open_page(go=False)
    now = int(time.time())
    # The time that an id begins with is the event's own, however long the browser takes for both.
    page.clock.set_fixed_time(now)
    page.goto(candor.page_url, referer="https://search.example/find?q=secret")
    view = candor.wait_for_event("page_view")
    [call] = candor.calls
    assert call["site"] == KEY
    assert call["type"].startswith("text/plain")
    assert call["cookies"] == {}
    assert call["webdriver"] is True
    assert "visitor" not in call and "consent" not in call
    assert UUID7.fullmatch(view["id"])
    assert int(view["id"].replace("-", "")[:12], 16) == now * 1000
    assert view["at"] == call["sent_at"] == now * 1000
    assert view["url"] == candor.page_url
    assert view["title"] == "Shop"
    assert view["referrer"] == "https://search.example/find"


@pytest.mark.parametrize(("address", "params", "told"), [
    ("a/b?q=secret&utm_source=mail&gclid=7&utm_id=x", None, "a/b?utm_source=mail&gclid=7"),
    ("a?ref=7&utm_source=mail", ["ref"], "a?ref=7"),
    ("a?utm_source=mail", [], "a"),
    ("a?x=1#reviews", None, "a"),
    ("a#/cart/7?token=secret", None, "a#/cart/7"),
    ("a#!/cart", None, "a#!/cart"),
])  # fmt: skip
def test_an_address_carries_only_what_the_site_lets_through(
    candor, open_page, address, params, told
):
    candor.extra = {} if params is None else {"params": params}
    page = open_page(go=False)
    page.goto(candor.page_url + address)
    assert candor.wait_for_event("page_view")["url"] == candor.page_url + told


@pytest.mark.parametrize(
    "init", ["", "delete window.navigation"], ids=["navigation", "no navigation"]
)
def test_a_route_of_a_single_page_app_is_a_view_that_names_the_one_before(candor, open_page, init):
    page = open_page(init)
    candor.wait_for_event("page_view")
    page.evaluate("history.pushState({}, '', '/next?utm_source=x')")
    page.mouse.move(200, 200)
    page.evaluate("location.hash = 'reviews'")
    page.mouse.move(210, 200)
    page.evaluate("location.hash = '#/cart'")
    page.mouse.move(220, 200)
    candor.wait_for_event("page_view", 3, page=page)
    first, second, third = candor.named("page_view")
    assert second["url"] == candor.page_url + "next?utm_source=x"
    assert second["referrer"] == first["url"]
    assert third["url"] == candor.page_url + "next?utm_source=x#/cart"
    assert third["referrer"] == second["url"]


def test_a_return_from_the_back_forward_cache_is_a_view(candor, open_page):
    page = open_page()
    candor.wait_for_event("page_view")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    candor.wait_for_event("page_view", 2, page=page)


def test_a_prerendered_page_is_told_when_it_is_shown(candor, open_page):
    page = open_page(
        "let early = true;"
        "Object.defineProperty(Document.prototype, 'prerendering', {configurable: true, get: () => early});"
        "window.activate = () => { early = false; document.dispatchEvent(new Event('prerenderingchange')) }"
    )
    candor.wait_for(lambda: [path for path in candor.seen if "/core." in path])
    page.wait_for_timeout(400)
    assert not [path for path in candor.seen if path.startswith("/widget/")]
    page.evaluate("activate()")
    candor.wait_for_event("page_view")


# Engagement


def test_engagement_is_what_was_added_since_it_was_last_told(candor, open_page):
    candor.head = TALL_PAGE
    page = open_page(TAB, go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    joined(candor)
    page.clock.run_for(10_000)
    page.mouse.move(300, 300)
    candor.wait_for(lambda: [path for path in candor.seen if "/rich." in path])
    enriched(page, clock_stands=True)
    page.clock.run_for(60_000)
    scroll(page, page.evaluate("(document.documentElement.scrollHeight - innerHeight) / 2"))
    hide(page)
    first = candor.wait_for_event("engagement")["props"]
    # Ten seconds and thirty after the pointer moved: the rest of the minute nobody did anything.
    assert first["visible"] == pytest.approx(70_000, abs=500)
    assert first["active"] == pytest.approx(40_000, abs=500)
    assert first["scroll"] == 50
    page.clock.run_for(100_000)
    reveal(page)
    page.clock.run_for(5000)
    scroll(page, page.evaluate("document.documentElement.scrollHeight"))
    hide(page)
    second = candor.wait_for_event("engagement", 2)["props"]
    assert second["visible"] == pytest.approx(5000, abs=500)
    assert first["scroll"] + second["scroll"] == 100
    hide(page)
    page.wait_for_timeout(200)
    assert len(candor.named("engagement")) == 2


def test_engagement_of_a_route_is_told_with_the_address_of_that_route(candor, open_page):
    page = open_page()
    candor.wait_for_event("page_view")
    page.wait_for_timeout(300)
    page.evaluate("history.pushState({}, '', '/next')")
    ended = candor.wait_for_event("engagement")
    assert ended["url"] == candor.page_url
    assert ended["props"]["visible"] >= 200


# Clicks

LINKS = """
  <a id=out href="https://else.example/shop/?q=secret#x"><b>Out</b></a> <a id=in href="/inside">In</a>
  <a id=mail href="mailto:a@else.example">Mail</a> <div id=box style="height: 40px"></div>
"""


def test_a_link_to_another_host_is_told_without_its_query(candor, open_page):
    candor.body = LINKS
    page = open_page(STAY)
    page.evaluate(
        "box.attachShadow({mode: 'open'}).innerHTML = '<a href=//deep.example/a>Deep</a>'"
    )
    for name in ("In", "Mail", "Out"):
        page.get_by_text(name, exact=True).click()
    page.get_by_text("Out").click(button="middle")
    page.get_by_text("Out").click(button="right")
    page.get_by_text("Deep").click()
    candor.wait_for_event("outbound_click", 3, page=page)
    told = [event["props"] for event in candor.named("outbound_click")]
    out = {"url": "https://else.example/shop/"}
    assert told == [out, out, {"url": "http://deep.example/a"}]


def test_a_click_that_leads_away_is_told_while_the_page_goes(candor, open_page):
    candor.body = f"<a href='{candor.host}/frame'>Away</a>"
    page = open_page()
    page.mouse.move(300, 300)
    candor.wait_for(lambda: [path for path in candor.seen if "/rich." in path])
    enriched(page)
    page.get_by_text("Away").click()
    page.wait_for_url("**/frame")
    assert candor.wait_for_event("outbound_click", page=page)["props"] == {
        "url": f"{candor.host}/frame"
    }


def test_events_are_declared_by_attributes(candor, open_page):
    candor.body = """
      <button data-candor-event=signup data-candor-prop-plan=pro data-candor-prop-paid-by=year
        data-candor-value=4900 data-candor-currency=EUR><b>Sign up</b></button>
      <form data-candor-event=newsletter onsubmit="return false"><input aria-label=Mail><button>Join</button></form>
      <div data-candor-event=outer><i data-candor-event=inner>Nested</i></div>
    """
    page = open_page()
    page.get_by_text("Sign up").click()
    page.get_by_role("textbox").click()
    page.get_by_role("button", name="Join").click()
    page.get_by_text("Nested").click()
    signup = candor.wait_for_event("signup", page=page)
    assert signup["props"] == {"plan": "pro", "paid_by": "year"}
    assert signup["value"] == {"amount": 4900, "currency": "EUR"}
    newsletter = candor.wait_for_event("newsletter", page=page)
    assert "value" not in newsletter
    candor.wait_for_event("inner", page=page)
    assert len(candor.named("newsletter")) == 1 and not candor.named("outer")


def test_the_page_tracks_by_script_also_before_the_widget_is_there(candor, open_page):
    page = open_page(STUB + "candor('track', 'early', {plan: 'pro'})")
    assert candor.wait_for_event("early", page=page)["props"] == {"plan": "pro"}
    page.evaluate(
        "candor('track', 'conversion', {order_id: '7'}, {value: {amount: 4900, currency: 'EUR'}, id: 'own'});"
        "candor('track', 'plain'); candor('track', 'null', null, null)"
    )
    conversion = candor.wait_for_event("conversion", page=page)
    assert conversion["props"] == {"order_id": "7"}
    assert conversion["value"] == {"amount": 4900, "currency": "EUR"}
    assert UUID7.fullmatch(conversion["id"])
    candor.wait_for_event("plain", page=page)
    candor.wait_for_event("null", page=page)


# Campaigns


def test_an_impression_is_a_second_in_sight_once_a_showing(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page(TAB)
    expect(card(page, "Free shipping")).to_be_visible()
    seen = candor.wait_for_event("impression", page=page)
    assert seen["campaign"] == "c-notice" and seen["url"] == candor.page_url
    hide(page)
    reveal(page)
    page.wait_for_timeout(2000)
    hide(page)
    page.wait_for_timeout(200)
    assert len(candor.named("impression")) == 1


def test_what_is_gone_within_a_second_was_not_seen(candor, open_page):
    candor.campaigns = [{**NOTICE, "duration": 0.5}]
    page = open_page(TAB + HEAR)
    page.wait_for_function("heard.length == 2")
    assert page.evaluate("heard.map(([name]) => name)") == ["shown", "closed"]
    page.wait_for_timeout(800)
    hide(page)
    candor.wait_for_event("engagement")
    assert not candor.named("impression")


def test_what_is_shown_in_a_hidden_tab_was_not_seen(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page(TAB, go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    moments(page, until=lambda: card(page, "Free shipping").is_visible())
    hide(page)
    page.clock.run_for(1800)
    hide(page)
    page.wait_for_timeout(200)
    assert not candor.named("impression")
    reveal(page)
    pass_time(page, until=lambda: candor.named("impression"))


def test_what_is_scrolled_away_was_not_seen(candor, open_page):
    # In such a page what is fixed moves with it.
    candor.html, candor.head = "style='transform: translateZ(0)'", TALL_PAGE
    candor.campaigns = [{**NOTICE, "position": "bottom"}]
    page = open_page(TAB)
    expect(card(page, "Free shipping")).to_be_attached()
    page.wait_for_timeout(1800)
    hide(page)
    candor.wait_for_event("engagement")
    assert not candor.named("impression")
    reveal(page)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    candor.wait_for_event("impression", page=page)


def test_clicks_and_closings_by_the_visitor_are_told(candor, open_page):
    candor.campaigns = [NOTICE, {**CARD, "triggers": {"time": 999}}]
    page = open_page()
    page.evaluate("candor('open', 'c-card')")
    expect(card(page, "A gift")).to_be_visible()
    page.evaluate("candor('close', 'c-card')")
    bar = card(page, "Free shipping")
    link = bar.get_by_role("link")
    link.evaluate("(node) => node.addEventListener('click', (e) => e.preventDefault())")
    link.click()
    bar.get_by_role("button", name="Close").click()
    assert candor.wait_for_event("campaign_click", page=page)["campaign"] == "c-notice"
    assert candor.wait_for_event("campaign_close", page=page)["campaign"] == "c-notice"
    assert len(candor.named("campaign_close")) == 1


def test_a_mouse_that_rests_on_a_campaign_hovers_over_it_once_a_showing(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page(TAB)
    bar = card(page, "Free shipping")
    candor.wait_for_event("impression", page=page)
    bar.hover()
    hovered = candor.wait_for_event("campaign_hover", page=page)
    assert hovered["campaign"] == "c-notice" and hovered["url"] == candor.page_url
    page.mouse.move(5, 400)
    page.wait_for_timeout(600)
    bar.hover()
    page.wait_for_timeout(600)
    page.evaluate("candor('close', 'c-notice')")
    expect(bar).not_to_be_attached()
    page.mouse.move(5, 400)
    page.evaluate("candor('open', 'c-notice')")
    bar.hover()
    page.wait_for_timeout(600)
    hide(page)
    candor.wait_for_event("engagement")
    assert len(candor.named("campaign_hover")) == 2


def test_a_tap_does_not_hover(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page(TAB, has_touch=True, is_mobile=True)
    candor.wait_for_event("impression", page=page)
    card(page, "Free shipping").locator("span").tap()
    page.wait_for_timeout(600)
    hide(page)
    candor.wait_for_event("engagement")
    assert not candor.named("campaign_hover")


def test_a_campaign_with_a_limit_a_day_counts_its_impressions_here_as_well(candor, open_page):
    candor.campaigns = [{**NOTICE, "frequency": {"day": 1}}]
    page = open_page()
    expect(card(page, "Free shipping")).to_be_visible()
    candor.wait_for_event("impression", page=page)
    page.evaluate("history.pushState({}, '', '/next')")
    page.get_by_role("button", name="Close").click()
    page.evaluate("history.pushState({}, '', '/third')")
    page.wait_for_timeout(500)
    expect(card(page, "Free shipping")).to_have_count(0)


# Page speed

# The page has been painted, and the browser says so.
PAINTED = """() => new Promise((done) => {
  new PerformanceObserver(() => done()).observe({type: "largest-contentful-paint", buffered: true});
})"""

JUMP = """() => {
  const box = Object.assign(document.createElement("p"), {textContent: "Late", style: "height: 200px"});
  document.body.prepend(box);
}"""

# A click takes a while, of which the browser tells when it has painted what came of it.
SLOW = """
  window.answered = 0;
  addEventListener("click", () => { const until = performance.now() + 80; while (performance.now() < until); });
  new PerformanceObserver((list) => list.getEntries().forEach((e) => {
    if (e.interactionId) answered = Math.max(answered, e.duration);
  })).observe({type: "event", buffered: true, durationThreshold: 16});
"""


def test_page_speed_is_told_once_when_the_page_is_first_left(candor, open_page):
    page = open_page(TAB + SLOW)
    candor.wait_for_event("page_view")
    page.evaluate(PAINTED)
    page.evaluate(JUMP)
    page.wait_for_function("shift > 0")
    page.mouse.move(300, 300)
    candor.wait_for(lambda: [path for path in candor.seen if "/rich." in path])
    enriched(page)
    page.get_by_role("button", name="Buy").click()
    page.wait_for_function("answered >= 64")
    shifted = page.evaluate("shift")
    page.evaluate("shift = 0")
    page.evaluate("history.pushState({}, '', '/next')")
    hide(page)
    vitals = candor.wait_for_event("web_vitals")
    assert vitals["url"] == candor.page_url
    assert 0 < vitals["props"]["lcp"] < 60_000
    assert 64 <= vitals["props"]["inp"] < 60_000
    assert vitals["props"]["cls"] == pytest.approx(shifted, abs=0.001) and shifted > 0.01
    reveal(page)
    hide(page)
    page.wait_for_timeout(200)
    assert len(candor.named("web_vitals")) == 1


def test_a_page_that_nobody_touched_has_no_answer_time(candor, open_page):
    page = open_page(TAB)
    candor.wait_for_event("page_view")
    page.evaluate(PAINTED)
    hide(page)
    props = candor.wait_for_event("web_vitals")["props"]
    assert props["cls"] == 0 and props["lcp"] > 0 and "inp" not in props


def test_a_page_that_was_hidden_before_has_no_speed(candor, open_page):
    page = open_page(TAB + "away = true;")
    candor.wait_for_event("page_view")
    reveal(page)
    page.wait_for_timeout(200)
    hide(page)
    candor.wait_for_event("engagement")
    assert not candor.named("web_vitals")


# The host page


def test_tracking_works_under_a_strict_policy_with_trusted_types(candor, open_page):
    policy = STRICT_CSP.format(host=candor.host, ws=candor.host.replace("http", "ws"))
    candor.page_headers = {"Content-Security-Policy": policy}
    page = open_page()
    page.mouse.move(300, 300)
    candor.wait_for(lambda: [path for path in candor.seen if "/rich." in path])
    page.evaluate("candor('track', 'signup')")
    # Not hurried: a socket that is left while it opens is an error on the console.
    candor.wait_for_event("signup")
    assert page.console_errors == []


def test_what_a_page_did_to_json_does_not_spoil_events(candor, open_page):
    page = open_page("Array.prototype.toJSON = () => 'spoilt'; Object.prototype.polluted = 'x';")
    page.evaluate("candor('track', 'signup', {plan: 'pro'})")
    assert candor.wait_for_event("signup", page=page)["props"] == {"plan": "pro"}


def test_nothing_but_loader_and_core_is_loaded_before_anybody_does_anything(candor, open_page):
    candor.campaigns = [NOTICE, {**CARD, "triggers": {"scroll": 50}}]
    page = open_page()
    joined(candor)
    expect(card(page, "Free shipping")).to_be_visible()
    page.wait_for_timeout(300)
    loaded = [path for path in candor.seen if path.startswith(("/w/", "/static/"))]
    assert len(loaded) == 2 and not [path for path in loaded if "rich" in path]
    page.mouse.move(300, 300)
    candor.wait_for(lambda: [path for path in candor.seen if "/rich." in path])


def test_without_its_second_part_plain_cards_still_stand_and_nothing_breaks(candor, open_page):
    candor.campaigns = [NOTICE, {**CARD, "renderer": "bubble", "position": "bottom-left"}]
    page = open_page(go=False)
    page.route("**/rich.*", lambda route: route.fulfill(status=404))
    page.goto(candor.page_url)
    expect(card(page, "Free shipping")).to_be_visible()
    page.evaluate("candor('open', 'c-card'); candor('hide')")
    page.mouse.move(300, 300)
    page.get_by_role("button", name="Buy").click()
    page.wait_for_timeout(300)
    expect(card(page, "A gift")).to_have_count(0)
    card(page, "Free shipping").get_by_role("button", name="Close").click()
    expect(card(page, "Free shipping")).to_have_count(0)


def test_the_page_hears_how_many_visitors_there_are(candor, open_page):
    page = open_page(STUB + "window.heard = []; candor('on', 'visitors', (e) => heard.push(e))")
    joined(candor)
    candor.push({"type": "visitor_count", "data": {"current_visitors": 7, "recent_activity": 3}})
    page.wait_for_function("heard.length")
    assert page.evaluate("heard") == [{"current_visitors": 7, "recent_activity": 3}]


LIVE = {**NOTICE, "id": "c-live", "format": "live_visitors"}


def test_live_visitors_are_a_sentence_of_the_server(candor, open_page):
    candor.campaigns = [
        {key: value for key, value in LIVE.items() if key not in ("message", "link")}
    ]
    page = open_page()
    joined(candor)
    expect(card(page, "")).to_have_count(0)
    said = {"campaign": "c-live", "message": "7 people are here", "as_of": "2026-01-01T10:00:00Z"}
    candor.push({"type": "summary", "data": said})
    expect(card(page, "7 people are here")).to_be_visible()
