"""What an outside chat system sends to the pages of one visitor is done there: the real widget in a
real browser on the real program."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import expect
from sqlalchemy import select

from app.campaigns.models import Campaign
from app.core.db import db
from app.embed import published
from app.sites.models import Site
from app.tracking.models import Event, Visitor
from tests.widget import chat
from tests.widget.hosts import GREETED, enriched, pass_time, stop_clock

panel, launcher, messages = chat.panel, chat.launcher, chat.messages
STAYS = {"duration": 0, "position": "top"}


@pytest.fixture
def arrive(walk_in, inside, shop):
    """A page that hears commands, whose visitor has done nothing yet."""

    def open_page(init="", **options):
        page = walk_in(init=GREETED + init, touch=False, **options)
        page.wait_for_function("window.greeted")
        chat.wait_until(page, lambda: _visitors(inside, shop))
        return page

    return open_page


@pytest.fixture
def command(program, shop, inside):
    """Sends one to the only visitor there is."""

    def send(name, **data):
        [visitor] = _visitors(inside, shop)
        said = {"command": name, "visitor": visitor, "data": data}
        url = f"{program.url}/api/v1/sites/{shop.site_id}/commands"
        answer = requests.post(url, json=said, headers=shop.bearer, timeout=20)
        assert answer.status_code == 202, answer.text

    return send


@pytest.fixture
def publish(shop, inside):
    """A published campaign of the shop; answers its id."""

    def publish(format, content, **parts):
        with inside(shop):
            site = db.session.get_one(Site, shop.site_id)
            campaign = Campaign.draft(site, name=format, format=format, content=content, **parts)
            campaign.publish()
            db.session.commit()
            published.forget("", None)
            return str(campaign.id)

    return publish


def _visitors(inside, shop):
    with inside(shop):
        return [each.hex() for each in db.session.scalars(select(Visitor.visitor))]


def bars(page):
    return page.locator("candor-widget .bar span")


def test_the_chat_opens_with_what_is_to_be_said_and_leaves_the_focus(arrive, command):
    page = arrive(head="<input id=search autofocus>")
    page.locator("#search").focus()
    command("open_chat", message="Can we help with your order?")
    expect(panel(page)).to_be_visible()
    expect(messages(page)).to_have_text(["Can we help with your order?"])
    expect(page.locator("#search")).to_be_focused()
    chat.write(page, "Yes, please")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    expect(messages(page)).to_have_text(["Can we help with your order?", "Yes, please"])


def test_whoever_is_writing_is_not_interrupted(arrive, command):
    page = arrive()
    chat.open_chat(page)
    panel(page).locator("textarea").fill("I was wond")
    command("open_chat", message="Hello there")
    command("track_event", event="heard")
    page.wait_for_timeout(1000)
    expect(panel(page).locator("textarea")).to_have_value("I was wond")
    expect(messages(page)).to_have_count(0)


def test_a_campaign_is_shown_now_whatever_it_waits_for(arrive, command, publish):
    late = publish("notice", {**STAYS, "message": "Late"}, triggers={"delay": 600})
    page = arrive()
    command("show_notification", campaign=late)
    expect(bars(page)).to_have_text(["Late"])


def test_one_that_was_published_a_moment_ago_is_shown_however_late_the_page_hears_of_it(
    arrive, command, publish
):
    page = arrive()
    enriched(page)
    held = []
    page.route("**/widget/v1/config/*", lambda route: held.append(route))
    # How long the page waits for what it does not know yet is its own time, and how long both are in coming is not.
    stop_clock(page)
    late = publish("notice", {**STAYS, "message": "New"}, triggers={"delay": 600})
    command("show_notification", campaign=late)
    for kind in ("config", "command"):
        page.wait_for_function(
            "(kind) => frames_heard.some((each) => JSON.parse(each).type == kind)", arg=kind
        )
    # It asks within two seconds, so that not all pages ask at once.
    page.clock.run_for(2000)
    chat.wait_until(page, lambda: held)
    page.clock.run_for(10_000)
    expect(bars(page)).to_have_count(0)
    held.pop().continue_()
    pass_time(page, until=lambda: bars(page).count(), seconds=10)
    expect(bars(page)).to_have_text(["New"])


def test_high_goes_before_the_others_and_normal_waits_its_turn(arrive, command, publish):
    publish("notice", {**STAYS, "message": "First"}, triggers={"delay": 0})
    normal = publish("notice", {**STAYS, "message": "Normal"}, triggers={"delay": 600})
    high = publish("notice", {**STAYS, "message": "High"}, triggers={"delay": 600})
    page = arrive()
    expect(bars(page)).to_have_text(["First"])
    command("show_notification", campaign=normal)
    page.wait_for_timeout(1000)
    expect(bars(page)).to_have_text(["First"])
    command("show_notification", campaign=high, priority="high")
    expect(bars(page)).to_have_text(["High"])
    page.locator("candor-widget .bar > button").click()
    expect(bars(page)).to_have_text(["Normal"])


def test_what_a_command_shows_counts_like_any_other(arrive, command, publish):
    capped = publish(
        "notice",
        {**STAYS, "message": "Once a day"},
        triggers={"delay": 600},
        frequency={"day": 1},
    )
    page = arrive()
    with page.expect_request(lambda sent: capped in (sent.post_data or ""), timeout=20_000) as sent:
        command("show_notification", campaign=capped)
    assert '"name":"impression"' in sent.value.post_data


def test_settings_place_the_chat_choose_the_language_and_open_it(arrive, command):
    page = arrive()
    assert launcher(page).bounding_box()["x"] > 640
    command("update_settings", position="bottom-left", locale="de", open=True)
    expect(panel(page).locator("textarea")).to_have_attribute(
        "placeholder", "Nachricht schreiben …"
    )
    assert launcher(page).bounding_box()["x"] < 100
    assert panel(page).bounding_box()["x"] < 100
    command("update_settings", position="bottom-right")
    expect(panel(page)).to_have_class(re.compile("right"))
    assert panel(page).bounding_box()["x"] > 640
    command("update_settings", open=False)
    expect(panel(page)).to_be_hidden()


def test_an_event_is_one_event_in_however_many_tabs(arrive, command, inside, shop):
    first = arrive()
    second = arrive(context=first.context)
    command("track_event", event="plan_chosen", props={"plan": "pro", "seats": 3})

    def stored():
        with inside(shop):
            found = db.session.scalars(select(Event).filter_by(name="plan_chosen"))
            return [each.props for each in found]

    chat.wait_until(first, lambda: stored())
    second.wait_for_timeout(6000)  # as long as events may wait
    assert stored() == [{"plan": "pro", "seats": 3}]


def test_what_is_not_known_is_ignored(arrive, command, publish):
    page = arrive(init="""
      const parse = JSON.parse;
      JSON.parse = (text) => parse(text.replace?.('"open_chat"', '"dance"') ?? text);""")  # fmt: skip
    command("open_chat", message="Hello")
    command("update_settings", open=True)
    expect(panel(page)).to_be_visible()
    expect(messages(page)).to_have_count(0)


def test_without_a_chat_campaigns_and_events_are_commanded_all_the_same(
    arrive, command, publish, chatting
):
    chatting(on=False)
    notice = publish("notice", {**STAYS, "message": "Hello"}, triggers={"delay": 600})
    page = arrive()
    command("open_chat", message="Nobody hears")
    command("update_settings", position="bottom-left", open=True)
    command("show_notification", campaign=notice)
    expect(bars(page)).to_have_text(["Hello"])
    expect(panel(page)).to_have_count(0)
