from flask import Flask

from app.accounts import access, api
from app.accounts.models.user import prepare
from app.accounts.views import blueprint as pages


def register(app: Flask) -> None:
    access.init_app(app)
    prepare()
    app.register_blueprint(pages)
    app.register_blueprint(api.blueprint)
