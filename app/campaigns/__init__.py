from flask import Flask

from app.campaigns import api, views


def register(app: Flask) -> None:
    app.register_blueprint(views.blueprint)
    app.register_blueprint(api.blueprint)
