"""What the attacks need: one of everything that an organization can own, and what the tables hold."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.engine import Engine

from app.accounts.models import Member, User
from app.accounts.permissions import Role
from app.analytics import archives
from app.analytics.filters import read_filters
from app.analytics.models import (
    Alert,
    Annotation,
    Archive,
    Report,
    ReportRecipient,
    ReportSending,
    Segment,
    SharedLink,
    Wanted,
)
from app.analytics.models.alert import Watched
from app.analytics.rollups import roll_up
from app.campaigns.models import Image
from app.chat.files import Upload
from app.chat.models import (
    CannedReply,
    ChatSettings,
    Conversation,
    Guest,
    Label,
    Surroundings,
)
from app.commerce.models import Order, Refund
from app.core import clock, mail, migrations, tenancy
from app.core.db import Base, create_engine, db, system
from app.core.pictures import Picture
from app.core.ratelimit import limiter
from app.embed.sightings import Place, Seen, write
from app.proof.imports import Import
from app.proof.opt_outs import OptOut
from app.sites.models import Site
from app.sources.inspector import Filter
from app.sources.models import InboundDelivery, Source
from app.sources.processing import process
from app.sources.replays import Replay, ReplayRange
from app.support.models import Ticket
from app.tracking.models import Quarantined, Session
from app.webhooks.log import Filter as Log
from app.webhooks.models import Endpoint, Outcome, ToldEvents
from app.webhooks.outbox import write_test
from app.webhooks.redeliveries import Redelivery
from app.wiring import create_app
from tests.conftest import Tenant, _empty, disconnect, found
from tests.shops import shopify, shopify_order, shopify_refund
from tests.visits import FIREFOX, event, send

POSTGRES = os.environ.get("CANDOR_TEST_DATABASE", "sqlite") == "postgres"
# Written whenever somebody is let in.
TOUCHED = {("api_keys", "last_used_at")}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of what only Postgres has (roles, row-level security) are not there on SQLite."""
    if POSTGRES:
        return
    absent = [item for item in items if "postgres" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=absent)
    items[:] = [item for item in items if item not in absent]


@dataclass(frozen=True)
class Belongings:
    """The ids of one of everything that an organization owns."""

    slug: str
    site_id: UUID | str
    site_key: str
    source_id: UUID | str
    removable_id: UUID | str
    campaign_id: UUID | str
    notice_id: UUID | str
    activity_id: UUID | str
    delivery_id: UUID | str
    key_id: UUID | str
    member_id: UUID | str
    removable_member_id: UUID | str
    other_member_id: UUID | str
    invitation_id: UUID | str
    organization_id: UUID | str
    receipt: str
    order_id: UUID | str
    refund_id: UUID | str
    range_id: UUID | str
    import_id: UUID | str
    done_import_id: UUID | str
    spare_import_id: UUID | str
    opt_out: str
    session_id: UUID | str
    goal_id: UUID | str
    spare_goal_id: UUID | str
    funnel_id: UUID | str
    spare_funnel_id: UUID | str
    segment_id: UUID | str
    spare_segment_id: UUID | str
    link_id: UUID | str
    shared: str
    report_id: UUID | str
    spare_report_id: UUID | str
    recipient_id: UUID | str
    alert_id: UUID | str
    annotation_id: UUID | str
    spare_annotation_id: UUID | str
    suspect_id: UUID | str  # an event of a bot
    endpoint_id: UUID | str
    spare_endpoint_id: UUID | str
    outgoing_id: UUID | str
    redelivery_id: UUID | str
    conversation_id: UUID | str
    ticket_id: UUID | str
    label_id: UUID | str
    reply_id: UUID | str
    contact_id: UUID | str
    archive_id: UUID | str
    spare_archive_id: UUID | str
    # A second site, where it is needed.
    spare_site_id: UUID | str = ""

    def ids(self) -> list[str]:
        """Everything by which a stranger could recognise it."""
        return [str(value) for value in vars(self).values() if value]


def missing(like: Belongings) -> Belongings:
    """Ids that nothing has, of an organization that does not exist."""
    fresh = {name: str(uuid4()) for name in vars(like) if name.endswith("_id")}
    return Belongings(**{**vars(like), **fresh, "slug": "nobody-000000", "receipt": "0" * 32})


def furnish(app: Any, tenant: Tenant, mark: str) -> Belongings:
    """One of everything, made through the interfaces that make it. `mark` is in every name."""
    client = app.test_client()

    def post(path: str, body: dict[str, Any]) -> Any:
        headers = {**tenant.bearer, "Idempotency-Key": f"{mark} {path}"}
        answer = client.post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json

    site = {"site_id": str(tenant.site_id)}
    removable = post("/sources", {**site, "kind": "custom", "name": f"{mark} shop"})
    campaign = post(
        "/campaigns",
        {
            **site,
            "name": f"{mark} campaign",
            "format": "recent_activity",
            "content": {"template": f"{mark}: {{{{first_name}}}} bought {{{{product}}}}"},
            "status": "published",
        },
    )
    notice = client.post(
        "/api/v1/campaigns",
        json={
            **site,
            "name": f"{mark} notice",
            "format": "image_card",
            "content": {"title": f"{mark} title", "link": {"url": "https://shop.example/"}},
        },
        headers=tenant.bearer,
    ).json
    activity = post(
        "/activities",
        {
            **site,
            "type": "purchase",
            "person": {"first_name": mark, "email": f"{mark}@customers.example"},
            "place": {"city": f"{mark} town", "country": "FR"},
            "product": {"name": f"{mark} tea"},
        },
    )
    key = post("/api-keys", {"name": f"{mark} key", "scopes": ["sites:read"]})
    invitation = post("/invitations", {"email": f"{mark}@members.example", "role": "viewer"})
    for topic, payload in (("orders/paid", shopify_order()), ("refunds/create", shopify_refund())):
        request = shopify(tenant.secret, topic, payload)
        assert client.post(f"/hooks/{tenant.source_id}", **request).status_code == 200
    _visit(client, tenant, mark)
    goals, funnels = _wanted(client, tenant, mark)
    with app.app_context(), tenancy.scope(tenant.id):
        # In the order in which they came: a refund that is read first leaves no activity.
        waiting = select(InboundDelivery).filter_by(verdict="pending")
        for delivery in db.session.scalars(waiting.order_by(InboundDelivery.received_at)):
            process(delivery)
        mail.send(f"{mark}@members.example", f"{mark} mail", mark)
        Image.keep(db.session.get_one(Site, tenant.site_id), Picture(mark.encode(), 1, 1))
        joined = [
            Member.join(
                User.register(email=f"{mark}@{each}.example", name=mark, password="not guessed"),
                Role.VIEWER,
            ).id
            for each in ("one", "two")
        ]
        imports = [_import(tenant, mark) for _ in range(3)]
        imports[1].state = "done"
        begun = ReplayRange.begin(Filter(verdict="accepted"))
        begun.finish()
        taken = db.session.scalars(select(InboundDelivery).filter_by(verdict="accepted"))
        Replay.of(taken.first())  # type: ignore[arg-type]
        OptOut.remember(os.urandom(16))
        imports, range_id = [each.id for each in imports], begun.id
        kept = keep(db.session.get_one(Site, tenant.site_id), mark)
        told = listen(db.session.get_one(Site, tenant.site_id), mark)
        kept |= talk(db.session.get_one(Site, tenant.site_id), mark)
        db.session.commit()
        roll_up(db.session.get_one(Site, tenant.site_id), at_once=True)
        told |= archive(db.session.get_one(Site, tenant.site_id))
        db.session.commit()
    with app.app_context(), system() as connection:
        seen = Seen(tenant.id, False, clock.now())
        write(connection, {Place(tenant.site_id, f"{mark.lower()}.example"): seen})
    with app.app_context(), tenancy.scope(tenant.id):
        deliveries = select(InboundDelivery.id).order_by(InboundDelivery.id)
        return Belongings(
            slug=tenant.slug,
            site_id=tenant.site_id,
            site_key=tenant.site_key,
            source_id=tenant.source_id,
            removable_id=removable["id"],
            campaign_id=campaign["id"],
            notice_id=notice["id"],
            activity_id=activity["id"],
            delivery_id=db.session.scalars(deliveries).first(),
            key_id=key["id"],
            member_id=db.session.scalars(select(Member.id).filter_by(role="owner")).one(),
            removable_member_id=joined[0],
            other_member_id=joined[1],
            invitation_id=invitation["id"],
            organization_id=tenant.id,
            receipt=activity["receipt"],
            order_id=db.session.scalars(select(Order.id)).first(),
            refund_id=db.session.scalars(select(Refund.id)).first(),
            range_id=range_id,
            import_id=imports[0],
            done_import_id=imports[1],
            spare_import_id=imports[2],
            opt_out=activity["opt_out_url"].rpartition("/")[2],
            session_id=db.session.scalars(select(Session.id)).one(),
            goal_id=goals[0],
            spare_goal_id=goals[1],
            funnel_id=funnels[0],
            spare_funnel_id=funnels[1],
            **kept,
            suspect_id=db.session.scalars(select(Quarantined.id)).one(),
            **told,
        )


def _visit(client: Any, tenant: Tenant, mark: str) -> None:
    """A visitor's page views, one that is refused, and a bot's."""
    for browser in (FIREFOX, f"{mark}-bot/1.0"):
        seen = event(tenant, f"/{mark}", title=f"{mark} page", props={"tea": mark})
        send(client, tenant, seen, {**seen, "id": "none"}, browser=browser)


def _wanted(client: Any, tenant: Tenant, mark: str) -> tuple[list[str], list[str]]:
    """Two goals and two funnels: there are two ways of deleting each."""
    site = {"site_id": str(tenant.site_id)}
    goal = {**site, "name": f"{mark} goal", "kind": "page", "match": f"/{mark}"}
    steps = [{"kind": "page", "match": f"/{mark}"}, {"kind": "order"}]
    funnel = {**site, "name": f"{mark} funnel", "steps": steps}
    made = [
        client.post(f"/api/v1/{path}", json=body, headers=tenant.bearer).json["id"]
        for path, body in (
            ("goals", goal),
            ("goals", goal),
            ("funnels", funnel),
            ("funnels", funnel),
        )
    ]
    return made[:2], made[2:]


def keep(site: Site, mark: str) -> dict[str, Any]:
    """What members keep of a site's figures; two of what there are two ways of deleting."""
    filters = read_filters(["page:contains:/"])
    wanted = Wanted(["visitors", "sessions"], ["page"], filters, "30d")
    segments = [Segment.save(site, f"{mark} {number}", filters) for number in range(2)]
    link, token = SharedLink.issue(site, mark, filters)
    reports = [Report.create(site, mark, wanted) for _ in range(2)]
    owner = db.session.scalars(select(Member).filter_by(role="owner")).one()
    recipient = ReportRecipient.add_member(reports[0], owner)
    alert = Alert.create(site, Watched("visitors", "spike", "hour", 100, 5), [owner])
    alert.fire(0, 10, 5)
    annotations = [Annotation.write(site, date(2026, 1, 2), mark) for _ in range(2)]
    db.session.add(
        ReportSending(report_id=reports[0].id, due_at=clock.now(), created_at=clock.now())
    )
    return {
        "segment_id": segments[0].id,
        "spare_segment_id": segments[1].id,
        "link_id": link.id,
        "shared": token,
        "report_id": reports[0].id,
        "spare_report_id": reports[1].id,
        "recipient_id": recipient.id,
        "alert_id": alert.id,
        "annotation_id": annotations[0].id,
        "spare_annotation_id": annotations[1].id,
    }


def listen(site: Site, mark: str) -> dict[str, Any]:
    """Programs that are told; two, for there are two ways of deleting one. At an address that is
    public and asks no name server."""
    first, spare = (
        Endpoint.create(
            f"https://93.184.215.14/{quote(mark)}", ["order.created"], site, mark, {"X-Key": "k"}
        )
        for _ in range(2)
    )
    delivery = write_test(first, "order.created")
    again = write_test(first, "order.created")
    for each in (delivery, again):
        outcome = Outcome(clock.now(), 5, {"webhook-id": mark}, 500, {"x-y": mark}, mark.encode())
        each.record(replace(outcome, final=True), each.next_attempt_at)
    db.session.flush()
    begun = Redelivery.begin(first, Log(endpoint_id=first.id))
    db.session.refresh(delivery)
    delivery.record(Outcome(clock.now(), 5, status=204), delivery.next_attempt_at)
    ToldEvents.begin(first.id, site.id, 0).tell([uuid4()], seq=1, ready_at=0)
    return {
        "endpoint_id": first.id,
        "spare_endpoint_id": spare.id,
        "outgoing_id": delivery.id,
        "redelivery_id": begun.id,
    }


def talk(site: Site, mark: str) -> dict[str, Any]:
    """A conversation in which everything was said, with a label and a canned reply."""
    ChatSettings.of(site.id).change(site, on=True, texts={"en": {"greeting": mark}})
    page = {"url": f"https://shop.example/{mark}", "title": mark}
    around = Surroundings(None, None, page, {"source": mark}, mark, None, "FR", mark, "en")
    guest = Guest.arrive(site.id, around)
    guest.introduce(name=mark, email="guest@customers.example")
    owner = db.session.scalars(select(Member).filter_by(role="owner")).one()
    conversation = Conversation.begin(guest, around, None)
    conversation.hear(f"{mark} asks", upload=Upload(f"{mark}.txt", "text/plain", mark.encode()))
    conversation.reply(owner, f"{mark} answers")
    conversation.note(owner, f"{mark} remarks")
    label, reply = Label.create(mark[:30]), CannedReply.create("hello", f"{mark} {{{{name}}}}")
    conversation.label([label], by=owner)
    conversation.rate(4, f"{mark} comments")
    email = "guest@customers.example"
    ticket, _ = Ticket.open(site.id, text=mark, email=email, conversation_id=conversation.id)
    ticket.change(state="open", priority="high", assignee=owner)
    return {
        "conversation_id": conversation.id,
        "label_id": label.id,
        "reply_id": reply.id,
        "ticket_id": ticket.id,
        "contact_id": guest.contact_id,
    }


def archive(site: Site) -> dict[str, Any]:
    """Two files of raw rows: one of them is deleted."""
    ids = []
    for _ in range(2):
        written = archives.write(site, clock.milliseconds() + 86_400_000)
        assert written is not None
        db.session.add(Archive(**written.values(), dropped_at=clock.now()))
        ids.append(written.id)
    return {"archive_id": ids[0], "spare_archive_id": ids[1]}


def _import(tenant: Tenant, mark: str) -> Import:
    """A table that waits to be confirmed."""
    site = db.session.get_one(Site, tenant.site_id)
    table = f"date,product\n2026-01-05,{mark} tea\n"
    return Import.receive(site, f"{mark}.csv", table.encode(), "purchase")


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """No coloured tracebacks with every local variable: they take longer than the attack."""
    structlog.configure(processors=[structlog.processors.JSONRenderer(default=repr)])
    yield
    structlog.reset_defaults()


@pytest.fixture
def owner(app: Any) -> Iterator[Engine]:
    """The login that owns the tables and sees every row."""
    engine = create_engine(app.extensions["candor_settings"], role=None)
    yield engine
    engine.dispose()


@pytest.fixture
def rows(owner: Engine) -> Callable[..., dict[str, list[Any]]]:
    """What the tables of tenants hold: of one organization, or of all."""

    def read(organization_id: UUID | None = None) -> dict[str, list[Any]]:
        found = {}
        with owner.connect() as connection:
            for table in Base.metadata.sorted_tables:
                column = tenancy.tenant_column(table)
                if column is None:
                    continue
                kept = [c for c in table.c if (table.name, c.name) not in TOUCHED]
                statement = select(*kept).order_by(*table.primary_key.columns)
                if organization_id:
                    statement = statement.where(table.c[column] == organization_id)
                found[table.name] = [tuple(row) for row in connection.execute(statement)]
        return found

    return read


@pytest.fixture
def postgres(app: Any) -> Any:
    """The application, for tests of what only Postgres has."""
    return app


@pytest.fixture
def spare_app(app: Any) -> Iterator[Callable[..., Any]]:
    """Another application on the same database, with other settings; `routes` is given it before
    its first request."""
    made = []
    # There is one limiter, and it follows the newest application's Redis.
    limits = vars(limiter).copy()

    def create(routes: Callable[[Any], None] | None = None, **settings: Any) -> Any:
        another = create_app(replace(app.extensions["candor_settings"], **settings))
        if routes is not None:
            routes(another)
        made.append(another)
        return another

    yield create
    vars(limiter).update(limits)
    tenancy.leave()
    for another in made:
        disconnect(another)


@pytest.fixture(scope="session")
def _twin(_app: Any) -> Iterator[Any]:
    with tempfile.TemporaryDirectory(prefix="candor-twin-") as folder:
        settings = replace(
            _app.extensions["candor_settings"],
            data=Path(folder),
            database_url=f"sqlite:///{folder}/candor.db",
            chain_heads=Path(folder) / "chain-heads.log",
        )
        twin = create_app(settings)
        with twin.app_context():
            migrations.migrate()
        yield twin
        disconnect(twin)


@pytest.fixture
def twins(app: Any, request: pytest.FixtureRequest) -> Iterator[list[Any]]:
    """The application on each database that there is: on Postgres, SQLite besides."""
    if not POSTGRES:
        yield [app]
        return
    twin = request.getfixturevalue("_twin")
    yield [app, twin]
    tenancy.leave()
    with twin.app_context():
        _empty(twin)


def settle(app: Any, name: str = "Acme", owner: str = "alice@acme.example") -> Tenant:
    """An organization in an application of one's own."""
    with app.app_context():
        return found(name, owner, "shop.acme.example")


def source_of_kind(
    app: Any, tenant: Tenant, kind: str, mapping: dict[str, str] | None = None
) -> tuple[UUID, str]:
    """Another source of the tenant's site: its id and secret."""
    with app.app_context(), tenancy.scope(tenant.id):
        site = db.session.get_one(Site, tenant.site_id)
        source = Source.connect(site, kind, kind, mapping=mapping)
        db.session.commit()
        return source.id, source.secret or ""


def tell(connection: Any, organization_id: UUID) -> None:
    """Do on a raw connection what the session does: say whose rows these are."""
    setting = text("SELECT set_config('candor.organizations', :ids, true)")
    connection.execute(setting, {"ids": f"{{{organization_id}}}"})
