"""What is stored and sent with and without the visitor's consent."""

import pytest

from .hosts import GREETED, NOTHING, STORED, STUB, TAB, at_rest, hide, reveal
from .stand_in import ACTIVITIES, NOTICE
from .test_widget_alone import joined, settled

# A page whose sockets bring what the server said only when the test lets them.
LATE_FRAMES = """
  const Socket = WebSocket;
  window.late = [];
  window.WebSocket = class extends Socket {
    set onmessage(work) {
      super.onmessage = (event) => late.push(() => work(event));
    }
  };
"""


def asked(candor):
    return [path for path in candor.seen if path.startswith("/widget/")]


def use(page):
    """What a visitor does on a page."""
    page.evaluate("candor('track', 'signup'); history.pushState({}, '', '/next')")
    page.mouse.move(300, 300)
    page.get_by_role("button", name="Buy").click()


def test_without_consent_nothing_is_stored(candor, open_page):
    page = open_page(TAB)
    joined(candor)
    use(page)
    hide(page)
    reveal(page)
    candor.wait_for_event("signup", page=page)
    assert page.evaluate(STORED) == NOTHING
    assert page.context.cookies() == []


def test_a_strict_site_sends_and_stores_nothing_before_consent(candor, open_page):
    candor.mode, candor.campaigns = "strict", [ACTIVITIES, NOTICE]
    page = open_page(TAB)
    candor.wait_for(lambda: [path for path in candor.seen if "/core." in path])
    use(page)
    hide(page)
    reveal(page)
    page.evaluate("candor('consent', false)")
    page.wait_for_timeout(1000)
    assert asked(candor) == []
    assert page.evaluate(STORED) == NOTHING


def test_a_strict_site_begins_with_consent_and_remembers_it(candor, open_page):
    candor.mode = "strict"
    page = open_page(STUB + "candor('track', 'before')")
    page.evaluate("candor('consent', true)")
    candor.wait_for_event("page_view")
    joined(candor)
    assert candor.calls[0]["consent"] is True
    page.wait_for_function("localStorage.candor == 'token-1'")
    assert not candor.named("before")
    candor.drop_sockets()
    candor.calls.clear()
    page.reload()
    candor.wait_for_event("page_view")
    assert (candor.calls[-1]["visitor"], candor.calls[-1]["consent"]) == ("token-1", True)
    joined(candor)


def test_withdrawal_erases_at_once_and_stops_a_strict_site(candor, open_page):
    candor.mode = "strict"
    page = open_page(STUB + TAB + "candor('consent', true)")
    settled(candor)
    page.wait_for_function("localStorage.candor")
    page.evaluate("candor('track', 'waiting'); candor('consent', false)")
    assert page.evaluate(STORED) == NOTHING
    seen = len(candor.seen)
    use(page)
    hide(page)
    reveal(page)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_timeout(1500)
    assert [path for path in candor.seen[seen:] if path.startswith("/widget/")] == []
    assert not candor.named("waiting")
    candor.token = "token-2"
    page.evaluate("candor('consent', true)")
    candor.wait_for_event("page_view", 2, page=page)
    assert candor.calls[-1].get("visitor") in (None, "token-2")


def test_an_answer_that_was_under_way_at_the_withdrawal_is_not_kept(candor, open_page):
    candor.hold("events")
    page = open_page("delete window.WebSocket;" + STUB + "candor('consent', true)")
    candor.wait_for(lambda: [path for path in candor.seen if "events" in path])
    page.evaluate("candor('consent', false); candor('track', 'after')")
    candor.let_go.set()
    candor.wait_for(lambda: candor.calls)
    candor.wait_for_event("after", page=page)
    assert "visitor" not in candor.calls[-1]
    assert page.evaluate(STORED) == NOTHING


def test_an_anonymous_site_goes_on_without_the_token_after_withdrawal(candor, open_page):
    page = open_page(GREETED + STUB + "candor('consent', true)")
    candor.wait_for_event("page_view")
    assert candor.calls[0]["consent"] is True
    page.wait_for_function("localStorage.candor == 'token-1'")
    # Neither the socket nor a call tells it once more who it is.
    page.wait_for_function("window.greeted")
    at_rest(page)
    page.evaluate("candor('consent', false); candor('track', 'after')")
    assert page.evaluate(STORED) == NOTHING
    candor.wait_for_event("after", page=page)
    assert "consent" not in candor.calls[-1] and "visitor" not in candor.calls[-1]
    page.wait_for_timeout(300)
    assert page.evaluate(STORED) == NOTHING


def beside(page):
    """The same page in another tab, which nobody has touched."""
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_function("() => window.candor")
    return other


@pytest.mark.parametrize("mode", ["anonymous", "strict"])
@pytest.mark.parametrize("withdraws", ["candor('consent', false)", "localStorage.clear()"])
def test_withdrawal_in_another_tab_is_heard_here(candor, open_page, withdraws, mode):
    candor.mode = mode
    page = open_page(GREETED + STUB + "candor('consent', true)")
    page.wait_for_function("localStorage.candor == 'token-1'")
    page.wait_for_function("window.greeted")
    other = beside(page)
    other.evaluate(withdraws)
    other.close()
    at_rest(page)
    page.evaluate("candor('track', 'after'); window.greeted = false")
    # Nor does the next socket bring it back.
    page.evaluate("dispatchEvent(new Event('online'))")
    if mode == "strict":
        page.wait_for_timeout(1000)
        assert not candor.named("after") and not page.evaluate("window.greeted")
    else:
        candor.wait_for_event("after", page=page)
        assert "consent" not in candor.calls[-1] and "visitor" not in candor.calls[-1]
        page.wait_for_function("window.greeted")
        page.wait_for_timeout(300)
    assert page.evaluate(STORED) == NOTHING


def test_consent_in_another_tab_begins_a_strict_site_here_as_the_same_visitor(candor, open_page):
    candor.mode = "strict"
    page = open_page()
    candor.wait_for(lambda: [path for path in candor.seen if "/core." in path])
    other = beside(page)
    other.evaluate("candor('consent', true)")
    other.wait_for_function("localStorage.candor == 'token-1'")
    candor.token = "token-2"
    candor.wait_for_event("page_view", 2)
    assert (candor.calls[-1]["visitor"], candor.calls[-1]["consent"]) == ("token-1", True)


def test_who_is_somebody_else_in_another_tab_is_the_same_here_and_still_agrees(candor, open_page):
    candor.mode = "strict"
    page = open_page(STUB + "candor('consent', true)")
    page.wait_for_function("localStorage.candor == 'token-1'")
    other = beside(page)
    joined(candor)
    at_rest(page)
    candor.token = "token-2"
    other.evaluate("candor('reset')")
    page.wait_for_function("localStorage.candor == 'token-2'")
    page.evaluate("candor('track', 'after')")
    candor.wait_for_event("after", page=page)
    assert (candor.calls[-1]["visitor"], candor.calls[-1]["consent"]) == ("token-2", True)


def test_a_token_that_another_tab_renewed_is_of_the_same_person(candor, open_page):
    candor.token = "ada_person.1"
    page = open_page(STUB + "candor('consent', true)")
    page.wait_for_function("localStorage.candor == 'ada_person.1'")
    other = beside(page)
    at_rest(page)
    candor.hold("events")
    candor.answers = [(503, {})]
    seen = len(candor.seen)
    page.evaluate("candor('track', 'after'); dispatchEvent(new Event('online'))")
    candor.wait_for(lambda: [path for path in candor.seen[seen:] if "/events" in path])
    candor.token = "ada_person.2"
    other.evaluate("localStorage.candor = 'ada_person.2'")
    page.wait_for_timeout(300)
    candor.let_go.set()
    # What was under way when the server stumbled is sent again.
    candor.wait_for_event("after", page=page)
    assert candor.calls[-1]["visitor"] == "ada_person.2"


def test_what_else_is_stored_or_forgotten_withdraws_nothing(candor, open_page):
    page = open_page(STUB + "candor('consent', true)")
    page.wait_for_function("localStorage.candor == 'token-1'")
    other = beside(page)
    other.evaluate("localStorage.basket = 1; delete localStorage.basket")
    at_rest(page)
    page.evaluate("candor('track', 'after')")
    candor.wait_for_event("after", page=page)
    assert (candor.calls[-1]["visitor"], candor.calls[-1]["consent"]) == ("token-1", True)
    assert page.evaluate("localStorage.candor") == "token-1"


def test_a_greeting_that_was_under_way_at_the_withdrawal_tells_nobody_who_it_was(candor, open_page):
    page = open_page(LATE_FRAMES + STUB + "localStorage.candor = 'token-1'")
    settled(candor)
    page.wait_for_function("window.late?.length")
    page.evaluate(
        "candor('consent', false); late.forEach((bring) => bring()); candor('track', 'after')"
    )
    candor.wait_for_event("after", page=page)
    assert "consent" not in candor.calls[-1] and "visitor" not in candor.calls[-1]


@pytest.mark.parametrize("mode", ["anonymous", "strict"])
def test_a_stored_token_is_consent(candor, open_page, mode):
    candor.mode = mode
    open_page("localStorage.candor = 'token-7'")
    candor.wait_for_event("page_view")
    assert (candor.calls[0]["visitor"], candor.calls[0]["consent"]) == ("token-7", True)
    joined(candor)
    assert candor.joins[0]["visitor"] == "token-7"


def test_where_storage_is_forbidden_everything_else_works(candor, open_page):
    page = open_page(
        STUB
        + "Object.defineProperty(window, 'localStorage', {get() { throw new Error('forbidden') }}); candor('consent', true)"
    )
    candor.wait_for_event("page_view")
    page.evaluate("candor('track', 'after')")
    candor.wait_for_event("after", page=page)
    assert candor.calls[-1]["visitor"] == "token-1"
    assert len(candor.named("page_view")) == 1


def test_somebody_else_has_no_stored_token(candor, open_page):
    candor.token = "token-2"
    page = open_page(STUB + "candor('consent', true)")
    page.wait_for_function("localStorage.candor == 'token-2'")
    joined(candor)
    candor.token = "token-3"
    page.evaluate("candor('reset')")
    page.wait_for_function("localStorage.candor == 'token-3'", timeout=10_000)
