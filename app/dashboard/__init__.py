from flask import Flask

from app.dashboard import (  # noqa: F401
    builder,
    demo,
    home,
    installation,
    navigation,
    publications,
    publishing,
    removal,
    search,
)


def register(app: Flask) -> None:
    app.context_processor(navigation.context)
    for page in (home, builder, publications, installation, removal, search):
        app.register_blueprint(page.blueprint)
    app.register_blueprint(demo.blueprint)
