import pytest
from playwright.sync_api import expect, sync_playwright

from .stand_in import StandIn

expect.set_options(timeout=3000)

CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# The root is closed to host pages; the tests look inside.
OPEN_ROOTS = """
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function () { return attach.call(this, {mode: "open"}) };
"""

# What a host page's owner could notice: errors, broken promises, policy violations, layout shifts.
WATCH = """
  window.noticed = []; window.shift = 0;
  addEventListener("error", (e) => noticed.push("error " + e.message));
  addEventListener("unhandledrejection", (e) => noticed.push("rejection " + e.reason));
  addEventListener("securitypolicyviolation", (e) => noticed.push("csp " + e.violatedDirective + " " + e.blockedURI));
  new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value }))
    .observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stand_in():
    stand_in = StandIn()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def candor(stand_in):
    """The stand-in of the server, as new."""
    stand_in.reset()
    yield stand_in
    stand_in.drop_sockets()


@pytest.fixture
def open_page(browser, candor):
    """Opens the host page of `candor`; the page must not have noticed anything when the test ends."""
    contexts = []

    def open_page(init="", go=True, closed=False, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.console_errors = []
        page.on("console", lambda m: m.type == "error" and page.console_errors.append(m.text))
        page.add_init_script(WATCH + ("" if closed else OPEN_ROOTS))
        if init:
            page.add_init_script(init)
        if go:
            page.goto(candor.page_url)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            noticed, shift = page.evaluate("[window.noticed || [], window.shift || 0]")
            assert noticed == []
            assert shift == 0
        context.close()
