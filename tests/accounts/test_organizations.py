"""Organizations: settings, a second one, and deletion with a week to change one's mind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.accounts.jobs import delete_organizations
from app.accounts.models import Organization, User
from app.accounts.permissions import Role
from app.core import tenancy
from app.core.db import Base, create_engine, db
from tests.walls.conftest import furnish

ALICE, ADA, BOB = "alice@acme.example", "ada@acme.example", "bob@acme.example"
SETTINGS = {"name": "Acme Inc.", "time_zone": "Europe/Berlin", "currency": "CHF", "language": "de"}


@pytest.fixture
def alice(acme: Any, sign_in: Any) -> Any:
    return sign_in(ALICE)


@pytest.fixture
def organization(app: Any, acme: Any) -> Any:
    def read() -> dict[str, Any]:
        with app.app_context(), tenancy.scope(acme.id):
            found = db.session.get(Organization, acme.id)
            columns = Organization.__table__.c.keys()
            return {name: getattr(found, name) for name in columns} if found else {}

    return read


# --- settings ------------------------------------------------------------------------------------


def test_the_settings_are_changed_by_owners_and_admins(acme, alice, join, sign_in, organization):
    join(ADA, Role.ADMIN)
    join(BOB, Role.EDITOR)
    page = f"/o/{acme.slug}/settings"
    assert alice.post(page, SETTINGS).status_code == 302
    assert {name: organization()[name] for name in SETTINGS} == SETTINGS
    assert sign_in(ADA).post(page, {**SETTINGS, "currency": "EUR"}).status_code == 302
    assert sign_in(BOB).post(page, SETTINGS).status_code == 403
    assert organization()["currency"] == "EUR"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("name", "a" * 121), ("time_zone", "Mars/Base"), ("currency", "XXX"),
     ("currency", "eur"), ("language", "tlh"), ("language", "")],
)  # fmt: skip
def test_what_is_not_right_comes_back(acme, alice, client, organization, field, value):
    before = organization()
    answer = alice.post(f"/o/{acme.slug}/settings", {**SETTINGS, field: value})
    assert (
        answer.status_code == 422 and "Acme Inc." in answer.text + (field == "name") * "Acme Inc."
    )
    path = f"/api/v1/organizations/{acme.id}"
    assert client.patch(path, json={field: value}, headers=acme.bearer).status_code == 422
    assert organization() == before


def test_fields_that_nobody_may_set_stay(acme, alice, client, organization):
    extra = {"slug": "mine", "demo": "1", "deletion_at": "2001-01-01", "id": "1", "plan": "all"}
    before = organization()
    assert alice.post(f"/o/{acme.slug}/settings", {**SETTINGS, **extra}).status_code == 302
    assert {**organization(), **SETTINGS} == {**before, **SETTINGS}
    for name, value in extra.items():
        path = f"/api/v1/organizations/{acme.id}"
        assert client.patch(path, json={name: value}, headers=acme.bearer).status_code == 422


def test_the_api_changes_what_it_is_given_and_only_its_own(acme, umbrella, client, organization):
    path = f"/api/v1/organizations/{acme.id}"
    answer = client.patch(path, json={"language": "fr"}, headers=acme.bearer)
    assert answer.json == {
        "id": str(acme.id),
        "name": "Acme",
        "slug": acme.slug,
        "time_zone": "UTC",
        "currency": "EUR",
        "language": "fr",
    }
    assert client.patch(path, json={"name": "Mine"}, headers=umbrella.bearer).status_code == 404
    assert organization()["name"] == "Acme"


# --- a second one --------------------------------------------------------------------------------


def test_a_second_organization_is_founded_and_switched_to(acme, alice):
    answer = alice.post("/organizations", {"name": "Second"})
    assert answer.status_code == 302
    second = answer.headers["Location"].split("/")[2]
    page = alice.get(f"/o/{second}/").text
    assert f'href="/o/{acme.slug}/"' in page and 'href="/organizations/new"' in page
    assert "Acme shop" not in page and "Acme shop" in alice.get(f"/o/{acme.slug}/").text
    assert alice.post("/organizations", {"name": " "}).status_code == 422


def test_of_two_with_one_name_the_present_one_is_marked(acme, alice):
    alice.post("/organizations", {"name": "Acme"})
    page = alice.get(f"/o/{acme.slug}/").text
    rail = page.split('<header class="topbar"')[0]
    assert rail.count('aria-current="true"') == 1


# --- deletion ------------------------------------------------------------------------------------


@pytest.fixture
def delete(app: Any) -> Any:
    """What the periodic job does."""

    def run() -> None:
        with app.app_context():
            delete_organizations()

    return run


def plan(browser: Any, acme: Any, name: str = "Acme") -> int:
    return browser.post(f"/o/{acme.slug}/settings/deletion", {"name": name}).status_code


@pytest.mark.parametrize("name", ["", "acme", "Acme ", "Umbrella"])
def test_the_name_is_typed_to_confirm(acme, alice, organization, name):
    expected = 302 if name.strip() == "Acme" else 422
    assert plan(alice, acme, name) == expected
    assert (organization()["deletion_at"] is None) == (expected == 422)


def test_only_an_owner_deletes_and_keeps(acme, alice, join, sign_in, organization):
    join(ADA, Role.ADMIN)
    ada = sign_in(ADA)
    assert plan(ada, acme) == 403
    assert plan(alice, acme) == 302
    assert ada.post(f"/o/{acme.slug}/settings/deletion/withdrawal").status_code == 403
    page = ada.get(f"/o/{acme.slug}/").text
    assert "Acme will be deleted" in page and "Keep it" not in page
    assert organization()["deletion_at"] is not None


def test_everybody_is_told_and_an_owner_keeps_it(
    clock, acme, sign_in, letters, organization, delete, client
):
    alice = sign_in(ALICE)
    assert plan(alice, acme) == 302
    assert letters(ALICE)[-1].subject == "Acme will be deleted"
    assert "8 March 2026, 12:00" in letters(ALICE)[-1].text
    page = alice.get(f"/o/{acme.slug}/sites").text
    assert "Acme will be deleted" in page and "Keep it" in page
    # Until the day everything stays as it is.
    clock.shift(timedelta(days=6, hours=23))
    delete()
    assert client.get("/api/v1/sites", headers=acme.bearer).status_code == 200
    assert alice.post(f"/o/{acme.slug}/settings/deletion/withdrawal").status_code == 302
    clock.shift(timedelta(days=2))
    delete()
    assert organization()["deletion_at"] is None
    assert "will be deleted" not in alice.get(f"/o/{acme.slug}/").text


def test_planning_it_again_does_not_move_the_day(clock, acme, sign_in, organization):
    alice = sign_in(ALICE)
    plan(alice, acme)
    before = organization()["deletion_at"]
    clock.shift(timedelta(days=3))
    plan(alice, acme)
    assert organization()["deletion_at"] == before


def test_the_owners_are_told_once(acme, sign_in, letters):
    alice = sign_in(ALICE)
    assert [plan(alice, acme) for _ in range(3)] == [302] * 3
    assert len(letters(ALICE)) == 1


def test_on_the_day_every_row_goes_and_none_of_another(
    app, clock, acme, umbrella, sign_in, delete, client
):
    furnish(app, acme, "Marmalade")
    furnish(app, umbrella, "Wormwood")
    alice = sign_in(ALICE)
    theirs = rows(app, umbrella.id)
    plan(alice, acme)
    clock.shift(timedelta(days=7, seconds=1))
    delete()
    assert sum(rows(app, acme.id).values()) == 0
    assert rows(app, umbrella.id) == theirs and all(theirs.values())
    assert client.get("/api/v1/sites", headers=acme.bearer).status_code == 401
    assert alice.get(f"/o/{acme.slug}/").status_code == 404
    assert "You are in no organization" in alice.get("/").text
    with app.app_context():
        assert User.by_email(ALICE) is not None


def rows(app: Any, organization_id: Any) -> dict[str, int]:
    """How many rows each table has of an organization."""
    owner = create_engine(app.extensions["candor_settings"], role=None)
    found = {}
    with owner.connect() as connection:
        for table in Base.metadata.sorted_tables:
            column = tenancy.tenant_column(table)
            if column is not None:
                counted = select(func.count()).where(table.c[column] == organization_id)
                found[table.name] = connection.scalar(counted) or 0
    owner.dispose()
    return found
