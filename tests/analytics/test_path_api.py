"""REST: goals, funnels, journeys, retention, attribution, and what they refuse."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.analytics import rollups
from app.analytics.models import Funnel, Goal
from app.core.db import db
from app.sites.models import Site
from tests.tracking.arriving import NOON
from tests.visits import PHONE, event, send

API = "/api/v1"
GERMANY = "91.0.0.1"


@pytest.fixture
def ask(client, acme):
    def ask(path, **query):
        query = {"site_id": str(acme.site_id), **query}
        return client.get(f"{API}/{path}", query_string=query, headers=acme.bearer)

    return ask


@pytest.fixture
def visited(client, acme, inside):
    """Three visitors on the way from prices to a sign-up."""
    send(
        client,
        acme,
        event(acme, "/pricing"),
        event(acme, "/pricing", "signup", props={"plan": "pro"}),
    )
    send(client, acme, event(acme, "/pricing"), browser=PHONE, address=GERMANY)
    send(client, acme, event(acme, "/"), address="203.0.113.9")
    with inside(acme):
        rollups.rebuild(db.session.get_one(Site, acme.site_id))


def write(client, acme, method, path, body=None):
    return client.open(f"{API}/{path}", method=method, json=body, headers=acme.bearer)


@pytest.fixture
def meanwhile(client, acme, inside):
    """Changes something while a request to change something else of it waits."""

    def change(path, body, model, **values):
        with inside(acme), ThreadPoolExecutor(1) as pool:
            row = db.session.scalars(select(model)).one()
            Goal.lock(row.site_id)
            sent = pool.submit(write, client, acme, "PATCH", f"{path}/{row.id}", body)
            time.sleep(0.5)
            for name, value in values.items():
                setattr(row, name, value)
            db.session.commit()
            return sent.result().json

    return change


def test_what_a_change_leaves_out_is_what_another_has_just_made_of_it(client, acme, meanwhile):
    whose = {"site_id": str(acme.site_id), "name": "Signed up"}
    write(client, acme, "POST", "goals", {**whose, "kind": "event", "match": "signup"})
    goal = meanwhile("goals", {"name": "Paid"}, Goal, match="paid")
    assert (goal["name"], goal["match"]) == ("Paid", "paid")
    steps = [{"kind": "event", "match": each} for each in ("one", "two")]
    write(client, acme, "POST", "funnels", {**whose, "steps": steps})
    others = [{"kind": "event", "match": each} for each in ("three", "four")]
    funnel = meanwhile("funnels", {"name": "Way"}, Funnel, kept_steps=others)
    assert (funnel["name"], funnel["steps"]) == ("Way", others)


def test_a_goal_is_made_counted_changed_and_deleted(client, acme, ask, visited):
    body = {"site_id": str(acme.site_id), "name": "Signed up", "kind": "event", "match": "signup"}
    made = write(client, acme, "POST", "goals", {**body, "having": "plan=pro"})
    assert made.status_code == 201
    goal = made.json
    assert (goal["kind"], goal["match"], goal["having"]) == ("event", "signup", "plan=pro")
    counted = ask("analytics/conversion-rates").json
    assert counted["data"] == [
        {
            "goal": goal["id"],
            "name": "Signed up",
            "conversions": 1,
            "sessions": 1,
            "visitors": 1,
            "rate": pytest.approx(1 / 3),
            "revenue": 0,
            "hidden": 0,
        }
    ]
    assert counted["sessions"] == 3 and counted["total"]["conversions"] == 1
    assert counted["currency"] == "EUR" and {"from", "to", "zone", "as_of"} <= set(counted)
    changed = write(
        client, acme, "PATCH", f"goals/{goal['id']}", {"kind": "page", "match": "/pricing"}
    )
    assert (changed.json["match"], changed.json["having"]) == ("/pricing", "")
    assert ask("analytics/conversion-rates").json["total"]["sessions"] == 2
    assert [each["id"] for each in ask("goals").json["data"]] == [goal["id"]]
    assert write(client, acme, "DELETE", f"goals/{goal['id']}").status_code == 204
    assert ask("analytics/conversion-rates").json["data"] == []


def test_a_funnel_is_saved_and_counted_or_asked_for_at_once(client, acme, ask, visited):
    steps = [{"kind": "page", "match": "/pricing"}, {"kind": "event", "match": "signup"}]
    body = {"site_id": str(acme.site_id), "name": "To signed up", "steps": steps, "window": 3600}
    made = write(client, acme, "POST", "funnels", body)
    assert made.status_code == 201 and made.json["steps"] == steps
    saved = ask("analytics/funnels", funnel_id=made.json["id"], split="device").json
    assert [(each["step"], each["visitors"], each["rate"]) for each in saved["data"]] == [
        ("page:/pricing", 2, 1),
        ("event:signup", 1, 0.5),
    ]
    assert {each["value"]: each["visitors"] for each in saved["parts"]} == {
        "desktop": [1, 1],
        "mobile": [1, 0],
    }
    assert saved["window"] == 3600 and saved["people"] == 0
    at_once = ask("analytics/funnels", step=["page:/pricing", "event:signup:plan=free"]).json
    assert [each["visitors"] for each in at_once["data"]] == [2, 0]
    assert at_once["data"][0]["exits"] == [{"page": "/pricing", "visitors": 2}]
    filtered = ask("analytics/funnels", funnel_id=made.json["id"], f="country:is:DE").json
    assert [each["visitors"] for each in filtered["data"]] == [1, 0]
    renamed = write(client, acme, "PATCH", f"funnels/{made.json['id']}", {"name": "Renamed"})
    assert (renamed.json["name"], renamed.json["window"]) == ("Renamed", 3600)
    assert write(client, acme, "DELETE", f"funnels/{made.json['id']}").status_code == 204
    assert ask("analytics/funnels", funnel_id=made.json["id"]).status_code == 404


def test_events_too_rare_to_be_kept_are_told_where_they_could_be_it(
    client, acme, ask, stocked, monkeypatch
):
    monkeypatch.setattr("app.analytics.days.MOST_VALUES", 1)
    pages = ("/", "/", "/thanks", "/blog")
    stocked(
        lambda shelf: [
            shelf.arrival(minute, url=f"https://shop.acme.example{page}")
            for minute, page in enumerate(pages)
        ]
    )
    body = {"site_id": str(acme.site_id), "name": "Thanked", "kind": "page", "match": "/thanks"}
    write(client, acme, "POST", "goals", body)
    day = datetime.fromtimestamp(NOON / 1000, UTC).date().isoformat()
    days = {"from": day, "to": day}
    counted = ask("analytics/conversion-rates", **days).json
    assert counted["total"]["hidden"] == 2
    assert [(each["conversions"], each["hidden"]) for each in counted["data"]] == [(0, 2)]
    walked = ask("analytics/funnels", step=["page:/", "page:/thanks"], **days).json
    assert walked["hidden"] == 2


def test_journeys_retention_and_attribution_are_answered(ask, visited):
    found = ask("analytics/journeys", start="page:/pricing", depth="2").json
    assert found["data"] == [{"pages": ["/pricing", "."], "sessions": 2}]
    assert found["links"] == [{"column": 0, "start": "/pricing", "end": ".", "sessions": 2}]
    kept = ask("analytics/retention", unit="day", number="3").json
    assert [each["size"] for each in kept["data"]] == [0, 0, 0]
    assert (kept["people"], kept["visits"], kept["all_visits"]) == (0, 0, 3)
    credited = ask("analytics/attribution", by="channel").json
    assert (credited["revenue"], credited["data"]) == (0, [])
    assert credited["unjoined"] == {"revenue": 0, "orders": 0}


TWO = ["page:/", "event:signup"]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("funnels", {"step": TWO, "split": "weather"}, "split"),
        ("funnels", {"step": TWO, "split": "page"}, "split"),
        ("funnels", {"step": TWO, "window": "soon"}, "window"),
        ("funnels", {"step": TWO, "window": "59"}, "window"),
        ("funnels", {"step": TWO, "window": "9" * 15}, "window"),
        ("funnels", {"step": TWO[:1]}, "step"),
        ("funnels", {}, "step"),
        ("funnels", {"step": TWO * 5}, "step"),
        ("funnels", {"step": ["page:/", "click:x"]}, "step"),
        ("funnels", {"step": ["page:/", "event:a\x00"]}, "step"),
        ("funnels", {"step": ["page:/", "goal:x"]}, "step"),
        ("funnels", {"step": ["page:/", "goal:01a2278f-d23e-7bce-ab1c-88b6d11b6df9"]}, "step"),
        ("funnels", {"funnel_id": "x"}, "funnel_id"),
        ("funnels", {"step": TWO, "f": "weather:is:bad"}, "f"),
        ("funnels", {"step": TWO, "f": "country:equals:DE"}, "f"),
        ("funnels", {"step": TWO, "period": "ever"}, "period"),
        ("funnels", {"step": TWO, "zone": "Europe/Atlantis"}, "zone"),
        ("funnels", {"step": TWO, "from": "2026-01-02", "to": "2026-01-01"}, "to"),
        ("journeys", {"start": "page:pricing"}, "start"),
        ("journeys", {"start": "event:Sign up"}, "start"),
        ("journeys", {"start": "/\x00"}, "start"),
        ("journeys", {"direction": "sideways"}, "direction"),
        ("journeys", {"depth": "6"}, "depth"),
        ("journeys", {"depth": "[3]"}, "depth"),
        ("retention", {"unit": "year"}, "unit"),
        ("retention", {"f": "x"}, "f"),
        ("attribution", {"by": "weather"}, "by"),
        ("attribution", {"by": "page"}, "by"),
        ("conversion-rates", {"from": "yesterday"}, "from"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_400_that_names_the_field(ask, path, query, field):
    answer = ask(f"analytics/{path}", **query)
    assert answer.status_code == 400
    assert answer.json["error"]["details"] == {"field": field}


def test_a_number_that_is_none_is_a_400_as_well(ask):
    for number in ("1", "25", "x", "9" * 400):
        answer = ask("analytics/retention", number=number)
        assert answer.status_code == 400 and "number" in answer.json["error"]["details"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"steps": [{"kind": "order"}]}, "steps"),
        ({"steps": [{"kind": "order"}] * 9}, "steps"),
        ({"steps": [{"kind": "order"}, {"kind": "click"}]}, "steps.2.kind"),
        ({"steps": [{"kind": "page", "match": "x"}, {"kind": "order"}]}, "steps.1.match"),
        (
            {"steps": [{"kind": "event", "match": "a", "having": "b"}, {"kind": "order"}]},
            "steps.1.having",
        ),
        ({"steps": [{"kind": "order"}, {"kind": "goal"}]}, "steps.2.goal_id"),
        ({"window": 61}, "window"),
        ({"window": 8_000_000}, "window"),
        ({"window": [60]}, "window"),
        ({"window": 10**30}, "window"),
        ({"name": " "}, "name"),
    ],
)
def test_a_funnel_that_is_none_is_a_422_that_names_the_field(client, acme, changes, field):
    steps = [{"kind": "page", "match": "/"}, {"kind": "order"}]
    body = {"site_id": str(acme.site_id), "name": "F", "steps": steps, **changes}
    answer = write(client, acme, "POST", "funnels", body)
    assert answer.status_code == 422
    assert list(answer.json["error"]["details"]) == [field]


def test_a_site_has_an_end_of_goals(client, acme, monkeypatch):
    monkeypatch.setattr("app.analytics.models.goal.MOST_GOALS", 1)
    body = {"site_id": str(acme.site_id), "name": "Paid", "kind": "order"}
    assert write(client, acme, "POST", "goals", body).status_code == 201
    assert write(client, acme, "POST", "goals", body).status_code == 422
