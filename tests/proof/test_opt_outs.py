"""The person who is shown ends it: without an account, for good, and nobody else can."""

from __future__ import annotations

import re

import pytest

from app.core.db import db
from app.proof.models import Activity
from app.proof.opt_outs import OptOut
from tests.shops import shopify, shopify_order


@pytest.fixture
def published(client, acme):
    body = {
        "site_id": str(acme.site_id),
        "name": "Recent",
        "format": "recent_activity",
        "status": "published",
    }
    assert client.post("/api/v1/campaigns", headers=acme.bearer, json=body).status_code == 201


@pytest.fixture
def shown(client, acme, published):
    def messages():
        answer = client.get(f"/widget/v1/notifications/{acme.site_key}").json
        return [item["message"] for item in answer["notifications"]]

    return messages


@pytest.fixture
def tell(client, acme):
    def activity(product="Tea", tenant=acme, **person):
        body = {
            "site_id": str(tenant.site_id),
            "type": "purchase",
            "product": {"name": product},
            "person": person or {"first_name": "Ada", "email": "ada@customers.example"},
        }
        answer = client.post("/api/v1/activities", headers=tenant.bearer, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json

    return activity


def path_of(activity):
    return activity["opt_out_url"].removeprefix("http://candor.test")


def opt_out(app, path, for_good=True):
    """As the person does, in a browser of their own."""
    visitor = app.test_client()
    page = visitor.get(path)
    assert page.status_code == 200, page.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    form = {"csrf_token": token, "wish": "hide", **({"for_good": "y"} if for_good else {})}
    answer = visitor.post(path, data=form)
    assert answer.status_code == 302, answer.text
    return visitor.get(answer.headers["Location"])


def test_the_page_says_what_is_shown_and_is_not_to_be_found_by_search(client, tell):
    activity = tell()
    page = client.get(path_of(activity))
    assert "Ada" in page.text and "Tea" in page.text
    assert "ada@customers.example" not in page.text
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert activity["receipt"] not in activity["opt_out_url"]


def test_reading_the_page_changes_nothing(client, tell, shown):
    client.get(path_of(tell()))
    assert shown() == ["Ada bought Tea"]


def test_whoever_opts_out_is_gone_and_a_later_order_is_not_shown(
    app, client, acme, tell, shown, work
):
    first = tell()
    tell(product="Pot")
    tell(product="Cup", first_name="Ben", email="ben@customers.example")
    assert len(shown()) == 3
    done = opt_out(app, path_of(first))
    assert "You are not shown any more" in done.text
    assert shown() == ["Ben bought Cup"]
    later = tell(product="Kettle", first_name="Ada", email=" ADA@customers.example")
    assert later["receipt"] is None and later["retracted_at"] is not None
    assert later["opt_out_url"] is None
    order = shopify_order(email="ada@customers.example")
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", order))
    work()
    assert shown() == ["Ben bought Cup"]
    delivery = client.get("/api/v1/inbound-deliveries", headers=acme.bearer).json["data"][0]
    assert delivery["verdict"] == "accepted"


def test_of_whoever_opted_out_nothing_is_kept_but_a_blind_index(app, acme, tell, inside):
    opt_out(app, path_of(tell()))
    tell(product="Kettle")
    with inside(acme):
        later = db.session.query(Activity).order_by(Activity.id.desc()).first()
        assert later.first_name is None and later.person_index is None and later.city is None
        assert db.session.query(OptOut).count() == 1


def test_without_the_second_wish_only_this_one_goes(app, tell, shown):
    first = tell()
    tell(product="Pot")
    opt_out(app, path_of(first), for_good=False)
    assert shown() == ["Ada bought Pot"]
    tell(product="Cup")
    assert len(shown()) == 2
    # And may be wished for later, at the same address.
    assert "Show nothing of me from now on" in app.test_client().get(path_of(first)).text
    opt_out(app, path_of(first))
    assert shown() == []


def test_twice_is_once(app, acme, tell, inside):
    path = path_of(tell())
    opt_out(app, path, for_good=False)
    opt_out(app, path)
    again = app.test_client().get(path)
    assert again.status_code == 200 and "Nothing is shown about you here" in again.text
    with inside(acme):
        assert db.session.query(OptOut).count() == 1


def test_open_pages_hear_of_it(app, client, acme, tell, shown):
    activity = tell()
    cursor = client.get(f"/widget/v1/notifications/{acme.site_key}").json["cursor"]
    opt_out(app, path_of(activity))
    answer = client.get(f"/widget/v1/notifications/{acme.site_key}?after={cursor}").json
    assert answer["retracted"] == [activity["id"]]


def test_an_address_that_candor_did_not_make_opens_nothing(app, client, tell, umbrella, shown):
    mine, theirs = path_of(tell()), path_of(tell(tenant=umbrella))
    base, token = mine.rsplit("/", 1)
    other = theirs.rsplit("/", 1)[1]
    spliced = token[:21] + other[21:]
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (
        spliced,
        changed,
        token[:-4],
        token + "AAAA",
        token.lower(),
        "x",
        "é",
        "a" * 5000,
    ):
        assert client.get(f"{base}/{wrong}").status_code == 404, wrong
    assert shown() == ["Ada bought Tea"]


def test_another_organization_is_not_touched(app, acme, umbrella, tell, inside):
    opt_out(app, path_of(tell()))
    theirs = tell(tenant=umbrella)
    assert theirs["receipt"] and theirs["retracted_at"] is None
    with inside(umbrella):
        assert db.session.query(OptOut).count() == 0


def test_what_names_nobody_has_no_way_out(client, acme):
    body = {"site_id": str(acme.site_id), "type": "signup", "product": {"name": "Tea"}}
    answer = client.post("/api/v1/activities", headers=acme.bearer, json=body)
    assert answer.json["opt_out_url"] is None


def test_asking_too_often_is_slowed_down(client, tell):
    path = path_of(tell())
    statuses = [client.get(path).status_code for _ in range(40)]
    assert statuses[0] == 200 and statuses[-1] == 429


def test_members_see_the_address_and_how_many_left(app, acme, tell, sign_in):
    activity = tell()
    alice = sign_in("alice@acme.example")
    page = alice.get(f"/o/{acme.slug}/activities/{activity['id']}").text
    assert activity["opt_out_url"] in page
    assert "asked not to be shown" not in alice.get(f"/o/{acme.slug}/activities").text
    opt_out(app, path_of(activity))
    assert "One person has asked not to be shown" in alice.get(f"/o/{acme.slug}/activities").text
