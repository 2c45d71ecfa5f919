from flask import Flask

from app.accounts import access, api, views


def register(app: Flask) -> None:
    access.init_app(app)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(api.blueprint)
