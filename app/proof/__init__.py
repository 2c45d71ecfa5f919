from flask import Flask

from app.proof import api, recording, views  # noqa: F401


def register(app: Flask) -> None:
    app.register_blueprint(views.blueprint)
    app.register_blueprint(api.blueprint)
