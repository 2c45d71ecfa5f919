from flask import Flask

from app.dashboard import (  # noqa: F401
    builder,
    demo,
    home,
    navigation,
    publications,
    publications_api,
    publishing,
)


def register(app: Flask) -> None:
    app.context_processor(navigation.context)
    app.register_blueprint(home.blueprint)
    app.register_blueprint(builder.blueprint)
    app.register_blueprint(demo.blueprint)
    app.register_blueprint(publications.blueprint)
    app.register_blueprint(publications_api.blueprint)
