"""One's own account: name, address, password, and the browsers in which one is signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import SignIn, User
from app.accounts.permissions import Role
from app.core.db import db
from tests.conftest import PASSWORD, Browser

ALICE, NEW = "alice@acme.example", "alice@elsewhere.example"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:124.0) Gecko/20100101 Firefox/124.0"


@pytest.fixture
def alice(acme: Any, sign_in: Any) -> Any:
    return sign_in(ALICE)


def user(app: Any, email: str = ALICE) -> Any:
    with app.app_context():
        found = User.by_email(email)
        assert found
        return {
            "name": found.name,
            "verified": found.email_verified_at is not None,
            "password_hash": found.password_hash,
        }


# --- profile -------------------------------------------------------------------------------------


def test_a_name_is_changed_and_shown(app, alice, acme):
    answer = alice.post("/account", {"name": "Alice B.", "email": "evil@x.example", "id": "1"})
    assert answer.status_code == 302
    assert user(app)["name"] == "Alice B."
    assert "Alice B." in alice.get(f"/o/{acme.slug}/").text
    assert alice.post("/account", {"name": " \x01"}).status_code == 422


def test_the_account_says_when_one_last_signed_in(clock, acme, sign_in):
    alice = sign_in(ALICE)
    clock.shift(timedelta(hours=2))
    assert "2026-03-01T12:00:0" in alice.get("/account").text


def test_the_pages_are_for_those_who_are_signed_in(acme, visitor):
    for path in ("/account", "/account/sign-ins", "/organizations/new", "/email-verification"):
        answer = visitor.get(path)
        assert answer.status_code == 302 and "/sign-in?next=" in answer.headers["Location"]
    posts = ("/account", "/account/email", "/account/password", "/account/sign-ins/revocation")
    for path in (*posts, "/organizations", "/account/email-verification", "/invitation/acceptance"):
        assert visitor.post(path, {"name": "x"}).status_code == 302, path


# --- e-mail --------------------------------------------------------------------------------------


def change(alice: Any, email: str = NEW, password: str = PASSWORD) -> Any:
    return alice.post("/account/email", {"email": email, "password": password})


def test_a_new_address_holds_once_it_is_confirmed_and_the_old_one_is_told(app, alice, letters):
    assert change(alice).status_code == 302
    [letter] = letters(NEW)
    assert Browser(app, ALICE)
    assert alice.get(letter.link).status_code == 200
    assert Browser(app, ALICE), "reading the link changes nothing"
    assert alice.post("/email-verification", {"token": letter.token}).status_code == 302
    assert Browser(app, NEW) and user(app, NEW)["verified"]
    assert letters(ALICE)[-1].subject == "Your e-mail address was changed"
    assert NEW not in letters(ALICE)[-1].text
    assert alice.post("/email-verification", {"token": letter.token}).status_code == 410


def test_an_address_is_not_changed_without_the_password(app, alice, letters):
    answer = change(alice, password="not the password")
    assert answer.status_code == 422 and "This is not your password." in answer.text
    assert f'value="{NEW}"' in answer.text
    assert letters(NEW) == []


def test_guessing_the_password_of_an_open_browser_is_limited(alice):
    statuses = [change(alice, password=f"guess {n}").status_code for n in range(11)]
    assert statuses[0] == 422 and statuses[-1] == 429


def test_an_address_that_belongs_to_another_is_not_told_and_not_changed(
    app, alice, join, letters, acme
):
    join("bob@acme.example", Role.EDITOR)
    free, taken = change(alice), change(alice, "bob@acme.example")
    assert (free.status_code, free.headers["Location"]) == (302, taken.headers["Location"])
    assert letters("bob@acme.example")[-1].subject == "Somebody wanted to use your e-mail address"
    assert "token" not in letters("bob@acme.example")[-1].text
    assert Browser(app, ALICE) and Browser(app, "bob@acme.example")


def test_nobody_confirms_an_address_for_somebody_else(app, alice, join, sign_in, letters, visitor):
    join("bob@acme.example", Role.EDITOR)
    change(alice)
    [letter] = letters(NEW)
    bob = sign_in("bob@acme.example")
    assert bob.get(letter.link).status_code == 410
    assert bob.post("/email-verification", {"token": letter.token}).status_code == 410
    # Whoever is signed out is asked to sign in, and comes back.
    answer = visitor.get(letter.link)
    assert answer.status_code == 302 and "email-verification" in answer.headers["Location"]
    assert alice.post("/email-verification", {"token": letter.token}).status_code == 302


def test_a_link_to_confirm_works_for_two_days(clock, acme, sign_in, letters):
    alice = sign_in(ALICE)
    change(alice)
    clock.shift(timedelta(days=2, seconds=1))
    assert alice.get(letters(NEW)[0].link).status_code == 410


def test_an_address_that_is_not_confirmed_is_asked_for(app, alice, acme, letters):
    with app.app_context():
        User.by_email(ALICE).email_verified_at = None
        db.session.commit()
    assert "Confirm your e-mail address" in alice.get(f"/o/{acme.slug}/").text
    answer = alice.post("/account/email-verification", {"next": f"/o/{acme.slug}/sites"})
    assert answer.headers["Location"] == f"/o/{acme.slug}/sites"
    elsewhere = alice.post("/account/email-verification", {"next": "//evil.example"})
    assert elsewhere.headers["Location"] == "/account"
    [first, second] = letters(ALICE)
    alice.post("/email-verification", {"token": first.token})
    assert user(app)["verified"]
    assert "Confirm your e-mail address" not in alice.get(f"/o/{acme.slug}/").text
    assert alice.post("/email-verification", {"token": second.token}).status_code == 410


def test_asking_for_the_link_again_is_limited(alice, letters):
    statuses = [alice.post("/account/email-verification").status_code for _ in range(4)]
    assert statuses == [302, 302, 302, 429]


# --- password ------------------------------------------------------------------------------------


def test_a_changed_password_signs_out_everywhere_else_and_begins_anew_here(app, alice, sign_in):
    elsewhere = sign_in(ALICE)
    stolen = app.test_client()
    stolen.set_cookie("candor", alice.client.get_cookie("candor").value)
    assert stolen.get("/account").status_code == 200
    answer = alice.post("/account/password", {"current": PASSWORD, "new": "a better password"})
    assert answer.status_code == 302 and alice.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == stolen.get("/account").status_code == 302
    assert Browser(app, ALICE, "a better password")


@pytest.mark.parametrize(
    ("current", "new"),
    [
        ("wrong password", "a better password"),
        (PASSWORD, "short"),
        (PASSWORD, "password123"),
        ("", ""),
    ],
)
def test_a_password_is_not_changed(app, alice, current, new):
    before = user(app)
    answer = alice.post("/account/password", {"current": current, "new": new})
    assert answer.status_code == 422 and user(app) == before


# --- sign-ins ------------------------------------------------------------------------------------


def test_the_browsers_in_which_one_is_signed_in_are_named(app, alice):
    page = app.test_client()
    text = page.get("/sign-in").text
    token = text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": ALICE, "password": PASSWORD, "csrf_token": token}
    page.post("/sign-in", data=form, headers={"User-Agent": FIREFOX})
    listed = page.get("/account/sign-ins").text
    assert "Firefox on Windows" in listed and listed.count("This browser") == 1


def sign_in_ids(app: Any, email: str) -> list[Any]:
    with app.app_context():
        found = select(SignIn.id).join(User).where(User.id == User.by_email(email).id)  # type: ignore[union-attr]
        return list(db.session.scalars(found.order_by(SignIn.created_at)))


def test_one_browser_is_signed_out(app, alice, sign_in):
    other = sign_in(ALICE)
    first, _second = sign_in_ids(app, ALICE)
    assert other.post(f"/account/sign-ins/{first}/revocation").status_code == 302
    assert alice.get("/account").status_code == 302 and other.get("/account").status_code == 200


def test_nobody_signs_out_somebody_else(app, alice, umbrella, sign_in):
    charlie = sign_in("charlie@umbrella.example")
    [foreign] = sign_in_ids(app, ALICE)
    answer = charlie.post(f"/account/sign-ins/{foreign}/revocation")
    unknown = charlie.post(f"/account/sign-ins/{umbrella.id}/revocation")
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert alice.get("/account").status_code == 200
    assert str(foreign) not in charlie.get("/account/sign-ins").text


def test_signing_out_everywhere_means_here_too(app, alice, sign_in):
    other = sign_in(ALICE)
    answer = alice.post("/account/sign-ins/revocation")
    assert answer.headers["Location"] == "/sign-in"
    assert alice.get("/account").status_code == other.get("/account").status_code == 302
    assert sign_in_ids(app, ALICE) == []


@pytest.mark.parametrize(
    ("uses", "alive"), [([13, 13, 13], True), ([15], False), ([13] * 5, False)]
)
def test_a_sign_in_ends_after_two_weeks_idle_or_sixty_days(clock, acme, sign_in, uses, alive):
    alice = sign_in(ALICE)
    for days in uses:
        clock.shift(timedelta(days=days))
        status = alice.get("/account").status_code
    assert (status == 200) == alive
