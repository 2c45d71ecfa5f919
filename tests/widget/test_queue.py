"""How events travel: in batches, once each, whatever the network and the server do."""

import pytest
from playwright.sync_api import expect

from .hosts import (
    STUB,
    TAB,
    at_rest,
    hide,
    moments,
    pass_time,
    reveal,
    stop_clock,
)
from .stand_in import NOTICE
from .test_widget_alone import card, joined

QUIET = {**NOTICE, "triggers": {"time": 999}}


@pytest.fixture(autouse=True)
def no_cards(candor):
    candor.campaigns = [QUIET]


def ids(call):
    return [event["id"] for event in call["events"]]


def hurry(page):
    """The network is back: what waits is sent at once."""
    page.evaluate("dispatchEvent(new Event('online'))")


def under_way(candor):
    """How many calls have come, answered or not."""
    return len([path for path in candor.seen if "/events" in path])


def track(page, name):
    page.evaluate("(name) => candor('track', name)", name)


def test_events_wait_for_each_other_five_seconds(candor, open_page):
    page = open_page(go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    moments(page, until=lambda: candor.named("page_view"))
    at_rest(page)
    for name in ("one", "two", "three"):
        track(page, name)
    page.clock.run_for(4900)
    page.wait_for_timeout(300)
    assert not candor.named("one")
    page.clock.run_for(200)
    candor.wait_for(lambda: candor.named("three"))
    assert [[event["name"] for event in call["events"]] for call in candor.calls] == [
        ["page_view"],
        ["one", "two", "three"],
    ]


def test_a_call_carries_fifty_events_and_sixty_kilobytes_at_most(candor, open_page):
    page = open_page(go=False)
    page.clock.install()
    page.goto(candor.page_url)
    candor.wait_for_event("page_view")
    page.evaluate("for (let i = 0; i < 120; i++) candor('track', 'small', {i})")
    page.evaluate(
        "for (let i = 0; i < 12; i++) candor('track', 'big', {i, text: 'ü'.repeat(9000)})"
    )
    page.evaluate("candor('track', 'huge', {text: 'x'.repeat(70000)}); candor('track', 'last')")
    pass_time(page, until=lambda: candor.named("last"), seconds=180)
    assert len(candor.named("small")) == 120 and len(candor.named("big")) == 12
    assert not candor.named("huge")
    assert max(len(call["events"]) for call in candor.calls) == 50
    assert max(call["size"] for call in candor.calls) <= 60_000


def test_of_too_many_the_oldest_are_dropped(candor, open_page):
    candor.answers = [(202, {}), (503, {})]
    page = open_page(TAB)
    candor.wait_for_event("page_view")
    page.evaluate("for (let i = 0; i < 620; i++) candor('track', 'many', {i})")
    for _ in range(3):
        hide(page)
        reveal(page)
        page.wait_for_timeout(300)
    candor.wait_for(lambda: candor.named("many"))
    assert min(event["props"]["i"] for event in candor.named("many")) >= 119


@pytest.mark.parametrize("status", [503, 500, 429])
def test_what_the_server_could_not_take_comes_again_with_the_same_ids(candor, open_page, status):
    candor.answers = [(status, {}), (status, {})]
    page = open_page()
    candor.wait_for_event("page_view")
    page.wait_for_timeout(500)
    first, second, third = candor.calls[:3]
    assert [call["status"] for call in candor.calls[:3]] == [status, status, 202]
    assert ids(first) == ids(second) == ids(third)[: len(ids(first))]
    assert len(candor.named("page_view")) == 1


def test_the_server_says_how_long_to_wait(candor, open_page):
    candor.answers = [(429, {"Retry-After": "3"})]
    open_page()
    candor.wait_for_event("page_view")
    first, second = candor.calls
    assert second["began"] - first["began"] >= 2.9
    assert ids(first) == ids(second)


def test_what_the_server_refuses_is_dropped_and_the_next_is_sent(candor, open_page):
    candor.answers = [(400, {})]
    page = open_page()
    candor.wait_for(lambda: candor.calls)
    track(page, "after")
    candor.wait_for(lambda: candor.named("after"))
    assert not candor.named("page_view")


def test_a_site_that_is_gone_stops_everything(candor, open_page):
    candor.campaigns = [NOTICE]
    candor.answers = [(202, {}), (404, {})]
    page = open_page(TAB)
    joined(candor)
    expect(card(page, "Free shipping")).to_be_visible()
    # Not hurried: a network that is back opens a socket as well, which may arrive after the answer.
    track(page, "before")
    candor.wait_for(lambda: len(candor.calls) == 2)
    expect(card(page, "Free shipping")).to_have_count(0)
    seen = len(candor.seen)
    track(page, "after")
    hide(page)
    reveal(page)
    hurry(page)
    page.wait_for_timeout(1500)
    assert not [path for path in candor.seen[seen:] if path.startswith("/widget/")]


def test_what_happens_offline_is_told_once_when_the_network_is_back(candor, open_page):
    page = open_page(TAB)
    joined(candor)
    candor.wait_for_event("page_view")
    # Of a call whose answer is lost nobody knows that it came, and it is sent again.
    at_rest(page)
    page.context.set_offline(True)
    for name in ("one", "two"):
        track(page, name)
    hide(page)
    reveal(page)
    page.wait_for_timeout(5500)
    track(page, "three")
    assert not candor.named("one")
    page.context.set_offline(False)
    candor.wait_for_event("three")
    sent = [event_id for call in candor.calls for event_id in ids(call)]
    assert len(sent) == len(set(sent))
    assert [len(candor.named(name)) for name in ("one", "two", "three")] == [1, 1, 1]


@pytest.mark.parametrize("trouble", ["dead", "blocked"])
def test_an_unreachable_server_is_tried_again(candor, open_page, trouble):
    page = open_page(go=False)
    reason = {"dead": "connectionrefused", "blocked": "blockedbyclient"}[trouble]
    asked = []
    page.route("**/widget/v1/events", lambda route: (asked.append(1), route.abort(reason)))
    page.goto(candor.page_url)
    page.wait_for_timeout(100)
    page.get_by_role("button", name="Buy").click()
    candor.wait_for(lambda: page.wait_for_timeout(50) or len(asked) >= 2)
    page.unroute("**/widget/v1/events")
    # A call that was stopped before goes on only while the test listens.
    candor.wait_for(lambda: page.wait_for_timeout(50) or candor.named("page_view"), seconds=30)
    assert len(candor.named("page_view")) == 1


def test_a_slow_server_has_one_call_at_a_time_and_nobody_waits(candor, open_page):
    candor.hold("events")
    page = open_page()
    candor.wait_for(lambda: under_way(candor))
    page.evaluate("for (let i = 0; i < 60; i++) candor('track', 'many', {i})")
    page.get_by_role("button", name="Buy").click()
    hurry(page)
    page.wait_for_timeout(500)
    assert under_way(candor) == 1 and not candor.calls
    candor.let_go.set()
    candor.wait_for(lambda: len(candor.named("many")) == 60, seconds=30)
    assert [event["name"] for event in candor.calls[0]["events"]] == ["page_view"]


def test_what_waits_goes_with_the_page(candor, open_page):
    page = open_page()
    candor.wait_for_event("page_view")
    # The answer has come as well once the next call names the visitor.
    track(page, "next")
    candor.wait_for(lambda: candor.calls[-1].get("visitor"))
    track(page, "last")
    page.goto("about:blank")
    candor.wait_for_event("last")
    # Of what was still on its way when the page went, the call before may come once more after it.
    names = [{event["name"] for event in call["events"]} for call in candor.calls]
    (place,) = (place for place, told in enumerate(names) if "last" in told)
    call = candor.calls[place]
    assert call["type"].startswith("text/plain")
    assert names[place] >= {"last", "engagement", "web_vitals"}
    assert call["visitor"] == "token-1"


def test_what_the_browser_would_not_take_along_is_kept(candor, open_page):
    page = open_page(TAB + "Navigator.prototype.sendBeacon = () => false;", go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    moments(page, until=lambda: candor.named("page_view"))
    at_rest(page)
    track(page, "kept")
    hide(page)
    page.wait_for_timeout(300)
    assert not candor.named("kept")
    pass_time(page, until=lambda: candor.named("kept"), seconds=10)


def test_what_left_while_the_server_failed_is_sent_once_more(candor, open_page):
    candor.answers = [(503, {}), (503, {})]
    page = open_page(TAB, go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    moments(page, until=lambda: candor.calls)
    at_rest(page)
    hide(page)
    candor.wait_for(lambda: len(candor.calls) == 2)
    at_rest(page)
    reveal(page)
    pass_time(page, until=lambda: candor.named("page_view"), seconds=10)
    view = candor.named("page_view")[0]["id"]
    assert [ids(call)[0] for call in candor.calls[:2]] == [view, view]


def test_the_token_of_an_answer_goes_with_the_next_call_and_the_socket(candor, open_page):
    candor.token = "token-9"
    page = open_page("delete window.WebSocket")
    candor.wait_for_event("page_view")
    track(page, "next")
    candor.wait_for(lambda: candor.named("next"))
    assert candor.calls[1]["visitor"] == "token-9"


def test_somebody_else_begins_without_the_token(candor, open_page):
    page = open_page()
    joined(candor)
    candor.wait_for_event("page_view")
    # The page knows by then who its visitor is.
    at_rest(page)
    track(page, "mine")
    candor.token = "token-2"
    page.evaluate("candor('reset')")
    candor.wait_for(lambda: len(candor.named("page_view")) == 2)
    mine = next(call for call in candor.calls if "mine" in str(call["events"]))
    theirs = candor.calls[-1]
    assert mine["visitor"] == "token-1" and theirs.get("visitor") in (None, "token-2")
    candor.wait_for(lambda: len(candor.joins) == 2)


def test_a_limit_a_day_waits_for_the_socket_or_the_events_whichever_answers(candor, open_page):
    candor.campaigns = [{**NOTICE, "frequency": {"day": 1}}]
    page = open_page("delete window.WebSocket")
    expect(card(page, "Free shipping")).to_be_visible()


def test_a_limit_a_day_that_nobody_counts_is_not_shown(candor, open_page):
    candor.context = {}
    candor.campaigns = [{**NOTICE, "frequency": {"day": 1}}]
    page = open_page(STUB)
    joined(candor)
    candor.wait_for_event("page_view")
    page.wait_for_timeout(300)
    expect(card(page, "Free shipping")).to_have_count(0)
