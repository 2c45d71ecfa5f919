"""Files in the chat: sent, pasted, dropped, and refused with a reason."""

import re

from playwright.sync_api import expect

from .chat import INSERTS, PNG, open_chat, panel


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
