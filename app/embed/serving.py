"""What a web worker does besides answering: it follows the bus, and says goodbye to its sockets."""

from __future__ import annotations

import time
from threading import Thread
from typing import Any

from flask import Flask

from app.core import bus
from app.core.migrations import check_walls

LOOK_EVERY = 0.2  # seconds


def start_worker(worker: Any) -> None:
    """Called in each worker after the fork."""
    app: Flask = worker.app.callable
    with app.app_context():
        check_walls()
        bus.begin()
    app.extensions["candor_subscriber"].start()
    hubs = [app.extensions[name] for name in ("candor_hub", "candor_watchers", "candor_desks")]
    Thread(target=_say_goodbye, args=(worker, hubs), daemon=True).start()


def _say_goodbye(worker: Any, hubs: list[Any]) -> None:
    """Close the sockets with 1012 once the worker is told to stop: they would keep it alive."""
    while worker.alive:
        time.sleep(LOOK_EVERY)
    for hub in hubs:
        hub.close_all()
