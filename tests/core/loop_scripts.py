"""What SQLite does to an event loop, run in a process of its own because it patches everything.

python -m tests.core.loop_scripts NAME DATABASE     prints one JSON object
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import multiprocessing  # noqa: E402
import sqlite3  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
from sqlalchemy import create_engine, text  # noqa: E402

from app.core import sqlite  # noqa: E402

WRITERS = 20
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) SELECT sum(i) FROM n"


def engine(path, factory):
    made = create_engine(
        f"sqlite:///{path}",
        pool_size=40,
        connect_args={"factory": factory, "check_same_thread": False, "isolation_level": None},
    )
    from sqlalchemy import event

    event.listen(made, "connect", lambda connection, _: sqlite.prepare(connection))
    return made


class Watch:
    """The longest time that the loop did not come round."""

    def __init__(self):
        self.longest, self._last = 0.0, time.monotonic()
        self._ticker = gevent.spawn(self._tick)

    def _tick(self):
        while True:
            gevent.sleep(0.005)
            moment = time.monotonic()
            self.longest = max(self.longest, moment - self._last)
            self._last = moment


def write(made, number, pause):
    with made.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
        gevent.sleep(pause)


def yielding_writers(path):
    made = engine(path, sqlite.GatedConnection)
    started = time.monotonic()
    done = gevent.joinall([gevent.spawn(write, made, n, 0.01) for n in range(WRITERS)], timeout=20)
    return {"done": sum(g.successful() for g in done), "seconds": time.monotonic() - started}


def hold_elsewhere(path, seconds, held):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    held.set()
    time.sleep(seconds)
    connection.execute("COMMIT")


def writers_behind_another_process(path):
    made = engine(path, sqlite.GatedConnection)
    held = multiprocessing.get_context("spawn").Event()
    other = multiprocessing.get_context("spawn").Process(
        target=hold_elsewhere, args=(path, 1.0, held)
    )
    other.start()
    while not held.is_set():
        gevent.sleep(0.01)
    watch = Watch()
    done = gevent.joinall([gevent.spawn(write, made, n, 0) for n in range(WRITERS)], timeout=20)
    other.join()
    return {"done": sum(g.successful() for g in done), "stall": watch.longest}


def long_reads(path):
    made = engine(path, sqlite.ReaderConnection)
    with made.connect() as connection:
        connection.execute(text("SELECT 1"))
    watch, started = Watch(), time.monotonic()

    def read():
        with made.connect() as connection:
            connection.execute(text(SLOW)).scalar_one()

    gevent.joinall([gevent.spawn(read) for _ in range(2)], timeout=60)
    return {"stall": watch.longest, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](sys.argv[2])))
