"""What the tests of the visitor's chat share: who opens the page, and where in it things are."""

import time

from playwright.sync_api import expect

from .hosts import STUB

PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36"
)
NOT_DRIVEN = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })"
# What moves, in the page or in the panel, and not because of what somebody has just done: within half a
# second, as the browser has it. Where a test puts a message among others, or has the panel answer later
# than that, what is in the panel moves on; it has no name for the page.
MOVES = """
  window.moved = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((e) => {
    if (!e.hadRecentInput && (!window.inserts || e.sources.some(({node}) => node))) moved += e.value;
  })).observe({type: "layout-shift", buffered: true});
"""
INSERTS = "window.inserts = true;"
# A page that says it has heard.
HEARD = (
    STUB
    + """
  window.heard = [];
  for (const name of ["chat_opened", "chat_closed", "chat_message"])
    candor("on", name, (data) => heard.push([name, data]));
"""
)
# Whether its newest socket was greeted with the name of the guest, and how many calls wait for an answer.
KNOWN = """
  (() => {
    const ask = fetch;
    window.asking = 0;
    window.fetch = (...said) => {
      const answer = ask(...said);
      const over = () => setTimeout(() => (asking -= 1), 100);
      asking += 1;
      answer.then((each) => each.clone().text()).then(over, over);
      return answer;
    };
    const Socket = WebSocket;
    window.WebSocket = class extends Socket {
      constructor(...named) {
        super(...named);
        window.line = this;
        this.addEventListener("message", ({data}) => (this.greeted ||= data.includes('"joined"')));
      }
      send(text) {
        const said = JSON.parse(text);
        if (said.type == "join_widget") this.named = said.chat;
        super.send(text);
      }
    };
  })();
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8"
    "cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


def launcher(page):
    return page.locator("candor-widget > button.card, candor-widget button.card")


def panel(page):
    return page.locator("candor-widget .chat")


def messages(page):
    return page.locator("candor-widget article span")


def open_chat(page):
    launcher(page).click()
    expect(panel(page)).to_be_visible()
    expect(panel(page).locator("textarea, form").first).to_be_visible()


def write(page, text):
    panel(page).locator("textarea").fill(text)
    panel(page).locator("textarea").press("Enter")


def wait_until(page, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        page.wait_for_timeout(100)


def is_known(page):
    """Waits until what is told to the guest comes over the socket, and what was asked is answered: a
    page that was opened with `KNOWN`."""
    page.wait_for_function("window.line?.named && line.greeted && line.readyState == 1 && !asking")


def standing(page):
    return page.locator("candor-widget article.visitor small").last


def menu(page, name):
    panel(page).locator("header summary").click()
    panel(page).locator("header").get_by_role("button", name=name).click()
