"""Files in the chat: sent, pasted, dropped, and refused with a reason."""

import re

from limits import parse_many
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from playwright.sync_api import expect

from app.embed.chat_limits import UPLOADS_OF_ADDRESS

from .chat import INSERTS, PNG, open_chat, panel, standing, write


def test_files_are_sent_and_pictures_have_their_room(walk_in, said):
    page = walk_in(init=INSERTS)
    open_chat(page)
    choose = panel(page).locator("input[type=file]")
    choose.set_input_files({"name": "cart.png", "mimeType": "image/png", "buffer": PNG})
    picture = panel(page).locator("article img")
    expect(picture).to_have_attribute("width", "1")
    expect(picture).to_have_attribute("height", "1")
    expect(picture).to_have_attribute("alt", "cart.webp")
    choose.set_input_files({"name": "bill.txt", "mimeType": "text/plain", "buffer": b"12 euros"})
    bill = panel(page).get_by_role("link", name=re.compile("bill.txt"))
    expect(bill).to_contain_text("1 kB")
    broken = {"name": "a.png", "mimeType": "image/png", "buffer": b"\x7fELF\x00"}
    choose.set_input_files(broken)
    expect(panel(page).get_by_role("alert")).to_contain_text("Send a picture")
    large = {"name": "b.txt", "mimeType": "text/plain", "buffer": b"a" * (5 * 1024 * 1024 + 1)}
    choose.set_input_files(large)
    expect(panel(page).get_by_role("alert")).to_contain_text("at most 5 MB")
    assert len(said()) == 2


def test_a_file_can_be_pasted_and_dropped(walk_in):
    page = walk_in()
    open_chat(page)
    for kind, carries in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        panel(page).locator("textarea").evaluate(
            """(node, [kind, carries]) => {
              const data = new DataTransfer();
              data.items.add(new File(["text"], kind + ".txt", {type: "text/plain"}));
              const event = kind == "paste" ? new ClipboardEvent(kind, {[carries]: data, bubbles: true, composed: true})
                : new DragEvent(kind, {[carries]: data, bubbles: true, composed: true, cancelable: true});
              node.dispatchEvent(event);
            }""",
            [kind, carries],
        )
        expect(panel(page).get_by_role("link", name=re.compile(kind))).to_be_visible()


def test_a_file_beyond_what_an_hour_takes_holds_up_no_words(program, walk_in):
    kept = storage_from_string("redis+" + program.environ["REDIS_URL"])
    hour, _day = parse_many(UPLOADS_OF_ADDRESS)
    FixedWindowRateLimiter(kept).hit(hour, "chat_upload", "127.0.0.1", cost=hour.amount - 1)
    page = walk_in()
    open_chat(page)
    choose = panel(page).locator("input[type=file]")
    for name in ("one.txt", "two.txt"):
        choose.set_input_files({"name": name, "mimeType": "text/plain", "buffer": b"12 euros"})
    expect(panel(page).get_by_role("alert")).to_contain_text("That is enough for now")
    write(page, "Did you get it?")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    expect(panel(page).locator("article")).to_have_count(2)
