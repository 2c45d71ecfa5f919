"""Analytics in a real browser: every click is an address, and the way back leads back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from app.analytics.matches import match_of
from app.analytics.models import Funnel, Goal
from app.analytics.rollups import roll_up
from app.analytics.steps import step_of
from app.core.db import db
from app.sites.models import Site
from tests.journeys.conftest import until
from tests.journeys.test_axe import MEASURED, problems
from tests.tracking.arriving import DIRECT, MINUTE, Shelf

DAYS = 5
WATCH_WAITING = """(button) => {
  window.waited = false;
  new MutationObserver(() => (window.waited ||= button.ariaDisabled === "true"))
    .observe(button, { attributeFilter: ["aria-disabled"] });
}"""
NOT_OVER_THE_RAIL = """() => {
  const start = (selector) => document.querySelector(selector).getBoundingClientRect().left;
  return start(".segments-menu") >= start("main");
}"""
UNSEEN = re.compile(r"[/,] 0\)$")  # of a colour
GERMAN = DIRECT._replace(country="DE", region="Hesse, DE", city="Kassel, DE")
FRENCH = DIRECT._replace(country="FR", device="mobile", channel="organic_search")


def noon(days_ago):
    """In milliseconds since 1970."""
    day = datetime.now(UTC).date() - timedelta(days=days_ago)
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) * 1000


def day(days_ago):
    return (datetime.now(UTC).date() - timedelta(days=days_ago)).isoformat()


def visits(shelf):
    """On each of five days, one German more than on the day after it, who reads about teas and signs
    up, and one Frenchman who leaves at once: 20 visitors."""
    for days_ago in range(1, DAYS + 1):
        for number in range(days_ago):
            german = {"visitor": f"german {days_ago} {number}", "circumstances": GERMAN}
            for minute, more in enumerate(({"path": "/"}, {"path": "/teas"}, {"name": "signup"})):
                path = more.pop("path", "/teas")
                url = f"https://shop.acme.example{path}"
                at = noon(days_ago) + minute * MINUTE
                yield shelf.arrival(0, at=at, url=url, **german, **more)
        url = "https://shop.acme.example/"
        french = {"visitor": f"french {days_ago}", "circumstances": FRENCH}
        yield shelf.arrival(0, at=noon(days_ago), url=url, **french)


@pytest.fixture
def visited(inside, acme):
    """Acme's shop with its visitors, a goal and a funnel."""
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(*visits(shelf))
        roll_up(site, at_once=True)
        goal = Goal.create(site, "Signed up", match_of("event:signup"))
        steps = [step_of(each) for each in ("page:/", "page:/teas", "event:signup")]
        funnel = Funnel.create(site, "To the sign-up", steps, 1800)
        db.session.commit()
        return {"goal": goal.id, "funnel": funnel.id}


@pytest.fixture
def analytics(program, acme, visited, dashboard):
    """The overview of the shop's last week."""
    page = dashboard()
    page.goto(f"{program.url}/o/{acme.slug}/analytics?site={acme.site_id}&period=7d")
    yield page
    assert page.errors == []


def shows(page, **figures):
    """The headline figures."""
    for label, value in figures.items():
        name = page.get_by_text(label.replace("_", " "), exact=True)
        figure = page.get_by_label("Figures").locator(".figure").filter(has=name)
        expect(figure.locator(".figure__value")).to_have_text(value)


def chips(page):
    return page.get_by_role("list", name="Filters", exact=True).locator(".asked__filter")


def panel(page, name):
    return page.get_by_role("region", name=name, exact=True)


def test_a_click_on_a_value_filters_by_it_and_the_way_back_leads_back(analytics):
    page = analytics
    shows(page, Visitors="20", Visits="20", Page_views="35", Bounce_rate="25.0%")
    panel(page, "Places").get_by_role("link", name="Germany", exact=True).click()
    shows(page, Visitors="15", Page_views="30", Bounce_rate="0.0%")
    expect(chips(page)).to_have_text(re.compile("Country is Germany"))
    expect(page).to_have_url(re.compile(r"f=country%3Ais%3ADE"))
    expect(page).to_have_url(re.compile("period=7d"))

    page.get_by_role("link", name="Remove the filter Country").click()
    shows(page, Visitors="20")
    expect(chips(page)).to_have_count(0)
    page.go_back()
    shows(page, Visitors="15")
    page.go_back()
    shows(page, Visitors="20")


def test_filters_are_added_by_form_and_removed_all_at_once(analytics):
    page = analytics

    def add(on, operator, value):
        page.locator("summary", has_text="Filter").click()
        page.get_by_label("Visits whose").select_option(label=on)
        page.get_by_label("Relation").select_option(label=operator)
        page.get_by_label("Value", exact=True).fill(value)
        page.get_by_role("button", name="Add", exact=True).click()

    add("Page", "contains", "tea")
    shows(page, Visitors="15")
    add("Country", "is not", "Germany | AT")
    shows(page, Visitors="0")
    expect(page.get_by_text("No visit matches")).to_be_visible()
    expect(chips(page)).to_have_text(
        [re.compile("Page contains tea"), re.compile("Country is not Germany or Austria")]
    )
    page.get_by_role("link", name="Remove all", exact=True).click()
    shows(page, Visitors="20")
    expect(page).to_have_url(re.compile(r"period=7d"))


def test_another_question_changes_the_answer_alone(analytics):
    page = analytics
    page.evaluate("document.documentElement.dataset.same = 'yes'")
    page.get_by_role("link", name="Last 30 days", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("period=30d"))
    expect(page.get_by_role("link", name="Last 30 days", exact=True)).to_be_focused()
    assert page.evaluate("scrollY") == 0
    page.get_by_label("Interval").get_by_role("link", name="Week").click()
    expect(page).to_have_url(re.compile("interval=week"))
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Value", exact=True).fill("/teas")
    page.get_by_role("button", name="Add", exact=True).click()
    shows(page, Visitors="15")
    page.get_by_role("link", name="Remove the filter Page").click()
    shows(page, Visitors="20")
    assert page.evaluate("document.documentElement.dataset.same") == "yes"
    page.go_back()
    shows(page, Visitors="15")


@pytest.mark.parametrize(
    ("path", "choice", "asked"),
    [
        ("analytics/funnels/{funnel}", "Last 30 days", "period=30d"),
        ("analytics/journeys", "Last 30 days", "period=30d"),
        ("analytics/attribution", "Last 30 days", "period=30d"),
        ("analytics/attribution", "Linear", "model=linear"),
        ("analytics/retention", "Months", "unit=month"),
        ("analytics/campaigns", "Last 30 days", "period=30d"),
        ("analytics/funnels", "Last 30 days", "period=30d"),
        ("analytics/goals", "Last 30 days", "period=30d"),
        ("analytics/visits", "Last 30 days", "period=30d"),
    ],
)
def test_the_other_pages_change_their_answer_alone_as_well(
    analytics, program, acme, visited, path, choice, asked
):
    page = analytics
    page.goto(f"{program.url}/o/{acme.slug}/{path.format(**visited)}?site={acme.site_id}")
    page.evaluate("document.documentElement.dataset.same = 'yes'")
    link = page.get_by_role("link", name=choice, exact=True)
    link.focus()
    page.keyboard.press("Enter")
    expect(link).to_have_attribute("aria-current", "true")
    expect(link).to_be_focused()
    expect(page).to_have_url(re.compile(asked))
    tabs = page.get_by_label("Analytics", exact=True)
    if asked.startswith("period"):
        expect(tabs.get_by_role("link", name="Overview")).to_have_attribute(
            "href", re.compile(asked)
        )
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Value", exact=True).fill("/teas")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(chips(page)).to_have_text(re.compile("/teas"))
    assert page.evaluate("document.documentElement.dataset.same") == "yes"
    page.go_back()
    expect(chips(page)).to_have_count(0)
    expect(link).to_have_attribute("aria-current", "true")


def test_other_days_are_chosen_by_form(analytics):
    page = analytics
    page.locator("summary", has_text="Other days").click()
    page.get_by_label("From", exact=True).fill(day(2))
    page.get_by_label("To", exact=True).fill(day(1))
    page.get_by_role("button", name="Show").click()
    shows(page, Visitors="5")
    expect(page).to_have_url(re.compile(f"from={day(2)}&to={day(1)}"))
    # On the two days before there were nine.
    change = page.locator(".figure", has_text="Visitors").locator(".figure__change")
    expect(change).to_have_text("44%")
    expect(change.get_by_label("down")).to_be_visible()


def test_a_tab_of_a_panel_is_an_address_and_keeps_the_focus(analytics):
    page = analytics
    pages = panel(page, "Pages")
    expect(pages.get_by_role("listitem").first).to_contain_text("/")
    pages.get_by_role("link", name="Exit page").focus()
    page.keyboard.press("Enter")
    expect(pages.get_by_role("listitem")).to_have_text(
        [re.compile(r"/teas\s*15"), re.compile(r"/\s*5")]
    )
    expect(pages.get_by_role("link", name="Exit page")).to_be_focused()
    expect(page).to_have_url(re.compile("pages=exit_page"))
    page.reload()
    expect(pages.get_by_role("link", name="Exit page")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(pages.get_by_role("link", name="Page", exact=True)).to_have_attribute(
        "aria-current", "true"
    )


def test_drawing_over_the_chart_asks_for_these_days(analytics):
    page = analytics
    chart = page.locator(".chart__canvas .u-over")
    expect(chart).to_be_visible()
    box = chart.bounding_box()
    middle = box["y"] + box["height"] / 2
    # Seven points: from between the second and the third day to between the fourth and the fifth.
    page.mouse.move(box["x"] + box["width"] * 1.5 / 6, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3.5 / 6, middle, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(f"from={day(4)}&to={day(3)}"))
    shows(page, Visitors="9")
    expect(page.locator(".chart__canvas .u-over")).to_be_visible()
    page.go_back()
    shows(page, Visitors="20")
    expect(page).to_have_url(re.compile("period=7d"))


def test_a_figure_is_drawn_and_said_in_words(analytics):
    page = analytics
    page.locator(".figure", has_text="Page views").click()
    expect(page.locator(".figure", has_text="Page views")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile("metric=page_views"))
    page.locator("summary", has_text="As a table").click()
    rows = page.get_by_role("table", name="The chart as a table").get_by_role("row")
    expect(rows).to_have_count(8)
    expect(rows.nth(6).get_by_role("cell").first).to_have_text("3")
    chart = page.locator(".chart__canvas .u-over")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 5 / 6, box["y"] + 20)
    expect(page.locator(".chart__tip")).to_contain_text("Page views")
    expect(page.locator(".chart__tip")).to_contain_text("3")
    expect(page.locator(".chart__tip")).not_to_contain_text("Only in part")
    # Today is not over, and the line to it is another than the one through what is.
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
    expect(page.locator(".chart__tip")).to_contain_text("Only in part")
    expect(rows.nth(7)).to_contain_text("Only in part")


def test_a_menu_whose_button_has_come_to_the_start_does_not_cover_the_rail(analytics):
    analytics.set_viewport_size({"width": 1280, "height": 900})
    analytics.goto(f"{analytics.url}&f=country:is:DE")
    analytics.locator("summary", has_text="Segments").click()
    panel = analytics.locator(".segments-menu")
    expect(panel).to_be_visible()
    until(analytics, NOT_OVER_THE_RAIL)


def test_all_values_are_searched_and_sorted(analytics):
    page = analytics
    panel(page, "Pages").get_by_role("link", name="Details").click()
    expect(page.get_by_role("heading", name="Page", level=1)).to_be_visible()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(3)
    page.get_by_role("searchbox", name="Find", exact=True).press_sequentially("TEA")
    expect(rows).to_have_count(2)
    expect(page.get_by_role("searchbox", name="Find", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile("q=TEA"))
    page.get_by_role("link", name="Page views").click()
    expect(page.get_by_role("columnheader", name="Page views")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(page.get_by_role("searchbox", name="Find", exact=True)).to_have_value("TEA")
    page.get_by_role("link", name="/teas").click()
    shows(page, Visitors="15")


def test_a_country_of_the_map_filters_by_it(analytics):
    page = analytics
    world = panel(page, "Places").get_by_role("link", name="Germany: 15 visitors")
    world.focus()
    page.keyboard.press("Enter")
    shows(page, Visitors="15")
    expect(chips(page)).to_have_text(re.compile("Country is Germany"))


def test_axe_finds_nothing(program, acme, visited, dashboard):
    page = dashboard(**MEASURED)
    here = f"{program.url}/o/{acme.slug}/analytics"
    question = f"?site={acme.site_id}&period=7d"
    pages = [
        question,
        f"{question}&f=country:is:DE&metric=revenue",
        f"{question}&zone=Asia/Tokyo&f=page:is_not:/|/teas",
        f"/values/country{question}",
        f"/values/property{question}",
        f"/journeys{question}",
        f"/retention{question}",
        f"/attribution{question}",
        f"/campaigns{question}",
        f"/campaigns/window{question}",
        f"/goals{question}",
        f"/goals/new{question}",
        f"/goals/{visited['goal']}/edit",
        f"/funnels{question}",
        f"/funnels/new{question}",
        f"/funnels/{visited['funnel']}?period=7d&split=country",
    ]
    found = [each for path in pages for each in problems(page, here + path)]
    assert not found, "\n".join(found)
    assert page.errors == []


def test_a_panel_that_is_asked_for_anew_stands_grey_and_keeps_its_height(analytics):
    page, held = analytics, []
    pages, sources = panel(page, "Pages"), panel(page, "Sources")
    before = pages.bounding_box()["height"]
    page.route("**/analytics?*", lambda route: held.append(route))
    pages.get_by_role("link", name="Exit page").click()
    label, words = pages.locator(".bars__label").first, sources.locator(".bars__label").first
    expect(label).to_have_css("color", UNSEEN)
    expect(pages).to_have_attribute("aria-busy", "true")
    expect(words).not_to_have_css("color", UNSEEN)
    assert pages.bounding_box()["height"] == before
    held[0].continue_()
    expect(pages.get_by_role("link", name="Exit page")).to_have_attribute("aria-current", "true")
    expect(label).not_to_have_css("color", UNSEEN)
    expect(pages).not_to_have_attribute("aria-busy", "true")


def test_without_motion_what_waits_stands_still(analytics):
    page, held = analytics, []
    page.emulate_media(reduced_motion="reduce")
    page.route("**/analytics?*", lambda route: held.append(route))
    pages = panel(page, "Pages")
    pages.get_by_role("link", name="Exit page").click()
    expect(pages.locator(".bars__label").first).to_have_css("color", UNSEEN)
    expect(pages.locator(".bars")).to_have_css("animation-iteration-count", "1")
    expect(pages.locator(".bars")).to_have_css("opacity", "1")
    held[0].continue_()
    expect(pages.get_by_role("link", name="Exit page")).to_have_attribute("aria-current", "true")


def test_a_file_is_made_once_however_often_its_button_is_pressed(program, acme, visited, dashboard):
    page, asked = dashboard(), []
    page.goto(f"{program.url}/o/{acme.slug}/analytics/export?site={acme.site_id}&period=7d")
    page.on("request", lambda sent: asked.append(sent) if sent.method == "POST" else None)
    button = page.get_by_role("button", name="Download")
    expect(button).to_be_enabled()
    for files in (1, 2):
        number = page.locator("#export-id").input_value()
        # For as long as the file takes, which is not long.
        button.evaluate(WATCH_WAITING)
        with page.expect_download() as download:
            button.dblclick()
            until(page, "waited")
        assert download.value.suggested_filename.endswith(".csv")
        expect(page.get_by_text("The file is complete")).to_be_visible()
        expect(button).to_be_enabled()
        expect(page.locator("#export-id")).not_to_have_value(number)
        assert len(asked) == files
    assert page.errors == []
