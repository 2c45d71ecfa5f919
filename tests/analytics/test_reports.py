"""Saved reports: their tables, and their mail to those who agreed to it."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.accounts.models import Member
from app.accounts.models.audit import AuditEntry
from app.accounts.permissions import Role
from app.analytics import report_mails, rollups
from app.analytics.filters import read_filters
from app.analytics.models import Goal, Report, ReportRecipient, ReportSending, report
from app.analytics.periods import Period
from app.analytics.report_tables import report_table
from app.analytics.schedules import next_moment, period_before
from app.core import clock
from app.core.db import Base, db
from app.core.mail import OutgoingMail
from app.sites.models import Site
from tests.tracking.arriving import DIRECT, NOON, Shelf

BEGAN = datetime.fromtimestamp(NOON / 1000, UTC)
DAY = BEGAN.date()
LINK = re.compile(r"http://candor\.test(/report-mails/\w+\?token=[\w%=-]+)")


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def page(acme):
    return f"/o/{acme.slug}/analytics/reports"


@pytest.fixture
def make(alice, page, acme):
    """Make a report and answer the address of its page."""

    def make(**more):
        form = {
            "site": str(acme.site_id),
            "name": "Countries",
            "metrics": ["visitors", "page_views"],
            "by": "country",
            "and_by": "",
            "period": "7d",
        }
        answer = alice.post(page, {**form, **more})
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    return make


@pytest.fixture
def moment(monkeypatch):
    """Set the clock: `moment(BEGAN)`."""

    def at(when):
        monkeypatch.setattr(clock, "now", lambda: when)

    at(BEGAN + timedelta(hours=1))
    return at


def some_visits(shelf):
    def seen(minute, visitor, page, country, device, **more):
        place = DIRECT._replace(country=country, device=device)
        url = f"https://shop.acme.example{page}"
        return shelf.arrival(minute, visitor, url=url, circumstances=place, **more)

    return [
        seen(0, "ada", "/", "DE", "desktop"),
        seen(1, "ada", "/tea", "DE", "desktop"),
        seen(2, "ben", "/tea", "DE", "mobile"),
        seen(3, "cid", "/tea", "FR", "mobile"),
        seen(4, "cid", "/tea", "FR", "mobile"),
        seen(5, "cid", "/tea", "FR", "mobile", name="signup"),
    ]


def table(site, *dimensions, filters=(), metrics=("visitors", "page_views")):
    period = Period(DAY, DAY, ZoneInfo("UTC"))
    found = report_table(site, period, read_filters(filters), dimensions, metrics)
    return [(values, *(getattr(totals, each) for each in metrics)) for values, totals in found.rows]


def test_a_visit_lasts_in_the_same_words_everywhere(stocked, moment, make, alice, acme, page):
    stocked(some_visits)
    asked = f"?site={acme.site_id}&from={DAY}&to={DAY}"
    overview = page.removesuffix("/reports")
    addresses = (overview + asked, f"{overview}/values/country{asked}", f"{page}/new{asked}")
    for address in (*addresses, make(metrics=["seconds"])):
        assert "Visit duration" in alice.get(address).text, address


def test_how_a_report_is_filtered_is_said_without_addresses(alice, acme, page):
    asked = f"{page}/new?site={acme.site_id}"
    assert "Make a report of it" in alice.get(asked).text
    filtered = alice.get(f"{asked}&f=country:is:DE").text
    assert "those of the page you came from" in filtered
    assert "in its address" not in filtered


def test_a_table_has_a_row_for_each_value_and_for_each_two(stocked, inside, acme):
    stocked(some_visits)
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        assert table(site) == [((), 3, 5)]
        assert table(site, "country") == [(("DE",), 2, 3), (("FR",), 1, 2)]
        assert table(site, "country", "device") == [
            (("DE", "desktop"), 1, 2),
            (("DE", "mobile"), 1, 1),
            (("FR", "mobile"), 1, 2),
        ]
        assert table(site, "device", "page") == [
            (("mobile", "/tea"), 2, 3),
            (("desktop", "/"), 1, 1),
            (("desktop", "/tea"), 1, 1),
        ]
        # The other way round the same.
        assert sorted((a, b, *n) for (b, a), *n in table(site, "page", "device")) == sorted(
            (a, b, *n) for (a, b), *n in table(site, "device", "page")
        )
        assert table(site, "day", "country") == [
            ((str(DAY), "DE"), 2, 3),
            ((str(DAY), "FR"), 1, 2),
        ]
        assert table(site, "country", "event", metrics=["events", "visitors"]) == [
            (("FR", "signup"), 1, 1)
        ]
        assert table(site, "country", "device", filters=["page:is:/"]) == [
            (("DE", "desktop"), 1, 2)
        ]


def test_a_report_is_made_looked_at_changed_taken_out_and_deleted(
    stocked, make, alice, page, moment, inside, acme
):
    stocked(some_visits)
    address = make(f=["device:is:mobile"])
    shown = alice.get(address).text
    assert "Germany" in shown and "France" in shown and "Device" in shown
    assert "Countries" in alice.get(f"{page}?site={acme.site_id}").text
    assert alice.get(f"{address}/edit").status_code == 200
    form = {"name": "Pages", "metrics": "page_views", "by": "page", "and_by": "", "period": "7d"}
    assert alice.post(address, form).status_code == 302
    taken = alice.post(f"{address}/export", {"format": "csv"})
    assert list(csv.reader(io.StringIO(taken.data.decode("utf-8-sig")))) == [
        ["page", "page_views"],
        ["/tea", "4"],
        ["/", "1"],
    ]
    as_json = alice.post(f"{address}/export", {"format": "json"})
    assert as_json.json == [
        {"page": "/tea", "page_views": 4},
        {"page": "/", "page_views": 1},
    ]
    assert alice.post(f"{address}/deletion").status_code == 302
    assert alice.get(address).status_code == 404
    with inside(acme):
        found = select(AuditEntry).filter_by(subject_kind="reports").order_by(AuditEntry.id)
        entries = db.session.scalars(found)
        assert [each.action for each in entries] == [
            "report.created",
            "report.changed",
            "report.exported",
            "report.exported",
            "report.removed",
        ]


@pytest.mark.parametrize(
    ("asked", "days"), [("period=7d", "7d"), ("from=2026-01-02&to=2026-01-03", "30d"), ("", "30d")]
)
def test_a_report_made_of_a_page_keeps_its_days(alice, acme, asked, days):
    page = alice.get(f"/o/{acme.slug}/analytics/reports/new?site={acme.site_id}&{asked}").text
    [choices] = re.findall(r'<select[^>]* name="period">(.*?)</select>', page, re.S)
    assert re.findall(r'<option selected value="(\w+)"', choices) == [days]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "Give it a name."),
        ({"metrics": []}, "Some of visitors"),
        ({"metrics": ["shoes"]}, "is not a valid choice"),
        ({"by": "shoe"}, "Not a valid choice"),
        ({"and_by": "country"}, "Twice the same"),
        ({"by": "page", "and_by": "event"}, "Only one of page, event"),
        ({"by": "day", "and_by": "week"}, "Only one interval"),
        ({"by": "page", "metrics": ["visitors", "revenue"]}, "Not counted by page: Revenue."),
        ({"and_by": "event", "metrics": "bounce_rate"}, "Not counted by event: Bounce rate."),
        ({"period": "custom"}, "Not a valid choice"),
        ({"f": ["shoe:is:42"]}, "nothing to filter by"),
        ({"site": "x"}, "Choose a site."),
    ],
)
def test_what_cannot_be_a_report_comes_back_with_the_reason(alice, page, acme, change, words):
    form = {"site": str(acme.site_id), "name": "A", "metrics": "visitors", "by": "country"}
    answer = alice.post(page, {**form, "and_by": "", "period": "7d", **change})
    assert answer.status_code == 422 and words in answer.text, answer.text


def test_a_site_has_a_hundred_reports_at_most(make, alice, page, acme, monkeypatch):
    monkeypatch.setattr(report, "MOST_REPORTS", 1)
    make()
    form = {"site": str(acme.site_id), "name": "A", "metrics": "visitors", "by": "country"}
    answer = alice.post(page, {**form, "and_by": "", "period": "7d"})
    assert answer.status_code == 422 and "Delete one first." in answer.text


def test_a_viewer_looks_at_reports_and_changes_none(make, page, join, sign_in):
    address = make()
    join("vera@acme.example", Role.VIEWER)
    vera = sign_in("vera@acme.example")
    assert vera.get(address).status_code == 200
    assert vera.get(f"{address}/edit").status_code == 403
    for noun in ("", "/deletion", "/schedule", "/recipients"):
        assert vera.post(f"{address}{noun}").status_code == 403


# --- when ----------------------------------------------------------------------------------------


def test_a_mailing_is_at_an_hour_of_the_sites_clock():
    zone = "Europe/Berlin"
    friday = datetime(2026, 3, 27, 12, tzinfo=UTC)
    said = [next_moment(each, 8, zone, friday) for each in ("daily", "weekly", "monthly")]
    assert [f"{each:%m-%d %H:%M}" for each in said] == ["03-28 07:00", "03-30 06:00", "04-01 06:00"]
    assert next_moment(None, 8, zone, friday) is None
    # The hour that clocks skip on that Sunday.
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert next_moment("daily", 2, zone, saturday) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_mailing_is_about_what_is_over():
    monday = datetime(2026, 3, 30, 6, tzinfo=UTC)
    spans = [
        period_before(each, monday, "Europe/Berlin") for each in ("daily", "weekly", "monthly")
    ]
    assert [(str(each.first), str(each.last)) for each in spans] == [
        ("2026-03-29", "2026-03-29"),
        ("2026-03-23", "2026-03-29"),
        ("2026-02-01", "2026-02-28"),
    ]


# --- mail ----------------------------------------------------------------------------------------


def test_whatever_a_visitor_says_is_one_value_of_a_row(stocked, inside, acme):
    stocked(
        lambda shelf: [
            shelf.arrival(0, "ada", name="signup", props={"plan": "p\x1fq", "x": "|,\\"})
        ]
    )
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        assert table(site, "property", "device", metrics=["events"]) == [
            (("plan=p\x1fq", "desktop"), 1),
            (("x=|,\\", "desktop"), 1),
        ]


EACH_DAY = "Visitors are those of each day, added up"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, True),
        ({"by": "week"}, True),
        ({"by": "day"}, False),
        ({"by": "country", "and_by": "hour"}, False),
        ({"metrics": ["page_views"]}, False),
        ({"period": "today"}, False),
    ],
)
def test_a_report_says_what_visitors_of_several_days_are(stocked, make, alice, moment, asked, said):
    stocked(some_visits)
    assert (EACH_DAY in alice.get(make(**asked)).text) is said


@pytest.fixture
def mailed(inside, acme):
    """The mails there are, oldest first: address, subject, text, message."""

    def mailed():
        with inside(acme):
            found = db.session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))
            return [(e.recipient, e.subject, e.text, e.message("a@candor.test")) for e in found]

    return mailed


@pytest.fixture
def daily(make, alice, moment):
    """The address of a report that is mailed each day at eight."""
    address = make()
    assert alice.post(f"{address}/schedule", {"schedule": "daily", "hour": "8"}).status_code == 302
    return address


def add_alice(alice, address, inside, acme):
    with inside(acme):
        member_id = db.session.scalars(select(Member.id)).one()
    assert alice.post(f"{address}/recipients", {"member": str(member_id)}).status_code == 302


def test_a_report_that_is_mailed_to_nobody_says_so(alice, daily, inside, acme):
    said, schedule = "Nobody gets it yet", {"schedule": "weekly", "hour": "8"}
    assert said in alice.get(daily).text
    alice.post(f"{daily}/recipients", {"email": "ina@outside.example"})
    alice.post(f"{daily}/schedule", schedule)
    assert said in alice.get(daily).text
    add_alice(alice, daily, inside, acme)
    alice.post(f"{daily}/schedule", schedule)
    assert said not in alice.get(daily).text


def send(app):
    with app.app_context():
        report_mails.send_due_reports()


def agree(client, link):
    """Press the button that the link leads to; what was sent with it."""
    shown = client.get(link).text
    form = {
        name: re.search(rf'name="{name}" value="([^"]+)"', shown)[1]
        for name in ("token", "csrf_token")
    }
    assert client.post("/report-mails/confirmation", data=form).status_code == 200
    return form


@pytest.mark.parametrize(("schedule", "said"), [("weekly", True), ("daily", False)])
def test_a_mail_says_what_visitors_of_several_days_are(
    app, stocked, daily, alice, moment, mailed, inside, acme, schedule, said
):
    stocked(some_visits)
    add_alice(alice, daily, inside, acme)
    alice.post(f"{daily}/schedule", {"schedule": schedule, "hour": "8"})
    moment(BEGAN + timedelta(days=8))
    send(app)
    [(_address, _subject, text, message)] = mailed()
    assert (EACH_DAY in text) is said
    assert (EACH_DAY in message.get_body(("html",)).get_content()) is said


def test_a_report_says_which_goal_is_gone_wherever_it_is_asked_for(
    app, client, stocked, make, alice, moment, mailed, inside, acme, made_goal
):
    stocked(some_visits)
    with inside(acme):
        made_goal("Signed up")
    address = make(f=["goal:is_not:Signed up"])
    alice.post(f"{address}/schedule", {"schedule": "daily", "hour": "8"})
    add_alice(alice, address, inside, acme)
    assert "Germany" in alice.get(address).text and "France" not in alice.get(address).text
    rows = f"/api/v1/reports/{address.rsplit('/', 1)[1]}/rows"
    assert client.get(rows, headers=acme.bearer).json["rows"] == [["DE", 2, 3]]
    with inside(acme):
        db.session.scalars(select(Goal)).one().remove()
        db.session.commit()
    said = "This site has no goal “Signed up”."
    page = alice.get(address)
    assert page.status_code == 200 and said in page.text
    assert "Germany" not in page.text and "France" not in page.text
    refused = client.get(rows, headers=acme.bearer)
    assert refused.status_code == 400 and refused.json["error"]["message"] == said
    assert refused.json["error"]["details"] == {"field": "f"}
    assert alice.post(f"{address}/export", {"format": "csv"}).status_code == 400
    moment(BEGAN + timedelta(days=1))
    send(app)
    send(app)
    [(_address, _subject, text, message)] = mailed()
    for written in (text, message.get_body(("html",)).get_content()):
        assert said in written and "The report in Candor" in written
        assert "Visitors" not in written and "France" not in written


def test_a_report_cannot_be_changed_to_a_goal_that_there_is_not(make, alice, inside, acme):
    address = make()
    form = {"name": "Ours", "metrics": ["events"], "by": "country", "and_by": "", "period": "7d"}
    refused = alice.post(address, {**form, "f": ["goal:is_not:Nothing"]})
    assert refused.status_code == 422 and "This site has no goal “Nothing”." in refused.text
    with inside(acme):
        kept = db.session.scalars(select(Report)).one()
        assert kept.filters == []
        kept.filters = ["goal:is_not:Nothing"]
        db.session.commit()
    # What was lost before hinders no other change.
    assert alice.post(address, {**form, "f": ["goal:is_not:Nothing"]}).status_code == 302


def test_a_report_is_mailed_once_a_day_whoever_tries(
    app, stocked, daily, alice, moment, mailed, inside, acme
):
    stocked(some_visits)
    add_alice(alice, daily, inside, acme)
    send(app)
    assert mailed() == []
    moment(BEGAN + timedelta(days=1))
    send(app)
    send(app)
    [(address, subject, text, message)] = mailed()
    assert (address, subject) == ("alice@acme.example", "Countries – Acme shop")
    assert "Germany | 2 | 3" in text and "France | 1 | 2" in text
    assert re.search(r"Visitors +3", text)
    html = message.get_body(("html",)).get_content()
    assert "Germany</td>" in html and "style" not in html
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"].startswith("<http://candor.test/report-mails/")
    # Late by days it is mailed once, about the day before.
    moment(BEGAN + timedelta(days=5))
    send(app)
    send(app)
    assert len(mailed()) == 2
    with inside(acme):
        assert len(db.session.scalars(select(ReportSending)).all()) == 2


def test_what_strangers_send_stays_in_its_cell_of_a_mail(
    app, stocked, make, alice, moment, mailed, inside, acme
):
    page_break = "\u2028"
    said = f"pro\n\nYour password is over:\r\nhttps://evil.example/{page_break}1\x0b2\x1b[2J"
    stocked(lambda shelf: [shelf.arrival(0, "ada", name="signup", props={"plan": said})])
    with inside(acme):
        db.session.get_one(Site, acme.site_id).change(name=f"Acme{page_break}shop")
        db.session.commit()
    address = make(metrics=["events"], by="property")
    alice.post(f"{address}/schedule", {"schedule": "daily", "hour": "8"})
    add_alice(alice, address, inside, acme)
    moment(BEGAN + timedelta(days=1))
    send(app)
    [(_, subject, text, message)] = mailed()
    cell = "plan=pro Your password is over: https://evil.example/ 1 2 [2J"
    assert f"{cell} | 1" in text.splitlines()
    assert text.splitlines()[0] == subject == "Countries – Acme shop"
    assert f'<td align="left">{cell}</td>' in message.get_body(("html",)).get_content()


def test_a_mail_says_which_visits_it_is_about_and_why_it_came(
    app, stocked, make, alice, moment, mailed, client, inside, acme
):
    stocked(some_visits)
    address = make(f=["country:is:DE|FR", "page:contains:/te\na"])
    alice.post(f"{address}/schedule", {"schedule": "daily", "hour": "8"})
    add_alice(alice, address, inside, acme)
    alice.post(f"{address}/recipients", {"email": "ina@outside.example"})
    agree(client, LINK.search(mailed()[0][2])[1])
    moment(BEGAN + timedelta(days=1))
    send(app)
    mails = {each[0]: each for each in mailed() if "Countries – " in each[1]}
    only = "Only visits that: Country is Germany or France; Page contains /te a"
    for name, reason, link in (
        ("alice@acme.example", "a colleague put you on", True),
        ("ina@outside.example", "you agreed to it", False),
    ):
        _name, _subject, text, message = mails[name]
        html = message.get_body(("html",)).get_content()
        assert only in text.splitlines() and only in html
        for body in (text, html):
            assert reason in body and (address in body) is link


@pytest.fixture
def at_midnight(stocked, daily, alice, moment, inside, acme):
    """A report that is mailed at midnight, when one page view of six of its day is added up."""
    stocked(lambda shelf: some_visits(shelf)[:1])
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(*(shelf.arrival(n, "ada", url="https://shop.acme.example/") for n in range(5)))
    alice.post(f"{daily}/schedule", {"schedule": "daily", "hour": "0"})
    add_alice(alice, daily, inside, acme)
    return datetime.combine(DAY + timedelta(days=1), time(), UTC)


def test_a_report_waits_until_its_days_are_added_up(app, at_midnight, moment, mailed):
    moment(at_midnight + timedelta(seconds=5))
    send(app)
    assert mailed() == []
    with app.app_context():
        rollups.roll_up_due()
    send(app)
    assert mailed() == []
    moment(at_midnight + timedelta(minutes=6))
    send(app)
    [(_, _, text, message)] = mailed()
    assert re.search(r"Page views +6\b", text) and f"{DAY:%-d %B %Y}" in text
    assert "Numbers as of" not in text + message.get_body(("html",)).get_content()


@pytest.mark.parametrize("late", [timedelta(seconds=5), timedelta(hours=2)])
def test_a_report_whose_days_are_not_added_up_in_hours_is_mailed_and_says_so(
    app, at_midnight, moment, mailed, late
):
    for after in (late, timedelta(hours=2, minutes=59)):
        moment(at_midnight + after)
        send(app)
        assert mailed() == []
    moment(at_midnight + timedelta(hours=3, minutes=5))
    send(app)
    send(app)
    [(_, _, text, message)] = mailed()
    assert re.search(r"Page views +1\b", text)
    said = f"Numbers as of {BEGAN + timedelta(hours=1):%-d %B %Y, %H:%M} (UTC)"
    assert said in text and said in message.get_body(("html",)).get_content()


def test_a_report_waits_for_no_days_but_its_own(
    app, stocked, daily, alice, moment, mailed, inside, acme
):
    stocked(some_visits)
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(shelf.arrival(-5 * 24 * 60, "ada"))
    add_alice(alice, daily, inside, acme)
    moment(BEGAN + timedelta(days=1))
    send(app)
    [(_address, _subject, text, _message)] = mailed()
    assert "Numbers as of" not in text


def test_a_report_that_is_mailed_no_more_is_not_tried_for_ever(
    app, daily, alice, moment, mailed, inside, acme
):
    alice.post(f"{daily}/schedule", {"schedule": "", "hour": "8"})
    with inside(acme):
        report = db.session.scalars(select(Report)).one()
        # As one that was put off at the same moment.
        report.try_at = BEGAN
        db.session.commit()
    moment(BEGAN + timedelta(days=1))
    send(app)
    with inside(acme):
        assert db.session.scalars(select(Report)).one().try_at is None
    assert mailed() == []


def test_a_report_that_nobody_tried_in_time_waits_once(app, at_midnight, moment, mailed):
    moment(at_midnight + timedelta(hours=9))
    send(app)
    assert mailed() == []
    with app.app_context():
        rollups.roll_up_due()
    moment(at_midnight + timedelta(hours=9, minutes=5))
    send(app)
    [(_, _, text, _)] = mailed()
    assert re.search(r"Page views +6\b", text) and "Numbers as of" not in text


def test_a_report_that_breaks_goes_behind_the_others(
    app, stocked, daily, make, alice, moment, mailed, inside, acme, monkeypatch
):
    stocked(some_visits)
    other = make(name="Devices", by="device")
    alice.post(f"{other}/schedule", {"schedule": "daily", "hour": "9"})
    for address in (daily, other):
        add_alice(alice, address, inside, acme)
    written = report_mails._written

    def breaking(report, due_at):
        if report.name == "Countries":
            raise RuntimeError("no")
        return written(report, due_at)

    monkeypatch.setattr(report_mails, "_written", breaking)
    monkeypatch.setattr(report_mails, "AT_ONCE", 1)
    moment(BEGAN + timedelta(days=1))
    send(app)
    send(app)
    assert [subject for _, subject, _, _ in mailed()] == ["Devices – Acme shop"]
    monkeypatch.setattr(report_mails, "_written", written)
    moment(BEGAN + timedelta(days=1, minutes=20))
    send(app)
    assert len(mailed()) == 2


def test_a_report_that_is_tried_again_is_about_the_same_days(
    app, stocked, daily, alice, moment, mailed, inside, acme, monkeypatch
):
    stocked(some_visits)
    evening = BEGAN.replace(hour=23, minute=50) + timedelta(days=1)
    moment(evening - timedelta(days=1))
    alice.post(f"{daily}/schedule", {"schedule": "daily", "hour": "23"})
    add_alice(alice, daily, inside, acme)
    written = report_mails._written

    def broken(report, due_at):
        raise RuntimeError("no")

    monkeypatch.setattr(report_mails, "_written", broken)
    moment(evening)
    send(app)
    monkeypatch.setattr(report_mails, "_written", written)
    moment(evening + timedelta(minutes=5))
    send(app)
    assert mailed() == []
    # After midnight, when the day before is another one.
    moment(evening + timedelta(minutes=20))
    send(app)
    [(_, _, text, _)] = mailed()
    assert f"{DAY:%-d %B %Y}" in text and "Germany | 2 | 3" in text
    send(app)
    assert len(mailed()) == 1


def test_two_workers_at_once_mail_it_once(stocked, daily, alice, moment, inside, acme):
    add_alice(alice, daily, inside, acme)
    moment(BEGAN + timedelta(days=1))
    with inside(acme):
        found = db.session.scalars(select(Report)).one()
        due_at = found.next_at
        assert report_mails.mail_report(found) == 1
        # As the other one read it, before.
        found.next_at = due_at
        db.session.flush()
        assert report_mails.mail_report(found) == 0


def test_nobody_outside_gets_it_before_he_agreed(
    app, daily, alice, moment, mailed, client, inside, acme
):
    added = alice.post(f"{daily}/recipients", {"email": "ina@outside.example"})
    assert added.status_code == 302
    [(address, _subject, text, message)] = mailed()
    assert address == "ina@outside.example" and "List-Unsubscribe" not in message
    assert "each day, about the day before." in text
    link = LINK.search(text)[1]
    moment(BEGAN + timedelta(days=1))
    send(app)
    assert len(mailed()) == 1
    # Reading the link agrees to nothing: programs do that.
    shown = client.get(link)
    assert shown.status_code == 200 and "Countries" in shown.text
    assert "each day, about the day before." in shown.text
    send(app)
    assert len(mailed()) == 1
    form = agree(client, link)
    # It works once.
    assert client.post("/report-mails/confirmation", data=form).status_code == 422
    moment(BEGAN + timedelta(days=2))
    send(app)
    assert [each[0] for each in mailed()] == ["ina@outside.example"] * 2


def test_a_link_that_asks_is_good_for_a_week(daily, alice, moment, mailed, client):
    alice.post(f"{daily}/recipients", {"email": "ina@outside.example"})
    link = LINK.search(mailed()[0][2])[1]
    moment(BEGAN + timedelta(days=8))
    assert "not good any more" in client.get(link).text
    assert "not good any more" in client.get("/report-mails/confirmation?token=x").text


def test_one_click_ends_it_without_a_cookie_and_only_he_can_turn_it_on(
    app, daily, alice, moment, mailed, inside, acme
):
    add_alice(alice, daily, inside, acme)
    moment(BEGAN + timedelta(days=1))
    send(app)
    way_out = mailed()[0][3]["List-Unsubscribe"][1:-1].removeprefix("http://candor.test")
    program = app.test_client(use_cookies=False)
    assert program.get(way_out).status_code == 200
    answer = program.post(way_out, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200 and "It is ended" in answer.text
    assert program.post(way_out).status_code == 200
    moment(BEGAN + timedelta(days=2))
    send(app)
    assert len(mailed()) == 1
    add_alice(alice, daily, inside, acme)
    moment(BEGAN + timedelta(days=3))
    send(app)
    assert len(mailed()) == 1
    for wrong in ("x", "A" * 43, "%00", way_out.partition("=")[2][:-6] + "AAAA%3D"):
        assert program.post(f"/report-mails/unsubscription?token={wrong}").status_code == 404


def test_an_address_is_kept_sealed_and_its_token_as_a_digest(daily, alice, mailed, inside, acme):
    alice.post(f"{daily}/recipients", {"email": "ina@outside.example"})
    token = LINK.search(mailed()[0][2])[1].partition("=")[2]
    with inside(acme):
        for each in Base.metadata.sorted_tables:
            for row in db.session.execute(select(each)):
                assert token not in str(tuple(row)), each.name
                assert "ina@outside.example" not in str(tuple(row)), each.name


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"email": "nobody"}, "not an e-mail address"),
        ({"email": ""}, "not an e-mail address"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "not an e-mail address"),
        ({"member": "x"}, "There is no such member."),
    ],
)
def test_who_cannot_be_mailed_is_told(make, alice, form, words, mailed):
    answer = alice.post(f"{make()}/recipients", form)
    assert answer.status_code == 422 and words in answer.text
    assert mailed() == []


def test_a_report_goes_to_fifty_people_at_most(make, alice, monkeypatch, inside, acme):
    monkeypatch.setattr(report, "MOST_RECIPIENTS", 1)
    address = make()
    assert alice.post(f"{address}/recipients", {"email": "a@b.example"}).status_code == 302
    answer = alice.post(f"{address}/recipients", {"email": "c@d.example"})
    assert answer.status_code == 422 and "at most 1 people" in answer.text
    with inside(acme):
        assert len(db.session.scalars(select(ReportRecipient)).all()) == 1


def test_whoever_is_taken_off_gets_nothing_more(app, daily, alice, moment, mailed, inside, acme):
    add_alice(alice, daily, inside, acme)
    with inside(acme):
        recipient_id = db.session.scalars(select(ReportRecipient.id)).one()
    assert alice.post(f"{daily}/recipients/{recipient_id}/removal").status_code == 302
    moment(BEGAN + timedelta(days=1))
    send(app)
    assert mailed() == []


# --- REST ----------------------------------------------------------------------------------------


def test_reports_over_rest(stocked, client, acme, moment):
    stocked(some_visits)
    body = {
        "site_id": str(acme.site_id),
        "name": "Countries",
        "metrics": ["visitors", "revenue"],
        "dimensions": ["country"],
        "filters": ["device:is:mobile"],
        "period": "7d",
    }
    made = client.post("/api/v1/reports", json=body, headers=acme.bearer)
    assert made.status_code == 201
    address = f"/api/v1/reports/{made.json['id']}"
    assert client.get(address, headers=acme.bearer).json == made.json
    run = client.get(f"{address}/rows", headers=acme.bearer).json
    assert run["rows"] == [["DE", 1, 0], ["FR", 1, 0]]
    assert run["currency"] == "EUR" and run["left_out"] == 0
    listed = client.get(f"/api/v1/reports?site_id={acme.site_id}", headers=acme.bearer).json
    assert [each["id"] for each in listed["data"]] == [made.json["id"]]
    assert client.delete(address, headers=acme.bearer).status_code == 204
    assert client.get(address, headers=acme.bearer).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metrics": ["shoes"]}, "metrics"),
        ({"dimensions": ["shoe"]}, "dimensions"),
        ({"dimensions": ["page", "event"]}, "dimensions"),
        ({"dimensions": ["page"], "metrics": ["orders"]}, "metrics"),
        ({"filters": ["shoe:is:42"]}, "filters"),
        ({"filters": ["goal:is_not:Signed up"]}, "filters"),
        ({"period": "forever"}, "period"),
        ({"name": " "}, "name"),
    ],
)
def test_a_bad_report_names_the_field(client, acme, change, field):
    good = {"site_id": str(acme.site_id), "name": "A", "metrics": ["visitors"]}
    answer = client.post("/api/v1/reports", json={**good, **change}, headers=acme.bearer)
    assert answer.status_code == 422 and field in answer.json["error"]["details"]


def test_segments_and_annotations_over_rest(client, acme):
    site = {"site_id": str(acme.site_id)}
    for path, good, bad, field in (
        ("segments", {"name": "A", "filters": ["country:is:DE"]}, {"filters": ["x"]}, "filters"),
        ("annotations", {"day": "2026-01-02", "text": "Sale"}, {"day": "0001-01-01"}, "day"),
    ):
        made = client.post(f"/api/v1/{path}", json={**site, **good}, headers=acme.bearer)
        assert made.status_code == 201, made.text
        assert good.items() <= made.json.items()
        refused = client.post(f"/api/v1/{path}", json={**site, **good, **bad}, headers=acme.bearer)
        assert refused.status_code == 422 and field in refused.json["error"]["details"]
        listed = client.get(f"/api/v1/{path}?site_id={acme.site_id}", headers=acme.bearer).json
        assert listed["data"] == [made.json]
        gone = client.delete(f"/api/v1/{path}/{made.json['id']}", headers=acme.bearer)
        assert gone.status_code == 204
