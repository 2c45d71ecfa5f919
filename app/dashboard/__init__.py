from flask import Flask

from app.dashboard import builder, demo, home, navigation, publications, publishing  # noqa: F401


def register(app: Flask) -> None:
    app.context_processor(navigation.context)
    app.register_blueprint(home.blueprint)
    app.register_blueprint(builder.blueprint)
    app.register_blueprint(publications.blueprint)
    app.register_blueprint(demo.blueprint)
