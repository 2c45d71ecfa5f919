"""Nothing that changed is missed: by polling, after a lost frame, with a broken bus."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.embed.hub import Progress
from tests.shops import shopify, shopify_order, shopify_refund


@pytest.fixture
def record(client, acme):
    """Report an activity over the API."""

    def make(kind, number, **more):
        body = {
            "site_id": str(acme.site_id),
            "type": kind,
            "external_id": f"{kind}-{number}",
            "product": {"name": f"{kind} {number}"},
            **more,
        }
        answer = client.post("/api/v1/activities", headers=acme.bearer, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json

    return make


@pytest.fixture
def publish(client, acme):
    def campaign(*types):
        body = {
            "site_id": str(acme.site_id),
            "name": "Recent",
            "format": "recent_activity",
            "status": "published",
            "content": {"types": list(types)},
        }
        answer = client.post("/api/v1/campaigns", headers=acme.bearer, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json["id"]

    return campaign


@pytest.fixture
def poll(client, acme):
    def read(after=None):
        query = "" if after is None else f"?after={after}"
        return client.get(f"/widget/v1/notifications/{acme.site_key}{query}").json

    return read


def test_one_purchase_among_many_other_activities_is_not_missed(publish, record, poll):
    publish("purchase")
    start = poll()["cursor"]
    wanted = record("purchase", 1)["id"]
    for number in range(205):
        record("download", number)
    found, cursor = [], start
    while True:
        answer = poll(cursor)
        found += [item["id"] for item in answer["notifications"]]
        if answer["cursor"] == cursor:
            break
        cursor = answer["cursor"]
    assert found == [wanted]


def test_more_than_a_page_of_changes_comes_in_pages(publish, record, poll, client, acme):
    publish("purchase")
    start = poll()["cursor"]
    made = [record("purchase", number)["id"] for number in range(205)]
    gone = made[::2]
    for activity_id in gone:
        client.delete(f"/api/v1/activities/{activity_id}", headers=acme.bearer)
    found, retracted, cursor = set(), set(), start
    while (answer := poll(cursor))["cursor"] != cursor:
        found |= {item["id"] for item in answer["notifications"]}
        retracted |= set(answer["retracted"])
        cursor = answer["cursor"]
    assert found - retracted == set(made) - set(gone)


def test_a_busy_campaign_does_not_starve_another(publish, record, poll):
    purchases, reviews = publish("purchase"), publish("review")
    record("review", 1)
    for number in range(25):
        record("purchase", number)
    campaigns = [item["campaign"] for item in poll()["notifications"]]
    assert campaigns.count(purchases) == 20 and campaigns.count(reviews) == 1


def test_an_address_in_a_name_field_is_shown_to_nobody(publish, record, poll):
    publish("purchase")
    record("purchase", 1, person={"first_name": "claire@example.com"})
    [item] = poll()["notifications"]
    assert "claire" not in item["message"] and item["message"].startswith("Someone")


def test_retracting_twice_at_once_retracts_once(program, acme, record, inside):
    activity = record("purchase", 1)
    address = f"{program.url}/api/v1/activities/{activity['id']}"
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda _: requests.delete(address, headers=acme.bearer, timeout=10).status_code,
            range(8),
        )
    assert set(answers) == {204}


def test_a_total_that_shrinks_to_what_was_refunded_takes_it_away(publish, poll, client, acme, work):
    publish("purchase")

    def send(topic, payload):
        client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, topic, payload))
        work()

    send("orders/paid", shopify_order(total_price="100.00"))
    send("refunds/create", shopify_refund(amount="50.00"))
    assert len(poll()["notifications"]) == 1
    send("orders/updated", shopify_order(total_price="50.00"))
    assert poll()["notifications"] == []


def test_editing_in_the_dashboard_keeps_what_its_form_does_not_show(client, acme, publish, sign_in):
    body = {
        "site_id": str(acme.site_id),
        "name": "Hello",
        "format": "notice",
        "content": {"message": "Open", "gap": 30},
    }
    campaign = client.post("/api/v1/campaigns", headers=acme.bearer, json=body).json
    page = f"/o/{acme.slug}/campaigns/{campaign['id']}"
    form = {
        "name": "Hello",
        "position": "top",
        "theme": "auto",
        "accent": "#2563eb",
        "delay": "3",
        "duration": "0",
        "message": "Closed",
        "tone": "info",
        "size": "medium",
        "corners": "soft",
        "animation": "fade",
        "icon": "",
    }
    assert sign_in("alice@acme.example").post(page, form, page).status_code == 302
    saved = client.get(f"/api/v1/campaigns/{campaign['id']}", headers=acme.bearer).json
    assert saved["content"]["message"] == "Closed"
    assert saved["content"]["gap"] == 30


def test_a_number_that_was_never_heard_is_noticed_after_a_round():
    progress = Progress(7)
    progress.hear(8)
    assert not progress.missed(9), "9 may still be on its way"
    assert progress.missed(9)
    assert not progress.missed(9)


def test_numbers_out_of_order_are_no_gap():
    progress = Progress(7)
    for number in (9, 8, 10):
        progress.hear(number)
    assert not progress.missed(10)
    assert not progress.missed(10)
