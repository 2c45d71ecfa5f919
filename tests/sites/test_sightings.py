"""The install check hears of real loads: where the snippet runs, and where it is and may not."""

from __future__ import annotations

import json

import pytest
import websocket
from sqlalchemy import select, update

from app.core.db import db
from app.embed.sightings import MOST
from app.sites.models import Sighting


@pytest.fixture
def sightings(inside, acme):
    def read():
        with inside(acme):
            rows = db.session.scalars(select(Sighting).order_by(Sighting.host))
            return {row.host: row.allowed for row in rows}

    return read


@pytest.fixture
def load(client, acme):
    def get(page):
        answer = client.get(f"/w/{acme.site_key}.js", headers={"Referer": page} if page else {})
        assert answer.status_code == 200

    return get


def test_a_load_on_a_domain_turns_the_check_green(load, alice, acme, sightings, eventually):
    page = f"/o/{acme.slug}/sites/{acme.site_id}"
    assert "Never seen yet" in alice.get(page).text
    assert 'hx-trigger="every 2s"' in alice.get(f"{page}/snippet").text
    load("https://shop.acme.example/tea?x=1#y")
    eventually(lambda: sightings() == {"shop.acme.example": True})
    for path in (page, f"{page}/snippet"):
        text = alice.get(path).text
        assert "Seen" in text and "every 2s" not in text
    part = alice.get(f"{page}/installation?steps=1", headers={"HX-Request": "true"}).text
    assert "shop.acme.example" in part and "<html" not in part and "hx-trigger" not in part
    assert "Choose a campaign" in part and f"campaigns/new?site={acme.site_id}" in part


def test_a_load_elsewhere_warns_and_is_added_by_one_click(
    load, alice, acme, sightings, eventually, client
):
    load("https://other.example/")
    eventually(lambda: sightings() == {"other.example": False})
    page = f"/o/{acme.slug}/sites/{acme.site_id}"
    text = alice.get(page).text
    assert "Never seen yet" in text and "which is not among the domains" in text
    assert 'name="host" value="other.example"' in text
    assert alice.post(f"{page}/domains", {"host": "other.example"}).status_code == 302
    assert sightings() == {"other.example": True}
    assert "Seen" in alice.get(page).text
    origin = {"Origin": "https://other.example"}
    assert client.get(f"/widget/v1/config/{acme.site_key}", headers=origin).status_code == 200


def test_a_domain_that_is_taken_away_is_one_of_others_again(
    load, client, acme, sightings, eventually
):
    load("https://shop.acme.example/")
    eventually(lambda: sightings() == {"shop.acme.example": True})
    body = {"domains": ["new.acme.example"]}
    client.patch(f"/api/v1/sites/{acme.site_id}", json=body, headers=acme.bearer)
    assert sightings() == {"shop.acme.example": False}


def test_polling_pages_count_as_well(client, acme, sightings, eventually):
    origin = {"Origin": "https://shop.acme.example"}
    client.get(f"/widget/v1/notifications/{acme.site_key}", headers=origin)
    eventually(lambda: sightings() == {"shop.acme.example": True})


def test_open_sockets_count_as_well(program, acme, sightings, eventually):
    address = program.url.replace("http", "ws") + "/widget/v1/ws"
    ws = websocket.create_connection(address, origin="https://shop.acme.example", timeout=5)
    ws.send(json.dumps({"type": "join_widget", "site": acme.site_key}))
    assert json.loads(ws.recv())["type"] == "joined"
    ws.close()
    eventually(lambda: sightings() == {"shop.acme.example": True})


@pytest.mark.parametrize(
    "page", ["", "about:blank", "null", "file:///x", "https://", "https://[", "javascript:1", "é"]
)
def test_what_is_no_page_of_a_host_is_no_sighting(load, sightings, eventually, page):
    load(page)
    load("https://shop.acme.example/")
    eventually(sightings)
    assert sightings() == {"shop.acme.example": True}


def test_strangers_cannot_fill_the_table(load, sightings, eventually):
    for number in range(5 * MOST[False]):
        load(f"https://stranger{number}.example/")
    load("https://shop.acme.example/")
    eventually(lambda: sightings().get("shop.acme.example"))
    assert list(sightings().values()).count(False) == MOST[False]


def test_a_site_that_is_deleted_meanwhile_loses_nobody_elses_sightings(
    app, load, client, acme, umbrella, inside, eventually
):
    load("https://shop.acme.example/")
    client.delete(f"/api/v1/sites/{acme.site_id}", headers=acme.bearer)
    client.get(f"/w/{umbrella.site_key}.js", headers={"Referer": "https://umbrella.example/"})

    def seen():
        with inside(umbrella):
            return db.session.scalars(select(Sighting.host)).all() == ["umbrella.example"]

    eventually(seen)


def test_a_sighting_is_renewed_at_most_once_a_minute(load, inside, acme, sightings, eventually):
    load("https://shop.acme.example/")
    eventually(sightings)
    with inside(acme):
        db.session.execute(update(Sighting).values(allowed=False))
        db.session.commit()
    load("https://shop.acme.example/")
    load("https://www.acme.example/")
    eventually(lambda: "www.acme.example" in sightings())
    assert sightings()["shop.acme.example"] is False
