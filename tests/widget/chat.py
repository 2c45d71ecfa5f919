"""What the tests of the visitor's chat share: who opens the page, and where in it things are."""

from playwright.sync_api import expect

from .hosts import STUB

PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36"
)
NOT_DRIVEN = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })"
# What moves, in the page or in the panel, and not because of what somebody has just done. Where a test
# puts a message among others, those move on; what is in the panel has no name for the page.
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


def wait_until(page, what):
    for _ in range(150):
        if what():
            return
        page.wait_for_timeout(100)
    raise AssertionError("waited in vain")


def standing(page):
    return page.locator("candor-widget article.visitor small").last


def menu(page, name):
    panel(page).locator("header summary").click()
    panel(page).locator("header").get_by_role("button", name=name).click()
