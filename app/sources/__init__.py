from flask import Flask

from app.core.announce import subscribe
from app.sites.models import SiteCreated
from app.sources import api, hooks, models, views


def register(app: Flask) -> None:
    subscribe(SiteCreated)(models.add_built_in_sources)
    app.register_blueprint(hooks.blueprint)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(api.blueprint)
