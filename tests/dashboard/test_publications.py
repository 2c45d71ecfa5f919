"""Publications of a site: what its pages and its API say, and going back, up to the open page."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import requests
import websocket
from sqlalchemy import event, func, select

from app.accounts.models import AuditEntry
from app.accounts.permissions import Role
from app.campaigns.models import Campaign
from app.core import tenancy
from app.core.db import db
from app.dashboard.publishing import roll_back
from app.sites.models import Revision, Site

ORIGIN = "https://shop.acme.example"


class Api:
    """Acme's key, on the paths of its site and of its campaigns."""

    def __init__(self, client, acme) -> None:
        self.client, self.acme = client, acme
        self.site = f"/api/v1/sites/{acme.site_id}"

    def send(self, method, path, body=None, status=200):
        path = path if path.startswith("/api") else f"{self.site}/{path}"
        answer = self.client.open(path, method=method, json=body, headers=self.acme.bearer)
        assert answer.status_code == status, answer.text
        return answer.json if answer.data else None

    def notice(self, message, name="Notice", **parts):
        body = {
            "site_id": str(self.acme.site_id),
            "name": name,
            "format": "notice",
            "content": {"message": message},
            "status": "published",
            **parts,
        }
        return self.send("POST", "/api/v1/campaigns", body, 201)["id"]

    def change(self, campaign, **parts):
        return self.send("PATCH", f"/api/v1/campaigns/{campaign}", parts)

    def status(self, campaign, status):
        return self.send("PUT", f"/api/v1/campaigns/{campaign}/status", {"status": status})

    def delete(self, campaign):
        self.send("DELETE", f"/api/v1/campaigns/{campaign}", status=204)

    def revisions(self, query=""):
        return self.send("GET", f"revisions{query}")["data"]

    def shown(self):
        """The messages that visitors get, by campaign."""
        answer = self.client.get(f"/widget/v1/config/{self.acme.site_key}")
        return {each["id"]: each.get("message") for each in answer.json["campaigns"]}


@pytest.fixture
def api(client, acme):
    return Api(client, acme)


@pytest.fixture
def pages(acme):
    return f"/o/{acme.slug}/sites/{acme.site_id}/publications"


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


# --- history -------------------------------------------------------------------------------------


def test_each_revision_says_who_published_it_why_and_what_it_changed(api, alice, pages, acme):
    campaign = api.notice("Open until 8")
    api.change(campaign, triggers={"delay": 5})
    form = alice.post(f"/o/{acme.slug}/campaigns/{campaign}/publication")
    assert form.status_code == 302
    api.status(campaign, "paused")
    paused, changed, added, first = api.revisions()
    assert (added["number"], added["author"], added["cause"]) == (
        2,
        "API key Everything",
        "Notice published",
    )
    assert added["changes"] == [
        {"campaign_id": campaign, "name": "Notice", "change": "added", "words": []}
    ]
    assert changed["author"] == "Alice" and changed["changes"][0]["words"] == ["delay 3 s → 5 s"]
    assert paused["cause"] == "Notice paused" and paused["changes"][0]["change"] == "removed"
    assert [each["published"] for each in (paused, changed, added, first)] == [1, 0, 0, 0]
    page = alice.get(pages).text
    assert page.index("Revision 4") < page.index("Revision 3") < page.index("Revision 2")
    for words in ("Notice paused", "API key Everything", "delay <del>3 s</del>", "<ins>5 s</ins>"):
        assert words in page
    assert page.count("Published now") == 1


def test_settings_are_part_of_a_revision(api, alice, acme):
    with alice.client.application.app_context(), tenancy.scope(acme.id):
        db.session.get_one(Site, acme.site_id).change(person_style="initial")
        db.session.commit()
    newest = api.revisions()[0]
    assert newest["cause"] == "Site changed"
    assert newest["changes"][0]["words"] == ["people are shown as First name → Initial"]


def test_a_thousand_revisions_come_in_pages_and_only_these_are_read(app, api, alice, pages, inside):
    with app.app_context(), tenancy.scope(api.acme.id):
        site = db.session.get_one(Site, api.acme.site_id)
        old = site.revision_number
        db.session.add_all(
            Revision(site_id=site.id, number=number, content={"campaigns": []}, change=number)
            for number in range(old + 1, 1001)
        )
        site.revision_number = 1000
        db.session.commit()
        engine = db.engine
    read = []

    def count(_connection, cursor, statement, *_rest):
        read.append(statement) if "revisions.content" in statement else None

    event.listen(engine, "after_cursor_execute", count)
    started = time.monotonic()
    page = alice.get(pages)
    elapsed = time.monotonic() - started
    event.remove(engine, "after_cursor_execute", count)
    assert elapsed < 1 and len(read) == 1 and "LIMIT" in read[0]
    assert "Revision 1000" in page.text and "Revision 980" not in page.text
    assert "Revision 980" in alice.get(f"{pages}?before=981").text
    seen, cursor = [], ""
    while cursor is not None:
        answer = api.send("GET", f"revisions?limit=100{cursor and '&cursor=' + cursor}")
        seen += [each["number"] for each in answer["data"]]
        cursor = answer["next_cursor"]
    assert seen == list(range(1000, 0, -1))


def test_any_two_revisions_can_be_compared(api, alice, pages):
    campaign = api.notice("One")
    for message in ("Two", "Three"):
        api.change(campaign, content={"message": message})
        api.status(campaign, "published")
    page = alice.get(f"{pages}/comparison?from=2&to=4").text
    assert "“One”" in page and "“Three”" in page and "“Two”" not in page
    assert "“Two”" in alice.get(f"{pages}/comparison").text
    assert "Visitors see the same" in alice.get(f"{pages}/comparison?from=3&to=3").text
    for query in ("from=99", "to=99", "from=x", "from=-1", "to=" + "9" * 40, "from=²"):
        assert alice.get(f"{pages}/comparison?{query}").status_code == 404, query


def test_text_of_members_stays_text(api, alice, pages):
    campaign = api.notice("<script>alert(1)</script>", name="<img src=x onerror=alert(1)>")
    api.change(campaign, content={"message": "<b hx-get=/x>{{7*7}}</b>"})
    api.status(campaign, "published")
    page = alice.get(pages).text
    assert "<script>alert" not in page and "<img src=x" not in page and "<b hx-get" not in page
    assert "&lt;script&gt;alert(1)" in page and "{{7*7}}" in page


# --- publishing what was changed -----------------------------------------------------------------


def test_all_changes_are_shown_and_published_as_one_revision(api, alice, pages):
    first, second = api.notice("One"), api.notice("Two", name="Other")
    draft = api.notice("Never seen", name="Draft", status="draft")
    for campaign in (first, second, draft):
        api.change(campaign, content={"message": "Changed"})
    before = api.revisions()[0]["number"]
    page = alice.get(pages).text
    assert "What publishing would change" in page and page.count("<ins>“Changed”</ins>") == 2
    assert alice.post(pages).status_code == 302
    newest, last = api.revisions("?limit=2")
    assert (newest["number"], last["number"]) == (before + 1, before)
    assert newest["cause"] == "All changes published" and newest["author"] == "Alice"
    assert api.shown() == {first: "Changed", second: "Changed"}
    assert "What publishing would change" not in alice.get(pages).text
    assert alice.post(pages).status_code == 302
    assert api.revisions()[0]["number"] == before + 1


def test_a_program_publishes_and_goes_back(api):
    campaign = api.notice("One")
    api.change(campaign, content={"message": "Two"})
    published = api.send("POST", "publication", {})
    assert published["number"] == 3 and published["published"]
    assert api.send("POST", "publication", {})["number"] == 3
    back = api.send("POST", "publication", {"revision": 2})
    assert back["number"] == 4 and back["cause"] == "Rolled back to revision 2"
    assert api.shown() == {campaign: "One"}
    api.send("POST", "publication", {"revision": 99}, 404)
    for bad in ({"revision": 0}, {"revision": "x"}, {"revision": 10**30}, {"number": 1}):
        api.send("POST", "publication", bad, 422)


# --- rolling back --------------------------------------------------------------------------------


def test_rolling_back_says_before_what_it_does_and_then_does_it(api, alice, pages, app, acme):
    changed, deleted = api.notice("One"), api.notice("Still here", name="Deleted")
    then = api.revisions()[0]["number"]
    api.change(changed, content={"message": "Two"})
    api.status(changed, "published")
    api.delete(deleted)
    later = api.notice("Later", name="Later")
    with app.app_context(), tenancy.scope(acme.id):
        db.session.get_one(Site, acme.site_id).change(k=9, person_style="someone")
        db.session.commit()
    before = api.revisions()[0]["number"]

    question = alice.get(f"{pages}/rollbacks?number={then}").text
    for words in (
        "<del>“Two”</del>",
        "<ins>“One”</ins>",
        "Deleted",
        "Later",
        "<del>9 people</del>",
    ):
        assert words in question, words
    assert api.revisions()[0]["number"] == before

    answer = alice.post(f"{pages}/rollbacks", {"number": then})
    assert answer.status_code == 302
    assert api.shown() == {changed: "One", deleted: "Still here"}
    newest = api.revisions()[0]
    assert newest["number"] == before + 1 and newest["cause"] == f"Rolled back to revision {then}"
    assert f"Rolled back to {then}" in alice.get(pages).text
    assert api.send("GET", f"/api/v1/campaigns/{deleted}")["status"] == "published"
    assert api.send("GET", f"/api/v1/campaigns/{later}")["status"] == "paused"
    restored = api.send("GET", f"/api/v1/campaigns/{changed}")
    assert restored["content"]["message"] == "One"
    with app.app_context(), tenancy.scope(acme.id):
        site = db.session.get_one(Site, acme.site_id)
        assert (site.k, site.person_style) == (5, "first_name")
        kept = {each.number: each.content for each in db.session.scalars(select(Revision))}
        assert kept[before + 1]["settings"] == kept[then]["settings"]
        by_id = [{c["id"]: c for c in kept[n]["campaigns"]} for n in (then, before + 1)]
        assert by_id[0] == by_id[1]
        told = db.session.scalars(select(AuditEntry).filter_by(action="revision.restored")).one()
        assert told.details["restored"] == then and told.actor_kind == "member"


def test_a_revision_from_before_settings_were_kept_can_be_gone_back_to(app, api, acme):
    campaign = api.notice("One")
    with app.app_context(), tenancy.scope(acme.id):
        revision = db.session.scalars(select(Revision).filter_by(number=2)).one()
        (old,) = revision.content["campaigns"]
        content = {"message": "Long ago", "position": "top"}
        old = {name: old[name] for name in ("id", "name", "format", "renderer")}
        revision.content = {"campaigns": [{**old, "content": content}]}
        revision.author_kind = revision.author_id = revision.cause = None
        db.session.get_one(Site, acme.site_id).change(k=7)
        db.session.commit()
    assert api.revisions()[1]["author"] == ""
    api.send("POST", "publication", {"revision": 2})
    assert api.shown() == {campaign: "Long ago"}
    with app.app_context(), tenancy.scope(acme.id):
        assert db.session.get_one(Site, acme.site_id).k == 7


def test_only_a_key_that_may_change_sites_takes_settings_back(app, api, client, acme):
    api.notice("One")
    made = api.send(
        "POST", "/api/v1/api-keys", {"name": "Half", "scopes": ["campaigns:write"]}, 201
    )
    with app.app_context(), tenancy.scope(acme.id):
        db.session.get_one(Site, acme.site_id).change(k=9)
        db.session.commit()
    half = {"Authorization": f"Bearer {made['secret']}"}
    refused = client.post(f"{api.site}/publication", json={"revision": 2}, headers=half)
    assert refused.status_code == 403
    assert refused.json["error"]["details"] == {"scope": "sites:write"}
    assert client.post(f"{api.site}/publication", json={}, headers=half).status_code == 200
    # What a revision did not keep yet is not taken back with it.
    with app.app_context(), tenancy.scope(acme.id):
        revision = db.session.scalars(select(Revision).filter_by(number=2)).one()
        kept = {**revision.content["settings"], "k": 9}
        del kept["mode"], kept["parameters"]
        revision.content = {**revision.content, "settings": kept}
        db.session.commit()
    again = client.post(f"{api.site}/publication", json={"revision": 2}, headers=half)
    assert again.status_code == 200, again.text


def test_two_who_go_back_at_once_leave_one_of_the_two_states(app, api, acme):
    """Each publication is a revision, and the last one is what the campaigns say."""
    campaign = api.notice("One")
    api.change(campaign, content={"message": "Two", "accent": "#000000"})
    api.status(campaign, "published")
    before = api.revisions()[0]["number"]

    def go_back(number):
        with app.app_context(), tenancy.scope(acme.id):
            site = db.session.get_one(Site, acme.site_id)
            revision = db.session.scalars(select(Revision).filter_by(number=number)).one()
            db.session.scalars(select(Campaign)).all()
            roll_back(site, revision)
            db.session.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(go_back, [2, 3] * 4))
    with app.app_context(), tenancy.scope(acme.id):
        site = db.session.get_one(Site, acme.site_id)
        assert site.revision_number == before + 8
        assert db.session.scalar(select(func.count(Revision.id))) == before + 8
        revisions = {each.number: each for each in db.session.scalars(select(Revision))}
        for number in range(before + 1, before + 9):
            kept = revisions[revisions[number].cause["number"]].content
            assert revisions[number].content == kept, number
        last = revisions[before + 8]
        draft = db.session.scalars(select(Campaign)).one()
        content = last.content["campaigns"][0]["content"]
        assert content == draft.content == draft.live["content"]
        assert (content["message"], content["accent"]) in [("One", "#2563eb"), ("Two", "#000000")]


def test_going_back_and_publishing_at_once_loses_neither(app, api, acme):
    campaigns = [api.notice(str(number), name=str(number)) for number in range(3)]
    before = api.revisions()[0]["number"]

    def act(turn):
        with app.app_context(), tenancy.scope(acme.id):
            if turn % 2:
                site = db.session.get_one(Site, acme.site_id)
                found = select(Revision).filter_by(number=before)
                roll_back(site, db.session.scalars(found).one())
            else:
                db.session.get_one(Campaign, UUID(campaigns[turn % 3])).publish()
            db.session.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(act, range(12)))
    assert api.revisions()[0]["number"] == before + 12
    assert set(api.shown()) == set(campaigns)


def test_open_pages_follow_within_two_seconds(program, acme):
    def send(method, path, body):
        address = f"{program.url}/api/v1/{path}"
        answer = requests.request(method, address, json=body, headers=acme.bearer, timeout=5)
        assert answer.status_code < 300, answer.text
        return answer.json()

    site = {"site_id": str(acme.site_id), "format": "notice", "status": "published"}
    campaign = send("POST", "campaigns", {**site, "name": "A", "content": {"message": "One"}})
    send("PATCH", f"campaigns/{campaign['id']}", {"content": {"message": "Two"}})
    send("POST", f"sites/{acme.site_id}/publication", {})
    address = program.url.replace("http", "ws") + "/widget/v1/ws"
    page = websocket.create_connection(address, origin=ORIGIN, timeout=5)
    page.send(json.dumps({"type": "join_widget", "site": acme.site_key}))
    joined = json.loads(page.recv())
    started = time.monotonic()
    send("POST", f"sites/{acme.site_id}/publication", {"revision": 2})
    frame = json.loads(page.recv())
    config = requests.get(f"{program.url}/widget/v1/config/{acme.site_key}", timeout=5).json()
    assert time.monotonic() - started < 2
    page.close()
    assert frame["type"] == "config" and frame["revision"] == joined["revision"] + 1
    assert [each["message"] for each in config["campaigns"]] == ["One"]


# --- who -----------------------------------------------------------------------------------------


def test_one_who_only_looks_sees_the_history_and_no_buttons(api, join, sign_in, pages):
    campaign = api.notice("One")
    api.change(campaign, content={"message": "Two"})
    api.status(campaign, "published")
    join("vera@acme.example", Role.VIEWER)
    vera = sign_in("vera@acme.example")
    page = vera.get(pages).text
    assert "Revision 3" in page and "Export" in page
    assert "Roll back" not in page and "Import" not in page and "Publish all" not in page
    assert vera.get(f"{pages}/rollbacks").status_code == 403
    assert vera.post(f"{pages}/rollbacks", {"number": 2}).status_code == 403


def test_a_site_of_somebody_else_has_no_publications(alice, acme, umbrella, client):
    theirs = f"/o/{acme.slug}/sites/{umbrella.site_id}/publications"
    for path in ("", "/comparison", "/rollbacks", "/export", "/imports", "/copies"):
        assert alice.get(theirs + path).status_code == 404, path
    mine = f"/o/{acme.slug}/sites/{acme.site_id}/publications"
    assert alice.get(f"{mine}/copies?target={umbrella.site_id}").status_code == 404
    taken = alice.post(f"{mine}/copies", {"target": umbrella.site_id})
    assert taken.status_code == 404
    assert "umbrella.example" not in alice.get(f"{mine}/copies?q=umbrella.example").text.replace(
        'value="umbrella.example"', ""
    ).replace("“umbrella.example”", "")
    for path in ("revisions", "configuration"):
        address = f"/api/v1/sites/{umbrella.site_id}/{path}"
        assert client.get(address, headers=acme.bearer).status_code == 404
