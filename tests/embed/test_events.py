"""POST /widget/v1/events: what is stored of what a page sends, what is not, and what it is told."""

from __future__ import annotations

import json
import time
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from app.core.db import db
from app.core.ids import uuid7
from app.sites.models import Site
from app.tracking.models import BucketMark, Drop, Event, Quarantined, Session, Visitor

PATH = "/widget/v1/events"
ORIGIN = "https://shop.acme.example"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


def event(name="page_view", **values):
    return {"id": str(uuid7()), "name": name, "url": f"{ORIGIN}/tea", **values}


@pytest.fixture
def send(client, acme):
    """Send events as a page of Acme's does; answers the response."""

    def send(*events, headers=None, address="203.0.113.7", agent=CHROME, **fields):
        body = {"site": acme.site_key, "events": list(events), **fields}
        return client.post(
            PATH,
            data=json.dumps(body),
            content_type="text/plain",
            headers={"Origin": ORIGIN, "User-Agent": agent, **(headers or {})},
            environ_overrides={"REMOTE_ADDR": address},
        )

    return send


@pytest.fixture
def rows(inside, acme):
    """All rows of a model, as their columns say."""

    def rows(model):
        with inside(acme):
            return list(db.session.scalars(select(model)))

    return rows


def drops(rows):
    """By reason, of whichever hours."""
    counted = Counter()
    for row in rows(Drop):
        counted[row.reason] += row.count
    return dict(counted)


def eventually(read, wanted):
    """What is counted is written within about a second."""
    deadline = time.monotonic() + 15
    while read() != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert read() == wanted


def test_a_page_view_is_stored_with_its_visit(send, rows):
    answer = send(event(title="Tea", referrer="https://www.google.com/search?q=tea"))
    assert answer.status_code == 202
    assert answer.json["accepted"] == 1
    assert (answer.json["duplicates"], answer.json["dropped"]) == (0, [])
    (stored,) = rows(Event)
    assert (stored.name, stored.url, stored.title) == ("page_view", f"{ORIGIN}/tea", "Tea")
    assert stored.referrer == "https://www.google.com/search"
    (session,) = rows(Session)
    assert stored.session_id == session.id
    assert (session.channel, session.referrer_host) == ("organic_search", "www.google.com")
    assert (session.browser, session.system, session.device) == ("Chrome", "Windows", "desktop")
    assert session.masked_address == "203.0.113.0"
    assert (session.events, session.page_views, session.person) == (1, 1, False)
    (visitor,) = rows(Visitor)
    assert visitor.session_id == session.id
    (mark,) = rows(BucketMark)
    assert mark.bucket <= stored.at < mark.bucket + 900_000 and mark.dirty_seq > mark.clean_seq


def test_nothing_of_the_address_is_kept_but_its_mask(send, acme, app):
    send(event(), address="198.51.100.77")
    with app.app_context(), db.engine.connect() as connection:
        for table in ("events", "sessions", "visitors"):
            for row in connection.execute(text(f"SELECT * FROM {table}")):
                assert "198.51.100.77" not in str(row)


def test_an_event_that_comes_twice_is_stored_once(send, rows):
    once = event()
    assert send(once, once).json["duplicates"] == 1
    again = send(once, event()).json
    assert (again["accepted"], again["duplicates"]) == (1, 1)
    assert len(rows(Event)) == 2
    assert [session.events for session in rows(Session)] == [2]


def test_two_sites_may_have_the_same_event(send, client, umbrella, rows, inside):
    mine = event()
    send(mine)
    body = {"site": umbrella.site_key, "events": [{**mine, "url": "https://umbrella.example/"}]}
    answer = client.post(PATH, json=body, headers={"User-Agent": CHROME})
    assert answer.json["accepted"] == 1
    with inside(umbrella):
        assert db.session.scalar(select(func.count()).select_from(Event)) == 1


def test_an_invalid_event_is_dropped_and_the_rest_accepted(send, rows):
    answer = send(
        event(),
        "nonsense",
        event(id="no uuid"),
        event(id=str(UUID(int=7))),
        event("Bad Name"),
        event(url="javascript:alert(1)"),
        event(props={"nested": {"a": 1}}),
        event(value={"amount": 1.5, "currency": "EUR"}),
        event(value={"amount": 1, "currency": "XXX"}),
        event(campaign="no id"),
    )
    assert answer.status_code == 202 and answer.json["accepted"] == 1
    reasons = [each["reason"] for each in answer.json["dropped"]]
    assert reasons == ["invalid"] * 5 + ["properties"] * 4
    eventually(lambda: drops(rows), {"invalid": 5, "properties": 4})


def test_an_id_is_good_from_a_week_ago_to_five_minutes_ahead(send, rows):
    def made(ago):
        moment = int((time.time() - ago) * 1000)
        return str(UUID(int=moment << 80 | 7 << 76 | 2 << 62 | uuid7().int & (1 << 62) - 1))

    answer = send(*(event(id=made(ago)) for ago in (6 * 86_400, 8 * 86_400, -240, -360)))
    assert [each["reason"] for each in answer.json["dropped"]] == ["time", "time"]
    # By a clock that is an hour fast the same ids are good.
    sent = int((time.time() + 3600) * 1000)
    answer = send(event(id=made(-3600), at=sent), sent_at=sent)
    assert answer.json["accepted"] == 1
    assert abs(max(row.at for row in rows(Event)) - time.time() * 1000) < 10_000


def test_a_time_is_corrected_and_at_most_a_day_ago(send, rows):
    now = int(time.time() * 1000)
    wrong = now - 7_200_000
    send(event(at=wrong - 60_000), sent_at=wrong)
    send(event("old", at=now - 3 * 86_400_000), sent_at=now)
    at = {row.name: row.at for row in rows(Event)}
    assert abs(at["page_view"] - (now - 60_000)) < 5000
    assert abs(at["old"] - (now - 86_400_000)) < 5000


def test_only_the_parameters_that_the_site_keeps_are_kept(send, rows, inside, acme):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        site.change(parameters=["utm_source", "utm_medium", "ref"])
        db.session.commit()
    query = "?utm_source=Letter&utm_medium=email&utm_campaign=may&ref=box&token=secret"
    send(event(url=f"{ORIGIN}/tea{query}"))
    (session,) = rows(Session)
    assert (session.utm_source, session.utm_medium, session.utm_campaign) == (
        "Letter",
        "email",
        None,
    )
    assert session.parameters == {"ref": "box"} and session.channel == "email"
    assert rows(Event)[0].url == f"{ORIGIN}/tea?utm_source=Letter&utm_medium=email&ref=box"


def test_a_visit_goes_on_for_half_an_hour_and_adds_up(send, rows):
    send(event(), event("engagement", props={"active": 4000, "visible": 6000, "scroll": 40}))
    send(event(url=f"{ORIGIN}/cart"))
    (session,) = rows(Session)
    assert (session.events, session.page_views, session.active) == (3, 2, 4000)
    assert (session.entry_url, session.exit_url) == (f"{ORIGIN}/tea", f"{ORIGIN}/cart")


def test_other_browsers_and_addresses_are_other_visitors(send, rows):
    send(event())
    send(event(), agent=PHONE)
    send(event(), address="203.0.113.8")
    assert len(rows(Visitor)) == 3
    assert {row.device for row in rows(Session)} == {"desktop", "mobile"}


def test_a_token_names_the_visitor_wherever_he_moves(send, rows):
    token = send(event()).json["visitor"]
    answer = send(event(), address="192.0.2.200", visitor=token).json
    assert answer["visitor"] == token
    assert len(rows(Visitor)) == 1 and len(rows(Session)) == 1
    for bad in ("x" * 600, token[:-2] + "xx", 7, {"a": 1}, "", None, "ä"):
        assert send(event(), visitor=bad).status_code == 202
    assert len(rows(Visitor)) == 1


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_who_asks_not_to_be_followed_is_counted_without_a_visitor(send, rows, header):
    answer = send(event(), headers={header: "1"}).json
    assert answer["accepted"] == 1
    assert "visitor" not in answer and "unit" not in answer["context"]
    assert [row.session_id for row in rows(Event)] == [None]
    assert rows(Session) == [] and rows(Visitor) == []


def test_a_strict_site_stores_nothing_before_consent(send, rows, inside, acme):
    with inside(acme):
        db.session.get_one(Site, acme.site_id).change(mode="strict")
        db.session.commit()
    answer = send(event()).json
    assert [each["reason"] for each in answer["dropped"]] == ["consent"]
    assert rows(Event) == [] and rows(Visitor) == []
    agreed = send(event(), consent=True).json
    assert (agreed["accepted"], agreed["context"]["unit_kind"]) == (1, "person")
    # The token is as good as saying so again, and names the same person.
    later = send(event(), visitor=agreed["visitor"], address="192.0.2.9").json
    assert later["context"]["unit"] == agreed["context"]["unit"]
    assert [row.person for row in rows(Visitor)] == [True]
    eventually(lambda: drops(rows), {"consent": 1})


@pytest.mark.parametrize(
    ("agent", "fields", "reason"),
    [
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", {}, "crawler"),
        (CHROME, {"webdriver": True}, "webdriver"),
        ("", {}, "empty_user_agent"),
    ],
)
def test_a_bot_is_kept_apart_with_the_reason(send, rows, agent, fields, reason):
    answer = send(event(), agent=agent, **fields).json
    assert [each["reason"] for each in answer["dropped"]] == ["bot"]
    assert rows(Event) == [] and rows(Session) == []
    (kept,) = rows(Quarantined)
    assert kept.reason == reason and kept.record["url"] == f"{ORIGIN}/tea"
    eventually(lambda: drops(rows), {"bot": 1})


def test_the_context_says_unit_and_place(send):
    first, second = (send(event(), address="8.8.8.8").json["context"] for _ in range(2))
    assert first == second
    assert first["unit_kind"] == "visit" and first["place"] == {"country": "US"}


def test_a_foreign_origin_is_refused_and_counted(send, rows):
    answer = send(event(), event(), headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403 and answer.json["error"]["code"] == "foreign_origin"
    # Readable, so that the page does not take it for a fault and sends it again.
    assert answer.headers["Access-Control-Allow-Origin"] == "https://evil.example"
    eventually(lambda: drops(rows), {"origin": 2})


def test_a_page_of_the_site_may_read_the_answer(send):
    assert send(event()).headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Set-Cookie" not in send(event()).headers


def test_an_unknown_and_a_switched_off_site_look_alike(send, client, inside, acme):
    def answer(site):
        body = json.dumps({"site": site, "events": [event()]})
        got = client.post(PATH, data=body, headers={"Origin": ORIGIN})
        assert got.headers["Access-Control-Allow-Origin"] == ORIGIN
        return got.status_code, got.json["error"]["code"]

    with inside(acme):
        db.session.get_one(Site, acme.site_id).deactivate()
        db.session.commit()
    assert answer(acme.site_key) == answer("0" * 32) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[]", 400),
        (b'{"events": []}', 422),
        (b'{"site": 7, "events": []}', 422),
        (b'{"site": "KEY"}', 422),
        (b'{"site": "KEY", "events": {}}', 422),
        (b'{"site": "KEY", "events": [' + b"0," * 50 + b"0]}", 413),
        (b'{"site": "KEY", "events": ["' + b"x" * 66_000 + b'"]}', 413),
        (b'{"site": "KEY", "events": ["\\u0000"]}', 400),
        (b'{"site": "KEY", "events": [NaN]}', 400),
        (b'{"site": "KEY", "events": [1e999]}', 400),
        (b'{"site": "KEY", "events": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", 400),
    ],
)
def test_a_body_that_is_none_is_told_so(client, acme, body, status):
    answer = client.post(PATH, data=body.replace(b"KEY", acme.site_key.encode()))
    assert answer.status_code == status
    assert set(answer.json["error"]) == {"code", "message", "details", "timestamp"}


def test_other_methods_are_told_which_is_right(client):
    assert client.get(PATH).status_code == 405
    assert client.delete(PATH).headers["Allow"] == "POST, OPTIONS"
    preflight = client.options(PATH, headers={"Origin": ORIGIN})
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type"


def test_its_answers_have_the_headers_of_all_answers(send):
    headers = send(event()).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Request-Id"] and headers["Cache-Control"] == "no-store"


def test_too_many_from_one_address_are_told_to_wait(app, send, rows, acme):
    limit = app.extensions["candor_settings"].events_per_address * 10
    batch = [{"id": None}] * 50
    # Some more are allowed with each second that passes meanwhile.
    allowed = 0
    while (answer := send(*batch)).status_code == 202:
        allowed += 1
        assert allowed < 100
    assert allowed >= limit // 50
    assert answer.status_code == 429 and answer.headers["Retry-After"]
    # Another address is not affected.
    assert send(event(), address="192.0.2.3").status_code == 202
    eventually(lambda: drops(rows).get("rate"), len(batch))


def test_conversions_carry_money_and_orders(send, rows):
    send(
        event(
            "conversion",
            value={"amount": 4900, "currency": "eur"},
            props={"order_id": "820982911946154508", "items": 2, "gift": True, "note": None},
        )
    )
    (stored,) = rows(Event)
    assert (stored.amount, stored.currency) == (4900, "EUR")
    assert stored.props["order_id"] == stored.order_id == "820982911946154508"
    assert stored.by_api is False


def test_a_visit_goes_on_when_its_visitor_agrees(send, rows):
    token = send(event()).json["visitor"]
    agreed = send(event(), visitor=token, consent=True).json
    send(event(), visitor=agreed["visitor"], consent=True)
    assert [(row.events, row.person) for row in rows(Session)] == [(3, True)]
    assert sorted(row.person for row in rows(Visitor)) == [False, True]


def test_what_comes_once_consent_is_withdrawn_is_nobodys_and_another_visit(send, rows):
    token = send(event()).json["visitor"]
    agreed = send(event(), visitor=token, consent=True).json["visitor"]
    send(event("withdrawn"))
    send(event(), visitor=agreed, consent=True)
    send(event("withdrawn"))
    visits = {row.id: (row.person, row.events) for row in rows(Session)}
    assert sorted(visits.values()) == [(False, 2), (True, 3)]
    later = {row.session_id for row in rows(Event) if row.name == "withdrawn"}
    assert [visits[each] for each in later] == [(False, 2)]


def test_a_campaign_is_one_that_the_site_publishes(send, client, acme, umbrella, rows):
    def published(tenant):
        body = {"site_id": str(tenant.site_id), "name": "Hello", "format": "notice"}
        body |= {"content": {"message": "Open until 8"}, "status": "published"}
        return client.post("/api/v1/campaigns", json=body, headers=tenant.bearer).json["id"]

    own, foreign = published(acme), published(umbrella)
    answer = send(event("impression", campaign=own), event("impression", campaign=foreign)).json
    assert answer["accepted"] == 1
    assert [each["reason"] for each in answer["dropped"]] == ["properties"]
    assert [str(row.campaign_id) for row in rows(Event)] == [own]


def test_an_impression_is_counted_once_however_often_it_is_sent(app, send, client, acme):
    body = {"site_id": str(acme.site_id), "name": "Hello", "format": "notice"}
    body |= {"content": {"message": "Open"}, "status": "published", "frequency": {"day": 3}}
    campaign = client.post("/api/v1/campaigns", json=body, headers=acme.bearer).json["id"]
    seen = event("impression", campaign=campaign)
    told = [send(seen).json["context"]["seen"] for _ in range(3)]
    assert told == [{campaign: 1}] * 3


@pytest.mark.parametrize("language", ["abcdefgh-12345678", "de-DE,de;q=0.9", "\x7f", "x" * 500])
def test_any_language_is_taken(send, rows, language):
    assert send(event(), headers={"Accept-Language": language}).json["accepted"] == 1
    assert len(rows(Session)[0].language or "") <= 12


def test_an_error_without_words_does_not_end_the_writer(send, monkeypatch):
    def fails(*_arguments):
        raise AssertionError

    with monkeypatch.context() as broken:
        broken.setattr("app.tracking.committer.store", fails)
        assert send(event()).status_code == 500
    assert send(event()).json["accepted"] == 1
