from flask import Flask

from app.campaigns.api import blueprint as rest
from app.campaigns.views import blueprint as pages


def register(app: Flask) -> None:
    app.register_blueprint(pages)
    app.register_blueprint(rest)
