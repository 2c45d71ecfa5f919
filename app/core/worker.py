"""One RQ worker: an ordinary process without gevent."""

from __future__ import annotations

from flask import Flask
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from app.core import jobs
from app.core.redis_client import connect


def run(app: Flask, *, burst: bool = False) -> None:
    """Do jobs until a signal; with `burst`, until there is none left.

    No fork for each job: a job here is milliseconds, and its own transaction isolates it.
    """
    jobs.use_app(app)
    connection = connect(app.extensions["candor_settings"].redis_url)
    with app.app_context():
        queues = [jobs.queue(name) for name in jobs.QUEUES]
    worker = SimpleWorker(queues, connection=connection, serializer=JSONSerializer)
    worker.work(burst=burst, logging_level="WARNING")
