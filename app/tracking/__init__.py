from flask import Flask

from app.tracking import models  # noqa: F401


def register(app: Flask) -> None:
    """Tables and periodic jobs only."""
