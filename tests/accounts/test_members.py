"""Members: nobody grants above his own role, the last owner stays, and who is shut out is out."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.forms.api_key import ApiKeyForm
from app.accounts.models import ApiKey, AuditEntry, Invitation, Member, User
from app.accounts.permissions import Role
from app.core import tenancy
from app.core.db import db

ALICE, ADA, BOB = "alice@acme.example", "ada@acme.example", "bob@acme.example"


@pytest.fixture
def team(acme: Any, join: Any) -> Any:
    """Alice owns Acme, Ada administrates it, Bob edits for it."""
    join(ADA, Role.ADMIN)
    join(BOB, Role.EDITOR)
    return acme


@pytest.fixture
def member(app: Any, acme: Any) -> Any:
    """A member as he is now: id, role and whether he is suspended; None if he is none."""

    def read(email: str) -> Any:
        with app.app_context(), tenancy.scope(acme.id):
            user = User.by_email(email)
            found = select(Member).filter_by(user_id=user and user.id)
            row = db.session.scalars(found).one_or_none()
            return row and (row.id, row.role, row.suspended_at is not None)

    return read


@pytest.fixture
def act(acme: Any, member: Any) -> Any:
    """Do something to a member: `act(alice, BOB, "role", role="viewer")` answers the status."""

    def post(browser: Any, email: str, what: str, **form: str) -> int:
        path = f"/o/{acme.slug}/settings/members/{member(email)[0]}/{what}"
        return browser.post(path, form).status_code

    return post


def test_an_owner_changes_roles_and_it_is_written_down(app, team, sign_in, act, member):
    alice = sign_in(ALICE)
    page = alice.get(f"/o/{team.slug}/settings/members/{member(BOB)[0]}").text
    assert 'value="editor"' in page and 'value="owner"' in page
    assert act(alice, BOB, "role", role="owner", user_id="1", organization_id="2") == 302
    assert member(BOB)[1:] == ("owner", False)
    with app.app_context(), tenancy.scope(team.id):
        entry = db.session.scalars(select(AuditEntry).filter_by(action="member.role_changed")).one()
        assert entry.details == {"before": "editor", "role": "owner"}
        assert entry.actor_id == member(ALICE)[0]


def test_nobody_gives_a_role_above_his_own(team, sign_in, act, member):
    ada = sign_in(ADA)
    for email in (BOB, ADA):
        before = member(email)
        assert act(ada, email, "role", role="owner") == 422
        assert member(email) == before
    assert act(ada, BOB, "role", role="admin") == 302
    assert 'value="owner"' not in ada.get(f"/o/{team.slug}/settings/members").text


@pytest.mark.parametrize("what", ["role", "suspension", "resumption", "removal"])
def test_nobody_acts_on_somebody_above_his_own_role(team, sign_in, act, member, what):
    before = member(ALICE)
    assert act(sign_in(ADA), ALICE, what, role="viewer") == 422
    assert member(ALICE) == before


@pytest.mark.parametrize("role", ["", "king", "OWNER", "owner\x00", "admin; --"])
def test_a_role_that_does_not_exist_is_refused(team, sign_in, act, member, role):
    assert act(sign_in(ALICE), BOB, "role", role=role) == 422
    assert member(BOB)[1] == "editor"


@pytest.mark.parametrize("what", ["role", "suspension", "removal", "departure"])
def test_the_last_owner_stays(team, sign_in, act, member, what):
    alice, before = sign_in(ALICE), member(ALICE)

    def attempt() -> bool:
        if what == "departure":
            alice.post(f"/o/{team.slug}/departure")
        else:
            act(alice, ALICE, what, role="viewer")
        return member(ALICE) == before

    assert attempt()
    # A suspended owner is none to rely on.
    act(alice, ADA, "role", role="owner")
    act(alice, ADA, "suspension")
    assert attempt()
    act(alice, ADA, "resumption")
    assert not attempt()


def test_two_owners_who_remove_each_other_at_once_do_not_both_succeed(
    app, team, sign_in, act, member
):
    alice, ada = sign_in(ALICE), sign_in(ADA)
    act(alice, ADA, "role", role="owner")
    ids = {ALICE: member(ALICE)[0], ADA: member(ADA)[0]}
    statuses: list[int] = []
    barrier = threading.Barrier(2)

    def remove(browser: Any, email: str, token: str) -> None:
        barrier.wait()
        path = f"/o/{team.slug}/settings/members/{ids[email]}/removal"
        statuses.append(browser.client.post(path, data={"csrf_token": token}).status_code)

    pairs = ((alice, ADA, alice.token("/sign-in")), (ada, ALICE, ada.token("/sign-in")))
    threads = [threading.Thread(target=remove, args=each) for each in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([email for email in ids if member(email)]) == 1
    assert sorted(statuses)[0] == 302 and sorted(statuses)[1] in (404, 422)


def test_a_suspended_member_is_out_at_once_and_comes_back(team, sign_in, act):
    alice, bob = sign_in(ALICE), sign_in(BOB)
    assert act(alice, BOB, "suspension") == 302
    assert bob.get(f"/o/{team.slug}/sites").status_code == 404
    assert "Acme" not in bob.get("/account").text
    assert act(alice, BOB, "resumption") == 302
    assert bob.get(f"/o/{team.slug}/sites").status_code == 200


def test_a_removed_member_is_out_at_once_and_his_invitations_lead_nowhere(
    app, team, sign_in, act, member, visitor
):
    alice, ada = sign_in(ALICE), sign_in(ADA)
    form = {"email": "back@door.example", "role": "admin"}
    page = ada.post(f"/o/{team.slug}/settings/invitations", form).text
    link = page.split("http://candor.test/invitation?token=")[1].split("<")[0].split('"')[0]
    assert visitor.get(f"/invitation?token={link}").status_code == 200
    assert act(alice, ADA, "removal") == 302
    assert member(ADA) is None
    assert ada.get(f"/o/{team.slug}/").status_code == 404
    assert visitor.get(f"/invitation?token={link}").status_code == 410
    with app.app_context(), tenancy.scope(team.id):
        assert db.session.scalars(select(Invitation)).one().state == "revoked"


@pytest.fixture
def invited(team: Any, letters: Any) -> Any:
    """Invite somebody by the page; answers the tokens of both links."""

    def post(browser: Any, email: str, role: str) -> list[str]:
        form = {"email": email, "role": role}
        page = browser.post(f"/o/{team.slug}/settings/invitations", form)
        assert page.status_code == 200, page.text
        [shown] = set(re.findall(r"/invitation\?token=([\w-]+)", page.text))
        return [shown, letters(email)[-1].token]

    return post


def joins(visitor: Any, token: str) -> int:
    form = {"token": token, "name": "Nora", "password": "battery staple horse"}
    return visitor.post("/invitation/account", form).status_code


def test_a_demoted_member_leaves_no_invitation_above_his_role(
    app, team, sign_in, act, invited, visitors, member
):
    ada, nora = sign_in(ADA), "nora@new.example"
    tokens = invited(ada, nora, "admin")
    assert act(sign_in(ALICE), ADA, "role", role="viewer") == 302
    assert [joins(visitors(), token) for token in tokens] == [410, 410]
    assert member(nora) is None
    with app.app_context(), tenancy.scope(team.id):
        assert db.session.scalars(select(Invitation)).one().state == "revoked"
        assert db.session.scalars(select(AuditEntry).filter_by(action="invitation.revoked")).one()


def test_an_invitation_that_its_inviter_could_still_make_outlives_another_role(
    team, sign_in, act, invited, visitors, member
):
    alice, ada = sign_in(ALICE), sign_in(ADA)
    act(alice, ADA, "role", role="owner")
    weak, strong = invited(ada, "a@new.example", "admin"), invited(ada, "b@new.example", "owner")
    assert act(alice, ADA, "role", role="admin") == 302
    assert (joins(visitors(), weak[1]), joins(visitors(), strong[1])) == (302, 410)
    assert member("a@new.example")[1] == "admin"


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"suspended_at": datetime.now(UTC)}])
def test_what_the_inviter_may_is_looked_at_when_somebody_accepts(
    app, team, sign_in, invited, visitors, member, change
):
    [_shown, mailed] = invited(sign_in(ADA), "nora@new.example", "admin")
    # By nobody's verb: as if the invitation had been missed.
    with app.app_context(), tenancy.scope(team.id):
        ada = db.session.get(Member, member(ADA)[0])
        for name, value in change.items():
            setattr(ada, name, value)
        db.session.commit()
    assert joins(visitors(), mailed) == 410
    assert member("nora@new.example") is None


def made_key(browser: Any, team: Any, **form: Any) -> dict[str, str]:
    page = browser.post(f"/o/{team.slug}/settings/api-keys", {"name": "Mine", **form})
    [secret] = set(re.findall(r"cnd_[\w-]{20,}", page.text))
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("what", ["role", "suspension", "removal", "departure"])
def test_who_is_shut_out_or_demoted_leaves_no_key_behind(
    app, team, sign_in, act, client, visitors, letters, what
):
    alice, ada = sign_in(ALICE), sign_in(ADA)
    keys = [made_key(ada, team, everything="y")]
    # A key of his key, and an invitation by it, are his as well.
    body = {"name": "Child", "scopes": ["members:write", "members:read", "sites:read"]}
    child = client.post("/api/v1/api-keys", json=body, headers=keys[0]).json["secret"]
    keys.append({"Authorization": f"Bearer {child}"})
    guest = {"email": "nora@new.example", "role": "editor"}
    assert client.post("/api/v1/invitations", json=guest, headers=keys[0]).status_code == 201
    others = made_key(alice, team, everything="y")
    assert {client.get("/api/v1/sites", headers=each).status_code for each in keys} == {200}
    if what == "departure":
        assert ada.post(f"/o/{team.slug}/departure").status_code == 302
    else:
        assert act(alice, ADA, what, role="viewer") == 302
    assert {client.get("/api/v1/sites", headers=each).status_code for each in keys} == {401}
    assert client.get("/api/v1/sites", headers=others).status_code == 200
    assert client.get("/api/v1/sites", headers=team.bearer).status_code == 200
    assert joins(visitors(), letters("nora@new.example")[-1].token) == 410
    with app.app_context(), tenancy.scope(team.id):
        entries = db.session.scalars(select(AuditEntry).filter_by(action="api_key.revoked")).all()
        assert len(entries) == 2


@pytest.mark.parametrize(
    "what, form", [("removal", {}), ("suspension", {}), ("role", {"role": "viewer"})]
)
def test_a_key_that_is_made_while_its_maker_is_shut_out_is_none(
    team, sign_in, act, inside, monkeypatch, what, form
):
    """His keys are revoked at that moment: one that came right after would open all for ever."""
    ada, alice, validate = sign_in(ADA), sign_in(ALICE), ApiKeyForm.validate

    def meanwhile(asked, *values):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(act, alice, ADA, what, **form).result() == 302
        return validate(asked, *values)

    monkeypatch.setattr(ApiKeyForm, "validate", meanwhile)
    path = f"/o/{team.slug}/settings/api-keys"
    answer = ada.post(path, {"name": "Back door", "scopes": ["sites:read", "members:write"]})
    assert answer.status_code in (403, 404)
    with inside(team):
        assert "Back door" not in set(db.session.scalars(select(ApiKey.name)))


def test_a_demoted_member_keeps_the_keys_that_his_role_covers(team, sign_in, act, client):
    alice, ada = sign_in(ALICE), sign_in(ADA)
    reading, writing = (
        made_key(ada, team, scopes=scopes)
        for scopes in (["sites:read", "campaigns:read"], ["sites:read", "members:write"])
    )
    assert act(alice, ADA, "role", role="viewer") == 302
    assert client.get("/api/v1/sites", headers=reading).status_code == 200
    assert client.get("/api/v1/sites", headers=writing).status_code == 401


def test_whoever_removes_or_suspends_is_told_about_the_keys(team, sign_in, member):
    page = sign_in(ALICE).get(f"/o/{team.slug}/settings/members/{member(BOB)[0]}").text
    assert page.count("API keys that this member made") == 2


def test_a_member_leaves(team, sign_in, member):
    bob = sign_in(BOB)
    assert "Leave" in bob.get("/account").text
    assert bob.post(f"/o/{team.slug}/departure").status_code == 302
    assert member(BOB) is None
    assert bob.get(f"/o/{team.slug}/").status_code == 404
    assert "You are in no organization" in bob.get("/").text


# --- API -----------------------------------------------------------------------------------------


def key(app: Any, acme: Any, scopes: list[str]) -> dict[str, str]:
    with app.app_context(), tenancy.scope(acme.id):
        _key, secret = ApiKey.issue("One", scopes)
        db.session.commit()
    return {"Authorization": f"Bearer {secret}"}


def test_the_api_changes_and_removes_members(client, team, member):
    path = f"/api/v1/members/{member(BOB)[0]}"
    answer = client.patch(path, json={"role": "viewer"}, headers=team.bearer)
    assert (answer.status_code, answer.json["role"]) == (200, "viewer")
    for body in ({}, {"role": "king"}, {"role": None}, {"role": "viewer", "user_id": "x"}):
        assert client.patch(path, json=body, headers=team.bearer).status_code == 422
    assert client.delete(path, headers=team.bearer).status_code == 204
    assert client.delete(path, headers=team.bearer).status_code == 404
    assert member(BOB) is None


def test_the_last_owner_stays_for_the_api_too(client, team, member):
    path = f"/api/v1/members/{member(ALICE)[0]}"
    changed = client.patch(path, json={"role": "viewer"}, headers=team.bearer)
    removed = client.delete(path, headers=team.bearer)
    assert changed.status_code == removed.status_code == 409
    assert changed.json["error"]["code"] == "refused"
    assert member(ALICE)[1] == "owner"


def test_a_key_gives_no_role_that_may_more_than_the_key(app, client, team, member):
    weak = key(app, team, ["members:write", "sites:read", "campaigns:read", "analytics:read"])
    bob, ada = (f"/api/v1/members/{member(each)[0]}" for each in (BOB, ADA))
    for path, role in ((bob, "owner"), (bob, "admin"), (bob, "viewer"), (ada, "viewer")):
        answer = client.patch(path, json={"role": role}, headers=weak)
        assert answer.status_code == 409, (path, role)
    assert client.delete(ada, headers=weak).status_code == 409
    for role, status in (("owner", 409), ("editor", 409), ("viewer", 201)):
        body = {"email": f"{role}@x.example", "role": role}
        assert client.post("/api/v1/invitations", json=body, headers=weak).status_code == status
    assert (member(BOB)[1], member(ADA)[1]) == ("editor", "admin")
