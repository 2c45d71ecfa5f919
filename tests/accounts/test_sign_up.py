"""Signing up: the first owner at once, everybody else by mail, and nobody learns who has an account."""

from __future__ import annotations

import dataclasses
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import Organization, SignUp, User
from app.accounts.models.mailed import forget_mailed
from app.accounts.permissions import Role
from app.core.db import create_engine, db
from app.dashboard.demo_data import EMAIL, create_demo
from tests.accounts.conftest import plain
from tests.conftest import Browser

INA = {
    "organization": "Initech",
    "name": "Ina",
    "email": "ina@initech.example",
    "password": "battery staple horse",
}


@pytest.fixture
def closed(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = dataclasses.replace(app.extensions["candor_settings"], sign_up="closed")
    monkeypatch.setitem(app.extensions, "candor_settings", settings)


def rows(app: Any, model: Any) -> list[Any]:
    """What a table holds, whosever it is."""
    owner = create_engine(app.extensions["candor_settings"], role=None)
    with owner.connect() as connection:
        found = list(connection.execute(select(model.__table__)))
    owner.dispose()
    return found


def count(app: Any, model: Any) -> int:
    return len(rows(app, model))


def fresh_limits(app: Any) -> None:
    app.extensions["candor_redis"].flushall()


# --- the first owner -----------------------------------------------------------------------------


def test_a_new_installation_begins_with_its_first_owner(app, visitor, letters):
    assert "Welcome to Candor" in visitor.get("/").text
    answer = visitor.post("/sign-up", INA)
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/sites/new")
    page = visitor.get(answer.headers["Location"])
    assert page.status_code == 200 and "Confirm your e-mail address" in page.text
    assert visitor.get("/").status_code == 302
    [letter] = letters(INA["email"])
    assert letter.subject == "Confirm your e-mail address"


def test_beside_the_demo_there_still_is_a_first_owner(app, visitor, visitors):
    with app.app_context():
        create_demo()
    page = visitor.get("/").text
    assert "Welcome to Candor" in page and "Look at the demo" in page and EMAIL in page
    # The button of that page is a plain sign-in.
    shown = visitors()
    assert shown.post("/sign-in", {"email": EMAIL, "password": "show me around"}).status_code == 302
    assert visitor.post("/sign-up", INA).status_code == 302
    assert "Look at the demo" not in visitors().says("/")


def test_the_second_to_sign_up_is_no_first_owner(app, acme, visitor):
    assert visitor.get("/").headers["Location"] == "/sign-in"
    assert "Check your mail" in visitor.post("/sign-up", INA).text
    assert count(app, User) == 1


def test_of_two_who_are_first_at_once_one_is_the_owner(app, visitors):
    pairs = [(visitors(), f"{name}@first.example") for name in ("ina", "ivo")]
    tokens = [visitor.token("/sign-in") for visitor, _email in pairs]
    barrier, statuses = threading.Barrier(2), []

    def post(visitor: Any, email: str, token: str) -> None:
        barrier.wait()
        form = {**INA, "email": email, "csrf_token": token}
        statuses.append(visitor.client.post("/sign-up", data=form).status_code)

    threads = [
        threading.Thread(target=post, args=(*pair, token))
        for pair, token in zip(pairs, tokens, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 302]
    assert (count(app, User), count(app, Organization), count(app, SignUp)) == (1, 1, 1)


# --- by mail -------------------------------------------------------------------------------------


def sign_up(visitor: Any, letters: Any, **changes: str) -> Any:
    assert visitor.post("/sign-up", {**INA, **changes}).status_code == 200
    return letters(changes.get("email", INA["email"]))[-1]


def test_nothing_exists_until_the_link_is_followed(app, acme, visitor, visitors, letters):
    letter = sign_up(visitor, letters)
    assert (count(app, User), count(app, Organization)) == (1, 1)
    assert INA["name"] not in letter.text and "Initech" not in letter.text
    refused = visitors().post("/sign-in", {"email": INA["email"], "password": INA["password"]})
    assert refused.status_code == 422
    page = visitor.get(letter.link)
    assert page.status_code == 200 and "Create Initech" in page.text
    # Programs that look at links in mails follow them: nothing happens by that.
    assert count(app, User) == 1
    form = {"token": letter.token, "password": INA["password"]}
    answer = visitor.post("/sign-up/confirmation", form)
    assert answer.headers["Location"].endswith("/sites/new")
    page = visitor.get(answer.headers["Location"])
    assert "Initech" in page.text and "Confirm your e-mail address" not in page.text
    assert (count(app, User), count(app, Organization), count(app, SignUp)) == (2, 2, 0)


def test_a_link_works_once(app, acme, visitor, visitors, letters):
    letter = sign_up(visitor, letters)
    form = {"token": letter.token, "password": INA["password"]}
    assert visitor.post("/sign-up/confirmation", form).status_code == 302
    again = visitors()
    assert again.post("/sign-up/confirmation", form).status_code == 410
    assert again.get(letter.link).status_code == 410
    assert count(app, Organization) == 2


def test_a_link_works_for_two_days(app, acme, clock, visitor, letters):
    letter = sign_up(visitor, letters)
    clock.shift(timedelta(days=2, seconds=1))
    assert visitor.get(letter.link).status_code == 410
    form = {"token": letter.token, "password": INA["password"]}
    assert visitor.post("/sign-up/confirmation", form).status_code == 410
    with app.app_context():
        forget_mailed()
    assert count(app, SignUp) == 0


def test_who_only_has_the_mail_cannot_finish(app, acme, visitor, visitors, letters):
    """Somebody signed up with the address of somebody else, who follows the link."""
    letter = sign_up(visitor, letters)
    victim = visitors()
    answer = victim.post("/sign-up/confirmation", {"token": letter.token, "password": "my own one"})
    assert answer.status_code == 422 and "not the password" in answer.text
    assert count(app, User) == 1


def test_the_link_of_an_address_that_got_an_account_meanwhile_leads_nowhere(
    app, acme, visitor, visitors, letters
):
    first, second = sign_up(visitor, letters), sign_up(visitors(), letters)
    for letter, status in ((first, 302), (second, 410)):
        form = {"token": letter.token, "password": INA["password"]}
        assert visitors().post("/sign-up/confirmation", form).status_code == status
    assert (count(app, User), count(app, Organization)) == (2, 2)


def test_an_address_that_has_an_account_gets_another_mail_and_the_same_answer(
    app, acme, visitors, letters
):
    known, unknown = {**INA, "email": "alice@acme.example"}, INA
    answers = [visitors().post("/sign-up", form) for form in (known, unknown)]
    bodies = {
        plain(answer.text.replace(form["email"], ""))
        for answer, form in zip(answers, (known, unknown), strict=True)
    }
    assert [answer.status_code for answer in answers] == [200, 200] and len(bodies) == 1
    assert set(answers[0].headers.keys()) == set(answers[1].headers.keys())
    assert letters(known["email"])[0].subject == "You already have a Candor account"
    assert count(app, SignUp) == 1


def test_a_password_is_kept_as_rfc_9106_recommends(slow_passwords, app, acme):
    with app.app_context():
        kept = db.session.scalars(select(User.password_hash)).one()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_signing_up_takes_as_long_for_an_address_that_has_an_account(
    slow_passwords, app, acme, visitors
):
    def seconds(email: str) -> float:
        visitor = visitors()
        token = visitor.token("/sign-in")
        fresh_limits(app)
        started = time.perf_counter()
        visitor.client.post("/sign-up", data={**INA, "email": email, "csrf_token": token})
        return time.perf_counter() - started

    seconds("warm@acme.example")
    tries = [(seconds("alice@acme.example"), seconds(f"new{n}@acme.example")) for n in range(4)]
    known, unknown = (min(each) for each in zip(*tries, strict=True))
    assert max(known, unknown) < 2 * min(known, unknown)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""), ("email", "ina"), ("email", "a@b@c.example"), ("email", "x" * 300),
        ("password", "short"), ("password", "password123"), ("password", "a" * 129),
        ("password", "with\x00nul inside"), ("organization", " \t"), ("organization", "a" * 121),
        ("name", ""), ("name", "a" * 121),
    ],
)  # fmt: skip
def test_what_cannot_be_used_comes_back_with_the_form(app, acme, visitor, letters, field, value):
    answer = visitor.post("/sign-up", {**INA, field: value})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text
    if field != "name":
        assert 'value="Ina"' in answer.text
    assert INA["password"] not in answer.text
    assert (count(app, SignUp), letters(INA["email"])) == (0, [])


def test_nobody_signs_up_where_it_is_closed(app, closed, acme, visitor, letters):
    for answer in (visitor.get("/sign-up"), visitor.post("/sign-up", INA)):
        assert answer.status_code == 403 and "Sign-up is closed" in answer.text
    assert letters(INA["email"]) == []
    assert "Sign up" not in visitor.get("/sign-in").text


def test_the_first_owner_signs_up_where_it_is_closed(app, closed, visitor):
    assert visitor.post("/sign-up", INA).status_code == 302
    assert visitor.get("/organizations/new").status_code == 200


def test_where_it_is_closed_only_owners_found_organizations(app, closed, acme, join, sign_in):
    join("ada@acme.example", Role.ADMIN)
    for email, status in (("ada@acme.example", 403), ("alice@acme.example", 302)):
        member = sign_in(email)
        assert member.post("/organizations", {"name": "Second"}).status_code == status
        page = member.client.get("/", follow_redirects=True).text
        assert ("New organization" in page) == (status == 302)


def test_fields_that_nobody_may_set_are_passed_over(app, acme, visitor, letters):
    extra = {"demo": "1", "role": "owner", "id": "1", "slug": "acme", "email_verified_at": "x"}
    assert visitor.post("/sign-up", {**INA, **extra}).status_code == 200
    letter = letters(INA["email"])[0]
    form = {"token": letter.token, "password": INA["password"], **extra}
    assert visitor.post("/sign-up/confirmation", form).status_code == 302
    [made] = [row for row in rows(app, Organization) if row.name == "Initech"]
    assert made.slug != "acme" and not made.demo


def test_the_host_header_is_in_no_mail(acme, visitor, letters):
    token = visitor.token("/sign-in")
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for path in ("/sign-up", "/password-reset"):
        client = visitor.client.application.test_client(use_cookies=False)
        cookie = visitor.client.get_cookie("candor").value
        answer = client.post(
            path,
            data={**INA, "csrf_token": token},
            headers={**headers, "Cookie": f"candor={cookie}"},
        )
        assert answer.status_code == 200
    for letter in letters(INA["email"]):
        assert "evil" not in letter.text + letter.html
        assert "http://candor.test/" in letter.text and "http://candor.test/" in letter.html


def test_signing_up_is_limited_by_account_and_by_address(app, acme, visitors):
    def status(email: str, address: str, **changes: str) -> int:
        visitor = visitors()
        form = {**INA, "email": email, "csrf_token": visitor.token("/sign-in"), **changes}
        environ = {"REMOTE_ADDR": address}
        return visitor.client.post("/sign-up", data=form, environ_overrides=environ).status_code

    # A form that comes back has cost nobody a mail.
    typing = [status("a@b.example", "192.0.2.9", password="short") for _ in range(5)]
    assert typing == [422] * 5
    assert [status("a@b.example", f"192.0.2.{n}") for n in range(4)] == [200] * 3 + [429]
    statuses = [status(f"{n}@b.example", "198.51.100.7") for n in range(11)]
    assert statuses == [200] * 10 + [429]


def test_a_password_of_spaces_around_is_kept_as_it_was_typed(acme, visitor, letters, app):
    secret = "  battery staple  "
    letter = sign_up(visitor, letters, password=secret)
    form = {"token": letter.token, "password": secret}
    assert visitor.post("/sign-up/confirmation", form).status_code == 302
    assert Browser(app, INA["email"], secret)
