"""What the tests of tracking need of a host page besides the page itself."""

STUB = "window.candor = function () { (candor.q = candor.q || []).push(arguments) };"

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
