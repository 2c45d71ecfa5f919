from flask import Flask

from app.chat import models, views  # noqa: F401


def register(app: Flask) -> None:
    """Chat: conversations of visitors and agents."""
    app.register_blueprint(views.blueprint)
