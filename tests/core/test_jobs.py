"""Jobs: JSON only, retried, set aside when hopeless; and life without Redis."""

from __future__ import annotations

import json
import time
import zlib

import pytest
import requests
import time_machine
from sqlalchemy import select

from app.core import bus, jobs, tenancy
from app.core.db import db
from app.core.ids import uuid7
from app.proof.models import Activity
from app.schedule import PERIODIC
from app.sources import jobs as source_jobs
from app.sources.models import InboundDelivery
from tests.services import Program
from tests.shops import shopify, shopify_order


def test_jobs_are_json(client, acme, app):
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", shopify_order()))
    with app.app_context():
        [job_id] = jobs.queue(jobs.DEFAULT).get_job_ids()
        data = bus.redis().hget(f"rq:job:{job_id}", "data")
    name, _, arguments, _ = json.loads(zlib.decompress(data))
    assert name == jobs.PERFORM and str(acme.id) in arguments


def test_every_periodic_job_runs(app, acme):
    jobs.use_app(app)
    for name in PERIODIC:
        jobs.perform_periodic(name)


def test_a_job_that_is_not_in_the_schedule_is_refused(app):
    jobs.use_app(app)
    with pytest.raises(LookupError):
        jobs.perform_periodic("os.system")


def test_a_lost_nudge_is_made_up_by_the_sweep(client, acme, app, inside, work):
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", shopify_order()))
    with app.app_context():
        bus.redis().flushall()
        source_jobs.sweep_deliveries()
        assert jobs.queue(jobs.DEFAULT).get_job_ids() == [], "it is too early to sweep"
    with time_machine.travel(time.time() + 20, tick=True), app.app_context():
        source_jobs.sweep_deliveries()
    work()
    with inside(acme):
        assert db.session.scalars(select(InboundDelivery.verdict)).all() == ["accepted"]
        assert len(db.session.scalars(select(Activity)).all()) == 1


def test_a_poisoned_delivery_is_set_aside_and_others_flow(client, acme, app, inside, work):
    for number in (1, 2):
        request = shopify(acme.secret, "orders/paid", shopify_order(number))
        client.post(f"/hooks/{acme.source_id}", **request)
    with inside(acme):
        first = db.session.scalars(select(InboundDelivery).order_by(InboundDelivery.id)).first()
        first.body_sealed = first.body_sealed[:-1] + b"x"  # nobody can open this any more
        db.session.commit()
    work()
    with time_machine.travel(time.time() + 700, tick=True), app.app_context():
        source_jobs.sweep_deliveries()
    with inside(acme):
        found = select(InboundDelivery).order_by(InboundDelivery.id)
        verdicts = [row.verdict for row in db.session.scalars(found)]
    assert verdicts == ["failed", "accepted"]


def test_a_job_of_another_tenant_finds_nothing(client, acme, umbrella, app, inside):
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", shopify_order()))
    with inside(acme):
        delivery_id = db.session.scalars(select(InboundDelivery.id)).one()
    jobs.use_app(app)
    name = source_jobs.process_delivery.name
    jobs.perform(name, str(umbrella.id), {"delivery_id": str(delivery_id)})
    with inside(acme):
        assert db.session.scalars(select(InboundDelivery.verdict)).one() == "pending"


def test_without_redis_a_delivery_is_acknowledged_kept_and_later_processed(
    app, acme, environ, inside, work
):
    alone = Program({**environ, "REDIS_URL": "unix:///nowhere/valkey.sock", "WEB_CONCURRENCY": "1"})
    alone.start("web")
    try:
        alone.wait()
        request = shopify(acme.secret, "orders/paid", shopify_order())
        answer = requests.post(f"{alone.url}/hooks/{acme.source_id}", timeout=5, **request)
        assert answer.status_code == 200
        assert requests.get(f"{alone.url}/w/{acme.site_key}.js", timeout=5).status_code == 200
        ready = requests.get(f"{alone.url}/health/ready", timeout=5)
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        page = requests.get(f"{alone.url}/sign-in", timeout=5)
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        closed = requests.post(
            f"{alone.url}/sign-in",
            timeout=5,
            cookies=page.cookies,
            data={"email": "alice@acme.example", "password": "x", "csrf_token": token},
        )
        assert closed.status_code == 503
    finally:
        alone.stop()
    with time_machine.travel(time.time() + 20, tick=True), app.app_context():
        source_jobs.sweep_deliveries()
    work()
    with inside(acme):
        assert db.session.scalars(select(InboundDelivery.verdict)).all() == ["accepted"]


def test_what_fails_twice_is_tried_again_and_then_kept_as_failed(app, acme, work):
    calls = []

    def break_down(**_ids):
        calls.append(1)
        raise RuntimeError("broken on purpose")

    broken = jobs.job(break_down)
    with app.app_context(), tenancy.scope(acme.id):
        broken.enqueue(thing_id=uuid7())
        db.session.commit()
    work()
    assert len(calls) == 1 + jobs.RETRIES
    with app.app_context():
        assert len(jobs.queue(jobs.DEFAULT).failed_job_registry.get_job_ids()) == 1
