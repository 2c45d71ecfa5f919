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

from app.embed.loader import has_more

STATIC = Path(__file__).parents[2] / "static" / "widget"
KEY = "st_test"
STAR = "M12 4l2 6h6l-5 4 2 6-5-4-5 4 2-6-5-4h6z"
CHAT = "M4 5h16v11h-9l-4 4v-4H4z"

ACTIVITIES = {
    "id": "c-activity", "format": "recent_activity", "renderer": "bubble", "position": "bottom-left",
    "duration": 0, "gap": 0, "theme": "light", "accent": "#2563eb", "closable": True,
}  # fmt: skip
NOTICE = {
    "id": "c-notice", "format": "notice", "renderer": "bar", "position": "top", "duration": 0, "gap": 0,
    "theme": "light", "accent": "#0f766e", "closable": True, "tone": "info", "message": "Free shipping this week",
    "link": {"url": "https://shop.example/shipping", "label": "How it works"},
}  # fmt: skip

CARD = {
    "id": "c-card", "format": "coupon", "renderer": "card", "position": "bottom-right", "duration": 0, "gap": 0,
    "theme": "light", "accent": "#2563eb", "closable": True, "title": "A gift for you",
    "message": "Ten percent off your first order.", "coupon": "WELCOME10",
    "link": {"url": "https://shop.example/all", "label": "Start shopping"},
}  # fmt: skip
MODAL = {
    **CARD,
    "id": "c-modal",
    "renderer": "modal",
    "position": "center",
    "title": "Before you go",
}
BUTTON = {
    "id": "c-button", "format": "contact", "renderer": "button", "position": "bottom-right", "duration": 0, "gap": 0,
    "theme": "light", "accent": "#15803d", "closable": False, "icon": "chat",
    "link": {"url": "https://wa.me/12345", "label": "Chat with us"},
}  # fmt: skip
RATING = {**ACTIVITIES, "id": "c-rating", "format": "rating_summary", "icon": "star"}

PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 320"><rect width="640" height="320" fill="#d9e7dd"/>
<circle cx="320" cy="420" r="260" fill="#7fae8c"/><circle cx="470" cy="90" r="40" fill="#f4c95d"/></svg>"""

HOST_PAGE = """<!doctype html><html lang=en {html}><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Shop</title>{head}<body>{body}<main><h1>A shop</h1><p id=proof>Wool socks, 12 euros.</p><button>Buy</button></main>
{snippet}"""


class QuietHandler(WSGIRequestHandler):
    def log(self, *args):
        pass


class StandIn:
    """Of one test: what the page of another still asks for goes to another address."""

    def __init__(self):
        # A socket with its greeting, so that whoever sees the one sees the other.
        self.greeted, self.reads, self.seen = [], [], []
        self.changes, self.closing = [], {}
        self.campaigns = [dict(ACTIVITIES)]
        self.mode, self.revision = "anonymous", 1
        self.names_revision = True  # in the greeting, which is promised without it
        self.socket_open, self.status = True, 200
        self.troubled = ""  # the paths that the status is for
        self.held, self.let_go = None, threading.Event()
        self.extra, self.summaries, self.context = {}, [], {"seen": {}}
        self.calls, self.answers = [], []
        self.html, self.head, self.body, self.page_headers = "", "", "", {}
        self.snippets, self.token = 1, "token-1"
        self.server = make_server(
            "127.0.0.1", 0, self._app(), threaded=True, request_handler=QuietHandler
        )
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.host = f"http://127.0.0.1:{self.server.port}"
        # Another origin than the host's, as on a customer's site.
        self.page_url = f"http://localhost:{self.server.port}/"

    def stop(self):
        self.drop_sockets()
        self.let_go.set()
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
        for ws in self.sockets:
            with contextlib.suppress(ConnectionClosed):
                ws.send(json.dumps(frame))

    def drop_sockets(self, code=1012):
        self.closing.update(dict.fromkeys(self.sockets, code))

    def hold(self, path):
        """What is asked for there is answered once the test lets it go."""
        self.held = path

    def wait_for(self, what, seconds=15):
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    @property
    def joins(self):
        return [greeting for _, greeting in self.greeted]

    @property
    def sockets(self):
        """Those that are open."""
        return [ws for ws, _ in self.greeted if ws not in self.closing]

    # What the widget says of its visitors.

    @property
    def events(self):
        """What was accepted, in its order, each id once."""
        accepted = [
            event for call in self.calls if call["status"] == 202 for event in call["events"]
        ]
        return list({event["id"]: event for event in accepted}.values())

    def named(self, name):
        return [event for event in self.events if event["name"] == name]

    def wait_for_event(self, name, count=1, page=None):
        """A page that is given is made to send at once what waits there."""

        def is_told():
            if len(self.named(name)) >= count:
                return True
            if page:
                page.evaluate("dispatchEvent(new Event('online'))")
                # It opens its socket anew as well, for which it is left a little time.
                page.wait_for_timeout(100)
            return False

        self.wait_for(is_told)
        return self.named(name)[count - 1]

    # What the widget sees.

    @property
    def config(self):
        manifest = json.loads((STATIC / "manifest.json").read_text())
        core = manifest["preview" if self.mode == "preview" else "core"]
        return {"site": KEY, "host": self.host, "core": f"{self.host}/static/widget/{core}",
                "revision": self.revision, "locale": "en", "mode": self.mode, "icons": {"star": STAR, "chat": CHAT},
                "campaigns": [{**each, "more": has_more(each)} for each in self.campaigns], **self.extra}  # fmt: skip

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
            "summaries": self.summaries,
            "cursor": cursor,
        }

    def talk(self, ws):
        """Greet a visitor and hold the socket until it is to be closed."""
        if not self.socket_open:
            ws.close(1013)
            return
        hello = json.loads(ws.receive())
        joined = {"type": "joined", "visitor": self.token, "context": self.context}
        extra = {"revision": self.revision} if self.names_revision else {}
        ws.send(json.dumps({**joined, "cursor": len(self.changes), **extra}))
        # Last: a test that waits for it goes on to push.
        self.greeted.append((ws, hello))
        try:
            while ws not in self.closing:
                ws.receive(timeout=0.02)
        except ConnectionClosed:
            self.closing[ws] = None
            raise
        ws.close(self.closing[ws])

    def _app(self):
        app = Flask("stand_in", static_folder=None)
        sock = Sock(app)

        @app.before_request
        def misbehave():
            if request.path.startswith(("/w/", "/static/", "/widget/")):
                self.seen.append(request.full_path)
                if self.held and self.held in request.path:
                    self.let_go.wait(60)
                if self.status != 200 and self.troubled in request.path:
                    return Response("", self.status, {"Access-Control-Allow-Origin": "*"})
            return None

        @app.get("/")
        @app.get("/<path:path>")
        def page(path=""):
            snippet = f'<script async src="{self.host}/w/{KEY}.js"></script>' * self.snippets
            text = HOST_PAGE.format(html=self.html, head=self.head, body=self.body, snippet=snippet)
            return Response(text, 200, {"Content-Type": "text/html", **self.page_headers})

        @app.get("/frame")
        def frame():
            return "<!doctype html><title>Editor</title><input aria-label=Title><iframe src=/></iframe>"

        @app.get("/picture.svg")
        def picture():
            return Response(PICTURE, 200, {"Content-Type": "image/svg+xml"})

        @app.get(f"/w/{KEY}.js")
        def loader():
            return Response(self.loader(), 200, {"Content-Type": "text/javascript"})

        @app.get("/static/widget/<name>")
        def core(name):
            headers = {"Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*"}
            return Response((STATIC / name).read_text(), 200, headers)

        @app.get(f"/widget/v1/config/{KEY}")
        def config():
            return self.config, 200, {"Access-Control-Allow-Origin": "*"}

        @app.get(f"/widget/v1/notifications/{KEY}")
        def notifications():
            after = request.args.get("after", type=int)
            # Before it counts as read: what a test lets happen then is not in it.
            answer = self.list(after)
            self.reads.append(after)
            return answer, 200, {"Access-Control-Allow-Origin": "*"}

        @app.post("/widget/v1/events")
        def events():
            call = {
                **json.loads(request.get_data()),
                "type": request.content_type,
                "cookies": dict(request.cookies),
                "size": len(request.get_data()),
                "began": time.monotonic(),
            }
            status, headers = self.answers.pop(0) if self.answers else (202, {})
            answer = {"accepted": len(call["events"]), "duplicates": 0, "dropped": [],
                      "visitor": self.token, "context": self.context}  # fmt: skip
            cors = {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Expose-Headers": "Retry-After",
            }
            # When all is said of it: a test that waits for it goes on to change who the visitor is.
            self.calls.append({**call, "status": status})
            return answer, status, {**cors, **headers}

        @app.get("/favicon.ico")
        def favicon():
            return "", 204

        @sock.route("/widget/v1/ws")
        def socket(ws):
            wire = request.environ["werkzeug.socket"].dup()
            try:
                self.talk(ws)
            finally:
                # The code arrives only if the other side can answer it, and if no HTTP response follows on the same wire.
                ws.thread.join(5)
                with contextlib.suppress(OSError), wire:
                    wire.shutdown(socket_module.SHUT_RDWR)

        return app
