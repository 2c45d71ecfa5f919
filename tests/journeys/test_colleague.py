"""A colleague is invited as editor, accepts in her own browser, edits, finds closed what is not hers
to change, and copies the set-up to another site."""

from __future__ import annotations

from playwright.sync_api import expect

from app.core.db import db
from app.sites.models import Site

PASSWORD = "another horse battery"


def invite(page, email):
    page.get_by_role("link", name="Settings", exact=True).first.click()
    page.get_by_role("link", name="Members", exact=True).click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Role").select_option("Editor")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("The invitation is on its way")).to_be_visible()


def open_the_mail(page, program):
    page.goto(f"{program.url}/dev/mail")
    page.get_by_role("link", name="Acme").first.click()
    page.locator("main").get_by_role("link").filter(has_text="/invitation?token=").first.click()


def accept(page):
    expect(page.get_by_role("heading", name="Join Acme")).to_be_visible()
    expect(page.get_by_text("as editor")).to_be_visible()
    page.get_by_label("Your name").fill("Emma Editor")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account and accept").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def reword(page):
    page.get_by_role("link", name="Campaigns", exact=True).first.click()
    page.get_by_role("link", name="Bookings").click()
    expect(page.get_by_label("Wording", exact=True)).to_be_visible()
    page.wait_for_load_state()
    page.get_by_label("Wording", exact=True).fill("{{first_name}} reserved {{product}}")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Publish changes").click()
    expect(page.get_by_text("Visitors see this")).to_be_visible()


def copy_to(page, name):
    page.get_by_title("More").click()
    page.get_by_role("link", name="History and roll back").click()
    expect(page.get_by_text("Emma Editor").first).to_be_visible()
    page.get_by_role("link", name="Copy to another site").click()
    page.get_by_role("link", name=f"Choose {name}").click()
    page.get_by_role("button", name="Create one draft").click()


def test_an_editor_is_invited_edits_and_copies_the_set_up(
    program, shop, published, inside, dashboard, visit
):
    with inside(shop):
        Site.create(name="Second shop", domains=["second.example"])
        db.session.commit()
    owner = dashboard()
    invite(owner, "emma@acme.example")

    editor = visit(program.url)
    open_the_mail(editor, program)
    accept(editor)
    reword(editor)
    copy_to(editor, "Second shop")
    editor.get_by_role("link", name="Campaigns", exact=True).first.click()
    expect(editor.get_by_role("row", name="Bookings")).to_have_count(2)
    expect(editor.get_by_role("row").filter(has_text="Second shop")).to_contain_text("Draft")
    assert editor.errors == []

    answer = editor.goto(f"{program.url}/o/{shop.slug}/settings/members")
    assert answer.status == 403
    expect(editor.get_by_role("heading", level=1)).to_be_visible()

    owner.reload()
    expect(owner.get_by_role("row", name="Emma Editor")).to_contain_text("Editor")
    assert owner.errors == []
