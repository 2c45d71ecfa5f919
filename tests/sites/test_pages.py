"""A site's life on its pages: named, switched off and on, changed, deleted."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.accounts.models import Organization
from app.accounts.models.audit import AuditEntry
from app.accounts.permissions import Role
from app.core import tenancy
from app.core.db import Base, create_engine, db
from app.core.languages import LANGUAGES
from app.sites.models import Site
from tests.shops import shopify, shopify_order

SILENCE = "This site is not active"


@pytest.fixture
def actions(inside, acme):
    def read():
        with inside(acme):
            return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))

    return read


def test_a_name_and_a_domain_make_a_site_and_lead_to_its_snippet(alice, acme, inside):
    with inside(acme):
        db.session.get_one(Organization, acme.id).time_zone = "Asia/Tokyo"
        db.session.commit()
    answer = alice.post(f"/o/{acme.slug}/sites", {"name": "Tea", "domains": "tea.example"})
    assert answer.status_code == 302 and answer.location.endswith("/snippet")
    with inside(acme):
        site = db.session.scalars(select(Site).filter_by(name="Tea")).one()
        assert (site.hosts, site.time_zone, site.language) == (["tea.example"], "Asia/Tokyo", "en")
        assert (site.person_style, site.k, site.active) == ("first_name", 5, True)
    page = alice.get(answer.location).text
    assert f"/w/{site.key}.js" in page and "Never seen yet" in page
    for words in ("WordPress", "theme.liquid", "Webflow", "GoHighLevel", "Custom HTML"):
        assert words in page
    assert "candor.q=candor.q||[]" in page and "connect-src http://candor.test" in page


def test_the_form_offers_each_language_by_its_own_name(alice, acme):
    page = alice.get(f"/o/{acme.slug}/sites/new").text
    for code, name in LANGUAGES.items():
        assert f'value="{code}">{name}</option>' in page
    form = {"name": "Tea", "domains": "tea.example", "language": "tlh"}
    assert alice.post(f"/o/{acme.slug}/sites", form).status_code == 422


@pytest.fixture
def settings_page(alice, acme, inside):
    """Sends the settings form as a browser does and answers with the answer and what was kept."""
    page = f"/o/{acme.slug}/sites/{acme.site_id}"
    sent = {"name": "Shop", "domains": acme.domain, "person_style": "initial", "k": "5"}
    sent |= {"time_zone": "UTC", "language": "en", "mode": "anonymous"}

    def send(**fields):
        answer = alice.post(page, {**sent, **fields})
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            return answer, (site.mode, site.parameters)

    return send


def test_the_settings_say_how_visits_are_tracked(alice, acme, settings_page):
    text = alice.get(f"/o/{acme.slug}/sites/{acme.site_id}/edit").text
    assert 'type="radio" value="anonymous"' in text and 'type="radio" value="strict"' in text
    assert text.count('name="parameters"') == text.count(' name="parameters" value=') == 8
    fields = {"mode": "strict", "parameters": ["gclid", "utm_source"]}
    answer, kept = settings_page(**fields, own_parameters="Ref, partner_id ref")
    assert answer.status_code == 302
    assert kept == ("strict", ["utm_source", "gclid", "ref", "partner_id"])
    text = alice.get(f"/o/{acme.slug}/sites/{acme.site_id}/edit").text
    assert 'value="ref partner_id"' in text
    assert text.count('" checked') == 2
    assert "not counted before consent" in alice.get(f"/o/{acme.slug}/sites/{acme.site_id}").text


def test_no_tick_and_no_name_keep_no_parameter(settings_page):
    _answer, kept = settings_page()
    assert kept == ("anonymous", [])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mode": "off"}, "Not a valid choice"),
        ({"parameters": ["utm_source", "email"]}, "is not a valid choice"),
        ({"own_parameters": "9lives"}, "“9lives” is no name of a parameter"),
        ({"own_parameters": "<b>"}, "“&lt;b&gt;” is no name"),
        ({"own_parameters": "a" * 41}, "is no name of a parameter"),
        ({"own_parameters": " ".join(f"own{n}" for n in range(11))}, "At most 10 parameters"),
        ({"own_parameters": "a " * 501}, "cannot be longer"),
    ],
)
def test_what_no_site_can_keep_is_refused_and_changes_nothing(settings_page, fields, words):
    _answer, before = settings_page(mode="strict", own_parameters="ref")
    answer, kept = settings_page(**fields)
    assert answer.status_code == 422 and words in answer.text
    assert kept == before


def test_turned_off_its_snippet_is_silent_until_it_is_turned_on(alice, acme, client, actions):
    page, script = f"/o/{acme.slug}/sites/{acme.site_id}", f"/w/{acme.site_key}.js"
    assert SILENCE not in client.get(script).text
    for _ in range(2):
        assert alice.post(f"{page}/deactivation").status_code == 302
    assert SILENCE in client.get(script).text
    assert client.get(f"/widget/v1/config/{acme.site_key}").status_code == 404
    assert "Snippet off" in alice.get(page).text and "Turn on" in alice.get(page).text
    assert alice.post(f"{page}/activation").status_code == 302
    assert SILENCE not in client.get(script).text
    assert actions().count("site.deactivated") == actions().count("site.activated") == 1


def test_before_a_site_is_deleted_its_page_says_what_goes_with_it(alice, acme, client, work):
    site = {"site_id": str(acme.site_id)}
    notice = {"name": "Notice", "format": "notice", "content": {"message": "Hello"}}
    client.post("/api/v1/campaigns", json={**site, **notice}, headers=acme.bearer)
    for _ in range(2):
        client.post("/api/v1/activities", json={**site, "type": "signup"}, headers=acme.bearer)
    page = alice.get(f"/o/{acme.slug}/sites/{acme.site_id}/removal").text
    for words in ("1 campaign<", "1 source<", "2 activities<"):
        assert words in page


def test_a_deleted_site_is_gone_with_all_that_was_its_own(
    app, alice, acme, umbrella, client, work, inside, actions
):
    site = {"site_id": str(acme.site_id)}
    notice = {"name": "Notice", "format": "notice", "content": {"message": "Hello"}}
    client.post(
        "/api/v1/campaigns",
        json={**site, **notice, "status": "published"},
        headers=acme.bearer,
    )
    hook = f"/hooks/{acme.source_id}"
    assert (
        client.post(hook, **shopify(acme.secret, "orders/paid", shopify_order())).status_code == 200
    )
    work()
    client.get(f"/w/{acme.site_key}.js")
    answer = alice.post(f"/o/{acme.slug}/sites/{acme.site_id}/removal")
    assert answer.status_code == 302 and answer.location.endswith("/sites")
    assert SILENCE in client.get(f"/w/{acme.site_key}.js").text
    assert client.get(f"/widget/v1/notifications/{acme.site_key}").status_code == 404
    assert (
        client.post(hook, **shopify(acme.secret, "orders/paid", shopify_order(2))).status_code
        == 404
    )
    assert alice.get(f"/o/{acme.slug}/sites/{acme.site_id}").status_code == 404
    assert actions()[-1] == "site.removed"
    assert _belonging_to(app, acme.site_id) == 0
    # What others have is untouched.
    with inside(umbrella):
        assert db.session.scalar(select(func.count(Site.id))) == 1


def _belonging_to(app, site_id):
    with app.app_context():
        owner = create_engine(app.extensions["candor_settings"], role=None)
    tables = [
        t for t in Base.metadata.sorted_tables if "site_id" in t.c and tenancy.tenant_column(t)
    ]
    with owner.connect() as connection:
        found = [
            connection.scalar(select(func.count()).where(table.c.site_id == site_id))
            for table in tables
        ]
    owner.dispose()
    assert len(found) > 5
    return sum(found)


def test_who_may_only_look_sees_no_button_that_changes(join, sign_in, acme):
    join("vera@acme.example", Role.VIEWER)
    vera = sign_in("vera@acme.example")
    page = f"/o/{acme.slug}/sites/{acme.site_id}"
    for path in (page, f"{page}/snippet", f"/o/{acme.slug}/sites"):
        text = vera.get(path).text
        assert "Turn off" not in text and "/edit" not in text and "/sites/new" not in text
    assert vera.get(f"{page}/removal").status_code == 403
