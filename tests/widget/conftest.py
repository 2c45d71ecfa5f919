import pytest
from playwright.sync_api import expect

from tests.pages import OPEN_ROOTS, WATCH

from .stand_in import StandIn

expect.set_options(timeout=10_000)


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
        # What is measured stands still, unless a test is about motion.
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
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
            # What a page still has to tell when it goes is not for the next test.
            page.evaluate("navigator.sendBeacon = () => true")
        context.close()
