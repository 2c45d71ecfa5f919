"""The first steps in a real browser: a site is named, its snippet is seen, the check turns green by
itself; and everything is found by keyboard alone."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import expect

from app.core.db import db
from app.sites.models import Site


@pytest.fixture
def page(acme, dashboard):
    opened = dashboard()
    yield opened
    assert opened.errors == []


@pytest.fixture
def pass_by(host, visit):
    """Open a page that has this snippet, and leave it."""

    def come_and_go(snippet: str) -> None:
        visitor = visit(host(snippet))
        visitor.wait_for_function("!!window.candor")
        visitor.context.close()

    return come_and_go


def test_the_check_turns_green_by_itself_once_a_page_is_opened(page, pass_by):
    page.get_by_role("link", name="Sites", exact=True).first.click()
    page.get_by_role("link", name="Add site").first.click()
    page.get_by_label("Name", exact=True).fill("Tea house")
    page.get_by_label("Domains").fill("https://localhost:8080/")
    page.get_by_role("button", name="Add site").click()
    expect(page.get_by_text("Write the domain alone: localhost").first).to_be_visible()
    page.get_by_label("Domains").fill("localhost")
    page.get_by_role("button", name="Add site").click()

    expect(page.get_by_text("Never seen yet")).to_be_visible()
    expect(page.get_by_role("link", name="Choose", exact=True)).to_have_count(0)
    pass_by(page.locator(".code pre").first.inner_text())
    expect(page.get_by_text("on localhost")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Never seen yet")).to_have_count(0)
    page.get_by_role("link", name="Choose", exact=True).click()
    expect(page.get_by_role("heading", name="New campaign")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("Tea house")).to_be_visible()


def test_a_page_on_a_forgotten_domain_is_added_by_one_click(page, pass_by, acme, program):
    page.goto(f"{program.url}/o/{acme.slug}/sites/{acme.site_id}/snippet")
    pass_by(page.locator(".code pre").first.inner_text())
    expect(page.get_by_text("which is not among the domains")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Add this domain").click()
    expect(page.get_by_text("The snippet is in.")).to_be_visible()


def test_everything_is_found_by_keyboard_alone(page, inside, acme):
    with inside(acme):
        for number in range(40):
            Site.create(name=f"Branch {number:02}", domains=[f"b{number}.example"])
        db.session.commit()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox", name="Find anything")).to_be_focused()
    expect(page.get_by_role("link", name="Settings › Members")).to_be_visible()
    page.keyboard.type("branch 1")
    expect(page.get_by_role("dialog").get_by_role("link", name="Branch 11")).to_be_visible()
    expect(page.get_by_role("link", name="Settings › Members")).to_have_count(0)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Branch 01")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Branch 1")
    page.wait_for_load_state()

    page.keyboard.press("Control+k")
    # Enter comes before what is found: it counts once that is there.
    page.keyboard.type("api keys")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/settings/api-keys$"))
    page.wait_for_load_state()

    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_list_is_searched_while_one_types(page, inside, acme, program):
    with inside(acme):
        Site.create(name="Tea house", domains=["tea.example"], client_name="Leaf")
        db.session.commit()
    page.goto(f"{program.url}/o/{acme.slug}/sites")
    expect(page.get_by_role("link", name="Acme shop")).to_be_visible()
    page.get_by_role("searchbox", name="Find a site").press_sequentially("leaf")
    expect(page.get_by_role("link", name="Acme shop")).to_have_count(0)
    expect(page.get_by_role("link", name="Tea house")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=leaf$"))


def test_a_deleted_site_leaves_open_pages(page, acme, program, host, visit, inside):
    notice = {"message": "Open until eight", "position": "top"}
    requests.post(
        f"{program.url}/api/v1/campaigns",
        headers=acme.bearer,
        timeout=5,
        json={
            "site_id": str(acme.site_id),
            "name": "Notice",
            "format": "notice",
            "content": notice,
            "status": "published",
        },
    ).raise_for_status()
    with inside(acme):
        db.session.get_one(Site, acme.site_id).add_domain("localhost")
        db.session.commit()
    visitor = visit(host(f'<script async src="{program.url}/w/{acme.site_key}.js"></script>'))
    expect(visitor.get_by_text("Open until eight")).to_be_visible(timeout=10_000)
    page.goto(f"{program.url}/o/{acme.slug}/sites/{acme.site_id}/removal")
    expect(page.get_by_text("1 campaign", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete Acme shop").click()
    expect(page.get_by_text("is deleted")).to_be_visible()
    expect(visitor.get_by_text("Open until eight")).to_have_count(0, timeout=10_000)
