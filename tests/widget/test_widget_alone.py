"""The widget in a real browser against a stand-in of the server."""

import re

import pytest
from playwright.sync_api import expect

from .hosts import REGION, at_rest, enriched, moments, pass_time, stop_clock
from .stand_in import ACTIVITIES, KEY, NOTICE

STRICT_CSP = (
    "default-src 'self'; script-src {host}; connect-src {host} {ws}; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types candor"
)


def card(page, text):
    return page.locator("candor-widget .card", has_text=text)


def joined(candor):
    candor.wait_for(lambda: candor.sockets)


# The code with which the page's socket was closed, once the page has heard of it.
CODES = """
  window.codes = [];
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...about) {
      super(...about);
      this.addEventListener("close", ({ code }) => codes.push(code));
    }
  };
"""


def settled(candor):
    """How many requests there were once what a page does when it opens has arrived: the greeting of
    its socket, a first reading and a first event."""
    candor.wait_for(lambda: candor.sockets and candor.reads and candor.named("page_view"))
    return len(candor.seen)


# What visitors see


def test_a_notification_from_the_socket_is_shown_with_its_time_place_and_receipt(candor, open_page):
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks", location="Lyon, France")
    shown = card(page, "Ada bought socks")
    expect(shown).to_contain_text("Lyon, FranceWhy am I seeing this?2 minutes ago")
    why = shown.get_by_role("link")
    expect(why).to_have_attribute("href", f"{candor.host}/proof/r-a1")
    expect(why).to_have_attribute("target", "_blank")
    expect(why).to_have_attribute("rel", "noopener")


def test_it_joins_with_its_site_and_what_the_page_may_share(candor, open_page):
    open_page(go=False).goto(candor.page_url + "?secret=1#x")
    joined(candor)
    join = candor.joins[0]
    assert (join["type"], join["site"]) == ("join_widget", KEY)
    assert join["visitor_data"] == {"page": candor.page_url, "device": "desktop", "locale": "en-US"}


def test_a_live_notification_comes_before_the_replayed_ones_even_before_the_delay(
    candor, open_page
):
    candor.campaigns = [{**ACTIVITIES, "triggers": {"delay": 60}}]
    candor.happen("old", "An old one")
    page = open_page()
    joined(candor)
    candor.happen("new", "A live one")
    expect(card(page, "A live one")).to_be_visible()
    expect(card(page, "An old one")).to_have_count(0)


def test_the_last_days_are_replayed_newest_first_and_each_only_once(candor, open_page):
    candor.campaigns = [{**ACTIVITIES, "duration": 0.15, "gap": 0.05}]
    for n in range(3):
        candor.happen(f"a{n}", f"Buyer {n}", minutes=30 - n)
    page = open_page("""
      window.shown = []; window.candor = function () { (candor.q = candor.q || []).push(arguments) };
      candor("on", "shown", (e) => shown.push(e.id));
    """)
    page.wait_for_function("shown.length == 3")
    page.wait_for_timeout(500)
    assert page.evaluate("shown") == ["a2", "a1", "a0"]


def test_the_time_may_stand_inside_the_message(candor, open_page):
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks {{time_ago}} in Lyon", minutes=180, location="Lyon")
    expect(card(page, "Ada bought socks 3 hours ago in Lyon")).to_be_visible()
    expect(page.locator("candor-widget small")).to_have_text("Why am I seeing this?")


def test_the_time_is_kept_fresh(candor, open_page):
    page = open_page(go=False)
    page.clock.install()
    page.goto(candor.page_url)
    joined(candor)
    candor.happen("a1", minutes=1)
    expect(card(page, "1 minute ago")).to_be_visible()
    page.clock.run_for(65_000)
    expect(card(page, "2 minutes ago")).to_be_visible()


def test_a_retracted_activity_disappears_at_once_and_never_comes_back(candor, open_page):
    page = open_page(go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    moments(page, until=lambda: card(page, "Ada bought").is_visible())
    candor.happen("a2", "Bob bought socks")
    candor.retract("a2")
    candor.retract("a1")
    # While no time passes.
    expect(card(page, "Ada bought")).to_have_count(0)
    page.clock.run_for(300)
    expect(page.locator("candor-widget .card")).to_have_count(0)


# Whether the bubble is below the bar.
APART = """() => {
  const [bar, bubble] = [".bar", ".bubble"].map((kind) =>
    document.querySelector("candor-widget").shadowRoot.querySelector(kind).getBoundingClientRect());
  return bubble.top >= bar.bottom;
}"""


def test_one_bubble_at_a_time_and_a_bar_beside_it_without_overlap(candor, open_page):
    candor.campaigns = [{**ACTIVITIES, "position": "top-left"}, NOTICE]
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada bought")).to_be_visible()
    candor.happen("a2", "Bob bought socks")
    expect(card(page, "Free shipping")).to_be_visible()
    page.wait_for_timeout(500)
    expect(page.locator("candor-widget .bubble")).to_have_count(1)
    page.wait_for_function(APART)


def test_it_hides_after_its_duration_but_not_under_the_pointer_or_focus(candor, open_page):
    candor.campaigns = [{**ACTIVITIES, "duration": 0.75}]
    page = open_page(go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    moments(page, until=lambda: card(page, "Ada").is_visible())
    page.mouse.move(100, 680)
    page.clock.run_for(1000)
    expect(card(page, "Ada")).to_be_visible()
    card(page, "Ada").get_by_role("link").focus()
    page.mouse.move(600, 10)
    page.clock.run_for(1000)
    expect(card(page, "Ada")).to_be_visible()
    page.get_by_role("button", name="Buy").focus()
    page.clock.run_for(1000)
    expect(card(page, "Ada")).to_have_count(0)


def test_nothing_is_shown_while_the_tab_is_hidden(candor, open_page):
    page = open_page("let h = true; Object.defineProperty(Document.prototype, 'hidden', {configurable: true, get: () => h});"
                     "window.reveal = () => { h = false; document.dispatchEvent(new Event('visibilitychange')) }")  # fmt: skip
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    page.wait_for_timeout(300)
    expect(page.locator("candor-widget .card")).to_have_count(0)
    page.evaluate("reveal()")
    expect(card(page, "Ada")).to_be_visible()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//shop.example"])
def test_only_http_links_are_links(candor, open_page, url):
    candor.campaigns = [{**NOTICE, "link": {"url": url, "label": "Click"}}]
    page = open_page()
    expect(card(page, "Free shipping")).to_be_visible()
    expect(page.locator("candor-widget a")).to_have_count(0)


def test_markup_in_a_message_stays_text(candor, open_page):
    page = open_page()
    joined(candor)
    candor.happen("a1", "<img src=x onerror=noticed.push('xss')> & {{7*7}}")
    expect(card(page, "<img src=x onerror=noticed.push('xss')> & {{7*7}}")).to_be_visible()


# Transport


def test_without_a_socket_it_polls(candor, open_page):
    page = open_page("delete window.WebSocket", go=False)
    page.clock.install()
    page.goto(candor.page_url)
    candor.wait_for(lambda: None in candor.reads)
    candor.happen("a1", "Ada bought socks", push=False)
    pass_time(page, until=lambda: card(page, "Ada").is_visible())
    candor.retract("a1", push=False)
    pass_time(page, until=lambda: not card(page, "Ada").is_visible())
    assert candor.reads[-1] == 1


def test_a_refused_socket_is_tried_again_while_polling(candor, open_page):
    candor.socket_open = False
    page = open_page(CODES)
    page.wait_for_function("codes.length")
    candor.socket_open = True
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()


def test_a_gap_is_healed_after_reconnecting_and_nothing_is_shown_twice(candor, open_page):
    candor.campaigns = [{**ACTIVITIES, "duration": 0.2}]
    page = open_page("""
      window.shown = []; window.candor = function () { (candor.q = candor.q || []).push(arguments) };
      candor("on", "shown", (e) => shown.push(e.id));
    """)
    joined(candor)
    candor.happen("a1")
    page.wait_for_function("shown.length == 1")
    candor.happen("lost", push=False)
    candor.drop_sockets(1012)
    joined(candor)
    candor.happen("a3")
    page.wait_for_function("shown.length == 3")
    page.wait_for_timeout(300)
    assert sorted(page.evaluate("shown")) == ["a1", "a3", "lost"]
    assert candor.joins[1]["visitor"] == "token-1"


def test_resync_reads_from_the_cursor(candor, open_page):
    page = open_page()
    joined(candor)
    candor.happen("lost", "Ada bought socks", push=False)
    candor.push({"type": "resync"})
    expect(card(page, "Ada")).to_be_visible()


def test_a_retraction_that_overtakes_the_list_wins(candor, open_page):
    page = open_page()
    joined(candor)
    candor.push({"type": "retract", "cursor": 2, "activity": "a1"})
    candor.happen("a1")
    page.wait_for_timeout(300)
    expect(page.locator("candor-widget .card")).to_have_count(0)


def test_a_refusal_by_the_server_is_final(candor, open_page):
    page = open_page(CODES, go=False)
    page.clock.install()
    page.goto(candor.page_url)
    before = settled(candor)
    candor.drop_sockets(1008)
    page.wait_for_function("codes.includes(1008)")
    pass_time(page, seconds=200)
    assert len(candor.seen) == before


@pytest.mark.parametrize("what", ["notifications", "events"])
def test_a_site_that_is_gone_is_not_asked_again(candor, open_page, what):
    page = open_page(CODES, go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    moments(page, until=lambda: candor.named("page_view"))
    settled(candor)
    candor.happen("a1", "Ada bought socks")
    moments(page, until=lambda: card(page, "Ada").is_visible())
    candor.status, candor.troubled = 404, what
    candor.drop_sockets(1012)
    page.wait_for_function("codes.includes(1012)")
    # The socket is there again, so that it is not on its way when the page is told.
    page.clock.run_for(1500)
    joined(candor)
    # Whoever is told first, nothing of the site stays.
    pass_time(page, until=lambda: not card(page, "Ada").is_visible())
    at_rest(page)
    before = len(candor.seen)
    pass_time(page, seconds=200)
    assert len(candor.seen) == before


def test_strict_mode_shows_notices_and_asks_for_nothing(candor, open_page):
    candor.mode, candor.campaigns = "strict", [ACTIVITIES, NOTICE]
    page = open_page()
    expect(card(page, "Free shipping")).to_be_visible()
    page.wait_for_timeout(300)
    assert not [path for path in candor.seen if path.startswith("/widget/")]


def test_nothing_is_stored_on_the_device(candor, open_page):
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada")
    expect(card(page, "Ada")).to_be_visible()
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [
        0,
        0,
        "",
    ]
    assert page.context.cookies() == []


def test_a_published_revision_reaches_an_open_page(candor, open_page):
    candor.campaigns = [ACTIVITIES, NOTICE]
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_have_class(re.compile("bottom left"))
    candor.publish([{**ACTIVITIES, "position": "top-right", "theme": "dark"}])
    expect(card(page, "Ada")).to_have_class(re.compile("top right dark"))
    expect(card(page, "Free shipping")).to_have_count(0)
    candor.publish([{**NOTICE, "id": "c-new", "message": "A new notice"}])
    expect(card(page, "A new notice")).to_be_visible()
    expect(card(page, "Ada")).to_have_count(0)


def test_what_is_published_while_there_is_no_socket_comes_with_the_next(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page()
    joined(candor)
    candor.drop_sockets()
    candor.publish([{**NOTICE, "id": "c-new", "message": "A new notice"}], push=False)
    expect(card(page, "A new notice")).to_be_visible()


def test_a_greeting_without_a_revision_leaves_the_page_in_hearing(candor, open_page):
    candor.names_revision, candor.campaigns = False, [NOTICE]
    page = open_page()
    joined(candor)
    candor.publish([{**NOTICE, "id": "c-new", "message": "A new notice"}])
    expect(card(page, "A new notice")).to_be_visible()


def test_it_lets_go_of_the_socket_when_the_page_is_left_and_returns_with_it(candor, open_page):
    page = open_page()
    joined(candor)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    candor.wait_for(lambda: not candor.sockets)
    candor.happen("lost", "Ada bought socks", push=False)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    joined(candor)
    expect(card(page, "Ada")).to_be_visible()
    assert len(candor.joins) == 2


# The host page


def test_it_works_under_a_strict_policy_with_trusted_types(candor, open_page):
    policy = STRICT_CSP.format(host=candor.host, ws=candor.host.replace("http", "ws"))
    candor.page_headers = {"Content-Security-Policy": policy}
    candor.campaigns = [ACTIVITIES, NOTICE]
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()
    expect(card(page, "Free shipping")).to_be_visible()
    # Styled, not merely present: the sheets were not refused.
    expect(card(page, "Ada")).to_have_css("border-radius", "14px")
    page.wait_for_timeout(300)
    assert page.console_errors == []


def test_a_page_that_forbids_its_policy_sees_a_silent_widget(candor, open_page):
    policy = "require-trusted-types-for 'script'; trusted-types 'none'"
    candor.page_headers = {"Content-Security-Policy": policy}
    page = open_page()
    # The policy that was refused, and the address that goes without it.
    page.wait_for_function("noticed.length >= 2")
    page.wait_for_timeout(300)
    assert [
        entry for entry in page.evaluate("noticed.splice(0)") if not entry.startswith("csp")
    ] == []


HOSTILE = {
    "prototypes": """
      Array.prototype.toJSON = function () { return "spoilt" };
      Array.prototype.extra = function () {};
      Object.prototype.polluted = "x"; Object.prototype.config = {}; Object.prototype.link = "x"; Object.prototype.live = true;
      String.prototype.toJSON = String.prototype.valueOf;
      Element.prototype.hide = Element.prototype.show = function () { return this };
    """,
    "broken": """
      String.prototype.split = Array.prototype.map = Array.prototype.find = () => { throw new Error("broken") };
    """,
    "no observers": "delete window.matchMedia; delete window.AbortSignal; Object.freeze(Object.prototype);",
    "frozen": "Object.freeze(Array.prototype); Object.freeze(Element.prototype); Object.freeze(Node.prototype);",
    "json": "JSON.stringify = JSON.parse = () => { throw new Error('json') };",
    "console": "console.error = console.log = () => { throw new Error('console') };",
}


@pytest.mark.parametrize("init", HOSTILE.values(), ids=HOSTILE.keys())
def test_overridden_prototypes_never_surface_on_the_page(candor, open_page, init):
    candor.campaigns = [ACTIVITIES, NOTICE]
    candor.happen("a1", "Ada bought socks")
    page = open_page(init)
    page.wait_for_timeout(300)
    # Works or stays silent: open_page has seen to it that nothing was noticed.
    assert page.locator("h1").is_visible()


def test_it_works_although_prototypes_were_extended(candor, open_page):
    page = open_page(HOSTILE["prototypes"])
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()


def test_it_works_on_a_clobbered_document(candor, open_page):
    names = [
        "body",
        "head",
        "documentElement",
        "createElement",
        "createElementNS",
        "hidden",
        "addEventListener",
        "currentScript",
    ]
    candor.body = "".join(f"<form name={name}></form><img name={name}>" for name in names)
    candor.body += "<form id=candor></form><form name=candor></form>"
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()


def test_hostile_styles_do_not_reach_it(candor, open_page):
    candor.head = "<style>* {font-size: 80px !important; letter-spacing: 9px !important} body ~ * {display: none !important; opacity: 0 !important; inset: auto !important; transform: scale(9)}</style>"
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()
    expect(card(page, "Ada")).to_have_css("font-size", "14px")


def test_the_snippet_twice_is_one_widget(candor, open_page):
    candor.snippets = 2
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()
    page.wait_for_timeout(200)
    expect(page.locator("candor-widget")).to_have_count(1)
    assert len(candor.joins) == 1
    assert len([path for path in candor.seen if path.startswith("/static/")]) == 1


def test_candor_is_the_only_global_and_the_root_is_closed(candor, open_page):
    page = open_page(
        "window.before = new Set(Object.keys(window)); before.add('before')", closed=True
    )
    joined(candor)
    assert page.evaluate(
        "Object.keys(window).filter((name) => !before.has(name) && isNaN(name))"
    ) == ["candor"]
    assert page.evaluate("document.querySelector('candor-widget').shadowRoot") is None


def test_it_survives_single_page_navigation(candor, open_page):
    page = open_page()
    joined(candor)
    page.evaluate("""
      history.pushState({}, "", "/next");
      document.body.replaceWith(document.createElement("body"));
      document.documentElement.replaceChildren(document.createElement("body"));
    """)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()
    page.evaluate("noticed.splice(0)")


@pytest.mark.parametrize("trouble", ["down", "slow", "core missing", "blocked"])
def test_without_a_server_the_page_is_untouched(candor, open_page, trouble):
    page = open_page(go=False)
    if trouble == "down":
        candor.status = 503
    if trouble == "slow":
        candor.hold("/")
    if trouble == "core missing":
        page.route("**/static/widget/core*", lambda route: route.fulfill(status=404))
    if trouble == "blocked":
        page.route("**/w/*.js", lambda route: route.abort())
    page.goto(candor.page_url, wait_until="domcontentloaded")
    assert page.locator("h1").is_visible()
    page.wait_for_timeout(200)
    assert page.locator("candor-widget").count() == 0


def test_a_server_that_goes_down_later_is_not_noticed(candor, open_page):
    page = open_page(CODES, go=False)
    page.clock.install()
    page.goto(candor.page_url)
    joined(candor)
    candor.status, candor.socket_open = 503, False
    candor.drop_sockets(1011)
    pass_time(page, until=lambda: page.evaluate("codes.length") >= 3)
    candor.status, candor.socket_open = 200, True
    pass_time(page, until=lambda: candor.sockets)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()


@pytest.mark.parametrize(
    "answer",
    ["null", '{"notifications": 5}', "<html>", '{"notifications": [null], "retracted": []}'],
)
def test_nonsense_from_the_network_is_not_noticed(candor, open_page, answer):
    candor.campaigns = [ACTIVITIES, NOTICE]
    page = open_page(go=False)
    page.route(
        "**/notifications/**",
        lambda route: route.fulfill(body=answer, headers={"Access-Control-Allow-Origin": "*"}),
    )
    page.goto(candor.page_url)
    joined(candor)
    for frame in [
        None,
        [],
        7,
        {"type": "toString"},
        {"type": "notification"},
        {"type": "error", "code": "unknown_type"},
    ]:
        candor.push(frame)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()


def test_an_old_browser_stays_silent(candor, open_page):
    candor.head = "<script>window.candor = function () { (candor.q = candor.q || []).push(arguments) }; candor('show')</script>"
    page = open_page(
        "delete Document.prototype.adoptedStyleSheets; delete ShadowRoot.prototype.adoptedStyleSheets;"
    )
    page.wait_for_timeout(300)
    assert not [path for path in candor.seen if path.startswith("/static/")]
    assert page.console_errors == []


# People


def test_it_is_a_polite_live_region_that_is_there_before_its_content(candor, open_page):
    page = open_page()
    joined(candor)
    region = page.locator(REGION)
    expect(region).to_be_empty()
    candor.happen("a1", "Ada bought socks")
    expect(region).to_contain_text("Ada bought socks")


def test_it_is_closed_by_its_button_and_by_escape_only_from_within(candor, open_page):
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    close = page.get_by_role("button", name="Close")
    box = close.bounding_box()
    assert min(box["width"], box["height"]) >= 24
    page.get_by_role("button", name="Buy").focus()
    page.keyboard.press("Escape")
    # Who listens to the keyboard is there by now.
    enriched(page)
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    expect(card(page, "Ada")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(close).to_be_focused()
    page.keyboard.press("Escape")
    expect(card(page, "Ada")).to_have_count(0)
    expect(page.get_by_role("button", name="Buy")).to_be_focused()
    candor.happen("a2", "Bob bought socks")
    close.click()
    expect(card(page, "Bob")).to_have_count(0)


def test_a_campaign_that_may_not_be_closed_has_no_button(candor, open_page):
    candor.campaigns = [{**NOTICE, "closable": False}]
    page = open_page()
    expect(card(page, "Free shipping")).to_be_visible()
    expect(page.get_by_role("button", name="Close")).to_have_count(0)


def test_reduced_motion_means_no_animation(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page(reduced_motion="reduce")
    expect(card(page, "Free shipping")).to_have_css("animation-name", "none")
    page = open_page(reduced_motion="no-preference")
    expect(card(page, "Free shipping")).not_to_have_css("animation-name", "none")


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_it_fits_a_phone_and_follows_the_direction(candor, open_page, direction):
    candor.html = f"dir={direction}"
    page = open_page(viewport={"width": 320, "height": 640})
    joined(candor)
    candor.happen("a1", "A very long name that goes on bought " + "socks" * 30)
    shown = card(page, "A very long")
    expect(shown).to_be_visible()
    box = shown.bounding_box()
    assert box["x"] >= 8 and box["x"] + box["width"] <= 312
    close, icon = (
        page.get_by_role("button", name="Close").bounding_box(),
        page.locator("candor-widget i").bounding_box(),
    )
    assert (close["x"] > icon["x"]) == (direction == "ltr")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


# The page's own script


def test_calls_made_before_load_are_kept(candor, open_page):
    candor.campaigns = [ACTIVITIES, NOTICE]
    page = open_page("""
      window.heard = []; window.candor = function () { (candor.q = candor.q || []).push(arguments) };
      candor("on", "ready", (e) => heard.push(["ready", e.revision]));
      candor("on", "notification", () => { throw new Error("the page's own") });
      candor("on", "notification", async () => { throw new Error("the page's own") });
      candor("on", "notification", (e) => heard.push(["notification", e.id]));
      candor("on", "retract", (e) => heard.push(["retract", e.activity]));
      candor("hide");
      candor("nonsense"); candor(); candor("on");
    """)
    joined(candor)
    candor.happen("a1")
    candor.retract("a1")
    page.wait_for_function("heard.length == 3")
    assert page.evaluate("heard") == [["ready", 1], ["notification", "a1"], ["retract", "a1"]]
    expect(page.locator("candor-widget .card")).to_have_count(0)
    page.evaluate("candor('show')")
    expect(card(page, "Free shipping")).to_be_visible()


def test_hide_takes_everything_away_until_show(candor, open_page):
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(card(page, "Ada")).to_be_visible()
    page.evaluate("candor('hide')")
    expect(card(page, "Ada")).to_be_hidden()
    page.evaluate("candor('show')")
    expect(card(page, "Ada")).to_be_visible()


def test_show_brings_back_a_closed_notice_and_forward_a_late_one(candor, open_page):
    candor.campaigns = [
        NOTICE,
        {
            **NOTICE,
            "id": "late",
            "position": "bottom-left",
            "renderer": "bubble",
            "triggers": {"delay": 60},
            "message": "Late",
        },
    ]
    page = open_page("""
      window.heard = []; window.candor = function () { (candor.q = candor.q || []).push(arguments) };
      candor("on", "closed", window.listener = (e) => heard.push(e.reason));
    """)
    card(page, "Free shipping").get_by_role("button", name="Close").click()
    expect(card(page, "Free shipping")).to_have_count(0)
    page.evaluate(
        "candor('off', 'closed', listener); candor('show', 'c-notice'); candor('show', 'late')"
    )
    expect(card(page, "Free shipping")).to_be_visible()
    expect(card(page, "Late")).to_be_visible()
    card(page, "Late").get_by_role("button", name="Close").click()
    expect(card(page, "Late")).to_have_count(0)
    assert page.evaluate("heard") == ["user"]
