"""Invitations: a fixed role, one use, a week, and only the mailed link shows whose address it is."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import Invitation, Member, Organization, User
from app.accounts.models.invitation import MOST_A_DAY
from app.accounts.permissions import Role
from app.core import bus, tenancy
from app.core.db import db
from app.core.mail import sweep_mail
from tests.accounts.conftest import plain
from tests.conftest import PASSWORD, Browser
from tests.core.test_mail import Postbox, serving
from tests.services import free_port

ALICE, ADA, NORA = "alice@acme.example", "ada@acme.example", "nora@new.example"
JOINING = {"name": "Nora", "password": "battery staple horse"}


@pytest.fixture
def alice(acme: Any, sign_in: Any) -> Any:
    return sign_in(ALICE)


@pytest.fixture
def invite(acme: Any, letters: Any) -> Any:
    """Invite by the page: answers the page, the shown link's token and the mailed letter."""

    def post(browser: Any, email: str = NORA, role: str = "editor", **more: str) -> Any:
        form = {"email": email, "role": role, **more}
        page = browser.post(f"/o/{acme.slug}/settings/invitations", form)
        assert page.status_code == 200, page.text
        [token] = set(re.findall(r"http://candor\.test/invitation\?token=([\w-]+)", page.text))
        return page.text, token, letters(email)[-1]

    return post


@pytest.fixture
def members(app: Any, acme: Any) -> Any:
    def read() -> dict[str, str]:
        with app.app_context(), tenancy.scope(acme.id):
            return {each.user.email: each.role for each in db.session.scalars(select(Member))}

    return read


def rows(app: Any, acme: Any) -> list[Any]:
    with app.app_context(), tenancy.scope(acme.id):
        return list(db.session.scalars(select(Invitation).order_by(Invitation.id)))


def verified(app: Any, email: str) -> bool:
    with app.app_context():
        found = User.by_email(email)
        assert found
        return found.email_verified_at is not None


def join_as_new(browser: Any, token: str, **changes: str) -> Any:
    return browser.post("/invitation/account", {"token": token, **JOINING, **changes})


def accept(browser: Any, token: str) -> Any:
    return browser.post("/invitation/acceptance", {"token": token})


# --- with a new account --------------------------------------------------------------------------


def test_who_follows_the_mail_gets_an_account_the_role_and_is_verified(
    app, acme, alice, invite, visitor, members
):
    _page, _token, letter = invite(alice)
    assert letter.subject == "You are invited to Acme" and "as an editor" in letter.text
    page = visitor.get(letter.link)
    assert page.status_code == 200
    assert "Join Acme" in page.text and NORA in page.text and "Alice" in page.text
    assert members() == {ALICE: "owner"}, "reading the link changes nothing"
    answer = join_as_new(visitor, letter.token, role="owner", email="evil@x.example")
    assert answer.headers["Location"] == f"/o/{acme.slug}/"
    assert visitor.get(answer.headers["Location"]).status_code == 200
    assert members() == {ALICE: "owner", NORA: "editor"}
    assert verified(app, NORA) and Browser(app, NORA, JOINING["password"])


def test_the_link_that_was_handed_over_makes_no_account_but_has_a_link_mailed(
    app, alice, invite, visitors, members, letters
):
    _page, token, first = invite(alice)
    visitor = visitors()
    page = visitor.get(f"/invitation?token={token}").text
    assert "Send the link" in page and 'name="password"' not in page
    answer = join_as_new(visitor, token)
    assert answer.status_code == 200 and "Check your mail" in answer.text
    assert members() == {ALICE: "owner"}
    with app.app_context():
        assert User.by_email(NORA) is None
    mailed = letters(NORA)[-1]
    assert mailed.token not in (first.token, token)
    assert join_as_new(visitors(), mailed.token).status_code == 302
    assert members()[NORA] == "editor" and verified(app, NORA)


def test_the_link_that_was_handed_over_does_not_tell_who_has_an_account(
    alice, umbrella, invite, visitors, members, letters
):
    bodies, charlie = set(), "charlie@umbrella.example"
    for email in (NORA, charlie):
        _page, token, _letter = invite(alice, email)
        for form in (JOINING, {"name": "", "password": ""}):
            answer = visitors().post("/invitation/account", {"token": token, **form})
            bodies.add((answer.status_code, plain(answer.text.replace(email, ""))))
        assert len(letters(email)) == 3
    assert len(bodies) == 1
    assert members() == {ALICE: "owner"}


def test_having_the_link_mailed_is_limited(alice, invite, visitors, letters):
    _page, token, _letter = invite(alice)
    statuses = [join_as_new(visitors(), token).status_code for _ in range(3)]
    assert statuses == [200, 200, 429] and len(letters(NORA)) == 3


def test_who_is_signed_in_accepts_by_the_link_that_was_handed_over(
    alice, umbrella, invite, sign_in, members
):
    _page, token, _letter = invite(alice)
    charlie = sign_in("charlie@umbrella.example")
    assert "Accept" in charlie.get(f"/invitation?token={token}").text
    assert accept(charlie, token).status_code == 302
    assert members()["charlie@umbrella.example"] == "editor"


def test_the_two_links_are_one_invitation(alice, umbrella, invite, visitors, sign_in):
    _page, token, letter = invite(alice)
    assert token != letter.token
    assert accept(sign_in("charlie@umbrella.example"), token).status_code == 302
    assert join_as_new(visitors(), letter.token).status_code == 410
    assert visitors().get(letter.link).status_code == 410


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"password": "short"}, {"password": "password123"}]
)
def test_a_form_that_is_not_right_does_not_use_it_up(alice, invite, visitor, changes):
    _page, _token, letter = invite(alice)
    assert join_as_new(visitor, letter.token, **changes).status_code == 422
    assert join_as_new(visitor, letter.token).status_code == 302


def test_an_address_that_has_an_account_signs_in_to_accept(
    app, alice, umbrella, invite, visitor, sign_in, members
):
    _page, _token, letter = invite(alice, "charlie@umbrella.example")
    refused = join_as_new(visitor, letter.token)
    assert refused.status_code == 422 and "Sign in" in refused.text
    page = visitor.get(letter.link).text
    [link] = re.findall(r'href="(/sign-in\?next=[^"]+)"', page)
    form = {"email": "charlie@umbrella.example", "password": PASSWORD}
    assert visitor.post(link, form).headers["Location"] == letter.link
    assert accept(visitor, letter.token).status_code == 302
    assert members()["charlie@umbrella.example"] == "editor"


# --- with an account that one has ----------------------------------------------------------------


def test_the_page_says_which_account_will_join(alice, umbrella, invite, sign_in, members):
    _page, _token, letter = invite(alice)
    charlie = sign_in("charlie@umbrella.example")
    page = charlie.get(letter.link).text
    assert "charlie@umbrella.example" in page and NORA in page
    assert accept(charlie, letter.token).status_code == 302
    assert members() == {ALICE: "owner", "charlie@umbrella.example": "editor"}
    # And its own organization is still there, in the list to switch to.
    assert "Umbrella" in charlie.get("/account").text and "Acme" in charlie.get("/account").text


def test_a_member_does_not_use_up_an_invitation(alice, join, invite, sign_in, visitor, members):
    join("bob@acme.example", Role.VIEWER)
    _page, _token, letter = invite(alice, role="admin")
    bob = sign_in("bob@acme.example")
    assert "You are a member already" in bob.get(letter.link).text
    assert accept(bob, letter.token).status_code == 422
    assert members()["bob@acme.example"] == "viewer"
    assert join_as_new(visitor, letter.token).status_code == 302


def test_a_suspended_member_does_not_come_back_by_an_invitation(
    app, acme, alice, join, invite, sign_in, members
):
    join("bob@acme.example", Role.VIEWER)
    _page, _token, letter = invite(alice)
    bob = sign_in("bob@acme.example")
    with app.app_context(), tenancy.scope(acme.id):
        member = db.session.scalars(select(Member).filter_by(role="viewer")).one()
        member.suspend(by=lambda _role: True)
        db.session.commit()
    assert "suspended" in bob.get(letter.link).text
    assert accept(bob, letter.token).status_code == 422
    assert bob.get(f"/o/{acme.slug}/").status_code == 404


# --- when it is over -----------------------------------------------------------------------------


def test_an_invitation_works_once(alice, umbrella, invite, visitors, sign_in):
    _page, _token, letter = invite(alice)
    assert join_as_new(visitors(), letter.token).status_code == 302
    charlie = sign_in("charlie@umbrella.example")
    for answer in (accept(charlie, letter.token), charlie.get(letter.link)):
        assert answer.status_code == 410 and "Ask whoever invited you" in answer.text


def test_an_invitation_works_for_a_week_and_can_be_sent_again(
    app, clock, acme, sign_in, invite, visitor, letters
):
    _page, _token, letter = invite(sign_in(ALICE))
    clock.shift(timedelta(days=7, seconds=1))
    assert visitor.get(letter.link).status_code == 410
    assert join_as_new(visitor, letter.token).status_code == 410
    alice = sign_in(ALICE)
    assert "Expired" in alice.get(f"/o/{acme.slug}/settings/members").text
    [row] = rows(app, acme)
    sent = alice.post(f"/o/{acme.slug}/settings/invitations/{row.id}/mail")
    assert sent.status_code == 200 and "invitation?token=" in sent.text
    again = letters(NORA)[-1]
    assert again.token != letter.token
    assert visitor.get(letter.link).status_code == 404
    assert join_as_new(visitor, again.token).status_code == 302


def test_a_revoked_invitation_leads_nowhere(app, acme, alice, invite, visitor, letters):
    _page, token, letter = invite(alice)
    [row] = rows(app, acme)
    path = f"/o/{acme.slug}/settings/invitations/{row.id}"
    assert alice.post(f"{path}/revocation").status_code == 302
    for each in (token, letter.token):
        assert visitor.get(f"/invitation?token={each}").status_code == 410
        assert join_as_new(visitor, each).status_code == 410
    assert alice.post(f"{path}/mail").status_code == 422
    assert len(letters(NORA)) == 1


@pytest.mark.parametrize("token", ["", "x", "a" * 5000, "\x00", "é", "' OR 1=1 --"])
def test_what_is_no_token_leads_nowhere(alice, visitor, token):
    answers = (
        visitor.client.get("/invitation", query_string={"token": token}),
        join_as_new(visitor, token),
        accept(alice, token),
    )
    assert {answer.status_code for answer in answers} == {404}


# --- who may invite whom -------------------------------------------------------------------------


def test_nobody_invites_above_his_own_role(app, acme, join, sign_in, letters, invite):
    join(ADA, Role.ADMIN)
    ada = sign_in(ADA)
    form = {"email": NORA, "role": "owner"}
    assert ada.post(f"/o/{acme.slug}/settings/invitations", form).status_code == 422
    assert letters(NORA) == [] and rows(app, acme) == []
    # Nor sends again what somebody above him wrote.
    invite(sign_in(ALICE), role="owner")
    [row] = rows(app, acme)
    assert ada.post(f"/o/{acme.slug}/settings/invitations/{row.id}/mail").status_code == 422
    assert len(letters(NORA)) == 1


def test_fields_that_nobody_may_set_are_passed_over(app, acme, alice, umbrella, invite):
    invite(alice, accepted_at="x", organization_id=str(umbrella.id), expires_at="2099-01-01")
    [row] = rows(app, acme)
    assert row.organization_id == acme.id and row.accepted_at is None
    assert row.expires_at.year < 2099


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"email": ALICE, "role": "editor"}, "member already"),
        ({"email": "ALICE@ACME.example", "role": "editor"}, "member already"),
        ({"email": "nora", "role": "editor"}, "not an e-mail address"),
        ({"email": "a@b.example\r\nBcc: c@d.example", "role": "editor"}, "not an e-mail address"),
        ({"email": NORA, "role": "king"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_invited_comes_back_with_the_form(app, acme, alice, form, said):
    answer = alice.post(f"/o/{acme.slug}/settings/invitations", form)
    assert answer.status_code == 422 and said in answer.text
    assert rows(app, acme) == []


def test_an_address_is_invited_once_at_a_time(acme, alice, invite):
    invite(alice)
    again = {"email": NORA.upper(), "role": "viewer"}
    answer = alice.post(f"/o/{acme.slug}/settings/invitations", again)
    assert answer.status_code == 422 and "invited already" in answer.text


def test_there_is_an_end_to_inviting(app, acme, client):
    with app.app_context(), tenancy.scope(acme.id):
        for number in range(MOST_A_DAY):
            Invitation.send(f"{number}@x.example", Role.VIEWER, may_give=lambda _role: True)
        db.session.commit()
    body = {"email": NORA, "role": "viewer"}
    answer = client.post("/api/v1/invitations", json=body, headers=acme.bearer)
    assert answer.status_code == 409 and "a day" in answer.json["error"]["message"]


def test_an_address_is_not_flooded_by_many_organizations(app, acme, alice, client, letters):
    founded = [acme.slug]
    for number in range(2):
        answer = alice.post("/organizations", {"name": f"Number {number}"})
        founded.append(answer.headers["Location"].split("/")[2])
    spellings = (NORA, NORA.upper(), "nora@ｎew.example")
    statuses = [
        alice.post(f"/o/{slug}/settings/invitations", {"email": email, "role": "viewer"})
        for slug, email in zip(founded, spellings, strict=True)
    ]
    assert [answer.status_code for answer in statuses] == [200, 200, 200]
    [row] = rows(app, acme)
    again = alice.post(f"/o/{acme.slug}/settings/invitations/{row.id}/mail")
    assert again.status_code == 429 and "Too many invitations" in again.text
    # A key writes to the same mailbox.
    path = f"/api/v1/invitations/{row.id}"
    assert client.delete(path, headers=acme.bearer).status_code == 204
    body = {"email": NORA, "role": "viewer"}
    answer = client.post("/api/v1/invitations", json=body, headers=acme.bearer)
    assert answer.status_code == 429 and answer.headers["Retry-After"]
    assert len(letters(NORA)) == 3


def test_an_inviter_is_limited_by_pages_and_keys_together(acme, alice, client):
    page = alice.post(f"/o/{acme.slug}/settings/api-keys", {"name": "Mine", "everything": "y"})
    [secret] = set(re.findall(r"cnd_[\w-]{20,}", page.text))
    mine = {"Authorization": f"Bearer {secret}"}

    def by_key(number: int) -> int:
        body = {"email": f"k{number}@x.example", "role": "viewer"}
        return client.post("/api/v1/invitations", json=body, headers=mine).status_code

    def by_page(number: int) -> int:
        form = {"email": f"p{number}@x.example", "role": "viewer"}
        return alice.post(f"/o/{acme.slug}/settings/invitations", form).status_code

    assert {by_key(number) for number in range(15)} == {201}
    assert {by_page(number) for number in range(15)} == {200}
    assert (by_key(99), by_page(99)) == (429, 429)


def test_who_has_not_confirmed_his_own_address_writes_to_nobody(
    app, acme, alice, invite, client, letters, configure
):
    page = alice.post(f"/o/{acme.slug}/settings/api-keys", {"name": "Mine", "everything": "y"})
    [secret] = set(re.findall(r"cnd_[\w-]{20,}", page.text))
    invite(alice, "before@x.example")
    [row] = rows(app, acme)
    with app.app_context():
        User.by_email(ALICE).email_verified_at = None
        db.session.commit()
    form = {"email": NORA, "role": "viewer"}
    answers = [
        alice.post(f"/o/{acme.slug}/settings/invitations", form),
        alice.post(f"/o/{acme.slug}/settings/invitations/{row.id}/mail"),
        client.post(
            "/api/v1/invitations", json=form, headers={"Authorization": f"Bearer {secret}"}
        ),
    ]
    for answer in answers:
        assert answer.status_code == 403 and "Confirm your own e-mail address" in answer.text
    assert letters(NORA) == [] and len(letters("before@x.example")) == 1
    listed = alice.get(f"/o/{acme.slug}/settings/members").text
    assert "Confirm your own e-mail address first" in listed and 'name="email"' not in listed
    # Where no mail can be sent nobody is asked to follow one.
    configure(env="production")
    assert alice.post(f"/o/{acme.slug}/settings/invitations", form).status_code == 200


def test_a_name_that_is_an_address_or_has_lines_is_no_link_of_the_mail(app, acme, alice, invite):
    name = "Win:\nhttp://evil.example/\u2028x " + "long " * 20
    with app.app_context(), tenancy.scope(acme.id):
        db.session.get(Organization, acme.id).name = name[:120]
        db.session.commit()
    _page, _token, letter = invite(alice)
    assert letter.html.count("<a ") == 1 and 'href="http://evil' not in letter.html
    assert "\nhttp://evil" not in letter.text and "Win: http://evil.example/ x" in letter.text
    assert letter.subject.startswith("You are invited to Win: http")
    assert len(letter.subject) == len("You are invited to ") + 60


def test_a_name_that_is_markup_stays_text_in_the_mail(app, acme, alice, invite):
    with app.app_context(), tenancy.scope(acme.id):
        owner = db.session.scalars(select(Member)).one()
        owner.user.name = "<a href='http://evil.example'>Win</a>"
        db.session.commit()
    _page, _token, letter = invite(alice)
    assert "<a href='http" not in letter.html and "&lt;a href=" in letter.html
    assert letter.html.count("<a ") == 1


# --- mail ----------------------------------------------------------------------------------------


@pytest.fixture
def configure(app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def change(**values: Any) -> None:
        settings = dataclasses.replace(app.extensions["candor_settings"], **values)
        monkeypatch.setitem(app.extensions, "candor_settings", settings)

    return change


def test_without_a_mail_server_the_link_is_handed_over(
    app, acme, alice, configure, work, visitor, members
):
    configure(env="production")
    form = {"email": NORA, "role": "editor"}
    page = alice.post(f"/o/{acme.slug}/settings/invitations", form).text
    assert "could not be sent: no mail server" in page
    [token] = set(re.findall(r"invitation\?token=([\w-]+)", page))
    work()
    listed = alice.get(f"/o/{acme.slug}/settings/members").text
    assert "Not sent" in listed and "SMTP_URL is not set" in listed
    assert token not in listed, "shown this once"
    assert 'name="password"' in visitor.get(f"/invitation?token={token}").text
    assert join_as_new(visitor, token).status_code == 302
    assert members()[NORA] == "editor" and not verified(app, NORA)


def test_mails_of_both_kinds_reach_a_real_server(app, acme, alice, configure, work, visitor):
    postbox, port = Postbox(), free_port()
    configure(smtp_url=f"smtp://127.0.0.1:{port}")
    with serving(postbox, port):
        alice.post(f"/o/{acme.slug}/settings/invitations", {"email": NORA, "role": "editor"})
        visitor.post("/password-reset", {"email": ALICE})
        work()
    sent = {mail["To"].addresses[0].addr_spec: mail for mail in postbox.mails}
    assert set(sent) == {NORA, ALICE}
    for mail in sent.values():
        text = mail.get_body(("plain",)).get_content()
        html = mail.get_body(("html",)).get_content()
        [link] = re.findall(r"http://candor\.test/\S+", text)
        assert f'href="{link}"' in html
        assert "style" not in html and "<img" not in html
    link = re.findall(r"http://candor\.test(/\S+)", sent[NORA].get_body(("plain",)).get_content())[
        0
    ]
    assert visitor.get(link).status_code == 200


def test_a_lost_nudge_of_account_mail_is_made_up_for_by_the_sweep(
    app, acme, configure, work, visitor
):
    postbox, port = Postbox(), free_port()
    configure(smtp_url=f"smtp://127.0.0.1:{port}")
    visitor.post("/password-reset", {"email": ALICE})
    with app.app_context():
        bus.redis().flushall()
    with serving(postbox, port):
        work()
        assert postbox.mails == []
        with app.app_context():
            sweep_mail()
        work()
    assert [mail["Subject"] for mail in postbox.mails] == ["Set a new password"]


# --- API -----------------------------------------------------------------------------------------


def test_the_api_invites_lists_and_revokes(client, acme, letters, visitor):
    body = {"email": NORA, "role": "viewer"}
    made = client.post("/api/v1/invitations", json=body, headers=acme.bearer)
    assert made.status_code == 201 and made.json["state"] == "open"
    assert letters(NORA)[0].link != made.json["link"]
    [listed] = client.get("/api/v1/invitations", headers=acme.bearer).json["data"]
    assert listed == {**made.json, "link": None}
    path = made.json["link"].removeprefix("http://candor.test")
    assert visitor.get(path).status_code == 200
    address = f"/api/v1/invitations/{made.json['id']}"
    assert client.delete(address, headers=acme.bearer).status_code == 204
    assert visitor.get(path).status_code == 410
    [listed] = client.get("/api/v1/invitations", headers=acme.bearer).json["data"]
    assert listed["state"] == "revoked"


@pytest.mark.parametrize(
    "change", [{"email": "nora"}, {"role": "king"}, {"state": "accepted"}, {"organization_id": "x"}]
)
def test_the_api_refuses_what_it_does_not_know(client, acme, change):
    body = {"email": NORA, "role": "viewer", **change}
    assert client.post("/api/v1/invitations", json=body, headers=acme.bearer).status_code == 422
