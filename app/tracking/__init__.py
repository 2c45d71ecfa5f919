from flask import Flask

from app.tracking import models  # noqa: F401
from app.tracking.places import use_database


def register(app: Flask) -> None:
    """Tables and periodic jobs only, and the database of places."""
    use_database(app.extensions["candor_settings"].geoip_path)
