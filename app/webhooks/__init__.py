from flask import Flask

from app.webhooks import delivery_views, letters, outbox  # noqa: F401
from app.webhooks.api import blueprint as rest
from app.webhooks.receiver import blueprint as receiver
from app.webhooks.views import blueprint as pages


def register(app: Flask) -> None:
    """Listens to whatever is public, and imports nobody who announces it."""
    app.register_blueprint(pages)
    app.register_blueprint(rest)
    if not app.extensions["candor_settings"].production:
        app.register_blueprint(receiver)
