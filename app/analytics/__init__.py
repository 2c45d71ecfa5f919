from flask import Flask

from app.analytics import models, orders  # noqa: F401


def register(app: Flask) -> None:
    pass
