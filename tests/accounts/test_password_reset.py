"""A forgotten password: the same answer for everybody, and a link that works once, for an hour."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import User, user
from app.core.db import db
from app.core.mail import AccountMail
from app.wiring import create_app
from tests.accounts.conftest import plain
from tests.conftest import PASSWORD, Browser

ALICE, NEW = "alice@acme.example", "a better password"


@pytest.fixture
def letter(acme: Any, visitor: Any, letters: Any) -> Any:
    assert visitor.post("/password-reset", {"email": ALICE}).status_code == 200
    return letters(ALICE)[-1]


def reset(visitor: Any, letter: Any, password: str = NEW) -> Any:
    form = {"token": letter.token, "password": password}
    return visitor.post("/password-reset/password", form)


def test_the_link_sets_a_password_signs_in_and_signs_out_everywhere_else(
    app, acme, sign_in, visitor, letter, letters
):
    elsewhere = sign_in(ALICE)
    assert visitor.get(letter.link).status_code == 200
    assert elsewhere.get("/account").status_code == 200
    before = visitor.client.get_cookie("candor").value
    assert reset(visitor, letter).status_code == 302
    assert visitor.client.get_cookie("candor").value != before
    assert visitor.get(f"/o/{acme.slug}/").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert Browser(app, ALICE, NEW)
    with pytest.raises(AssertionError):
        Browser(app, ALICE, PASSWORD)
    assert letters(ALICE)[-1].subject == "Your password was changed"


def test_the_link_works_once_and_not_by_reading_it(visitors, visitor, letter):
    assert visitor.get(letter.link).status_code == visitor.get(letter.link).status_code == 200
    assert reset(visitor, letter).status_code == 302
    assert reset(visitors(), letter, "another password").status_code == 410
    assert visitors().get(letter.link).status_code == 410


@pytest.mark.parametrize("spelled", ["ALICE@acme.example", "\u017falice@acme.example"])
def test_the_link_goes_to_the_address_of_the_account_however_it_was_spelled(
    app, acme, inside, visitor, spelled
):
    """Lower case or not, an s or a long one: they are found, and may be two mailboxes."""
    with inside(acme):
        User.register(email="salice@acme.example", name="Salice", password=PASSWORD)
        db.session.commit()
    assert visitor.post("/password-reset", {"email": spelled}).status_code == 200
    with app.app_context():
        mail = db.session.scalars(select(AccountMail).order_by(AccountMail.id.desc())).first()
        assert "/password-reset/password?token=" in mail.text
        assert mail.recipient in (ALICE, "salice@acme.example")


def test_the_link_works_for_an_hour(clock, acme, visitor, letters):
    visitor.post("/password-reset", {"email": ALICE})
    letter = letters(ALICE)[-1]
    clock.shift(timedelta(hours=1, seconds=1))
    assert visitor.get(letter.link).status_code == reset(visitor, letter).status_code == 410


def test_a_changed_password_takes_older_links_back(acme, sign_in, visitor, letter):
    alice = sign_in(ALICE)
    assert alice.post("/account/password", {"current": PASSWORD, "new": NEW}).status_code == 302
    assert reset(visitor, letter).status_code == 410


@pytest.mark.parametrize("password", ["short", "password123", "a" * 129, ""])
def test_a_password_that_may_not_be_used_does_not_use_up_the_link(visitor, letter, password):
    refused = reset(visitor, letter, password)
    assert refused.status_code == 422 and 'aria-invalid="true"' in refused.text
    assert reset(visitor, letter).status_code == 302


@pytest.mark.parametrize("token", ["", "x", "a" * 5000, "\x00", "é", "' OR 1=1 --"])
def test_what_is_no_token_leads_nowhere(acme, visitor, token):
    form = {"token": token, "password": NEW}
    assert visitor.post("/password-reset/password", form).status_code == 410
    assert visitor.get("/password-reset/password").status_code == 410


def test_an_unknown_address_gets_the_same_answer(acme, visitors, letters):
    emails = (ALICE, "nobody@acme.example")
    answers = [visitors().post("/password-reset", {"email": email}) for email in emails]
    bodies = {
        plain(answer.text.replace(email, "")) for answer, email in zip(answers, emails, strict=True)
    }
    assert [answer.status_code for answer in answers] == [200, 200] and len(bodies) == 1
    assert letters(emails[1])[0].subject == "There is no account with this address"
    assert "token" not in letters(emails[1])[0].text


def test_an_unknown_address_takes_as_long(app, acme, visitors):
    def seconds(email: str) -> float:
        visitor = visitors()
        token = visitor.token("/sign-in")
        app.extensions["candor_redis"].flushall()
        started = time.perf_counter()
        visitor.client.post("/password-reset", data={"email": email, "csrf_token": token})
        return time.perf_counter() - started

    seconds("warm@acme.example")
    tries = [(seconds(ALICE), seconds("nobody@acme.example")) for _ in range(8)]
    known, unknown = (min(each) for each in zip(*tries, strict=True))
    assert max(known, unknown) < 2 * min(known, unknown)


def test_another_spelling_of_an_address_is_the_same_for_the_limit(acme, visitors, letters):
    spellings = ("own@a.example", "own@ａ.example", " OWN@A.EXAMPLE", "own@Ａ.example")
    statuses = [
        visitors().post("/password-reset", {"email": email}).status_code for email in spellings
    ]
    assert statuses == [200, 200, 200, 429]
    assert len(letters("own@a.example")) == 3


def test_the_program_is_ready_for_an_unknown_address_when_it_starts(app):
    user._nobody.cache_clear()
    create_app(app.extensions["candor_settings"])
    assert user._nobody.cache_info().currsize == 1


def test_developers_follow_the_link_at_dev_mail(client, letter, visitor):
    page = client.get("/dev/mail")
    assert letter.subject in page.text and ALICE in page.text
    address = page.text.split('class="table__link" href="')[1].split('"')[0]
    shown = client.get(address).text
    assert f'href="http://candor.test{letter.link}"' in shown
    assert client.get(address, headers={"Host": "candor.test"}).status_code == 404


def test_asking_is_limited_by_account_and_by_address(acme, visitors):
    def status(email: str, address: str) -> int:
        visitor = visitors()
        form = {"email": email, "csrf_token": visitor.token("/sign-in")}
        environ = {"REMOTE_ADDR": address, "HTTP_X_FORWARDED_FOR": "10.0.0.1"}
        return visitor.client.post(
            "/password-reset", data=form, environ_overrides=environ
        ).status_code

    assert [status(ALICE, f"192.0.2.{n}") for n in range(4)] == [200] * 3 + [429]
    statuses = [status(f"{n}@b.example", f"2001:db8:1:2::{n:x}") for n in range(11)]
    assert statuses == [200] * 10 + [429]
