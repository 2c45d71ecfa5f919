from flask import Flask

from app.contacts.api import blueprint


def register(app: Flask) -> None:
    """Contacts: people who told us who they are."""
    app.register_blueprint(blueprint)
