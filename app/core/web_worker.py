"""The web process: gunicorn's for gevent, which takes more than one new connection at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

# Of several processes each takes one a turn of its loop, says gunicorn, so that they share them
# evenly. When thousands come at once the turns are long, and those who wait to be let in would
# wait for as many turns as there are before them.
ACCEPTED_AT_ONCE = 16


class WebWorker(GeventWorker):
    def server_class(self, listener: Any, *, spawn: Pool, **_: Any) -> StreamServer:
        """Called by gunicorn for each listening socket."""
        server = StreamServer(listener, handle=partial(self.handle, listener), spawn=spawn)
        server.max_accept = ACCEPTED_AT_ONCE
        return server
