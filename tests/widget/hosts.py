"""What tests need of a host page besides the page itself."""

import time
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

STUB = "window.candor = function () { (candor.q = candor.q || []).push(arguments) };"

# Where cards appear.
REGION = "candor-widget div[aria-live=polite]"

# A page that says what it hears of its campaigns.
HEAR = (
    STUB
    + "window.heard = []; for (const name of ['shown', 'closed', 'clicked', 'copied']) candor('on', name, (e) => heard.push([name, e]));"
)

# A page that says when its socket has been greeted, and what it hears there.
GREETED = """
  window.frames_heard = [];
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...about) {
      super(...about);
      this.addEventListener("message", ({data}) => {
        window.greeted ||= data.includes('"joined"');
        frames_heard.push(data);
      });
    }
  };
"""

# A browser as Firefox was until version 118.
NO_REFLECTION = """
  for (const name of Object.keys(Element.prototype)) if (/^aria[A-Z]/.test(name)) delete Element.prototype[name];
"""

# Whether the tab is in sight, as the test says.
TAB = """
  let away = false;
  Object.defineProperty(Document.prototype, "hidden", {configurable: true, get: () => away});
  window.turn = (hidden) => { away = hidden; document.dispatchEvent(new Event("visibilitychange")) };
"""

STORED = """async () => ({
  local: {...localStorage}, session: {...sessionStorage}, cookie: document.cookie,
  databases: (await indexedDB.databases?.() || []).length, caches: await window.caches?.keys() || [],
})"""

NOTHING = {"local": {}, "session": {}, "cookie": "", "databases": 0, "caches": []}


def hide(page):
    page.evaluate("turn(true)")


def reveal(page):
    page.evaluate("turn(false)")


def watch(page):
    """Keeps what the page has asked for and has not been answered."""
    page.under_way = set()
    page.on("request", lambda request: page.under_way.add(request))
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: page.under_way.discard(request))


def at_rest(page):
    """Once all that the page asked for is answered, and the page has heard it: what a server has
    counted may still be on its way back."""
    deadline = time.monotonic() + 15
    quiet = 0
    while quiet < 2:
        assert time.monotonic() < deadline, "waited in vain"
        page.wait_for_timeout(20)
        page.evaluate("0")
        quiet = 0 if page.under_way else quiet + 1


def enriched(page, clock_stands=False):
    """Once the widget's second part is there and has done what it was asked for before."""
    region = page.locator(REGION)
    page.evaluate("candor('hide')")
    if clock_stands:
        moments(page, until=lambda: region.evaluate("(node) => node.hidden"))
    expect(region).to_have_js_property("hidden", True)
    page.evaluate("candor('show')")
    expect(region).to_have_js_property("hidden", False)


def scroll(page, top):
    """Scrolls to there, and until the page has heard of it."""
    page.evaluate(
        """(top) => new Promise((done) => {
          addEventListener("scroll", () => done(), {once: true});
          scrollTo(0, top);
        })""",
        top,
    )


def stop_clock(page):
    """From now on the page's time stands still unless the test lets it pass."""
    now = datetime.now(UTC)
    page.clock.install(time=now - timedelta(minutes=1))
    page.clock.pause_at(now)


def moments(page, until):
    """Lets hardly any of the page's time pass: what is to be done at once is done."""
    deadline = time.monotonic() + 15
    while not until():
        assert time.monotonic() < deadline, "waited in vain"
        page.clock.run_for(1)
        page.wait_for_timeout(10)


def pass_time(page, until=None, seconds=120):
    """Lets the page's clock run in steps, between which the network is given the time it takes."""
    for _ in range(0, seconds, 5):
        page.clock.run_for(5000)
        at_rest(page)
        if until and until():
            return
    assert not until, "waited in vain"
