"""A notification in the language of its site, and in those its campaign is translated to."""

from __future__ import annotations

from sqlalchemy import update

from app.core.db import db
from app.embed import published
from app.sites.models import Revision, Site


def notification(client, acme):
    [item] = client.get(f"/widget/v1/notifications/{acme.site_key}").json["notifications"]
    return item


def test_a_site_speaks_its_language_and_campaigns_add_others(client, acme, inside):
    body = {
        "site_id": str(acme.site_id),
        "name": "Recent",
        "format": "recent_activity",
        "content": {"template": "{{first_name}} aus {{city}} kaufte {{product}}"},
        "status": "published",
    }
    client.post("/api/v1/campaigns", headers=acme.bearer, json=body)
    with inside(acme):
        db.session.get_one(Site, acme.site_id).language = "de"
        db.session.get_one(Site, acme.site_id).k = 0
        db.session.commit()
    activity = {
        "site_id": str(acme.site_id),
        "type": "purchase",
        "person": {"email": "ada@customers.example"},
        "place": {"country": "FR"},
        "product": {"name": "Tee"},
    }
    client.post("/api/v1/activities", headers=acme.bearer, json=activity)
    published.forget("", None)
    item = notification(client, acme)
    assert item["message"] == "Jemand aus Frankreich kaufte Tee"
    assert item["location"] == "Frankreich" and "messages" not in item

    with inside(acme):
        revision = db.session.query(Revision).order_by(Revision.number.desc()).first()
        content = revision.content["campaigns"][0]["content"]
        translations = {"fr": {"template": "{{first_name}} : {{product}}, {{country}}"}}
        changed = {
            **revision.content["campaigns"][0],
            "content": {**content, "translations": translations},
        }
        db.session.execute(
            update(Revision)
            .where(Revision.id == revision.id)
            .values(content={**revision.content, "campaigns": [changed]})
        )
        db.session.commit()
    published.forget("", None)
    item = notification(client, acme)
    assert item["message"] == "Jemand aus Frankreich kaufte Tee"
    assert item["messages"] == {"fr": "Quelqu’un : Tee, France"}
