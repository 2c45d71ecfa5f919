from flask import Flask

from app.core.bus import Subscriber
from app.embed import (
    broadcasts,  # noqa: F401
    chat_frames,  # noqa: F401
    commands,
    conversations,
    published,
    sockets,
    views,
)
from app.embed.hub import Hub
from app.embed.ingest import Ingest
from app.embed.notifications import change_numbers
from app.embed.recounts import Recounts
from app.embed.sightings import Lookout
from app.embed.visitor_counts import VisitorCounts


def register(app: Flask) -> None:
    def numbers(site_ids: list[str]) -> dict[str, int]:
        with app.app_context():
            return change_numbers(site_ids)

    hub = Hub(app.extensions["candor_settings"].socket_cap, numbers)
    app.extensions["candor_hub"] = hub
    app.extensions["candor_lookout"] = Lookout(app)
    subscriber: Subscriber = app.extensions["candor_subscriber"]
    subscriber.listen(published.forget)
    subscriber.listen(hub.hear)
    subscriber.listen(Recounts(app, hub).hear)
    app.extensions["candor_visitor_counts"] = VisitorCounts(app, hub)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(conversations.blueprint)
    app.register_blueprint(commands.blueprint)
    app.config["SOCK_SERVER_OPTIONS"] = {"max_message_size": sockets.LARGEST_MESSAGE}
    app.register_blueprint(sockets.blueprint)
    sockets.sock.init_app(app)
    app.wsgi_app = Ingest(app, app.wsgi_app, app.extensions["candor_committer"])  # type: ignore[method-assign]
