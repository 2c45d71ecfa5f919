from flask import Flask

from app.dashboard import (  # noqa: F401
    builder,
    demo,
    home,
    installation,
    navigation,
    publications,
    publications_api,
    publishing,
    removal,
    search,
)


def register(app: Flask) -> None:
    app.context_processor(navigation.context)
    for page in (home, builder, publications, publications_api, installation, removal, search):
        app.register_blueprint(page.blueprint)
    app.register_blueprint(demo.blueprint)
