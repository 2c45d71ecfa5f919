from flask import Flask

from app.chat import models, settings_views, views  # noqa: F401


def register(app: Flask) -> None:
    """Chat: conversations of visitors and agents."""
    for module in (views, settings_views):
        app.register_blueprint(module.blueprint)
