"""How a conversation ends: rated, followed by another, mailed."""

import re

from playwright.sync_api import expect

from app.chat.models import Conversation
from app.core.db import db

from .chat import INSERTS, menu, messages, open_chat, panel, standing, write


def test_an_ended_conversation_is_rated_and_another_begun(walk_in, shop, inside):
    page = walk_in()
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    menu(page, "End conversation")
    expect(panel(page)).to_contain_text("This conversation has ended.")
    panel(page).get_by_role("button", name="4 / 5").click()
    panel(page).get_by_label("What could be better?").fill("More tea")
    panel(page).locator("fieldset").get_by_role("button", name="Send").click()
    expect(panel(page)).to_contain_text("Thank you!")
    with inside(shop):
        rated = db.session.query(Conversation).one()
        assert (rated.state, rated.rating, rated.comment) == ("closed", 4, "More tea")
    menu(page, "New conversation")
    write(page, "Another question")
    expect(messages(page)).to_have_text(["Another question"])
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    menu(page, "Conversations")
    rows = panel(page).locator("li")
    expect(rows).to_have_count(2)
    rows.filter(has_text="Hello").get_by_role("button").click()
    expect(messages(page)).to_have_text(["Hello"])


def test_a_transcript_asks_for_an_address_that_is_not_known(walk_in, work):
    page = walk_in(init=INSERTS)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    menu(page, "Email me a transcript")
    email = panel(page).get_by_label("E-mail")
    expect(email).to_be_focused()
    email.fill("nonsense")
    email.press("Enter")
    expect(panel(page).get_by_role("alert")).to_have_text("This is not an e-mail address.")
    email.fill("ada@example.com")
    email.press("Enter")
    expect(panel(page)).to_contain_text("The transcript is on its way.")
