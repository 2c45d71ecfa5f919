from flask import Flask

from app.sites import api, views


def register(app: Flask) -> None:
    app.register_blueprint(views.blueprint)
    app.register_blueprint(api.blueprint)
