"""The widget's side of the server, as small as it can be, so that the widget can be tested alone."""

import contextlib
import json
import socket as socket_module
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed
from werkzeug.serving import WSGIRequestHandler, make_server

STATIC = Path(__file__).parents[2] / "static" / "widget"
KEY = "st_test"

ACTIVITIES = {
    "id": "c-activity", "format": "recent_activity", "renderer": "bubble", "position": "bottom-left",
    "delay": 0, "duration": 0, "gap": 0, "theme": "light", "accent": "#2563eb", "closable": True,
}  # fmt: skip
NOTICE = {
    "id": "c-notice", "format": "notice", "renderer": "bar", "position": "top", "delay": 0, "duration": 0, "gap": 0,
    "theme": "light", "accent": "#0f766e", "closable": True, "tone": "info", "message": "Free shipping this week",
    "link": {"url": "https://shop.example/shipping", "label": "How it works"},
}  # fmt: skip

HOST_PAGE = """<!doctype html><html lang=en {html}><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Shop</title>{head}<body>{body}<main><h1>A shop</h1><p id=proof>Wool socks, 12 euros.</p><button>Buy</button></main>
{snippet}"""


class QuietHandler(WSGIRequestHandler):
    def log(self, *args):
        pass


class StandIn:
    def __init__(self):
        self.reset()
        self.server = make_server(
            "127.0.0.1", 0, self._app(), threaded=True, request_handler=QuietHandler
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = f"http://127.0.0.1:{self.server.port}"
        # Another origin than the host's, as on a customer's site.
        self.page_url = f"http://localhost:{self.server.port}/"

    def reset(self):
        self.sockets, self.reads, self.joins, self.seen = [], [], [], []
        self.changes, self.closing = [], {}
        self.campaigns = [dict(ACTIVITIES)]
        self.mode, self.revision = "anonymous", 1
        self.socket_open, self.status, self.slow = True, 200, 0
        self.html, self.head, self.body, self.page_headers = "", "", "", {}
        self.snippets = 1

    def stop(self):
        self.server.shutdown()

    # What the server's own people would do.

    def happen(
        self,
        id,
        message="Someone bought socks",
        minutes=2,
        campaign="c-activity",
        push=True,
        **more,
    ):
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        data = {"id": id, "campaign": campaign, "type": "purchase", "message": message,
                "timestamp": at.isoformat(), "receipt": f"r-{id}", **more}  # fmt: skip
        self.changes.append({"data": data})
        if push:
            self.push({"type": "notification", "cursor": len(self.changes), "data": data})

    def retract(self, id, push=True):
        self.changes.append({"retracted": id})
        if push:
            self.push({"type": "retract", "cursor": len(self.changes), "activity": id})

    def publish(self, campaigns, push=True):
        self.campaigns, self.revision = campaigns, self.revision + 1
        if push:
            self.push({"type": "config", "cursor": len(self.changes), "revision": self.revision})

    def push(self, frame):
        for ws in list(self.sockets):
            with contextlib.suppress(ConnectionClosed):
                ws.send(json.dumps(frame))

    def drop_sockets(self, code=1012):
        self.closing.update(dict.fromkeys(self.sockets, code))
        self.sockets.clear()

    def wait_for(self, what, seconds=5):
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    # What the widget sees.

    @property
    def config(self):
        manifest = json.loads((STATIC / "manifest.json").read_text())
        return {"site": KEY, "host": self.host, "core": f"{self.host}/static/widget/{manifest['core']}",
                "revision": self.revision, "locale": "en", "mode": self.mode, "campaigns": self.campaigns}  # fmt: skip

    def loader(self):
        source = (STATIC / "loader.js").read_text()
        return source.replace('"__CANDOR_CONFIG__"', json.dumps(self.config))

    def list(self, after):
        cursor = len(self.changes)
        changes = self.changes[after or 0 : cursor]
        gone = [change["retracted"] for change in self.changes if "retracted" in change]
        items = [
            change["data"]
            for change in changes
            if "data" in change and change["data"]["id"] not in gone
        ]
        return {
            "notifications": items[::-1],
            "retracted": []
            if after is None
            else [c["retracted"] for c in changes if "retracted" in c],
            "revision": self.revision,
            "live": {"visitors": 1},
            "cursor": cursor,
        }

    def _app(self):
        app = Flask("stand_in", static_folder=None)
        sock = Sock(app)

        @app.before_request
        def misbehave():
            if request.path.startswith(("/w/", "/static/", "/widget/")):
                self.seen.append(request.full_path)
                time.sleep(self.slow)
                if self.status != 200:
                    return Response("", self.status, {"Access-Control-Allow-Origin": "*"})
            return None

        @app.get("/")
        def page():
            snippet = f'<script async src="{self.host}/w/{KEY}.js"></script>' * self.snippets
            text = HOST_PAGE.format(html=self.html, head=self.head, body=self.body, snippet=snippet)
            return Response(text, 200, {"Content-Type": "text/html", **self.page_headers})

        @app.get("/other")
        def other():
            return Response(
                "<!doctype html><title>Other</title>", 200, {"Content-Type": "text/html"}
            )

        @app.get(f"/w/{KEY}.js")
        def loader():
            return Response(self.loader(), 200, {"Content-Type": "text/javascript"})

        @app.get("/static/widget/<name>")
        def core(name):
            return Response((STATIC / name).read_text(), 200, {"Content-Type": "text/javascript"})

        @app.get(f"/widget/v1/config/{KEY}")
        def config():
            return self.config, 200, {"Access-Control-Allow-Origin": "*"}

        @app.get(f"/widget/v1/notifications/{KEY}")
        def notifications():
            after = request.args.get("after", type=int)
            self.reads.append(after)
            return self.list(after), 200, {"Access-Control-Allow-Origin": "*"}

        @app.get("/favicon.ico")
        def favicon():
            return "", 204

        @sock.route("/widget/v1/ws")
        def socket(ws):
            if not self.socket_open:
                ws.close(1013)
                return
            sockets = (
                self.sockets
            )  # of this test, not of the one that may have begun when the greeting is in
            self.joins.append(json.loads(ws.receive()))
            ws.send(
                json.dumps(
                    {
                        "type": "joined",
                        "visitor": "token-1",
                        "context": {},
                        "cursor": len(self.changes),
                    }
                )
            )
            sockets.append(ws)
            while ws not in self.closing:
                ws.receive(timeout=0.02)
            ws.close(self.closing[ws])
            # The code arrives only if the other side can answer it, and if no HTTP response follows on the same wire.
            time.sleep(0.05)
            with contextlib.suppress(OSError):
                ws.sock.shutdown(socket_module.SHUT_RDWR)

        return app
