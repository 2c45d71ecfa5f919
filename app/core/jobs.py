"""Work after the answer: RQ, JSON only, the tenant carried along, retried.

A job is a nudge: it carries ids of rows that already say what is to be done, so it may be lost,
doubled or late. What must not be lost is a row, and a periodic sweep nudges again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from uuid import UUID

import structlog
from flask import Flask, current_app
from rq import Queue, Retry
from rq.serializers import JSONSerializer

from app.core import bus, tenancy
from app.core.db import after_commit, db
from app.schedule import PERIODIC

DEFAULT, SCHEDULED = "default", "scheduled"
QUEUES = (DEFAULT, SCHEDULED)
TIMEOUT = 60
KEPT_FAILURES = 7 * 86_400
RETRIES = 2  # at once; a sweep is what comes back later
PERFORM = "app.core.jobs.perform"

log = structlog.get_logger()


@dataclass(frozen=True)
class Job:
    """A function that a worker runs inside the tenant it was enqueued for."""

    name: str
    function: Callable[..., None]

    def enqueue(self, **ids: UUID | str) -> None:
        """Nudge a worker once the current transaction is on disk."""
        organization_id = str(tenancy.current_organization_id())
        arguments = {name: str(value) for name, value in ids.items()}
        after_commit(lambda: self.nudge(organization_id, arguments))

    def nudge(self, organization_id: str, arguments: dict[str, str]) -> None:
        queue(DEFAULT).enqueue(
            PERFORM,
            self.name,
            organization_id,
            arguments,
            job_timeout=TIMEOUT,
            retry=Retry(max=RETRIES),
            result_ttl=0,
            failure_ttl=KEPT_FAILURES,
        )


_jobs: dict[str, Job] = {}


def job(function: Callable[..., None]) -> Job:
    """Make a function of ids a job: `remember.enqueue(order_id=…)`."""
    name = f"{function.__module__}.{function.__name__}"
    _jobs[name] = Job(name, function)
    return _jobs[name]


def queue(name: str) -> Queue:
    return Queue(name, connection=bus.redis(), serializer=JSONSerializer)


def perform(name: str, organization_id: str, arguments: dict[str, str]) -> None:
    """What RQ calls in the worker: one job, one tenant, one transaction."""
    with _inside_app(), tenancy.scope(UUID(organization_id)):
        _jobs[name].function(**arguments)
        db.session.commit()


def perform_periodic(name: str) -> None:
    """What RQ calls for a job of app/schedule.py. It works for no tenant until it enters one."""
    if name not in PERIODIC:
        raise LookupError(f"{name} is not in the schedule")
    module, _, function = name.rpartition(".")
    with _inside_app():
        getattr(import_module(module), function)()


def once(name: str, seconds: int) -> bool:
    """Whether this is the first time within so many seconds, or since it was let come `again`.
    Raises RedisError."""
    return bool(bus.redis().set(key_of(name), 1, nx=True, ex=seconds))


def again(name: str) -> None:
    """Raises RedisError."""
    bus.redis().delete(key_of(name))


def key_of(name: str) -> str:
    """Where Redis keeps that something was done once."""
    return f"{bus.PREFIX}once:{name}"


@contextmanager
def _inside_app() -> Iterator[None]:
    with worker_app().app_context():
        try:
            yield
        finally:
            db.session.remove()


_worker_app: Flask | None = None


def worker_app() -> Flask:
    if _worker_app is None:
        return current_app._get_current_object()  # type: ignore[attr-defined]
    return _worker_app


def use_app(app: Flask) -> None:
    """Tell this worker process which application its jobs belong to."""
    global _worker_app
    _worker_app = app
