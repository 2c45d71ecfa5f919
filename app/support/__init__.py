from flask import Flask

from app.support import recording, views  # noqa: F401


def register(app: Flask) -> None:
    """Support: tickets."""
    app.register_blueprint(views.blueprint)
