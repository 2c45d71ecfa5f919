"""The clock of the process tree: enqueues what app/schedule.py lists, and nothing else.

It imports no feature, so that it stays small. Several of them may run: for each tick of a job
the first one to write its key in Redis enqueues it.
"""

from __future__ import annotations

import sys
import time

from redis import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from app.core.redis_client import connect
from app.schedule import PERIODIC

SCHEDULED = "scheduled"
PERFORM = "app.core.jobs.perform_periodic"
TIMEOUT = 600  # seconds
KEPT_FAILURES = 7 * 86_400


def run(redis_url: str) -> None:
    """Blocks for ever. Without Redis it waits; nothing is lost, only late."""
    queue = Queue(SCHEDULED, connection=connect(redis_url), serializer=JSONSerializer)
    while True:
        moment = time.time()
        try:
            for name, seconds in PERIODIC.items():
                _enqueue_once(queue, name, seconds, int(moment // seconds))
        except (RedisError, OSError) as error:
            print(f'{{"event": "cron_waits", "error": "{type(error).__name__}"}}', file=sys.stderr)
        time.sleep(1.0)


def _enqueue_once(queue: Queue, name: str, seconds: int, tick: int) -> None:
    if queue.connection.set(f"candor:cron:{name}:{tick}", 1, nx=True, ex=seconds * 3):
        queue.enqueue(PERFORM, name, job_timeout=TIMEOUT, result_ttl=0, failure_ttl=KEPT_FAILURES)
