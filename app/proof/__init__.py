from flask import Flask

from app.proof import recording  # noqa: F401
from app.proof.api import blueprint as rest
from app.proof.views import blueprint as pages


def register(app: Flask) -> None:
    app.register_blueprint(pages)
    app.register_blueprint(rest)
