"""gunicorn's settings. The patch comes first, before anything else is imported."""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402

worker_class = "app.core.web_worker.WebWorker"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Sockets are capped below this (CANDOR_SOCKET_CAP), so that plain requests always have room.
worker_connections = int(os.environ.get("CANDOR_WORKER_CONNECTIONS", "4000"))
preload_app = True
reuse_port = True
control_socket_disable = True
# An idle connection of a browser holds up a stop for as long as this.
keepalive = 5
graceful_timeout = 15
timeout = 60
accesslog = None
errorlog = "-"
loglevel = "warning"
limit_request_line = 8190
forwarded_allow_ips = ""
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None

_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))


def when_ready(server):
    # What was loaded before the fork stays shared: the collector need not touch it.
    gc.collect()
    gc.freeze()


def post_worker_init(worker):
    from app.embed.serving import start_worker

    start_worker(worker)


def child_exit(server, worker):
    from prometheus_client import multiprocess

    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)
