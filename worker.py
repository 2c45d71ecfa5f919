"""One RQ worker: `python worker.py` or `candor worker`. An ordinary process without gevent."""

from rq import SimpleWorker
from rq.serializers import JSONSerializer

from app import create_app
from app.core import jobs, logs
from app.core.redis_client import connect


def main() -> None:
    logs.configure()
    app = create_app()
    jobs.use_app(app)
    with app.app_context():
        queues = [jobs.queue(name) for name in jobs.QUEUES]
        connection = connect(app.extensions["candor_settings"].redis_url)
        for queue in queues:
            queue.connection = connection
        # No fork for each job: a job here is milliseconds, and its own transaction isolates it.
        worker = SimpleWorker(queues, connection=connection, serializer=JSONSerializer)
        worker.work(logging_level="WARNING")


if __name__ == "__main__":
    main()
