"""Somebody else's chat in the place of ours."""

import re
import socket

import pytest
from playwright.sync_api import expect

from .chat import launcher
from .hosts import GREETED, NO_REFLECTION


@pytest.fixture
def dead():
    """An address where nobody answers, nor begins to while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://localhost:{taken.getsockname()[1]}/"


def outside(url, **more):
    return {"url": url, "params": {"utm": True, "page": True, "time": True}, **more}


def test_an_outside_chat_is_opened_with_what_is_known_of_the_visit(walk_in, chatting, host):
    there = host({"room": "<title>Room</title>"})
    chatting(outside=outside(f"{there}room?x=1", target="tab"))
    page = walk_in(hash="?utm_source=newsletter&utm_campaign=spring&secret=1")
    page.wait_for_timeout(500)
    with page.context.expect_page() as opened:
        launcher(page).click()
    opened.value.wait_for_url(re.compile("room"))
    address = opened.value.url
    assert address.startswith(f"{there}room?x=1&utm_source=newsletter&utm_campaign=spring")
    assert "candor_page=" in address and "candor_time=" in address and "secret" not in address
    opened.value.close()


@pytest.mark.parametrize("target", ["same", "window", "frame"])
def test_an_outside_chat_has_its_place(walk_in, chatting, host, target):
    there = host({"room": "<title>Room</title>"})
    chatting(outside=outside(f"{there}room", target=target, width=400, height=500))
    page = walk_in()
    page.wait_for_timeout(500)
    if target == "window":
        with page.context.expect_page() as opened:
            launcher(page).click()
        opened.value.wait_for_url(re.compile("room"))
        opened.value.wait_for_function("innerWidth == 400")
        assert opened.value.evaluate("opener") is None
        opened.value.close()
    elif target == "same":
        launcher(page).click()
        page.wait_for_url(re.compile("room"))
    else:
        launcher(page).click()
        assert page.frame_locator("candor-widget iframe").locator("title") is not None
        frame = page.locator("candor-widget iframe")
        expect(frame).to_have_attribute("src", re.compile("room.*candor_page"))
        launcher(page).click()
        expect(frame).to_have_count(0)


def test_an_outside_chat_is_still_that_when_it_was_switched_off(walk_in, chatting, host):
    there = host({"room": "<title>Room</title>"})
    chatting(outside=outside(f"{there}room", target="frame"))
    page = walk_in(init=GREETED, touch=False)
    page.wait_for_function("window.greeted")
    chatting(on=False)
    expect(launcher(page)).to_be_hidden()
    page.evaluate("candor('open')")
    expect(page.locator("candor-widget iframe")).to_have_attribute("src", re.compile("room"))


def test_where_it_does_not_answer_the_second_is_opened(walk_in, chatting, host, dead):
    there = host({"second": "<title>Second</title>"})
    chatting(outside=outside(f"{dead}room", fallback=f"{there}second", target="same"))
    page = walk_in()
    page.wait_for_timeout(500)
    launcher(page).click()
    page.wait_for_url(re.compile("second"))


def test_a_frame_has_a_way_out_since_nobody_can_tell_whether_it_stays_empty(
    walk_in, chatting, host
):
    there = host({"room": "<title>Room</title>"}, **{"X-Frame-Options": "DENY"})
    second = host({"second": "<title>Second</title>"})
    chatting(outside=outside(f"{there}room", fallback=f"{second}second", target="frame"))
    page = walk_in()
    page.wait_for_timeout(500)
    launcher(page).click()
    expect(page.locator("candor-widget iframe")).to_have_attribute("src", re.compile("room"))
    with page.context.expect_page() as opened:
        page.locator("candor-widget [role=dialog] a").click()
    opened.value.wait_for_url(re.compile("second.*candor_page"))
    opened.value.close()
    page.locator("candor-widget [role=dialog]").get_by_role("button", name="Close").click()
    expect(page.locator("candor-widget iframe")).to_have_count(0)
    expect(launcher(page)).to_be_focused()


def test_where_it_does_not_answer_the_second_is_opened_in_the_frame(walk_in, chatting, host, dead):
    there = host({"second": "<title>Second</title>"})
    chatting(outside=outside(f"{dead}room", fallback=f"{there}second", target="frame"))
    page = walk_in()
    page.wait_for_timeout(500)
    launcher(page).click()
    expect(page.locator("candor-widget iframe")).to_have_attribute("src", re.compile("second"))


def test_a_frame_has_its_name_also_in_a_browser_without_the_newer_properties(
    walk_in, chatting, host
):
    there = host({"room": "<title>Room</title>"})
    chatting(outside=outside(f"{there}room", target="frame"))
    page = walk_in(init=NO_REFLECTION)
    launcher(page).click()
    expect(page.locator("candor-widget iframe")).to_have_attribute("title", "Chat")
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    launcher(page).click()
    expect(launcher(page)).to_have_attribute("aria-expanded", "false")
