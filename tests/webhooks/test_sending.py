"""What happens is told to those who want to hear of it: once, signed, and in spite of everything a
receiver may do."""

from __future__ import annotations

from standardwebhooks import Webhook


def activity(tenant, **more):
    body = {"site_id": str(tenant.site_id), "type": "purchase", "product": {"name": "Tea"}}
    return {"json": {**body, **more}, "headers": tenant.bearer}


def test_what_happens_arrives_signed_at_whoever_wants_it(
    acme, client, receive, endpoint_of, work, inside, log
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver, types=["activity.created"])
    made = client.post("/api/v1/activities", **activity(acme)).json
    work()
    assert len(receiver.received) == 1
    got = receiver.received[0]
    assert got.line == "POST /hook HTTP/1.1"
    with inside(acme):
        from app.core.db import db
        from app.webhooks.models import Endpoint

        secret = db.session.get_one(Endpoint, endpoint_id).secret
    told = Webhook(secret).verify(got.body, got.headers)
    assert told["type"] == "activity.created"
    assert told["data"]["id"] == made["id"]
    assert [each.state for each in log(acme)] == ["delivered"]
