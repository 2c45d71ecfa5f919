from flask import Flask

from app.sites.api import blueprint as rest
from app.sites.views import blueprint as pages


def register(app: Flask) -> None:
    app.register_blueprint(pages)
    app.register_blueprint(rest)
