"""One RQ worker: an ordinary process without gevent."""

from __future__ import annotations

import time

import structlog
from flask import Flask
from redis import Redis, RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from app.core import bus, jobs, turns
from app.core.migrations import check_walls
from app.core.redis_client import connect

PAUSE = 1.0
GRACE = 5.0  # seconds for turns to end when the worker is to stop; what they had is found again
PATIENCE = 60.0  # seconds for turns to end where the worker was to do all there is

log = structlog.get_logger()


def wait_for(connection: Redis) -> None:
    """RQ ends when Redis is away at its start; we wait, as for any other absence of Redis."""
    while True:
        try:
            connection.ping()
            return
        except (RedisError, OSError) as error:
            log.warning("worker_waits", error=str(error))
            time.sleep(PAUSE)


def run(app: Flask, *, burst: bool = False) -> None:
    """Do jobs until a signal; with `burst`, until there is none left.

    No fork for each job: a job here is milliseconds, and its own transaction isolates it.
    """
    jobs.use_app(app)
    connection = connect(app.extensions["candor_settings"].redis_url)
    wait_for(connection)
    with app.app_context():
        check_walls()
        bus.begin()
        queues = [jobs.queue(name) for name in jobs.QUEUES]
    worker = SimpleWorker(queues, connection=connection, serializer=JSONSerializer)
    worker.work(burst=burst, logging_level="WARNING")
    turns.finish_all(PATIENCE if burst else GRACE, stop=not burst)
