from flask import Flask

from app.support import api, recording, views  # noqa: F401


def register(app: Flask) -> None:
    """Support: tickets."""
    app.register_blueprint(views.blueprint)
    app.register_blueprint(api.blueprint)
